from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._cluster import Cluster
from amlrun._errors import ComputeNotFound, ComputeUnsuitable, InvalidRequest, NoQuota, NothingFits
from amlrun._guard import Guard
from amlrun._identity import Identity, IdentityKind
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, InstanceType, Kind, Market, Source, Tier, WorkspaceFacts
from amlrun._placement import place
from amlrun._plan import Starts
from amlrun._readings.size_replies import packaged_sizes
from tests.core.regions import A100, ANY, CHEAP, DEAR, T4, market, quota

ROOM = quota(cheap=(8, 0), dear=(8, 0), t4=(8, 0), a100=(48, 48))
WORKSPACE = WorkspaceFacts(name="ws", location="eastus", workspace_id="w", discovery_url="")


def cluster(name: str, size: str = "cheap", *, idle: int = 0, busy: int = 0, most: int = 4) -> Compute:
    """A cluster at rest, in the region."""
    nodes = idle + busy
    return Compute(
        name=name,
        kind_name="AmlCompute",
        size=size.upper(),
        tier=Tier.STANDARD,
        max_nodes=most,
        nodes=nodes,
        target_nodes=nodes,
        idle_nodes=idle,
        running_nodes=busy,
        allocation_state="Steady",
        location="eastus",
    )


def workspace(*computes: Compute, held: Any = ROOM, **facts: Any) -> Market:
    """A workspace with these computes."""
    sizes = [CHEAP, DEAR, T4, A100]
    own = attrs.evolve(WORKSPACE, **facts) if facts else None
    return attrs.evolve(market(sizes, held), computes=computes, workspace=own)


def test_the_first_place_that_starts_now_is_taken() -> None:
    """Of places in an order of preference; the reasons say which it is, and why no earlier one is."""
    full = cluster("full", busy=4)
    ask = Ask(needs=ANY, computes=("full", "serverless"))
    plan = place(ask, workspace(full))
    assert (plan.compute, plan.instance_type, plan.starts) == ("serverless", "cheap", Starts.NOW)
    assert plan.reasons[:3] == (
        "serverless: the first of 2 places asked for that starts now",
        "full: 4 of its 4 nodes are busy: the job waits for them",
        "by price, of 2 sizes that can be had and meet 1 vCPU",
    )
    plan = place(ask, workspace(cluster("full", idle=1)))
    assert (plan.compute, plan.reasons) == (
        "full",
        ("full: the first of 2 places asked for that starts now", "its one node is idle"),
    )


def test_where_none_starts_now_the_first_that_can_ever_is_taken() -> None:
    """What isn't known counts as one that can."""
    ask = Ask(needs=Needs(gpu="A100"), computes=("busy", "serverless"))
    plan = place(ask, workspace(cluster("busy", "a100", busy=4)))
    assert (plan.compute, plan.starts) == ("busy", Starts.QUEUED)
    assert plan.reasons[0] == "busy: the first of 2 places asked for that can be had at all: none starts now"
    plan = place(ask, workspace(cluster("busy", "t4", busy=4)))
    assert (plan.compute, plan.starts) == ("serverless", Starts.QUEUED)
    assert {one.compute: one.against for one in plan.candidates if one.compute == "busy"} == {
        "busy": "has nodes of t4, which has T4, asked for A100"
    }


def test_orders_of_preference_go_one_after_the_other() -> None:
    """First the place, then the size, then the GPU model; of those alike the cheapest."""
    far = cluster("far", "t4", idle=2)
    ask = Ask(instance_types=("t4", "cheap"), computes=("serverless", "far"))
    assert place(ask, workspace(far)).instance_type == "t4"
    assert place(ask, workspace(far)).compute == "serverless"
    full = attrs.evolve(ROOM, families=())
    assert place(ask, workspace(far, held=full)).compute == "far"
    models = Ask(needs=Needs(gpu=["A100", "T4"]))
    assert place(models, workspace()).instance_type == "t4"
    assert place(attrs.evolve(models, needs=Needs(gpu=["T4", "A100"])), workspace()).instance_type == "t4"
    waits = quota(a100=(48, 48), t4=(8, 8))
    assert place(models, workspace(held=waits)).reasons[0] == (
        "A100: the first of 2 GPU models asked for that can be had at all: none starts now"
    )


def test_a_single_wish_is_no_order() -> None:
    """A list of one model is that model: what starts now is worth a quarter more, and not any price."""
    dear_now = attrs.evolve(A100, name="now", family="now", price=9.0)
    held = quota(a100=(48, 48), now=(48, 0))
    one = market([A100, dear_now], held)
    assert place(Ask(needs=Needs(gpu=["A100"])), one).instance_type == "a100"
    assert place(Ask(needs=Needs(gpu="A100")), one).instance_type == "a100"


