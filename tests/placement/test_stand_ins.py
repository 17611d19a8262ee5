"""Computes that nobody named: taken where serverless can't, or may fail, and then with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import ComputeUnsuitable, NoQuota, NotEnoughQuota, Plan, plan, submit

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

TOTAL = "TotalDedicatedCores"
DSV2 = "standardDSv2Family"
ENVIRONMENT = "azureml:train:1"
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net/subnets/nodes"


def planned(fake: FakeAml, **options: Any) -> Plan:
    """The plan of a command, wherever it goes."""
    return plan("python -V", environment=ENVIRONMENT, client=fake.client(), **options)


def without_quota(fake: FakeAml, location: str | None = None) -> None:
    """From now on nothing more can be had in the region."""
    fake.quota(TOTAL, limit=0, location=location)


def made(fake: FakeAml, name: str, **options: Any) -> None:
    """A cluster as the SDK makes it, ready."""
    from azure.ai.ml.entities import AmlCompute

    body = AmlCompute(name=name, size="Standard_DS3_v2", min_instances=0, max_instances=4, **options)
    fake.client().compute.begin_create_or_update(body).result()


def test_serverless_comes_first(fake_aml: FakeAml) -> None:
    """While it can take the job; idle nodes beside it are mentioned, and not taken."""
    fake_aml.cluster("warm", nodes=2)
    chosen = planned(fake_aml, cpus=4)
    assert chosen.compute == "serverless"
    assert any("warm has 2 idle nodes" in reason for reason in chosen.reasons)


def test_idle_nodes_stand_in_without_quota(fake_aml: FakeAml) -> None:
    """They hold their quota already. The plan says why, and the job runs there."""
    fake_aml.cluster("warm", nodes=2)
    without_quota(fake_aml)
    chosen = planned(fake_aml, cpus=4)
    assert (chosen.compute, chosen.kind, chosen.starts) == ("warm", "AmlCompute", "now")
    assert chosen.reasons[0].startswith("serverless can't take it: No Azure ML quota in eastus")
    assert chosen.reasons[1] == "warm can take it: 2 of its 2 nodes are idle"
    run = submit("python -V", environment=ENVIRONMENT, cpus=4, client=fake_aml.client())
    assert fake_aml.job(run.name).body["properties"]["computeId"].endswith("/computes/warm")


def test_a_cluster_of_the_same_quota_does_not_stand_in(fake_aml: FakeAml) -> None:
    """It would have to grow under the limit that refuses serverless."""
    fake_aml.cluster("cold")
    fake_aml.cluster("few", nodes=1)
    without_quota(fake_aml)
    with pytest.raises(NoQuota):
        planned(fake_aml, cpus=4, instance_count=2)


def test_a_cluster_in_another_region_stands_in(fake_aml: FakeAml) -> None:
    """Under that region's own quota, with the arithmetic, and what is not known there."""
    fake_aml.cluster("far", location="westeurope")
    without_quota(fake_aml)
    fake_aml.quota(DSV2, limit=8, location="westeurope")
    chosen = planned(fake_aml, cpus=4, instance_count=2)
    assert (chosen.compute, chosen.starts) == ("far", "now")
    assert chosen.reasons[1] == "far can take it: it is in westeurope, under that region's own quota"
    assert f"it must grow by 2: 2 x 4 = 8 of 8 free vCPUs of {DSV2}" in chosen.reasons
    assert "the cluster is in westeurope: the prices of eastus are not its own" in chosen.warnings


def test_a_region_without_quota_stands_in_for_nothing(fake_aml: FakeAml) -> None:
    """And the error says what is against it, in figures of its own region."""
    fake_aml.cluster("far", location="westeurope")
    without_quota(fake_aml)
    without_quota(fake_aml, "westeurope")
    with pytest.raises(NoQuota, match="far") as caught:
        planned(fake_aml, cpus=4)
    assert "needs 1 x 4 = 4 vCPUs of TotalDedicatedCores; limit 0" in caught.value.message
    with pytest.raises(NoQuota, match="No Azure ML quota in westeurope"):
        planned(fake_aml, compute="far")


