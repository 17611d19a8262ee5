"""`Run`: waiting, requeueing, cancelling, attaching, and what it says when a job fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import (
    InvalidRequest,
    JobCanceled,
    JobFailed,
    RequeueExhausted,
    Run,
    SubmissionFailed,
    WaitTimeout,
    attach,
)
from amlrun._ending import Ending
from tests.submission.runs import ENVIRONMENT, spot

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def told(run: Run) -> list[str]:
    """Its attempts, as a person reads them."""
    return [str(attempt) for attempt in run.attempts]


def test_a_preempted_run_completes_as_its_second_attempt(fake_aml: FakeAml, client: MLClient) -> None:
    """A new name, the same body, the same place for checkpoints, and why the first attempt ended."""
    run = spot(client)
    fake_aml.preempt(run.name)
    assert run.wait() is run
    assert (run.attempt, run.status) == (2, "Completed")
    assert [(one.name, one.ending) for one in run.attempts] == [
        (run.name, Ending.PREEMPTED),
        (f"{run.name}-a2", Ending.COMPLETED),
    ]
    first, second = (fake_aml.job(one.name).body["properties"] for one in run.attempts)
    assert second["outputs"] == first["outputs"]
    assert second["outputs"]["amlrun_checkpoints"]["uri"].endswith(f"/paths/amlrun/{run.name}/")
    variables = second["environmentVariables"]
    assert (variables["AMLRUN_ATTEMPT"], variables["AMLRUN_LAST_ENDING"]) == ("2", "preempted")
    same = ("command", "environmentId", "resources", "queueSettings", "displayName", "experimentName")
    assert {key: second[key] for key in same} == {key: first[key] for key in same}


def test_a_run_costs_what_its_attempts_ran(fake_aml: FakeAml, client: MLClient) -> None:
    """Seconds of running times the spot price, against the same seconds at the dedicated price."""
    run = spot(client)
    fake_aml.preempt(run.name)
    run.wait()
    cost = run.cost()
    hours = sum(one.seconds or 0 for one in run.attempts) / 3600
    assert run.plan.price_per_hour is not None
    assert run.plan.on_demand_per_hour is not None
    assert cost.total == pytest.approx(hours * run.plan.price_per_hour)
    assert cost.on_demand == pytest.approx(hours * run.plan.on_demand_per_hour)
    assert "less than" in str(cost)


def test_the_policy_ends_a_run_that_is_preempted_too_often(fake_aml: FakeAml, client: MLClient) -> None:
    """The error lists every attempt with its reason."""
    run = spot(client)
    for name in (run.name, f"{run.name}-a2", f"{run.name}-a3"):
        while name not in fake_aml.jobs:
            with pytest.raises(WaitTimeout):
                run.wait(timeout=5)
        fake_aml.preempt(name)
    with pytest.raises(RequeueExhausted) as caught:
        run.wait()
    assert str(caught.value).count("its node was preempted") == 4
    assert (caught.value.reason, caught.value.name) == ("preempted", run.name)
    assert len(fake_aml.jobs) == 3


def test_without_requeue_a_preemption_is_a_failure(fake_aml: FakeAml, client: MLClient) -> None:
    """One attempt, and the reason."""
    run = spot(client, requeue=False)
    fake_aml.preempt(run.name)
    with pytest.raises(JobFailed, match="requeue is off") as caught:
        run.wait()
    assert caught.value.reason == "preempted"
    assert "amlrun_checkpoints" not in (fake_aml.job(run.name).body["properties"].get("outputs") or {})


def test_a_script_that_fails_is_not_repeated(fake_aml: FakeAml, client: MLClient) -> None:
    """The service's code and words, the page, and one attempt."""
    fake_aml.fail_next()
    run = spot(client)
    with pytest.raises(JobFailed) as caught:
        run.wait()
    assert caught.value.reason == "user-error"
    assert "UserError" in str(caught.value)
    assert caught.value.url == run.url
    assert run.attempt == 1


def test_a_time_out_leaves_the_job_running(client: MLClient) -> None:
    """The error says how to go on, and going on works."""
    run = spot(client)
    with pytest.raises(WaitTimeout, match="attempt 1 is") as caught:
        run.wait(timeout=90)
    assert run.status in ("Queued", "Running")
    assert isinstance(caught.value, TimeoutError)
    assert f"attach({run.name!r})" in caught.value.hint
    assert run.wait().status == "Completed"


def test_attributes_never_ask_the_service(fake_aml: FakeAml, client: MLClient) -> None:
    """They show the last look; `refresh` looks."""
    run = spot(client)
    before = len(fake_aml.calls)
    fake_aml.advance(minutes=10)
    assert run.status != "Completed"
    assert repr(run) == f"Run({run.name!r}, attempt 1, {run.status})"
    assert all((run.url, run.plan, run.requeue, run.attempts))
    assert len(fake_aml.calls) == before
    assert run.refresh().status == "Completed"


def test_cancel_stops_the_run_and_its_requeueing(fake_aml: FakeAml, client: MLClient) -> None:
    """The mark is on the first attempt; a second cancel, or one that is too late, does no harm."""
    run = spot(client, tags={"team": "vision"})
    fake_aml.advance(minutes=2)
    run.cancel()
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "canceled-by-us"
    assert dict(fake_aml.job(run.name).tags) == {"team": "vision", "amlrun.cancel": "true"}
    run.cancel()
    assert (run.attempt, run.status) == (1, "Canceled")