def test_serverless_by_name_is_serverless_or_an_error() -> None:
    """No other place is looked at."""
    none = quota(cheap=(0, 0), dear=(0, 0))
    warm = cluster("warm", idle=2)
    with pytest.raises(NoQuota) as caught:
        place(Ask(needs=Needs(cpus=4), computes=("Serverless",)), workspace(warm, held=none))
    assert "warm" not in caught.value.message


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


def test_of_several_places_asked_for_the_error_is_serverless() -> None:
    """Where it is among them; else the first one's; each with what is against the others."""
    ask = Ask(needs=Needs(cpus=64), computes=("one", "serverless"))
    with pytest.raises(
        NothingFits, match=r"Nor can the other places:\n  one  has nodes of cheap, which has 4 of 64"
    ):
        place(ask, workspace(cluster("one")))
    ask = Ask(needs=ANY, nodes=5, computes=("one", "two"))
    with pytest.raises(ComputeUnsuitable, match=r"'one' can't take this job(.|\n)*two  has 4 nodes at most"):
        place(ask, workspace(cluster("one"), cluster("two")))


def test_a_place_that_is_not_there_is_passed_over_in_a_list() -> None:
    """The plan warns of it, and lists it: the name may be mistyped."""
    plan = place(Ask(needs=ANY, computes=("gpuu", "serverless")), workspace(cluster("gpu")))
    assert plan.compute == "serverless"
    assert plan.warnings == ("gpuu is not there: the workspace has no compute of that name",)
    (row,) = [one for one in plan.candidates if one.compute == "gpuu"]
    assert (row.instance_type, row.starts, row.against) == (
        "",
        None,
        "is not there: the workspace has no compute of that name",
    )
    later = place(Ask(needs=ANY, computes=("warm", "gpuu")), workspace(cluster("warm", idle=1)))
    assert (later.compute, later.warnings) == ("warm", plan.warnings)


@pytest.mark.parametrize(
    ("computes", "others"),
    [
        (("gpuu",), []),
        (("gpuu", "gone"), ["  gone  is not there: the workspace has no compute of that name"]),
        (
            ("serverless", "gpuu"),
            [
                (
                    "  serverless  No size in eastus meets 64 vCPUs. The nearest: dear standard 1.25 USD/h"
                    " has 8 of 64"
                ),
                "              vCPUs",
            ],
        ),
        (("gpuu", "gpu"), ["  gpu  has nodes of cheap, which has 4 of 64 vCPUs"]),
    ],
)
def test_a_place_that_is_not_there_is_an_error_where_nothing_else_can(
    computes: tuple[str, ...], others: list[str]
) -> None:
    """A slip comes first, then what is against the others: of serverless, its refusal."""
    with pytest.raises(ComputeNotFound, match=r"no compute named 'gpuu'\. Did you mean gpu\?") as caught:
        place(Ask(needs=Needs(cpus=64), computes=computes), workspace(cluster("gpu")))
    head = ["Nor can the other places:"] if others else []
    assert caught.value.message.splitlines()[1:] == [*head, *others]


def test_a_list_of_sizes_may_have_names_of_other_places() -> None:
    """Each place is held against the names that it has; what serverless lacks of them is listed."""
    types = (InstanceType(name="one-gpu", gpus=1, limits_cpus=16.0, limits_memory_gb=64.0),)
    arc = Compute(
        name="arc", kind=Kind.KUBERNETES, kind_name="Kubernetes", location="eastus", instance_types=types
    )
    ask = Ask(instance_types=("one-gpu", "t4"), computes=("arc", "serverless"))
    plan = place(ask, workspace(arc))
    assert (plan.compute, plan.instance_type, plan.starts) == ("serverless", "t4", Starts.NOW)
    against = {one.instance_type: one.against for one in plan.candidates if one.compute == "serverless"}
    assert against == {"t4": "", "one-gpu": "eastus has no size of that name."}
    assert not any("one-gpu" in warning for warning in plan.warnings)
    full = attrs.evolve(ROOM, families=quota(t4=(8, 8)).families)
    assert place(ask, workspace(arc, held=full)).compute == "arc"
    plan = place(attrs.evolve(ask, instance_types=("one-gpu",)), workspace(arc))
    assert (plan.compute, plan.instance_type) == ("arc", "one-gpu")
    (serverless,) = [one.against for one in plan.candidates if one.compute == "serverless"]
    assert serverless == "instance_type='one-gpu': eastus has no size of that name."
    made = Cluster("any", max=1)
    ask = Ask(instance_types=("one-gpu", "t4"), computes=("any", "arc"), creates=(made,))
    assert place(ask, workspace(arc)).instance_type == "t4"
    assert place(attrs.evolve(ask, instance_types=("one-gpu",)), workspace(arc)).compute == "arc"


