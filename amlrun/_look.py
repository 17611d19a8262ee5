"""What is known of a run, and how one look makes it more: over values, nothing is decided or sent here.

One look is one GET of the last attempt, and one of its run history when it has begun to run or is over.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._attempts import Attempt
from amlrun._decision import Retry, next_attempt
from amlrun._durations import instant
from amlrun._ending import Ending
from amlrun._errors import InvalidRequest
from amlrun._marks import has_mark
from amlrun._memory import Memory
from amlrun._names import NAME, attempt_name
from amlrun._outputs import outputs_of
from amlrun._sending import Sent, find, read_job, sent_of
from amlrun._shown import shown
from amlrun._states import (
    BEFORE_RUNNING,
    CANCEL_REQUESTED,
    ENDS,
    IN_QUEUE,
    NOT_RESPONDING,
    RUNNING,
)
from amlrun._why import ended, read_record, with_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._errors import AmlrunError
    from amlrun._history import RunRecord
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
_RAN = frozenset({RUNNING, NOT_RESPONDING})
"""From these states a job goes back to the queue only where the service restarts it in place."""


@attrs.frozen
class Watched:
    """A run as far as it is known: its attempts, oldest first, and what the last of them remembers."""

    memory: Memory
    attempts: tuple[Attempt, ...]

    @property
    def last(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]

    @property
    def group(self) -> str:
        """The run's name: its first attempt's."""
        return self.memory.group

    def with_last(self, attempt: Attempt) -> Watched:
        """The same, the newest attempt seen anew."""
        return attrs.evolve(self, attempts=(*self.attempts[:-1], attempt))

    def followed_by(self, sent: Sent) -> Watched:
        """The same, and one attempt more."""
        return Watched(sent.memory, (*self.attempts, _first_sight(sent)))


def started(sent: Sent) -> Watched:
    """What is known right after an attempt 1 was sent."""
    return Watched(sent.memory, (_first_sight(sent),))


def find_run(workspace: Workspace, name: object) -> Watched:
    """All attempts of the run that the job `name` belongs to. Raises `InvalidRequest`."""
    if not isinstance(name, str) or NAME.fullmatch(name) is None:  # it would ask for another path
        hint = "It has letters, digits, - and _. Of a page in the studio it is what follows runs/."
        raise InvalidRequest(f"{shown(name)} is no name of a job", argument="name", hint=hint)
    job = find(workspace, name)
    if job is None:
        raise InvalidRequest(f"There is no job named {name} in {workspace.scope.workspace}", argument="name")
    memory = Memory.of_job(job)
    if memory is None:
        hint = "attach() goes on with jobs that amlrun sent."
        raise InvalidRequest(f"The job {name} was not sent by amlrun", argument="name", hint=hint)
    if memory.attempt > 1:
        job = find(workspace, memory.group)
        there = None if job is None else Memory.of_job(job)
        if job is None or there is None:
            raise InvalidRequest(f"The first attempt of {name}, {memory.group}, is gone", argument="name")
        memory = there
    watched = catch_up(workspace, started(sent_of(job, memory, adopted=True)))
    return without_following(watched) if has_mark(job) else watched


def without_following(watched: Watched) -> Watched:
    """The run with the mark of a cancel: what would have been repeated is over by that."""
    last = watched.last
    if last.ending is None:
        return watched
    decision = next_attempt(watched.group, watched.attempts, watched.memory.policy)
    why = Ending.CANCELED_BY_US if isinstance(decision, Retry) else last.ending
    return watched.with_last(attrs.evolve(last, ending=why))


def following(workspace: Workspace, watched: Watched) -> Sent | None:
    """The attempt after the last one known, where somebody has sent it."""
    job = find(workspace, attempt_name(watched.group, watched.last.number + 1))
    memory = None if job is None else Memory.of_job(job)
    if job is None or memory is None or memory.group != watched.group:
        return None
    return sent_of(job, memory, adopted=True)


def look(workspace: Workspace, watched: Watched) -> Watched:
    """Look at the last attempt once. One whose end is explained is not looked at again."""
    last = watched.last
    if last.ending is not None:
        return watched
    return seen_in(workspace, watched, read_job(workspace, last.name))


def seen_in(workspace: Workspace, watched: Watched, job: Mapping[str, Any]) -> Watched:
    """The same, where the GET of the last attempt, which had not ended, was made already."""
    last = watched.last
    status = str(job["properties"].get("status") or last.status)
    workspace.lookups.seen(last.name, status)
    if status != last.status:
        _log.info("%s: %s -> %s", last.name, last.status, status)
    requested = last.cancel_requested or status == CANCEL_REQUESTED
    outputs = outputs_of(job)
    seen = attrs.evolve(last, status=status, cancel_requested=requested, outputs=outputs)
    if last.status in _RAN and status in BEFORE_RUNNING:
        seen = _known(attrs.evolve(seen, restarts=last.restarts + 1), *read_record(workspace, last.name))
    seen = attrs.evolve(seen, waiting_since=_waiting_since(workspace, watched, seen, job))
    if status in ENDS:
        seen = ended(workspace, watched.group, seen, job)
    elif status == RUNNING or (seen.started is not None and status not in BEFORE_RUNNING):
        seen = _running(workspace, seen, came_back=last.status in BEFORE_RUNNING)
    return watched.with_last(seen)


def catch_up(workspace: Workspace, watched: Watched) -> Watched:
    """Look, and find the attempts that other watchers have sent since.

    Also behind an attempt whose end can't be explained now: where another one follows, it has been.
    """
    watched = look(workspace, watched)
    while watched.last.status in ENDS and watched.last.ending is not Ending.COMPLETED:
        sent = following(workspace, watched)
        if sent is None:
            break
        watched = look(workspace, watched.followed_by(sent))
    return watched


def _first_sight(sent: Sent) -> Attempt:
    memory = sent.memory
    return Attempt(
        name=attempt_name(memory.group, memory.attempt),
        number=memory.attempt,
        status=sent.status,
        plan=memory.plan,
        url=sent.url,
        warned=None if sent.adopted else 0,
    )


def _running(workspace: Workspace, seen: Attempt, *, came_back: bool) -> Attempt:
    """Since when it runs is asked until it is known, and again after a restart; else the clock tells.

    Also of one that doesn't respond, or is being canceled: it has its nodes until that is over.

    Assumed: run history's start is that of Running, and stays when the service restarts the job in place.
    """
    ran: float | None = 0.0
    if seen.started is None or seen.warned is None or came_back:
        record, trouble = read_record(workspace, seen.name)
        seen = _known(seen, record, trouble)
        ran = None if trouble is not None else ran
    if seen.started is not None:
        ran = max(0.0, workspace.service_clock.now() - seen.started)
    return attrs.evolve(seen, seconds=ran)


def _known(seen: Attempt, record: RunRecord, trouble: AmlrunError | None) -> Attempt:
    """With what run history has of one that lives on: its warnings are of what it has survived.

    Assumed: warnings are added at the end of the list, and none goes.
    """
    return attrs.evolve(
        seen,
        started=record.started or seen.started,
        restarts=max(seen.restarts, record.restarts),
        warned=None if trouble is not None else len(record.warnings),
    )


def _waiting_since(
    workspace: Workspace, watched: Watched, seen: Attempt, job: Mapping[str, Any]
) -> float | None:
    """Since when it waits for nodes. Who sees it for the first time in the queue takes it since it was sent.

    But for one that has run: nobody knows since when it waits again.
    """
    last = watched.last
    if seen.status not in IN_QUEUE:
        return None
    if last.waiting_since is not None:
        return last.waiting_since
    now, policy = workspace.service_clock.now(), watched.memory.policy
    if last.status not in IN_QUEUE or policy is None or policy.max_queue_time is None:
        return now
    sent = instant((job.get("systemData") or {}).get("createdAt"))
    record, trouble = read_record(workspace, seen.name)
    return now if sent is None or trouble or record.started is not None else min(sent, now)


def timed(workspace: Workspace, watched: Watched) -> Watched:
    """With how long those ran that were over while run history couldn't be read, where it can be now."""
    return attrs.evolve(watched, attempts=tuple(with_times(workspace, one) for one in watched.attempts))
