"""Who keeps a time-out: the service, where a type has a field for it, or whoever waits. Pure."""

from __future__ import annotations

import enum

from amlrun._job_types import JobType


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