def test_kubernetes_stands_in(fake_aml: FakeAml) -> None:
    """Azure ML's quota doesn't bind it; an instance type must meet the needs."""
    types = {"big": {"resources": {"limits": {"cpu": "8", "memory": "32Gi"}}}}
    fake_aml.kubernetes("k8s", instance_types=types)
    without_quota(fake_aml)
    chosen = planned(fake_aml, cpus=4)
    assert (chosen.compute, chosen.instance_type) == ("k8s", "big")
    assert chosen.reasons[1] == "k8s can take it: it has nodes of its own, beyond Azure ML's quota"
    with pytest.raises(NoQuota):
        planned(fake_aml, cpus=16)


def test_what_belongs_to_people_is_never_taken_unasked(fake_aml: FakeAml) -> None:
    """A compute instance that runs, an attached VM: they are told of, and how to take them."""
    fake_aml.compute_instance("mine")
    fake_aml.virtual_machine("box")
    without_quota(fake_aml)
    with pytest.raises(NoQuota) as caught:
        planned(fake_aml, cpus=4)
    assert "is taken only where it is named: compute='mine'" in caught.value.message
    assert "is taken only where it is named: compute='box'" in caught.value.message


def test_gpu_nodes_are_not_taken_by_who_asks_for_none(fake_aml: FakeAml) -> None:
    """However idle they are."""
    fake_aml.cluster("gpu", size="Standard_NC4as_T4_v3", nodes=1)
    without_quota(fake_aml)
    with pytest.raises(NoQuota, match="has GPUs, and none was asked for"):
        planned(fake_aml, cpus=4)
    assert planned(fake_aml, gpus=1).compute == "gpu"


def test_spot_nodes_are_not_taken_by_who_does_not_ask_for_spot(fake_aml: FakeAml) -> None:
    """A cluster's tier is its own, and a plan never crosses tiers unasked."""
    fake_aml.cluster("cheap", tier="spot", nodes=1)
    without_quota(fake_aml)
    with pytest.raises(NoQuota, match="cheap  has spot nodes, and nobody asked for spot"):
        planned(fake_aml, cpus=4)
    fake_aml.quota("TotalLowPriorityCores", limit=0)
    assert planned(fake_aml, cpus=4, tier="spot").compute == "cheap"


def test_serverless_by_name_stays_serverless(fake_aml: FakeAml) -> None:
    """Who says it means it."""
    fake_aml.cluster("warm", nodes=2)
    without_quota(fake_aml)
    with pytest.raises(NoQuota):
        planned(fake_aml, cpus=4, compute="serverless")


def test_a_system_assigned_identity_takes_a_cluster_that_has_one(fake_aml: FakeAml) -> None:
    """Serverless doesn't know it, documented; a cluster that only grows will do."""
    from azure.ai.ml.entities import IdentityConfiguration

    with pytest.raises(ComputeUnsuitable, match=r"user-assigned\s+one, and it has SystemAssigned") as caught:
        planned(fake_aml, cpus=4, identity="managed")
    assert "Attach a user-assigned identity to the workspace" in caught.value.hint
    fake_aml.cluster("bare", nodes=2)
    made(fake_aml, "own", identity=IdentityConfiguration(type="system_assigned"))
    chosen = planned(fake_aml, cpus=4, identity="managed")
    assert (chosen.compute, chosen.starts, chosen.warnings) == ("own", "now", ())
    assert chosen.reasons[1] == "own can take it: it has an identity of its own"
    fake_aml.identity("trainer")
    assert planned(fake_aml, cpus=4, identity="managed").compute == "serverless"


def test_a_private_workspace_takes_a_cluster_in_the_network(fake_aml: FakeAml) -> None:
    """Documented: serverless needs the managed network there. Without such a cluster, it is warned of."""
    from azure.ai.ml.entities import NetworkSettings

    fake_aml.workspace_properties(publicNetworkAccess="Disabled")
    fake_aml.cluster("outside", nodes=2)
    doubted = planned(fake_aml, cpus=4)
    assert doubted.compute == "serverless"
    assert any("may find no way to the storage" in warning for warning in doubted.warnings)
    made(fake_aml, "inside", network_settings=NetworkSettings(subnet=SUBNET))
    chosen = planned(fake_aml, cpus=4)
    assert chosen.compute == "inside"
    assert chosen.reasons[0].startswith("serverless may fail: the workspace takes no public access")
    assert chosen.reasons[1] == "inside can take it: it stands in a virtual network"
    fake_aml.workspace_properties(managedNetwork={"isolationMode": "AllowInternetOutbound"})
    assert planned(fake_aml, cpus=4).compute == "serverless"


