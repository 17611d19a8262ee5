"""Many jobs with one call: each is sent as `submit` sends it, and what they have in common is done once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.given import arguments
from amlrun._asking.request import parse
from amlrun._asking.teamfile import read_team
from amlrun._errors import AmlrunError, InvalidRequest, SubmissionFailed
from amlrun._job_types import JobType
from amlrun._plan import Plan
from amlrun._replan import submit_plan
from amlrun._run import Run
from amlrun._shown import shown
from amlrun._submission import submit_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlrun._asking.request import Request
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
Outcome = Run | AmlrunError
_OF_ONE_CODE = frozenset({JobType.COMMAND})


def check_jobs(jobs: object, concurrency: object, options: Mapping[str, Any]) -> list[object]:
    """The jobs as a list, before any is sent. Raises `InvalidRequest` for what is wrong with all of them."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        message = f"concurrency={shown(concurrency)}: how many jobs are sent at the same time, 1 or more"
        raise InvalidRequest(message, argument="concurrency")
    if isinstance(jobs, (str, bytes, PathLike, Plan)) or not isinstance(jobs, Iterable):
        message = f"submit_many takes a list of jobs, and this is a {type(jobs).__name__}"
        raise InvalidRequest(message, argument="jobs", hint="One job is for submit(job, …).")
    if isinstance(jobs, (Mapping, AbstractSet)):
        message = f"submit_many gives results in the order of the jobs, and a {type(jobs).__name__} has none"
        raise InvalidRequest(message, argument="jobs", hint="Give a list.")
    arguments(options)
    listed = list(jobs)
    if options.get("name") is not None and len(listed) > 1:
        message = f"name={options['name']!r} for {len(listed)} jobs: a name is one job's"
        hint = "Leave it out, or put a name into each job; display_name and tags may be shared."
        raise InvalidRequest(message, argument="name", hint=hint)
    return listed


def submit_all(
    workspace: Workspace, jobs: Sequence[object], concurrency: int, options: Mapping[str, Any]
) -> list[Outcome]:
    """Send them, so many at a time. An interrupt stops what has not begun, and the log says what was sent."""
    batch = _Batch(workspace, options)
    ready = [batch.prepared(index, job) for index, job in enumerate(jobs)]
    pool = ThreadPoolExecutor(min(concurrency, len(jobs)) or 1, thread_name_prefix="amlrun")
    futures: list[Future[Outcome]] = []
    # All of them stand in line before the first one leaves: an interrupt between two would lose sight of one.
    line: Future[None] = Future()
    try:
        futures.extend(pool.submit(batch.outcome, one, line) for one in ready)
        line.set_result(None)
        return [future.result() for future in futures]
    except BaseException:
        line.cancel()
        _log.warning("submit_many is stopped: what is on its way is waited for, nothing more is begun")
        try:
            pool.shutdown(wait=True, cancel_futures=True)
        finally:
            _tell(futures, len(jobs))
        raise
    finally:
        line.cancel()
        pool.shutdown(wait=False)


def _tell(futures: Sequence[Future[Outcome]], count: int) -> None:
    """What was sent of so many: nobody gets the results."""
    ended = (one for one in futures if one.done() and not one.cancelled() and one.exception() is None)
    names = [run.name for one in ended if isinstance(run := one.result(), Run)]
    sent = f": {', '.join(names)}" if names else ""
    _log.warning("submit_many was stopped; %d of %d jobs were sent%s", len(names), count, sent)


@attrs.define
class _Code:
    """One folder of code: whose turn it is to upload it, and what it then is called in the workspace."""

    turn: threading.Lock = attrs.field(factory=threading.Lock)
    snapshot: str | None = None


class _Batch:
    """What the jobs of one call share: the team's file, one look at the workspace, each code folder."""

    def __init__(self, workspace: Workspace, options: Mapping[str, Any]) -> None:
        self._workspace, self._options = workspace, options
        self._given, self._team = arguments(options), read_team()
        self._asked = workspace.lookups.begun
        self._names: dict[str, int] = {}
        self._codes: dict[Path, _Code] = {}

    def prepared(self, index: int, job: object) -> Callable[[], Run] | AmlrunError:
        """How to send this job, or what is wrong with it: found before anything is sent."""
        try:
            if isinstance(job, Plan):
                self._check_name(index, job.order.options.get("name") if job.order else None)
                return lambda: submit_plan(self._workspace, job, self._options, asked=self._asked)
            request = parse(job, self._given, self._team)
            self._check_name(index, request.name)
            code = self._code_of(request)
        except Exception as error:  # noqa: BLE001  one job's, whatever it is
            return _as_value(error)
        return lambda: self._send(request, code)

    def outcome(self, ready: Callable[[], Run] | AmlrunError, line: Future[None]) -> Outcome:
        """Send it when the line moves; what goes wrong is a value. It never did: `CancelledError`."""
        line.result()
        if isinstance(ready, AmlrunError):
            return ready
        try:
            self._workspace.pace.keep()
            return ready()
        except Exception as error:  # noqa: BLE001  one job's, whatever it is
            return _as_value(error)

    def _check_name(self, index: int, name: str | None) -> None:
        """Two at once under one name would each write over the other's tags."""
        if name is not None and self._names.setdefault(name, index) != index:
            message = f"name={name!r}: the job at place {self._names[name]} of this list has that name"
            raise InvalidRequest(message, argument="name", hint="Each job needs a name of its own, or none.")

    def _code_of(self, request: Request) -> _Code | None:
        """Of a job with one folder of code, which a snapshot can stand for; any other uploads by itself."""
        if request.settings.type not in _OF_ONE_CODE or len(request.uploads) != 1:
            return None
        if request.uploads[0].included:
            return None
        return self._codes.setdefault(request.uploads[0].folder, _Code())

    def _send(self, request: Request, code: _Code | None) -> Run:
        """The first of a folder uploads it, and those behind it name what it has uploaded."""
        if code is None:
            return submit_request(self._workspace, request, asked=self._asked)
        with code.turn:
            if code.snapshot is None:
                run = submit_request(self._workspace, request, asked=self._asked)
                code.snapshot = _snapshot_of(run)
                return run
        named = attrs.evolve(request, code=code.snapshot)  # its plan still tells of what was uploaded
        return submit_request(self._workspace, named, asked=self._asked)


def _as_value(error: Exception) -> AmlrunError:
    """An error as it is returned. One that nobody has foreseen keeps its cause, and the log has it whole."""
    if isinstance(error, AmlrunError):
        return error
    _log.error("A job of submit_many failed unexpectedly", exc_info=error)
    failed = SubmissionFailed(
        f"{type(error).__name__}: {error}",
        hint="Nobody has foreseen this, and the job may have been sent: look for it first (__cause__: why).",
    )
    failed.__cause__ = error
    return failed


def _snapshot_of(run: Run) -> str | None:
    """The id of the code that a job was sent with, which stands for its folder."""
    body = run._watched.memory.body or {}  # noqa: SLF001  no user needs it
    return body.get("codeId")
