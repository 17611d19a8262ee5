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
    """A value, and whether its reading was begun before it was asked for."""

    value: T
    kept: bool


@attrs.frozen
class _Read(Generic[T]):
    """A value, when its reading was begun, and which one it was."""

    value: T
    at: float
    number: int


class Kept(Generic[T]):
    """One thing that is read when it is asked for, and kept for as long as `lasts` says of it, in seconds.

    Errors are not kept. Threads that ask at once share one reading; those that ask for a fresh one share one
    that was begun after each of them had asked.
    """

    def __init__(self, clock: Clock, lasts: Callable[[T], float]) -> None:
        self._clock, self._lasts = clock, lasts
        self._lock = threading.Lock()
        self._kept: _Read[T] | None = None
        self._begun = 0

    @property
    def begun(self) -> int:
        """How many readings were begun: what is asked now may rest on any later one as on its own."""
        return self._begun

    @property
    def last(self) -> T | None:
        """What was read last, however old; None: nothing yet."""
        return None if self._kept is None else self._kept.value

    def outdate(self) -> None:
        """What is kept has changed: the next who asks reads."""
        with self._lock:
            if self._kept is not None:
                self._kept = attrs.evolve(self._kept, at=-math.inf)

    def get(
        self,
        read: Callable[[bool], T],
        *,
        fresh: bool = False,
        asked: int | None = None,
        usable: Callable[[T], bool] = lambda _: True,
    ) -> Found[T]:
        """The value, read now where none is kept that is `usable`, where it is too old, or `fresh` is wanted.

        `read` is told whether nothing that is kept anywhere may be used. `asked` is what `begun` was when the
        question was asked: now, by default.
        """
        before = self._begun if asked is None else asked
        with self._lock:
            if self._kept is not None and usable(self._kept.value):
                value, new = self._kept.value, self._kept.number > before
                if (new or not fresh) and 0 <= self._clock.now() - self._kept.at < self._lasts(value):
                    return Found(value, kept=not new)
            self._begun += 1
            number, at = self._begun, self._clock.now()
            value = read(fresh)
            self._kept = _Read(value, at, number)
            return Found(value, kept=False)
