from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import Cluster, InvalidRequest
from amlrun._durations import seconds
from amlrun._identity import UserAssigned
from amlrun._offers import Compute, Kind, Tier
from amlrun._readings.workspace_replies import compute_from
from amlrun.testing._api.contract import misnamed, violations

RESOURCE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer"
)
GPU = Cluster("gpu", size="Standard_NC6s_v3", min=1, max=4, tier="spot", idle=600, identity="system")

CLUSTERS = st.builds(
    Cluster,
    st.from_regex(re.compile(r"[a-z][a-z]{2,20}"), fullmatch=True),
    size=st.sampled_from([None, "Standard_NC6s_v3"]),
    min=st.integers(0, 3),
    max=st.integers(3, 9),
    tier=st.sampled_from(["standard", "Spot", "SPOT"]),
    idle=st.floats(0, 1e6),
    identity=st.sampled_from([None, "system", f"user:{RESOURCE}", [f"user:{RESOURCE}", f"user:{RESOURCE}2"]]),
    location=st.sampled_from([None, "West Europe", "eastus"]),
)


def test_settings_are_kept_as_the_service_knows_them() -> None:
    """Tiers and identities in any case, a region in any spelling, whole seconds."""
    cluster = Cluster(
        "gpu",
        tier="SPOT",
        idle=dt.timedelta(minutes=1.5),
        identity=[f"USER: {RESOURCE}", f"user:{RESOURCE}"],
        location="West Europe",
    )
    assert (cluster.min, cluster.max, cluster.size) == (0, 1, None)
    assert (cluster.tier, cluster.idle, cluster.location) == (Tier.SPOT, 90.0, "westeurope")
    assert cluster.identity == (f"user:{RESOURCE}",)
    assert Cluster("gpu", identity=["System", "system"]).identity == ("system",)
    assert Cluster("gpu").identity == ()
    assert Cluster("gpu", idle=0.2).idle == 1.0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "x"}, r"Cluster\(name='x'\): 3 to 24 letters"),
        ({"identity": ["system", f"user:{RESOURCE}"]}, "either its system's identity or user-assigned"),
        ({"name": "gpu-1"}, "no - before a number at the end"),
        ({"name": None}, "3 to 24 letters"),
        ({"name": "Serverless"}, r"Cluster\(name='Serverless'\): that is no cluster"),
        ({"size": ""}, r"Cluster\(size=''\): a size's name"),
        ({"size": 4}, r"Cluster\(size=4\)"),
        ({"min": -1}, r"Cluster\(min=-1\): a whole number of nodes, 0 or more"),
        ({"min": True}, "a whole number of nodes"),
        ({"max": 0}, r"Cluster\(max=0\): a whole number of nodes, 1 or more"),
        ({"max": 1.5}, "a whole number of nodes"),
        ({"min": 3, "max": 2}, r"Cluster\(min=3\): more than max=2"),
        ({"tier": "cheap"}, r"Cluster\(tier='cheap'\): \"standard\" or \"spot\""),
        ({"tier": "auto"}, "A cluster has one tier"),
        ({"idle": -1}, r"Cluster\(idle=-1\): seconds"),
        ({"idle": float("inf")}, "seconds"),
        ({"idle": True}, "seconds"),
        ({"idle": "2 minutes"}, "seconds"),
        ({"identity": "managed"}, r"Cluster\(identity='managed'\): \"system\", or"),
        ({"identity": "user:trainer"}, "The resource id stands on the identity's page"),
        ({"identity": ["system", 4]}, r"Cluster\(identity=4\)"),
        ({"identity": 4}, "or a list of these"),
        ({"location": ""}, r"Cluster\(location=''\): a region"),
        ({"location": 4}, "a region"),
    ],
)
def test_what_no_cluster_can_have_is_refused(settings: dict[str, Any], words: str) -> None:
    """A wrong setting is named where it is typed, with what is valid."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        Cluster(**{"name": "gpu", **settings})
    assert caught.value.argument == f"compute.{next(iter(settings))}"


@given(st.text("abZ09-_", max_size=26))
def test_names_are_those_of_the_service(name: str) -> None:
    """A name is refused here exactly where the service's contract refuses it."""
    try:
        Cluster(name)
    except InvalidRequest:
        assert misnamed("computes", name)
    else:
        assert not misnamed("computes", name)


@given(CLUSTERS)
def test_a_cluster_survives_json(cluster: Cluster) -> None:
    """Written as JSON and read again it is the same; it can be a key."""
    assert Cluster(**json.loads(json.dumps(cluster.to_dict()))) == cluster
    assert hash(cluster) == hash(attrs.evolve(cluster))


