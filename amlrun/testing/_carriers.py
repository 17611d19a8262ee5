"""What becomes of a job between its submission and its end: in virtual time, or as a process.

The engine decides when a job is queued, seated and over; a carrier says what that means for it.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import attrs

from amlrun.testing import _processes
from amlrun.testing._jobs import Job, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("amlrun.testing")
# Assumed: how long each stage takes. The order of the stages is recorded.
_START_SECONDS = 5.0
_ALLOCATE_SECONDS = 30.0
_CANCEL_SECONDS = 5.0
# `-c` and not `-m`: the folder that the submitter stands in must not be where modules are looked for.
_SUPERVISE = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    "from amlrun.testing._supervisor import main; main(sys.argv[1], sys.argv[2])"
)


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


@attrs.frozen
class ProcessCarrier:
    """Jobs that really run: each has a supervisor, a process of its own that outlives the submitter."""

    real: ClassVar[bool] = True
    folder: Path

    def submitted(self, job: Job, now: float) -> Job:
        """Straight to the queue: there is no image to prepare."""
        _say_once()
        return job.at(Stage.WAITING, now)

    def seated(self, job: Job, now: float, *, new_nodes: bool) -> Job:  # noqa: ARG002 - the protocol's
        """Preparing, in the hands of a supervisor. It waits for the transaction that this is part of."""
        place = job_folder(self.folder, job.name)
        place.mkdir(parents=True, exist_ok=True)
        arguments = [sys.executable, "-c", _SUPERVISE, str(self.folder), job.name]
        process = _processes.spawn_detached(arguments, _environment(), place / "supervisor.log")
        return job.at(Stage.PREPARING, now, process=process, waits_for=None)

    def canceling(self, job: Job, now: float) -> Job:
        """Its supervisor ends it; one that has none ends at the next look."""
        return job.at(Stage.CANCELING, now, due=None if job.process else now)

    def lost(self, job: Job) -> bool:
        """A supervisor that is gone takes the node with it: what is left of the job's group is ended."""
        if job.process is None or _processes.alive(job.process):
            return False
        if job.group is not None and _processes.alive(job.group):
            _processes.kill_group(job.group[0])
        return True


def job_folder(folder: Path, name: str) -> Path:
    """Where a job works while it runs."""
    return folder / "jobs" / name


def _environment() -> Mapping[str, str]:
    """The supervisor's: the submitter's, and this very amlrun. The job's own is made by the runner."""
    package = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, before] if before else [package])}


_said: list[bool] = []


def _say_once() -> None:
    if not _said:
        _said.append(True)
        _log.info(
            "local runs jobs in this Python (%s): the environment they name is not built", sys.executable
        )
