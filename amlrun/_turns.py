"""Whose turn it is to be looked at: when each run of a wait is due, and how that changes. Pure.

Moments are seconds of the wait's own timeline.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_LOOK = 2.0
LONGEST_INTERVAL = 60.0
GROWTH = 1.5
SOON = 0.5
"""Seconds: runs that are due this closely together are looked at together."""
FIRST_QUESTION = 120.0
"""Seconds in one state after which a run that has yet to begin is asked what it waits for, and then …"""
LONGEST_SILENCE = 1800.0
"""… after twice as long each time, up to this: it costs a handful of requests, not one."""


@attrs.frozen
class Turn:
    """When a run is due, and how long it is left alone after that."""

    due: float = 0.0
    interval: float = FIRST_LOOK

    def looked(self, now: float, left: float = math.inf) -> Turn:
        """After a look that found it as it was; `left` are the seconds in which something is to be done."""
        wait = min(self.interval, left) if left > 0 else self.interval
        return Turn(now + wait, min(self.interval * GROWTH, LONGEST_INTERVAL))

    def until(self, now: float, moment: float) -> Turn:
        """While nothing is to be done before that moment but to see whether it is still wanted."""
        return Turn(max(now, min(moment, now + LONGEST_INTERVAL)), FIRST_LOOK)


@attrs.frozen
class Question:
    """When to ask what a run waits for, which has been in one state since a moment."""

    due: float = FIRST_QUESTION
    silence: float = FIRST_QUESTION

    @classmethod
    def since(cls, moment: float) -> Question:
        """For a state that began then."""
        return cls(moment + FIRST_QUESTION)

    def asked(self, now: float) -> Question:
        """After it was asked."""
        return Question(now + self.silence, min(2 * self.silence, LONGEST_SILENCE))


def next_due(turns: Iterable[Turn]) -> float:
    """The moment at which somebody is due; endless where there is nobody."""
    return min((turn.due for turn in turns), default=math.inf)


def is_due(turn: Turn, now: float) -> bool:
    """Whether it is, or nearly."""
    return turn.due <= now + SOON
