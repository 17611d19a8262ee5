"""Ctrl-C and SIGTERM while somebody waits: the job is left or canceled, and how to come back is said."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import AmlrunError, JobCanceled, attach, watch
from amlrun._states import ENDS
from tests.submission.runs import spot, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between

pytestmark = pytest.mark.usefixtures("signals")
ENDED_BY: dict[signal.Signals, type[BaseException]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: SystemExit,
}


@pytest.fixture
def signals() -> Iterator[None]:
    """As a program finds them; whatever a test does, they are put back."""
    before = {one: signal.getsignal(one) for one in ENDED_BY}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, in the background of a shell
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def raising(
    number: signal.Signals, *, on: str, times: int = 1
) -> Callable[[str, str, Callable[[], Any]], Any]:
    """The signal comes with so many requests of this method."""
    left = [times]

    def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == on and left[0] and "/jobs/" in path:
            left[0] -= 1
            signal.raise_signal(number)
        return go_on()

    return act


@pytest.mark.parametrize("number", list(ENDED_BY))
def test_an_interrupt_leaves_the_job_running(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    """And says how to come back, on the command line and in code."""
    run = spot_over(fake_aml, between)
    between.act = raising(number, on="GET")
    with pytest.raises(ENDED_BY[number]):
        run.wait()
    assert f"`amlrun wait {run.name}`" in caplog.text
    assert f"amlrun.attach({run.name!r}).wait()" in caplog.text
    assert fake_aml.job(run.name).status not in ENDS
    assert attach(run.name, client=fake_aml.client()).wait().status == "Completed"


@pytest.mark.parametrize("number", list(ENDED_BY))
def test_on_exit_cancel_cancels_the_run(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    """With the mark that stops its requeueing everywhere."""
    run = spot_over(fake_aml, between)
    between.act = raising(number, on="GET")
    with pytest.raises(ENDED_BY[number]):
        run.wait(on_exit="cancel")
    assert f"Canceling {run.name}" in caplog.text
    assert "come back" not in caplog.text.lower()
    assert dict(fake_aml.job(run.name).tags) == {"amlrun.cancel": "true"}
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "canceled-by-us"


def test_a_terminated_program_has_the_status_of_one(fake_aml: FakeAml, between: Between) -> None:
    """128 and the signal's number, as shells show it."""
    run = spot_over(fake_aml, between)
    between.act = raising(signal.SIGTERM, on="GET")
    with pytest.raises(SystemExit) as caught:
        run.wait()
    assert caught.value.code == 143


def test_a_second_interrupt_ends_at_once(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of canceling; and what is not known is said."""
    run = spot_over(fake_aml, between)
    between.act = raising(signal.SIGINT, on="GET", times=2)
    with pytest.raises(KeyboardInterrupt):
        run.wait(on_exit="cancel")
    assert f"Interrupted again: whether {run.name} is canceled is not known" in caplog.text
    assert not fake_aml.calls.of("POST /jobs/{name}/cancel")


def test_all_that_live_are_canceled_and_one_that_cannot_be_hinders_none(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """What is over is let be."""
    over = spot_over(fake_aml, between)
    over.wait()
    runs = [spot_over(fake_aml, between, name=name) for name in ("stuck", "free")]
    interrupt = raising(signal.SIGINT, on="GET")

    def refuse_one(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "POST" and "/stuck/" in path:
            raise AmlrunError("no way")
        return interrupt(method, path, go_on)

    between.act = refuse_one
    with pytest.raises(KeyboardInterrupt):
        watch([over, *runs], on_exit="cancel")
    assert "stuck: no way" in caplog.text
    fake_aml.advance(minutes=5)
    assert [fake_aml.job(name).status for name in ("free", over.name)] == ["Canceled", "Completed"]
    assert f"Canceling {over.name}" not in caplog.text


def test_the_handler_is_put_back(fake_aml: FakeAml, client: MLClient, between: Between) -> None:
    """After an end, an error, and an interrupt."""
    spot(client).wait()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with suppress(TimeoutError):
        spot(client).wait(timeout=1)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    run = spot_over(fake_aml, between)
    between.act = raising(signal.SIGTERM, on="GET")
    with suppress(SystemExit):
        run.wait()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_program_with_a_handler_of_its_own_decides(fake_aml: FakeAml, between: Between) -> None:
    """It is called, and the wait goes on where it lets it."""
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    run = spot_over(fake_aml, between)
    between.act = raising(signal.SIGTERM, on="GET")
    assert run.wait().status == "Completed"
    assert heard == [signal.SIGTERM]


def test_a_wait_in_another_thread_changes_no_signal(client: MLClient) -> None:
    """Python allows that in the main thread alone."""
    run, seen = spot(client), []

    def wait() -> None:
        run.wait()
        seen.append(run.status)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(60)
    assert seen == ["Completed"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
