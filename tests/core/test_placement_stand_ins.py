"""Computes that nobody named: taken where serverless can't, told of where it can."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._errors import ComputeUnsuitable, InvalidRequest, NoQuota, NothingFits
from amlrun._identity import Identity, IdentityKind
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, InstanceType, Kind, Market
from amlrun._placement import place
from amlrun._plan import Starts
from tests.core.places import ROOM, cluster, workspace
from tests.core.regions import ANY, CHEAP, DEAR, quota


def test_idle_nodes_beside_serverless_are_mentioned() -> None:
    """Not taken; and only where they would do, and are enough."""
    plan = place(
        Ask(needs=ANY),
        workspace(
            cluster("warm", idle=2),
            cluster("one", idle=1),
            cluster("cold"),
            cluster("gpu", "t4", idle=9, most=9),
        ),
    )
    assert plan.compute == "serverless"
    assert plan.reasons[-2:] == (
        "cluster one has 1 idle node that would do: compute='one' goes there",
        "cluster warm has 2 idle nodes that would do: compute='warm' goes there",
    )
    plan = place(Ask(needs=ANY, nodes=2, computes=("serverless",)), workspace(cluster("warm", idle=2)))
    assert not any("warm" in reason for reason in plan.reasons)


def test_computes_that_nobody_asked_for_are_candidates_too() -> None:
    """With the first thing against each: its own reason, or that it isn't asked for."""
    computes = (cluster("warm", idle=2), cluster("gpu", "t4"), cluster("other"))

    def against(**asked: Any) -> dict[str, str]:
        candidates = place(Ask(needs=ANY, **asked), workspace(*computes)).candidates
        return {one.compute: one.against for one in candidates if one.compute != "serverless"}

    assert against() == {
        "warm": "is not asked for: serverless can take it",
        "gpu": "has GPUs, and none was asked for",
        "other": "is not asked for: serverless can take it",
    }
    assert against(computes=("serverless",)) == dict.fromkeys(("warm", "gpu", "other"), "is not asked for")
    assert against(computes=("warm",)) == {"warm": "", "gpu": "is not asked for", "other": "is not asked for"}


def test_a_compute_stands_in_where_serverless_never_can() -> None:
    """Nodes that idle hold their quota already: the reasons say why serverless can't, and why it can."""
    none = quota(cheap=(0, 0), dear=(0, 0))
    plan = place(Ask(needs=Needs(cpus=4)), workspace(cluster("warm", idle=2), cluster("cold"), held=none))
    assert (plan.compute, plan.starts) == ("warm", Starts.NOW)
    assert plan.reasons == (
        (
            "serverless can't take it: No Azure ML quota in eastus for cheap, standard: needs 1 x 4 = 4"
            " vCPUs of cheapFamily; limit 0."
        ),
        "warm can take it: 2 of its 2 nodes are idle",
    )
    assert {one.compute for one in plan.candidates} == {"serverless", "warm", "cold"}


def test_among_computes_that_nobody_named_price_counts() -> None:
    """No order was asked for: idle nodes are worth a quarter more than those that must wait, and no more."""
    none, there = quota(cheap=(0, 0), dear=(0, 0)), quota(cheap=(100, 16))
    far = attrs.evolve(cluster("far", busy=4), location="westeurope")

    def chosen(price: float) -> str:
        idle = cluster("idle", "dear", idle=1)
        sizes = (CHEAP, attrs.evolve(DEAR, price=price))
        held = attrs.evolve(workspace(idle, far, held=none), sizes=sizes, elsewhere={"westeurope": there})
        return place(Ask(needs=Needs(cpus=4)), held).compute

    assert (chosen(1.25), chosen(1.3)) == ("idle", "far")


def test_nothing_asked_is_a_wish_of_computes_too() -> None:
    """Those that have what is meant come first; smaller ones come before a refusal, and are not mentioned."""
    none = quota(cheap=(0, 0), dear=(0, 0))
    small = attrs.evolve(CHEAP, name="small", cpus=2, family="smallFamily")

    def held(*computes: Compute, held: Any = none) -> Market:
        return attrs.evolve(workspace(*computes, held=held), sizes=(CHEAP, DEAR, small))

    little = cluster("a-little", "small", idle=1)
    none = attrs.evolve(none, families=(*none.families, *quota(small=(0, 0)).families))
    assert place(Ask(), held(little, held=none)).compute == "a-little"
    for larger in (cluster("warm", idle=1), cluster("odd", "nobody knows it", idle=1)):
        assert place(Ask(), held(little, larger, held=none)).compute == larger.name
    assert not any("idle" in reason for reason in place(Ask(), held(little, held=ROOM)).reasons)
    types = (InstanceType(name="big", limits_cpus=16.0, limits_memory_gb=64.0),)
    k8s = Compute(name="k8s", kind=Kind.KUBERNETES, kind_name="Kubernetes", location="eastus")
    assert place(Ask(), held(k8s, held=none)).instance_type == "defaultinstancetype"
    assert place(Ask(), held(attrs.evolve(k8s, instance_types=types), held=none)).instance_type == "big"


