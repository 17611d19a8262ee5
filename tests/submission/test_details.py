"""Promises that are easily broken: costs on the way, clients let go, names in paths, dictionaries kept."""

from __future__ import annotations

import gc
import traceback
import weakref
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

import amlrun
from amlrun import InvalidRequest, NoQuota, Requeue, WaitTimeout, _sdk, attach, plan, submit
from tests.submission.runs import ENVIRONMENT, spot

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def test_a_run_costs_while_it_runs(fake_aml: FakeAml, client: MLClient) -> None:
    """So far, not at the end only; nothing while it waits."""
    fake_aml.runtime(hours=5)
    run = spot(client)
    assert run.cost().total == 0
    fake_aml.advance(hours=1)
    run.refresh()
    fake_aml.advance(hours=2)
    assert run.refresh().status == "Running"
    assert 2.9 * 3600 < (run.attempts[0].seconds or 0) < 3 * 3600
    assert (run.cost().total or 0) > 0.4


def test_a_spot_cluster_is_requeued_too(fake_aml: FakeAml, client: MLClient) -> None:
    """Its nodes are taken away like any others."""
    fake_aml.cluster("low", tier="spot")
    run = submit("train", environment=ENVIRONMENT, compute="low", client=client)
    assert (run.plan.tier, run.requeue) == ("spot", Requeue())


def test_a_refresh_sees_what_other_watchers_sent(fake_aml: FakeAml, client: MLClient) -> None:
    """A handle never calls a run failed that is running."""
    fake_aml.runtime(hours=1)
    run = spot(client)
    fake_aml.preempt(run.name)
    with pytest.raises(WaitTimeout):
        attach(run.name, client=fake_aml.client()).wait(timeout=3000)
    assert (run.attempt, run.refresh().attempt, run.status) == (1, 2, "Running")


def test_an_experiment_of_any_name_can_be_canceled(fake_aml: FakeAml, client: MLClient) -> None:
    """Its name is a part of a path."""
    run = spot(client, experiment_name="team a#b?c%")
    run.cancel()
    assert "amlrun.cancel" in fake_aml.job(run.name).tags


def test_a_client_that_is_no_longer_used_is_let_go(fake_aml: FakeAml) -> None:
    """Runs live on without it."""
    client = fake_aml.client()
    run = spot(client)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    assert run.wait().status == "Completed"


def test_a_cluster_of_another_workspace_is_refused(fake_aml: FakeAml, client: MLClient) -> None:
    """Though this one has one of the same name."""
    fake_aml.cluster("cpu-cluster")
    here = fake_aml.scope.path
    elsewhere = f"{here.rpartition('/')[0]}/another"
    with pytest.raises(InvalidRequest, match="another workspace"):
        submit("echo", environment=ENVIRONMENT, compute=f"{elsewhere}/computes/cpu-cluster", client=client)
    run = submit("echo", environment=ENVIRONMENT, compute=f"{here}/computes/cpu-cluster", client=client)
    assert run.plan.compute == "cpu-cluster"


def test_a_copy_keeps_whatever_dictionaries_the_user_gave(client: MLClient) -> None:
    """Ordered ones, ones with a default, plain ones."""
    from azure.ai.ml import command

    for variables in (OrderedDict(A="1", B="2"), defaultdict(str, A="1", B="2"), {"A": "1", "B": "2"}):
        job = command(command="ls", environment=ENVIRONMENT, environment_variables=variables)
        body = _sdk.capture(client, _sdk.copied(job)).body
        assert body["environmentVariables"] == {"A": "1", "B": "2"}


def test_a_run_that_was_fetched_is_no_job(client: MLClient) -> None:
    """It would carry the old run's outputs and services along."""
    run = submit("ls", environment=ENVIRONMENT, client=client)
    with pytest.raises(InvalidRequest, match="fetched"):
        submit(client.jobs.get(run.name), name="again", client=client)


def test_another_runs_memory_does_not_travel(fake_aml: FakeAml, client: MLClient) -> None:
    """Labels of amlrun's own on a job that is submitted are not the new run's."""
    from azure.ai.ml import command

    job = command(command="ls", environment=ENVIRONMENT, tags={"amlrun.cancel": "true", "team": "a"})
    job.properties = {"amlrun.group": "old", "mine": "x"}
    run = submit(job, client=client)
    body = fake_aml.job(run.name).body["properties"]
    assert body["tags"] == {"team": "a"}
    assert (body["properties"]["amlrun.group"], body["properties"]["mine"]) == (run.name, "x")


