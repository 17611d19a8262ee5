"""Waiting for runs, from the call to its end: each followed once, shown, left or canceled on an interrupt."""

from __future__ import annotations

import datetime as dt
import enum
import logging
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._cancel import cancel
from amlrun._display import display_for
from amlrun._ending import Ending
from amlrun._errors import AmlrunError, InvalidRequest
from amlrun._follow import Follow
from amlrun._progress import Tail, goes_on
from amlrun._shown import shown
from amlrun._signals import terminating
from amlrun._turns import Question
from amlrun._watch import follow_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amlrun._decision import Stop
    from amlrun._display import Display
    from amlrun._look import Watched
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")


class OnExit(str, enum.Enum):
    """What becomes of a run whose waiting is interrupted, by Ctrl-C or SIGTERM."""

    LEAVE = "leave"
    CANCEL = "cancel"

    __str__ = str.__str__


@attrs.frozen
class Seat:
    """A handle that waits: what it knows of its run, and whom to tell what is seen of it."""

    workspace: Workspace
    watched: Watched
    see: Callable[[Watched], None]

    @property
    def run(self) -> tuple[str, str, str]:
        """Which run it is: two handles may be of one."""
        return self.workspace.rest.wire.base_url, self.workspace.scope.path.lower(), self.watched.group


@attrs.frozen(kw_only=True)
class Terms:
    """How to wait: for so many seconds at most (None: as long as it takes), and what is to be seen of it."""

    timeout: float | None
    on_exit: OnExit
    logs: bool = False
    progress: bool = True

    @classmethod
    def of(cls, timeout: object, on_exit: object, *, logs: object = False, progress: object = True) -> Terms:
        """As they were given. Raises `InvalidRequest`."""
        for name, flag in (("logs", logs), ("progress", progress)):
            if not isinstance(flag, bool):
                raise InvalidRequest(f"{name}={shown(flag)}: True or False", argument=name)
        if on_exit not in [str(one) for one in OnExit]:
            message = f"on_exit={shown(on_exit)}: {' or '.join(repr(str(one)) for one in OnExit)}"
            raise InvalidRequest(message, argument="on_exit")
        return cls(
            timeout=_seconds(timeout), on_exit=OnExit(on_exit), logs=logs is True, progress=progress is True
        )


def wait_for(seats: Sequence[Seat], terms: Terms) -> list[Stop | Exception]:
    """How the waiting of each ended, in order; handles of one run share what is seen of it.

    An interrupt (Ctrl-C, SIGTERM in the main thread) passes through, after what `on_exit` says was done; a
    second one ends that at once.
    """
    groups: dict[tuple[str, str, str], list[Seat]] = {}
    for seat in seats:
        groups.setdefault(seat.run, []).append(seat)
    live = not any(getattr(seat.workspace.clock, "virtual", False) for seat in seats)
    display = display_for(progress=terms.progress, live=live)
    shared = list(groups.values())
    follows = [_begun(together, terms, display) for together in shared]

    def seen(at: int, follow: Follow) -> None:
        follows[at] = follow
        for seat in shared[at]:
            seat.see(follow.watched)

    with terminating():
        try:
            ends = follow_all(follows, timeout=terms.timeout, seen=seen, display=display)
        except (KeyboardInterrupt, SystemExit):
            display.close()
            _exit([(at, follow) for at, follow in enumerate(follows) if _lives(follow)], terms, seen)
            raise
        finally:
            display.close()
    of_runs = dict(zip(groups, ends, strict=True))
    return [of_runs[seat.run] for seat in seats]


def _begun(together: Sequence[Seat], terms: Terms, display: Display) -> Follow:
    """What is known of the run by the handle that knows most."""
    knowing = max(together, key=lambda seat: len(seat.watched.attempts))
    return Follow(
        workspace=knowing.workspace,
        watched=knowing.watched,
        question=Question() if display.shows else None,
        tail=Tail() if terms.logs else None,
    )


def _lives(follow: Follow) -> bool:
    """Whether it has an attempt, or may get another one."""
    return follow.end is None and follow.watched.last.ending is not Ending.COMPLETED


def _exit(live: Sequence[tuple[int, Follow]], terms: Terms, seen: Callable[[int, Follow], None]) -> None:
    """Leave what lives, and say how to come back; or cancel it."""
    if terms.on_exit is OnExit.LEAVE:
        if live:
            _log.warning("%s", goes_on([follow.watched.group for _, follow in live]))
        return
    left = [follow.watched.group for _, follow in live]
    try:
        for at, follow in live:
            _log.warning("Canceling %s", follow.watched.group)
            try:
                seen(at, attrs.evolve(follow, watched=cancel(follow.workspace, follow.watched)))
            except AmlrunError as error:
                _log.warning("%s: %s", follow.watched.group, error)
            left.remove(follow.watched.group)
    finally:
        if left:
            _log.warning("Interrupted again: whether %s is canceled is not known", " and ".join(left))


def _seconds(timeout: Any) -> float | None:
    seconds = timeout.total_seconds() if isinstance(timeout, dt.timedelta) else timeout
    if seconds is None:
        return None
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds >= 0:
        return float(seconds)
    raise InvalidRequest(f"timeout={shown(timeout)}: seconds, or a timedelta", argument="timeout")
