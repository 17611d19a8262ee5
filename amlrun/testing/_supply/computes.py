"""A compute as the fake keeps it: what was sent, and what became of it. Pure.

What a compute *is* stands in the body of its PUT, kept as it came. What happens to it is beside that: its
provisioning, the nodes of a cluster, the power of a machine.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._catalogue import vm_sizes
from amlrun._durations import seconds
from amlrun._offers import Tier
from amlrun.testing._api.contract import without_secrets
from amlrun.testing._api.exchange import Refusal, bad_request
from amlrun.testing._supply.clusters import Cluster
from amlrun.testing._supply.ledger import Hold
from amlrun.testing._supply.machines import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping

CLUSTER, INSTANCE, KUBERNETES = "AmlCompute", "ComputeInstance", "Kubernetes"
VM, SPARK = "VirtualMachine", "SynapseSpark"
KINDS = (
    *(CLUSTER, INSTANCE, KUBERNETES, VM, SPARK),
    *("AKS", "DataFactory", "Databricks", "HDInsight", "DataLakeAnalytics"),
)
"""Every kind of compute, as the service spells it."""
JOBLESS = frozenset({"AKS", "DataFactory", "Databricks", "HDInsight", "DataLakeAnalytics"})
"""Kinds that take no jobs."""
MANAGED = frozenset({CLUSTER, INSTANCE})
"""Kinds whose nodes are the service's own: they hold quota; the others are attached."""
IDLE_SECONDS = 120.0
DEFAULT_INSTANCE_TYPE = "defaultinstancetype"
_DEFAULT_INSTANCE_TYPES = {
    DEFAULT_INSTANCE_TYPE: {
        "nodeSelector": None,
        "resources": {
            "requests": {"cpu": "100m", "memory": "2Gi"},
            "limits": {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": None},
        },
    }
}
"""What every Kubernetes compute has, documented with these figures."""


@cache
def _sizes() -> Mapping[str, Mapping[str, Any]]:
    return {row["name"].lower(): row for row in vm_sizes()}


def sizes() -> list[str]:
    """The names of the catalogue's sizes."""
    return [row["name"] for row in _sizes().values()]


def size_of(name: str | None) -> Mapping[str, Any] | None:
    """The catalogue's row of a size, in any case."""
    return _sizes().get(name.lower()) if name else None


@attrs.frozen
class Compute:
    """One compute. Instants are seconds since 1970; `body` is the PUT's."""

    name: str
    kind: str
    body: Mapping[str, Any]
    created: float
    modified: float
    state: str = "Succeeded"
    """The service's provisioningState."""
    ready: float | None = None
    """When it comes out of a state that passes: Creating, Updating, Deleting."""
    problem: tuple[str, str] | None = None
    """Why it could not be provisioned: a code and a message."""
    cluster: Cluster | None = None
    machine: Machine | None = None
    busy: int = 0
    """Nodes of Kubernetes that jobs have."""
    capacity: int | None = None
    """Nodes that Kubernetes has; None: enough."""
    region: str = ""
    """Where its nodes are, and whose quota they hold; "": in the workspace's own region."""

    @property
    def due(self) -> float | None:
        """When something happens to it by itself."""
        times = [self.ready]
        if self.state != "Deleting":
            times += [part.due for part in (self.cluster, self.machine) if part is not None]
        return min((at for at in times if at is not None), default=None)

    @property
    def properties(self) -> Mapping[str, Any]:
        """What its kind has of its own, as it was sent."""
        return self.body["properties"].get("properties") or {}

    @property
    def size(self) -> str:
        """The VM size that was sent, or ""."""
        return str(self.properties.get("vmSize") or self.properties.get("virtualMachineSize") or "")

    @property
    def usable(self) -> bool:
        """Whether a job may start on it now."""
        return self.state in {"Succeeded", "Updating"}

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that have its nodes, as far as nodes are told apart."""
        if self.cluster is not None:
            return self.cluster.jobs
        return (self.machine.job,) if self.machine is not None and self.machine.job else ()

    @property
    def instance_types(self) -> Mapping[str, Any]:
        """What Kubernetes offers, by name: its own, and the default one where none of them is called so."""
        return {**_DEFAULT_INSTANCE_TYPES, **(self.properties.get("instanceTypes") or {})}

    @property
    def hold(self) -> Hold | None:
        """What a machine of the service's own holds of the quota while it is held."""
        row = size_of(self.size)
        if self.kind != INSTANCE or row is None:
            return None
        return Hold(row["family"], Tier.STANDARD, row["vCPUs"], row["name"], 1)

    def unavailable(self) -> tuple[str, str] | None:
        """Why its size can't be had for its kind: a code of the service's, and words; None: it can."""
        row = size_of(self.size)
        if self.kind not in MANAGED or (row is not None and self.kind in row["supportedComputeTypes"]):
            return None
        # Assumed: the words.
        return "VmSizeNotSupported", f"The specified Azure VM size {self.size.upper()} is not supported."

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            **attrs.asdict(self, recurse=False),
            "cluster": self.cluster.to_json() if self.cluster else None,
            "machine": attrs.asdict(self.machine) if self.machine else None,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Compute:
        """As it was kept."""
        fields = {
            **body,
            "problem": tuple(body["problem"]) if body["problem"] else None,
            "cluster": Cluster.from_json(body["cluster"]) if body["cluster"] else None,
            "machine": Machine.from_json(body["machine"]) if body["machine"] else None,
        }
        return cls(**fields)


def new_compute(name: str, body: Mapping[str, Any], now: float, region: str = "") -> Compute:
    """What a PUT makes, without any node yet. What opens something is neither kept nor shown.

    Raises Refusal (400) for what can't be.
    """
    kind = _kind(body)
    kept = without_secrets(body, "ComputeResource")
    compute = Compute(name, kind, kept, created=now, modified=now, region=region)
    if kind == CLUSTER:
        return attrs.evolve(compute, cluster=_cluster(compute))
    if kind in {INSTANCE, VM}:
        return attrs.evolve(compute, machine=Machine.new(now))
    return compute


def check_changeable(compute: Compute) -> None:
    """Refuse (409) to change a compute that goes, or that failed. Raises Refusal."""
    # Assumed: the code and the words.
    if compute.state == "Deleting":
        message = f"Compute {compute.name} is being deleted."
        raise Refusal(409, message, "UserError", "Conflict", "ComputeBeingDeleted")
    if compute.state == "Failed":
        message = f"Compute {compute.name} failed to provision: create it anew, or delete it."
        raise Refusal(409, message, "UserError", "Conflict", "ComputeNotReady")


def changed_compute(compute: Compute, body: Mapping[str, Any], now: float) -> Compute:
    """What a PUT makes of a compute that is there. Raises Refusal (400) for what can't be changed."""
    made = new_compute(compute.name, body, now, compute.region)
    # Assumed: that size, priority and kind stay, the code and the words.
    if (
        made.kind != compute.kind
        or made.size.lower() != compute.size.lower()
        or _tier(made) != _tier(compute)
    ):
        message = f"Compute {compute.name} is there: its type, VM size and priority can't be changed."
        raise bad_request(message, "ComputePropertyImmutable")
    after = attrs.evolve(compute, body=made.body, modified=now)
    if compute.cluster is not None and made.cluster is not None:
        wish = made.cluster
        bounded = compute.cluster.bounded(wish.min_nodes, wish.max_nodes, wish.idle_seconds)
        after = attrs.evolve(after, cluster=bounded)
    return after


def _kind(body: Mapping[str, Any]) -> str:
    given = str((body.get("properties") or {}).get("computeType"))
    kind = next((kind for kind in KINDS if kind.lower() == given.lower()), None)
    if kind is None:
        raise bad_request(f"There is no compute type {given!r}.", "InvalidComputeType")
    return kind


def _tier(compute: Compute) -> Tier:
    low = str(compute.properties.get("vmPriority")).lower() == "lowpriority"
    return Tier.SPOT if low else Tier.STANDARD


def _cluster(compute: Compute) -> Cluster:
    row = size_of(compute.size)
    scale = compute.properties.get("scaleSettings") or {}
    low, high = int(scale.get("minNodeCount") or 0), int(scale.get("maxNodeCount") or 0)
    try:
        idle = (
            seconds(scale["nodeIdleTimeBeforeScaleDown"])
            if scale.get("nodeIdleTimeBeforeScaleDown")
            else None
        )
    except ValueError as error:
        raise bad_request(f"nodeIdleTimeBeforeScaleDown: {error}.", "InvalidScaleSettings") from error
    if not 0 <= low <= high:
        # Assumed: the code and the words.
        message = f"minNodeCount {low} must be between 0 and maxNodeCount {high}."
        raise bad_request(message, "InvalidScaleSettings")
    return Cluster(
        name=compute.name,
        size=row["name"] if row else compute.size,
        family=row["family"] if row else "",
        cores=row["vCPUs"] if row else 0,
        tier=_tier(compute),
        min_nodes=low,
        max_nodes=high,
        idle_seconds=IDLE_SECONDS if idle is None else idle,
        resized=compute.created,
    )
