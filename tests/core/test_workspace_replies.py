from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._identity import UserAssigned
from amlrun._offers import Compute, InstanceType, Kind, Problem, Tier, WorkspaceFacts
from amlrun._readings.workspace_replies import compute_from, quantity, workspace_from

CLUSTER: dict[str, Any] = {
    "name": "gpu",
    "location": "eastus",
    "identity": {
        "type": "SystemAssigned, UserAssigned",
        "userAssignedIdentities": {"/a": {"clientId": "c-2"}, "/b": {"clientId": "c-1"}, "/c": None},
    },
    "properties": {
        "computeType": "AmlCompute",
        "computeLocation": "East US",
        "provisioningState": "Succeeded",
        "provisioningErrors": None,
        "properties": {
            "vmSize": "STANDARD_NC4AS_T4_V3",
            "vmPriority": "LowPriority",
            "subnet": {"id": "/subscriptions/s/…/subnets/nodes"},
            "scaleSettings": {
                "maxNodeCount": 9,
                "minNodeCount": 1,
                "nodeIdleTimeBeforeScaleDown": "PT2M",
            },
            "allocationState": "Resizing",
            "allocationStateTransitionTime": "2026-03-01T10:00:00.5+00:00",
            "currentNodeCount": 7,
            "targetNodeCount": 8,
            "nodeStateCounts": {
                "idleNodeCount": 1,
                "runningNodeCount": 2,
                "preparingNodeCount": 1,
                "leavingNodeCount": 1,
                "unusableNodeCount": 1,
                "preemptedNodeCount": 1,
            },
            "errors": [{"error": {"code": "ClusterCoreQuotaReached", "message": "no cores"}}],
        },
    },
}


def kubernetes(**own: Any) -> dict[str, Any]:
    """A Kubernetes compute as it is replied."""
    return {"name": "k8s", "properties": {"computeType": "Kubernetes", "properties": own}}


def test_a_cluster_is_read_from_its_reply() -> None:
    """Size, tier, nodes by how they stand, identities, network, and what it reports though `Succeeded`."""
    assert compute_from(CLUSTER) == Compute(
        name="gpu",
        kind_name="AmlCompute",
        size="STANDARD_NC4AS_T4_V3",
        tier=Tier.SPOT,
        min_nodes=1,
        max_nodes=9,
        nodes=7,
        target_nodes=8,
        idle_nodes=1,
        running_nodes=2,
        preparing_nodes=1,
        leaving_nodes=1,
        unusable_nodes=1,
        preempted_nodes=1,
        idle_seconds=120.0,
        state="Succeeded",
        allocation_state="Resizing",
        resized_at=1772359200.5,
        location="eastus",
        identities=frozenset({"SystemAssigned", "UserAssigned"}),
        user_assigned=(UserAssigned("/a", "c-2"), UserAssigned("/b", "c-1"), UserAssigned("/c")),
        in_network=True,
        problems=(Problem("ClusterCoreQuotaReached", "no cores"),),
    )


def test_a_cluster_without_identity_has_none() -> None:
    """`None`, null and nothing at all say the same."""
    for identity in ({"type": "None"}, {"type": None}, None, {}):
        read = compute_from({**CLUSTER, "identity": identity})
        assert (read.identities, read.user_assigned) == (frozenset(), ())


def test_other_computes_are_read_for_what_they_have() -> None:
    """Computes without nodes, or with nothing at all, are values too; a flat error is read as well."""
    assert compute_from({"name": "x", "properties": None}).tier is None
    failed = compute_from(
        {"name": "x", "properties": {"provisioningErrors": [{"code": "VmSizeNotSupported", "message": None}]}}
    )
    assert failed.problems == (Problem("VmSizeNotSupported", ""),)
    machine = {"computeType": "VirtualMachine", "properties": {"virtualMachineSize": "Standard_D4s_v3"}}
    assert compute_from({"name": "vm", "properties": machine}).size == "Standard_D4s_v3"
    instance = {"computeType": "computeinstance", "properties": {"state": "Stopped", "vmSize": "STANDARD_D2"}}
    read = compute_from({"name": "ci", "properties": instance})
    assert (read.kind, read.machine_state, read.size) == (Kind.INSTANCE, "Stopped", "STANDARD_D2")


