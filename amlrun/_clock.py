"""Time, in one place: what waits or looks at the time does it through a `Clock`.

`RealClock` is the machine's. A fake workspace brings its own, so that a wait there costs no time.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NAP = 5.0
"""Seconds after which a sleep looks at the wall clock: a laptop that was asleep is late by no more."""
_OFF = 60.0
"""Seconds by which a clock is wrong."""
_GRAIN = 1e-5
"""Seconds: less is lost in a float that counts them since 1970, and a sleep has to come to its end."""


class Clock(Protocol):
    """What time it is, and how to let it pass."""

    def now(self) -> float:
        """Seconds since 1970, as wall clocks count them: a laptop's sleep is in it."""

    def sleep(self, seconds: float) -> None:
        """Come back when this many seconds have passed."""


class RealClock:
    """The machine's clock. Its sources can be given, for who wants to see a laptop sleep."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        nap: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wall, self._steady, self._nap = wall, steady, nap

    def now(self) -> float:
        """Seconds since 1970."""
        return self._wall()

    def sleep(self, seconds: float) -> None:
        """Sleep for real, by whichever clock is there first.

        The wall's goes on while a laptop sleeps, the steady one where somebody sets the wall's back.
        """
        until, steadily = self._wall() + seconds, self._steady() + seconds
        while (left := min(until - self._wall(), steadily - self._steady())) > 0:
            self._nap(min(left, _NAP))


class ServiceClock:
    """The service's time, in which its moments are told: ours, less what that is ahead by its replies.

    Safe to share between threads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._ahead = clock, 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock.now() - self._ahead

    def told(self, moment: float) -> None:
        """A reply was sent at that moment. It is in whole seconds, and was on its way: less is no error."""
        ahead = self._clock.now() - moment
        self._ahead = ahead if abs(ahead) >= _OFF else 0.0


class Timeline:
    """Seconds since a wait began, over the clocks of all workspaces that it is about. It never goes back.

    It follows the walls' clocks, a laptop's sleep included; a clock that is set back stands still meanwhile.
    Safe to share between threads.
    """

    def __init__(self, clocks: Iterable[Clock]) -> None:
        self._clocks = {id(clock): clock for clock in clocks}
        self._seen = {key: clock.now() for key, clock in self._clocks.items()}
        self._passed = dict.fromkeys(self._clocks, 0.0)
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since it was made, by the clock that is furthest."""
        return max(map(self._passed_by, self._clocks))

    def sleep(self, seconds: float) -> None:
        """Come back when this many seconds have passed."""
        self.sleep_until(self.now() + seconds)

    def sleep_until(self, moment: float) -> None:
        """Come back when it is that late, by each clock."""
        for key, clock in self._clocks.items():
            left = moment - self._passed_by(key)
            if left > 0:
                clock.sleep(left + _GRAIN)

    def _passed_by(self, key: int) -> float:
        now = self._clocks[key].now()
        with self._lock:
            self._passed[key] += max(0.0, now - self._seen[key])
            self._seen[key] = now
            return self._passed[key]
