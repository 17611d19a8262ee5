"""The command line: its verbs, what it prints, and the code that it ends with."""

from __future__ import annotations

import io
import json
import shlex
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import Run
from amlrun._command_line import main
from amlrun.testing import CanceledByPlatform, FakeAml
from tests.submission.runs import ENVIRONMENT, spot
from tests.submission.scripts import python, runs_scripts
from tests.submission.test_import import modules_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAml]:
    """A workspace that nothing but the configuration names."""
    with FakeAml(workspace=f"w-{uuid.uuid4().hex[:8]}") as fake:
        monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: fake.credential)
        scope = fake.scope
        name = f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
        monkeypatch.setenv("AMLRUN_WORKSPACE", name)
        yield fake


@pytest.fixture
def client(fake: FakeAml) -> MLClient:
    """The real client, of that workspace."""
    return fake.client()


def run_of(out: str) -> str:
    """The run that was submitted: its name is all that goes to stdout."""
    (name,) = out.splitlines()
    return name


def test_a_job_is_submitted_and_watched(
    fake: FakeAml, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its name goes to stdout, the plan to stderr; each verb takes it from there."""
    line = f"submit 'python train.py' --environment {ENVIRONMENT} --tier spot --code {tmp_path} --tags a=b"
    (tmp_path / "train.py").touch()
    assert main(shlex.split(line)) == 0
    out, err = capsys.readouterr()
    name = run_of(out)
    assert "tier" in err
    assert f"amlrun wait {name}" in err
    assert fake.job(name).tags["a"] == "b"
    assert main(["logs", name]) == 0
    assert f"{name} has written no log so far" in capsys.readouterr().err
    fake.advance(hours=1)
    fake.log(name, "trained")
    fake.output(name, "outputs/w.bin", "weights")
    assert main(["wait", name, "--no-progress"]) == 0
    assert main(["logs", name]) == 0
    assert capsys.readouterr().out == "trained\n"
    assert main(["download", name, "--to", str(tmp_path / "got")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "got")
    assert (tmp_path / "got" / "w.bin").read_text() == "weights"
    assert main(["status", name]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith(f"{name}  Completed")
    assert main(["status", name, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["status"], facts["ending"]) == (name, "Completed", "completed")
    assert facts["attempts"][0]["tier"] == "spot"
    assert facts["cost"]["currency"] == "USD"
    assert main(["download", name, "--name", "model"]) == 1


def test_a_plan_is_printed_and_can_be_sent(
    fake: FakeAml, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As a table, with all candidates, or as JSON, which `submit` takes; its words may stand apart."""
    words = ["--environment", ENVIRONMENT, "--cpus", "4", "--", "echo", "two words"]
    assert main(["plan", *words]) == 0
    assert "price" in capsys.readouterr().out
    assert main(["plan", "--explain", *words]) == 0
    assert "Standard_D" in capsys.readouterr().out
    assert main(["plan", "--json", *words]) == 0
    assert fake.jobs == ()
    kept = tmp_path / "plan.json"
    kept.write_text(capsys.readouterr().out)
    assert main(["submit", str(kept)]) == 0
    body = fake.job(run_of(capsys.readouterr().out)).body["properties"]
    assert body["command"] == "echo 'two words'"
    kept.write_text(kept.read_text(encoding="utf-8"), encoding="utf-16")  # as PowerShell's `>` does
    assert main(["submit", str(kept)]) == 0
    kept.write_bytes(b'{"plan": "\xff"}')
    for unreadable in (kept, tmp_path / "none.json"):
        assert main(["submit", str(unreadable)]) == 2
        assert f"{unreadable}: can't be read" in capsys.readouterr().err
    assert len(fake.jobs) == 2


def test_a_command_may_end_in_the_name_of_a_file(fake: FakeAml, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a command, however long; one word that ends so is a plan."""
    words = ["--environment", ENVIRONMENT, "--cpus", "4"]
    long = f"python train.py --note {'x' * 300} --config conf.json"
    assert main(["submit", long, *words]) == 0
    assert fake.job(run_of(capsys.readouterr().out)).body["properties"]["command"] == long
    assert main(["plan", "conf.JSON", *words]) == 2
    assert "conf.JSON" in capsys.readouterr().err


def test_options_that_nothing_follows_from_are_refused(
    fake: FakeAml, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is sent: how to wait, where nobody waits; the logs of several runs; a plan twice."""
    assert main(["submit", "echo", "--environment", ENVIRONMENT, "--logs", "--no-progress"]) == 2
    assert "--logs, --no-progress: without --wait nobody waits" in capsys.readouterr().err
    assert main(["resume", "x", "--on-exit", "cancel"]) == 2
    assert "--on-exit: without --wait" in capsys.readouterr().err
    assert main(["wait", "x", "y", "--logs"]) == 2
    assert "--logs: the logs of several runs" in capsys.readouterr().err
    assert not fake.calls
    with pytest.raises(SystemExit):
        main(["plan", "echo", "--explain", "--json"])


def test_quota_is_printed(fake: FakeAml, capsys: pytest.CaptureFixture[str]) -> None:
    """As the table that `quota()` prints."""
    fake.quota("standardDSv2Family", limit=8)
    assert main(["quota"]) == 0
    few = capsys.readouterr().out
    assert main(["quota", "--all"]) == 0
    assert len(capsys.readouterr().out) > len(few)


def test_what_went_wrong_is_told_on_stderr(fake: FakeAml, capsys: pytest.CaptureFixture[str]) -> None:
    """What happened and what to do, without a traceback, and a code that says which kind it is."""
    assert main(["wait", "nothing"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("Traceback")) == ("", 0)
    assert "There is no job named nothing" in err
    assert main(["submit", "echo", "--environment", ENVIRONMENT, "--cpus", "9999"]) == 4
    assert "9999" in capsys.readouterr().err
    assert main(["submit", "echo", "--tags", "x"]) == 2
    assert main(["submit", "no-such-plan.json"]) == 2
    assert fake.jobs == ()
    with pytest.raises(SystemExit) as caught:
        main(["submit", "echo", "--no-such-option"])
    assert caught.value.code == 2


def test_the_code_tells_how_a_run_ended(
    fake: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Failed, canceled, not over yet; of several runs that of the first that did not complete."""
    done, failed, canceled = (spot(client, requeue=False) for _ in range(3))
    fake.fail(failed.name)
    fake.advance(minutes=2)
    assert main(["wait", done.name, "--timeout", "0", "--no-progress"]) == 6
    assert main(["cancel", canceled.name]) == 0
    assert capsys.readouterr().out.startswith(f"{canceled.name}: Cancel")
    fake.advance(hours=1)
    assert main(["wait", done.name, "--no-progress"]) == 0
    assert main(["wait", failed.name]) == 1
    assert "the job's own code failed" in capsys.readouterr().err
    assert main(["wait", canceled.name]) == 3
    capsys.readouterr()
    assert main(["wait", done.name, canceled.name, failed.name]) == 3
    assert "the job's own code failed" in capsys.readouterr().err
    assert main(["wait", done.name, done.name]) == 0


def test_a_run_is_resumed_by_hand(
    fake: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """By any attempt's name, where none lives: the next one is sent, of the same job, under its next name."""
    run = spot(client)
    fake.inject(CanceledByPlatform(), job=run.name)
    assert main(["resume", run.name]) == 2
    assert "lives" in capsys.readouterr().err
    fake.advance(hours=1)
    assert main(["wait", run.name]) == 3
    assert f"amlrun resume {run.name}" in capsys.readouterr().err
    assert main(["resume", run.name]) == 0
    assert run_of(capsys.readouterr().out) == f"{run.name}-a2"
    assert main(["resume", f"{run.name}-a2"]) == 2
    fake.advance(hours=1)
    assert main(["wait", run.name]) == 0
    assert main(["resume", run.name]) == 2
    assert "has completed" in capsys.readouterr().err
    first, second = (fake.job(name).body["properties"] for name in (run.name, f"{run.name}-a2"))
    assert first["command"] == second["command"]
    assert second["environmentVariables"]["AMLRUN_LAST_ENDING"] == "canceled"


def test_a_run_that_nobody_waits_for_says_what_is_left_to_it(
    fake: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """An attempt that the policy has follows only while somebody waits: the status says so, and how."""
    run = spot(client)

    def left() -> tuple[bool, Any]:
        assert main(["status", run.name]) == 0
        said = f"attempt 2 follows while somebody waits: amlrun wait {run.name}" in capsys.readouterr().out
        assert main(["status", run.name, "--json"]) == 0
        return said, json.loads(capsys.readouterr().out)["next_attempt"]

    assert left() == (False, None)
    fake.preempt(run.name)
    fake.advance(hours=1)
    assert left() == (True, 2)
    run.cancel()
    assert left() == (False, None)


def test_a_name_that_is_none_keeps_nobody_from_waiting(
    fake: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the others, which are requeued; it is told once, at the beginning, and by the exit code."""
    run, other = spot(client), spot(client)
    fake.preempt(run.name)
    assert main(["wait", run.name, "nothing", other.name]) == 2
    told = capsys.readouterr().err
    assert told.startswith("amlrun: There is no job named nothing")
    assert told.count("no job named") == 1
    assert fake.job(f"{run.name}-a2").status == fake.job(other.name).status == "Completed"
    assert main(["wait", "nothing", "nor this"]) == 2


def test_what_was_canceled_through_amlrun_is_not_resumed(
    fake: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every watcher would cancel it again."""
    run = spot(client)
    fake.advance(minutes=2)
    run.cancel()
    fake.advance(hours=1)
    assert main(["resume", run.name]) == 2
    assert "canceled through amlrun" in capsys.readouterr().err
    late = spot(client)
    fake.preempt(late.name)
    fake.advance(hours=1)
    late.cancel()
    assert late.attempts[0].ending == "canceled-by-us"
    assert main(["resume", late.name]) == 2
    assert fake.jobs == (run.name, late.name)


def test_resume_can_wait(fake: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `wait` does, with its options."""
    run = spot(client)
    fake.inject(CanceledByPlatform(), job=run.name)
    fake.advance(hours=1)
    waits: list[Any] = []
    monkeypatch.setattr(
        Run, "wait", lambda self, timeout, **options: waits.append((self.name, timeout, options))
    )
    assert main(["resume", run.name, "--wait", "--logs", "--on-exit", "cancel"]) == 0
    assert waits == [(run.name, None, {"on_exit": "cancel", "logs": True, "progress": True})]


def test_another_workspace_can_be_named(
    fake: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the place of the configured one, for this one command."""
    run = spot(client)
    scope = fake.scope
    monkeypatch.setenv("AMLRUN_WORKSPACE", "no workspace")
    assert main(["status", run.name]) == 2
    named = f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
    assert main(["--workspace", named, "status", run.name]) == 0
    assert main(["status", run.name]) == 2
    monkeypatch.delenv("AMLRUN_WORKSPACE")
    assert main(["--workspace", named, "-v", "status", run.name]) == 0
    capsys.readouterr()


def test_a_defect_is_no_failed_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has a traceback, and a code of its own; an interrupt has one, too, and a word."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("amlrun.attach", broken)
    assert main(["cancel", "x"]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err
    monkeypatch.setattr("amlrun.attach", interrupted)
    assert main(["cancel", "x"]) == 130
    assert capsys.readouterr().err == "amlrun: interrupted\n"


def test_letters_that_a_stream_has_none_for_are_written_in_some_way(
    fake: FakeAml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log with the bars of a progress line, piped into a file of another encoding."""
    name = spot(fake.client()).name
    fake.log(name, "epoch 1 \u2588\n")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="cp1252", write_through=True))
    assert main(["logs", name]) == 0
    assert written.getvalue().split() == [b"epoch", b"1", b"\\u2588"]


def test_a_stream_that_is_closed_takes_all(fake: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `2>&-` leaves it; Python has none at all then."""
    name = spot(fake.client()).name
    monkeypatch.setattr("sys.stderr", None)
    monkeypatch.setattr("sys.stdout", None)
    assert main(["cancel", name]) == 0
    assert main(["wait", name]) == 3


@runs_scripts
def test_as_a_program(home: Path, source: Path, tmp_path: Path) -> None:
    """`python -m amlrun`: a job is sent, runs, and what it writes is printed."""
    (source / "train.py").write_text("print('trained')\n")
    line = f"-m amlrun submit 'python train.py' --code {source} --environment {ENVIRONMENT} --wait --logs"
    done = python(*shlex.split(line), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    name, *logs = done.stdout.splitlines()
    assert name
    assert logs[-1] == "trained"
    assert home.is_dir()


def test_following_a_run_needs_no_azure_ai_ml(tmp_path: Path) -> None:
    """Over a second that only `submit` pays for."""
    home = str(tmp_path / "home")
    code = f"import os; os.environ.update(AMLRUN_WORKSPACE='local', AMLRUN_LOCAL_HOME={home!r})\n"
    verbs = "wait resume status logs cancel download"
    code += (
        f"from amlrun._command_line import main\nfor verb in {verbs.split()!r}: assert main([verb, 'x']) == 2"
    )
    assert "azure.ai.ml" not in modules_after(code, tmp_path)
