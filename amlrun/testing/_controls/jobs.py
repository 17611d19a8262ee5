"""The part of `FakeAml` that lets time pass, makes things happen to jobs, and says how they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier
from amlrun.testing._assets.blobs import ARTIFACTS, artifact_prefix
from amlrun.testing._jobs import strikes
from amlrun.testing._jobs.families import SUBMITTED, children_of
from amlrun.testing._jobs.faults import Failed, JobFault, Moment, Preempted
from amlrun.testing._jobs.job import Job, Stage
from amlrun.testing._state.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend


@attrs.frozen
class FakeJob:
    """How a job stands. Instants are seconds since 1970 on the fake's clock; `body` is the PUT's.

    `error` and `code` are run history's. `attempt` counts the restarts in place, each of which left one of
    the `warnings`. `path` is what controls may call it: its name; for a child, the names from its root's to
    its own. `children` are names.
    """

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
    type: str
    code: str
    attempt: int
    warnings: tuple[str, ...]
    path: str
    parent: str | None
    children: tuple[str, ...]


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
        with self._backend.work() as (records, _now):
            job = self._live(records, name)
        if job.demand.tier is not Tier.SPOT:
            raise ValueError(f"Job {name} is on dedicated nodes: only spot nodes are preempted.")
        self._inject_job(Preempted(after=_at_once(job)), job.name, 1)

    def fail(
        self, name: str, *, code: str = "UserError", message: str | None = None, exit_code: int = 1
    ) -> None:
        """Let a job fail: now if it runs, halfway through its run if it has yet to start.

        Without a message it fails as a job does whose command ends with `exit_code`.
        Raises LookupError where there is no such job, ValueError where it is over.
        """
        with self._backend.work() as (records, _now):
            job = self._live(records, name)
        self._inject_job(Failed(code, message, exit_code, _at_once(job)), job.name, 1)

    def fail_next(self, *, code: str = "UserError", message: str | None = None, exit_code: int = 1) -> None:
        """Let the next job that is submitted fail, halfway through its run."""
        with self._backend.work() as (records, _now):
            strikes.script_next(records, Failed(code, message, exit_code))

    def _inject_job(self, fault: JobFault, job: str, times: int) -> None:
        """Aim a fault at jobs: `job` is a name, a child's path (`pipeline/node`), or a pattern of either.

        Raises ValueError for `times` below 1, and for what can't happen in this workspace.
        """
        if not isinstance(fault, JobFault):
            raise TypeError(f"{fault!r} is no fault of jobs: give one of amlrun.testing.")
        if times < 1:
            raise ValueError(f"A fault strikes at least once, not {times} times.")
        engine = self._backend.engine
        if engine.carrier.real and fault.moment is not Moment.RUNNING:
            raise ValueError(f"Jobs of the local workspace have no moment {fault.moment.value}: {fault}.")
        with self._backend.work() as (records, now):
            strikes.script(records, fault, job, times)
            for body in records.on_shelf("job", Stage.RUNNING.value):
                engine.aim(records, Job.from_json(body), now)
        self._backend.stir()

    def _forget_job_faults(self) -> None:
        """Take back those that have yet to strike."""
        with self._backend.work() as (records, _now):
            strikes.forget(records)

    def _pending_job_faults(self) -> list[str]:
        """Those that have strikes left, in words."""
        with self._backend.work() as (records, _now):
            return [str(aim) for aim in strikes.pending(records)]

    def log(self, name: str, text: str) -> None:
        """Write to a job's log (`user_logs/std_log.txt`), behind what is there.

        Raises LookupError where there is no such job.
        """
        with self._backend.work() as (records, _now):
            job = self._job(records, name)
            attempt, kept = job.attempt, records.get("log", job.name) or {"attempt": 1}
            records.put("log", job.name, {"attempt": attempt})
        name = job.name
        blobs, path = self._backend.blobs, f"{artifact_prefix(name)}user_logs/std_log.txt"
        # A job that the service restarted writes its logs anew.
        before = (blobs.read(ARTIFACTS, path) or b"") if kept["attempt"] == attempt else b""
        blobs.write(ARTIFACTS, path, before + text.encode())

    def metric(self, name: str, metric: str, value: float, *, step: int = 0) -> None:
        """Write a value of a metric to a job's run, as code in the job logs it.

        Raises LookupError where there is no such job.
        """
        with self._backend.work() as (records, now):
            job = self._job(records, name)
            kept = (records.get("metrics", job.name) or {"metrics": {}})["metrics"]
            kept.setdefault(metric, []).append([now, step, value])
            records.put("metrics", job.name, {"metrics": kept})

    def _job(self, records: Records, name: str) -> Job:
        """A job by its name, or a child by its path."""
        job = self._backend.engine.job(records, name)
        parent, _, key = name.rpartition("/")
        if job is None and parent:
            above = self._job(records, parent)
            children = children_of(records, above.name)
            found = (self._backend.engine.job(records, child) for child in children)
            job = next((child for child in found if child and child.path == f"{above.label}/{key}"), None)
        if job is None:
            names = ", ".join(records.names(SUBMITTED)) or "none"
            raise LookupError(f"There is no job {name}. There are: {names}.")
        return job

    def _live(self, records: Records, name: str) -> Job:
        job = self._job(records, name)
        if job.over:
            raise ValueError(f"Job {name} is over: {job.status}.")
        return job

    @property
    def jobs(self) -> tuple[str, ...]:
        """The names of the jobs that were submitted, in that order; children are their parents'."""
        with self._backend.work() as (records, _now):
            return tuple(records.names(SUBMITTED))

    def job(self, name: str) -> FakeJob:
        """How a job stands, by its name or a child's path (`pipeline/node`, `sweep/0`).

        Raises LookupError where there is none.
        """
        with self._backend.work() as (records, _now):
            job = self._job(records, name)
            children = children_of(records, job.name)
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
            type=job.kind,
            attempt=job.attempt,
            warnings=job.warnings,
            path=job.label,
            parent=job.parent,
            children=tuple(children),
            code=(job.ending.inner or job.ending.code) if job.ending else "",
        )


def _at_once(job: Job) -> float | None:
    return 0.0 if job.stage is Stage.RUNNING else None
