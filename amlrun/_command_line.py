"""The verbs on a command line: `amlrun submit "python train.py" --code src --gpus 1 --tier spot`.

Results go to stdout, what is said on the way to stderr. Of `azure.ai.ml` only `submit` pays the import.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import amlrun
from amlrun._command_options import parser, submit_options
from amlrun._errors import (
    AmlrunError,
    ComputeNotFound,
    ComputeUnsuitable,
    InvalidRequest,
    JobCanceled,
    NotConfigured,
    NothingFits,
    OutputNotFound,
    PlacementNotApplied,
    PlanOutdated,
    QuotaError,
    RunError,
    WaitTimeout,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from amlrun._run import Run
    from amlrun._workspace import Workspace

DONE, FAILED, USAGE, CANCELED, NO_PLACE, SERVICE, NOT_OVER, DEFECT, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 70, 130
_VARIABLE = "AMLRUN_WORKSPACE"
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (JobCanceled, CANCELED),
    (RunError, FAILED),
    (WaitTimeout, NOT_OVER),
    (InvalidRequest, USAGE),
    (NotConfigured, USAGE),
    (OutputNotFound, FAILED),
    (ComputeNotFound, NO_PLACE),
    (ComputeUnsuitable, NO_PLACE),
    (QuotaError, NO_PLACE),
    (NothingFits, NO_PLACE),
    (PlanOutdated, NO_PLACE),
    (PlacementNotApplied, NO_PLACE),
    (AmlrunError, SERVICE),
    (OSError, SERVICE),
)
"""The first that an error is one of decides."""


@contextlib.contextmanager
def _writable() -> Iterator[None]:
    """A log may hold what the terminal has no letters for, and `2>&-` leaves nothing to write to."""
    with contextlib.ExitStack() as opened:
        redirections = ((sys.stdout, contextlib.redirect_stdout), (sys.stderr, contextlib.redirect_stderr))
        for stream, redirected in redirections:
            if stream is None:
                nowhere = opened.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
                opened.enter_context(redirected(nowhere))
            elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
        yield


@_writable()
def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was said, and return the exit code. Errors are told on stderr: what happened, what to do."""
    said = parser().parse_args(arguments)
    if said.verbose:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("amlrun").setLevel(logging.INFO)
    try:
        with _in_workspace(said.workspace):
            return _VERBS[said.verb](said)
    except BrokenPipeError:  # who reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        _tell("amlrun: interrupted")
        return INTERRUPTED
    except (AmlrunError, OSError) as error:
        _tell(f"amlrun: {error}")
        return exit_code(error)
    except Exception:  # noqa: BLE001  1 says that a run failed
        traceback.print_exc()
        return DEFECT


def exit_code(error: BaseException) -> int:
    """What a process ends with for this error."""
    return next(code for kind, code in _CODES if isinstance(error, kind))


@contextlib.contextmanager
def _in_workspace(named: str | None) -> Iterator[None]:
    """With that workspace in the place of the one that is configured."""
    if named is None:
        yield
        return
    if not named.strip():
        raise InvalidRequest(
            "--workspace names none", argument="workspace", hint="Leave it out: as configured."
        )
    from amlrun._connect import named_by

    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = named
    mark = named_by.set("--workspace")
    try:
        yield
    finally:
        named_by.reset(mark)
        os.environ.pop(_VARIABLE)
        os.environ.update({} if before is None else {_VARIABLE: before})


def _submit(said: argparse.Namespace) -> int:
    _check_waiting(said)
    run = amlrun.submit(_job(said.job), **submit_options(said))
    _tell(str(run.plan))
    _tell(run.url)
    _print(run.name)
    if said.wait:
        return _waited([run], said, None)
    _tell(f"amlrun wait {run.name} waits for it")
    return DONE


def _plan(said: argparse.Namespace) -> int:
    plan = amlrun.plan(_job(said.job), **submit_options(said))
    _print(plan.to_json() if said.json else plan.explain() if said.explain else str(plan))
    return DONE


