"""What a run that did not complete tells: the error's attributes, its words, and what is kept of its end."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, MpiDistribution, command, dsl
from azure.ai.ml.sweep import Uniform

from amlrun import (
    JobCanceled,
    JobFailed,
    RequeueExhausted,
    RunError,
    ServiceError,
    WaitTimeout,
    attach,
    submit,
)
from amlrun._ending import Ending
from amlrun._workspace import workspace_of
from amlrun.testing import CanceledByPlatform, Failed, Forbidden, Preempted
from tests.submission.runs import ENVIRONMENT, QUICK, spot
from tests.submission.scripts import words

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun import Requeue, Run
    from amlrun.testing import FakeAml

decorated: Any = dsl.pipeline


def ended(run: Run) -> RunError:
    """What waiting for it raises."""
    with pytest.raises(RunError) as caught:
        run.wait()
    return caught.value


def train(**options: Any) -> Any:
    """A command, to be a step."""
    return command(command="python train.py", environment=ENVIRONMENT, **options)


def nested() -> Any:
    """A pipeline with a step, and one within a pipeline of its own."""
    step = train()

    def inner() -> None:
        step().name = "clean"

    made = decorated()(inner)

    def outer() -> None:
        step().name = "first"
        made().name = "prep"

    return decorated()(outer)()


def lines(number: int) -> str:
    """A log of so many lines."""
    return "".join(f"line {one}\n" for one in range(number))


def test_a_failure_carries_all_that_is_known(fake_aml: FakeAml, client: MLClient) -> None:
    """The reason, the service's code and words, the page, the attempts, the last 50 lines of the log."""
    run = spot(client)
    fake_aml.advance(minutes=2)
    fake_aml.log(run.name, lines(60))
    fake_aml.fail(run.name, message="Execution failed. User process exited with status code 3.")
    error = ended(run)
    assert isinstance(error, JobFailed)
    assert (error.reason, error.name, error.url) == (Ending.USER_ERROR, run.name, run.url)
    assert error.service_code == "UserError"
    assert error.service_message == "Execution failed. User process exited with status code 3."
    assert error.attempts == run.attempts
    assert error.log == tuple(f"line {one}" for one in range(10, 60))
    assert (error.step, error.evidence) == ("", "")
    told = str(error)
    assert told.startswith(f"{run.name} did not complete: the job's own code failed")
    for part in ("exited with status code 3", "(50 of 60 lines)", "line 59", run.url):
        assert part in told
    assert "line 9\n" not in told


def test_a_log_that_is_short_is_told_whole(fake_aml: FakeAml, client: MLClient) -> None:
    """And one that isn't there, not at all."""
    fake_aml.fail_next()
    assert ended(spot(client)).log == ()
    run = spot(client)
    fake_aml.log(run.name, "one\ntwo\n")
    fake_aml.fail(run.name)
    assert ended(run).log == ("one", "two")


def test_a_log_that_cannot_be_read_hides_no_failure(fake_aml: FakeAml, client: MLClient) -> None:
    """The error says so in its place."""
    run = spot(client)
    fake_aml.fail(run.name)
    fake_aml.inject(Forbidden(), on="GET /runs/{name}/details", times=None)
    error = ended(run)
    assert error.reason == Ending.USER_ERROR
    assert "its log can't be read" in error.log[0]


def test_of_many_processes_the_one_that_failed_is_heard(fake_aml: FakeAml, client: MLClient) -> None:
    """Its log is told, not that of the first, which only waited for it."""
    job = train(instance_count=2, distribution=MpiDistribution(process_count_per_instance=1))
    run = submit(job, instance_count=2, cpus=4, client=client)
    for number, text in enumerate(["waiting\n", "Traceback (most recent call last):\nboom\n"]):
        fake_aml.output(run.name, f"user_logs/std_log_process_{number}.txt", text)
    fake_aml.fail(run.name)
    assert ended(run).log == ("Traceback (most recent call last):", "boom")
    assert run.logs() == "waiting\n"


def test_a_pipeline_names_the_step_that_failed(fake_aml: FakeAml, client: MLClient) -> None:
    """The deepest one, with its own reason, words and log: the pipeline itself says only that a step has."""
    run = submit(nested(), client=client)
    fake_aml.advance(minutes=1)
    step = f"{run.name}/prep/clean"
    fake_aml.log(step, "no disk\n")
    fake_aml.fail(step, code="ImageBuildFailure", message="Image build failed.")
    error = ended(run)
    assert (error.step, error.reason) == ("prep.clean", Ending.ENVIRONMENT)
    assert (error.service_code, error.service_message) == ("ImageBuildFailure", "Image build failed.")
    assert error.log == ("no disk",)
    assert fake_aml.job(step).name in str(error)
    assert "in prep.clean" in words(str(run.attempts))


