"""What can be said on the command line: its verbs, and the arguments of `submit` under their own names."""

from __future__ import annotations

import argparse
import inspect
import json
import os
from typing import TYPE_CHECKING, Any

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXIT_CODES = """\
exit codes:
  0  done; of wait: the run has completed
  1  the run did not complete: it failed, or its attempts are used up; there is no such output;
     of doctor: a job would fail; with --verify: the service answered otherwise than is assumed
  2  wrong usage: an argument, a name, or no workspace is configured
  3  the run was canceled, or its time was over
  4  the job has no place: quota, needs, a compute, a plan that is outdated; nothing was sent
  5  the service or this machine refused, or gave no answer
  6  wait's own time is over; the run goes on
 70  a defect of amlrun, with a traceback
130  interrupted (143: by SIGTERM); a run that was sent goes on, unless --on-exit cancel was said
"""
ONE = "NAME=VALUE"
_TEXTS = {
    "tier": "standard, spot or auto",
    "identity": "user, managed, managed:<client id, or name> or token",
    "code": "folder to send along",
    "environment": "where it runs: azureml:<name>:<version>, <name>@latest, azureml://registries/…",
    "name": "the job's name",
    "display_name": "what it is called in the studio",
    "experiment_name": "the experiment that it belongs to",
}
_LISTS = {
    "compute": "serverless, or a compute's name; several, in order of preference",
    "instance_type": "size of a node; several, in order of preference",
    "gpu": "model of the GPUs; several: any of them",
}
_NUMBERS: dict[str, tuple[Callable[[str], float], str]] = {
    "instance_count": (int, "nodes"),
    "cpus": (int, "vCPUs of a node, at least"),
    "memory_gb": (float, "memory of a node, at least"),
    "gpus": (int, "GPUs of a node"),
    "timeout": (float, "seconds, of each attempt"),
}
_PAIRS = {
    "needs": "more needs of a node: disk_gb=200, max_price_per_hour=2.5, …",
    "requeue": "off, or a setting of the policy: preemptions=3, max_cost=20, waits=60,300, …",
    "inputs": 'an input: a text, a number, or data as JSON: {"type": "uri_folder", "path": …}',
    "outputs": 'an output, as JSON: {"type": "uri_folder"}',
    "environment_variables": "a variable of the job; the name alone: its value here",
    "tags": "a tag",
}
_VALUES_ARE_TEXT = frozenset({"environment_variables", "tags"})
_VALUES_ARE_SENT = frozenset({"inputs", "outputs"})
OPTIONS = (*_TEXTS, *_LISTS, *_NUMBERS, *_PAIRS)
"""The arguments of `submit` that can be said: all of them."""


