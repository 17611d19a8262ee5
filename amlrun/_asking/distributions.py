"""What a job says of its processes: how they find each other, and how many of them are on a node. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amlrun._errors import InvalidRequest
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

DISTRIBUTIONS = ("pytorch", "mpi", "tensorflow", "ray")
COUNTS = {"process_count_per_instance": 1, "worker_count": 1, "parameter_server_count": 0}
"""What a distribution counts, and the least that each may be."""
_A_GPU_EACH = "pytorch"


def distribution_of(kind: Any, counts: Mapping[str, Any], *, texts: bool) -> str:
    """Its type, in small letters. Raises `InvalidRequest` for one that nobody knows, and for wrong counts.

    `texts`: a number may be in quotes, as in a file, whose reader makes it one.
    """
    if str(kind).lower() not in DISTRIBUTIONS:
        message = f"distribution: {shown(kind)} is not one of {', '.join(DISTRIBUTIONS)}"
        raise InvalidRequest(message, argument="job", hint="It is said in the job: distribution.type.")
    for name, count in counts.items():
        _check(name, count, texts=texts)
    return str(kind).lower()


def processes_of(kind: str, counts: Mapping[str, Any]) -> int | None:
    """How many processes of each node want a GPU of their own; None: it isn't known that any does."""
    count = str(counts["process_count_per_instance"])
    return int(count) if kind == _A_GPU_EACH and count.isdecimal() else None


def _check(name: str, count: Any, *, texts: bool) -> None:
    """A binding is filled in by the service."""
    if count is None or "${{" in str(count):
        return
    number = re.fullmatch(r"\d+", str(count)) and (texts or not isinstance(count, str))
    if not number or int(count) < COUNTS[name]:
        message = f"distribution: {name} is {shown(count)}"
        raise InvalidRequest(message, argument="job", hint=f"A whole number, {COUNTS[name]} or more.")
