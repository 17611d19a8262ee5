"""SIGTERM, turned into an exception while somebody waits: a wait has something to say before it ends."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

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
