"""Jobs as processes of this machine: each has a supervisor, which outlives the submitter."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import attrs

from amlrun.testing._jobs.job import Job, Stage
from amlrun.testing._local import processes

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("amlrun.testing")
# `-c` and not `-m`: the folder that the submitter stands in must not be where modules are looked for.
_SUPERVISE = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    "from amlrun.testing._local.supervisor import main; main(sys.argv[1], sys.argv[2])"
)


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
        process = processes.spawn_detached(arguments, _environment(), place / "supervisor.log")
        return job.at(Stage.PREPARING, now, process=process, waits_for=None)

    def canceling(self, job: Job, now: float) -> Job:
        """Its supervisor ends it; one that has none ends at the next look."""
        return job.at(Stage.CANCELING, now, due=None if job.process else now)

    def lost(self, job: Job) -> bool:
        """A supervisor that is gone takes the node with it: what is left of the job's group is ended."""
        if job.process is None or processes.alive(job.process):
            return False
        if job.group is not None and processes.alive(job.group):
            processes.kill_group(job.group[0])
        return True


def job_folder(folder: Path, name: str) -> Path:
    """Where a job works while it runs."""
    return folder / "jobs" / name


def _environment() -> Mapping[str, str]:
    """The supervisor's: the submitter's, and this very amlrun. The job's own is made by the runner."""
    package = str(Path(__file__).resolve().parents[3])
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, before] if before else [package])}


_said: list[bool] = []


def _say_once() -> None:
    if not _said:
        _said.append(True)
        _log.info(
            "local runs jobs in this Python (%s): the environment they name is not built", sys.executable
        )