def test_images_that_nobody_can_build_are_warned_of(fake_aml: FakeAml) -> None:
    """Reported as ImageBuildComputeNotValid: a compute that builds makes it good."""
    fake_aml.workspace_properties(
        publicNetworkAccess="Disabled", managedNetwork={"isolationMode": "AllowInternetOutbound"}
    )
    fake_aml.container_registry(public_access=False)
    (warning,) = planned(fake_aml, cpus=4).warnings
    assert "ImageBuildComputeNotValid" in warning
    fake_aml.cluster("builder")
    fake_aml.workspace_properties(imageBuildCompute="builder")
    assert planned(fake_aml, cpus=4).warnings == ()


def test_a_private_registry_takes_a_cluster_in_the_network(fake_aml: FakeAml) -> None:
    """Where serverless may find no way to it, though its subnet leads to the storage."""
    from azure.ai.ml.entities import NetworkSettings

    fake_aml.workspace_properties(
        publicNetworkAccess="Disabled",
        serverlessComputeSettings={"serverlessComputeCustomSubnet": SUBNET},
        containerRegistry="/subscriptions/s/registries/acr",
    )
    made(fake_aml, "inside", network_settings=NetworkSettings(subnet=SUBNET))
    chosen = planned(fake_aml, cpus=4)
    assert chosen.compute == "inside"
    assert "no way to the registry" in chosen.reasons[0]
    assert any("ImageBuildComputeNotValid" in warning for warning in chosen.warnings)
    fake_aml.workspace_properties(imageBuildCompute="inside")
    fake_aml.advance(minutes=15)
    assert planned(fake_aml, cpus=4).compute == "serverless"


def test_images_that_serverless_cant_pull_take_a_cluster_that_can(fake_aml: FakeAml) -> None:
    """Reported: with the registry's admin user off only an identity pulls. Without one, it is warned of."""
    fake_aml.container_registry("images", admin_user=False)
    fake_aml.cluster("bare", nodes=2)
    (warning,) = planned(fake_aml, cpus=4).warnings
    assert warning.startswith("the admin user of the registry images is off")
    assert warning.endswith("or name a cluster that has one")
    fake_aml.cluster("own", identity="puller")
    chosen = planned(fake_aml, cpus=4)
    assert chosen.compute == "own"
    assert chosen.reasons[0].startswith("serverless may fail: the admin user of the registry images is off")
    assert chosen.reasons[1] == "own can take it: it has an identity of its own"
    named = planned(fake_aml, cpus=4, compute="serverless")
    assert warning in named.warnings


def test_images_of_other_registries_are_pulled_all_the_same(fake_aml: FakeAml) -> None:
    """Curated ones, and those that are public: in an argument, an entity, or the job itself."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    fake_aml.container_registry(admin_user=False)
    fake_aml.cluster("own", identity="puller")
    curated = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    public = Environment(image="mcr.microsoft.com/azureml/base:1")
    client = fake_aml.client()
    for job, options in (
        ("python -V", {"environment": curated}),
        ("python -V", {"environment": public}),
        (command(command="python -V", environment=curated), {}),
    ):
        chosen = plan(job, client=client, cpus=4, **options)
        assert (chosen.compute, chosen.warnings) == ("serverless", ())
    own = plan(command(command="python -V", environment=ENVIRONMENT), client=client, cpus=4)
    assert own.compute == "own"


def test_an_identity_of_the_workspace_may_pull(fake_aml: FakeAml) -> None:
    """That is told, since nobody knows; who may not read the registry is told nothing."""
    fake_aml.container_registry(admin_user=False)
    fake_aml.identity("puller")
    fake_aml.cluster("own", identity="puller")
    chosen = planned(fake_aml, cpus=4)
    assert chosen.compute == "serverless"
    assert "only if the workspace's user-assigned identity has AcrPull" in chosen.warnings[0]
    fake_aml.as_data_scientist()
    assert not any("admin user" in warning for warning in planned(fake_aml, cpus=4).warnings)


def test_too_little_quota_names_what_stands_beside(fake_aml: FakeAml) -> None:
    """Every compute that was looked at, with the first thing against it."""
    fake_aml.cluster("small", max_nodes=1)
    fake_aml.quota(TOTAL, limit=8)
    with pytest.raises(NotEnoughQuota) as caught:
        planned(fake_aml, cpus=4, instance_count=3)
    assert "small  has 1 node at most, and 3 were asked for" in caught.value.message
