"""The fake's hand: it makes things happen, in the order of their instants.

It knows the store and the pure moves of `_jobs`. Where a job gets its nodes from is `Places`; how one that
has them is carried on (in virtual time, or by a process) is a `Carrier`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._durations import seconds
from amlrun.testing import _jobs
from amlrun.testing._jobs import End, Job, Stage
from amlrun.testing._places import WAIT, Wait

if TYPE_CHECKING:
    from amlrun.testing._carriers import Carrier
    from amlrun.testing._places import Places
    from amlrun.testing._store import Records

PREPARE_SECONDS = 55.0


class Engine:
    """All moves that touch more than one document. Each method runs inside a transaction of the caller's."""

    def __init__(self, carrier: Carrier, places: Places) -> None:
        self.carrier = carrier
        self.places = places

    # -- reading and writing the values

    def job(self, records: Records, name: str) -> Job | None:
        """A job, or None."""
        body = records.get("job", name)
        return None if body is None else Job.from_json(body)

    def keep(self, records: Records, job: Job) -> Job:
        """Write a job where it belongs: due, or on the shelf where its pool's jobs wait."""
        shelf = None
        if job.stage is Stage.WAITING:
            shelf = WAIT + self.places.pool(job.demand)
        elif not job.over:
            shelf = job.stage.value
        records.put("job", job.name, job.to_json(), shelf=shelf, due=job.due)
        return job

    # -- what happens by itself

    def catch_up(self, records: Records, until: float) -> int:
        """Everything that is due by then, in order. Returns how many things happened."""
        count = 0
        while (event := records.next_due()) is not None and event[0] <= until:
            at, kind, name = event
            count += 1
            if kind == "job":
                job = self.job(records, name)
                assert job is not None  # noqa: S101 - it was due a line ago
                self._happens(records, job, at)
            elif self.places.happens(records, name, at):
                self.dispatch(records, at)
        return count

    def submit(self, records: Records, job: Job, now: float) -> Job:
        """A new job enters. A cluster's job is of the cluster's tier from the start."""
        if job.demand.compute:
            job = self.places.sized(records, job)
        job = self.keep(records, self.carrier.submitted(job, now))
        if job.stage is Stage.WAITING:
            return self._queue(records, job, now)
        return job

    def finish(self, records: Records, job: Job, ending: End, now: float) -> Job:
        """A job is over: its cores go back, and whoever waits for them may start."""
        held, job = job.holding, _jobs.ended(job, now, ending)
        self.keep(records, job)
        if held:
            self.places.give_back(records, job, now, lost=ending == _jobs.PREEMPTED)
            self.dispatch(records, now)
        return job

    def cancel(self, records: Records, job: Job, now: float) -> Job:
        """Somebody asks for a job's end."""
        if job.stage is Stage.CANCELING:
            return job
        return self.keep(records, self.carrier.canceling(job, now))

    def strike(self, records: Records, job: Job, ending: End, now: float) -> None:
        """A job is to end like that: at once where nothing real runs, else when its doom is seen."""
        if job.stage is Stage.RUNNING and not self.carrier.real:
            self.finish(records, job, ending, now)
        else:
            self.keep(records, attrs.evolve(job, doom=ending))

    def find_lost(self, records: Records, now: float) -> None:
        """Jobs whose process is gone have lost their node."""
        for stage in (Stage.PREPARING, Stage.RUNNING, Stage.CANCELING):
            for body in records.on_shelf("job", stage.value):
                job = Job.from_json(body)
                if job.process and self.carrier.lost(job):
                    ending = _jobs.CANCELED if stage is Stage.CANCELING else _jobs.NODE_LOST
                    self.finish(records, job, ending, now)

    def dispatch(self, records: Records, now: float) -> None:
        """Start what waits and fits, pool by pool, in the order of submission."""
        # Assumed: first come, first served within a pool; a large job at the head is not overtaken.
        for shelf in records.shelves("job"):
            while shelf.startswith(WAIT) and (body := records.head("job", shelf)) is not None:
                if not self._start(records, Job.from_json(body), now):
                    break

    def _happens(self, records: Records, job: Job, at: float) -> None:
        timeout = timeout_of(job)
        if job.stage is Stage.STARTING:
            self.keep(records, job.at(Stage.PREPARING, at, due=at + PREPARE_SECONDS))
        elif job.stage is Stage.PREPARING:
            self._queue(records, job, at)
        elif job.stage is Stage.ALLOCATING:
            self.keep(records, _jobs.running(job, at, timeout))
        elif job.stage is Stage.RUNNING:
            self.finish(records, job, _jobs.outcome(job, at, timeout), at)
        elif job.stage is Stage.CANCELING:
            self.finish(records, job, _jobs.CANCELED, at)

    # -- the queue

    def _queue(self, records: Records, job: Job, now: float) -> Job:
        """A job comes to the queue: it may start at once, wait, or be one that can never start."""
        job = self.places.sized(records, job)
        refusal = self.places.never(records, job)
        if refusal is not None:
            return self.finish(records, job, refusal, now)
        job = self.keep(records, job.at(Stage.WAITING, now, waits_for=("Scheduling", "Job is queued.")))
        self.dispatch(records, now)
        after = self.job(records, job.name)
        assert after is not None  # noqa: S101 - it was kept two lines ago
        return after

    def _start(self, records: Records, job: Job, now: float) -> bool:
        found = self.places.take(records, job, now)
        if isinstance(found, Wait):
            self.keep(records, attrs.evolve(job, waits_for=(found.code, found.message)))
            return False
        seated = self.carrier.seated(job, now, new_nodes=found.new_nodes)
        self.keep(records, attrs.evolve(seated, holding=True))
        return True


def timeout_of(job: Job) -> float | None:
    """`limits.timeout` in seconds, or None."""
    limits = job.body["properties"].get("limits") or {}
    return seconds(limits["timeout"]) if limits.get("timeout") else None
