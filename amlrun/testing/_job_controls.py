"""The part of `FakeAml` that lets time pass, makes things happen to jobs, and says how they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier
from amlrun.testing import _jobs
from amlrun.testing._blobs import ARTIFACTS, artifact_prefix
from amlrun.testing._clock import VirtualClock
from amlrun.testing._jobs import End, Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._backend import Backend
    from amlrun.testing._store import Records


@attrs.frozen
class FakeJob:
    """How a job stands. Instants are seconds since 1970 on the fake's clock; `body` is the PUT's."""

    name: str
    status: str
    tier: Tier
    instance_type: str | None
    nodes: int
    compute: str | None
    error: str
    created: float
    started: float | None
    ended: float | None
    statuses: tuple[str, ...]
    tags: Mapping[str, str]
    body: Mapping[str, Any]


class JobControls:
    """What becomes of jobs."""

    _backend: Backend

    def runtime(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0) -> None:
        """How long jobs run that are submitted from now on."""
        self._backend.run_seconds = seconds + 60.0 * minutes + 3600.0 * hours

    def advance(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0) -> None:
        """Let time pass, and everything happen that is due in it, in order."""
        clock = self._backend.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("This workspace runs on the machine's clock: nobody can advance it.")
        with self._backend.store.transaction() as records:
            clock.advance_to(records, clock.now() + seconds + 60.0 * minutes + 3600.0 * hours)
        clock.stir()

    def preempt(self, name: str) -> None:
        """Take a spot job's nodes away: now if it runs, halfway through its run if it has yet to start.

        Raises LookupError where there is no such job, ValueError where it is over or on dedicated nodes.
        """
        with self._backend.work() as (records, now):
            job = self._live(records, name)
            if job.demand.tier is not Tier.SPOT:
                raise ValueError(f"Job {name} is on dedicated nodes: only spot nodes are preempted.")
            self._backend.engine.strike(records, job, _jobs.PREEMPTED, now)
        self._backend.stir()

    def fail(
        self, name: str, *, code: str = "UserError", message: str | None = None, exit_code: int = 1
    ) -> None:
        """Let a job fail: now if it runs, halfway through its run if it has yet to start.

        Without a message it fails as a job does whose command ends with `exit_code`.
        Raises LookupError where there is no such job, ValueError where it is over.
        """
        ending = End("Failed", code, message or _jobs.exit_message(exit_code))
        with self._backend.work() as (records, now):
            self._backend.engine.strike(records, self._live(records, name), ending, now)
        self._backend.stir()

    def fail_next(self, *, code: str = "UserError", message: str | None = None, exit_code: int = 1) -> None:
        """Let the next job that is submitted fail, halfway through its run."""
        ending = End("Failed", code, message or _jobs.exit_message(exit_code))
        with self._backend.work() as (records, _now):
            records.put("meta", "next doom", attrs.asdict(ending))

    def log(self, name: str, text: str) -> None:
        """Write to a job's log (`user_logs/std_log.txt`), behind what is there.

        Raises LookupError where there is no such job.
        """
        with self._backend.work() as (records, _now):
            self._job(records, name)
        blobs, path = self._backend.blobs, f"{artifact_prefix(name)}user_logs/std_log.txt"
        blobs.write(ARTIFACTS, path, (blobs.read(ARTIFACTS, path) or b"") + text.encode())

    def _job(self, records: Records, name: str) -> Job:
        job = self._backend.engine.job(records, name)
        if job is None:
            names = ", ".join(records.names("job")) or "none"
            raise LookupError(f"There is no job {name}. There are: {names}.")
        return job

    def _live(self, records: Records, name: str) -> Job:
        job = self._job(records, name)
        if job.over:
            raise ValueError(f"Job {name} is over: {job.status}.")
        return job

    @property
    def jobs(self) -> tuple[str, ...]:
        """The names of all jobs, in the order of their submission."""
        with self._backend.work() as (records, _now):
            return tuple(records.names("job"))

    def job(self, name: str) -> FakeJob:
        """How a job stands. Raises LookupError where there is none."""
        with self._backend.work() as (records, _now):
            job = self._job(records, name)
        return FakeJob(
            name=job.name,
            status=job.status,
            tier=job.demand.tier,
            instance_type=job.demand.instance_type,
            nodes=job.demand.nodes,
            compute=job.demand.compute,
            error=job.ending.message if job.ending else "",
            created=job.created,
            started=job.started,
            ended=job.ended,
            statuses=tuple(status for _, status in job.history),
            tags=job.tags,
            body=job.body,
        )