def _quota(said: argparse.Namespace) -> int:
    _print(amlrun.quota().table(all=said.all))
    return DONE


def _wait(said: argparse.Namespace) -> int:
    if said.logs and len(said.runs) > 1:
        hint = "amlrun logs <run> prints one's log; --logs hands on that of one run."
        raise InvalidRequest("--logs: the logs of several runs are not handed on", argument="logs", hint=hint)
    return _waited(_attached(said.runs), said, said.timeout)


def _attached(names: Sequence[str]) -> list[Run | AmlrunError]:
    """These runs; one that isn't to be had is told at once, and keeps nobody from waiting for the others."""
    runs: list[Run | AmlrunError] = []
    for name in names:
        try:
            runs.append(amlrun.attach(name))
        except AmlrunError as error:  # noqa: PERF203 - of one run
            runs.append(error)
    missing = [one for one in runs if isinstance(one, AmlrunError)]
    if len(missing) == len(runs):
        raise missing[0]
    for one in missing:
        _tell(f"amlrun: {one}")
    return runs


def _resume(said: argparse.Namespace) -> int:
    from amlrun._resume import resume
    from amlrun._run import Run
    from amlrun._workspace import workspace_of

    _check_waiting(said)
    workspace = workspace_of(None)
    run = Run(workspace, resume(workspace, said.run))
    _tell(f"{run.name}: attempt {run.attempt} is sent, {run.url}")
    _print(run.attempts[-1].name)
    return _waited([run], said, None) if said.wait else DONE


def _status(said: argparse.Namespace) -> int:
    run = amlrun.attach(said.run)
    if said.json:
        _print(json.dumps(_facts(run), indent=2))
        return DONE
    number = _following(run)
    follows = f"attempt {number} follows while somebody waits: amlrun wait {run.name}" if number else ""
    _print("\n".join(filter(None, (str(run.attempts), follows, str(run.cost()), run.url))))
    return DONE


def _following(run: Run) -> int | None:
    """The number of the attempt that the policy has for a run whose last one is over; None: none."""
    from amlrun._decision import Retry, next_attempt

    if run.attempts[-1].ending is None:
        return None
    decision = next_attempt(run.name, run.attempts, run.requeue)
    return run.attempt + 1 if isinstance(decision, Retry) else None


def _logs(said: argparse.Namespace) -> int:
    run = amlrun.attach(said.run)
    text = run.logs(said.attempt)
    if not text:
        _tell(f"{run.name} has written no log so far; those of steps and trials are on its page: {run.url}")
    sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
    return DONE


def _cancel(said: argparse.Namespace) -> int:
    run = amlrun.attach(said.run).cancel()
    _print(f"{run.name}: {run.status}")
    return DONE


def _download(said: argparse.Namespace) -> int:
    _print(str(amlrun.attach(said.run).download(said.name, said.to)))
    return DONE


def _doctor(said: argparse.Namespace) -> int:
    from amlrun._checks import Level, worst
    from amlrun._doctor.judge import checks_of
    from amlrun._doctor.look import look
    from amlrun._doctor.report import as_json, as_text
    from amlrun._workspace import workspace_of

    _check_verifying(said)
    if said.verify and _on_local():
        return _verify(said, workspace_of(None))  # which refuses it, before all else
    seen, workspace = look(os.environ)
    checks = checks_of(seen)
    _print(as_json(seen, checks) if said.json else as_text(seen, checks))
    if workspace is None:
        return USAGE
    fails = worst(checks) is Level.FAILS
    if fails and said.verify:
        _tell("Nothing was sent: what fails comes first")
    return FAILED if fails else _verify(said, workspace) if said.verify else DONE


def _on_local() -> bool:
    from amlrun._connect import configured

    with contextlib.suppress(NotConfigured):
        return configured().scope is None
    return False


