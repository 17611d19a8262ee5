"""The part of `FakeAml` that lets time pass, makes things happen to jobs, and says how they stand."""

from __future__ import annotations

import math
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier
from amlrun.testing._assets.blobs import ARTIFACTS, LOG, artifact_prefix
from amlrun.testing._controls.arguments import did_you_mean
from amlrun.testing._jobs import strikes
from amlrun.testing._jobs.families import METRICS, SUBMITTED, children_of, metrics_of, whole
from amlrun.testing._jobs.faults import Failed, JobFault, Moment, Preempted
from amlrun.testing._jobs.following import child_called
from amlrun.testing._jobs.job import Job, Stage
from amlrun.testing._jobs.outputs import DEFAULT, output_of, outputs_of
from amlrun.testing._state.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    body: Mapping[str, Any] = attrs.field(repr=False)  # it may hold secrets, and failed tests are shown
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

    def runtime(
        self, *, seconds: float | None = None, minutes: float | None = None, hours: float | None = None
    ) -> None:
        """How long jobs run that are submitted from now on.

        Raises ValueError where nothing is said, and for what is no length of time.
        """
        length = _length(seconds, minutes, hours)
        with self._backend.work() as (records, _now):
            records.put("meta", "runtime", {"seconds": length})

    def advance(
        self, *, seconds: float | None = None, minutes: float | None = None, hours: float | None = None
    ) -> None:
        """Let time pass, and everything happen that is due in it, in order.

        Raises ValueError where nothing is said, and for what is no length of time: it never goes back.
        """
        length = _length(seconds, minutes, hours)
        clock = self._backend.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("This workspace runs on the machine's clock: nobody can advance it.")
        with self._backend.store.transaction() as records:
            clock.advance_to(records, clock.now() + length)
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
            strikes.script_next(records, Failed(code, message, exit_code), self._me)

    def _inject_job(self, fault: Any, job: str, times: Any) -> None:
        """Aim a fault at jobs: `job` is a name, a child's path (`pipeline/node`), or a pattern of either.

        Raises ValueError for `times` that is no number from 1 up, and for what can't happen in this
        workspace.
        """
        if not isinstance(fault, JobFault):
            raise TypeError(f"{fault!r} is no fault of jobs: give one of amlrun.testing.")
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            raise ValueError(
                f"A fault of jobs strikes at least once: times is a number from 1, not {times!r}."
            )
        engine = self._backend.engine
        if engine.carrier.real and fault.moment is not Moment.RUNNING:
            raise ValueError(f"Jobs of the local workspace have no moment {fault.moment.value}: {fault}.")
        with self._backend.work() as (records, now):
            aim = strikes.script(records, fault, job, times, self._me)
            for running in self._running(records, job):
                if aim.hits(running):
                    engine.aim(records, running, now)
        self._backend.stir()

    def _forget_job_faults(self) -> None:
        """Take back those that have yet to strike."""
        with self._backend.work() as (records, _now):
            strikes.forget(records, self._me)

    def _pending_job_faults(self) -> list[str]:
        """Those that were scripted here and have strikes left, in words."""
        with self._backend.work() as (records, _now):
            return [strikes.told(records, aim) for aim in strikes.pending(records, self._me)]

    @cached_property
    def _me(self) -> str:
        """What tells this fake from others with the same state."""
        return uuid.uuid4().hex

    def output(self, name: str, path: str, data: bytes | str, *, output: str | None = None) -> None:
        """Put a file into an output of a job, as its code would: `jobs.download` and its assets find it.

        `output` is one of the job's; None: its own files (`artifacts`), where code writes `outputs/…`. `path`
        is the file's inside of it; an output of type `uri_file` is one file, whatever the path.

        Raises LookupError where there is no such job or output, ValueError for one outside of the datastores.
        """
        with self._backend.work() as (records, _now):
            job = self._job(records, name)
        found = output_of(job, output or DEFAULT)
        if found is None:
            raise LookupError(
                f"Job {name} has no output {output}. It has: {', '.join(outputs_of(job)) or 'none'}."
            )
        place = found.blob(path)
        if place is None:
            raise ValueError(f"Output {output} of job {name} is at {found.uri}, which is in no datastore.")
        if not place[1] or place[1].endswith("/"):
            raise ValueError(f"{path!r} is no path of a file.")
        self._backend.blobs.write(*place, data.encode() if isinstance(data, str) else data)
        with self._backend.work() as (records, now):
            records.put("blob", "/".join(place), {"modified": now})

    def log(self, name: str, text: str) -> None:
        """Write to a job's log (`user_logs/std_log.txt`), behind what is there.

        Raises LookupError where there is no such job.
        """
        with self._backend.work() as (records, _now):
            job = self._job(records, name)
            attempt, kept = job.attempt, records.get("log", job.name) or {"attempt": 1}
            records.put("log", job.name, {"attempt": attempt})
        name = job.name
        blobs, path = self._backend.blobs, artifact_prefix(name) + LOG
        # A job that the service restarted writes its logs anew.
        before = (blobs.read(ARTIFACTS, path) or b"") if kept["attempt"] == attempt else b""
        blobs.write(ARTIFACTS, path, before + text.encode())

    def metric(self, name: str, metric: str, value: float, *, step: int = 0) -> None:
        """Write a value of a metric to a job's run, as code in the job logs it.

        Raises LookupError where there is no such job.
        """
        with self._backend.work() as (records, now):
            job = self._job(records, name)
            kept = metrics_of(records, job.name)
            kept.setdefault(metric, []).append([now, step, value])
            records.put(METRICS, job.name, {"metrics": kept})
            self._backend.engine.families.measured(records, job)

    def warn(self, name: str, message: str) -> None:
        """Add a warning to those that run history has of a job, which goes on.

        Raises LookupError where there is no such job, ValueError where it is over.
        """
        with self._backend.work() as (records, _now):
            job = self._live(records, name)
            self._backend.engine.keep(records, attrs.evolve(job, warnings=(*job.warnings, message)))

    def _running(self, records: Records, name: str) -> Iterator[Job]:
        """The running jobs that a name, a path or a pattern may mean."""
        if strikes.is_pattern(name):
            yield from map(Job.from_json, records.on_shelf("job", Stage.RUNNING.value))
        elif job := self._find(records, name):
            yield job

    def _find(self, records: Records, name: str) -> Job | None:
        """A job by its name, or a child by its path, or None."""
        job = self._backend.engine.job(records, name)
        parent, _, key = name.rpartition("/")
        if job is None and parent and (above := self._find(records, parent)):
            job = self._backend.engine.job(records, child_called(above, key))
        return job

    def _job(self, records: Records, name: str) -> Job:
        """A job by its name, or a child by its path. Raises LookupError, with what there is."""
        if job := self._find(records, name):
            return job
        parent = name.rpartition("/")[0]
        above = self._find(records, parent) if parent else None
        if above is None:
            names = records.names(SUBMITTED)
            raise LookupError(
                f"There is no job {name}.{did_you_mean(name, names)} There are: {', '.join(names) or 'none'}."
            )
        found = (self._backend.engine.job(records, child) for child in children_of(records, above.name))
        paths = ", ".join(child.label for child in found if child) or "no children yet"
        raise LookupError(f"There is no job {name}. {above.label} has: {paths}.")

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
            job = whole(records, self._job(records, name))
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


def _length(seconds: Any, minutes: Any, hours: Any) -> float:
    """The length in seconds of what was said. Raises ValueError."""
    if seconds is minutes is hours is None:
        raise ValueError("Say how long: seconds=, minutes= or hours=.")
    parts = {"seconds": seconds or 0.0, "minutes": minutes or 0.0, "hours": hours or 0.0}
    for word, part in parts.items():
        is_number = isinstance(part, (int, float)) and not isinstance(part, bool)
        if not is_number or not 0 <= part < math.inf:
            raise ValueError(f"{word} is a number from 0 up, not {part!r}.")
    return float(parts["seconds"] + 60.0 * parts["minutes"] + 3600.0 * parts["hours"])


def _at_once(job: Job) -> float | None:
    return 0.0 if job.stage is Stage.RUNNING else None
