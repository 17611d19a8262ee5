"""Scripted faults of jobs that have yet to strike.

They are kept with the workspace, and found when a job comes to where one of them waits. Each function runs
inside a transaction of the caller's.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._jobs.faults import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing._jobs.faults import JobFault, Moment
    from amlrun.testing._jobs.job import Job
    from amlrun.testing._state.store import Records

_KIND = "job fault"
_PATTERNS = "*"
"""The shelf of faults for more than one job; one for a single job is on the shelf of its name."""


@attrs.frozen
class Aim:
    """A fault and whom it is for: the jobs whose name or path the pattern fits. `left`: strikes to come."""

    key: str
    fault: JobFault
    job: str
    times: int
    left: int

    def hits(self, job: Job) -> bool:
        """Whether it is for that job."""
        names = {job.name, job.label}
        return self.left > 0 and any(fnmatchcase(name, self.job) for name in names) and self.fault.fits(job)

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


def script(records: Records, fault: JobFault, job: str, times: int) -> None:
    """Put a fault on the list."""
    number = (records.get("meta", "job faults") or {"count": 0})["count"] + 1
    records.put("meta", "job faults", {"count": number})
    _keep(records, Aim(f"{number:06d}", fault, job, times, times))


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


def forget(records: Records) -> None:
    """Take all of them off the list."""
    for aim in pending(records):
        records.remove(_KIND, aim.key)
    records.remove("meta", "next fault")


def pending(records: Records) -> list[Aim]:
    """Those that have strikes left."""
    return [Aim.from_json(body) for body in records.all(_KIND)]


def script_next(records: Records, fault: JobFault) -> None:
    """Put a fault aside for the next job that is submitted, whatever its name."""
    records.put("meta", "next fault", to_json(fault))


def name_next(records: Records, job: str) -> None:
    """That job was submitted: what was put aside is for it."""
    if (body := records.get("meta", "next fault")) is not None:
        records.remove("meta", "next fault")
        script(records, from_json(body), job, 1)
