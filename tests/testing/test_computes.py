"""Computes through the real client: made, changed, started, stopped and deleted, each in its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

DS3 = "Standard_DS3_v2"
NO_SECRET = "it opens nothing"  # noqa: S105 - as it says
GROUP = "/subscriptions/s/resourceGroups/g/providers"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/me"


def shown(fake: FakeAml, name: str) -> dict[str, Any]:
    """A compute's `properties` on the wire."""
    url = f"https://management.azure.com{fake.scope.path}/computes/{name}"
    found: dict[str, Any] = requests.get(url, timeout=5).json()["properties"]
    return found


def ids(identity: Any) -> list[str]:
    """The client ids of an identity, wherever the SDK's version puts them."""
    return [str(one.client_id or vars(one).get("clientId")) for one in identity.user_assigned_identities]


def test_a_cluster_is_made_and_reads_back(fake_aml: FakeAml, client: MLClient) -> None:
    """Every setting that was sent; the size in capitals; the identity with its client id."""
    from azure.ai.ml.entities import (
        AmlCompute,
        AmlComputeSshSettings,
        IdentityConfiguration,
        ManagedIdentityConfiguration,
    )

    client_id = fake_aml.identity(IDENTITY, attached=False)
    wanted = AmlCompute(
        name="low",
        size=DS3,
        tier="low_priority",
        min_instances=1,
        max_instances=3,
        idle_time_before_scale_down=90,
        description="nights",
        tags={"team": "a"},
        ssh_public_access_enabled=True,
        ssh_settings=AmlComputeSshSettings(admin_username="me", admin_password=NO_SECRET),
        identity=IdentityConfiguration(
            type="user_assigned",
            user_assigned_identities=[ManagedIdentityConfiguration(resource_id=IDENTITY)],
        ),
    )
    poller = client.compute.begin_create_or_update(wanted)
    assert fake_aml.compute("low").state == "Creating"
    made = poller.result()
    assert fake_aml.compute("low").state == "Succeeded"
    assert fake_aml.compute("low").nodes == {"preparing": 1}
    for compute in (made, client.compute.get("LOW"), *client.compute.list(compute_type="amlcompute")):
        assert (compute.name, compute.size, compute.tier) == ("low", "STANDARD_DS3_V2", "low_priority")
        assert (compute.min_instances, compute.max_instances) == (1, 3)
        assert compute.idle_time_before_scale_down == 90
        assert (compute.description, compute.tags, compute.location) == ("nights", {"team": "a"}, "eastus")
        assert compute.ssh_settings.admin_username == "me"
        assert not compute.ssh_settings.admin_password
        assert ids(compute.identity) == [client_id]
    fake_aml.advance(minutes=1)
    assert [node.port or vars(node)["port"] for node in client.compute.list_nodes("low")] == [50000]
    assert fake_aml.compute("low").nodes == {"idle": 1}


def test_a_cluster_is_changed(fake_aml: FakeAml, client: MLClient) -> None:
    """Scale settings at once, by the SDK's PUT and by PATCH; its size and tier stay."""
    from azure.core.exceptions import HttpResponseError

    fake_aml.cluster("cpu", nodes=4)
    compute: Any = client.compute.get("cpu")
    compute.max_instances = 2
    assert client.compute.begin_update(compute).result().max_instances == 2
    fake_aml.advance(seconds=20)
    assert fake_aml.compute("cpu").nodes == {"idle": 2}
    url = f"https://management.azure.com{fake_aml.scope.path}/computes/cpu"
    body = {"properties": {"properties": {"scaleSettings": {"minNodeCount": 3, "maxNodeCount": 3}}}}
    assert requests.patch(url, json=body, timeout=5).status_code == 200
    fake_aml.advance(minutes=1)
    assert fake_aml.compute("cpu").nodes == {"idle": 3}
    compute.size = "Standard_D2_v2"
    with pytest.raises(HttpResponseError, match="can't be changed"):
        client.compute.begin_update(compute)
    wrong = {"properties": {"properties": {"scaleSettings": {"minNodeCount": 4, "maxNodeCount": 3}}}}
    assert requests.patch(url, json=wrong, timeout=5).status_code == 400