def test_a_step_is_no_run_to_go_on_with(fake_aml: FakeAml, client: MLClient) -> None:
    """The error of a pipeline tells the id of its step: who names it is told that it is one."""
    run = submit(nested(), client=client)
    fake_aml.advance(minutes=1)
    step = fake_aml.job(f"{run.name}/prep/clean").name
    with pytest.raises(ServiceError, match="of a pipeline's step nothing is told here") as told:
        attach(step, client=client)
    assert told.value.hint == "Name the run that it is a step of."


def test_of_several_steps_that_failed_the_first_is_named(fake_aml: FakeAml, client: MLClient) -> None:
    """The others may have failed because of it."""
    step = train()

    def two() -> None:
        step().name = "late"
        step().name = "early"

    job = decorated()(two)()
    job.settings.continue_on_step_failure = True
    run = submit(job, client=client)
    fake_aml.inject(Failed(after=20.0), job=f"{run.name}/late")
    fake_aml.inject(Failed(after=5.0), job=f"{run.name}/early")
    assert ended(run).step == "early"


def test_a_search_names_the_trial_that_failed(fake_aml: FakeAml, client: MLClient) -> None:
    """It fails only where none of them has completed."""
    base = train(inputs={"rate": Input(type="number", default=0.1)})
    sweep = base(rate=Uniform(min_value=0.1, max_value=0.9)).sweep(
        primary_metric="loss", goal="minimize", sampling_algorithm="random"
    )
    sweep.set_limits(max_total_trials=1)
    sweep.experiment_name = "search"
    run = submit(sweep, client=client)
    fake_aml.inject(Failed(message="bad rate"), job=f"{run.name}/0")
    error = ended(run)
    assert error.service_message == "bad rate"
    assert error.step


def test_children_that_cannot_be_read_hide_no_failure(fake_aml: FakeAml, client: MLClient) -> None:
    """The pipeline's own words are told."""
    run = submit(nested(), client=client)
    fake_aml.advance(minutes=1)
    fake_aml.fail(f"{run.name}/prep/clean")
    fake_aml.inject(Forbidden(), on="GET /runs/{name}/children", times=None)
    error = ended(run)
    assert "PipelineHasStepJobFailed" in error.service_code
    assert error.step == ""


def test_the_history_of_attempts_is_in_the_error(fake_aml: FakeAml, client: MLClient) -> None:
    """As a table of the attempts, each with its reason."""
    run = spot(client)
    for name in (run.name, f"{run.name}-a2", f"{run.name}-a3"):
        while name not in fake_aml.jobs:
            with pytest.raises(WaitTimeout):
                run.wait(timeout=5)
        fake_aml.preempt(name)
    error = ended(run)
    assert isinstance(error, RequeueExhausted)
    assert [attempt.ending for attempt in error.attempts] == [Ending.PREEMPTED] * 3
    for attempt in error.attempts:
        assert f"{attempt.name} " in str(error)


def test_an_end_of_unknown_cause_says_how_to_go_on(fake_aml: FakeAml, client: MLClient) -> None:
    """Nobody knows who canceled it: that is for a person to decide."""
    run = spot(client)
    fake_aml.inject(CanceledByPlatform(), job=run.name)
    error = ended(run)
    assert isinstance(error, JobCanceled)
    assert (error.reason, error.log) == (Ending.CANCELED, ())
    assert f"amlrun resume {run.name}" in error.hint


@pytest.mark.parametrize("requeue", [None, QUICK])
def test_what_helps_against_preemptions_is_what_can_be_had(
    fake_aml: FakeAml, client: MLClient, requeue: Requeue | None
) -> None:
    """Steps of a pipeline keep their tier; requeue, which they have only where it is asked for, helps."""
    run = submit(nested(), name="nested", cpus=4, tier="spot", requeue=requeue, client=client)
    assert ("all steps again" in str(run.plan.warnings)) == (requeue is not None)
    fake_aml.inject(Preempted(), job="nested*/prep/clean", times=1 if requeue is None else 3)
    error = ended(run)
    assert error.reason == Ending.PREEMPTED
    assert 'tier="standard"' in error.hint
    assert "to_standard_after" not in error.hint
    assert ("requeue=Requeue()" in error.hint) == (requeue is None)
    assert "to_standard_after" in ended(preempted(fake_aml, client)).hint