@given(CLUSTERS)
def test_the_body_says_every_setting(cluster: Cluster) -> None:
    """What is sent has the API's fields, and shows again as what was asked for."""
    sized = attrs.evolve(cluster, size="Standard_NC6s_v3")
    body = sized.body("northeurope")
    assert not violations(body, "ComputeResource")
    assert body["location"] == (cluster.location or "northeurope")
    own = body["properties"]["properties"]
    assert seconds(own["scaleSettings"]["nodeIdleTimeBeforeScaleDown"]) == cluster.idle
    there = compute_from({"name": cluster.name, **body})
    assert (there.kind, there.size, there.tier) == (Kind.CLUSTER, "Standard_NC6s_v3", cluster.tier)
    assert (there.min_nodes, there.max_nodes) == (cluster.min, cluster.max)
    users = (body.get("identity") or {}).get("userAssignedIdentities") or {}
    assert [f"user:{one}" for one in users] == [one for one in cluster.identity if one != "system"]
    kinds = (body.get("identity") or {}).get("type", "")
    assert set(filter(None, kinds.split(","))) == cluster.identities


@given(CLUSTERS)
def test_a_cluster_is_like_the_one_that_it_makes(cluster: Cluster) -> None:
    """There is no difference between the settings and the compute that has them."""
    assert not list(cluster.differences(cluster.as_compute("eastus")))


def test_differences_are_told_setting_by_setting() -> None:
    """Each setting that differs, as it is there and as it was asked for; the case of a size is none."""
    there = Compute(
        name="gpu",
        size="STANDARD_NC12S_V3",
        tier=Tier.STANDARD,
        min_nodes=0,
        max_nodes=2,
        idle_seconds=120,
        location="westeurope",
    )
    asked = attrs.evolve(GPU, location="eastus")
    assert list(asked.differences(there)) == [
        "size: STANDARD_NC12S_V3 there, Standard_NC6s_v3 asked for",
        "min: 0 there, 1 asked for",
        "max: 2 there, 4 asked for",
        "tier: standard there, spot asked for",
        "idle: 120 s there, 600 s asked for",
        "identity: none there, SystemAssigned asked for",
        "location: westeurope there, eastus asked for",
    ]
    same = Compute(name="GPU", size="STANDARD_NC6S_V3", tier=Tier.SPOT, max_nodes=1, location="westus")
    assert not list(Cluster("gpu", size="standard_nc6s_v3", tier="spot").differences(same))


def test_what_is_not_said_is_no_difference() -> None:
    """A name alone is any cluster of that name; where it is made, what isn't said is the usual."""
    bare = Cluster("gpu")
    assert not list(
        bare.differences(attrs.evolve(GPU.as_compute("westus"), user_assigned=(UserAssigned(RESOURCE),)))
    )
    assert list(Cluster("gpu", max=1).differences(GPU.as_compute("westus"))) == ["max: 4 there, 1 asked for"]
    assert (bare.min, bare.max, bare.tier, bare.idle) == (0, 1, Tier.STANDARD, 120.0)
    assert Cluster("gpu", min=3).max == 3
    assert repr(bare) == "Cluster('gpu')"
    assert repr(GPU) == (
        "Cluster('gpu', size='Standard_NC6s_v3', min=1, max=4, tier='spot', idle=600.0, identity=['system'])"
    )


def test_another_identity_of_the_same_kind_is_a_difference() -> None:
    """A job there would run as somebody else; the case of an id is no difference, nor what is not told."""
    asked = Cluster("gpu", identity=f"user:{RESOURCE}")
    there = asked.as_compute("eastus")
    assert not list(asked.differences(attrs.evolve(there, user_assigned=(UserAssigned(RESOURCE.upper()),))))
    assert not list(asked.differences(attrs.evolve(there, user_assigned=())))
    other = f"{RESOURCE}-2"
    assert list(asked.differences(attrs.evolve(there, user_assigned=(UserAssigned(other),)))) == [
        f"identity: {other} there, {RESOURCE} asked for"
    ]


def test_what_is_no_cluster_differs_in_kind() -> None:
    """A compute of another kind has the name: nothing else is compared."""
    there = Compute(name="gpu", kind=Kind.KUBERNETES, kind_name="Kubernetes")
    assert list(GPU.differences(there)) == ["kind: Kubernetes there, AmlCompute asked for"]
    unnamed = Compute(name="gpu", kind=Kind.UNKNOWN)
    assert list(GPU.differences(unnamed)) == ["kind: unknown there, AmlCompute asked for"]


def test_the_command_line_makes_the_same_cluster() -> None:
    """For whoever has the right to make it: every setting, in the words of the Azure CLI."""
    scope = "--resource-group g --workspace-name w"
    assert GPU.command_line("eastus", scope) == (
        "az ml compute create --name gpu --type AmlCompute --size Standard_NC6s_v3 --min-instances 1"
        " --max-instances 4 --tier low_priority --idle-time-before-scale-down 600"
        f" --identity-type SystemAssigned --location eastus {scope}"
    )
    user = Cluster("gpu", size="Standard_NC6s_v3", identity=f"user:{RESOURCE}", location="westus")
    assert (
        f"--tier dedicated --idle-time-before-scale-down 120 --identity-type UserAssigned"
        f" --user-assigned-identities {RESOURCE} --location westus {scope}"
    ) in user.command_line("eastus", scope)


def test_a_cluster_says_what_it_is() -> None:
    """In one line: nodes, size, tier."""
    assert str(GPU) == "gpu: 1 to 4 nodes of Standard_NC6s_v3, spot"
    assert str(Cluster("cpu")) == "cpu: 0 to 1 node of a size by what the job needs, standard"
