"""`Run`, the handle: the last look at a run, and the verbs that go out to the service."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amlrun._attempts import Attempts, Cost, cost_of
from amlrun._cancel import cancel
from amlrun._download import download
from amlrun._ending import Ending
from amlrun._errors import AmlrunError, InvalidRequest, JobCanceled, JobFailed, RequeueExhausted
from amlrun._failure import failure
from amlrun._history import log_text
from amlrun._look import Watched, catch_up, timed
from amlrun._outputs import OWN
from amlrun._parts import parts_of
from amlrun._shown import shown
from amlrun._waits import Seat, Terms, wait_for

if TYPE_CHECKING:
    import datetime as dt

    from amlrun._decision import Stop
    from amlrun._plan import Plan
    from amlrun._requeue import Requeue
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")


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
    def attempts(self) -> Attempts:
        """All attempts so far, oldest first: a tuple that prints as a table."""
        return Attempts(self._watched.attempts)

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
    def outputs(self) -> dict[str, str]:
        """The URIs of the last attempt's outputs by name; `default` holds its own files, logs among them.

        Empty before it was looked at. Of a search they are the best trial's, once there is one.
        """
        return dict(self._watched.last.outputs)

    @property
    def url(self) -> str:
        """The last attempt's page in the studio."""
        return self._watched.last.url

    def refresh(self) -> Run:
        """Look at the last attempt, and at those that other watchers have sent since. Never requeues."""
        self._watched = catch_up(self._workspace, self._watched)
        return self

    def wait(
        self,
        timeout: float | dt.timedelta | None = None,
        *,
        on_exit: Literal["leave", "cancel"] = "leave",
        logs: bool = False,
        progress: bool = True,
    ) -> Run:
        """Wait until the run is over, requeueing as its policy says; returns itself when it completed.

        `timeout` is in seconds (or a timedelta) of the wall clock, in which a laptop's sleep counts; when it
        is over, `WaitTimeout` is raised and the job goes on. Looks come after 2 seconds at first, and then at
        growing intervals of up to 60.

        `progress` tells on stderr how the run stands: one line that is written anew on a terminal and in a
        notebook, else a line when that changes, and every five minutes; also what a job waits for that
        doesn't start. `logs` hands on what the job writes, to stdout, attempt after attempt.

        Ctrl-C, and SIGTERM where the program doesn't mind it itself, leave the job running and say how to
        come back; `on_exit="cancel"` cancels it. Nothing is requeued while nobody waits.

        Raises `JobFailed` (with the service's words and the end of the log), `JobCanceled`, or
        `RequeueExhausted` (with all attempts); `SubmissionFailed`, `NotAuthorized` and `ServiceError` where
        the job can't be read any more, or its next attempt can't be sent.
        https://learn.microsoft.com/azure/machine-learning/how-to-understand-job-states
        """
        terms = Terms.of(timeout, on_exit, logs=logs, progress=progress)
        (end,) = wait_for([self._seat()], terms)
        outcome = self._outcome(end)
        if isinstance(outcome, Exception):
            raise outcome
        return self

    def logs(self, attempt: int | None = None) -> str:
        """The log (stdout and stderr) of an attempt, the last one by default; "" before there is one."""
        number: object = self.attempt if attempt is None else attempt
        if not isinstance(number, int) or not 1 <= number <= len(self.attempts):
            message = f"{self.name} has {len(self.attempts)} attempts, and no number {shown(attempt)}"
            raise InvalidRequest(message, argument="attempt")
        return log_text(self._workspace, self.attempts[number - 1].name)

    def cancel(self) -> Run:
        """Cancel whatever of this run lives, and its requeueing, also by watchers on other machines.

        Doesn't wait for the end; harmless when repeated or too late.
        """
        self._watched = cancel(self._workspace, self._watched)
        return self

    def cost(self) -> Cost:
        """What the attempts cost so far, by list prices and running times; prints as a table.

        It looks at the run first; of pipelines and searches it asks how long each step and trial ran.
        """
        self.refresh()
        self._watched = timed(self._workspace, self._watched)
        parts = {attempt.name: parts_of(self._workspace, attempt) for attempt in self.attempts}
        return cost_of(self.attempts, parts)

    def download(self, name: str | None = None, to: str | PathLike[str] | None = None) -> Path:
        """Bring the last attempt's output `name`; with no name, what its code left in `outputs/`.

        Returns `to`, the folder that the files are in: `<run>/<name>` in the current one, if nothing is said.
        It may be there: other files in it stay, those of the same path are replaced, and those that have come
        before are not brought again, so that a download that broke off goes on. While the job runs, what is
        there now comes. Of a search it is the best trial's.

        Raises `OutputNotFound` where the run has no such output or nothing has come into it, `NotAuthorized`
        where the account may not read the storage.
        https://learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2
        """
        _check_download(name, to)
        self.refresh()
        folder = Path(self.name) / (name or OWN) if to is None else Path(to)
        download(self._workspace, self._watched.last, name, folder)
        return folder

    def __repr__(self) -> str:
        return f"Run({self.name!r}, attempt {self.attempt}, {self.status})"

    def _seat(self) -> Seat:
        return Seat(self._workspace, self._watched, self._see)

    def _outcome(self, end: Stop | Exception) -> Run | Exception:
        """What a wait that ended so gives, or raises."""
        if isinstance(end, Exception):
            return end
        return self if self._watched.last.ending is Ending.COMPLETED else self._failure(end)

    def _see(self, watched: Watched) -> None:
        self._watched = watched

    def _failure(self, stop: Stop) -> JobFailed | JobCanceled | RequeueExhausted:
        return failure(self._workspace, self._watched, stop)


def _check_download(name: object, to: object) -> None:
    if not isinstance(name, (str, type(None))):
        message = f"download(name={shown(name)}): the name of an output"
        raise InvalidRequest(message, argument="name")
    if not isinstance(to, (str, PathLike, type(None))):
        raise InvalidRequest(f"download(to={shown(to)}): a folder", argument="to")


def watch_runs(runs: object, terms: Terms) -> list[Run | AmlrunError]:
    """Wait for all of them. See `amlrun.watch`."""
    if isinstance(runs, (str, Run)) or not isinstance(runs, Iterable):
        message = f"watch takes a list of runs, and this is {shown(runs)}"
        raise InvalidRequest(message, argument="runs", hint="One run has wait().")
    listed = list(runs)
    for one in listed:
        if not isinstance(one, (Run, AmlrunError)):
            hint = "attach(name) gives the run of a name."
            message = f"watch takes a list of runs, and {shown(one)} is none"
            raise InvalidRequest(message, argument="runs", hint=hint)
    waiting = [one for one in listed if isinstance(one, Run)]
    ends = iter(wait_for([run._seat() for run in waiting], terms) if waiting else ())  # noqa: SLF001  its own
    return [_value_of(one, next(ends)) if isinstance(one, Run) else one for one in listed]


def _value_of(run: Run, end: Stop | Exception) -> Run | AmlrunError:
    """A run or its error. One that nobody has foreseen keeps its cause."""
    outcome = run._outcome(end)  # noqa: SLF001  its own
    if isinstance(outcome, (Run, AmlrunError)):
        return outcome
    _log.error("%s can't be waited for", run.name, exc_info=outcome)
    hint = f"Nobody has foreseen this (__cause__: why); the job goes on, and attach({run.name!r}).wait() too."
    error = AmlrunError(f"{run.name}: {type(outcome).__name__}: {outcome}", hint=hint)
    error.__cause__ = outcome
    return error
