"""The one place where the SDK sleeps by itself: `jobs.stream` waits with `time.sleep` between two looks.

While a fake with virtual time is live, that module of the SDK gets a `time` that is the fake's.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from amlrun._clock import Clock

_MODULE = "azure.ai.ml.operations._job_ops_helper"


class _Time:
    """The `time` module with another time."""

    def __init__(self, clocks: Callable[[], Iterable[Clock]]) -> None:
        self._clocks = clocks

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time(self) -> float:
        """The virtual time: the SDK's waits grow by it."""
        return max((clock.now() for clock in self._clocks()), default=time.time())

    def sleep(self, seconds: float) -> None:
        """Let the time of every virtual workspace pass; the machine's where there is none."""
        clocks = tuple(self._clocks())
        for clock in clocks:
            clock.sleep(seconds)
        if not clocks:
            time.sleep(seconds)


def shim(clocks: Callable[[], Iterable[Clock]] | None) -> None:
    """Give the SDK's module those clocks, or its own time back; nothing where it isn't imported yet."""
    module: Any = sys.modules.get(_MODULE)
    if module is not None:
        module.time = time if clocks is None else _Time(clocks)
