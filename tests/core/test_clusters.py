from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._errors import ComputeNotFound, ComputeUnsuitable, NoQuota, NotEnoughQuota
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, FamilyQuota, Limit, LimitKind, Market, Problem, Quota, Size, Source, Tier
from amlrun._placement import place
from amlrun._placement.computes import compute_options
from amlrun._plan import Plan, Starts

V100 = Size(
    "Standard_NC6s_v3", "standardNCSv3Family", 6, 112.0, 1, "V100", 736.0, True, 3.06, 0.61, "service"
)
GPU = Compute(
    name="gpu",
    size="STANDARD_NC6S_V3",
    tier=Tier.STANDARD,
    max_nodes=4,
    location="eastus",
)


TOTAL = Limit("TotalDedicatedCores", None, 0, LimitKind.TOTAL)


def market(limit: int | None = 24, used: int = 12, pool: int = 0) -> Market:
    """A region with one size and its family's quota."""
    family = FamilyQuota("standardNCSv3Family", Limit("standardNCSv3Family", limit, used))
    return Market(
        "eastus", (V100,), Quota("eastus", (family,), TOTAL, Limit("TotalLowPriorityCores", pool, 0))
    )


def on(compute: Compute, held: Market | None = None, **ask: Any) -> Plan:
    """The plan for that cluster, named."""
    return place(Ask(computes=(compute.name,), **ask), attrs.evolve(held or market(), computes=(compute,)))


def test_a_cluster_is_planned_with_its_own_size() -> None:
    """The cluster's size in the catalogue's spelling, its tier, and room to grow by quota."""
    plan = on(GPU, nodes=2)
    assert (plan.compute, plan.instance_type, plan.instance_count) == ("gpu", "Standard_NC6s_v3", 2)
    assert (plan.tier, plan.price_per_hour, plan.starts) == (Tier.STANDARD, 6.12, Starts.NOW)
    assert plan.reasons == (
        "the compute was asked for by name",
        "it must grow by 2: 2 x 6 = 12 of 12 free vCPUs of standardNCSv3Family",
    )
    assert plan.warnings == ()
    assert plan.size == V100


def test_a_low_priority_cluster_is_spot() -> None:
    """With no tier said, or `auto`, a cluster has its own."""
    spot = attrs.evolve(GPU, tier=Tier.SPOT)
    plan = on(spot, market(pool=12))
    assert (plan.tier, plan.price_per_hour, plan.on_demand_per_hour) == (Tier.SPOT, 0.61, 3.06)
    assert on(spot, market(pool=12), tier=Tier.AUTO).tier is Tier.SPOT
    assert on(spot, market(pool=12), tier=Tier.SPOT).starts is Starts.NOW


def test_idle_nodes_start_at_once() -> None:
    """Nodes that are there and idle need no quota."""
    warm = attrs.evolve(GPU, nodes=2, idle_nodes=2)
    plan = on(warm, market(12, 12), nodes=2)
    assert (plan.starts, plan.reasons[1]) == (Starts.NOW, "2 of its 2 nodes are idle")


def test_busy_nodes_are_waited_for() -> None:
    """A cluster that can't grow to the nodes asked for, beside those that are busy, makes the job wait."""
    busy = attrs.evolve(GPU, nodes=3, idle_nodes=1)
    plan = on(busy, nodes=4)
    assert (plan.starts, plan.reasons[1]) == (
        Starts.QUEUED,
        "2 of its 4 nodes are busy: the job waits for them",
    )


def test_quota_in_use_is_waited_for() -> None:
    """Room in the cluster, none in the quota: the job waits, with the arithmetic of the nodes to add."""
    plan = on(attrs.evolve(GPU, nodes=1, idle_nodes=1), market(24, 24), nodes=2)
    assert plan.starts is Starts.QUEUED
    assert plan.reasons[1] == (
        "its one node is idle, and it must grow by 1: needs 1 x 6 = 6 vCPUs of standardNCSv3Family;"
        " limit 24, in use 24, free 0: none fits now, four ever"
    )


def test_nodes_that_exist_are_not_refused() -> None:
    """A limit that was lowered below what the cluster has already is a wait, not a refusal."""
    plan = on(attrs.evolve(GPU, nodes=2), market(0, 12), nodes=2)
    assert plan.starts is Starts.QUEUED


