"""The loop that looks, decides and acts, over values. Whoever holds a `Watched` can go on with it.

One look is one GET of the last attempt, and one of its run history once it has ended.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from amlrun._attempts import Attempt
from amlrun._durations import seconds
from amlrun._ending import ENDS, Ending, Evidence, ending
from amlrun._errors import InvalidRequest, RequeueExhausted, ServiceError, WaitTimeout
from amlrun._history import RunRecord, merge_tags, run_record
from amlrun._jobs.command import Dress, dressed
from amlrun._memory import CANCEL_TAG, Memory, attempt_name
from amlrun._offers import Tier
from amlrun._requeue import Retry, Stop, next_attempt
from amlrun._sending import Sent, compute_id, find, job_path, send, sent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
FIRST_LOOK = 2.0
LONGEST_INTERVAL = 60.0
GROWTH = 1.5


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


def started(sent: Sent) -> Watched:
    """What is known right after an attempt 1 was sent."""
    return Watched(sent.memory, (_first_sight(sent),))


def find_run(workspace: Workspace, name: str) -> Watched:
    """All attempts of the run that the job `name` belongs to. Raises `InvalidRequest`."""
    job = find(workspace, name)
    if job is None:
        raise InvalidRequest(f"There is no job named {name} in {workspace.scope.workspace}", argument="name")
    memory = Memory.from_properties(job["properties"].get("properties") or {})
    if memory is None:
        hint = "attach() goes on with jobs that amlrun sent."
        raise InvalidRequest(f"The job {name} was not sent by amlrun", argument="name", hint=hint)
    if memory.attempt > 1:
        job = find(workspace, memory.group)
        there = None if job is None else Memory.from_properties(job["properties"].get("properties") or {})
        if job is None or there is None:
            raise InvalidRequest(f"The first attempt of {name}, {memory.group}, is gone", argument="name")
        memory = there
    watched = look(workspace, started(sent_of(job, memory)))
    while (following := _following(workspace, watched)) is not None:
        watched = look(workspace, _with_next(watched, following))
    return watched


def look(workspace: Workspace, watched: Watched) -> Watched:
    """Look at the last attempt once. An attempt that has ended is not looked at again."""
    last = watched.last
    if last.ending is not None:
        return watched
    job = workspace.rest.get(job_path(workspace, last.name))
    properties = job["properties"]
    status = str(properties.get("status") or last.status)
    if status != last.status:
        _log.info("%s: %s -> %s", last.name, last.status, status)
    requested = last.cancel_requested or status == "CancelRequested"
    seen = attrs.evolve(last, status=status, cancel_requested=requested)
    if status in ENDS:
        seen = _ended(workspace, watched, seen, job)
    return attrs.evolve(watched, attempts=(*watched.attempts[:-1], seen))


def follow(
    workspace: Workspace, watched: Watched, timeout: float | None, seen: Callable[[Watched], None]
) -> Stop:
    """Look, and requeue as the policy says, until the run is over; `seen` is told whatever is new.

    A passing fault of reading doesn't end it: the next look comes all the same. Raises `WaitTimeout`, and
    `ServiceError` where looking again won't help (the job is gone).
    """
    clock = workspace.clock
    deadline = None if timeout is None else clock.now() + timeout
    interval = FIRST_LOOK
    while True:
        try:
            watched = look(workspace, watched)
        except ServiceError as error:
            if not error.passing:
                raise
            _log.warning("%s: this look failed, the next one comes: %s", watched.last.name, error.message)
        seen(watched)
        if watched.last.ending is None:
            _sleep(workspace, watched, interval, deadline)
            interval = min(interval * GROWTH, LONGEST_INTERVAL)
            continue
        endings = [attempt.ending for attempt in watched.attempts if attempt.ending is not None]
        decision = next_attempt(watched.group, endings, watched.memory.policy)
        if isinstance(decision, Stop):
            return decision
        watched = _requeued(workspace, watched, decision, deadline)
        seen(watched)
        interval = FIRST_LOOK


def cancel(workspace: Workspace, watched: Watched) -> Watched:
    """Mark the run as canceled, then cancel the attempt that lives. Harmless when repeated or too late."""
    first = workspace.rest.get(job_path(workspace, watched.group))
    # Assumed: a job without an experiment is in "Default"; and what is merged into the tags of its run shows
    # in the job's own GET.
    experiment = str(first["properties"].get("experimentName") or "Default")
    merge_tags(workspace, watched.group, experiment, {CANCEL_TAG: "true"})
    while True:
        watched = look(workspace, watched)
        if watched.last.ending is None:
            _post_cancel(workspace, watched.last.name)
        newer = _following(workspace, watched)
        if newer is None:
            return look(workspace, watched)
        watched = _with_next(watched, newer)


def _post_cancel(workspace: Workspace, name: str) -> None:
    try:
        workspace.rest.send("POST", f"{job_path(workspace, name)}/cancel")
    except ServiceError as error:
        if "InTerminalStatus" not in error.service_code:  # it ended first: that is what was wanted
            raise


def _following(workspace: Workspace, watched: Watched) -> Sent | None:
    """The next attempt, where another watcher has sent one."""
    job = find(workspace, attempt_name(watched.group, watched.last.number + 1))
    memory = None if job is None else Memory.from_properties(job["properties"].get("properties") or {})
    if job is None or memory is None or memory.group != watched.group:
        return None
    return sent_of(job, memory)


def _requeued(workspace: Workspace, watched: Watched, retry: Retry, deadline: float | None) -> Watched:
    """Wait, then send the next attempt, unless the run was canceled meanwhile."""
    last = watched.last
    _log.info("%s ended (%s): next attempt in %.0f s", last.name, last.ending, retry.wait)
    clock = workspace.clock
    # The end was told by the service's clock and this is ours: never wait longer than was decided.
    due = clock.now() + min(retry.wait, (last.ended or clock.now()) + retry.wait - clock.now())
    while clock.now() < due:
        _sleep(workspace, watched, due - clock.now(), deadline)
    if _marked(workspace, watched.group):
        canceled = attrs.evolve(last, ending=Ending.CANCELED_BY_US)
        return attrs.evolve(watched, attempts=(*watched.attempts[:-1], canceled))
    memory = watched.memory
    if memory.body is None:
        message = f"{watched.group}: the job is too long to be kept in its properties"
        hint = "It can be requeued only by the process that submitted it."
        raise RequeueExhausted(message, hint=hint, name=watched.group, reason=str(last.ending), url=last.url)
    number = last.number + 1
    dress = Dress(
        plan=memory.plan,
        compute_id=compute_id(workspace, memory),
        group=memory.group,
        attempt=number,
        last_ending=str(last.ending),
    )
    following = attrs.evolve(memory, attempt=number, body=dressed(memory.body, dress))
    watched = _with_next(watched, send(workspace, following, new_name=False))
    _log.info("%s: sent (attempt %d)", watched.last.name, number)
    if _marked(workspace, watched.group):  # canceled while it was on its way
        _post_cancel(workspace, watched.last.name)
    return watched


def _with_next(watched: Watched, sent: Sent) -> Watched:
    return Watched(sent.memory, (*watched.attempts, _first_sight(sent)))


def _first_sight(sent: Sent) -> Attempt:
    memory = sent.memory
    return Attempt(
        name=attempt_name(memory.group, memory.attempt),
        number=memory.attempt,
        status=sent.status,
        plan=memory.plan,
        url=sent.url,
    )


def _marked(workspace: Workspace, group: str) -> bool:
    job = workspace.rest.get(job_path(workspace, group))
    return CANCEL_TAG in (job["properties"].get("tags") or {})


def _ended(workspace: Workspace, watched: Watched, seen: Attempt, job: Mapping[str, Any]) -> Attempt:
    record = run_record(workspace, seen.name)
    ran = _duration(record)
    tags = job["properties"].get("tags") or {}
    canceled = CANCEL_TAG in tags
    if seen.number > 1 and seen.status != "Completed" and not canceled:
        canceled = _marked(workspace, watched.group)
    evidence = Evidence(
        status=seen.status,
        spot=seen.plan.tier is Tier.SPOT,
        error_code=record.error_code,
        error_message=record.error_message,
        warnings=record.warnings,
        canceled_by_us=canceled,
        cancel_requested_seen=seen.cancel_requested,
        timeout=_timeout_of(job),
        ran_for=ran,
    )
    return attrs.evolve(
        seen,
        ending=ending(evidence),
        started=record.started,
        ended=record.ended,
        seconds=ran or 0.0,
        error=": ".join(part for part in (record.error_code, record.error_message) if part),
    )


def _duration(record: RunRecord) -> float | None:
    if record.started is None or record.ended is None:
        return None
    return max(0.0, record.ended - record.started)


def _timeout_of(job: Mapping[str, Any]) -> float | None:
    text = (job["properties"].get("limits") or {}).get("timeout")
    return seconds(text) if text else None


def _sleep(workspace: Workspace, watched: Watched, wanted: float, deadline: float | None) -> None:
    clock = workspace.clock
    left = None if deadline is None else deadline - clock.now()
    if left is not None and left <= 0:
        last = watched.last
        message = f"{watched.group} is not over yet: attempt {last.number} is {last.status}"
        hint = f"It goes on; attach({watched.group!r}).wait() goes on waiting."
        raise WaitTimeout(message, hint=hint, name=watched.group)
    clock.sleep(wanted if left is None else min(wanted, left))
