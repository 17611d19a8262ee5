"""Routes of what can be had: the workspace itself, its computes, and the subscription's sizes and quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._catalogue import vm_sizes
from amlrun._offers import Tier
from amlrun.testing._clusters import Cluster
from amlrun.testing._exchange import PROVIDER, Refusal, Reply, Request, forbidden, instant, not_found
from amlrun.testing._routing import Routes
from amlrun.testing._usages import quotas, usages

if TYPE_CHECKING:
    from amlrun.testing._backend import Backend

COMPUTE = Routes("workspace")
SUBSCRIPTION = Routes("subscription")


@COMPUTE("GET", "")
def get_workspace(backend: Backend, _request: Request) -> Reply:
    """The workspace."""
    return Reply(200, workspace(backend))


def workspace(backend: Backend) -> dict[str, Any]:
    """The workspace as its GET shows it."""
    scope = backend.scope
    group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}/providers"
    return {
        "id": scope.path,
        "name": scope.workspace,
        "type": f"{PROVIDER}/workspaces",
        "location": scope.location,
        "tags": {},
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {
            "type": "SystemAssigned",
            "principalId": "00000000-0000-0000-0000-000000000002",
            "tenantId": "00000000-0000-0000-0000-000000000003",
        },
        "properties": {
            "friendlyName": scope.workspace,
            "description": "",
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{backend.account}",
            "keyVault": f"{group}/Microsoft.KeyVault/vaults/{backend.account}",
            "applicationInsights": f"{group}/Microsoft.Insights/components/{backend.account}",
            "hbiWorkspace": False,
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "discoveryUrl": f"https://{backend.history_host}/discovery",
            "mlFlowTrackingUri": f"azureml://{backend.history_host}/mlflow/v1.0{scope.path}",
            "workspaceId": "00000000-0000-0000-0000-000000000004",
            "v1LegacyMode": False,
        },
        "systemData": system_data(backend, 0.0),
    }


def system_data(backend: Backend, created: float) -> dict[str, Any]:
    """Who made a thing, and when; the older SDKs don't do without it."""
    at = instant(created or backend.clock.now())
    return {
        "createdAt": at,
        "createdBy": "fake-user",
        "createdByType": "User",
        "lastModifiedAt": at,
        "lastModifiedBy": "fake-user",
        "lastModifiedByType": "User",
    }


@COMPUTE("GET", "/computes")
def list_computes(backend: Backend, _request: Request) -> Reply:
    """All computes."""
    with backend.work() as (records, _now):
        found = [Cluster.from_json(body) for body in records.all("compute")]
    return Reply(200, {"value": [compute(backend, cluster) for cluster in found]})


@COMPUTE("GET", "/computes/{name}")
def get_compute(backend: Backend, request: Request) -> Reply:
    """One compute."""
    return Reply(200, compute(backend, _cluster(backend, request)))


@COMPUTE("POST", "/computes/{name}/listNodes")
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
        cluster = backend.engine.cluster(records, name)
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
        "systemData": system_data(backend, cluster.created),
    }


@SUBSCRIPTION("GET", f"/providers/{PROVIDER}/locations/{{location}}/usages")
def get_usages(backend: Backend, request: Request) -> Reply:
    """What is used of every limit."""
    _quota_right(backend, request, "locations/usages/read")
    with backend.work() as (records, _now):
        ledger = backend.engine.ledger(records)
        clusters = len(records.names("compute"))
    return Reply(200, usages(ledger, backend.scope.subscription_id, clusters))


@SUBSCRIPTION("GET", f"/providers/{PROVIDER}/locations/{{location}}/quotas")
def get_quotas(backend: Backend, request: Request) -> Reply:
    """The limits."""
    _quota_right(backend, request, "locations/quotas/read")
    with backend.work() as (records, _now):
        ledger = backend.engine.ledger(records)
    return Reply(200, quotas(ledger, backend.scope.subscription_id))


@SUBSCRIPTION("GET", f"/providers/{PROVIDER}/locations/{{location}}/vmSizes")
def get_sizes(backend: Backend, request: Request) -> Reply:
    """The region's sizes."""
    _quota_right(backend, request, "locations/vmSizes/read")
    return Reply(200, {"value": list(vm_sizes())})


def _quota_right(backend: Backend, request: Request, action: str) -> None:
    location = request.args["location"]
    if not backend.reads_quota:
        raise forbidden(f"{PROVIDER}/{action}", request.path)
    if location.lower() != backend.scope.location.lower():
        # Assumed: the words. The fake has one region.
        message = f"No registered resource provider found for location '{location}'."
        raise Refusal(400, message, "NoRegisteredProviderFound")
