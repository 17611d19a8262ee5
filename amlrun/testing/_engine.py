"""The fake's hand: it makes things happen to jobs and clusters, in the order of their instants.

It knows the store, the ledger and the pure moves of `_jobs` and `_clusters`. How a job that has its nodes is
carried on (in virtual time, or by a process) is a `Carrier`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._catalogue import vm_sizes
from amlrun._durations import seconds
from amlrun.testing import _jobs
from amlrun.testing._clusters import Cluster
from amlrun.testing._jobs import End, Job, Stage
from amlrun.testing._ledger import TOTALS, Hold, Ledger, Shortage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._offers import Tier
    from amlrun.testing._carriers import Carrier
    from amlrun.testing._store import Records

PREPARE_SECONDS = 55.0
_WAIT = "wait "  # the shelf of a pool's queue is this and the pool


def size_of(name: str | None) -> Mapping[str, Any] | None:
    """The catalogue's row of a size, in any case."""
    return next((row for row in vm_sizes() if name and row["name"].lower() == name.lower()), None)


def chosen_size(ledger: Ledger, tier: Tier) -> str | None:
    """The size that serverless takes when none is named: a general-purpose one that the limits can hold."""
    # Assumed: which one. The documentation says: by quota, price, performance and disk.
    usual = {"Standard_DS3_v2": 0, "Standard_DS12_v2": 1, "Standard_D12_v2": 2}
    rows = sorted((row for row in vm_sizes() if not row["gpus"]), key=lambda row: usual.get(row["name"], 9))
    fit = (row for row in rows if ledger.never(Hold(row["family"], tier, row["vCPUs"])) is None)
    return next((str(row["name"]) for row in fit), None)