def preempted(fake: FakeAml, client: MLClient) -> Run:
    """A command that isn't requeued."""
    run = spot(client, requeue=False)
    fake.preempt(run.name)
    return run


def test_the_tags_that_a_user_sets_stay(fake_aml: FakeAml, client: MLClient) -> None:
    """`mlflow.set_tag` merges into the run's tags, and so do we: nothing of theirs is ever written over."""
    run = spot(client, tags={"team": "vision"})
    fake_aml.advance(minutes=2)
    workspace = workspace_of(client)
    host = f"https://{fake_aml.scope.location}.api.azureml.ms/history/v1.0{fake_aml.scope.path}"
    experiment = fake_aml.job(run.name).body["properties"].get("experimentName") or "Default"
    theirs = {"stage": "pretraining", "mlflow.note.content": "good"}
    path = f"{host}/experiments/{experiment}/runs/{run.name}"
    workspace.rest.send("PATCH", path, api_version="", body={"tags": theirs})
    before = len(fake_aml.calls)
    attach(run.name, client=client).cancel()
    ended(run)
    assert dict(fake_aml.job(run.name).tags) == {"team": "vision", **theirs, "amlrun.cancel": "true"}
    changes = [call for call in fake_aml.calls[before:] if call.method in ("PUT", "PATCH")]
    assert [(call.method, call.json) for call in changes] == [("PATCH", {"tags": {"amlrun.cancel": "true"}})]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where evidence is kept: of a fake only where a folder is named."""
    monkeypatch.setenv("AMLRUN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "evidence"


def test_the_replies_about_an_uncertain_end_are_kept(
    cache: Path, fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The first preemption of a run, and the first end without a cause: job and run history, no secrets."""
    caplog.set_level("INFO", "amlrun")
    run = spot(client, environment_variables={"HF_TOKEN": "hf_abcdefghijklmnop", "A": "plain"})
    for name in (run.name, f"{run.name}-a2"):
        while name not in fake_aml.jobs:
            with pytest.raises(WaitTimeout):
                run.wait(timeout=5)
        fake_aml.preempt(name)
    fake_aml.inject(CanceledByPlatform(), job=f"{run.name}-a3")
    error = ended(run)
    kept = {path.name.rpartition("-")[2]: path for path in cache.iterdir()}
    assert sorted(kept) == ["canceled.json", "preempted.json"]
    assert error.evidence == str(kept["canceled.json"])
    assert error.evidence in error.hint
    assert str(kept["preempted.json"]) in caplog.text
    text = kept["preempted.json"].read_text()
    job, history = json.loads(text)
    assert (job["properties"]["status"], history["runId"]) == ("Failed", run.name)
    assert "PreemptionError" in history["error"]["error"]["message"]
    assert {"A", "HF_TOKEN"} <= job["properties"]["environmentVariables"].keys()
    for private in ("hf_abc", "plain", "train.py", fake_aml.scope.subscription_id):
        assert private not in text


def test_a_certain_end_is_not_kept(cache: Path, fake_aml: FakeAml, client: MLClient) -> None:
    """Nor anything, where nobody names a folder for a fake's."""
    fake_aml.fail_next()
    assert ended(spot(client)).evidence == ""
    spot(client).wait()
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_is_no_error(
    cache: Path, fake_aml: FakeAml, client: MLClient
) -> None:
    """The end is told all the same."""
    cache.parent.mkdir()
    cache.touch()
    run = spot(client, requeue=False)
    fake_aml.preempt(run.name)
    error = ended(run)
    assert (error.reason, error.evidence) == (Ending.PREEMPTED, "")


def test_the_newest_evidence_stays(cache: Path, fake_aml: FakeAml, client: MLClient) -> None:
    """Twenty files; whatever else is in the folder stays, too."""
    cache.mkdir(parents=True)
    for number in range(25):
        (cache / f"old-{number:02}.json").touch()
        os.utime(cache / f"old-{number:02}.json", (number, number))
    (cache / "mine.txt").touch()
    run = spot(client, requeue=False)
    fake_aml.preempt(run.name)
    ended(run)
    names = sorted(path.name for path in cache.iterdir())
    assert len(names) == 21
    assert names[:2] == ["mine.txt", "old-06.json"]
    assert names[-1].startswith(run.name)