def test_a_size_that_no_place_has_is_warned_of() -> None:
    """It may be mistyped: a list goes on with the others, and only with none of them is it an error."""
    plan = place(Ask(instance_types=("t44", "t4")), workspace(cluster("mine", "elsewhere_only")))
    assert plan.instance_type == "t4"
    assert plan.warnings == ("instance_type='t44': eastus has no size of that name. Did you mean t4?",)
    known = place(Ask(instance_types=("elsewhere_only", "t4")), workspace(cluster("mine", "elsewhere_only")))
    assert known.warnings == ()
    for names in (("t44",), ("t44", "t45")):
        with pytest.raises(InvalidRequest, match=r"instance_type='t44': eastus has no size of that name"):
            place(Ask(instance_types=names), workspace())
    with pytest.raises(InvalidRequest, match=r"size='t44'|instance_type='t44'"):
        place(Ask(computes=("any", "serverless"), creates=(Cluster("any", size="t44"),)), workspace())


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


def test_kubernetes_has_no_price_here() -> None:
    """A plan there names its instance type, and neither price nor where one is from."""
    k8s = Compute(name="k8s", kind=Kind.KUBERNETES, kind_name="Kubernetes", location="eastus")
    plan = place(Ask(computes=("k8s",)), workspace(k8s))
    assert (plan.kind, plan.price_per_hour, plan.on_demand_per_hour) == (Kind.KUBERNETES, None, None)
    assert plan.price_source == ""
    assert plan.reasons[0] == "the compute was asked for by name"


def test_computes_that_cannot_be_read_leave_a_plan_unverified() -> None:
    """A named one is believed; serverless needs none of them."""
    unread = attrs.evolve(workspace(), computes=None)
    assert not place(Ask(computes=("gpu",)), unread).verified
    assert place(Ask(needs=ANY), unread).verified
    none = quota(cheap=(0, 0), dear=(0, 0))
    with pytest.raises(NoQuota, match=r"limit 0") as caught:
        place(Ask(needs=Needs(cpus=4)), attrs.evolve(unread, quota=none))
    assert "Nor can a compute" not in caught.value.message


def test_what_is_left_to_the_service_is_a_place_like_others() -> None:
    """Nothing asked and no quota to read: behind a cluster that starts now, before nothing."""
    unread = attrs.evolve(
        market(packaged_sizes(), None, Source.PACKAGED), computes=(cluster("warm", "x", idle=1),)
    )
    both = Ask(computes=("serverless", "warm"))
    assert place(both, unread).compute == "warm"
    plan = place(Ask(computes=("serverless",)), unread)
    assert (plan.compute, plan.instance_type, plan.size) == ("serverless", None, None)
    assert plan.reasons == (
        "nothing was asked of the nodes and quota can't be read: the service chooses the size",
    )
    assert [one.against for one in plan.candidates] == ["", "is not asked for"]
    ruled = Ask(nodes=3, guard=Guard(most_nodes=2, where={"most_nodes": "amlrun.toml, line 2"}))
    with pytest.raises(NothingFits, match=r"has 3 nodes, refused by amlrun\.toml, line 2: most_nodes = 2"):
        place(ruled, unread)


def test_a_guard_rail_is_the_first_thing_against_a_size() -> None:
    """Whatever else is; where nothing else is, the error says that it isn't allowed."""
    where = {"denied_sizes": "amlrun.toml, line 4"}
    ask = Ask(needs=Needs(gpus=1), guard=Guard(denied_sizes=("cheap", "t4"), where=where))
    plan = place(ask, workspace())
    against = {one.instance_type: one.against for one in plan.candidates}
    assert against["t4"].startswith("is refused by amlrun.toml, line 4: denied_sizes")
    assert against["cheap"].startswith("is refused by amlrun.toml, line 4: denied_sizes")
    assert plan.instance_type == "a100"
    with pytest.raises(NothingFits, match="that meets 1 GPU is allowed") as caught:
        place(attrs.evolve(ask, guard=Guard(denied_sizes=("*",), where=where)), workspace())
    assert "amlrun.toml, line 4" in caught.value.message
