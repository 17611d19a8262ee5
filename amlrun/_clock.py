"""Time, in one place: what waits or looks at the time does it through a `Clock`.

`RealClock` is the machine's. A fake workspace brings its own, so that a wait there costs no time.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, and how to let it pass."""

    def now(self) -> float:
        """Seconds since 1970, as wall clocks count them: a laptop's sleep is in it."""

    def sleep(self, seconds: float) -> None:
        """Come back when this many seconds have passed."""


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        time.sleep(seconds)
