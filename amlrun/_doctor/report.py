"""The doctor's report: as text for a terminal or a pipe, and as JSON. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from amlrun._checks import Level, worst
from amlrun._tables import table, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._checks import Check
    from amlrun._doctor.seen import Asked, Seen

VERSION = 1
"""Of the form of the JSON."""
_INDENT = " " * 9
_FINE = 200
_ABOVE = "The same as above mends it."
_SHOWN = ("amlrun", "azure-ai-ml", "azure-identity", "azure-core", "azure-storage-blob")
_ANSWERS = {
    "can submit": "right-to-submit",
    "can follow": "right-to-follow",
    "reads quota": "right-to-read-quota",
}
"""The questions that are answered first, and the checks that answer them."""
_ANSWER = {Level.OK: True, Level.FAILS: False, Level.WARNING: False}
_WORDS = {True: "yes", False: "no", None: "not known"}
_WITHOUT = frozenset({"read-workspace", "reach-workspace", "tenant"})
"""What fails where nothing can be done at all: somebody has looked."""
_OF_THE_WORKSPACE = frozenset({"can submit", "can follow"})


def as_text(seen: Seen, checks: Sequence[Check]) -> str:
    """Facts, the answers to what is asked first, the requests, then each check that isn't fine."""
    blocks = [table(_facts(seen, checks), wraps=True)]
    if seen.asked:
        blocks.append("requests\n" + table(_request(one) for one in seen.asked))
    told = [check for check in checks if check.level is not Level.OK]
    ways_out: set[str] = set()
    for check in sorted(told, key=lambda one: -_grave(one)):
        blocks.append("\n".join(_told(check, again=check.todo in ways_out)))
        ways_out.update({check.todo} if check.todo else ())
    blocks.append(_summary(checks))
    return "\n\n".join(blocks)


def as_json(seen: Seen, checks: Sequence[Check]) -> str:
    """The same for programs: `worst` is a word of `Level`, `checks` are all of them."""
    whole: dict[str, Any] = {
        "version": VERSION,
        "worst": worst(tuple(checks)).value,
        **seen.to_dict(),
        "answers": {question.replace(" ", "_"): said for question, said in _answers(checks).items()},
        "checks": [check.to_dict() for check in checks],
    }
    return json.dumps(whole, indent=2)


_SUMMARY = {
    Level.OK: "Nothing is known that would stop a job.",
    Level.NOTE: "Nothing is known that would stop a job.",
    Level.UNKNOWN: "Nothing is known that would stop a job; not all of it could be seen.",
    Level.WARNING: "Jobs can be sent; what is warned of may stop one.",
    Level.FAILS: "A job would fail.",
}
_UNSURE = "Whether jobs can be sent is known when one is; what is warned of may stop one."


def _summary(checks: Sequence[Check]) -> str:
    gravest = worst(tuple(checks))
    unsure = gravest is Level.WARNING and _answers(checks)["can submit"] is None
    return _UNSURE if unsure else _SUMMARY[gravest]


def _answers(checks: Sequence[Check]) -> dict[str, bool | None]:
    """Yes or no; None: nobody has looked, or could."""
    levels = {check.name: check.level for check in checks}
    nothing = any(levels.get(name) is Level.FAILS for name in _WITHOUT)
    return {
        question: False
        if nothing and question in _OF_THE_WORKSPACE
        else _ANSWER.get(levels.get(name, Level.UNKNOWN))
        for question, name in _ANSWERS.items()
    }


def _facts(seen: Seen, checks: Sequence[Check]) -> Iterator[tuple[str, str]]:
    if seen.account is not None:
        yield "account", f"{seen.account} ({seen.account.kind.value}), tenant {seen.account.tenant}"
        yield "signed in by", seen.way
    yield "workspace", seen.workspace or "none"
    if seen.source:
        yield "named in", seen.source
    if seen.folder:
        yield "folder", seen.folder
    if seen.rules:
        yield "team's file", f"{seen.team} ({', '.join(seen.rules)})"
    if seen.market is not None and seen.market.location:
        yield "region", seen.market.location
    for question, said in _answers(checks).items():
        yield question, _WORDS[said]
    if seen.market is not None and seen.market.quota is not None:
        free = [f"{one.used} of {one.limit} {kind} vCPUs in use" for kind, one in seen.totals.items()]
        yield "quota", "; ".join(free) or "no total is told"
    yield "python", seen.python
    shown = [f"{name} {seen.versions[name]}" for name in _SHOWN if name in seen.versions]
    yield "versions", ", ".join(shown)
    yield "in between", ", ".join(f"{name}={value}" for name, value in seen.settings.items()) or "no proxy"


def _request(one: Asked) -> tuple[str, str, str]:
    status = {None: "broke off", 0: "no answer"}.get(one.status, str(one.status))
    if one.status == _FINE and not one.fine:
        status = "no JSON"  # somebody in between has answered
    return f"  {status}", one.of, one.what


def _told(check: Check, *, again: bool) -> Iterator[str]:
    head, several = f"{check.level.value:<9}", "\n" in check.why
    because = f": {check.why}" if check.why and not several else ":" if several else ""
    yield wrapped(f"{check.what}{because}", first=head, then=_INDENT)
    for line in check.why.splitlines() if several else ():
        yield wrapped(line, first=f"{_INDENT}  ", then=f"{_INDENT}    ")
    for line in [_ABOVE] if again else check.todo.splitlines():
        # A command stays in one line: it is to be copied.
        yield f"{_INDENT}{line.strip()}" if "az role" in line else wrapped(line, first=_INDENT, then=_INDENT)


def _grave(check: Check) -> int:
    return tuple(Level).index(check.level)
