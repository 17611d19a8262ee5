"""What becomes of a job between its submission and its end: in virtual time, or as a process.

The engine decides when a job is queued, seated and over; a carrier says what that means for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from amlrun.testing._jobs.job import Job, Stage

if TYPE_CHECKING:
    from amlrun.testing._state.store import Records

# Assumed: how long each stage takes. The order of the stages is recorded.
_START_SECONDS = 5.0
_ALLOCATE_SECONDS = 30.0
_CANCEL_SECONDS = 5.0
_RUN_SECONDS = 300.0


class Carrier(Protocol):
    """How jobs are carried on."""

    real: ClassVar[bool]
    """Whether jobs are processes, on the machine's clock."""

    def submitted(self, job: Job, now: float) -> Job:
        """The job as it stands when its PUT is answered."""

    def seated(self, job: Job, now: float, *, new_nodes: bool) -> Job:
        """The job as it stands when it has got its nodes."""

    def canceling(self, job: Job, now: float) -> Job:
        """The job as it stands when its cancellation was asked for."""

    def lost(self, job: Job) -> bool:
        """Whether the process that carried it is gone."""


class VirtualCarrier:
    """Jobs that only pretend: each stage takes its time on the fake's clock."""

    real: ClassVar[bool] = False

    def submitted(self, job: Job, now: float) -> Job:
        """Starting."""
        return job.at(Stage.STARTING, now, due=now + _START_SECONDS)

    def seated(self, job: Job, now: float, *, new_nodes: bool) -> Job:
        """Queued until its nodes are there."""
        return job.at(Stage.ALLOCATING, now, due=now + (_ALLOCATE_SECONDS if new_nodes else 1.0))

    def canceling(self, job: Job, now: float) -> Job:
        """CancelRequested for a moment."""
        return job.at(Stage.CANCELING, now, due=now + _CANCEL_SECONDS)

    def lost(self, job: Job) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing real runs, so nothing is lost."""
        return False


def run_seconds(records: Records) -> float:
    """How long a job that only pretends runs, of those submitted now."""
    return float((records.get("meta", "runtime") or {"seconds": _RUN_SECONDS})["seconds"])