def test_a_job_file_without_an_environment_takes_the_arguments(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """A name, or an object of the SDK."""
    from azure.ai.ml.entities import Environment

    path = tmp_path / "job.yml"
    path.write_text("command: ls\n")
    run = submit(path, environment="azureml:train:3", client=client)
    assert fake_aml.job(run.name).body["properties"]["environmentId"].endswith("/train/versions/3")
    run = submit(path, environment=Environment(image="library/python"), client=client)
    assert "CliV2Anonymous" in fake_aml.job(run.name).body["properties"]["environmentId"]


def test_a_refusal_is_told_once(fake_aml: FakeAml, client: MLClient) -> None:
    """Though everything was read again before it: one traceback, one message."""
    fake_aml.quota("standardDSv2Family", limit=0)
    for _ in range(2):
        with pytest.raises(NoQuota) as caught:
            plan("echo", environment=ENVIRONMENT, instance_type="Standard_DS3_v2", client=client)
        told = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
        assert told.count("No Azure ML quota") == 1


@pytest.mark.parametrize("client", ["local", 3])
def test_what_is_no_client_is_told(client: Any) -> None:
    """And what gives one."""
    with pytest.raises(InvalidRequest, match="is no MLClient") as caught:
        plan("echo", environment=ENVIRONMENT, client=client)
    assert "connect" in caught.value.hint


@pytest.mark.parametrize("timeout", ["5", -1, True])
def test_a_timeout_that_is_none_is_told(client: MLClient, timeout: Any) -> None:
    """Seconds, or a timedelta."""
    with pytest.raises(InvalidRequest, match="timeout"):
        spot(client).wait(timeout=timeout)


def test_an_interrupted_wait_says_how_to_go_on(
    client: MLClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fake_aml: FakeAml
) -> None:
    """Ctrl-C leaves the job running."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    run = spot(client)
    monkeypatch.setattr(fake_aml.transport(), "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert f"attach('{run.name}')" in caplog.text
    assert fake_aml.job(run.name).status == "Starting"


def test_a_submission_says_nothing_at_warning_or_above(
    client: MLClient, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Neither that the SDK's classes are experimental, nor that a submission failed which didn't."""
    path = tmp_path / "job.yml"
    path.write_text("command: ls\nenvironment: azureml:e:1\nqueue_settings: {job_tier: spot}\n")
    amlrun.submit(path, client=client)
    assert [
        record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")
    ] == []


@pytest.mark.parametrize("form", ["value", "dict", "Input"])
def test_a_literal_of_an_argument_wins_in_every_form(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, form: str
) -> None:
    """The SDK would drop two of them without a word, and the file's value would stay."""
    from azure.ai.ml import Input

    path = tmp_path / "job.yml"
    path.write_text("command: echo ${{inputs.lr}}\nenvironment: azureml:e:1\ninputs: {lr: 0.5}\n")
    forms: dict[str, Any] = {
        "value": 0.1,
        "dict": {"type": "number", "default": 0.1},
        "Input": Input(type="number", default=0.1),
    }
    run = submit(path, inputs={"lr": forms[form]}, client=client)
    assert fake_aml.job(run.name).body["properties"]["inputs"]["lr"]["value"] == "0.1"


def test_outputs_of_which_nothing_is_said_are_folders(fake_aml: FakeAml, client: MLClient) -> None:
    """As in a job file."""
    outputs = {"a": None, "b": {}, "c": {"mode": "upload"}}
    run = submit("echo", environment=" azureml:e:1 ", outputs=outputs, client=client)
    body = fake_aml.job(run.name).body["properties"]
    assert {name: body["outputs"][name]["jobOutputType"] for name in outputs} == dict.fromkeys(
        outputs, "uri_folder"
    )
    assert body["environmentId"].endswith("/environments/e/versions/1")


@pytest.mark.parametrize("name", ["bert-a100", "llama-a40", "run-a2"])
def test_a_name_may_end_in_the_name_of_a_gpu(client: MLClient, name: str) -> None:
    """Or like a further attempt: nothing of another run is touched."""
    assert submit("echo", environment=ENVIRONMENT, name=name, client=client).wait().name == name


def test_docker_arguments_in_both_forms_arrive(fake_aml: FakeAml, client: MLClient) -> None:
    """A text, and the list that later versions of the API know."""
    from azure.ai.ml import command

    for given, field in (("--ipc=host", "dockerArgs"), (["--ipc=host"], "dockerArgsList")):
        run = submit(command(command="ls", environment=ENVIRONMENT, docker_args=given), client=client)
        assert fake_aml.job(run.name).body["properties"]["resources"][field] == given