@pytest.mark.parametrize(
    "why",
    [
        ("Standard_Nonsense", 0, "VmSizeNotSupported"),
        (DS3, 7, "ClusterMinNodesExceedCoreQuota"),
    ],
)
def test_a_cluster_that_cannot_be_fails(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], why: tuple[str, int, str]
) -> None:
    """The operation fails with the code, and the GET is a 200 that shows it; a job there is refused."""
    from azure.ai.ml.entities import AmlCompute
    from azure.core.exceptions import HttpResponseError

    size, least, code = why
    wanted = AmlCompute(name="not", size=size, min_instances=least, max_instances=8)
    with pytest.raises(HttpResponseError, match=code):
        client.compute.begin_create_or_update(wanted).result()
    properties = shown(fake_aml, "not")
    assert properties["provisioningState"] == "Failed"
    assert [error["error"]["code"] for error in properties["provisioningErrors"]] == [code]
    assert client.compute.get("not").provisioning_errors == code
    with pytest.raises(HttpResponseError, match="failed to provision"):
        submit(compute="not")
    fake_aml.quota("standardDSv2Family", limit=50)
    fixed = AmlCompute(name="not", size=DS3, min_instances=least, max_instances=8)
    assert client.compute.begin_create_or_update(fixed).result().provisioning_state == "Succeeded"


