"""The service's codes and words for what quota and capacity refuse. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun.testing._jobs.job import End
from amlrun.testing._supply.ledger import TOTALS

if TYPE_CHECKING:
    from amlrun.testing._jobs.job import Job
    from amlrun.testing._supply.clusters import Cluster
    from amlrun.testing._supply.ledger import Hold, Ledger, Shortage


def never(job: Job, shortage: Shortage) -> End:
    """How a job ends that no quota could hold, however long it waits."""
    # Assumed: the words. The figures are those that the documentation says the service gives.
    demand = job.demand
    message = (
        f"The specified {'workspace' if shortage.of_workspace else 'subscription'} has a quota of "
        f"{shortage.limit} vCPUs for {_row(shortage)} and the job needs {shortage.needed} vCPUs "
        f"({demand.nodes} node(s) of {demand.instance_type}): at most {shortage.limit // demand.cores} "
        "node(s) fit. Reduce the number of nodes, request more quota, or choose another instance type."
    )
    return End("Failed", "JobNodeCountExceedsCoreQuota", message)


def short(shortage: Shortage) -> str:
    """Why a job waits for quota."""
    # Assumed: the words. That the job waits and says so is documented.
    of = f"{shortage.needed} vCPUs of {_row(shortage)}"
    whose = " in this workspace" if shortage.of_workspace else ""
    return f"Waiting for quota: needs {of}, {shortage.free} of {shortage.limit} free{whose}."


def no_capacity(size: str) -> str:
    """Why a job waits for capacity, or ends without it."""
    # Assumed: the words.
    return f"There is no capacity for nodes of {size} in the region now."


def out_of_capacity(size: str) -> End:
    """How a job ends that doesn't wait for capacity."""
    return End("Failed", "OutOfCapacity", no_capacity(size))


def min_nodes(cluster: Cluster) -> str:
    """Why a cluster could not be made."""
    # Assumed: the words. The code is the service's.
    return (
        f"The minimum of {cluster.min_nodes} node(s) of {cluster.size.upper()} needs "
        f"{cluster.min_nodes * cluster.cores} vCPUs: more than the quota has."
    )


def cannot_grow(ledger: Ledger, one: Hold) -> tuple[str, str]:
    """Why a cluster gets no further node: a code of the service's, and words."""
    if shortage := ledger.short(one):
        return "ClusterCoreQuotaReached", short(shortage)
    return "OutOfCapacity", no_capacity(one.size)


def _row(shortage: Shortage) -> str:
    return shortage.row if shortage.row in TOTALS.values() else f"family {shortage.row}"