def parser() -> argparse.ArgumentParser:
    """All verbs. What it leaves in `verb` is the verb's name."""
    top = argparse.ArgumentParser(
        prog="amlrun",
        description="From a training script to a finished Azure Machine Learning job.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument(
        "--workspace", help="<subscription>/<resource group>/<workspace>, or local (default: as configured)"
    )
    top.add_argument("-v", "--verbose", action="store_true", help="tell what is done on the way")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="verb")

    def verb(name: str, what: str) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=what, description=what, allow_abbrev=False)
        # As well behind the verb; what was said before it is left as it is.
        found.add_argument("--workspace", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return found

    submit = verb("submit", "plan a job, send it, and print the run's name")
    _add_job(submit)
    submit.add_argument("--wait", action="store_true", help="and wait for it, as `amlrun wait` does")
    _add_waiting(submit)
    plan = verb("plan", "print where a job would go, what that costs, and why; sends nothing")
    _add_job(plan)
    printed = plan.add_mutually_exclusive_group()
    printed.add_argument("--explain", action="store_true", help="every candidate, and what is against it")
    _add_json(printed, "the plan as JSON: `amlrun submit <file>.json` sends it")
    quota = verb("quota", "print Azure ML's quota of the workspace's region")
    quota.add_argument("--all", action="store_true", help="families without limit and use, too")
    wait = verb("wait", "wait for runs, requeueing as their policies say; goes on from any machine")
    wait.add_argument("runs", nargs="+", metavar="run", help="the name of any of its attempts")
    wait.add_argument("--timeout", type=float, help="seconds; the runs go on after it")
    _add_waiting(wait)
    resume = verb("resume", "start a next attempt by hand, of a run that is over and did not complete")
    _add_run(resume)
    resume.add_argument("--wait", action="store_true", help="and wait for it, as `amlrun wait` does")
    _add_waiting(resume)
    status = verb("status", "print how a run stands: attempts, cost, page")
    _add_run(status)
    _add_json(status, "as JSON")
    logs = verb("logs", "print what a run has written")
    _add_run(logs)
    logs.add_argument("--attempt", type=int, help="which attempt's (default: the last one's)")
    _add_run(verb("cancel", "cancel a run, and its requeueing on any machine"))
    doctor = verb("doctor", "print who and where you are, what you may do here, and what would go wrong")
    told = doctor.add_mutually_exclusive_group()
    _add_json(told, "as JSON")
    told.add_argument(
        "--verify", action="store_true", help="send a few tiny jobs, after a question, and see what is so"
    )
    doctor.add_argument("--yes", action="store_true", help="with --verify: send them without a question")
    doctor.add_argument("--evidence", help="with --verify: the file for what the service answered")
    doctor.add_argument("--max-cost", type=float, help="with --verify: USD that may be spent at most")
    doctor.add_argument("--environment", help="with --verify: what its jobs run in (default: a curated one)")
    download = verb("download", "bring the outputs of a run's last attempt, and print their folder")
    _add_run(download)
    download.add_argument("--name", help="a named output (default: what the code left in outputs/)")
    download.add_argument("--to", help="folder (default: <run>/<name>)")
    return top


def submit_options(said: argparse.Namespace) -> Any:
    """The keyword arguments of `submit` that were said. Raises `InvalidRequest`."""
    found: dict[str, Any] = {}
    for name in OPTIONS:
        value = getattr(said, name)
        if value is None:
            continue
        if name in _LISTS:
            found[name] = value[0] if len(value) == 1 else value
        elif name in _PAIRS:
            found[name] = _value_of(name, value)
        else:
            found[name] = value
    return found


def _value_of(name: str, said: Sequence[str]) -> Any:
    if name == "requeue" and list(said) == ["off"]:
        return False
    pairs = dict(_pair(name, one) for one in said)
    if name not in {"needs", "requeue"}:
        return pairs
    from amlrun._needs import Needs  # noqa: PLC0415  the parser itself is light
    from amlrun._requeue import Requeue  # noqa: PLC0415  the same

    if name == "requeue" and "waits" in pairs:
        pairs["waits"] = _several(pairs["waits"])
    kind = Needs if name == "needs" else Requeue
    known = inspect.signature(kind).parameters
    unknown = [one for one in pairs if one not in known]
    if unknown:
        message = f"--{name} {unknown[0]}: there is no such setting"
        raise InvalidRequest(message, argument=name, hint=f"There are: {', '.join(known)}.")
    return kind(**pairs)


def _pair(option: str, said: str) -> tuple[str, Any]:
    name, is_pair, value = said.partition("=")
    if option == "environment_variables" and not is_pair:
        if name not in os.environ:
            raise InvalidRequest(f"--environment-variables {name}: it isn't set here", argument=option)
        return name, os.environ[name]
    if not is_pair or not name:
        raise InvalidRequest(f"{_flag(option)} {said}: say {ONE}", argument=option)
    if option in _VALUES_ARE_SENT:
        return name, _sent(f"{_flag(option)} {name}", option, value)
    return name, value if option in _VALUES_ARE_TEXT else _json_or_text(value)


def _sent(said: str, option: str, value: str) -> Any:
    """JSON where it begins like JSON's objects and texts; all else as it was typed, `1.10` and `true` too.

    Raises `InvalidRequest` for what begins so and is none: the job would be given the text of it.
    """
    if value[:1] not in {"{", '"'}:
        number = _json_or_text(value)
        is_same = type(number) in {int, float} and str(number) == value
        return number if is_same else value
    try:
        return json.loads(value)
    except ValueError as error:
        hint = 'Data is {"type": "uri_folder", "path": …}; a text that begins so is said in JSON, too.'
        raise InvalidRequest(f"{said}: not JSON ({error})", argument=option, hint=hint) from error


def _several(value: Any) -> Any:
    """`60`, `60,300` and `(60, 300)` are lists, too."""
    if isinstance(value, str):
        return [_json_or_text(one) for one in value.strip("() ").split(",") if one.strip()]
    return value if isinstance(value, list) else [value]


def _json_or_text(value: str) -> Any:
    """`3`, `true`, `[1, 2]` and `{"type": …}` as JSON has them; all else is text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _add_job(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "job",
        nargs="+",
        help="a command in quotes (or after --, word by word), a job file (.yml), or a plan (.json)",
    )
    for name, what in _TEXTS.items():
        verb.add_argument(_flag(name), dest=name, help=what)
    for name, what in _LISTS.items():
        verb.add_argument(_flag(name), dest=name, action="append", help=what)
    for name, (kind, what) in _NUMBERS.items():
        verb.add_argument(_flag(name), dest=name, type=_number(kind), help=what)
    for name, what in _PAIRS.items():
        verb.add_argument(
            _flag(name), dest=name, action="append", metavar=ONE, help=f"{what}; again for more"
        )


def _number(kind: Callable[[str], float]) -> Callable[[str], float | str]:
    """What is no number is handed on: the argument itself knows what may have been meant."""

    def read(text: str) -> float | str:
        try:
            return kind(text)
        except ValueError:
            return text

    return read


def _add_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("run", help="the name of any of its attempts")


def _add_waiting(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--on-exit", choices=("leave", "cancel"), default="leave", help="what an interrupt does"
    )
    verb.add_argument("--logs", action="store_true", help="print what the job writes, of one run")
    verb.add_argument("--no-progress", dest="progress", action="store_false", help="don't tell how it stands")


def _add_json(verb: argparse._ActionsContainer, what: str) -> None:
    verb.add_argument("--json", action="store_true", help=what)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