def test_a_cluster_that_would_have_to_wait_stands_in_for_nothing() -> None:
    """Its nodes are busy, and it can't grow either: whoever wants to wait for it names it."""
    none = quota(cheap=(0, 0), dear=(0, 0))
    with pytest.raises(NoQuota, match="busy  is taken only where it is named: compute='busy'"):
        place(Ask(needs=Needs(cpus=4)), workspace(cluster("busy", busy=4), held=none))
    assert place(Ask(computes=("busy",)), workspace(cluster("busy", busy=4), held=none)).compute == "busy"


def test_why_serverless_cannot_is_told_whole() -> None:
    """Of a size that nothing meets, the nearest; never half a sentence."""
    far = attrs.evolve(cluster("far", "big", idle=1), location="westeurope")
    big = attrs.evolve(CHEAP, name="big", cpus=64, for_jobs=False)
    held = attrs.evolve(workspace(far), sizes=(CHEAP, big))
    assert place(Ask(needs=Needs(cpus=64)), held).reasons[0] == (
        "serverless can't take it: No size in eastus meets 64 vCPUs. The nearest: cheap standard 1.00 USD/h"
        " has 4 of 64 vCPUs"
    )


def test_a_size_that_the_region_lacks_may_be_a_clusters() -> None:
    """Serverless has no such size: that is no reason to refuse a cluster which has; else it is refused."""
    abroad = attrs.evolve(cluster("abroad", "elsewhere_only", idle=1), location="westeurope")
    ask = Ask(instance_types=("elsewhere_only",))
    plan = place(ask, workspace(abroad))
    assert (plan.compute, plan.instance_type) == ("abroad", "ELSEWHERE_ONLY")
    assert "has no size of that name" in plan.reasons[0]
    with pytest.raises(InvalidRequest, match=r"has no size of that name(.|\n)*cold  has nodes of CHEAP"):
        place(ask, workspace(attrs.evolve(cluster("cold"), size="CHEAP2")))


def test_a_size_that_is_named_is_asked_for_with_its_gpus() -> None:
    """On a compute that nobody named too; and one that nobody lists is believed, since it was named."""
    none = quota(t4=(0, 0))
    plan = place(Ask(instance_types=("t4",)), workspace(cluster("warm", "t4", idle=1), held=none))
    assert (plan.compute, plan.starts) == ("warm", Starts.NOW)
    odd = place(
        Ask(instance_types=("odd",), needs=Needs(gpus=8)),
        workspace(cluster("warm", "odd", idle=1), held=none),
    )
    assert (odd.compute, odd.instance_type) == ("warm", "ODD")


def test_nothing_anywhere_is_an_error_about_what_was_asked() -> None:
    """With what is against each place, first things first; a long list is cut."""
    none = quota(cheap=(0, 0), dear=(0, 0))
    with pytest.raises(NoQuota) as caught:
        place(Ask(needs=Needs(cpus=4)), workspace(cluster("b"), cluster("a", "t4"), held=none))
    error = caught.value
    assert error.message.splitlines()[-3:] == [
        "Nor can a compute of the workspace:",
        "  a  has GPUs, and none was asked for",
        "  b  needs 1 x 4 = 4 vCPUs of cheapFamily; limit 0",
    ]
    assert str(error).startswith(error.message)
    assert error.args == (error.message,)
    many = [cluster(f"c{index:02}", most=1) for index in range(11)]
    with pytest.raises(
        NothingFits, match=r"c07  has 1 node at most, and 2 were asked for\n  and 3 more\n"
    ) as few:
        place(Ask(needs=Needs(cpus=64), nodes=2), workspace(*many))
    assert few.value.message.startswith("No size in eastus meets 64 vCPUs.")


@pytest.mark.parametrize("computes", [(), ("serverless",)])
def test_what_serverless_can_never_take_is_told(computes: tuple[str, ...]) -> None:
    """An obstacle that is certain: with the way out, before anything else is worked out."""
    ask = Ask(identity=Identity(IdentityKind.MANAGED), computes=computes)
    with pytest.raises(
        ComputeUnsuitable, match="serverless can't take this job: a managed identity"
    ) as caught:
        place(ask, workspace(identities=frozenset({"SystemAssigned"})))
    assert caught.value.name == "serverless"
    assert "Attach a user-assigned identity" in caught.value.hint


def test_a_doubt_is_a_reason_for_a_cluster_that_is_free_of_it() -> None:
    """And a warning where there is none, or serverless was asked for."""
    inside = attrs.evolve(cluster("inside"), in_network=True)
    private = {"public_access": False}
    plan = place(Ask(needs=ANY), workspace(inside, cluster("outside", idle=2), **private))
    assert plan.compute == "inside"
    assert plan.reasons[0].startswith("serverless may fail: the workspace takes no public access")
    (outside,) = [one for one in plan.candidates if one.compute == "outside"]
    assert outside.against == "is taken only where it is named: compute='outside'"
    for ask in (Ask(needs=ANY, computes=("serverless",)), Ask(needs=ANY)):
        doubted = place(ask, workspace(*((inside,) if ask.computes else ()), **private))
        assert doubted.compute == "serverless"
        assert any("may find no way to the storage" in warning for warning in doubted.warnings)
