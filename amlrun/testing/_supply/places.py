"""Where jobs get their nodes: from the region's quota (serverless), or from a compute of the workspace's.

It knows nothing of how a job goes on when it has its nodes. Each method runs inside a transaction of the
caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._catalogue import vm_sizes
from amlrun._offers import Tier
from amlrun.testing._api.exchange import bad_request
from amlrun.testing._jobs.job import Demand, End, Job
from amlrun.testing._supply import words
from amlrun.testing._supply.computes import (
    CLUSTER,
    DEFAULT_INSTANCE_TYPE,
    INSTANCE,
    JOBLESS,
    KUBERNETES,
    SPARK,
    Compute,
    size_of,
)
from amlrun.testing._supply.ledger import Hold, Ledger
from amlrun.testing._supply.supply import WAIT, Supply
from amlrun.testing._supply.workspaces import check_identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records

__all__ = ["WAIT", "Places", "Seat", "Wait"]


@attrs.frozen
class Seat:
    """A job has its nodes; `new_nodes`: they have yet to come up."""

    new_nodes: bool


@attrs.frozen
class Wait:
    """A job waits: run history's queueingInfo."""

    code: str
    message: str


def chosen_size(ledger: Ledger, tier: Tier, *, gpu: bool = False) -> str | None:
    """The size that serverless takes when none is named: one that the limits can hold.

    General-purpose, or with a GPU where the job's task needs one.
    """
    # Assumed: which one. The documentation says: by quota, price, performance and disk.
    usual = {"Standard_DS3_v2": 0, "Standard_DS12_v2": 1, "Standard_D12_v2": 2}
    rows = (row for row in vm_sizes() if bool(row["gpus"]) is gpu and CLUSTER in row["supportedComputeTypes"])
    ranked = sorted(rows, key=lambda row: usual.get(row["name"], 9))
    fit = (row for row in ranked if ledger.never(Hold(row["family"], tier, row["vCPUs"])) is None)
    return next((str(row["name"]) for row in fit), None)


