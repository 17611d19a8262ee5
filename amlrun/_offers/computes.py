"""The computes of a workspace as values: what kind they are, and how they stand. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from amlrun._identity import UserAssigned
    from amlrun._offers.sizes import Tier


_LONGEST_RESIZE = 1800.0
"""Seconds. Documented: the first node in a managed network takes about half an hour to come; others, less."""
_CANNOT_GROW = frozenset({"ClusterCoreQuotaReached", "ClusterMinNodesExceedCoreQuota"})


class Kind(str, enum.Enum):
    """What a job can be sent to, in the service's own words (`computeType`), serverless aside."""

    SERVERLESS = "serverless"
    CLUSTER = "AmlCompute"
    INSTANCE = "ComputeInstance"
    KUBERNETES = "Kubernetes"
    VM = "VirtualMachine"
    SPARK = "SynapseSpark"
    INFERENCE = "AKS"
    CONTAINER_INSTANCE = "ContainerInstance"
    DATABRICKS = "Databricks"
    DATA_FACTORY = "DataFactory"
    DATA_LAKE = "DataLakeAnalytics"
    HDINSIGHT = "HDInsight"
    UNKNOWN = "unknown"

    __str__ = str.__str__


@attrs.frozen
class Problem:
    """An error that the service reports on a compute that it answers 200 for."""

    code: str
    message: str


@attrs.frozen(kw_only=True)
class InstanceType:
    """An instance type of a Kubernetes compute: what a pod asks for, and what it may use at most.

    None: nothing is said. `gpu_resource` is by what name Kubernetes has its GPUs (`nvidia.com/gpu`).
    https://learn.microsoft.com/azure/machine-learning/how-to-manage-kubernetes-instance-types
    """

    name: str
    cpus: float | None = None
    memory_gb: float | None = None
    gpus: int = 0
    gpu_resource: str = ""
    limits_cpus: float | None = None
    limits_memory_gb: float | None = None


@attrs.frozen(kw_only=True)
class Compute:
    """A compute of the workspace. `kind_name` is the service's `computeType`, whatever it is.

    `size` and `tier` are None where that kind has none; `size` is in the service's spelling, often capitals.
    `nodes` exist now, `target_nodes` are wanted by the jobs that wait; of those that exist `idle_nodes` wait
    for work. `sent_nodes` must still be found for jobs that were sent from here, and `coming_nodes` are to
    come for others: the quota counts them as pending and as coming. `allocation_state` is the service's
    (`Steady`, `Resizing`), `resized_at` the instant since which it is so, in seconds since 1970.
    `machine_state` is a compute instance's (`Running`, `Stopped`, …). `identities` are the kinds of identity
    that it has (`SystemAssigned`, `UserAssigned`), `user_assigned` the latter. `in_network`: it stands in a
    virtual network of the user's.
    """

    name: str
    kind: Kind = Kind.CLUSTER
    kind_name: str = ""
    size: str | None = None
    tier: Tier | None = None
    min_nodes: int = 0
    max_nodes: int = 0
    nodes: int = 0
    target_nodes: int = 0
    sent_nodes: int = 0
    coming_nodes: int = 0
    idle_nodes: int = 0
    running_nodes: int = 0
    preparing_nodes: int = 0
    leaving_nodes: int = 0
    unusable_nodes: int = 0
    preempted_nodes: int = 0
    idle_seconds: float | None = None
    state: str = "Succeeded"
    allocation_state: str = ""
    resized_at: float | None = None
    machine_state: str = ""
    location: str = ""
    identities: frozenset[str] = frozenset()
    user_assigned: tuple[UserAssigned, ...] = ()
    in_network: bool = False
    namespace: str = ""
    instance_types: tuple[InstanceType, ...] = ()
    default_instance_type: str | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def resizing(self) -> bool:
        """Whether the service is at it."""
        return self.allocation_state.lower() == "resizing"

    @property
    def growth(self) -> int:
        """How many nodes the service has decided to find."""
        return max(0, self.target_nodes - self.nodes) if self.resizing else 0

    @property
    def still(self) -> bool:
        """Whether it resizes to as many nodes as it has, or to more, and none comes or leaves."""
        moving = self.preparing_nodes or self.leaving_nodes
        return self.resizing and self.target_nodes >= self.nodes and not moving

    @property
    def stop(self) -> str:
        """The service's word for why it can't grow now; "": it has said nothing."""
        return next((problem.code for problem in self.problems if problem.code in _CANNOT_GROW), "")

    def overdue(self, now: float | None) -> bool:
        """Whether no node comes, and it has resized for longer than one takes to come.

        Assumed: a cluster that is so when it is looked at, and has been resizing for long, gets no node: it
        would have been steady in between.
        """
        if now is None or self.resized_at is None:
            return False
        return self.still and now - self.resized_at > _LONGEST_RESIZE
