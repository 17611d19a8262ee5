"""Readings that are kept for a while: read once, however many ask, and again when they are too old."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._clock import Clock

T = TypeVar("T")


@attrs.frozen
class Found(Generic[T]):
    """A value, and whether it had been read before it was asked for."""

    value: T
    kept: bool


class Kept(Generic[T]):
    """One thing that is read when it is asked for, and kept for as long as `lasts` says of it, in seconds.

    `read` is told whether nothing that is kept anywhere may be used. Its errors are not kept. Threads that
    ask at once share one reading, but for those that ask for a fresh one.
    """

    def __init__(self, read: Callable[[bool], T], clock: Clock, lasts: Callable[[T], float]) -> None:
        self._read, self._clock, self._lasts = read, clock, lasts
        self._lock = threading.Lock()
        self._kept: tuple[T, float] | None = None

    @property
    def last(self) -> T | None:
        """What was read last, however old; None: nothing yet."""
        return None if self._kept is None else self._kept[0]

    def outdate(self) -> None:
        """What is kept has changed: the next who asks reads."""
        with self._lock:
            if self._kept is not None:
                self._kept = (self._kept[0], -math.inf)

    def get(self, *, fresh: bool = False) -> Found[T]:
        """The value, read now where none is kept, where it is too old, or where a fresh one is wanted."""
        with self._lock:
            if self._kept is not None and not fresh:
                value, at = self._kept
                if 0 <= self._clock.now() - at < self._lasts(value):
                    return Found(value, kept=True)
            at = self._clock.now()
            value = self._read(fresh)
            self._kept = (value, at)
            return Found(value, kept=False)
