"""Who keeps a time-out: the service, where a type has a field for it, or whoever waits. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from amlrun._errors import InvalidRequest
from amlrun._job_types import TRAITS, JobType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._requeue import Requeue


class Keeper(str, enum.Enum):
    """Who cancels an attempt whose time is over."""

    SERVICE = "service"
    WATCHER = "watcher"

    __str__ = str.__str__


KEPT_BY: dict[JobType, Keeper] = {
    JobType.COMMAND: Keeper.SERVICE,
    JobType.SWEEP: Keeper.SERVICE,
    JobType.AUTOML: Keeper.SERVICE,
    JobType.PARALLEL: Keeper.WATCHER,  # its field is for a mini-batch, not for the job
    JobType.PIPELINE: Keeper.WATCHER,
    JobType.SPARK: Keeper.WATCHER,
    JobType.FINE_TUNING: Keeper.WATCHER,
}


def step_doubts(job_type: JobType, *, timeout: object, trial_timeout: object) -> Iterator[str]:
    """What a plan warns of a pipeline's step: time-outs of which it isn't certain that they hold."""
    if job_type is not JobType.SWEEP:
        return
    if trial_timeout is not None:
        yield "its trial_timeout may not hold: of a sweep that is a step it is reported as not applied"
    if timeout is not None:
        yield "whether its timeout holds isn't known: of a sweep that is a step, that of its trials may not"


def is_kept(job_type: JobType, policy: Requeue | None) -> bool:
    """Whether a time-out of this type holds."""
    return KEPT_BY[job_type] is Keeper.SERVICE or (policy is not None and policy.enforce_timeout)


def check_timeout(job_type: JobType, timeout: float | None, policy: Requeue | None) -> None:
    """Raise `InvalidRequest` for a time-out that nobody would keep, or for none where one is to be kept."""
    if timeout is None and policy is not None and policy.enforce_timeout:
        message = "Requeue(enforce_timeout=True): there is no timeout to keep"
        raise InvalidRequest(message, argument="timeout", hint="Say one: timeout=3600, for example.")
    if timeout is not None and not is_kept(job_type, policy):
        message = f"timeout: {TRAITS[job_type].words} has no such field, and would run on"
        hint = (
            "requeue=Requeue(enforce_timeout=True): then whoever waits cancels an attempt whose time is over."
        )
        raise InvalidRequest(message, argument="timeout", hint=hint)
