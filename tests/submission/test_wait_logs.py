"""`wait(logs=True)`: what jobs write is handed on to stdout, once, attempt after attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import WaitTimeout, attach
from amlrun.testing import Preempted
from tests.submission.runs import spot, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun import Run
    from amlrun.testing import FakeAml
    from tests.submission.runs import Between


def for_a_while(run: Run, minutes: float = 3) -> None:
    """Wait, and stop before it is over."""
    with pytest.raises(WaitTimeout):
        run.wait(timeout=60 * minutes, logs=True)


def test_new_lines_come_as_they_are_written(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing twice, nothing before the job runs; progress is on the other stream."""
    fake_aml.runtime(hours=1)
    run = spot(client)
    fake_aml.advance(minutes=3)
    fake_aml.log(run.name, "epoch 1\nepo")
    for_a_while(run)
    assert capsys.readouterr().out.endswith("epoch 1\n")
    fake_aml.log(run.name, "ch 2\nno newline")
    run.wait(logs=True)
    handed = capsys.readouterr()
    assert handed.out.endswith("epoch 2\nno newline")
    assert "Running for" in handed.err
    assert "Running for" not in handed.out


def test_a_wait_hands_on_all_of_a_log_once(
    fake_aml: FakeAml, between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one wait: the lines that are there, then those that come."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    lines = iter(range(1, 1000))

    def write(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "GET" and path.endswith(f"/jobs/{run.name}"):
            fake_aml.log(run.name, f"step {next(lines)}\n")
        return go_on()

    between.act = write
    run.wait(logs=True, progress=False)
    written = capsys.readouterr().out.splitlines()
    assert written[0] == f"==> {run.name} <=="
    assert written[1:] == [f"step {number}" for number in range(1, len(written))]
    assert len(written) > 60


def test_of_a_long_log_only_what_is_new_is_read(
    fake_aml: FakeAml, between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole once; then what was written since, in whatever letters, and a few bytes by which it is known."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    fake_aml.log(run.name, "".join(f"Schritt {number}: schön\n" for number in range(1000)))
    looks = iter(range(1, 1000))

    def write(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "GET" and path.endswith(f"/jobs/{run.name}") and next(looks) > 10:
            fake_aml.log(run.name, "mehr: ü")
        return go_on()

    between.act = write
    run.wait(logs=True, progress=False)
    written = capsys.readouterr().out
    assert written.count("schön") == 1000
    assert written.endswith("mehr: ü")
    assert written.count("mehr: ü") > 40
    whole, *parts = [call.status for call in fake_aml.calls if call.path.endswith("std_log.txt")]
    assert (whole, set(parts)) == (200, {206})


def test_logs_go_on_with_the_next_attempt(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each under its name."""
    run = spot(client)
    fake_aml.log(run.name, "first\n")
    fake_aml.preempt(run.name)
    fake_aml.inject(Preempted(), job=f"{run.name}-a2")
    run.wait(logs=True)
    written = capsys.readouterr().out
    assert written.startswith(f"==> {run.name} <==\nfirst\n")
    assert (run.attempt, run.status) == (3, "Completed")


@pytest.mark.parametrize("preempted", [False, True])
def test_what_was_over_before_is_handed_on(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str], *, preempted: bool
) -> None:
    """The last attempt's log, once: of a run that has completed, and of one whose next attempt is to come."""
    run = spot(client)
    fake_aml.log(run.name, "first\n")
    if preempted:
        fake_aml.preempt(run.name)
    fake_aml.advance(hours=1)
    attach(run.name, client=client).wait(logs=True)
    assert capsys.readouterr().out == f"==> {run.name} <==\nfirst\n"
    assert len(fake_aml.jobs) == 1 + preempted


def test_a_log_that_starts_anew_is_handed_on_anew(
    fake_aml: FakeAml, between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service overwrites the log of a job that it restarts in place."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    fake_aml.inject(Preempted(how="restarted"), job=run.name)
    fake_aml.log(run.name, "before\nmore\n")

    def write(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if method == "GET" and path.endswith(f"/jobs/{run.name}"):
            again = fake_aml.job(run.name).statuses.count("Running") > 1
            if again:
                between.act = None
                fake_aml.log(run.name, "after\n")
        return reply

    between.act = write
    run.wait(logs=True)
    assert capsys.readouterr().out == (
        f"==> {run.name} <==\nbefore\nmore\n==> {run.name} (restarted) <==\nafter\n"
    )


def test_a_log_that_cannot_be_read_ends_no_wait(
    fake_aml: FakeAml, between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is worth no error."""
    run = spot_over(fake_aml, between)
    fake_aml.log(run.name, "there\n")

    def refuse(_method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if path.endswith("/details"):
            reply.http_response.status_code = 403
        return reply

    between.act = refuse
    assert run.wait(logs=True).status == "Completed"
    assert capsys.readouterr().out == ""


def test_what_goes_wrong_with_logs_unforeseen_is_told_once(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """With a traceback, for it is a defect; it ends no wait."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)

    def nonsense(_method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if path.endswith("/details"):
            raise LookupError(path)
        return go_on()

    between.act = nonsense
    assert run.wait(logs=True).status == "Completed"
    told = [one for one in caplog.records if "its log can't be read" in one.message]
    assert [(one.levelname, one.exc_info is not None) for one in told] == [("WARNING", True)]


def test_without_logs_none_is_read(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor handed on."""
    run = spot(client)
    fake_aml.log(run.name, "there\n")
    run.wait()
    assert capsys.readouterr().out == ""
    assert not [call for call in fake_aml.calls if call.path.endswith("/details")]
