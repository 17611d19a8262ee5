"""`wait()`: how often it looks, by which clock it stops, and what of the service's moods it sits out."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, JobCanceled, Requeue, WaitTimeout, attach
from amlrun._ending import Ending
from amlrun.testing import InternalError, NotResponding, Preempted
from tests.submission.runs import spot, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between


def looks(fake: FakeAml, name: str) -> list[float]:
    """When a job was looked at."""
    return [call.time for call in fake.calls.of("GET /jobs/{name}", name=name)]


def test_a_wait_of_hours_costs_a_request_a_minute(fake_aml: FakeAml, client: MLClient) -> None:
    """Six hours: some 370 looks at the job, and a handful of requests besides."""
    fake_aml.runtime(hours=6)
    run = spot(client)
    before = len(fake_aml.calls)
    run.wait()
    made = len(fake_aml.calls) - before
    assert 360 <= len(looks(fake_aml, run.name)) <= 375
    assert made <= len(looks(fake_aml, run.name)) + 5


def test_looks_come_ever_more_rarely(fake_aml: FakeAml, client: MLClient) -> None:
    """Two seconds apart at first, a minute at last."""
    fake_aml.runtime(hours=1)
    run = spot(client)
    run.wait()
    moments = looks(fake_aml, run.name)
    gaps = [round(later - earlier, 2) for earlier, later in itertools.pairwise(moments)]
    assert gaps[0] == pytest.approx(2)
    assert gaps == sorted(gaps)
    assert max(gaps) == pytest.approx(60)


@pytest.mark.parametrize("timeout", [90, dt.timedelta(seconds=90)])
def test_a_deadline_is_kept_to_the_second(fake_aml: FakeAml, client: MLClient, timeout: Any) -> None:
    """By the clock that the workspace's time is told by; with a last look when it comes."""
    run = spot(client)
    began = fake_aml.clock.now()
    with pytest.raises(WaitTimeout):
        run.wait(timeout=timeout)
    assert fake_aml.clock.now() - began == pytest.approx(90)
    assert looks(fake_aml, run.name)[-1] - began == pytest.approx(90)


def test_a_wait_of_no_time_is_one_look(fake_aml: FakeAml, client: MLClient) -> None:
    """What is over then is over; what isn't is a WaitTimeout."""
    run = spot(client)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=0)
    assert len(looks(fake_aml, run.name)) == 1
    fake_aml.advance(hours=1)
    assert run.wait(timeout=0).status == "Completed"


@pytest.mark.parametrize(
    ("argument", "given"),
    [
        ("timeout", -1),
        ("timeout", "1h"),
        ("timeout", math.nan),
        ("on_exit", "kill"),
        ("logs", "all"),
        ("progress", "bar"),
    ],
)
def test_what_cannot_be_applied_is_refused(client: MLClient, argument: str, given: Any) -> None:
    """Before anything is looked at."""
    options: Any = {argument: given}
    with pytest.raises(InvalidRequest) as caught:
        spot(client).wait(**options)
    assert caught.value.argument == argument


def test_an_hour_of_faults_does_not_end_a_wait(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is said; the next look comes."""
    run = spot(client)
    fake_aml.inject(InternalError(), on="GET /jobs/{name}", times=200)
    assert run.wait().status == "Completed"
    assert "the next look comes" in caplog.text


def test_a_job_that_does_not_respond_for_a_while_is_waited_for(fake_aml: FakeAml, client: MLClient) -> None:
    """NotResponding is not an end."""
    run = spot(client)
    fake_aml.inject(NotResponding(), job=run.name)
    assert run.wait().status == "Completed"
    assert "NotResponding" in fake_aml.job(run.name).statuses


def test_a_restart_in_place_is_counted_and_not_answered(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """One attempt, the same name; what happened is told."""
    run = spot(client)
    fake_aml.inject(Preempted(how="restarted"), job=run.name)
    fake_aml.advance(minutes=2)
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=1200)
    fake_aml.quota("TotalLowPriorityCores", used=0)
    run.wait()
    assert (fake_aml.jobs, run.attempt, run.attempts[0].restarts) == ((run.name,), 1, 1)
    told = capsys.readouterr().err
    assert f"{run.name}: the service took it off its node and queues it again" in told
    assert "restarted by the service once" in told


def test_a_cancel_is_seen_within_a_minute_of_a_long_pause(fake_aml: FakeAml, client: MLClient) -> None:
    """A quarter of an hour between two attempts is nothing to wait out for nothing."""
    run = spot(client, requeue=Requeue(waits=(900,)))
    fake_aml.preempt(run.name)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=420)
    assert run.attempts[0].ending is Ending.PREEMPTED
    canceled = fake_aml.clock.now()
    attach(run.name, client=fake_aml.client()).cancel()
    with pytest.raises(JobCanceled):
        run.wait()
    assert fake_aml.clock.now() - canceled <= 60
    assert fake_aml.jobs == (run.name,)


def test_a_pause_goes_on_where_another_wait_left_it(fake_aml: FakeAml, client: MLClient) -> None:
    """It is counted from the attempt's end, not from who waits since when."""
    run = spot(client, requeue=Requeue(waits=(900,)))
    fake_aml.preempt(run.name)
    while len(fake_aml.jobs) == 1:
        with pytest.raises(WaitTimeout):
            run.wait(timeout=50)
    ended = run.attempts[0].ended or 0.0
    sent = fake_aml.calls.of("PUT /jobs/{name}", name=f"{run.name}-a2")[0].time
    assert 0.9 * 900 <= sent - ended <= 1.1 * 900 + 1


def test_a_wait_of_what_is_over_asks_nobody(fake_aml: FakeAml, client: MLClient) -> None:
    """The handle knows."""
    run = spot(client).wait()
    before = len(fake_aml.calls)
    assert run.wait() is run
    assert len(fake_aml.calls) == before


def test_the_clock_of_the_machine_may_be_wrong(fake_aml: FakeAml, between: Between) -> None:
    """Set back by a day in the middle, it delays neither the next look nor the end of a wait."""
    run = spot_over(fake_aml, between)
    skewed = Skewed(fake_aml.clock.now)
    workspace: Any = run._workspace
    workspace.clock = skewed.over(workspace.clock)

    def set_back(_method: str, _path: str, go_on: Callable[[], Any]) -> Any:
        skewed.by = -86400.0
        return go_on()

    between.act = set_back
    began = fake_aml.clock.now()
    with pytest.raises(WaitTimeout):
        run.wait(timeout=120)
    assert fake_aml.clock.now() - began <= 130


class Skewed:
    """A clock that somebody sets."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.by = 0.0
        self._now = now

    def over(self, clock: Any) -> Skewed:
        """The same, with that one's sleep."""
        self.sleep = clock.sleep
        return self

    def now(self) -> float:
        """What it shows."""
        return self._now() + self.by
