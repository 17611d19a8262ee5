"""The part of `FakeAml` that says which computes there are, and makes things happen to their nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from amlrun._durations import iso
from amlrun._offers import Tier
from amlrun.testing._api.contract import violations
from amlrun.testing._controls.arguments import (
    check_counts,
    check_name,
    check_seconds,
    did_you_mean,
    known_size,
    known_tier,
)
from amlrun.testing._jobs.faults import NodeLost, Preempted
from amlrun.testing._supply import identities
from amlrun.testing._supply.clusters import NodeState
from amlrun.testing._supply.computes import (
    CLUSTER,
    INSTANCE,
    KINDS,
    KUBERNETES,
    SPARK,
    VM,
    Compute,
    new_compute,
)
from amlrun.testing._supply.regions import region_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._jobs.faults import JobFault
    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

PROVISIONING_ERRORS = (
    "AllocationFailed",
    "ClusterCoreQuotaReached",
    "ClusterMinNodesExceedCoreQuota",
    "OutOfCapacity",
    "SkuNotAvailable",
    "VmSizeNotSupported",
)
"""The service's codes for clusters that could not be provisioned."""


@attrs.frozen
class FakeCompute:
    """How a compute stands.

    `state` is that of its provisioning, `nodes` are a cluster's, counted by the service's words for how they
    stand, `machine` is the state of a compute instance or VM, `jobs` are those that have nodes there, and
    `problem` is the code of the error that it shows, or "".
    """

    name: str
    kind: str
    state: str
    nodes: Mapping[str, int]
    resizing: bool
    machine: str | None
    jobs: tuple[str, ...]
    problem: str


