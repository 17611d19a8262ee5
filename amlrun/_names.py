"""The names that amlrun gives: of attempts, and of what it puts into a job. Pure and light: jobs load it."""

from __future__ import annotations

import re

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}")
"""What a job can be called."""
CHECKPOINTS = "amlrun_checkpoints"
"""The output that survives a requeue: the same datastore path for every attempt of a group."""
CHECKPOINT_VARIABLE = "AMLRUN_CHECKPOINT_DIR"
GROUP_VARIABLE = "AMLRUN_GROUP"
ATTEMPT_VARIABLE = "AMLRUN_ATTEMPT"
LAST_ENDING_VARIABLE = "AMLRUN_LAST_ENDING"
OWN_VARIABLES = frozenset({CHECKPOINT_VARIABLE, GROUP_VARIABLE, ATTEMPT_VARIABLE, LAST_ENDING_VARIABLE})


def attempt_name(group: str, number: int) -> str:
    """`<group>`, then `<group>-a2`, `<group>-a3`."""
    return group if number == 1 else f"{group}-a{number}"


_ATTEMPT = re.compile(r"(.+)-a([1-9]\d*)")


def as_attempt(name: str) -> tuple[str, int] | None:
    """The group and the number of an attempt that would have this name; None: it can't be one's."""
    found = _ATTEMPT.fullmatch(name)
    return (found[1], int(found[2])) if found and int(found[2]) > 1 else None
