"""What `wait()` shows: on a terminal, in a notebook, in a log of CI, and where nobody looks."""

from __future__ import annotations

import io
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import WaitTimeout
from amlrun.testing._wire.transport import FakeTransport
from tests.submission.runs import spot

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


class Tty(io.StringIO):
    """A terminal that keeps what was written."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_log_of_ci_has_a_line_every_five_minutes(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one whenever something changes: three hours are some forty lines."""
    fake_aml.runtime(hours=3)
    run = spot(client)
    run.wait()
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith(run.name) for line in lines)
    assert len([line for line in lines if "Running for" in line]) == pytest.approx(36, abs=1)
    assert len(lines) <= 43
    assert "; next look in " in lines[0]
    assert "USD so far" in lines[-2]
    assert lines[-1].startswith(f"{run.name}: Completed (completed); 3 h ")


def test_what_stands_for_stderr_may_only_write(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of the user's that writes into two places, say: neither upload nor wait asks it for more."""
    written: list[str] = []
    monkeypatch.setattr("sys.stderr", SimpleNamespace(write=written.append, flush=lambda: None))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print('trained')")
    run = spot(client, code=tmp_path / "src").wait()
    assert f"{run.name}: Completed" in "".join(written)
    assert "\x1b[39m" not in "".join(written)
    assert fake_aml.job(run.name).body["properties"]["codeId"]


def test_a_run_that_is_followed_by_another_attempt_says_so(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Why it ended, when the next attempt comes, and which it is."""
    run = spot(client)
    fake_aml.preempt(run.name)
    run.wait()
    told = capsys.readouterr().err
    assert f"{run.name} is over (its node was preempted): attempt 2 follows in " in told
    assert f"{run.name}: ended (its node was preempted), attempt 2 follows in " in told
    assert f"{run.name}, attempt 2: Running for " in told


def test_a_run_s_own_clock_starts_when_it_runs(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """By run history, also for who comes late; an hour in the queue is none of it."""
    fake_aml.runtime(hours=1)
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    run = spot(client)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=3600)
    fake_aml.quota("TotalLowPriorityCores", used=0)
    fake_aml.advance(minutes=20)
    began = run.refresh().attempts[0].started or 0.0
    capsys.readouterr()
    ran = fake_aml.clock.now() - began
    with pytest.raises(WaitTimeout):
        run.wait(timeout=1)
    assert f"Running for {int(ran) // 60} min" in capsys.readouterr().err


@pytest.mark.parametrize("stream", [None, "closed", "broken"])
def test_where_nobody_can_read_nothing_is_shown(
    client: MLClient, monkeypatch: pytest.MonkeyPatch, stream: str | None
) -> None:
    """No stderr, as without a console; a closed one; a pipe whose reader has gone: the wait goes on."""
    shown: io.StringIO | None = None if stream is None else io.StringIO()
    if stream == "closed" and shown is not None:
        shown.close()
    if stream == "broken":
        shown = Broken()
    monkeypatch.setattr(sys, "stderr", shown)
    assert spot(client).wait().status == "Completed"


class Broken(io.StringIO):
    """A pipe that nobody reads any more."""

    def write(self, _text: str) -> int:
        """Fail as such a pipe does."""
        raise BrokenPipeError


def test_progress_can_be_turned_off(client: MLClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Then stderr is left alone, and nothing is asked for its sake."""
    spot(client).wait(progress=False)
    assert capsys.readouterr().err == ""


def test_a_terminal_has_one_line_that_is_written_anew(
    fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No longer than the terminal is wide, the old one covered; what happens stands above it."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys, "stderr", tty := Tty())
    run = spot(client)
    fake_aml.preempt(run.name)
    run.wait()
    screen = screen_of(tty.getvalue(), 60)
    assert f"{run.name} is over (its node was preempted): attempt 2"[:59] in "\n".join(screen)
    assert len(screen) <= 4
    assert screen[-1].startswith(f"{run.name}, attempt 2: Completed (completed)")


def screen_of(written: str, columns: int) -> list[str]:
    """The lines of a terminal after this was written to it; a long one goes on in the next."""
    lines = [""]
    column = 0
    for letter in written:
        if letter == "\n":
            lines.append("")
            column = 0
        elif letter == "\r":
            column = 0
        else:
            if column == columns:
                lines.append("")
                column = 0
            lines[-1] = lines[-1][:column].ljust(column) + letter + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines if line.strip()]


def test_a_line_on_a_terminal_lives(
    fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where time passes as for a person, it is drawn every second, and no request is made for that."""
    monkeypatch.setattr(FakeTransport, "virtual", False)
    monkeypatch.setattr(sys, "stderr", tty := Tty())
    monkeypatch.setenv("COLUMNS", "200")
    run = spot(client)
    fake_aml.advance(minutes=3)
    before = len(fake_aml.calls)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=30)
    drawn = [line.strip() for line in tty.getvalue().split("\r") if "Running" in line]
    assert 30 <= len(drawn) <= 45
    assert len({line.partition("Running for ")[2].partition(";")[0] for line in drawn}) >= 29
    assert len(fake_aml.calls) - before <= 8
    assert any("next look in 1 s" in line for line in drawn)


def test_logs_and_progress_share_a_terminal(
    fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line makes room for what the job writes."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", tty := Tty())
    monkeypatch.setattr(sys, "stdout", tty)
    run = spot(client)
    fake_aml.log(run.name, "epoch 1\nepoch 2\n")
    run.wait(logs=True)
    screen = screen_of(tty.getvalue(), 100)
    assert screen[:3] == [f"==> {run.name} <==", "epoch 1", "epoch 2"]
    assert len(screen) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_a_real_terminal_shows_its_width_full(
    fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pseudo-terminal of 50 columns: no line of it is ever wrapped."""
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 50, 0, 0))
    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        run = spot(client)
        run.wait()
        written = os.read(ours, 100_000).decode().replace("\r\n", "\n")
    os.close(ours)
    assert fake_aml.jobs == (run.name,)
    assert all(len(line) < 50 for line in written.replace("\n", "\r").split("\r"))
    assert (
        screen_of(written, 50) == [f"{run.name}: Completed (completed); 7 min"[:49]]
        or len(screen_of(written, 50)) == 1
    )


def test_a_dumb_terminal_is_written_to_in_lines(client: MLClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says that it can't go back: an editor's shell."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", tty := Tty())
    spot(client).wait()
    assert "\r" not in tty.getvalue()
    assert "Running for" in tty.getvalue()


def test_a_notebook_shows_one_output_that_is_replaced(
    fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By IPython's display handle, as text and as HTML; a stand-in for IPython, which isn't needed."""
    kernel = Kernel()
    monkeypatch.setitem(sys.modules, "IPython", kernel.module)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=kernel.display))
    run = spot(client, name="a-b")
    fake_aml.preempt(run.name)
    run.wait()
    assert kernel.displayed == 1
    assert len(kernel.outputs) > 5
    last = kernel.outputs[-1]
    assert last["text/plain"].splitlines()[0].startswith("a-b is over (its node was preempted)")
    assert last["text/plain"].splitlines()[-1].startswith("a-b, attempt 2: Completed (completed)")
    assert last["text/html"] == f"<pre>{last['text/plain']}</pre>"
    assert capsys.readouterr().err == ""


def test_ipython_in_a_terminal_is_a_terminal(
    client: MLClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No kernel, no notebook."""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    spot(client).wait()
    assert "Running for" in capsys.readouterr().err


class Kernel:
    """What a wait uses of IPython in a notebook. `outputs` are what one cell showed, one after the other."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, str]] = []
        self.displayed = 0
        self.module = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))

    def display(self, shown: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        """IPython's `display`, which gives a handle."""
        assert raw
        assert display_id
        self.displayed += 1
        self.outputs.append(shown)
        return self

    def update(self, shown: dict[str, str], *, raw: bool) -> None:
        """The handle's."""
        assert raw
        self.outputs.append(shown)
