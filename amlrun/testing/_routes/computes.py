"""Routes of computes: what they are, and how their nodes stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._offers import Tier
from amlrun.testing._clusters import Cluster
from amlrun.testing._exchange import PROVIDER, Reply, Request, instant, not_found, system_data
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from amlrun.testing._backend import Backend

COMPUTES = Routes("computes")


@COMPUTES("GET", "/computes")
def list_computes(backend: Backend, _request: Request) -> Reply:
    """All computes."""
    with backend.work() as (records, _now):
        found = [Cluster.from_json(body) for body in records.all("compute")]
    return Reply(200, {"value": [compute(backend, cluster) for cluster in found]})


@COMPUTES("GET", "/computes/{name}")
def get_compute(backend: Backend, request: Request) -> Reply:
    """One compute."""
    return Reply(200, compute(backend, _cluster(backend, request)))


@COMPUTES("POST", "/computes/{name}/listNodes")
def list_nodes(backend: Backend, request: Request) -> Reply:
    """A cluster's nodes."""
    cluster = _cluster(backend, request)
    states = ["running"] * cluster.busy + ["idle"] * len(cluster.idle)
    nodes = [
        {
            "nodeId": f"tvmps_{number:04d}_{'p' if cluster.tier is Tier.SPOT else 'd'}",
            "privateIpAddress": f"10.0.0.{4 + number}",
            "publicIpAddress": None,
            "port": 50000 + number,
            "nodeState": state,
            "runId": None,
        }
        for number, state in enumerate(states)
    ]
    return Reply(200, {"nodes": nodes})


def _cluster(backend: Backend, request: Request) -> Cluster:
    name = request.args["name"]
    with backend.work() as (records, _now):
        cluster = backend.engine.places.cluster(records, name)
    if cluster is None:
        raise not_found("Compute", name)
    return cluster


def compute(backend: Backend, cluster: Cluster) -> dict[str, Any]:
    """An AmlCompute as the service shows it: the VM size in capitals, the node counts beside the rest."""
    quota_error = [{"error": {"code": "ClusterCoreQuotaReached", "message": cluster.quota_error}}]
    at = instant(cluster.created)
    return {
        "id": f"{backend.scope.path}/computes/{cluster.name}",
        "name": cluster.name,
        "type": f"{PROVIDER}/workspaces/computes",
        "location": backend.scope.location,
        "tags": {},
        "properties": {
            "computeType": "AmlCompute",
            "computeLocation": backend.scope.location,
            "description": None,
            "createdOn": at,
            "modifiedOn": at,
            "disableLocalAuth": False,
            "provisioningState": "Succeeded",
            "provisioningErrors": None,
            "isAttachedCompute": False,
            "properties": {
                "vmSize": cluster.size.upper(),
                "vmPriority": "LowPriority" if cluster.tier is Tier.SPOT else "Dedicated",
                "osType": "Linux",
                "scaleSettings": {
                    "minNodeCount": cluster.min_nodes,
                    "maxNodeCount": cluster.max_nodes,
                    "nodeIdleTimeBeforeScaleDown": f"PT{cluster.idle_seconds:.0f}S",
                },
                "remoteLoginPortPublicAccess": "Disabled",
                "allocationState": "Steady",
                "allocationStateTransitionTime": at,
                "currentNodeCount": cluster.nodes,
                "targetNodeCount": cluster.nodes,
                "nodeStateCounts": {
                    "preparingNodeCount": 0,
                    "runningNodeCount": cluster.busy,
                    "idleNodeCount": len(cluster.idle),
                    "unusableNodeCount": 0,
                    "leavingNodeCount": 0,
                    "preemptedNodeCount": 0,
                },
                "errors": quota_error if cluster.quota_error else None,
                "enableNodePublicIp": True,
            },
        },
        "systemData": system_data(cluster.created),
    }