def test_a_kind_that_is_not_known_keeps_its_name() -> None:
    """The service may have kinds of compute that nobody here has heard of."""
    read = compute_from({"name": "q", "properties": {"computeType": "Quantum"}})
    assert (read.kind, read.kind_name) == (Kind.UNKNOWN, "Quantum")


def test_instance_types_of_kubernetes_are_read() -> None:
    """Requests and limits in any of Kubernetes' spellings, GPUs of any maker, null for none."""
    types = {
        "gpu": {
            "nodeSelector": {"pool": "gpu"},
            "resources": {
                "requests": {"cpu": "700m", "memory": "1536Mi"},
                "limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"},
            },
        },
        "amd": {"resources": {"limits": {"amd.com/gpu": 2, "nvidia.com/gpu": None}}},
        "odd": None,
    }
    read = compute_from(kubernetes(namespace="ml", instanceTypes=types, defaultInstanceType="gpu"))
    assert (read.kind, read.namespace, read.default_instance_type) == (Kind.KUBERNETES, "ml", "gpu")
    assert read.instance_types == (
        InstanceType(
            name="gpu",
            cpus=0.7,
            memory_gb=1.5,
            gpus=1,
            gpu_resource="nvidia.com/gpu",
            limits_cpus=4,
            limits_memory_gb=16,
        ),
        InstanceType(name="amd", gpus=2, gpu_resource="amd.com/gpu"),
        InstanceType(name="odd"),
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100m", 0.1),
        ("2", 2),
        (2, 2),
        (0.5, 0.5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2Gi", 2 * 1024**3),
        ("4G", 4e9),
        ("512Mi", 512 * 1024**2),
        ("100k", 1e5),
        ("1Ki", 1024),
        ("12E", 12e18),
        ("1e3", 1000),
        ("1E3", 1000),
        (None, None),
        ("", None),
        ("two", None),
        ("-1", None),
        ("2GiB", None),
        ("1e99999", None),
        (True, None),
        ([], None),
    ],
)
def test_quantities(text: object, value: float | None) -> None:
    """Kubernetes' notation; what isn't of it is nothing."""
    assert quantity(text) == (None if value is None else pytest.approx(value))


def test_the_workspace_says_where_it_is() -> None:
    """Location, id, and the host of its run history."""
    reply = {
        "name": "ws",
        "location": "East US",
        "properties": {"workspaceId": "w-1", "discoveryUrl": "https://eastus.api.azureml.ms/discovery"},
    }
    assert workspace_from(reply) == WorkspaceFacts(
        name="ws",
        location="eastus",
        workspace_id="w-1",
        discovery_url="https://eastus.api.azureml.ms/discovery",
    )
    assert workspace_from({}).location == ""


def test_the_workspace_says_whose_it_is_and_how_it_is_reached() -> None:
    """Identities, network, and what builds its images."""
    reply = {
        "identity": {
            "type": "UserAssigned",
            "userAssignedIdentities": {"/a": {"clientId": "c", "principalId": "p"}},
        },
        "properties": {
            "managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"},
            "serverlessComputeSettings": {"serverlessComputeCustomSubnet": "/subnets/s"},
            "publicNetworkAccess": "Disabled",
            "imageBuildCompute": "cpu",
            "containerRegistry": "/registries/acr",
            "tenantId": "t-1",
            "v1LegacyMode": True,
        },
    }
    read = workspace_from(reply)
    assert (read.tenant, read.legacy) == ("t-1", True)
    assert (read.identities, read.user_assigned) == (
        frozenset({"UserAssigned"}),
        (UserAssigned("/a", "c", "p"),),
    )
    assert (read.isolation, read.custom_subnet, read.public_access) == (
        "AllowOnlyApprovedOutbound",
        True,
        False,
    )
    assert (read.build_compute, read.registry) == ("cpu", "/registries/acr")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.data())
def test_junk_is_read_for_what_it_has(data: st.DataObject) -> None:
    """Any field of a reply may be anything: it is left out, and nothing breaks."""

    def spoilt(value: Any) -> Any:
        if data.draw(st.integers(0, 9)) == 0:
            return data.draw(JUNK)
        if isinstance(value, dict):
            return {key: spoilt(item) for key, item in value.items()}
        return value

    instance = {"t": {"resources": {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": 1}}}}
    for row in (CLUSTER, kubernetes(instanceTypes=instance)):
        read = compute_from({key: spoilt(value) for key, value in row.items()})
        assert read.nodes >= 0
        assert isinstance(read.name, str)
