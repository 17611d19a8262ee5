"""SIGTERM, turned into an exception while somebody waits: a wait has something to say before it ends."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

TERMINATED = 128 + signal.SIGTERM
"""The exit status that a shell shows for a process ended so."""


def _leave(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(TERMINATED)


@contextlib.contextmanager
def terminating() -> Iterator[None]:
    """For as long as this lasts, SIGTERM raises SystemExit in the main thread.

    Only where nobody else minds it: a program that has a handler of its own, or ignores the signal, decides
    what becomes of it. In other threads nothing is changed, for Python allows that in the main one alone.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def held(first: Callable[[], None]) -> Iterator[None]:
    """For as long as this lasts, the first SIGINT or SIGTERM does no more than this; the next one counts.

    In other threads nothing is changed, nor of what Python has no handler for.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    if threading.current_thread() is not threading.main_thread() or None in before.values():
        yield
        return

    def once(_signal: int, _frame: FrameType | None) -> None:
        back()
        first()

    def back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in numbers:
        signal.signal(number, once)
    try:
        yield
    finally:
        back()
