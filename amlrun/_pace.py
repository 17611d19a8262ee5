"""How fast a batch may write: below ARM's limit on the writes of one caller, so that nothing is throttled."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlrun._clock import Clock

AT_ONCE, PER_SECOND = 100, 8.0
"""Documented for a region, a subscription and a caller: 200 at once, refilled at 10 a second. What is left is
for uploads, for clusters, and for whatever else the same account does meanwhile."""


class Pace:
    """Jobs one after the other: so many at once, and then at a steady rate. Safe to share between threads."""

    def __init__(self, clock: Clock, *, at_once: int = AT_ONCE, per_second: float = PER_SECOND) -> None:
        self._clock, self._every = clock, 1 / per_second
        self._burst = (at_once - 1) * self._every
        self._lock = threading.Lock()
        self._due = -math.inf

    def keep(self) -> None:
        """Come back when it is this job's turn."""
        with self._lock:
            now = self._clock.now()
            turn = max(self._due, now - self._burst)
            self._due = turn + self._every
        if turn > now:
            self._clock.sleep(turn - now)
