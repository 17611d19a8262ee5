"""What a job says of its place, where it can't be had: told as the job's, with where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import AmlrunError, InvalidRequest, plan

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun.testing import FakeAml

T4 = "Standard_NC4as_T4_v3"
JOB = "command: echo\nenvironment: azureml:train:1\n"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/other"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(fake: FakeAml, job: Any, **options: Any) -> AmlrunError:
    """Why it can't be placed."""
    with pytest.raises(AmlrunError) as caught:
        plan(job, client=fake.client(), **options)
    return caught.value


def written(path: Path, text: str) -> Path:
    """A job file."""
    (path / "job.yml").write_text(JOB + text)
    return path / "job.yml"


def test_what_a_job_file_says_is_told_with_its_place(fake_aml: FakeAml, tmp_path: Path) -> None:
    """Of what it says, what counts: an argument wins, and isn't told as the job's."""
    fake_aml.cluster("gpu", size=T4, max_nodes=2)
    job = written(tmp_path, "compute: azureml:gpu\nqueue_settings: {job_tier: spot}\n")
    hint = refused(fake_aml, job, tier="standard", gpus=4).hint
    assert f"The job itself says compute='azureml:gpu' ({job}: compute)." in hint
    hint = refused(fake_aml, job, compute="gpu").hint
    assert f"The job itself says tier='spot' ({job}: queue_settings.job_tier)." in hint
    assert "Leave tier out, or say tier='standard'." in hint


def test_what_an_object_says_is_told_as_its_own(fake_aml: FakeAml) -> None:
    """A size that the call doesn't name is the job's."""
    from azure.ai.ml import command

    job = command(command="echo", environment="azureml:train:1", instance_type=T4)
    hint = refused(fake_aml, job, gpus=2).hint
    assert f"The job itself says instance_type='{T4}' (the job's resources.instance_type)" in hint


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("queue_settings: {job_tier: low}\n", "queue_settings.job_tier: tier='low' is not one of"),
        ("resources: {instance_count: 0}\n", "resources.instance_count: instance_count=0: at least one"),
        ("resources: {instance_type: [3]}\n", "resources.instance_type: instance_type=[3]: a size's name"),
        ("compute: [a, b]\n", "compute: The job's own compute is ['a', 'b']"),
    ],
)
def test_what_a_job_file_says_wrongly_is_told_with_its_place(
    fake_aml: FakeAml, tmp_path: Path, said: str, where: str
) -> None:
    """The file and the setting, since nobody gave that argument."""
    job = written(tmp_path, said)
    error = refused(fake_aml, job)
    assert isinstance(error, InvalidRequest)
    assert error.message.startswith(f"{job}: {where}")


def test_the_compute_of_another_workspace_is_the_one_that_is_told(fake_aml: FakeAml) -> None:
    """Of a list, not the first one."""
    computes = ["serverless", f"{WORKSPACE}/computes/gpu"]
    error = refused(fake_aml, "echo", compute=computes, environment="azureml:train:1")
    assert error.message == f"compute: gpu is of another workspace ({WORKSPACE})"
