"""What the workspace says of itself and of its computes: replies of the service to values. Pure.

It knows the service's field names and spellings; anything may be missing, null, or of another type.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from amlrun._durations import instant, seconds
from amlrun._identity import UserAssigned
from amlrun._offers import (
    Compute,
    Datastore,
    InstanceType,
    Kind,
    Problem,
    RegistryFacts,
    Tier,
    WorkspaceFacts,
    region_key,
)
from amlrun._readings.json_values import items_in, object_in

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = {kind.lower(): kind for kind in Kind if kind not in {Kind.SERVERLESS, Kind.UNKNOWN}}
_TIERS = {"dedicated": Tier.STANDARD, "lowpriority": Tier.SPOT}
_QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,2}))?(m|[kMGTPE]|[KMGTPE]i)?")
_UNITS = {
    "m": 1e-3,
    **{unit: 1000.0 ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": 1024.0 ** (power + 1) for power, unit in enumerate("KMGTPE")},
}


def workspace_from(reply: Mapping[str, Any]) -> WorkspaceFacts:
    """A workspace's GET."""
    properties = object_in(reply.get("properties"))
    network = object_in(properties.get("managedNetwork"))
    status = object_in(network.get("status"))
    serverless = object_in(properties.get("serverlessComputeSettings"))
    identities, user_assigned = _identities(reply)
    return WorkspaceFacts(
        name=_text(reply.get("name")),
        location=region_key(_text(reply.get("location"))),
        workspace_id=_text(properties.get("workspaceId")),
        discovery_url=_url(properties.get("discoveryUrl")),
        identities=identities,
        user_assigned=user_assigned,
        keyless=_text(properties.get("systemDatastoresAuthMode")).lower() == "identity",
        isolation=_text(network.get("isolationMode")) or "Disabled",
        custom_subnet=bool(serverless.get("serverlessComputeCustomSubnet")),
        public_access=_text(properties.get("publicNetworkAccess")).lower() != "disabled",
        build_compute=_text(properties.get("imageBuildCompute")),
        registry=_text(properties.get("containerRegistry")),
        network_ready={"active": True, "inactive": False}.get(_text(status.get("status")).lower()),
        tenant=_text(properties.get("tenantId")),
        legacy=properties.get("v1LegacyMode") is True,
    )


def registry_from(reply: Mapping[str, Any]) -> RegistryFacts:
    """A container registry's GET."""
    properties = object_in(reply.get("properties"))
    admin = properties.get("adminUserEnabled")
    access = _text(properties.get("publicNetworkAccess")).lower()
    return RegistryFacts(
        name=_text(reply.get("name")),
        admin=admin if isinstance(admin, bool) else None,
        public={"enabled": True, "disabled": False}.get(access),
    )


def datastore_from(row: Mapping[str, Any]) -> Datastore:
    """One datastore, as the list has it: never with what opens it."""
    properties = object_in(row.get("properties"))
    return Datastore(
        name=_text(row.get("name")),
        kind=_text(properties.get("datastoreType")),
        credentials=_text(object_in(properties.get("credentials")).get("credentialsType")),
        account=_text(properties.get("accountName")),
        endpoint=_text(properties.get("endpoint")),
        container=_text(properties.get("containerName") or properties.get("filesystem")),
    )


