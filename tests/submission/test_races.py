"""Faults on the way and other watchers: one run stays one run."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ServiceResponseError

from amlrun import JobCanceled, RequeueExhausted, attach, quota
from amlrun._ending import Ending
from tests.submission.runs import Between, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun.testing import FakeAml


def test_a_job_taken_before_the_connection_broke_is_one_job(fake_aml: FakeAml, between: Between) -> None:
    """The repeat of the PUT meets the job that the first one made, and knows it."""
    broken: list[str] = []

    def lose_the_reply(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if method == "PUT" and "/jobs/" in path and not broken:
            broken.append(path)
            raise ServiceResponseError("the connection was reset")
        return reply

    between.act = lose_the_reply
    run = spot_over(fake_aml, between)
    assert fake_aml.jobs == (run.name,)
    assert len(broken) == 1
    assert run.wait().status == "Completed"


def test_a_cancel_while_the_next_attempt_is_on_its_way_stops_it(fake_aml: FakeAml, between: Between) -> None:
    """The mark is read again after the PUT: what was just sent is canceled."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)

    def cancel_meanwhile(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "PUT" and path.endswith("-a2"):
            between.act = None
            attach(run.name, client=fake_aml.client()).cancel()
        return go_on()

    between.act = cancel_meanwhile
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "canceled-by-us"
    assert [fake_aml.job(name).status for name in fake_aml.jobs] == ["Failed", "Canceled"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks nothing")
@pytest.mark.parametrize("same", [True, False])
def test_a_process_that_is_forked_while_a_thread_looks_waits_for_nobody(
    fake_aml: FakeAml, between: Between, *, same: bool
) -> None:
    """Workers of a data loader, say: the thread isn't there, and what it holds nobody gives back."""
    asked, go_on = threading.Semaphore(0), threading.Event()

    def hang(_method: str, _path: str, on: Callable[[], Any]) -> Any:
        asked.release()
        go_on.wait(60)
        return on()

    client = fake_aml.client(per_call_policies=between)
    between.act = hang
    looking = threading.Thread(target=lambda: quota(client=client))
    looking.start()
    for _ in ("the workspace", "its computes"):  # then no thread is within the fake, which has locks, too
        assert asked.acquire(timeout=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads
        number = os.fork()
    if not number:
        signal.alarm(60)
        try:
            between.act = None
            quota(client=client if same else fake_aml.client())
            os._exit(0)
        finally:
            os._exit(1)
    go_on.set()
    looking.join()
    assert os.waitpid(number, 0)[1] == 0


class Died(BaseException):
    """The machine of a watcher is switched off."""


def test_a_canceled_run_whose_watcher_died_is_canceled_by_the_next(
    fake_aml: FakeAml, between: Between
) -> None:
    """The attempt was on its way when the cancel came, and who sent it reads the mark no more."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)

    def cancel_and_die(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "PUT" and path.endswith("-a2"):
            between.act = None
            attach(run.name, client=fake_aml.client()).cancel()
            go_on()
            raise Died
        return go_on()

    between.act = cancel_and_die
    with pytest.raises(Died):
        run.wait()
    with pytest.raises(JobCanceled) as caught:
        attach(run.name, client=fake_aml.client()).wait()
    assert caught.value.reason == "canceled-by-us"
    assert [fake_aml.job(name).status for name in fake_aml.jobs] == ["Failed", "Canceled"]


def test_a_cancel_reaches_the_attempt_that_another_watcher_sent(fake_aml: FakeAml, between: Between) -> None:
    """Whoever cancels from an old look finds the attempt that lives."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    other = attach(run.name, client=fake_aml.client())
    with pytest.raises(TimeoutError):
        other.wait(timeout=3000)
    assert (run.attempt, other.attempt) == (1, 2)
    run.cancel()
    with pytest.raises(JobCanceled):
        run.wait()
    assert fake_aml.job(f"{run.name}-a2").status == "Canceled"
    assert [one.ending for one in run.attempts] == [Ending.PREEMPTED, Ending.CANCELED_BY_US]


def test_a_cancel_reaches_an_attempt_whose_watcher_died_as_it_sent_it(fake_aml: FakeAml) -> None:
    """The watcher had read no mark, and never came to read it again: whoever cancels looks again."""
    theirs, mine = Between(), Between()
    watcher = spot_over(fake_aml, theirs)
    run = attach(watcher.name, client=fake_aml.client(per_call_policies=mine))
    fake_aml.preempt(run.name)
    sent: list[Any] = []

    def cancel_and_die(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method != "PUT" or not path.endswith("-a2"):
            return go_on()

        def then_it_is_there(method: str, path: str, look: Callable[[], Any]) -> Any:
            reply = look()
            if method == "GET" and path.endswith("-a2") and not sent:
                sent.append(go_on())
            return reply

        mine.act = then_it_is_there
        run.cancel()
        raise KeyboardInterrupt

    theirs.act = cancel_and_die
    with pytest.raises(KeyboardInterrupt):
        watcher.wait()
    assert sent
    assert fake_aml.job(f"{run.name}-a2").status in ("CancelRequested", "Canceled")


def test_an_attempt_behind_an_end_that_cannot_be_explained_is_found(
    fake_aml: FakeAml, between: Between
) -> None:
    """It is what goes on, and what a cancel cancels."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    with pytest.raises(TimeoutError):
        run.wait(timeout=3000)

    def unreadable(_method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if path.endswith(f"/runs/{run.name}") and "/experiments/" not in path:
            raise ServiceResponseError("run history is out")
        return go_on()

    between.act = unreadable
    other = attach(run.name, client=fake_aml.client(per_call_policies=between))
    assert (other.attempt, other.status) == (2, "Running")
    other.cancel()
    assert fake_aml.job(f"{run.name}-a2").status in ("CancelRequested", "Canceled")


def test_two_watchers_that_send_at_once_make_one_attempt(fake_aml: FakeAml, between: Between) -> None:
    """The slower one meets the other's job at its own PUT, and adopts it."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)

    def other_first(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "PUT" and path.endswith("-a2"):
            between.act = None
            attach(run.name, client=fake_aml.client()).wait()
        return go_on()

    between.act = other_first
    assert run.wait().attempt == 2
    assert fake_aml.jobs == (run.name, f"{run.name}-a2")


def test_a_job_too_long_for_its_properties_is_requeued_only_where_it_was_sent(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """The process that sent it has the body; another machine is told that it can't go on."""
    noise = "".join(f"{number**5:x}" for number in range(6000))
    run = spot_over(fake_aml, between, environment_variables={"NOISE": noise})
    assert "too long to be requeued by another process" in caplog.text
    fake_aml.preempt(run.name)
    other = attach(run.name, client=fake_aml.client())
    with pytest.raises(RequeueExhausted, match="too long to be kept"):
        other.wait()
    assert run.wait().attempt == 2