def test_a_cluster_stuck_on_quota_says_so() -> None:
    """The service's own word that it can't grow counts, and is shown."""
    stuck = attrs.evolve(
        GPU, problems=(Problem("DiskFull", "on a node"), Problem("ClusterCoreQuotaReached", "no cores"))
    )
    plan = on(stuck)
    assert (plan.starts, plan.reasons[1]) == (
        Starts.QUEUED,
        "it can't grow now (ClusterCoreQuotaReached)",
    )
    assert plan.warnings == ("DiskFull: on a node", "ClusterCoreQuotaReached: no cores")


def test_quota_that_can_never_hold_the_nodes_is_an_error() -> None:
    """The same three answers as on serverless, with figures."""
    with pytest.raises(NotEnoughQuota) as caught:
        on(GPU, market(12, 0), nodes=4)
    assert (caught.value.needed, caught.value.limit, caught.value.fits) == (24, 12, 2)
    assert caught.value.hint.startswith("instance_count=2 fits.")
    with pytest.raises(NoQuota):
        on(GPU, market(0, 0))
    with pytest.raises(NotEnoughQuota) as caught:
        on(attrs.evolve(GPU, nodes=1, idle_nodes=1), market(12, 6), nodes=3)
    assert (caught.value.needed, caught.value.limit, caught.value.fits) == (18, 12, 2)


def test_what_to_ask_for_is_said_of_its_own_region() -> None:
    """The limits that refuse the nodes there, all of them, and none of the workspace's region."""
    abroad = attrs.evolve(GPU, location="westeurope")
    family = FamilyQuota("standardNCSv3Family", Limit("standardNCSv3Family", 6, 0))
    total = Limit("TotalDedicatedCores", 9, 0, LimitKind.TOTAL)
    held = attrs.evolve(market(100, 0), elsewhere={"westeurope": Quota("westeurope", (family,), total)})
    with pytest.raises(NotEnoughQuota) as caught:
        on(abroad, held, nodes=2)
    assert "in westeurope for" in caught.value.message
    assert "standardNCSv3Family in westeurope, 12 vCPUs at least" in caught.value.hint
    assert "(TotalDedicatedCores) in westeurope, 12 at least" in caught.value.hint
    roomy = attrs.evolve(total, limit=100)
    here = attrs.evolve(
        held, quota=market(0, 0).quota, elsewhere={"westeurope": Quota("westeurope", (family,), roomy)}
    )
    with pytest.raises(NotEnoughQuota) as caught:
        on(abroad, here, nodes=2)
    assert "TotalDedicatedCores" not in caught.value.hint
    assert "standardNCSv3Family in westeurope" in caught.value.hint


def test_a_cluster_that_is_not_there() -> None:
    """The names that are there are told."""
    with pytest.raises(ComputeNotFound, match=r"Did you mean gpu\? It has gpu, cpu") as caught:
        place(Ask(computes=("gpus",)), attrs.evolve(market(), computes=(GPU, attrs.evolve(GPU, name="cpu"))))
    assert (caught.value.name, caught.value.names) == ("gpus", ("gpu", "cpu"))
    with pytest.raises(ComputeNotFound, match="It has none"):
        place(Ask(computes=("gpu",)), market())


def test_the_case_of_a_name_does_not_matter() -> None:
    """The workspace's own spelling goes into the plan."""
    assert place(Ask(computes=("GPU",)), attrs.evolve(market(), computes=(GPU,))).compute == "gpu"


@pytest.mark.parametrize(
    ("change", "ask", "words"),
    [
        ({"state": "Deleting"}, {}, "it is Deleting"),
        (
            {"state": "Failed", "problems": (Problem("VmSizeNotSupported", "not here"),)},
            {},
            r"is Failed \(VmSizeNotSupported: not here\)",
        ),
        ({}, {"tier": Tier.SPOT}, "has standard nodes, and tier='spot' was asked for"),
        (
            {"tier": None},
            {"instance_types": ("Standard_DS3_v2",)},
            "has nodes of Standard_NC6s_v3, and Standard_DS3_v2 was asked for",
        ),
        ({}, {"nodes": 5}, "has 4 nodes at most, and 5 were asked for"),
        ({}, {"needs": Needs(gpus=2)}, "has nodes of Standard_NC6s_v3, which has 1 of 2 GPUs"),
        ({}, {"needs": Needs(max_price_per_hour=3)}, "costs 3.06, and at most 3 USD an hour"),
        ({"size": "STANDARD_X"}, {"needs": Needs(max_price_per_hour=3)}, "has no known price, and at most"),
    ],
)
def test_a_cluster_that_can_not_take_the_job(change: dict[str, Any], ask: dict[str, Any], words: str) -> None:
    """It is refused before anything is sent, with what is against it."""
    with pytest.raises(ComputeUnsuitable, match=words) as caught:
        on(attrs.evolve(GPU, **change), **ask)
    assert caught.value.name == "gpu"


