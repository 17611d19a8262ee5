"""`Check`: one thing that was looked at before a job goes, how it stands, why, and what to do. Pure."""

from __future__ import annotations

import enum
from typing import Any

import attrs


class Level(enum.Enum):
    """How a thing that was looked at stands, from the best to the worst."""

    OK = "ok"
    NOTE = "note"
    """Good to know; nothing is wrong."""
    UNKNOWN = "unknown"
    """It couldn't be found out: no answer is neither a yes nor a no."""
    WARNING = "warning"
    """A job may fail, or do otherwise than is hoped for."""
    FAILS = "fails"
    """It is certain that a job fails."""

    def __str__(self) -> str:
        return self.value


@attrs.frozen
class Check:
    """What was looked at, under a stable `name` (kebab-case), and what was found.

    `what` is a sentence without its full stop, `why` its cause, `todo` the way out; either may be empty.
    """

    name: str
    level: Level
    what: str
    why: str = ""
    todo: str = ""

    @property
    def words(self) -> str:
        """All of it in one line, as a plan warns of it."""
        because = f": {self.why}" if self.why else ""
        return f"{self.what}{because}. {self.todo}".rstrip(". ")

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {**attrs.asdict(self), "level": self.level.value}


def worst(checks: tuple[Check, ...]) -> Level:
    """Of all of them; `OK` of none."""
    order = tuple(Level)
    return max((check.level for check in checks), key=order.index, default=Level.OK)
