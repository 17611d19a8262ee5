"""The fake's hand: it makes things happen, in the order of their instants.

It knows the store and the pure moves of `_jobs`. Where a job gets its nodes from is `Places`; how one that
has them is carried on (in virtual time, or by a process) is a `Carrier`; what a job's children are to it is
`Families`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._jobs import outputs
from amlrun.testing._jobs import strikes as _strikes
from amlrun.testing._jobs.demands import timeout_of
from amlrun.testing._jobs.families import Families, aside
from amlrun.testing._jobs.faults import Moment, Restart, Silence
from amlrun.testing._jobs.job import (
    CANCELED,
    NODE_LOST,
    QUEUED,
    End,
    Job,
    Stage,
    deadline_of,
    ended,
    outcome,
    restarted,
    running,
    stop_of,
)
from amlrun.testing._supply.places import WAIT, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from amlrun.testing._assets.blobs import Blobs
    from amlrun.testing._jobs.carrier import Carrier
    from amlrun.testing._jobs.strikes import Aim
    from amlrun.testing._state.store import Records
    from amlrun.testing._supply.ledger import Ledger
    from amlrun.testing._supply.places import Places

PREPARE_SECONDS = 55.0
_IMAGE = "image"


class Engine:
    """All moves that touch more than one document. Each method runs inside a transaction of the caller's."""

    def __init__(self, carrier: Carrier, places: Places) -> None:
        self.carrier = carrier
        self.places = places
        self.families = Families(self)
        self.blobs: Blobs | None = None
        """Where jobs that only pretend leave their logs."""
        self.unopened: Callable[[Records, Job], End | None] = lambda _records, _job: None
        """How a job ends that can't open its data; None: it can."""

    # -- reading and writing the values

    def job(self, records: Records, name: str) -> Job | None:
        """A job, or None."""
        body = records.get("job", name)
        return None if body is None else Job.from_json(body)

    def keep(self, records: Records, job: Job) -> Job:
        """Write a job where it belongs: due, or on the shelf where its pool's jobs wait."""
        job = aside(records, job)
        shelf = None
        if job.stage is Stage.WAITING:
            shelf = WAIT + self.places.pool(job.demand)
        elif not job.over:
            shelf = job.stage.value
        records.put("job", job.name, job.to_json(), shelf=shelf, due=job.due)
        return job

    # -- what is asked for

    def submit(self, records: Records, job: Job, now: float) -> Job:
        """A new job enters. A cluster's job is of the cluster's tier from the start."""
        if job.demand.compute and job.demand.counted:
            job = self.places.sized(records, job)
        job = self.keep(records, self.carrier.submitted(job, now))
        if job.stage is Stage.WAITING:
            self._ready(records, job, now)
        return self._fresh(records, job)

    def cancel(self, records: Records, job: Job, now: float) -> Job:
        """Somebody asks for a job's end: its children's too."""
        if job.stage is Stage.CANCELING:
            return job
        job = self.keep(records, self.carrier.canceling(job, now))
        if job.has_children and self.families.cancel_children(records, job, now):
            job = self.keep(records, attrs.evolve(self._fresh(records, job), due=None))
        return job

    def finish(self, records: Records, job: Job, ending: End, now: float) -> Job:
        """A job is over: its nodes go back, whoever waits for them may start, and its family is told."""
        held, job = job.holding, ended(job, now, ending)
        self.keep(records, job)
        if job.status == "Completed":
            outputs.register(records, job, now)
        if self.blobs is not None and not self.carrier.real:
            outputs.leave_log(self.blobs, job)
        if held:
            self._give_back(records, job, now, lost=ending.lost)
        if job.has_children:
            self.families.cancel_children(records, job, now)
        if job.parent:
            self.families.child_over(records, job, now)
        return job

    # -- what happens by itself

    def catch_up(self, records: Records, until: float) -> int:
        """Everything that is due by then, in order. Returns how many things happened.

        Raises RuntimeError for an event that changes nothing: a fake may be wrong, but must not hang.
        """
        count, before, seen = 0, None, None
        while (event := records.next_due()) is not None and event[0] <= until:
            at, kind, name = event
            seen = _changed(records, event, seen) if event == before else None
            count, before = count + 1, event
            if kind == "job":
                job = self.job(records, name)
                assert job is not None  # noqa: S101 - it was due a line ago
                self._happens(records, job, at)
            else:
                region = self.places.region(records, name)
                ledger = self.places.ledger(records, region)
                if self.places.happens(records, name, at):
                    self._dispatch_freed(records, name, ledger, at, region=region)
        return count

    def find_lost(self, records: Records, now: float) -> None:
        """Jobs whose process is gone have lost their node."""
        for stage in (Stage.PREPARING, Stage.RUNNING, Stage.SILENT, Stage.CANCELING):
            for body in records.on_shelf("job", stage.value):
                job = Job.from_json(body)
                if job.process and self.carrier.lost(job):
                    ending = CANCELED if stage is Stage.CANCELING else NODE_LOST
                    self.finish(records, job, ending, now)

    def dispatch(self, records: Records, now: float, pool: str | None = None) -> None:
        """Start what waits and fits, in the order of submission: in one pool, or in all, one by one."""
        # Assumed: first come, first served within a pool; a large job at the head is not overtaken.
        for shelf in records.shelves("job") if pool is None else [WAIT + pool]:
            while shelf.startswith(WAIT) and (body := records.head("job", shelf)) is not None:
                if not self._start(records, Job.from_json(body), now):
                    break

    def _dispatch_freed(
        self, records: Records, pool: str, before: Ledger, now: float, *, region: str
    ) -> None:
        """Something has changed in a pool: others are concerned only where it gave its region quota back."""
        freed = self.places.ledger(records, region).has_freed(before)
        self.dispatch(records, now, None if freed else pool)

    def _give_back(self, records: Records, job: Job, now: float, *, lost: bool) -> None:
        pool = self.places.pool(job.demand)
        region = self.places.region(records, pool)
        before = self.places.ledger(records, region)
        self.places.give_back(records, job, now, lost=lost)
        self._dispatch_freed(records, pool, before, now, region=region)

    def _happens(self, records: Records, job: Job, at: float) -> None:
        if job.stage is Stage.STARTING:
            self._prepare(records, job, at)
        elif job.stage is Stage.PREPARING:
            self._prepared(records, job, at)
        elif job.stage is Stage.ALLOCATING:
            if not self._struck_at(records, job, Moment.ALLOCATING, at):
                self.run(records, job, at)
        elif job.stage is Stage.SILENT:
            deadline = deadline_of(job, timeout_of(job.sent))
            if deadline is not None and deadline <= at:
                self.finish(records, job, CANCELED, at)
            else:
                self._aimed(records, job.at(Stage.RUNNING, at), at)
        elif job.stage is Stage.RUNNING:
            self._runs_on(records, job, at)
        elif job.stage is Stage.CANCELING:
            self.finish(records, job, CANCELED, at)

    def _prepare(self, records: Records, job: Job, at: float) -> None:
        if job.has_children or not self._needs_image(records, job):
            self._ready(records, job, at)
        else:
            self.keep(records, job.at(Stage.PREPARING, at, due=at + PREPARE_SECONDS))

    def _prepared(self, records: Records, job: Job, at: float) -> None:
        if not self._struck_at(records, job, Moment.BUILDING, at):
            records.put(_IMAGE, _environment_of(job), {})
            self._ready(records, job, at)

    def _needs_image(self, records: Records, job: Job) -> bool:
        """Whether its environment's image has yet to be made ready, or is to fail."""
        # Assumed: that this is why some jobs are never Preparing (both orders are recorded).
        if records.get(_IMAGE, _environment_of(job)) is None:
            return True
        return next(_strikes.find(records, job, Moment.BUILDING), None) is not None

    def _runs_on(self, records: Records, job: Job, at: float) -> None:
        """A running job comes to an instant that was set: of a fault, or of its own end."""
        if job.strike and job.strike[1] <= at:
            if self.let_strike(records, job, at):
                return
            job = self._fresh(records, job)  # another job was struck instead
            if job.due is None or job.due > at:
                return
        self.finish(records, job, self._closed(records, job) or outcome(job, at, timeout_of(job.sent)), at)

    def _closed(self, records: Records, job: Job) -> End | None:
        """How a job ends at once that only pretends to run, and can't open its data."""
        return None if self.carrier.real or job.has_children else self.unopened(records, job)

    # -- faults

    def run(self, records: Records, job: Job, now: float) -> Job:
        """A job has its nodes, or needs none: it runs, until something happens to it."""
        job = self._aimed(records, running(job, now), now)
        if job.has_children:
            self.families.begin(records, job, now)
        return job

    def aim(self, records: Records, job: Job, now: float) -> None:
        """A fault was scripted that may be for this job: one whose instant has come strikes now."""
        job = self._fresh(records, job)
        if job.stage is not Stage.RUNNING:
            return
        job = self._aimed(records, job, now)
        if job.strike and job.strike[1] <= now and not self.carrier.real:
            self.let_strike(records, job, now)

    def aimed_at(self, records: Records, job: Job) -> Aim | None:
        """The fault that is on its way to a running job; None: it has struck elsewhere by now."""
        key = job.strike[0] if job.strike else None
        return next((aim for aim in _strikes.find(records, job, Moment.RUNNING) if aim.key == key), None)

    def strike(self, records: Records, job: Job, effect: End | Restart | Silence, now: float) -> None:
        """A fault does this to a job now. A process ends when its supervisor sees it."""
        if job.stage is Stage.CANCELING and not isinstance(effect, Silence):
            # What somebody asked for is what becomes of it.
            lost = isinstance(effect, Restart) or effect.lost
            self.finish(records, job, attrs.evolve(CANCELED, lost=lost), now)
        elif isinstance(effect, End):
            self.finish(records, job, effect, now)
        elif isinstance(effect, Silence):
            back = None if effect.seconds is None else now + effect.seconds
            deadline = None if self.carrier.real else deadline_of(job, timeout_of(job.sent))
            due = min((at for at in (back, deadline) if at is not None), default=None)
            self.keep(records, job.at(Stage.SILENT, now, due=due, strike=None))
        elif isinstance(effect, Restart):
            self._restart(records, job, effect.warning, now)

    def lose(
        self, records: Records, names: Iterable[str], effect: End | Restart | Silence, now: float
    ) -> None:
        """The nodes of these jobs are gone: those that live bear it, those that are to end are canceled."""
        for name in names:
            job = self.job(records, name)
            if job is not None and not job.over:
                self.strike(records, job, effect, now)

    def let_strike(self, records: Records, job: Job, now: float) -> bool:
        """Let that fault happen. False: there is none any more, and the job goes on."""
        found = self.aimed_at(records, job)
        if found is None:
            self._aimed(records, job, now)
            return False
        self._struck(records, job, found, now)
        return True

    def _aimed(self, records: Records, job: Job, now: float) -> Job:
        """A running job with the next instant at which something happens to it."""
        assert job.since is not None  # noqa: S101 - it runs
        half = 0.0 if self.carrier.real or job.has_children else job.run_seconds / 2
        strikes = [
            (job.since + (half if aim.fault.delay is None else aim.fault.delay), aim.key)
            for aim in _strikes.find(records, job, Moment.RUNNING)
        ]
        at, key = min(strikes, default=(None, ""))
        stop = None if self.carrier.real and not job.has_children else stop_of(job, timeout_of(job.sent))
        instants = [instant for instant in (at, stop) if instant is not None]
        if self._closed(records, job) is not None:
            at, instants = None, [job.since]
        # One that really runs has a supervisor who looks at the time.
        due = None if self.carrier.real and not job.has_children else max(min(instants, default=now), now)
        job = attrs.evolve(job, due=due if instants else None, strike=None if at is None else (key, at))
        return self.keep(records, job)

    def _struck_at(self, records: Records, job: Job, moment: Moment, now: float) -> bool:
        found = next(_strikes.find(records, job, moment), None)
        if found is not None:
            self._struck(records, job, found, now)
        return found is not None

    def _struck(self, records: Records, job: Job, aim: Aim, now: float) -> None:
        _strikes.struck(records, aim)
        self.strike(records, job, aim.fault.effect(), now)

    def _restart(self, records: Records, job: Job, warning: str, now: float) -> None:
        back = restarted(job, now, warning)
        self.keep(records, back)
        if job.holding:
            self._give_back(records, back, now, lost=True)
        else:
            self.dispatch(records, now, self.places.pool(back.demand))

    # -- the queue

    def _ready(self, records: Records, job: Job, now: float) -> None:
        """A job is prepared: one that needs no nodes of the workspace runs, the others come to the queue."""
        if job.has_children:
            self.run(records, job, now)
        elif not job.demand.counted:
            self._seat(records, job, now, new_nodes=True)
        else:
            self._queue(records, job, now)

    def _queue(self, records: Records, job: Job, now: float) -> None:
        """A job comes to the queue: it may start at once, wait, or be one that can never start."""
        job = self.places.sized(records, job)
        refusal = self.places.never(records, job)
        if refusal is not None:
            self.finish(records, job, refusal, now)
            return
        self.keep(records, job.at(Stage.WAITING, now, waits_for=QUEUED))
        self.dispatch(records, now, self.places.pool(job.demand))

    def _start(self, records: Records, job: Job, now: float) -> bool:
        if not job.demand.counted:
            self._seat(records, job, now, new_nodes=True)
            return True
        found = self.places.take(records, job, now)
        if isinstance(found, Wait):
            why = (found.code, found.message)
            if why != job.waits_for:
                self.keep(records, attrs.evolve(job, waits_for=why))
            return False
        self._seat(records, attrs.evolve(job, holding=True), now, new_nodes=found.new_nodes)
        return True

    def _seat(self, records: Records, job: Job, now: float, *, new_nodes: bool) -> None:
        self.keep(records, self.carrier.seated(job, now, new_nodes=new_nodes))

    def _fresh(self, records: Records, job: Job) -> Job:
        found = self.job(records, job.name)
        assert found is not None  # noqa: S101 - it was kept
        return found


def _changed(
    records: Records, event: tuple[float, str, str], seen: dict[str, Any] | None
) -> dict[str, Any] | None:
    """The document of an event that is due again, which differs from what it was the last time."""
    at, kind, name = event
    body = records.get(kind, name)
    if body == seen:
        raise RuntimeError(f"The fake is wrong: at {at}, {kind} {name} is due again and again, unchanged.")
    return body


def _environment_of(job: Job) -> str:
    return str(job.sent.get("environmentId")).lower()
