"""Why an attempt ended, and how long it ran: all that can be read of that, brought to a decision.

Run history tells; where it can't be read, what was seen does, or nothing.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._durations import seconds
from amlrun._ending import Ending, Evidence, ending
from amlrun._errors import AmlrunError, ServiceError
from amlrun._evidence import keep
from amlrun._history import RunRecord, failed_part, run_record
from amlrun._job_types import TRAITS, JobType
from amlrun._marks import has_mark, marked
from amlrun._memory import QUEUE_TAG
from amlrun._names import attempt_name
from amlrun._needs import SERVERLESS
from amlrun._nodes import was_preempted
from amlrun._offers import Tier
from amlrun._outputs import found_outputs
from amlrun._sending import find
from amlrun._states import CANCELED, COMPLETED, FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._attempts import Attempt
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
UNEXPLAINED = 20
"""Looks at an end that run history refuses to explain, a quarter of an hour: then why is unknown."""
LONG_UNEXPLAINED = 360
"""The same, where that is a fault that passes: six hours of looks."""
UNREAD = "its run history can't be read"


def ended(workspace: Workspace, group: str, seen: Attempt, job: Mapping[str, Any]) -> Attempt:
    """Why it ended. `Completed` says it all; else it stays unexplained while run history can't be read."""
    record, trouble = read_record(workspace, seen.name)
    unread = "" if trouble is None else f"{UNREAD}: {trouble.message}"
    if trouble is not None and seen.status != COMPLETED:
        unexplained = seen.unexplained + 1
        if unexplained < (LONG_UNEXPLAINED if _passes(trouble) else UNEXPLAINED):
            return attrs.evolve(seen, error=unread, unexplained=unexplained)
    ran = _duration(record)
    step, cause = _cause(workspace, seen, job, record)
    canceled = has_mark(job)
    if seen.number > 1 and seen.status == CANCELED and not canceled:
        canceled = marked(workspace, group)
    moved = QUEUE_TAG in (job["properties"].get("tags") or {})
    if canceled and moved and find(workspace, attempt_name(group, seen.number + 1)) is not None:
        canceled = False  # that came later: what follows was sent because of the queue
    evidence = Evidence(
        status=seen.status,
        spot=seen.plan.tier is Tier.SPOT,
        error_code=cause.error_code,
        error_message=cause.error_message,
        warnings=(*record.warnings, *cause.warnings) if step else record.warnings,
        warned_before=seen.warned or 0,
        outlived=seen.warned is None or record.restarts > seen.restarts,
        canceled_by_us=canceled,
        moved=moved,
        cancel_requested_seen=seen.cancel_requested,
        timeout=_timeout_of(job) or seen.plan.timeout,
        ran_for=ran,
        ran_without_queue=None if ran is None else _running_time(record, ran),
    )
    if _may_have_lost_its_node(seen, record, evidence):
        lost = was_preempted(workspace, seen.plan.compute, seen.name)
        evidence = attrs.evolve(evidence, node_preempted=lost)
    why = ending(evidence) or Ending.UNKNOWN  # `_ended` is for ends
    replies = (job, *(one.raw for one in (record, *([cause] if step else [])) if one.raw))
    return attrs.evolve(
        seen,
        ending=why,
        started=record.started or seen.started,
        restarts=max(seen.restarts, record.restarts),
        ended=record.ended,
        seconds=_ran_for(seen, record, ran, trouble),
        error=": ".join(part for part in (cause.error_code, cause.error_message, unread) if part),
        error_code=cause.error_code,
        failed_step=step,
        failed_run=cause.name if step else "",
        evidence=keep(workspace, group, why, replies),
        outputs=found_outputs(workspace, job, record) if seen.status == COMPLETED else seen.outputs,
    )


def with_times(workspace: Workspace, attempt: Attempt) -> Attempt:
    if attempt.seconds is not None or attempt.ending is None:
        return attempt
    record, trouble = read_record(workspace, attempt.name)
    seconds = _ran_for(attrs.evolve(attempt, seconds=0.0), record, _duration(record), trouble)
    return attrs.evolve(attempt, started=record.started, ended=record.ended, seconds=seconds)


def read_record(workspace: Workspace, name: str) -> tuple[RunRecord, AmlrunError | None]:
    """What run history knows; nothing, and why, where it can't be read."""
    try:
        return run_record(workspace, name), None
    except AmlrunError as error:
        told = f"{name}: {UNREAD}: {error.message}"
        if isinstance(error, ServiceError) and error.host:
            told = f"run history can't be read, and runs are followed by their states alone: {error.hint}"
        for words in workspace.untold([told]):
            _log.warning("%s", words)
        return RunRecord(), error


def _ran_for(
    seen: Attempt, record: RunRecord, ran: float | None, trouble: AmlrunError | None
) -> float | None:
    """How long it ran; what was seen of it last, where run history doesn't tell; None: nothing was."""
    if ran is not None:
        return _running_time(record, ran)
    return None if trouble is not None and seen.started is None else seen.seconds


def _may_have_lost_its_node(seen: Attempt, record: RunRecord, evidence: Evidence) -> bool:
    """Whether the nodes of its cluster can tell who canceled it: the list is read for nothing else.

    Not of one that was restarted in place: the node that it lost then may still be there.
    """
    on_cluster = evidence.spot and seen.plan.compute != SERVERLESS
    restarted = seen.restarts or record.restarts or evidence.outlived
    return on_cluster and not restarted and ending(evidence) is Ending.CANCELED and not seen.cancel_requested


def _cause(
    workspace: Workspace, seen: Attempt, job: Mapping[str, Any], record: RunRecord
) -> tuple[str, RunRecord]:
    """What tells why it ended, and its path: of a job that is made of others the run of the one that failed.

    Its parent says no more than that one did. What can't be read tells nothing: it is as if there were none.
    """
    kind = job["properties"].get("jobType")
    if seen.status != FAILED or kind not in set(JobType) or not TRAITS[JobType(kind)].has_parts:
        return "", record
    try:
        found = failed_part(workspace, seen.name)
    except AmlrunError as error:
        _log.warning("%s: why its parts failed can't be read: %s", seen.name, error.message)
        return "", record
    return found or ("", record)


def _passes(trouble: AmlrunError) -> bool:
    """Whether the same look may tell why, later: not where it is refused, or its host is out of reach."""
    return isinstance(trouble, ServiceError) and trouble.passing and not trouble.host


def _duration(record: RunRecord) -> float | None:
    if record.started is None or record.ended is None:
        return None
    return max(0.0, record.ended - record.started)


def _running_time(record: RunRecord, ran: float) -> float:
    """Of a job that was restarted in place, without the queue between.

    Assumed: that is run history's `computeDuration`.
    """
    return ran if not record.restarts or record.computed is None else min(ran, record.computed)


def _timeout_of(job: Mapping[str, Any]) -> float | None:
    text = (job["properties"].get("limits") or {}).get("timeout")
    with contextlib.suppress(ValueError):  # months, say, or a number
        return seconds(str(text)) if text else None
    return None
