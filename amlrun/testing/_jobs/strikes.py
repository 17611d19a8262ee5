"""Scripted faults of jobs that have yet to strike.

They are kept with the workspace, and found when a job comes to where one of them waits. Each function runs
inside a transaction of the caller's.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._jobs.faults import Moment, from_json, to_json
from amlrun.testing._jobs.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing._jobs.faults import JobFault
    from amlrun.testing._state.store import Records

_KIND = "job fault"
_SHOWN = 5
_PATTERNS = "*"
"""The shelf of faults for more than one job; one for a single job is on the shelf of its name."""


@attrs.frozen
class Aim:
    """A fault and whom it is for: the jobs whose name or path the pattern fits. `left`: strikes to come.

    `by` is who scripted it: of several fakes with the same state, the one that asks whether it struck.
    """

    key: str
    fault: JobFault
    job: str
    times: int
    left: int
    by: str

    def names(self, job: Job) -> bool:
        """Whether the pattern fits that job."""
        return any(fnmatchcase(name, self.job) for name in {job.name, job.label})

    def hits(self, job: Job) -> bool:
        """Whether it is for that job, and can happen to it."""
        return self.left > 0 and self.names(job) and not self.fault.misfit(job)

    def __str__(self) -> str:
        """As a test reads it that was not struck."""
        return f"{self.fault} for job {self.job!r} struck {self.times - self.left} of {self.times} times"

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {**attrs.asdict(self, recurse=False), "fault": to_json(self.fault)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Aim:
        """As it was kept."""
        return cls(**{**body, "fault": from_json(body["fault"])})


def script(records: Records, fault: JobFault, job: str, times: int, by: str) -> Aim:
    """Put a fault on the list."""
    number = (records.get("meta", "job faults") or {"count": 0})["count"] + 1
    records.put("meta", "job faults", {"count": number})
    aim = Aim(f"{number:06d}", fault, job, times, times, by)
    _keep(records, aim)
    return aim


def find(records: Records, job: Job, moment: Moment) -> Iterator[Aim]:
    """Those that wait for such a job at that moment, in the order in which they were scripted."""
    shelves = dict.fromkeys((job.name, job.label, _PATTERNS))
    aims = [Aim.from_json(body) for shelf in shelves for body in records.on_shelf(_KIND, shelf)]
    for aim in sorted(aims, key=lambda aim: aim.key):
        if aim.fault.moment is moment and aim.hits(job):
            yield aim


def struck(records: Records, aim: Aim) -> None:
    """One of its strikes is done. It leaves the list with its last one."""
    if aim.left > 1:
        _keep(records, attrs.evolve(aim, left=aim.left - 1))
    else:
        records.remove(_KIND, aim.key)


def is_pattern(job: str) -> bool:
    """Whether it may mean more than one job."""
    return any(sign in job for sign in "*?[")


def _keep(records: Records, aim: Aim) -> None:
    shelf = _PATTERNS if is_pattern(aim.job) else aim.job
    records.put(_KIND, aim.key, aim.to_json(), shelf=shelf)


def forget(records: Records, by: str) -> None:
    """Take all that somebody scripted off the list."""
    for aim in pending(records, by):
        records.remove(_KIND, aim.key)
    if (body := records.get("meta", "next fault")) is not None and body["by"] == by:
        records.remove("meta", "next fault")


def pending(records: Records, by: str) -> list[Aim]:
    """Those that somebody scripted and that have strikes left."""
    return [aim for aim in map(Aim.from_json, records.all(_KIND)) if aim.by == by]


def told(records: Records, aim: Aim) -> str:
    """One that has strikes left, in words, with what came near it."""
    jobs = [Job.from_json(body) for body in records.all("job")]
    near = [f"{job.label}: {_miss(aim.fault, job)}" for job in jobs if aim.names(job)]
    if not near:
        labels = [job.label for job in jobs]
        near = [f"there were: {', '.join(labels[:_SHOWN])}" if labels else "there was no job"]
        near += [f"and {len(labels) - _SHOWN} more"] if len(labels) > _SHOWN else []
    more = [f"and {len(near) - _SHOWN} more"] if len(near) > _SHOWN else []
    return f"{aim} ({'; '.join([*near[:_SHOWN], *more])})"


def _miss(fault: JobFault, job: Job) -> str:
    """Why a fault has not struck a job that its pattern fits, as far as that can be seen."""
    if misfit := fault.misfit(job):
        return misfit
    if not job.over:
        late = fault.moment is not Moment.RUNNING and job.started is not None
        return "it ran when this was scripted" if late else f"still {job.status}, and nobody waited"
    if job.started is None or job.ended is None:
        return f"ended {job.status} and never ran"
    after = "" if fault.delay is None else f", after={fault.delay:g}"
    return f"ended {job.status} after {job.ended - job.started:g} s of running{after}"


def script_next(records: Records, fault: JobFault, by: str) -> None:
    """Put a fault aside for the next job that is submitted, whatever its name."""
    records.put("meta", "next fault", {"fault": to_json(fault), "by": by})


def name_next(records: Records, job: str) -> None:
    """That job was submitted: what was put aside is for it."""
    if (body := records.get("meta", "next fault")) is not None:
        records.remove("meta", "next fault")
        script(records, from_json(body["fault"]), job, 1, body["by"])