class ComputeControls:
    """What the workspace's jobs can be placed on, beside serverless."""

    _backend: Backend

    def cluster(
        self,
        name: str,
        *,
        size: str = "Standard_DS3_v2",
        min_nodes: int = 0,
        max_nodes: int = 4,
        tier: str = "standard",
        idle_seconds: float = 120.0,
        nodes: int = 0,
        identity: str | None = None,
        error: str | tuple[str, str] | None = None,
        location: str | None = None,
    ) -> FakeCompute:
        """Put a cluster (AmlCompute) into the workspace; its minimum of nodes, and `nodes`, idle at once.

        `tier` is `standard` or `spot`, or the SDK's `dedicated` or `low_priority`. `identity` names a
        user-assigned identity of its own. `error` is the code of the service's for which it failed to
        provision (`VmSizeNotSupported`, …), or any code with its message: it is there, and of no use.
        `location` is another region than the workspace's, whose quota its nodes then hold.

        Raises ValueError for a name that the service refuses or that is taken, for a size that the catalogue
        doesn't have, for a region that isn't one, for nodes beyond the maximum, and where they exceed quota.
        """
        row, problem = known_size(size), _problem(error)
        check_counts(min_nodes=min_nodes, max_nodes=max_nodes, nodes=nodes)
        check_seconds(idle_seconds=idle_seconds)
        idle = max(nodes, min_nodes)
        if idle > max_nodes:
            raise ValueError(f"{idle} nodes are more than max_nodes={max_nodes}.")
        scale = {
            "minNodeCount": min_nodes,
            "maxNodeCount": max_nodes,
            "nodeIdleTimeBeforeScaleDown": iso(idle_seconds),
        }
        own = {
            "vmSize": row["name"],
            "vmPriority": "LowPriority" if known_tier(tier) is Tier.SPOT else "Dedicated",
            "scaleSettings": scale,
        }
        region = region_in(self._backend.scope, location or self._backend.scope.location)
        body = self._body(CLUSTER, own, identity)
        body["location"] = region or body["location"]
        with self._backend.work() as (records, now):
            compute = attrs.evolve(self._new(records, name, body, now), region=region)
            supply = self._backend.engine.places.supply
            cluster = compute.cluster
            assert cluster is not None  # noqa: S101 - it was made as one
            cluster = attrs.evolve(cluster, idle_seconds=idle_seconds, pace=supply.pace)
            if problem is not None:
                compute = attrs.evolve(compute, state="Failed", problem=problem)
            elif idle:
                ledger = supply.ledger(records, region).take(cluster.one.times(idle))
                supply.keep_ledger(records, ledger, region)
                cluster = cluster.grow(idle, now)
                at_rest = tuple(node.to(NodeState.IDLE, now) for node in cluster.nodes)
                cluster = attrs.evolve(cluster, nodes=at_rest)
            supply.keep(records, attrs.evolve(compute, cluster=cluster))
        self._backend.stir()
        return self.compute(name)

    def compute_instance(
        self, name: str, *, size: str = "Standard_DS3_v2", running: bool = True, identity: str | None = None
    ) -> FakeCompute:
        """Put a compute instance into the workspace: one node that takes jobs one after another.

        It holds its cores, stopped or not. Raises ValueError for a name that the service refuses or that is
        taken, for a size that the catalogue doesn't have, and where it exceeds quota.
        """
        own = {"vmSize": known_size(size)["name"]}
        with self._backend.work() as (records, now):
            supply = self._backend.engine.places.supply
            compute = self._new(records, name, self._body(INSTANCE, own, identity), now)
            machine = compute.machine
            assert machine is not None  # noqa: S101 - it was made with one
            assert compute.hold is not None  # noqa: S101 - its size is known
            supply.keep_ledger(records, supply.ledger(records).take(compute.hold))
            machine = attrs.evolve(machine.created(), state="Running" if running else "Stopped", holds=True)
            supply.keep(records, attrs.evolve(compute, machine=machine))
        self._backend.stir()
        return self.compute(name)

    def virtual_machine(self, name: str) -> FakeCompute:
        """Attach a VM: one node, beyond Azure ML's quota, that takes jobs one after another.

        Raises ValueError for a name that the service refuses or that is taken.
        """
        return self._attach(
            name, VM, {"sshPort": 22}, self._resource("Microsoft.Compute/virtualMachines", name)
        )

    def kubernetes(
        self,
        name: str,
        *,
        instance_types: Mapping[str, Mapping[str, Any]] | None = None,
        default: str | None = None,
        nodes: int | None = None,
        namespace: str = "default",
        identity: str | None = None,
    ) -> FakeCompute:
        """Attach a Kubernetes cluster, beyond Azure ML's quota.

        `instance_types` are its own, by name, as the service writes them: `{"gpu": {"resources": {…}}}`;
        `default` is the one for jobs that name none. `nodes`: how many jobs' nodes it holds at once; None:
        enough. `identity` names a user-assigned identity of its own.

        Raises ValueError for a name that the service refuses or that is taken, and for instance types that
        the API doesn't have in that form.
        """
        check_counts(nodes=nodes)
        own: dict[str, Any] = {"namespace": namespace}
        if instance_types:
            own["instanceTypes"] = {key: dict(value) for key, value in instance_types.items()}
        if default is not None:
            own["defaultInstanceType"] = default
        if found := violations(own, "KubernetesProperties"):
            raise ValueError(f"{'; '.join(found)}.")
        resource = self._resource("Microsoft.Kubernetes/connectedClusters", name)
        return self._attach(name, KUBERNETES, own, resource, capacity=nodes, identity=identity)

    def synapse_spark(self, name: str, *, pool: str = "spark", identity: str | None = None) -> FakeCompute:
        """Attach a Synapse Spark pool; `identity` names a user-assigned identity of its own.

        Raises ValueError for a name that the service refuses or that is taken.
        """
        resource = self._resource("Microsoft.Synapse/workspaces", f"synapse/bigDataPools/{pool}")
        return self._attach(name, SPARK, {}, resource, identity=identity)

    def attached(self, name: str, kind: str, **properties: Any) -> FakeCompute:
        """Attach a compute of any kind, in the service's spelling: `AKS`, `Databricks`, `DataFactory`, ….

        `properties` are its own, as the service names them. Most of these kinds take no jobs.
        Raises ValueError for a kind that there isn't, for properties that the API doesn't have, and for a
        name that the service refuses or that is taken.
        """
        if kind not in KINDS:
            raise ValueError(f"There is no kind {kind!r} of compute. There are: {', '.join(KINDS)}.")
        return self._attach(name, kind, properties, self._resource(f"Microsoft.{kind}/resources", name))

    def preempt_nodes(
        self, cluster: str, *, count: int = 1, how: Literal["failed", "restarted", "canceled"] = "failed"
    ) -> tuple[str, ...]:
        """Take nodes of a low-priority cluster away, those that run first; returns the jobs that are hit.

        They show as `preempted`, hold no quota, and come back when they are wanted and there is room. What
        becomes of the jobs is said by `how`, as in `Preempted`.

        Raises LookupError where there is no such cluster, ValueError where its nodes are dedicated and for a
        count below 1.
        """
        if self._cluster_tier(cluster) is not Tier.SPOT:
            raise ValueError(f"{cluster} has dedicated nodes: only low-priority ones are preempted.")
        return self._hit(cluster, NodeState.PREEMPTED, count, Preempted(how))

    def lose_nodes(self, cluster: str, *, count: int = 1) -> tuple[str, ...]:
        """Nodes of a cluster become unusable, those that run first; returns the jobs that are hit.

        Raises LookupError where there is no such cluster.
        """
        return self._hit(cluster, NodeState.UNUSABLE, count, NodeLost())

    def stick(self, cluster: str) -> None:
        """From now on the cluster shows that it resizes, and no node comes, until `unstick`.

        Raises LookupError where there is no such cluster.
        """
        self._stick(cluster, stuck=True)

    def unstick(self, cluster: str) -> None:
        """The cluster resizes again as it should. Raises LookupError where there is no such cluster."""
        self._stick(cluster, stuck=False)

    def compute(self, name: str) -> FakeCompute:
        """How a compute stands. Raises LookupError where there is none."""
        with self._backend.work() as (records, _now):
            found = self._compute(records, name)
        cluster, machine = found.cluster, found.machine
        counts = {state.value: cluster.count(state) for state in NodeState} if cluster else {}
        problem = found.problem or (cluster.problem if cluster else None)
        return FakeCompute(
            name=found.name,
            kind=found.kind,
            state=found.state,
            nodes={state: count for state, count in counts.items() if count},
            resizing=cluster.resizing if cluster else False,
            machine=machine.shown if machine else None,
            jobs=found.jobs,
            problem=problem[0] if problem else "",
        )

    # -- how it is done

    def _stirred(self, records: Records, now: float) -> None:
        """What there is has changed: clusters may grow, and who waits may start."""
        self._backend.engine.places.supply.refresh(records, now)
        self._backend.engine.dispatch(records, now)

    def _compute(self, records: Records, name: str) -> Compute:
        compute = self._backend.engine.places.supply.compute(records, name)
        if compute is None:
            raise LookupError(
                f"There is no compute {name}. There are: {', '.join(records.names('compute'))}."
            )
        return compute

    def _cluster(self, records: Records, name: str) -> Compute:
        compute = self._compute(records, name)
        if compute.cluster is None:
            raise LookupError(f"{name} is no cluster, but a compute of type {compute.kind}.")
        return compute

    def _cluster_tier(self, name: str) -> Tier | None:
        with self._backend.work() as (records, _now):
            cluster = self._cluster(records, name).cluster
        return cluster.tier if cluster else None

    def _hit(self, name: str, state: NodeState, count: int, fault: JobFault) -> tuple[str, ...]:
        check_counts(1, count=count)
        engine = self._backend.engine
        with self._backend.work() as (records, now):
            compute = self._cluster(records, name)
            jobs = engine.places.supply.hit(records, compute, state, count, now)
            engine.lose(records, jobs, fault.effect(), now)
            engine.dispatch(records, now)
        self._backend.stir()
        return jobs

    def _stick(self, name: str, *, stuck: bool) -> None:
        with self._backend.work() as (records, now):
            compute = self._cluster(records, name)
            cluster = compute.cluster and attrs.evolve(compute.cluster, stuck=stuck, resized=now)
            self._backend.engine.places.supply.keep(records, attrs.evolve(compute, cluster=cluster))
            self._stirred(records, now)
        self._backend.stir()

    def _attach(
        self,
        name: str,
        kind: str,
        own: Mapping[str, Any],
        resource: str,
        *,
        capacity: int | None = None,
        identity: str | None = None,
    ) -> FakeCompute:
        with self._backend.work() as (records, now):
            body = self._body(kind, own, identity, resource)
            if found := violations(body, "ComputeResource"):
                raise ValueError(f"{'; '.join(found)}.")
            compute = attrs.evolve(self._new(records, name, body, now), capacity=capacity)
            if compute.machine is not None:
                compute = attrs.evolve(compute, machine=compute.machine.created())
            self._backend.engine.places.supply.keep(records, compute)
        self._backend.stir()
        return self.compute(name)

    def _new(self, records: Records, name: str, body: Mapping[str, Any], now: float) -> Compute:
        """A compute that wasn't there. Raises ValueError for a name that is refused, or taken."""
        check_name("computes", name)
        if self._backend.engine.places.supply.compute(records, name) is not None:
            raise ValueError(f"There is a compute {name} already.")
        return new_compute(name, body, now)

    def _resource(self, kind: str, name: str) -> str:
        scope = self._backend.scope
        group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}"
        return f"{group}/providers/{kind}/{name}"

    def _body(
        self, kind: str, own: Mapping[str, Any], identity: str | None = None, resource: str = ""
    ) -> dict[str, Any]:
        """The body that somebody would have sent."""
        scope = self._backend.scope
        properties: dict[str, Any] = {"computeType": kind}
        if own:
            properties["properties"] = dict(own)
        if resource:
            properties["resourceId"] = resource
        body: dict[str, Any] = {"location": scope.location, "properties": properties}
        if identity is not None:
            named = identities.identity_id(scope.subscription_id, scope.resource_group, identity)
            body["identity"] = identities.attached(None, named)
        return body


def _problem(error: str | tuple[str, str] | None) -> tuple[str, str] | None:
    """Why a cluster failed: code and message. Raises ValueError for a code alone that isn't known."""
    if error is None or isinstance(error, tuple):
        return error
    if error not in PROVISIONING_ERRORS:
        known = ", ".join(PROVISIONING_ERRORS)
        raise ValueError(
            f"{error!r} is no code that the fake knows.{did_you_mean(error, PROVISIONING_ERRORS)} There are: "
            f"{known}. Any other comes with its message: error=({error!r}, 'why')."
        )
    return error, f"The cluster failed to provision: {error}."
