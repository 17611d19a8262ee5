"""`Run`, the handle: the last look at a run, and the verbs that go out to the service."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from amlrun._attempts import Attempt, Cost, cost_of
from amlrun._cancel import cancel
from amlrun._ending import Ending
from amlrun._errors import AmlrunError, InvalidRequest, JobCanceled, JobFailed, RequeueExhausted
from amlrun._history import log_text
from amlrun._look import Watched, catch_up
from amlrun._shown import shown
from amlrun._watch import follow

if TYPE_CHECKING:
    from amlrun._decision import Stop
    from amlrun._plan import Plan
    from amlrun._requeue import Requeue
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
TAIL = 50
"""Lines of the log that an error carries."""


class Run:
    """A submitted run: one job, and the attempts that follow it when a node is taken away.

    Attributes show the last look and never ask the service; methods do. Made by `submit` and `attach`.
    """

    def __init__(self, workspace: Workspace, watched: Watched) -> None:
        self._workspace = workspace
        self._watched = watched

    @property
    def name(self) -> str:
        """The first attempt's name: the run's, for ever."""
        return self._watched.group

    @property
    def attempt(self) -> int:
        """The last attempt's number, from 1."""
        return self._watched.last.number

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts so far, oldest first."""
        return self._watched.attempts

    @property
    def plan(self) -> Plan:
        """What the last attempt was placed by."""
        return self._watched.last.plan

    @property
    def requeue(self) -> Requeue | None:
        """The policy, which acts only while `wait` runs; None: no attempt follows one that ended."""
        return self._watched.memory.policy

    @property
    def status(self) -> str:
        """The last attempt's state, in the service's word (`Queued`, `Running`, `Completed`, …)."""
        return self._watched.last.status

    @property
    def url(self) -> str:
        """The last attempt's page in the studio."""
        return self._watched.last.url

    def refresh(self) -> Run:
        """Look at the last attempt, and at those that other watchers have sent since. Never requeues."""
        self._watched = catch_up(self._workspace, self._watched)
        return self

    def wait(self, timeout: float | dt.timedelta | None = None) -> Run:
        """Wait until the run is over, requeueing as its policy says; returns itself when it completed.

        `timeout` is in seconds (or a timedelta) of the wall clock; when it is over, `WaitTimeout` is raised
        and the job goes on. Ctrl-C leaves the job running, too.
        Raises `JobFailed` (with the service's words and the end of the log), `JobCanceled`, or
        `RequeueExhausted` (with all attempts).
        """
        try:
            stop = follow(self._workspace, self._watched, _seconds(timeout), self._see)
        except KeyboardInterrupt:
            _log.warning("%s goes on; amlrun.attach(%r).wait() goes on waiting", self.name, self.name)
            raise
        if self._watched.last.ending is not Ending.COMPLETED:
            raise self._failure(stop)
        return self

    def logs(self, attempt: int | None = None) -> str:
        """The log (stdout and stderr) of an attempt, the last one by default; "" before there is one."""
        number = self.attempt if attempt is None else attempt
        if not 1 <= number <= len(self.attempts):
            message = f"{self.name} has {len(self.attempts)} attempts, and no number {attempt}"
            raise InvalidRequest(message, argument="attempt")
        return log_text(self._workspace, self.attempts[number - 1].name)

    def cancel(self) -> Run:
        """Cancel whatever of this run lives, and its requeueing, also by watchers on other machines.

        Doesn't wait for the end; harmless when repeated or too late.
        """
        self._watched = cancel(self._workspace, self._watched)
        return self

    def cost(self) -> Cost:
        """What the attempts cost so far, by list prices and running times."""
        return cost_of(self.attempts)

    def __repr__(self) -> str:
        return f"Run({self.name!r}, attempt {self.attempt}, {self.status})"

    def _see(self, watched: Watched) -> None:
        self._watched = watched

    def _failure(self, stop: Stop) -> JobFailed | JobCanceled | RequeueExhausted:
        last = self._watched.last
        reason = last.ending or Ending.UNKNOWN
        facts = {"name": self.name, "reason": str(reason), "url": self.url}
        lines = [f"{self.name} did not complete: {stop.why}.", *(f"  {attempt}" for attempt in self.attempts)]
        if last.error:
            lines.append(f"The service says: {last.error}")
        hint = f"Its page: {self.url}" if self.url else ""
        if reason in (Ending.CANCELED, Ending.CANCELED_BY_US, Ending.TIMED_OUT):
            return JobCanceled("\n".join(lines), hint=hint, **facts)
        lines += self._tail()
        if stop.exhausted:
            return RequeueExhausted("\n".join(lines), hint=hint, **facts)
        return JobFailed("\n".join(lines), hint=hint, **facts)

    def _tail(self) -> list[str]:
        """The end of the log; an error is worth telling without it, too."""
        try:
            log = self.logs().splitlines()
        except AmlrunError as error:
            return [f"(its log can't be read: {error.message})"]
        return (
            [f"The end of its log ({min(TAIL, len(log))} of {len(log)} lines):", *log[-TAIL:]] if log else []
        )


def _seconds(timeout: Any) -> float | None:
    seconds = timeout.total_seconds() if isinstance(timeout, dt.timedelta) else timeout
    if seconds is None:
        return None
    if isinstance(seconds, (int, float)) and seconds >= 0:
        return float(seconds)
    raise InvalidRequest(f"timeout={shown(timeout)}: seconds, or a timedelta", argument="timeout")
