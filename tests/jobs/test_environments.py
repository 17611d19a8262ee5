"""Environments that aren't there: told by name, before anything is uploaded, where that costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command
from azure.ai.ml.entities import Environment

from amlrun import InvalidRequest, submit, submit_many
from amlrun.testing import Forbidden
from tests.jobs.every import named, pipeline_of

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def uploads(fake: FakeAml) -> list[Any]:
    """What was sent that changes anything."""
    return [call for call in fake.calls if call.method not in {"GET", "HEAD"}]


@pytest.mark.parametrize("how", ["line", "object", "step"])
def test_an_environment_that_is_not_there_is_refused_before_the_upload(
    fake_aml: FakeAml, source: Path, how: str
) -> None:
    """With the argument's name; azure-ai-ml looks for it when the code is uploaded."""
    made = command(command="python train.py", environment="nope@latest", code=str(source))
    jobs: dict[str, Any] = {
        "line": "python train.py",
        "object": made,
        "step": pipeline_of(lambda: named(made(), "fit")),
    }
    given: dict[str, Any] = {"code": source, "environment": "azureml:nope@latest"} if how == "line" else {}
    with pytest.raises(InvalidRequest, match="'nope@latest': the workspace has no environment") as caught:
        submit(jobs[how], client=fake_aml.client(), **given)
    assert caught.value.argument == "environment"
    assert ("The step fit" in caught.value.message) is (how == "step")
    assert not uploads(fake_aml)


@pytest.mark.parametrize("said", ["train@Latest", "azureml:train@stable"])
def test_a_label_that_azure_ai_ml_does_not_know_is_refused(fake_aml: FakeAml, said: str) -> None:
    """It finds the latest only, spelt so."""
    with pytest.raises(InvalidRequest, match="no environment by the label") as caught:
        submit("ls", environment=said, client=fake_aml.client())
    assert caught.value.argument == "environment"
    assert "train@latest" in caught.value.hint
    assert not list(fake_aml.calls)


def test_the_latest_environment_costs_no_request_more(fake_aml: FakeAml, client: MLClient) -> None:
    """One that lists its versions, which azure-ai-ml makes too, and the job."""
    client.environments.create_or_update(Environment(name="train", version="3", image="python:3.11"))
    submit("ls", environment="train@latest", client=client)
    before = len(list(fake_aml.calls))
    submit("ls", environment="train@latest", client=client)
    assert [call.method for call in list(fake_aml.calls)[before:]] == ["GET", "PUT"]


def test_an_id_with_the_prefix_of_job_files_is_taken(fake_aml: FakeAml, client: MLClient) -> None:
    """As an argument, too."""
    path = f"{fake_aml.scope.path}/environments/train/versions/1"
    run = submit("ls", environment=f"azureml:{path}", client=client)
    assert fake_aml.job(run.name).body["properties"]["environmentId"] == path


@pytest.mark.parametrize("how", ["line", "file", "step", "id"])
def test_a_version_that_is_not_there_is_refused_before_the_upload(
    fake_aml: FakeAml, client: MLClient, source: Path, how: str
) -> None:
    """With those that are; whoever says it, a step's file too. azure-ai-ml leaves it to the service."""
    for version in ("1", "2"):
        fake_aml.environment("train", version=version)
    named = "azureml:train:3"
    (source.parent / "part.yml").write_text(
        f"{{name: part, type: command, command: ls, code: src, environment: '{named}'}}"
    )
    (source.parent / "job.yml").write_text(
        "{type: pipeline, jobs: {fit: {type: command, component: part.yml}}}"
    )
    (source.parent / "alone.yml").write_text(f"{{command: ls, code: src, environment: '{named}'}}")
    jobs = {"step": source.parent / "job.yml", "file": source.parent / "alone.yml"}
    given: dict[str, Any] = {} if how in jobs else {"code": source, "environment": "train:3"}
    if how == "id":
        given["environment"] = f"{fake_aml.scope.path}/environments/train/versions/3"
    with pytest.raises(InvalidRequest, match="'train:3': the workspace has no version 3 of it") as caught:
        submit(jobs.get(how, "ls"), client=client, **given)
    assert caught.value.argument == "environment"
    assert caught.value.hint == "Its versions: 2, 1."
    assert caught.value.message.startswith("The step fit: ") is (how == "step")
    assert not uploads(fake_aml)


def test_a_name_that_nobody_has_registered_is_refused(fake_aml: FakeAml, source: Path) -> None:
    """Curated ones are there, and what is in a registry, or can't be read, isn't looked for."""
    fake_aml.require_environments()
    client = fake_aml.client()
    with pytest.raises(InvalidRequest, match="'nope:1': the workspace has no environment of that name"):
        submit("ls", environment="nope:1", code=source, client=client)
    assert not uploads(fake_aml)
    for said in ("AzureML-sklearn:1", "azureml://registries/azureml/environments/sklearn/versions/1"):
        before = len(list(fake_aml.calls))
        submit("ls", environment=said, code=source, client=client)
        assert not [call for call in list(fake_aml.calls)[before:] if "/environments/" in call.path]


def test_an_account_that_may_not_look_may_submit(fake_aml: FakeAml, source: Path) -> None:
    """What can't be read is taken to be there: the service has the last word."""
    fake_aml.inject(Forbidden(), on="GET /environments/{name}/versions/{version}")
    assert submit("ls", environment="train:1", code=source, client=fake_aml.client()).name


def test_a_version_is_looked_for_once(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """And not at all where nothing is uploaded: then it is as many requests as azure-ai-ml's."""

    def asked() -> list[str]:
        return [call.route for call in fake_aml.calls if "/environments/" in call.path]

    submit("ls", environment="train:1", client=client)
    assert not asked()
    submit("ls", environment="train:1", code=source, client=client)
    assert len(asked()) == 1
    submit_many(["ls", "pwd"], environment="train:1", code=source, client=client)
    assert len(asked()) == 1
    fake_aml.advance(minutes=11)
    submit("ls", environment="train:1", code=source, client=client)
    assert len(asked()) == 2
