"""Runs that nobody watched for a while: what is known of them then, and what isn't."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from amlrun import (
    InvalidRequest,
    JobCanceled,
    Requeue,
    RequeueExhausted,
    RunError,
    WaitTimeout,
    attach,
    submit,
)
from amlrun._ending import Ending
from amlrun._names import LAST_ENDING_VARIABLE
from amlrun._resume import resume
from amlrun._workspace import workspace_of
from amlrun.testing import CanceledByPlatform, Forbidden, NotResponding, Preempted
from tests.submission.runs import ENVIRONMENT, NOISE, QUICK, spot

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun import Run
    from amlrun.testing import FakeAml

WARNING = "Low priority compute preemption warning: a node has been preempted."


def over(run: Run) -> list[Ending | None]:
    """Wait for the end: why each attempt ended."""
    with suppress(RunError):
        run.wait()
    return [one.ending for one in run.attempts]


@pytest.mark.parametrize("watched", [True, False])
def test_a_restart_between_two_looks_is_counted(
    fake_aml: FakeAml, client: MLClient, *, watched: bool
) -> None:
    """However short it was, or though nobody was looking."""
    fake_aml.runtime(minutes=30)
    fake_aml.inject(Preempted(how="restarted", after=600), job="train")
    run = spot(client, name="train")
    if not watched:
        fake_aml.advance(hours=3)
    assert run.wait().attempts[-1].restarts == 1


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_warning_that_a_job_lived_on_with_is_not_of_its_end(
    fake_aml: FakeAml, client: MLClient, nodes: int
) -> None:
    """It ran on, until somebody canceled it, and nobody watched: that is not undone."""
    fake_aml.runtime(minutes=30)
    spot(client, name="train", instance_count=nodes)
    fake_aml.advance(minutes=8)
    fake_aml.warn("train", WARNING)
    fake_aml.inject(CanceledByPlatform(after=600), job="train")
    fake_aml.advance(minutes=30)
    assert over(attach("train", client=client)) == [Ending.CANCELED]


def test_a_platforms_cancel_that_nobody_watched_may_be_a_persons(fake_aml: FakeAml, client: MLClient) -> None:
    """Even with a warning: the run stops, and the error says how it goes on by hand."""
    fake_aml.inject(Preempted(how="canceled"), job="train")
    spot(client, name="train")
    fake_aml.advance(hours=2)
    with pytest.raises(JobCanceled, match="amlrun resume train"):
        attach("train", client=client).wait()
    assert fake_aml.jobs == ("train",)


def test_a_platforms_cancel_of_what_was_seen_alive_is_answered(fake_aml: FakeAml, client: MLClient) -> None:
    """By whoever saw it, however long ago: a laptop that slept meanwhile, for one."""
    fake_aml.runtime(minutes=30)
    spot(client, name="train")
    fake_aml.advance(minutes=8)
    other = attach("train", client=client)
    fake_aml.inject(Preempted(how="canceled", after=600), job="train")
    fake_aml.advance(hours=2)
    assert over(other) == [Ending.PREEMPTED, Ending.COMPLETED]


def test_a_job_that_does_not_respond_is_paid_for(fake_aml: FakeAml, client: MLClient) -> None:
    """It has its node, and so its time and its cost go on."""
    fake_aml.inject(NotResponding(seconds=7200, after=60), job="train")
    run = spot(client, name="train")
    with pytest.raises(WaitTimeout):
        run.wait(timeout=3600)
    assert run.status == "NotResponding"
    assert (run.attempts[-1].seconds or 0) > 45 * 60


def test_the_queue_after_a_restart_costs_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """In all, the time of running is what is told and paid for."""
    fake_aml.runtime(minutes=30)
    fake_aml.inject(Preempted(how="restarted", after=600), job="train")
    run = spot(client, name="train", requeue=Requeue(max_total_time=7200))
    fake_aml.advance(minutes=10)
    fake_aml.quota("TotalLowPriorityCores", limit=0)
    fake_aml.advance(minutes=60)
    fake_aml.quota("TotalLowPriorityCores", limit=100)
    (attempt,) = run.wait().attempts
    assert attempt.started is not None
    assert attempt.ended is not None
    assert attempt.ended - attempt.started > 5400
    assert 2100 < (attempt.seconds or 0) < 2700


def test_a_cancel_between_two_attempts_shows_at_once(fake_aml: FakeAml, client: MLClient) -> None:
    """On the handle that canceled, and on any other: nobody waits for what will not come."""
    fake_aml.inject(Preempted(), job="train")
    run = spot(client, name="train", requeue=Requeue(waits=(900,)))
    fake_aml.advance(hours=1)
    assert [one.ending for one in run.cancel().attempts] == [Ending.CANCELED_BY_US]
    assert [one.ending for one in attach("train", client=client).attempts] == [Ending.CANCELED_BY_US]
    assert fake_aml.jobs == ("train",)


def test_a_cancel_of_what_had_failed_changes_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """It was too late: why it ended stays."""
    fake_aml.inject(Preempted(), job="train")
    run = spot(client, name="train", requeue=False)
    fake_aml.advance(hours=1)
    assert [one.ending for one in run.cancel().attempts] == [Ending.PREEMPTED]


def test_by_hand_it_goes_where_the_policy_says(fake_aml: FakeAml, client: MLClient) -> None:
    """To standard nodes, where the run had come to those."""
    fake_aml.inject(Preempted(), job="train")
    fake_aml.inject(CanceledByPlatform(), job="train-a2")
    run = spot(client, name="train", requeue=Requeue(to_standard_after=1, waits=(1,)))
    assert over(run) == [Ending.PREEMPTED, Ending.CANCELED]
    resume(workspace_of(client), "train")
    tiers = [
        fake_aml.job(name).body["properties"]["queueSettings"]["jobTier"]
        for name in ("train", "train-a2", "train-a3")
    ]
    assert tiers == ["Spot", "Standard", "Standard"]


def test_by_hand_after_an_end_that_nobody_can_explain(fake_aml: FakeAml, client: MLClient) -> None:
    """The next attempt is told that, in a word of `Attempt.ending`."""
    spot(client, name="train")
    fake_aml.preempt("train")
    fake_aml.advance(hours=1)
    fake_aml.inject(Forbidden(), on="GET /runs/{name}")
    resume(workspace_of(client), "train")
    variables = fake_aml.job("train-a2").body["properties"]["environmentVariables"]
    assert variables[LAST_ENDING_VARIABLE] == "unknown"


def test_an_attempt_that_somebody_sends_in_a_pause_is_followed(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand, before the pause of who waits is over: within a minute its state is seen."""
    fake_aml.inject(Preempted(), job="train")
    run = spot(client, name="train", requeue=Requeue(waits=(3600,)))
    with pytest.raises(WaitTimeout):
        run.wait(timeout=900)
    assert (run.attempt, run.status) == (1, "Failed")
    resume(workspace_of(client), "train")
    with pytest.raises(WaitTimeout):
        run.wait(timeout=180)
    assert (run.attempt, run.status) == (2, "Running")
    assert "train-a2 was sent from elsewhere" in capsys.readouterr().err
    assert over(run) == [Ending.PREEMPTED, Ending.COMPLETED]