def test_a_cluster_goes_and_takes_its_jobs_along(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Jobs that run or wait there fail, its cores come back, and its name is free."""
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    fake_aml.cluster("cpu", max_nodes=1, nodes=1)
    for name in ("runs", "waits"):
        submit(name=name, compute="cpu")
    fake_aml.advance(minutes=2)
    submit(name="late", compute="cpu")
    poller = client.compute.begin_delete("cpu")
    assert fake_aml.compute("cpu").state == "Deleting"
    with pytest.raises(HttpResponseError, match="was not found"):
        submit(compute="cpu")
    poller.result()
    with pytest.raises(ResourceNotFoundError):
        client.compute.get("cpu")
    fake_aml.advance(minutes=2)
    assert {name: fake_aml.job(name).status for name in fake_aml.jobs} == {
        "runs": "Failed",
        "waits": "Failed",
        "late": "Failed",
    }
    assert list(client.compute.list()) == []
    fake_aml.cluster("cpu")


def test_a_compute_instance_lives(fake_aml: FakeAml, client: MLClient) -> None:
    """Made, stopped, started, restarted; it holds its cores all the while, and no longer when it is gone."""
    from azure.ai.ml.entities import ComputeInstance, ComputeInstanceSshSettings, IdentityConfiguration

    wanted = ComputeInstance(
        name="mine",
        size=DS3,
        idle_time_before_shutdown_minutes=30,
        ssh_settings=ComputeInstanceSshSettings(ssh_key_value="key"),
        identity=IdentityConfiguration(type="system_assigned"),
    )
    made: Any = client.compute.begin_create_or_update(wanted).result()
    assert (str(getattr(made.state, "value", made.state)), made.size) == ("Running", "STANDARD_DS3_V2")
    assert made.idle_time_before_shutdown_minutes == 30
    assert made.identity.type.lower().replace("_", "") == "systemassigned"
    for action, state in (("stop", "Stopped"), ("start", "Running"), ("restart", "Running")):
        poller = getattr(client.compute, f"begin_{action}")("mine")
        assert fake_aml.compute("mine").machine in {"Stopping", "Starting", "Restarting"}
        poller.result()
        assert fake_aml.compute("mine").machine == state
        operation = shown(fake_aml, "mine")["properties"]["lastOperation"]
        assert (operation["operationName"], operation["operationStatus"]) == (action.title(), "Succeeded")
        assert cores(fake_aml) == 4
    client.compute.enable_sso(name="mine", enable_sso=False)
    assert shown(fake_aml, "mine")["properties"]["enableSSO"] is False
    client.compute.begin_delete("mine").result()
    assert cores(fake_aml) == 0


def test_a_compute_instance_may_release_its_quota(fake_aml: FakeAml, client: MLClient) -> None:
    """Stopped with releaseQuotaOnStop, it holds nothing, and can't start where somebody else took it."""
    from azure.ai.ml.entities import ComputeInstance

    fake_aml.quota("standardDSv2Family", limit=4)
    wanted = ComputeInstance(name="mine", size=DS3, release_quota_on_stop=True)
    client.compute.begin_create_or_update(wanted).result()
    client.compute.begin_stop("mine").result()
    assert cores(fake_aml) == 0
    fake_aml.quota("standardDSv2Family", used=4)
    client.compute.begin_start("mine").result()
    assert fake_aml.compute("mine").machine == "Stopped"
    assert shown(fake_aml, "mine")["properties"]["lastOperation"]["operationStatus"] == "StartFailed"
    fake_aml.quota("standardDSv2Family", used=0)
    client.compute.begin_start("mine").result()
    assert (fake_aml.compute("mine").machine, cores(fake_aml)) == ("Running", 4)


def cores(fake: FakeAml) -> int:
    """What usages say is used of the region's dedicated cores."""
    scope = f"/subscriptions/{fake.scope.subscription_id}/providers/Microsoft.MachineLearningServices"
    url = f"https://management.azure.com{scope}/locations/eastus/usages"
    rows = requests.get(url, timeout=5).json()["value"]
    return next(int(row["currentValue"]) for row in rows if row["name"]["value"] == "TotalDedicatedCores")


def test_a_compute_instance_without_quota_fails(fake_aml: FakeAml, client: MLClient) -> None:
    """It is there, of no use, and holds nothing."""
    from azure.ai.ml.entities import ComputeInstance
    from azure.core.exceptions import HttpResponseError

    fake_aml.quota("standardDSv2Family", limit=0)
    with pytest.raises(HttpResponseError, match="ClusterCoreQuotaReached"):
        client.compute.begin_create_or_update(ComputeInstance(name="mine", size=DS3)).result()
    assert (fake_aml.compute("mine").state, fake_aml.compute("mine").machine) == ("Failed", "CreateFailed")
    client.compute.begin_delete("mine").result()


def test_attached_kinds_read_back(client: MLClient) -> None:
    """Kubernetes, VM and Synapse pool are attached and detached by the client."""
    from azure.ai.ml.entities import (
        KubernetesCompute,
        SynapseSparkCompute,
        VirtualMachineCompute,
        VirtualMachineSshSettings,
    )

    kubernetes = f"{GROUP}/Microsoft.Kubernetes/connectedClusters/arc"
    vm = f"{GROUP}/Microsoft.Compute/virtualMachines/vm"
    spark = f"{GROUP}/Microsoft.Synapse/workspaces/syn/bigDataPools/small"
    settings = VirtualMachineSshSettings(admin_username="me", admin_password=NO_SECRET, ssh_port=2222)
    client.compute.begin_attach(
        KubernetesCompute(name="k8s", resource_id=kubernetes, namespace="ml")
    ).result()
    client.compute.begin_attach(
        VirtualMachineCompute(name="box", resource_id=vm, ssh_settings=settings)
    ).result()
    client.compute.begin_attach(SynapseSparkCompute(name="spark", resource_id=spark)).result()
    found: dict[str, Any] = {compute.name: compute for compute in client.compute.list()}
    assert {name: compute.type for name, compute in found.items()} == {
        "k8s": "kubernetes",
        "box": "virtualmachine",
        "spark": "synapsespark",
    }
    assert {name: compute.resource_id for name, compute in found.items()} == {
        "k8s": kubernetes,
        "box": vm,
        "spark": spark,
    }
    assert found["k8s"].namespace == "ml"
    assert (found["box"].ssh_settings.ssh_port, found["spark"].node_size) == (2222, "Small")
    for name in found:
        client.compute.begin_delete(name, action="Detach").result()
    assert not list(client.compute.list())


@pytest.mark.parametrize("kind", ["AKS", "DataFactory", "Databricks", "HDInsight", "DataLakeAnalytics"])
def test_other_kinds_take_no_jobs(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], kind: str
) -> None:
    """They are listed and got, and a job sent there is refused."""
    from azure.core.exceptions import HttpResponseError

    fake_aml.attached("other", kind)
    assert client.compute.get("other").name == "other"
    assert [compute.name for compute in client.compute.list()] == ["other"]
    with pytest.raises(HttpResponseError, match=f"of type {kind} takes no jobs"):
        submit(compute="other")


def test_what_cannot_be_is_refused(fake_aml: FakeAml, client: MLClient) -> None:
    """Computes that aren't there are 404, actions that a kind doesn't have are 400."""
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    fake_aml.cluster("cpu")
    for gone in (client.compute.begin_delete, client.compute.begin_start):
        with pytest.raises(ResourceNotFoundError, match="ghost"):
            gone("ghost")
    with pytest.raises(HttpResponseError, match="of type AmlCompute"):
        client.compute.begin_stop("cpu")
    with pytest.raises(HttpResponseError, match="can't be detached"):
        client.compute.begin_delete("cpu", action="Detach")
    with pytest.raises(LookupError, match="There are: c"):
        fake_aml.compute("ghost")
    with pytest.raises(ValueError, match="no kind 'Mainframe'"):
        fake_aml.attached("aks", "Mainframe")
    with pytest.raises(ValueError, match="5 nodes are more than max_nodes=4"):
        fake_aml.cluster("deep", nodes=5)