def test_cancel_after_the_end_is_harmless(client: MLClient) -> None:
    """A completed run stays completed."""
    run = spot(client).wait()
    assert run.cancel().status == "Completed"


def test_a_cancel_on_another_machine_stops_the_requeue(fake_aml: FakeAml, client: MLClient) -> None:
    """A node that is taken away after the cancel's mark is not replaced."""
    run = spot(client)
    fake_aml.preempt(run.name)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=1)
    fake_aml.advance(minutes=10)
    attach(run.name, client=fake_aml.client()).cancel()
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "canceled-by-us"
    assert fake_aml.jobs == (run.name,)


def test_a_cancel_in_the_studio_is_never_undone(fake_aml: FakeAml, client: MLClient) -> None:
    """Nobody knows who did it, so nothing is repeated."""
    run = spot(client)
    fake_aml.advance(minutes=2)
    client.jobs.begin_cancel(run.name).wait()
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "canceled"


def test_attach_goes_on_from_any_attempts_name(fake_aml: FakeAml, client: MLClient) -> None:
    """Another process, with nothing but a name, sees the same attempts and requeues the next one."""
    run = spot(client)
    fake_aml.preempt(run.name)
    other = attach(run.name, client=fake_aml.client())
    assert other.wait().attempt == 2
    again = attach(f"{run.name}-a2", client=client)
    assert (again.name, again.attempt, again.status) == (run.name, 2, "Completed")
    assert again.plan.instance_type == run.plan.instance_type
    assert told(run.wait()) == told(again) == told(other)


def test_an_attempt_that_another_watcher_sent_is_adopted(fake_aml: FakeAml, client: MLClient) -> None:
    """Two that wait for one run make one second attempt."""
    run, other = (submitted := spot(client)), attach(submitted.name, client=client)
    fake_aml.preempt(run.name)
    run.wait()
    other.wait()
    assert fake_aml.jobs == (run.name, f"{run.name}-a2")
    assert told(other) == told(run)


def test_the_next_attempts_name_may_be_taken_by_a_stranger(fake_aml: FakeAml, client: MLClient) -> None:
    """Then nothing is sent over it, and it is said which run is over by that."""
    from azure.ai.ml import command

    run = spot(client, name="mine")
    client.jobs.create_or_update(command(command="ls", environment=ENVIRONMENT, name="mine-a2"))
    fake_aml.preempt("mine")
    with pytest.raises(SubmissionFailed, match=r"Attempt 2 of mine can't be sent.*mine-a2") as caught:
        run.wait()
    assert "No attempt of mine can follow" in caught.value.hint


@pytest.mark.parametrize(("name", "warned"), [("mine-a2", True), ("mine-a1", False), ("mine-a02", False)])
def test_a_name_that_is_an_attempts_is_warned_of(client: MLClient, name: str, *, warned: bool) -> None:
    """It would keep the run whose attempt it names from being requeued."""
    warnings = str(spot(client, name=name).plan.warnings)
    assert ("attempt 2 of a run mine" in warnings) == warned


def test_attach_refuses_what_amlrun_did_not_send(client: MLClient) -> None:
    """A job of somebody else, and no job at all."""
    from azure.ai.ml import command

    client.jobs.create_or_update(command(command="ls", environment=ENVIRONMENT, name="theirs"))
    with pytest.raises(InvalidRequest, match="not sent by amlrun"):
        attach("theirs", client=client)
    with pytest.raises(InvalidRequest, match="no job named nothing"):
        attach("nothing", client=client)


@pytest.mark.parametrize(
    "name", ["", None, 5, "a/b", "k?x=1", "k#", "k/../k", "https://ml.azure.com/runs/k?wsid=/subscriptions/s"]
)
def test_what_is_no_name_is_not_asked_for(fake_aml: FakeAml, client: MLClient, name: Any) -> None:
    """In a path it would be another question; a page's address is taken for a name more often than not."""
    spot(client, name="k")
    before = len(fake_aml.calls)
    with pytest.raises(InvalidRequest, match="is no name of a job") as caught:
        attach(name, client=client)
    assert "what follows runs/" in caught.value.hint
    assert len(fake_aml.calls) == before


@pytest.mark.parametrize("attempt", [2, 0, "1", 1.0])
def test_logs_of_an_attempt_that_is_not_there(client: MLClient, attempt: Any) -> None:
    """The number of attempts is told, also where no number was asked for."""
    run = spot(client)
    assert isinstance(run.logs(), str)
    with pytest.raises(InvalidRequest, match=f"1 attempts, and no number {attempt!r}"):
        run.logs(attempt)


def test_a_timeout_ends_an_attempt_and_is_not_repeated(fake_aml: FakeAml, client: MLClient) -> None:
    """The service cancels what times out; that is no preemption."""
    fake_aml.runtime(hours=2)
    run = spot(client, timeout=600)
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "timed-out"


def test_requeueing_needs_no_azure_ai_ml_and_no_upload(fake_aml: FakeAml, client: MLClient) -> None:
    """The second attempt is one look and one PUT of the stored body."""
    run = spot(client)
    fake_aml.preempt(run.name)
    before = len(fake_aml.calls)
    run.wait()
    changes = [call for call in fake_aml.calls[before:] if call.method not in ("GET", "HEAD")]
    assert [(call.method, call.path.rpartition("/")[2]) for call in changes] == [("PUT", f"{run.name}-a2")]
