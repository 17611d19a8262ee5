"""Computes as the service shows them. Pure: what was sent, and beside it what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._offers import Tier
from amlrun.testing._api.exchange import PROVIDER, instant, system_data
from amlrun.testing._supply.clusters import NodeState
from amlrun.testing._supply.computes import CLUSTER, INSTANCE, KUBERNETES, MANAGED, SPARK, Compute
from amlrun.testing._supply.identities import made_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._api.exchange import Scope
    from amlrun.testing._supply.clusters import Cluster, Node
    from amlrun.testing._supply.machines import Machine
    from amlrun.testing._supply.workspaces import Workspace


def compute_reply(scope: Scope, workspace: Workspace, compute: Compute) -> dict[str, Any]:
    """A compute as its GET shows it."""
    path = f"{scope.path}/computes/{compute.name}"
    sent = compute.body["properties"]
    location = compute.body.get("location") or scope.location
    own = _own(scope, compute)
    reply = {
        "id": path,
        "name": compute.name,
        "type": f"{PROVIDER}/workspaces/computes",
        "location": location,
        "tags": compute.body.get("tags") or {},
        "properties": {
            "description": None,
            "disableLocalAuth": False,
            **sent,
            "computeType": compute.kind,
            "computeLocation": sent.get("computeLocation") or location,
            "resourceId": sent.get("resourceId"),
            "createdOn": instant(compute.created),
            "modifiedOn": instant(compute.modified),
            "provisioningState": compute.state,
            "provisioningErrors": _errors(compute.problem),
            "isAttachedCompute": compute.kind not in MANAGED,
            **({"properties": own} if own else {}),
        },
        "systemData": system_data(compute.created),
    }
    identity = workspace.shown_identity(compute.body.get("identity"), made_up(path)["principalId"])
    return reply if identity is None else {**reply, "identity": identity}


def nodes_reply(compute: Compute) -> dict[str, Any]:
    """The nodes of a cluster, and what runs there."""
    cluster = compute.cluster
    return {"nodes": [_node(cluster, node) for node in cluster.nodes] if cluster else []}


def _own(scope: Scope, compute: Compute) -> Mapping[str, Any]:
    """What its kind has of its own; empty: it has nothing."""
    if compute.kind == CLUSTER and compute.cluster is not None:
        return {**_CLUSTER, **compute.properties, **_nodes(compute.cluster), "vmSize": compute.size.upper()}
    if compute.kind == INSTANCE and compute.machine is not None:
        return {**_INSTANCE, **compute.properties, **_machine(compute, compute.machine)}
    if compute.kind == KUBERNETES:
        return {"namespace": "default", **compute.properties, "instanceTypes": compute.instance_types}
    if compute.kind == SPARK:
        return {**_pool(scope, compute), **compute.properties}
    return compute.properties


_CLUSTER = {
    "osType": "Linux",
    "vmPriority": "Dedicated",
    "remoteLoginPortPublicAccess": "NotSpecified",
    "enableNodePublicIp": True,
    "isolatedNetwork": False,
}


def _nodes(cluster: Cluster) -> dict[str, Any]:
    counts = {f"{state.value}NodeCount": cluster.count(state) for state in NodeState}
    return {
        "scaleSettings": {
            "minNodeCount": cluster.min_nodes,
            "maxNodeCount": cluster.max_nodes,
            "nodeIdleTimeBeforeScaleDown": f"PT{cluster.idle_seconds:.0f}S",
        },
        "allocationState": "Resizing" if cluster.resizing else "Steady",
        "allocationStateTransitionTime": instant(cluster.resized),
        "currentNodeCount": len(cluster.nodes),
        "targetNodeCount": cluster.target,
        "nodeStateCounts": counts,
        "errors": _errors(cluster.problem),
    }


def _node(cluster: Cluster, node: Node) -> dict[str, Any]:
    return {
        # Assumed: the form of the id; addresses and ports are made up.
        "nodeId": f"tvmps_{node.number:04d}_{'p' if cluster.tier is Tier.SPOT else 'd'}",
        "privateIpAddress": f"10.0.{node.number // 250}.{4 + node.number % 250}",
        "publicIpAddress": None,
        "port": 50000 + node.number % 15000,
        "nodeState": node.state.value,
        # Assumed: a preempted node keeps it.
        "runId": node.job if node.state is NodeState.RUNNING else node.lost_by,
    }


_INSTANCE = {
    "applicationSharingPolicy": "Shared",
    "computeInstanceAuthorizationType": "personal",
    "enableNodePublicIp": True,
    "enableSSO": True,
    "enableRootAccess": True,
    "enableOSPatching": False,
    "releaseQuotaOnStop": False,
}


def _machine(compute: Compute, machine: Machine) -> dict[str, Any]:
    operation, at, status = machine.last
    # Assumed: which applications there are, and where.
    host = f"https://{compute.name}.fake.instances.azureml.ms"
    ssh = {"sshPublicAccess": "Disabled", **(compute.properties.get("sshSettings") or {})}
    return {
        "vmSize": compute.size.upper(),
        "state": machine.shown,
        "lastOperation": {
            "operationName": operation,
            "operationTime": instant(at),
            "operationStatus": status,
            "operationTrigger": "User",
        },
        "sshSettings": {**ssh, "adminUserName": "azureuser", "sshPort": 50000},
        "connectivityEndpoints": {"publicIpAddress": None, "privateIpAddress": "10.0.0.4"},
        "applications": [
            {"displayName": "Jupyter", "endpointUri": f"{host}/tree/"},
            {"displayName": "Jupyter Lab", "endpointUri": f"{host}/lab"},
        ],
        "errors": [],
    }


def _pool(scope: Scope, compute: Compute) -> dict[str, Any]:
    """A Synapse pool, whose figures the service reads from Synapse."""
    parts = str(compute.body["properties"].get("resourceId") or "").split("/")
    names = dict(zip(parts[1::2], parts[2::2], strict=False))
    # Assumed: the figures. They are a small pool's.
    return {
        "autoScaleProperties": {"minNodeCount": 3, "maxNodeCount": 10, "enabled": True},
        "autoPauseProperties": {"delayInMinutes": 15, "enabled": True},
        "sparkVersion": "3.4",
        "nodeCount": 3,
        "nodeSize": "Small",
        "nodeSizeFamily": "MemoryOptimized",
        "subscriptionId": names.get("subscriptions", scope.subscription_id),
        "resourceGroup": names.get("resourceGroups", scope.resource_group),
        "workspaceName": names.get("workspaces", ""),
        "poolName": names.get("bigDataPools", compute.name),
    }


def _errors(problem: tuple[str, str] | None) -> list[dict[str, Any]] | None:
    return [{"error": {"code": problem[0], "message": problem[1]}}] if problem else None
