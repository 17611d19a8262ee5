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
_SHOWN = ("amlrun", "azure-ai-ml", "azure-identity", "azure-core", "azure-storage-blob")
_ANSWERS = {
    "can submit": "right-to-submit",
    "can follow": "right-to-follow",
    "reads quota": "right-to-read-quota",
}
"""The questions that are answered first, and the checks that answer them."""
_WORDS = {Level.OK: "yes", Level.FAILS: "no", Level.WARNING: "no"}
_WITHOUT = frozenset({"workspace", "signed-in", "read-workspace", "reach-workspace"})
"""What fails where nothing can be done at all."""


def as_text(seen: Seen, checks: Sequence[Check]) -> str:
    """Facts, the answers to what is asked first, the requests, then each check that isn't fine."""
    blocks = [table(_facts(seen, checks), wraps=True)]
    if seen.asked:
        blocks.append("requests\n" + table(_request(one) for one in seen.asked))
    told = [check for check in checks if check.level is not Level.OK]
    blocks += ["\n".join(_told(check)) for check in sorted(told, key=lambda one: -_grave(one))]
    blocks.append(_SUMMARY[worst(tuple(checks))])
    return "\n\n".join(blocks)


def as_json(seen: Seen, checks: Sequence[Check]) -> str:
    """The same for programs: `worst` is a word of `Level`, `checks` are all of them."""
    whole: dict[str, Any] = {
        "version": VERSION,
        "worst": worst(tuple(checks)).value,
        **seen.to_dict(),
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


def _facts(seen: Seen, checks: Sequence[Check]) -> Iterator[tuple[str, str]]:
    if seen.account is not None:
        yield "account", f"{seen.account} ({seen.account.kind.value}), tenant {seen.account.tenant}"
        yield "signed in by", seen.way
    yield "workspace", seen.workspace or "none"
    if seen.source:
        yield "named in", seen.source
    if seen.folder:
        yield "folder", seen.folder
    if seen.market is not None and seen.market.location:
        yield "region", seen.market.location
    nothing = any(check.name in _WITHOUT and check.level is Level.FAILS for check in checks)
    levels = {check.name: check.level for check in checks}
    for question, name in _ANSWERS.items():
        yield question, "no" if nothing else _WORDS.get(levels.get(name, Level.UNKNOWN), "not known")
    quota = seen.market.quota if seen.market is not None else None
    if quota is not None:
        totals = {"dedicated": quota.dedicated_total, "spot": quota.spot_total}
        free = [f"{one.used} of {one.limit} {kind} vCPUs in use" for kind, one in totals.items() if one]
        yield "quota", "; ".join(free) or "no total is told"
    yield "python", seen.python
    shown = [f"{name} {seen.versions[name]}" for name in _SHOWN if name in seen.versions]
    yield "versions", ", ".join(shown)
    yield "in between", ", ".join(f"{name}={value}" for name, value in seen.settings.items()) or "no proxy"


def _request(one: Asked) -> tuple[str, str, str]:
    status = {None: "broke off", 0: "no answer"}.get(one.status, str(one.status))
    return f"  {status}", one.of, one.what


def _told(check: Check) -> Iterator[str]:
    because = f": {check.why}" if check.why else ""
    yield wrapped(f"{check.what}{because}", first=f"{check.level.value:<9}", then=_INDENT)
    for line in check.todo.splitlines():
        # A command stays in one line: it is to be copied.
        yield f"{_INDENT}{line.strip()}" if "az role" in line else wrapped(line, first=_INDENT, then=_INDENT)


def _grave(check: Check) -> int:
    return tuple(Level).index(check.level)