def test_an_end_for_want_of_a_kept_job_has_all_that_ends_have(fake_aml: FakeAml, client: MLClient) -> None:
    """The attempts, what the service said, and the log."""
    fake_aml.inject(Preempted(), job="train")
    submit(
        "train",
        name="train",
        environment=ENVIRONMENT,
        environment_variables={"NOISE": NOISE},
        tier="spot",
        requeue=QUICK,
        client=client,
    )
    with pytest.raises(RequeueExhausted, match="too long to be kept") as caught:
        attach("train", client=client).wait()
    error = caught.value
    assert [one.ending for one in error.attempts] == [Ending.PREEMPTED]
    assert error.reason == "preempted"
    assert "PreemptionError" in error.service_message


def test_an_end_by_a_rule_of_now_has_them_too(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The team has forbidden the place since."""
    fake_aml.cluster("nodes", size="Standard_DS3_v2", max_nodes=1, tier="spot")
    fake_aml.inject(Preempted(), job="train")
    submit("train", name="train", environment=ENVIRONMENT, compute="nodes", requeue=QUICK, client=client)
    (tmp_path / "amlrun.toml").write_text('[guard]\nallowed_computes = ["serverless"]\n')
    monkeypatch.setenv("AMLRUN_CONFIG", str(tmp_path / "amlrun.toml"))
    with pytest.raises(RequeueExhausted, match="no further attempt") as caught:
        attach("train", client=client).wait()
    assert [one.ending for one in caught.value.attempts] == [Ending.PREEMPTED]


def test_tags_leave_room_for_the_mark_of_a_cancel(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Those of the job and of the call together: a run that can't be marked can't be stopped everywhere."""
    file = tmp_path / "job.yml"
    tags = "".join(f"  k{number}: a\n" for number in range(47))
    file.write_text(f"command: train\nenvironment: {ENVIRONMENT}\ntags:\n{tags}")
    with pytest.raises(InvalidRequest, match="49 are too many"):
        submit(file, tags={"a": "b", "c": "d"}, client=client)
    assert not fake_aml.jobs
    run = submit(file, tags={"a": "b"}, name="train", client=client)
    assert run.cancel().status == "CancelRequested"