def _verify(said: argparse.Namespace, workspace: Workspace) -> int:
    from amlrun._verify.command import verified

    return verified(
        workspace,
        yes=said.yes,
        evidence_file=said.evidence,
        max_cost=said.max_cost,
        environment=said.environment,
    )


def _check_verifying(said: argparse.Namespace) -> None:
    """Refuse what says how to verify where nothing is."""
    names = {"--yes": said.yes, "--evidence": said.evidence, "--max-cost": said.max_cost}
    useless = [name for name, value in {**names, "--environment": said.environment}.items() if value]
    if useless and not said.verify:
        message = f"{', '.join(useless)}: without --verify nothing is sent"
        raise InvalidRequest(message, argument="verify", hint="Add --verify.")
    if said.verify:
        from amlrun._verify.command import check_said

        check_said(said.evidence, said.max_cost)


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "submit": _submit,
    "plan": _plan,
    "quota": _quota,
    "wait": _wait,
    "resume": _resume,
    "status": _status,
    "logs": _logs,
    "cancel": _cancel,
    "download": _download,
    "doctor": _doctor,
}


def _check_waiting(said: argparse.Namespace) -> None:
    """Refuse what says how to wait where nobody does."""
    options = {"--on-exit": said.on_exit != "leave", "--logs": said.logs, "--no-progress": not said.progress}
    useless = [option for option, is_said in options.items() if is_said]
    if useless and not said.wait:
        message = f"{', '.join(useless)}: without --wait nobody waits"
        raise InvalidRequest(message, argument="wait", hint="Add --wait, or wait later: amlrun wait <run>.")


def _waited(runs: Sequence[Run | AmlrunError], said: argparse.Namespace, timeout: float | None) -> int:
    """Wait for all of them; the exit code of the first that did not complete."""
    if len(runs) == 1 and not isinstance(run := runs[0], AmlrunError):
        run.wait(timeout, on_exit=said.on_exit, logs=said.logs, progress=said.progress)
        _tell(str(run.cost()))
        return DONE
    ends = amlrun.watch(runs, timeout=timeout, on_exit=said.on_exit, progress=said.progress)
    errors = [end for end in ends if isinstance(end, AmlrunError)]
    for error in errors:
        if error not in runs:
            _tell(f"amlrun: {error}")
    return exit_code(errors[0]) if errors else DONE


def _job(words: Sequence[str]) -> Any:
    """The job: a command line, a job file, or a plan."""
    if len(words) > 1:
        return shlex.join(words)
    (word,) = words
    if not word.lower().endswith(".json") or (len(word.split()) > 1 and not _is_file(word)):
        return word
    from amlrun._plan import Plan

    try:
        read = Path(word).read_bytes()
        text = read.decode(json.detect_encoding(read))  # of a file by `>` it is the shell's: also UTF-16
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{word}: can't be read ({error})", argument="job") from error
    return Plan.from_json(text)


def _is_file(word: str) -> bool:
    return os.path.isfile(word)  # noqa: PTH113 - a long command is no file; Path raises on its length


def _facts(run: Run) -> dict[str, Any]:
    cost = run.cost()
    costs = {row.attempt.name: row.total for row in cost.attempts}
    last = run.attempts[-1]
    return {
        "name": run.name,
        "status": run.status,
        "ending": last.ending,
        "next_attempt": _following(run),
        "url": run.url,
        "attempts": [
            {
                "name": attempt.name,
                "number": attempt.number,
                "status": attempt.status,
                "ending": attempt.ending,
                "error": attempt.error,
                "failed_step": attempt.failed_step,
                "seconds": attempt.seconds,
                "instance_type": attempt.plan.instance_type,
                "tier": attempt.plan.tier,
                "cost": costs[attempt.name],
            }
            for attempt in run.attempts
        ],
        "outputs": run.outputs,
        "cost": {
            "total": cost.total,
            "on_demand": cost.on_demand,
            "currency": cost.currency,
            "at_most": cost.at_most,
        },
    }


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
