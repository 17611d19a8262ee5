"""`watch`: many runs in one loop, none of which holds up or loses another."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import (
    AmlrunError,
    InvalidRequest,
    JobCanceled,
    JobFailed,
    Requeue,
    Run,
    ServiceError,
    WaitTimeout,
    attach,
    submit_many,
    watch,
)
from amlrun._bulk import AT_ONCE, PER_SECOND, read_jobs
from amlrun._pace import Pace
from amlrun.testing import Preempted, Slow
from tests.submission.runs import ENVIRONMENT, spot, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between


def roomy(fake: FakeAml) -> None:
    """Quota for all that a test sends."""
    fake.quota("TotalLowPriorityCores", limit=4000)


def test_results_come_in_the_order_of_the_runs(fake_aml: FakeAml, client: MLClient) -> None:
    """A run that completed is itself; one that didn't is what its wait() would raise."""
    roomy(fake_aml)
    good, bad, stopped, lost = (spot(client, name=name) for name in ("good", "bad", "stopped", "lost"))
    fake_aml.fail("bad")
    fake_aml.preempt("lost")
    stopped.cancel()
    first, second, third, fourth = watch([good, bad, stopped, lost])
    assert first is good
    assert isinstance(second, JobFailed)
    assert isinstance(third, JobCanceled)
    assert fourth is lost
    assert (lost.attempt, lost.status) == (2, "Completed")


def test_what_submit_many_gives_can_be_watched(fake_aml: FakeAml, client: MLClient) -> None:
    """Errors in it come back as they are."""
    roomy(fake_aml)
    sent = submit_many(["echo 1", "python train.py", "echo 2"], environment=ENVIRONMENT, client=client)
    sent[1] = AmlrunError("not sent")
    ended = watch(sent)
    assert ended == sent
    assert [one.status for one in ended if isinstance(one, Run)] == ["Completed", "Completed"]


def test_no_runs_are_none() -> None:
    """And no workspace is asked."""
    assert watch([]) == []


@pytest.mark.parametrize("runs", ["train-1", 3, ["train-1"]])
def test_what_is_no_list_of_runs_is_refused(runs: Any) -> None:
    """With what gives one."""
    with pytest.raises(InvalidRequest) as caught:
        watch(runs)
    assert caught.value.argument == "runs"


def test_one_run_is_for_wait(client: MLClient) -> None:
    """A list of one is fine, and the run alone is told of wait()."""
    run: Any = spot(client)
    with pytest.raises(InvalidRequest, match=r"wait\(\)"):
        watch(run)
    assert watch([run]) == [run]


def test_the_same_run_twice_is_followed_once(fake_aml: FakeAml, client: MLClient) -> None:
    """Both handles see it, whichever client they have."""
    run = spot(client)
    fake_aml.preempt(run.name)
    other = attach(run.name, client=fake_aml.client())
    before = len(fake_aml.calls.of("GET /jobs/{name}"))
    assert watch([run, other, run]) == [run, other, run]
    assert run.attempts == other.attempts
    assert fake_aml.jobs == (run.name, f"{run.name}-a2")
    looks = len(fake_aml.calls.of("GET /jobs/{name}")) - before
    alone = spot(client)
    fake_aml.preempt(alone.name)
    before = len(fake_aml.calls.of("GET /jobs/{name}"))
    alone.wait()
    assert looks <= len(fake_aml.calls.of("GET /jobs/{name}")) - before + 2


def test_of_two_handles_the_one_that_knows_more_is_believed(fake_aml: FakeAml, client: MLClient) -> None:
    """What the other one has missed is not looked at again, but for the mark of a cancel."""
    fake_aml.runtime(hours=1)
    old = spot(client)
    fake_aml.preempt(old.name)
    new = attach(old.name, client=client)
    while new.attempt == 1:
        with pytest.raises(WaitTimeout):
            new.wait(timeout=60)
    before = len(fake_aml.calls)
    watch([old, new], timeout=60)
    asked = [call.route for call in fake_aml.calls[before:] if call.name == old.name]
    assert asked == ["/jobs/{name}"]
    assert (old.attempt, new.attempt) == (2, 2)


def test_a_pause_of_one_holds_up_no_other(fake_aml: FakeAml, client: MLClient) -> None:
    """A quarter of an hour between two attempts of one, and the others are looked at as ever."""
    roomy(fake_aml)
    fake_aml.runtime(minutes=30)
    lost = spot(client, name="lost", requeue=Requeue(waits=(900,)))
    steady = spot(client, name="steady")
    fake_aml.advance(minutes=3)
    fake_aml.preempt("lost")
    watch([lost, steady])
    sent = fake_aml.calls.of("PUT /jobs/{name}", name="lost-a2")[0].time
    moments = [call.time for call in fake_aml.calls.of("GET /jobs/{name}", name="steady")]
    assert len([moment for moment in moments if sent - 800 < moment < sent]) >= 12


