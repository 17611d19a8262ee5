"""A wire on which anything may go wrong at any call, with every fault that the service was seen to answer."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING

from amlrun.testing import (
    BadGateway,
    ConnectionLost,
    GatewayTimeout,
    InternalError,
    NoConnection,
    Slow,
    Throttled,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun.testing import Call, FakeAml
    from amlrun.testing._wire.faults import WireFault

LATE = 3600.0
"""Seconds: later than anybody waits for a reply."""
EVERY_FAULT: tuple[WireFault, ...] = (
    Throttled(retry_after=20),
    Throttled(retry_after=3, header=False),
    InternalError(),
    InternalError("ServiceError", taken=True),
    BadGateway(),
    BadGateway(html=True),
    BadGateway(html=True, taken=True),
    GatewayTimeout(),
    GatewayTimeout(taken=True),
    GatewayTimeout(html=True, taken=True),
    NoConnection(),
    ConnectionLost(taken=False),
    ConnectionLost(taken=True),
    Slow(LATE),  # the service takes the call, and the client's patience ends before the reply comes
)
"""429 with a header and without, 500, 502 and 504 as JSON and HTML, connections that break before and after
the service has taken the call, and replies that come too late."""


class Storm:
    """Faults on a share of all calls, by chance. It stands in the place of the faults that a test scripts."""

    def __init__(self, share: float, seed: int, faults: Sequence[WireFault] = EVERY_FAULT) -> None:
        self.share = share
        self.struck: Counter[str] = Counter()
        self.calls = 0
        self._faults = faults
        self._chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
        self._lock = threading.Lock()

    def over(self, fake: FakeAml) -> Storm:
        """Let it blow over what this fake is asked from now on."""
        fake._backend.injections = self  # type: ignore[assignment]
        return self

    def strike(self, _call: Call) -> tuple[WireFault, ...]:
        """What strikes a call."""
        with self._lock:
            self.calls += 1
            if self._chance.random() >= self.share:
                return ()
            fault = self._chance.choice(self._faults)
            self.struck[str(fault)] += 1
            return (fault,)

    def forget(self) -> None:
        """It is over."""
        self.share = 0.0

    def pending(self) -> list[str]:
        """Nothing of it is bound to happen."""
        return []