def test_what_is_refused_tells_what_would_do() -> None:
    """The count that fits; a price that is exactly the highest is not above it."""
    with pytest.raises(ComputeUnsuitable) as caught:
        on(GPU, nodes=5)
    assert caught.value.hint == "instance_count=4 can ever be had (it would wait)."
    with pytest.raises(ComputeUnsuitable) as caught:
        on(attrs.evolve(GPU, max_nodes=0))
    assert caught.value.hint == (
        "The job could go to compute='serverless' with gpus=1 (Standard_NC6s_v3, 3.06 USD/h, starts now)."
    )
    assert on(GPU, needs=Needs(max_price_per_hour=3.06)).price_per_hour == 3.06


def test_a_small_node_is_taken_where_it_is_named() -> None:
    """Who asks for nothing and names a compute gets what it has; unasked, it comes after larger ones."""
    small = attrs.evolve(V100, name="Standard_DS1", cpus=1, memory_gb=3.5, gpus=0, gpu=None)
    compute = attrs.evolve(GPU, name="small", size=small.name, nodes=1, idle_nodes=1)
    held = Market("eastus", (small,), market().quota)
    assert on(compute, held).starts is Starts.NOW
    (unasked,) = compute_options(Ask(), held, compute)
    assert (unasked.able, unasked.smaller) == (True, True)
    (needed,) = compute_options(Ask(needs=Needs(cpus=1)), held, compute)
    assert needed.miss == ""


def test_nobody_gets_gpus_or_spot_nodes_unasked() -> None:
    """By name they are had; else only by who asks for them."""
    held, warm = market(pool=99), attrs.evolve(GPU, nodes=1, idle_nodes=1)
    (unasked,) = compute_options(Ask(), held, warm)
    assert unasked.miss == "has GPUs, and none was asked for"
    (needed,) = compute_options(Ask(needs=Needs(gpus=1)), held, warm)
    assert needed.miss == ""
    spot = attrs.evolve(warm, tier=Tier.SPOT)
    (unasked,) = compute_options(Ask(needs=Needs(gpus=1)), held, spot)
    assert unasked.miss == "has spot nodes, and nobody asked for spot"
    (needed,) = compute_options(Ask(needs=Needs(gpus=1), tier=Tier.SPOT), held, spot)
    assert needed.miss == ""


def test_the_size_asked_for_may_be_the_clusters_in_any_case() -> None:
    """Asking for the size that it has is no contradiction."""
    plan = on(GPU, instance_types=("standard_nc6s_v3",), needs=Needs(max_price_per_hour=4))
    assert plan.instance_type == "Standard_NC6s_v3"


def test_a_cluster_elsewhere_is_judged_by_its_idle_nodes_alone() -> None:
    """Quota of another region was not read: the plan says that it does not know."""
    abroad = attrs.evolve(GPU, location="westeurope")
    plan = on(abroad)
    assert plan.starts is Starts.UNKNOWN
    assert plan.warnings == ("the cluster is in westeurope: the quota and prices of eastus are not its own",)
    assert on(attrs.evolve(abroad, nodes=1, idle_nodes=1)).starts is Starts.NOW


def test_without_quota_it_is_not_known_when_it_starts() -> None:
    """403 on quota never stops a job that names its cluster."""
    plan = on(GPU, Market("eastus", (V100,), None, Source.PACKAGED))
    assert (plan.starts, plan.verified) == (Starts.UNKNOWN, False)
    assert plan.warnings[0].startswith("quota and sizes can't be read: the job may have to wait")


def test_a_size_that_nobody_lists_is_believed() -> None:
    """A cluster's size may be in no catalogue: needs can't be checked, and the plan says so."""
    odd = attrs.evolve(GPU, size="STANDARD_X")
    plan = on(odd, needs=Needs(gpus=1))
    assert (plan.instance_type, plan.size, plan.starts) == ("STANDARD_X", None, Starts.UNKNOWN)
    assert plan.warnings == (
        "nothing is known of the size STANDARD_X: whether it meets 1 GPU is not known either",
    )
    assert on(odd).warnings == ()
    assert on(attrs.evolve(GPU, size=None)).instance_type is None


def test_no_count_is_proposed_to_a_cluster_that_lacks_something_else() -> None:
    """Fewer nodes would be refused for that."""
    with pytest.raises(ComputeUnsuitable) as caught:
        on(GPU, nodes=5, needs=Needs(gpus=2))
    assert "instance_count" not in str(caught.value)