def test_runs_of_several_workspaces_are_watched_together(fake_aml_factory: Callable[..., FakeAml]) -> None:
    """Each by its own clock, which all come to the same moment."""
    here, there = fake_aml_factory(), fake_aml_factory(workspace="other")
    there.runtime(hours=2)
    began = here.clock.now() - there.clock.now()
    runs = [spot(here.client(), name="same"), spot(there.client(), name="same")]
    there.preempt("same")
    assert watch(runs) == runs
    assert [run.attempt for run in runs] == [1, 2]
    assert here.clock.now() - there.clock.now() == pytest.approx(began, abs=5)


def test_a_run_that_cannot_be_looked_at_loses_no_other(fake_aml: FakeAml, between: Between) -> None:
    """One that is gone is an error in its place."""
    roomy(fake_aml)
    run, gone = spot_over(fake_aml, between), spot_over(fake_aml, between)

    def lose(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if method == "GET" and path.endswith(gone.name):
            reply.http_response.status_code = 404
        return reply

    between.act = lose
    first, second = watch([gone, run])
    assert isinstance(first, ServiceError)
    assert first.status == 404
    assert second is run


def test_what_nobody_has_foreseen_of_one_is_no_others(fake_aml: FakeAml, between: Between) -> None:
    """It is an error with that as its cause; wait() raises it as it is."""
    roomy(fake_aml)
    run, odd = spot_over(fake_aml, between), spot_over(fake_aml, between)

    def break_it(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "GET" and path.endswith(odd.name):
            raise ZeroDivisionError("nobody thought of this")
        return go_on()

    between.act = break_it
    first, second = watch([odd, run])
    assert isinstance(first, AmlrunError)
    assert isinstance(first.__cause__, ZeroDivisionError)
    assert f"attach({odd.name!r})" in first.hint
    assert second is run
    with pytest.raises(ZeroDivisionError):
        odd.wait()


def test_a_time_out_is_an_error_in_the_place_of_who_is_not_over(fake_aml: FakeAml, client: MLClient) -> None:
    """The others are what they are."""
    roomy(fake_aml)
    quick = spot(client)
    fake_aml.runtime(hours=5)
    slow = spot(client)
    first, second = watch([slow, quick], timeout=3600)
    assert isinstance(first, WaitTimeout)
    assert second is quick
    assert slow.status == "Running"


@pytest.mark.parametrize("route", ["GET /jobs/{name}", "GET /runs/{name}"])
def test_a_service_that_hangs_for_one_holds_the_others_up_for_seconds(
    fake_aml: FakeAml, client: MLClient, route: str
) -> None:
    """Its look is given up, and the next one comes: of the resource manager, and of run history."""
    roomy(fake_aml)
    slow, quick = spot(client, name="slow"), spot(client, name="quick")
    fake_aml.inject(Slow(1000), on=route, name="slow", times=4)
    assert watch([slow, quick]) == [slow, quick]
    moments = [call.time for call in fake_aml.calls.of("GET /jobs/{name}", name="quick")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert max(gaps) <= 60 + 45


def test_an_attempt_that_is_not_taken_holds_the_others_up_for_seconds(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """It is sent again after the next look."""
    roomy(fake_aml)
    runs = [spot(client, name=name) for name in ("slow", "quick")]
    fake_aml.inject(Preempted(after=60), job="slow")
    fake_aml.inject(Preempted(after=90), job="quick")
    fake_aml.inject(Slow(3600), on="PUT /jobs/{name}", name="slow-a2", times=2)
    assert watch(runs) == runs
    (sent,) = [call.time for call in fake_aml.calls.of("PUT /jobs/{name}", name="quick-a2")]
    ended = fake_aml.job("quick").ended
    assert ended is not None
    assert sent - ended < 60 + 45


def test_each_run_that_lives_costs_one_request_a_look(fake_aml: FakeAml, client: MLClient) -> None:
    """At growing intervals; of run history one to each, when it begins to run and when it is over."""
    roomy(fake_aml)
    runs = [spot(client, name=f"r{number}") for number in range(12)]
    before, began = len(fake_aml.calls), fake_aml.clock.now()
    assert watch(runs, progress=False) == runs
    made = len(fake_aml.calls) - before
    assert made <= 12 * (9 + (fake_aml.clock.now() - began) / 60 + 2) + 5


def test_a_round_of_many_keeps_below_the_limit_on_reads(fake_aml: FakeAml, client: MLClient) -> None:
    """The resource manager takes 250 at once, and then 25 a second: none of more is ever refused."""
    run = spot(client)
    workspace = run._workspace
    fake_aml.throttle()
    pace = Pace(workspace.clock, at_once=AT_ONCE, per_second=PER_SECOND)
    jobs = read_jobs([(workspace, run.name)] * 400, pace)
    assert [isinstance(job, Exception) for job in jobs] == [False] * 400
    assert {call.status for call in fake_aml.calls.of("GET /jobs/{name}")} == {200}


def test_many_are_told_in_one_line(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their states; what happens to one has a line of its own."""
    roomy(fake_aml)
    runs = [spot(client, name=name) for name in ("one", "two", "three")]
    fake_aml.preempt("two")
    watch(runs)
    told = capsys.readouterr().err
    assert "3 runs: 3 Running" in told
    assert "two is over (its node was preempted): attempt 2 follows in " in told
    assert "3 runs: 3 Completed" in told
