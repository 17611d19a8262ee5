"""Where jobs get their nodes: from the region's quota (serverless), or from a cluster.

It knows the store, the ledger and the pure moves of `_clusters`, and nothing of how a job goes on when it has
its nodes. Each method runs inside a transaction of the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._catalogue import vm_sizes
from amlrun.testing._clusters import Cluster
from amlrun.testing._exchange import bad_request
from amlrun.testing._jobs import Demand, End, Job
from amlrun.testing._ledger import TOTALS, Hold, Ledger, Shortage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._offers import Tier
    from amlrun.testing._store import Records

WAIT = "wait "
"""The shelf of a pool's queue is this and the pool."""


@attrs.frozen
class Seat:
    """A job has its nodes; `new_nodes`: they have yet to come up."""

    new_nodes: bool


@attrs.frozen
class Wait:
    """A job waits: run history's queueingInfo."""

    code: str
    message: str


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


class Places:
    """All moves of quota and clusters."""

    def ledger(self, records: Records) -> Ledger:
        """The quota ledger as it stands."""
        return Ledger.from_json(records.get("meta", "ledger") or {"rows": []})

    def keep_ledger(self, records: Records, ledger: Ledger) -> None:
        """Write the ledger."""
        records.put("meta", "ledger", ledger.to_json())

    def cluster(self, records: Records, name: str) -> Cluster | None:
        """A cluster, in any case of its name, or None."""
        body = records.get("compute", name.lower())
        return None if body is None else Cluster.from_json(body)

    def keep_cluster(self, records: Records, cluster: Cluster) -> None:
        """Write a cluster."""
        records.put("compute", cluster.name.lower(), cluster.to_json(), due=cluster.due)

    # -- a job's way to its nodes

    def pool(self, demand: Demand) -> str:
        """Whose queue a job stands in."""
        return demand.compute or f"{demand.tier.value} {demand.family}"

    def check(self, records: Records, demand: Demand) -> None:
        """Refuse at a job's PUT what can be seen to be impossible. Raises Refusal."""
        if not demand.compute:
            return
        cluster = self.cluster(records, demand.compute)
        if cluster is None:
            # Assumed: the code, and that it is refused at once.
            raise bad_request(f"Compute {demand.compute} was not found in the workspace.", "ComputeNotFound")
        if demand.nodes > cluster.max_nodes:
            # Assumed: the code and the words.
            message = f"The job needs {demand.nodes} nodes; {cluster.name} has at most {cluster.max_nodes}."
            raise bad_request(message, "InstanceCountExceedsClusterMaximum")

    def sized(self, records: Records, job: Job) -> Job:
        """The job with its size's family and cores, as far as they can be known."""
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

    def never(self, records: Records, job: Job) -> End | None:
        """How a job ends that can never get its nodes."""
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

    def take(self, records: Records, job: Job, now: float) -> Seat | Wait:  # noqa: ARG002 - for clusters that take time
        """Nodes for a job, or why it waits."""
        demand = job.demand
        ledger = self.ledger(records)
        if demand.compute:
            return self._take_of_cluster(records, job, ledger)
        hold = Hold(demand.family, demand.tier, demand.cores * demand.nodes)
        if short := ledger.short(hold):
            return Wait("Scheduling", _short_words(short))
        self.keep_ledger(records, ledger.take(hold))
        return Seat(new_nodes=True)

    def _take_of_cluster(self, records: Records, job: Job, ledger: Ledger) -> Seat | Wait:
        cluster = self.cluster(records, job.demand.compute or "")
        nodes = job.demand.nodes
        grow = None if cluster is None else cluster.grows_by(nodes)
        if cluster is None or grow is None or (short := ledger.short(cluster.hold(grow))):
            if cluster is not None and grow is not None and short:
                self.keep_cluster(records, attrs.evolve(cluster, quota_error=_short_words(short)))
            # The words are the service's.
            idle = len(cluster.idle) if cluster else 0
            return Wait(
                "InsufficientAvailableNodes",
                f"Job needs {nodes} node(s) while currently the cluster only has {idle}",
            )
        if grow:
            self.keep_ledger(records, ledger.take(cluster.hold(grow)))
        self.keep_cluster(records, cluster.seat(nodes))
        return Seat(new_nodes=bool(grow))

    def give_back(self, records: Records, job: Job, now: float, *, lost: bool) -> None:
        """A job has no nodes any more; `lost`: they are gone with it."""
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

    def happens(self, records: Records, name: str, at: float) -> bool:
        """What is due at a compute. True: somebody who waits may start now."""
        cluster = self.cluster(records, name)
        assert cluster is not None  # noqa: S101 - it was due
        smaller = cluster.shrink(at)
        self.keep_cluster(records, smaller)
        gone = cluster.nodes - smaller.nodes
        if gone:
            self.keep_ledger(records, self.ledger(records).release(cluster.hold(gone)))
        return bool(gone)


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
