"""The fake's own time: it passes when somebody sleeps, and costs none.

Sleeping goes to an instant and lets all that is due before it happen, in order. Endless polling of a
workspace in which nothing can happen any more is an error that says how its jobs stand.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from amlrun.testing._jobs.job import Job
from amlrun.testing._wire import waits

if TYPE_CHECKING:
    from amlrun.testing._jobs.engine import Engine
    from amlrun.testing._state.store import Records, Store

BEGINNING = 1767603600.0
"""2026-01-05T09:00:00Z, a Monday: where every new virtual workspace's time begins."""
# Waits of retries and requeues must pass, and so must a wait() that is to time out: only a loop gets there.
_IDLE_SLEEPS = 1000
_IDLE_SECONDS = 14 * 86400.0
_SHOWN = 10


class NothingWillHappen(RuntimeError):
    """Somebody goes on sleeping in a workspace in which nothing is going to happen."""


class VirtualClock:
    """A clock kept with the workspace's state, so that all who share the state share the time."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._lock = threading.Lock()
        self._idle_sleeps = 0
        self._idle_seconds = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        with self._store.transaction() as records:
            return read_time(records)

    def sleep(self, seconds: float) -> None:
        """Come to the instant that is so many seconds away, all that is due before it done.

        Raises NothingWillHappen for a loop of sleeps in which nothing happens and nothing is to come.
        """
        with self._store.transaction() as records:
            happened = self.advance_to(records, read_time(records) + max(0.0, seconds))
            idle = not happened and records.next_due() is None
            with self._lock:
                self._idle_sleeps = self._idle_sleeps + 1 if idle else 0
                self._idle_seconds = self._idle_seconds + seconds if idle else 0.0
                endless = self._idle_sleeps > _IDLE_SLEEPS or self._idle_seconds > _IDLE_SECONDS
            if endless:
                raise NothingWillHappen(_states(records))
        waits.passed()

    def advance_to(self, records: Records, instant: float) -> int:
        """Let time pass; returns how many things happened."""
        happened = self._engine.catch_up(records, instant)
        records.put("meta", "clock", {"now": instant})
        return happened

    def stir(self) -> None:
        """Something was changed from outside: waiting makes sense again."""
        with self._lock:
            self._idle_sleeps, self._idle_seconds = 0, 0.0
        waits.passed()


def read_time(records: Records) -> float:
    """The virtual instant as it is kept."""
    body = records.get("meta", "clock")
    return BEGINNING if body is None else float(body["now"])


def _states(records: Records) -> str:
    jobs = [Job.from_json(body) for body in records.all("job")]
    live = [job for job in jobs if not job.over]
    lines = [
        f"  {job.name}: {job.status}. {(job.waits_for or ('', ''))[1]}".rstrip() for job in live[:_SHOWN]
    ]
    if len(live) > _SHOWN:
        lines.append(f"  and {len(live) - _SHOWN} more")
    what = "\n".join(["these jobs wait for what nothing will bring:", *lines]) if live else "no job is live."
    return (
        "Something keeps sleeping in the fake workspace, and nothing is left to happen there: "
        f"{what}\nChange a quota, end or cancel a job, or stop waiting."
    )
