"""The fake's own time: it passes when somebody sleeps, and costs none.

Sleeping goes to an instant and lets all that is due before it happen, in order.

Where nothing is to come any more, sleeps are *idle*. So that a wait with a deadline comes to it soon, however
far away that is, idle sleeps grow with the time in which nothing has happened; and what still sleeps after
months of it has no deadline: that is an error, which says how the workspace stands.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from amlrun.testing._jobs.job import Job
from amlrun.testing._supply.computes import Compute
from amlrun.testing._wire import waits

if TYPE_CHECKING:
    from amlrun.testing._jobs.engine import Engine
    from amlrun.testing._state.store import Records, Store

BEGINNING = 1767603600.0
"""2026-01-05T09:00:00Z, a Monday: where every new virtual workspace's time begins."""
_EXACT_SLEEPS = 400
"""So many idle sleeps pass as they are: loops that count them, not time, have mostly ended by then."""
_GROWTH = 0.1
"""Behind them a sleep is at least this part of the time in which nothing has happened."""
_IDLE_SECONDS = 100 * 86400.0
"""Idle time that no wait with a deadline comes to."""
_RESTLESS_SECONDS = 3 * 86400.0
"""The same where nodes come and go all the while, each of which is work."""
_RAISES = 3
"""How often a loop that catches every Exception is told, before it is ended."""
_ELSEWHERE_SECONDS = 20.0
"""Real time in which another process, where there may be one, can be expected to do something."""
_TURN_SECONDS = 0.01
"""Real time that an idle sleep leaves to it."""
_SHOWN = 10


class NothingWillHappen(RuntimeError):
    """Somebody goes on sleeping in a workspace in which nothing is going to happen.

    Who catches it and sleeps on is told again; the third time with an error that no `except Exception` stops.
    """


class NothingWillEverHappen(BaseException):
    """The same, to who catches every Exception and goes on: no handler of those stops it."""


class VirtualClock:
    """A clock kept with the workspace's state, so that all who share the state share the time."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._lock = threading.Lock()
        self._idle = _Idle()

    def now(self) -> float:
        """Seconds since 1970."""
        with self._store.transaction() as records:
            return read_time(records)

    def sleep(self, seconds: float) -> None:
        """Come to the instant that is so many seconds away, all that is due before it done.

        After hundreds of sleeps in which nothing could happen they pass more time, up to a tenth of what has
        passed since something did. After a hundred days of them it raises NothingWillHappen.
        In a folder another process may come: there, the first 20 real seconds of such sleeps don't count.
        """
        with self._store.transaction() as records:
            hopeless = _hopeless(records)
            with self._lock:
                if not hopeless:
                    self._idle = _Idle()
                seconds = self._idle.stretched(max(0.0, seconds))
            self.advance_to(records, read_time(records) + seconds)
            hopeless = hopeless and _hopeless(records)
            with self._lock:
                counts = hopeless and not (self._store.shared and self._idle.lasts() < _ELSEWHERE_SECONDS)
                most = _IDLE_SECONDS if records.next_due() is None else _RESTLESS_SECONDS
                endless = counts and self._idle.grow(seconds, most)
                if endless:
                    raise self._idle.told(_states(records))
        waits.passed()
        if hopeless and not counts:
            time.sleep(_TURN_SECONDS)

    def advance_to(self, records: Records, instant: float) -> int:
        """Let time pass; returns how many things happened."""
        happened = self._engine.catch_up(records, instant)
        records.put("meta", "clock", {"now": instant})
        return happened

    def stir(self) -> None:
        """Something was changed from outside: waiting makes sense again."""
        with self._lock:
            self._idle = _Idle()
        waits.passed()


class _Idle:
    """A stretch of time in which nothing happens and nothing is to come."""

    def __init__(self) -> None:
        self._sleeps = 0
        self._seconds = 0.0
        self._raises = 0
        self._since: float | None = None

    def lasts(self) -> float:
        """Real seconds since its first sleep."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since

    def stretched(self, seconds: float) -> float:
        """How much time a sleep passes."""
        return seconds if self._sleeps < _EXACT_SLEEPS else max(seconds, self._seconds * _GROWTH, 1.0)

    def grow(self, seconds: float, most: float) -> bool:
        """Add a sleep. Returns whether they are more than `most`, and many."""
        self._sleeps, self._seconds = self._sleeps + 1, self._seconds + seconds
        return self._sleeps > _EXACT_SLEEPS and self._seconds > most

    def told(self, states: str) -> BaseException:
        """The error. It begins anew: who has caught it may wait for the next thing."""
        self._sleeps, self._seconds, self._raises = 0, 0.0, self._raises + 1
        return NothingWillEverHappen(states) if self._raises >= _RAISES else NothingWillHappen(states)


def read_time(records: Records) -> float:
    """The virtual instant as it is kept."""
    body = records.get("meta", "clock")
    return BEGINNING if body is None else float(body["now"])


def _hopeless(records: Records) -> bool:
    """Whether nothing is to come: to jobs, where some are live, for nodes may come and go for ever."""
    if records.next_due("job") is not None:
        return False
    return records.next_due() is None or next(records.shelves("job"), None) is not None


def _states(records: Records) -> str:
    """How jobs and computes stand, and what would help."""
    live = [job for job in map(Job.from_json, records.all("job")) if not job.over]
    computes = [_stands(Compute.from_json(body)) for body in records.all("compute")]
    lines = [f"{job.name}: {job.status}. {(job.waits_for or ('', ''))[1]}".rstrip() for job in live]
    shown = [*_first(lines), *_first([line for line in computes if line])]
    what = "these jobs wait for what nothing will bring:" if live else "no job is live."
    advice = (
        "Let something happen (quota, capacity, the end of a job), give the loop a deadline by the fake's "
        "clock, or stop waiting."
    )
    return "\n".join(
        [
            f"Something keeps sleeping in the fake workspace, and nothing is left to happen there: {what}",
            *shown,
            advice,
        ]
    )


def _stands(compute: Compute) -> str:
    """What is wrong with a compute; "" where nothing is."""
    if compute.cluster is not None and compute.cluster.stuck:
        return f'compute {compute.name} is stuck: unstick("{compute.name}") lets its nodes move'
    if compute.problem is not None:
        return f"compute {compute.name} is {compute.state}: {compute.problem[0]}"
    return ""


def _first(lines: list[str]) -> list[str]:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [f"  {line}" for line in [*lines[:_SHOWN], *more]]