class Engine:
    """All moves that touch more than one document. Each method runs inside a transaction of the caller's."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier

    # -- reading and writing the values

    def ledger(self, records: Records) -> Ledger:
        """The quota ledger as it stands."""
        return Ledger.from_json(records.get("meta", "ledger") or {"rows": []})

    def keep_ledger(self, records: Records, ledger: Ledger) -> None:
        """Write the ledger."""
        records.put("meta", "ledger", ledger.to_json())

    def job(self, records: Records, name: str) -> Job | None:
        """A job, or None."""
        body = records.get("job", name)
        return None if body is None else Job.from_json(body)

    def keep(self, records: Records, job: Job) -> Job:
        """Write a job where it belongs: due, or on the shelf where its pool's jobs wait."""
        shelf = None
        if job.stage is Stage.WAITING:
            where = job.demand.compute or f"{job.demand.tier.value} {job.demand.family}"
            shelf = _WAIT + where
        elif not job.over:
            shelf = job.stage.value
        records.put("job", job.name, job.to_json(), shelf=shelf, due=job.due)
        return job

    def cluster(self, records: Records, name: str) -> Cluster | None:
        """A cluster, in any case of its name, or None."""
        body = records.get("compute", name.lower())
        return None if body is None else Cluster.from_json(body)

    def keep_cluster(self, records: Records, cluster: Cluster) -> None:
        """Write a cluster."""
        records.put("compute", cluster.name.lower(), cluster.to_json(), due=cluster.due)

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
            else:
                self._shrinks(records, name, at)
        return count

    def submit(self, records: Records, job: Job, now: float) -> Job:
        """A new job enters. A cluster's job is of the cluster's tier from the start."""
        if job.demand.compute:
            job = self._sized(records, job)
        job = self.keep(records, self.carrier.submitted(job, now))
        if job.stage is Stage.WAITING:
            return self._queue(records, job, now)
        return job

    def finish(self, records: Records, job: Job, ending: End, now: float) -> Job:
        """A job is over: its cores go back, and whoever waits for them may start."""
        held, job = job.holding, _jobs.ended(job, now, ending)
        self.keep(records, job)
        if held:
            self._give_back(records, job, now, lost=ending == _jobs.PREEMPTED)
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
            while shelf.startswith(_WAIT) and (body := records.head("job", shelf)) is not None:
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

    def _shrinks(self, records: Records, name: str, at: float) -> None:
        cluster = self.cluster(records, name)
        assert cluster is not None  # noqa: S101 - it was due
        smaller = cluster.shrink(at)
        self.keep_cluster(records, smaller)
        if gone := cluster.nodes - smaller.nodes:
            self.keep_ledger(records, self.ledger(records).release(cluster.hold(gone)))
            self.dispatch(records, at)

    # -- the queue

    def _queue(self, records: Records, job: Job, now: float) -> Job:
        """A job comes to the queue: it may start at once, wait, or be one that can never start."""
        job = self._sized(records, job)
        refusal = self._never(records, job)
        if refusal is not None:
            return self.finish(records, job, refusal, now)
        job = self.keep(records, job.at(Stage.WAITING, now, waits_for=("Scheduling", "Job is queued.")))
        self.dispatch(records, now)
        after = self.job(records, job.name)
        assert after is not None  # noqa: S101 - it was kept two lines ago
        return after

    def _sized(self, records: Records, job: Job) -> Job:
        demand = job.demand
        if demand.compute:
            cluster = self.cluster(records, demand.compute)
            if cluster:
                placed = attrs.evolve(
                    demand,
                    tier=cluster.tier,
                    instance_type=cluster.size,
                    family=cluster.family,
                    cores=cluster.cores,
                )
                return attrs.evolve(job, demand=placed)
            return job
        name = demand.instance_type or chosen_size(self.ledger(records), demand.tier)
        row = size_of(name)
        if row is None:
            return job
        placed = attrs.evolve(demand, instance_type=row["name"], family=row["family"], cores=row["vCPUs"])
        return attrs.evolve(job, demand=placed)

    def _never(self, records: Records, job: Job) -> End | None:
        demand = job.demand
        if demand.compute:
            return None
        if not demand.cores:
            # Assumed: the code and the words; that the job is taken and fails is what users report.
            return End(
                "Failed", "InvalidInstanceType", f"Instance type {demand.instance_type} is not available."
            )
        short = self.ledger(records).never(Hold(demand.family, demand.tier, demand.cores * demand.nodes))
        return (
            None if short is None else End("Failed", "JobNodeCountExceedsCoreQuota", _never_words(job, short))
        )

    def _start(self, records: Records, job: Job, now: float) -> bool:
        demand = job.demand
        ledger = self.ledger(records)
        if demand.compute:
            return self._start_on_cluster(records, job, ledger, now)
        hold = Hold(demand.family, demand.tier, demand.cores * demand.nodes)
        if short := ledger.short(hold):
            self.keep(records, attrs.evolve(job, waits_for=("Scheduling", _short_words(short))))
            return False
        self.keep_ledger(records, ledger.take(hold))
        self.keep(records, attrs.evolve(self.carrier.seated(job, now, new_nodes=True), holding=True))
        return True

    def _start_on_cluster(self, records: Records, job: Job, ledger: Ledger, now: float) -> bool:
        cluster = self.cluster(records, job.demand.compute or "")
        if cluster is None:
            return False
        nodes = job.demand.nodes
        grow = cluster.grows_by(nodes)
        if grow is None or (short := ledger.short(cluster.hold(grow))):
            # The words are the service's.
            has = f"Job needs {nodes} node(s) while currently the cluster only has {len(cluster.idle)}"
            self.keep(records, attrs.evolve(job, waits_for=("InsufficientAvailableNodes", has)))
            if grow is not None and short:
                self.keep_cluster(records, attrs.evolve(cluster, quota_error=_short_words(short)))
            return False
        if grow:
            self.keep_ledger(records, ledger.take(cluster.hold(grow)))
        self.keep_cluster(records, cluster.seat(nodes))
        seated = self.carrier.seated(job, now, new_nodes=bool(grow))
        self.keep(records, attrs.evolve(seated, holding=True))
        return True

    def _give_back(self, records: Records, job: Job, now: float, *, lost: bool) -> None:
        demand = job.demand
        cluster = self.cluster(records, demand.compute) if demand.compute else None
        if cluster is None:
            hold = Hold(demand.family, demand.tier, demand.cores * demand.nodes)
            self.keep_ledger(records, self.ledger(records).release(hold))
        elif lost:
            self.keep_cluster(records, attrs.evolve(cluster, busy=cluster.busy - demand.nodes))
            self.keep_ledger(records, self.ledger(records).release(cluster.hold(demand.nodes)))
        else:
            self.keep_cluster(records, cluster.leave(demand.nodes, now))


def timeout_of(job: Job) -> float | None:
    """`limits.timeout` in seconds, or None."""
    limits = job.body["properties"].get("limits") or {}
    return seconds(limits["timeout"]) if limits.get("timeout") else None


def _never_words(job: Job, short: Shortage) -> str:
    # Assumed: the words. The figures are those that the documentation says the service gives.
    demand = job.demand
    fit = short.limit // demand.cores
    return (
        f"The specified subscription has a quota of {short.limit} vCPUs for {_plain_row(short)} and the job "
        f"needs {short.needed} vCPUs ({demand.nodes} node(s) of {demand.instance_type}): at most {fit} "
        "node(s) fit. Reduce the number of nodes, request more quota, or choose another instance type."
    )


def _short_words(short: Shortage) -> str:
    # Assumed: the words. That the job waits and says so is documented.
    of = f"{short.needed} vCPUs of {_plain_row(short)}"
    return f"Waiting for quota: needs {of}, {short.free} of {short.limit} free."


def _plain_row(short: Shortage) -> str:
    return short.row if short.row in TOTALS.values() else f"family {short.row}"