def compute_from(row: Mapping[str, Any]) -> Compute:
    """One compute, as the list and its own GET have it.

    Assumed: the list carries the same properties as the GET of one compute, node counts among them.
    """
    outer = object_in(row.get("properties"))
    inner = object_in(outer.get("properties"))
    scale = object_in(inner.get("scaleSettings"))
    nodes = object_in(inner.get("nodeStateCounts"))
    identities, user_assigned = _identities(row)
    return Compute(
        name=_text(row.get("name")),
        kind=_KINDS.get(_text(outer.get("computeType")).lower(), Kind.UNKNOWN),
        kind_name=_text(outer.get("computeType")),
        size=_text(inner.get("vmSize") or inner.get("virtualMachineSize")) or None,
        tier=_TIERS.get(_text(inner.get("vmPriority")).lower()),
        min_nodes=_count(scale.get("minNodeCount")),
        max_nodes=_count(scale.get("maxNodeCount")),
        nodes=_count(inner.get("currentNodeCount")),
        target_nodes=_count(inner.get("targetNodeCount")),
        idle_nodes=_count(nodes.get("idleNodeCount")),
        running_nodes=_count(nodes.get("runningNodeCount")),
        preparing_nodes=_count(nodes.get("preparingNodeCount")),
        leaving_nodes=_count(nodes.get("leavingNodeCount")),
        unusable_nodes=_count(nodes.get("unusableNodeCount")),
        preempted_nodes=_count(nodes.get("preemptedNodeCount")),
        idle_seconds=_seconds(scale.get("nodeIdleTimeBeforeScaleDown")),
        state=_text(outer.get("provisioningState")),
        allocation_state=_text(inner.get("allocationState")),
        resized_at=instant(inner.get("allocationStateTransitionTime")),
        machine_state=_text(inner.get("state")),
        location=region_key(_text(outer.get("computeLocation") or row.get("location"))),
        identities=identities,
        user_assigned=user_assigned,
        in_network=bool(object_in(inner.get("subnet")).get("id")),
        namespace=_text(inner.get("namespace")),
        instance_types=tuple(
            _instance_type(name, object_in(body))
            for name, body in object_in(inner.get("instanceTypes")).items()
        ),
        default_instance_type=_text(inner.get("defaultInstanceType")) or None,
        problems=tuple(
            Problem(_text(error.get("code")), _text(error.get("message")))
            for item in (*items_in(outer.get("provisioningErrors")), *items_in(inner.get("errors")))
            for error in (object_in(item.get("error")) or item,)
        ),
    )


def quantity(value: object) -> float | None:
    """A quantity of Kubernetes (`100m`, `2`, `1.5Gi`, `4G`) as a number; None: nothing that can be read.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None:
        return None
    number, power, unit = match.groups()
    return round(float(number) * 10.0 ** int(power or 0) * _UNITS.get(unit, 1.0), 9)


def _instance_type(name: str, body: Mapping[str, Any]) -> InstanceType:
    resources = object_in(body.get("resources"))
    requests, limits = object_in(resources.get("requests")), object_in(resources.get("limits"))
    gpus = {
        key: quantity(value) or 0 for key, value in {**requests, **limits}.items() if key.endswith("/gpu")
    }
    return InstanceType(
        name=name,
        cpus=quantity(requests.get("cpu")),
        memory_gb=_gb(requests.get("memory")),
        gpus=int(sum(gpus.values())),
        gpu_resource=next((key for key in sorted(gpus) if gpus[key]), ""),
        limits_cpus=quantity(limits.get("cpu")),
        limits_memory_gb=_gb(limits.get("memory")),
    )


def _gb(value: object) -> float | None:
    """Memory in the GB of VM sizes, which are 2^30 bytes each; to a tenth of one, rounded down."""
    found = quantity(value)
    return None if found is None else math.floor(found / 1024**3 * 10) / 10


def _identities(row: Mapping[str, Any]) -> tuple[frozenset[str], tuple[UserAssigned, ...]]:
    """The kinds of identity, and those that are assigned by users."""
    identity = object_in(row.get("identity"))
    kinds = {kind.strip() for kind in _text(identity.get("type")).split(",")}
    users = sorted(object_in(identity.get("userAssignedIdentities")).items())
    return frozenset(kinds - {"", "None"}), tuple(
        UserAssigned(resource_id, _text(ids.get("clientId")), _text(ids.get("principalId")))
        for resource_id, ids in ((key, object_in(value)) for key, value in users)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _url(value: object) -> str:
    """A URL that can be taken apart, empty where it is none."""
    try:
        return urlsplit(_text(value)).geturl()
    except ValueError:
        return ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _seconds(value: object) -> float | None:
    try:
        return seconds(_text(value))
    except ValueError:
        return None