class Places:
    """A job's way to its nodes."""

    def __init__(self, supply: Supply | None = None) -> None:
        self.supply = Supply() if supply is None else supply

    def ledger(self, records: Records, region: str = "") -> Ledger:
        """The quota ledger of a region as it stands; "": the workspace's own."""
        return self.supply.ledger(records, region)

    def region(self, records: Records, pool: str) -> str:
        """The region whose quota a pool's nodes hold."""
        compute = self.supply.compute(records, pool)
        return compute.region if compute else ""

    def keep_ledger(self, records: Records, ledger: Ledger, region: str = "") -> None:
        """Write the ledger."""
        self.supply.keep_ledger(records, ledger, region)

    def pool(self, demand: Demand) -> str:
        """Whose queue a job stands in: its compute's, or its size's in its tier."""
        return demand.compute.lower() if demand.compute else f"{demand.tier.value} {demand.instance_type}"

    def check(self, records: Records, demand: Demand) -> None:
        """Refuse at a job's PUT what can be seen to be impossible. Raises Refusal (400)."""
        if not demand.compute:
            return
        compute = self.supply.compute(records, demand.compute)
        # Assumed: all the codes and words, and that these are refused at once.
        if compute is None or compute.state == "Deleting":
            raise bad_request(f"Compute {demand.compute} was not found in the workspace.", "ComputeNotFound")
        if compute.kind in JOBLESS:
            raise bad_request(f"A compute of type {compute.kind} takes no jobs.", "ComputeTypeNotSupported")
        has_nodes = demand.counted or demand.spark
        if has_nodes and demand.spark is not (compute.kind == SPARK):
            message = f"{compute.name} is of type {compute.kind}: Spark pools take Spark jobs, and no others."
            raise bad_request(message, "ComputeTypeNotSupported")
        if compute.state == "Failed":
            code = compute.problem[0] if compute.problem else "unknown"
            raise bad_request(f"Compute {compute.name} failed to provision: {code}.", "ComputeNotReady")
        most = compute.cluster.max_nodes if compute.cluster else 1 if compute.machine else compute.capacity
        if most is not None and demand.nodes > most:
            message = f"The job needs {demand.nodes} nodes; {compute.name} has at most {most}."
            raise bad_request(message, "InstanceCountExceedsClusterMaximum")
        if compute.kind == KUBERNETES and demand.instance_type:
            offered = compute.instance_types
            if demand.instance_type not in offered:
                message = f"{compute.name} has no instance type {demand.instance_type}: {', '.join(offered)}."
                raise bad_request(message, "InvalidInstanceType")

    def check_identity(self, records: Records, properties: Mapping[str, Any]) -> None:
        """Refuse a job, by its `properties`, whose managed identity isn't there. Raises Refusal (404)."""
        name = str(properties.get("computeId") or "").rstrip("/").rpartition("/")[2]
        compute = self.supply.compute(records, name)
        check_identity(records, properties, compute.body.get("identity") if compute else None)

    def sized(self, records: Records, job: Job) -> Job:
        """The job with its size's family and cores, as far as they can be known."""
        demand = job.demand
        if demand.compute:
            compute = self.supply.compute(records, demand.compute)
            return attrs.evolve(job, demand=_on(compute, demand)) if compute else job
        name = demand.instance_type or chosen_size(self.ledger(records), demand.tier, gpu=demand.gpu)
        row = size_of(name)
        if row is None or CLUSTER not in row["supportedComputeTypes"]:
            return job  # Assumed: a size that is only for endpoints is to a job as one that isn't there.
        placed = attrs.evolve(demand, instance_type=row["name"], family=row["family"], cores=row["vCPUs"])
        return attrs.evolve(job, demand=placed)

    def never(self, records: Records, job: Job) -> End | None:
        """How a job ends that comes to the queue and can never get its nodes."""
        demand = job.demand
        if demand.compute:
            compute = self.supply.compute(records, demand.compute)
            if compute is not None and compute.state not in {"Deleting", "Failed"}:
                return None
            # Assumed: the code and the words, for a compute that is gone since the job's PUT.
            return End("Failed", "ComputeNotFound", f"Compute {demand.compute} can no longer be used.")
        if not demand.cores:
            # Assumed: the code and the words; that the job is taken and fails is what users report.
            return End(
                "Failed", "InvalidInstanceType", f"Instance type {demand.instance_type} is not available."
            )
        ledger, hold = self.ledger(records), _hold(demand)
        if short := ledger.never(hold):
            return words.never(job, short)
        if ledger.lacks(hold) and ledger.stock(hold.size).fails:
            return words.out_of_capacity(hold.size)
        return None

    def take(self, records: Records, job: Job, now: float) -> Seat | Wait:
        """Nodes for a job, or why it waits."""
        demand = job.demand
        if demand.compute:
            return self._take_of_compute(records, job, now)
        ledger, hold = self.ledger(records), _hold(demand)
        if short := ledger.short(hold):
            return Wait("Scheduling", words.short(short))
        if ledger.lacks(hold):
            return Wait("Scheduling", words.no_capacity(hold.size))
        self.keep_ledger(records, ledger.take(hold))
        return Seat(new_nodes=True)

    def give_back(self, records: Records, job: Job, now: float, *, lost: bool) -> None:
        """A job has no nodes any more; `lost`: they are gone with it."""
        demand = job.demand
        if not demand.compute:
            self.keep_ledger(records, self.ledger(records).release(_hold(demand)))
        elif compute := self.supply.compute(records, demand.compute):
            self.supply.unseat(records, compute, job.name, demand.nodes, now, lost=lost)

    def happens(self, records: Records, name: str, at: float) -> bool:
        """What is due at a compute. True: somebody who waits may start now."""
        return self.supply.happens(records, name, at)

    def _take_of_compute(self, records: Records, job: Job, now: float) -> Seat | Wait:
        nodes = job.demand.nodes
        compute = self.supply.compute(records, job.demand.compute or "")
        if compute is not None and self.supply.seat(records, compute, job.name, nodes, now):
            return Seat(new_nodes=False)
        if compute is None or compute.cluster is not None or not compute.usable:
            # The words are the service's.
            idle = compute.cluster.idle if compute and compute.cluster else 0
            has = f"Job needs {nodes} node(s) while currently the cluster only has {idle}"
            return Wait("InsufficientAvailableNodes", has)
        # Assumed: the words; and that a job waits for a machine that is stopped.
        state = f" ({compute.machine.shown})" if compute.machine else ""
        return Wait("Scheduling", f"Waiting for {compute.name}: it has no room now{state}.")


def _hold(demand: Demand) -> Hold:
    """What a serverless job holds."""
    return Hold(
        demand.family, demand.tier, demand.cores * demand.nodes, demand.instance_type or "", demand.nodes
    )


def _on(compute: Compute, demand: Demand) -> Demand:
    """What a job asks for, as its compute decides it."""
    if cluster := compute.cluster:
        return attrs.evolve(
            demand, tier=cluster.tier, instance_type=cluster.size, family=cluster.family, cores=cluster.cores
        )
    if compute.kind == INSTANCE:
        return attrs.evolve(demand, tier=Tier.STANDARD, instance_type=compute.size)
    default = compute.properties.get("defaultInstanceType") or DEFAULT_INSTANCE_TYPE
    own = default if compute.kind == KUBERNETES else None
    return attrs.evolve(demand, tier=Tier.STANDARD, instance_type=demand.instance_type or own)
