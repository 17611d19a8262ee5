from __future__ import annotations

import attrs
import pytest

from amlrun._cluster import Cluster
from amlrun._errors import ComputeNotFound, ComputeUnsuitable, InvalidRequest, NoQuota, NothingFits
from amlrun._guard import Guard
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, InstanceType, Kind, Source
from amlrun._placement import place
from amlrun._plan import Starts
from amlrun._readings.size_replies import packaged_sizes
from tests.core.places import ROOM, cluster, workspace
from tests.core.regions import A100, ANY, market, quota


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


def test_a_size_is_no_compute() -> None:
    """Its name is known by how it begins, and where it is said is told."""
    with pytest.raises(ComputeNotFound) as caught:
        place(Ask(computes=("standard_ds3_v2",)), workspace(cluster("gpu")))
    assert "That is the name of a size: instance_type='standard_ds3_v2'." in caught.value.hint


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
