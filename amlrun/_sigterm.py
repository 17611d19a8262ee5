"""SIGTERM put off until what was done can be kept; then it does what it would have done."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


class Sigterm:
    """Whether SIGTERM has come. A handler of the user's still runs at once; the default waits for `obey`.

    Nothing is put off outside of the main thread, in processes that are forked, or where SIGTERM is ignored.
    """

    def __init__(self) -> None:
        self.came = False
        self._before = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread():
            return
        if self._before is signal.SIG_DFL or callable(self._before):
            signal.signal(signal.SIGTERM, self._note)
            if hasattr(os, "register_at_fork"):  # workers must end when they are told to
                os.register_at_fork(after_in_child=self.give_back)

    def obey(self) -> None:
        """What was put off happens now; nothing where it hasn't come, or where somebody else answers it."""
        came, self.came = self.came, False
        if came and self.taken and self._before is signal.SIG_DFL:
            self.give_back()
            os.kill(os.getpid(), signal.SIGTERM)

    @property
    def taken(self) -> bool:
        """Whether it is this one that SIGTERM is told."""
        return signal.getsignal(signal.SIGTERM) == self._note

    def give_back(self) -> None:
        """SIGTERM is as it was, unless somebody else has taken it since."""
        if self.taken:
            signal.signal(signal.SIGTERM, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if callable(self._before):
            self._before(number, frame)


_taken: list[Sigterm] = []


def sigterm_of_process() -> Sigterm:
    """The one of this process: two would put SIGTERM off for each other for ever."""
    if not _taken or not _taken[0].taken:
        _taken[:] = [Sigterm()]
    return _taken[0]
