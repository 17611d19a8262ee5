"""What a run that did not complete tells: why, in the service's words and in ours, and what to do now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._attempts import Attempts
from amlrun._decision import count_for
from amlrun._ending import ADVICE, Ending
from amlrun._errors import AmlrunError, JobCanceled, JobFailed, RequeueExhausted
from amlrun._history import failure_text
from amlrun._requeue import Requeue
from amlrun._why import UNREAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._attempts import Attempt
    from amlrun._decision import Stop
    from amlrun._look import Watched
    from amlrun._workspace import Workspace

TAIL = 50
"""Lines of the log that an error carries."""
_BY_SOMEBODY = frozenset({Ending.CANCELED, Ending.CANCELED_BY_US})
_CANCELED = _BY_SOMEBODY | {Ending.TIMED_OUT, Ending.QUEUED_TOO_LONG}
_BY_HAND = frozenset({Ending.CANCELED, Ending.UNKNOWN})
"""Why it ended isn't known: what follows is for a person to say."""


def failure(workspace: Workspace, watched: Watched, stop: Stop) -> JobFailed | JobCanceled | RequeueExhausted:
    """The error for a run that ended so. Reads the end of the log of what failed."""
    last = watched.last
    reason = last.ending or Ending.UNKNOWN
    log = [] if reason in _BY_SOMEBODY else _log_of(workspace, last)
    kind: type[JobFailed | JobCanceled | RequeueExhausted] = JobFailed
    if stop.exhausted:
        kind = RequeueExhausted
    elif reason in _CANCELED:
        kind = JobCanceled
    return kind(
        "\n".join(_words(watched, stop, log)),
        hint="\n".join(_hints(watched, reason)),
        name=watched.group,
        reason=reason,
        url=last.url,
        attempts=watched.attempts,
        service_code=last.error_code,
        service_message="" if _unread(last) else last.error.removeprefix(f"{last.error_code}: "),
        step=last.failed_step,
        log=tuple(log[-TAIL:]),
        evidence=last.evidence,
    )


def _words(watched: Watched, stop: Stop, log: list[str]) -> Iterator[str]:
    last = watched.last
    yield f"{watched.group} did not complete: {stop.why}."
    yield "\n".join(f"  {line}" for line in str(Attempts(watched.attempts)).splitlines())
    if last.failed_step:
        yield f"It failed in {last.failed_step}, which is the run {last.failed_run}."
    if last.error:
        yield f"{'No more is known' if _unread(last) else 'The service says'}: {last.error}"
    if log:
        yield f"The end of its log ({min(TAIL, len(log))} of {len(log)} lines):"
        yield from log[-TAIL:]


def _hints(watched: Watched, reason: Ending) -> Iterator[str]:
    last, count = watched.last, count_for(reason)
    if reason is Ending.PREEMPTED and last.plan.steps:  # they keep their places from attempt to attempt
        yield 'tier="standard" goes to dedicated nodes.'
    elif ADVICE[reason]:
        yield ADVICE[reason]
    if watched.memory.policy is None and count is not None and getattr(Requeue(), count):
        yield "requeue=Requeue() sends another attempt, while somebody waits."
    if reason in _BY_HAND:
        yield f"By hand: amlrun resume {watched.group}"
    if last.url:
        yield f"Its page: {last.url}"
    if last.evidence:
        yield f"What the service said of it is in {last.evidence}: for an issue, if the reason is wrong."


def _unread(last: Attempt) -> bool:
    """Whether the words about its end are ours: the service has said nothing."""
    return last.error.startswith(UNREAD)


def _log_of(workspace: Workspace, last: Attempt) -> list[str]:
    """The log of what failed; an error is worth telling without it, too."""
    try:
        return failure_text(workspace, last.failed_run or last.name).splitlines()
    except AmlrunError as error:
        return [f"(its log can't be read: {error.message})"]
