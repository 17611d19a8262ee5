"""A cluster by its settings: used where it is there and alike, planned where it isn't."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import (
    Cluster,
    ComputeUnsuitable,
    InvalidRequest,
    Needs,
    NoQuota,
    NotEnoughQuota,
    Plan,
    QuotaError,
)
from amlrun._guard import Guard
from amlrun._identity import Identity, IdentityKind
from amlrun._needs import Ask
from amlrun._offers import (
    Compute,
    FamilyQuota,
    Limit,
    LimitKind,
    Market,
    Quota,
    Size,
    Source,
    Tier,
    WorkspaceFacts,
)
from amlrun._placement import place

V100, T4 = "Standard_NC6s_v3", "Standard_NC4as_T4_v3"


def size(name: str, family: str, cpus: int, price: float | None, **more: Any) -> Size:
    """A GPU size."""
    has = {"memory_gb": 56.0, "gpus": 1, "gpu": None, "disk_gb": 180.0, "for_jobs": True, "spot_price": 0.61}
    told = {"price_source": "service", **has, **more}
    return Size(name=name, family=family, cpus=cpus, price=price, **told)


SIZES = (
    size(V100, "v100", 6, 3.06),
    size(T4, "t4", 4, 0.53),
    size("Standard_X", "x", 4, 1.0, for_jobs=False),
)


def market(v100: int = 24, t4: int = 8, used: int = 0, pool: int = 100, **more: Any) -> Market:
    """A region with two sizes that jobs can use, and quota for them."""
    families = (FamilyQuota("v100", Limit("v100", v100, used)), FamilyQuota("t4", Limit("t4", t4, used)))
    total = Limit("TotalDedicatedCores", None, 0, LimitKind.TOTAL)
    quota = Quota("eastus", families, total, Limit("TotalLowPriorityCores", pool, 0))
    return Market("eastus", SIZES, quota, **more)


def planned(cluster: Cluster, held: Market | None = None, *also: str, **ask: Any) -> Plan:
    """The plan for that cluster, or for what else is named."""
    return place(Ask(computes=(cluster.name, *also), creates=(cluster,), **ask), held or market())


GPU = Cluster("gpu", size="standard_nc6s_v3", max=4)
THERE = attrs.evolve(GPU, size=V100.upper()).as_compute("eastus")


def test_a_cluster_that_is_not_there_would_be_made() -> None:
    """The plan says so: its size in the service's spelling, its price, and that it doesn't start now."""
    plan = planned(GPU, nodes=2)
    assert plan.creates == attrs.evolve(GPU, size=V100)
    assert (plan.compute, plan.instance_type, plan.instance_count) == ("gpu", V100, 2)
    assert (plan.tier, plan.price_per_hour, plan.starts) == (Tier.STANDARD, 6.12, "queued")
    assert any("it is made first" in reason for reason in plan.reasons)
    assert "makes   cluster gpu: 0 to 4 nodes of Standard_NC6s_v3, standard, 3.06 USD an hour each" in str(
        plan
    )


def test_a_cluster_that_is_alike_is_used() -> None:
    """Whatever the case of its size: nothing is made."""
    plan = planned(GPU, market(computes=(attrs.evolve(THERE, nodes=1, idle_nodes=1),)))
    assert (plan.creates, plan.compute, plan.starts) == (None, "gpu", "now")


def test_a_cluster_of_any_size_is_used_if_it_meets_the_needs() -> None:
    """Without a size of its own, what is there counts, and must suit the job."""
    any_size = attrs.evolve(GPU, size=None)
    there = market(computes=(THERE,))
    assert planned(any_size, there, needs=Needs(gpus=1)).instance_type == V100
    with pytest.raises(ComputeUnsuitable, match="6 of 8 vCPUs"):
        planned(any_size, there, needs=Needs(cpus=8))


def test_other_settings_are_an_error() -> None:
    """Setting by setting, with both ways out."""
    other = attrs.evolve(THERE, max_nodes=2, idle_seconds=600)
    with pytest.raises(ComputeUnsuitable) as caught:
        planned(attrs.evolve(GPU, idle=120), market(computes=(other,)))
    assert caught.value.message == (
        "'gpu' is there with other settings:\n"
        "  max: 2 there, 4 asked for\n"
        "  idle: 600 s there, 120 s asked for"
    )
    assert "compute='gpu'" in caught.value.hint
    assert "Or change it in the workspace." in caught.value.hint
    assert caught.value.name == "gpu"
    assert "compute='serverless' with gpus=1 (Standard_NC4as_T4_v3" in caught.value.hint
    with pytest.raises(ComputeUnsuitable) as caught:
        planned(GPU, market(computes=(attrs.evolve(other, state="Failed"),)), needs=Needs(gpus=1))
    assert caught.value.hint.splitlines()[1:] == [
        "Give the new one another name, or change the one that is there in the workspace."
    ]


def test_in_a_list_a_cluster_with_other_settings_is_passed_over_and_told() -> None:
    """As one that isn't there: a warning shows the difference. It is an error where nothing else will do."""
    there = market(computes=(attrs.evolve(THERE, max_nodes=2, idle_seconds=600),), t4=8)
    plan = planned(attrs.evolve(GPU, idle=120), there, "serverless", needs=Needs(gpus=1))
    told = "is there with other settings: max: 2 there, 4 asked for; idle: 600 s there, 120 s asked for"
    assert (plan.compute, plan.creates) == ("serverless", None)
    assert f"gpu {told}" in plan.warnings
    assert not any("other settings" in reason for reason in plan.reasons)
    assert {one.against for one in plan.candidates if one.compute == "gpu"} == {told}
    with pytest.raises(NoQuota, match=r"Nor can the other places:\n  gpu  is there with other settings"):
        planned(GPU, attrs.evolve(there, quota=market(0, 0).quota), "serverless", needs=Needs(gpus=1))


def test_the_size_is_chosen_by_what_the_job_needs() -> None:
    """The size that the job would get on serverless, in the cluster's tier."""
    any_size = attrs.evolve(GPU, size=None)
    assert planned(any_size, needs=Needs(gpus=1)).instance_type == T4
    assert planned(any_size, needs=Needs(gpus=1, cpus=6)).instance_type == V100
    assert planned(any_size, market(t4=0), needs=Needs(gpus=1)).instance_type == V100
    named = planned(any_size, instance_types=(V100, T4))
    assert (named.instance_type, named.creates) == (V100, attrs.evolve(any_size, size=V100))
    assert planned(any_size, instance_types=(V100,)).instance_type == V100
    spot = planned(attrs.evolve(any_size, tier="spot"), needs=Needs(gpus=1))
    assert (spot.tier, spot.price_per_hour) == (Tier.SPOT, 0.61)


def test_the_size_that_is_chosen_can_hold_the_minimum_and_is_allowed_at_its_most() -> None:
    """One that would do for the job alone is passed over where the cluster could not be made with it."""
    any_size, needs = attrs.evolve(GPU, size=None), Needs(gpus=1)
    assert planned(attrs.evolve(any_size, min=2), market(t4=8), needs=needs).instance_type == T4
    assert planned(attrs.evolve(any_size, min=3), market(t4=8), needs=needs).instance_type == V100
    rule = Guard(highest_price_per_hour=3.5)  # for one V100, not for four
    assert planned(any_size, instance_types=(V100, T4), guard=rule).instance_type == T4


def test_a_size_that_is_not_there_is_refused() -> None:
    """Where the region's sizes are known; elsewhere, and where they are not, a name is believed."""
    for name in ("Standard_NC6s_v9", "Standard_X"):
        bogus = attrs.evolve(GPU, size=name)
        with pytest.raises(InvalidRequest, match=name):
            planned(bogus)
        assert planned(bogus, market(source=Source.PACKAGED)).instance_type == name
        assert planned(attrs.evolve(bogus, location="westus")).instance_type == name


def test_quota_that_can_never_hold_the_nodes_is_refused() -> None:
    """As for any other place, with the figures."""
    with pytest.raises(NoQuota, match="limit 0"):
        planned(GPU, market(v100=0))
    with pytest.raises(NotEnoughQuota) as caught:
        planned(GPU, market(v100=12), nodes=3)
    assert "3 x 6 = 18 vCPUs of v100; limit 12" in caught.value.message
    with pytest.raises(NoQuota):
        planned(attrs.evolve(GPU, size=None), market(v100=0, t4=0), needs=Needs(gpus=1))


def test_more_nodes_than_its_maximum_are_refused() -> None:
    """With the count, or the maximum, that would do."""
    with pytest.raises(ComputeUnsuitable, match="would have 4 nodes at most, and 5 were asked for") as caught:
        planned(GPU, market(v100=240), nodes=5)
    assert caught.value.hint.splitlines() == [
        "The job could go to compute='serverless' with gpus=1 (Standard_NC6s_v3, 15.30 USD/h, starts now).",
        "instance_count=4 would fit.",
        "Cluster('gpu', max=5, …) would do: Standard_NC6s_v3 (15.30 USD/h).",
    ]


def test_what_comes_with_a_minimum_is_said() -> None:
    """Its nodes are there for the job, and only what is missing beside them must be grown by."""
    two = attrs.evolve(GPU, min=2)
    assert planned(two).reasons[-1] == "it comes with 2 nodes: 2 x 6 = 12 of 24 free vCPUs of v100"
    assert planned(two, nodes=3).reasons[-1] == (
        "it comes with 2 nodes, and must grow by 1: 3 x 6 = 18 of 24 free vCPUs of v100"
    )
    blind = planned(attrs.evolve(two, min=1), attrs.evolve(market(), quota=None))
    assert blind.reasons[-1] == "it comes with 1 node, under a quota that is not known"


def test_a_maximum_beyond_quota_is_warned_about() -> None:
    """With the number of nodes that quota can hold; the job, which needs fewer, is not refused."""
    plan = planned(attrs.evolve(GPU, max=100))
    (warning,) = plan.warnings
    assert warning == (
        "max=100: quota holds 4 at most: needs 100 x 6 = 600 vCPUs of v100; limit 24, in use 0, free 24:"
        " four nodes fit now, four ever"
    )
    assert planned(GPU).warnings == ()


def test_nodes_that_stay_long_after_a_job_are_warned_about() -> None:
    """With what that costs; not where all of them stay for ever, which is told of the minimum."""
    days = attrs.evolve(GPU, idle=3 * 86400)
    assert planned(days).warnings == (
        "idle=259200: nodes that have no more work idle for 72 h, at 220.32 USD each",
    )
    unpriced = attrs.evolve(days, size="Standard_new")
    assert "idle=259200: nodes that have no more work idle for 72 h" in (
        planned(unpriced, market(source=Source.PACKAGED)).warnings
    )
    assert planned(attrs.evolve(GPU, idle=1800)).warnings == ()
    assert not any("idle=" in warning for warning in planned(attrs.evolve(days, min=4)).warnings)


def test_a_region_that_has_all_its_clusters_gets_no_other() -> None:
    """Their number is limited too: in a list the next place is taken."""
    held = market()
    assert held.quota is not None
    for limit, full in ((200, True), (201, False), (None, False)):
        clusters = Limit("TotalClusters", limit, 200, LimitKind.CLUSTERS)
        there = attrs.evolve(held, quota=attrs.evolve(held.quota, clusters=clusters))
        if not full:
            assert planned(GPU, there).creates is not None
            continue
        with pytest.raises(ComputeUnsuitable, match="the region has 200 of 200 clusters") as caught:
            planned(GPU, there)
        assert "delete one" in caught.value.hint
        assert planned(GPU, there, "serverless", needs=Needs(gpus=1)).compute == "serverless"


def test_nodes_that_idle_are_warned_about() -> None:
    """A minimum costs day and night; without one there is nothing to warn about."""
    two = planned(attrs.evolve(GPU, min=2))
    assert "min=2: 2 nodes idle at 6.12 USD an hour, day and night" in two.warnings
    one = planned(attrs.evolve(GPU, min=1, size="Standard_new"), market(source=Source.PACKAGED))
    assert "min=1: 1 node idles, day and night" in one.warnings
    assert not any("idle" in warning for warning in planned(GPU).warnings)


def test_a_minimum_beyond_quota_is_refused() -> None:
    """It could never be made; where the quota is in use, that is said."""
    four = attrs.evolve(GPU, min=4)
    with pytest.raises(ComputeUnsuitable, match=r"min=4 nodes: needs 4 x 6 = 24 .* limit 12") as caught:
        planned(four, market(v100=12))
    assert "Cluster('gpu', min=0, …) would do: Standard_NC6s_v3 (3.06 USD/h)." in caught.value.hint
    warnings = planned(four, market(v100=24, used=12)).warnings
    assert any("it can't be made before there is room for them" in warning for warning in warnings)


def test_the_client_id_of_an_identity_that_it_is_made_with_is_not_known() -> None:
    """It is the job's, as far as anybody knows: warned of, and not refused."""
    resource = (
        "/subscriptions/s/resourceGroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
    )
    bare = WorkspaceFacts(name="w", location="eastus", workspace_id="", discovery_url="")
    job = Identity(IdentityKind.MANAGED, "11111111-1111-1111-1111-111111111111")
    own = attrs.evolve(GPU, identity=f"user:{resource}")
    plan = planned(own, market(workspace=bare), identity=job)
    assert plan.creates is not None
    assert "whether gpu has that identity is not known: no client ids are told of its own" in plan.warnings
    with pytest.raises(ComputeUnsuitable, match="would have no identity 11111111"):
        planned(attrs.evolve(own, identity="system"), market(workspace=bare), identity=job)


def test_in_a_list_it_is_made_only_where_it_is_chosen() -> None:
    """What starts now comes before what has to be made; where nothing starts now, the order counts."""
    plan = planned(GPU, None, "serverless", needs=Needs(gpus=1))
    assert (plan.compute, plan.creates) == ("serverless", None)
    assert "gpu" in {candidate.compute for candidate in plan.candidates}
    waits = planned(GPU, market(used=24, t4=24), "serverless", needs=Needs(gpus=1))
    assert (waits.compute, waits.creates) == ("gpu", attrs.evolve(GPU, size=V100))
    never = planned(GPU, market(v100=0), "serverless", needs=Needs(gpus=1))
    assert (never.compute, never.creates) == ("serverless", None)


def test_computes_that_cannot_be_read_are_told() -> None:
    """It may be there: sending the plan will show."""
    plan = planned(GPU, market(computes=None))
    assert plan.creates is not None
    assert plan.starts == "unknown"
    assert any("whether gpu is there is not known" in warning for warning in plan.warnings)


def test_a_cluster_elsewhere_has_that_region_s_quota() -> None:
    """The limits of the workspace's region don't bind it."""
    there = attrs.evolve(GPU, location="westus")
    plan = planned(there, market(v100=0))
    assert (plan.compute, plan.starts) == ("gpu", "unknown")
    known = Quota("westus", (FamilyQuota("v100", Limit("v100", 6, 0)),))
    with pytest.raises(NotEnoughQuota, match="limit 6"):
        planned(there, market(elsewhere={"westus": known}), nodes=2)


def test_a_cluster_that_failed_is_told() -> None:
    """It is there, and of no use."""
    failed: Compute = attrs.evolve(THERE, state="Failed")
    with pytest.raises(ComputeUnsuitable, match="is Failed"):
        planned(GPU, market(computes=(failed,)))


@given(
    limits=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)),
    used=st.integers(0, 40),
    nodes=st.integers(1, 4),
    needs=st.builds(Needs, gpus=st.just(1), cpus=st.sampled_from([None, 4, 6])),
    cluster=st.builds(
        Cluster,
        st.just("gpu"),
        size=st.sampled_from([None, V100, T4]),
        tier=st.sampled_from(["standard", "spot"]),
        min=st.integers(0, 2),
        max=st.integers(2, 4),
    ),
)
def test_what_would_be_made_holds_the_job_and_every_limit(
    limits: tuple[int, int, int], used: int, nodes: int, needs: Needs, cluster: Cluster
) -> None:
    """A cluster in a plan has what each node needs, room for all nodes, and a quota that holds them."""
    v100, t4, pool = limits
    held = market(v100, t4, used, pool)
    try:
        plan = planned(cluster, held, nodes=nodes, needs=needs)
    except (QuotaError, ComputeUnsuitable):
        plan = None
    by_name = {one.name: one for one in SIZES}
    limit_of = {V100: v100, T4: t4}
    spot = cluster.tier is Tier.SPOT

    def holds(name: str) -> bool:
        cap = pool if spot else limit_of[name]
        return by_name[name].cpus * max(nodes, cluster.min) <= cap

    sizes = [cluster.size] if cluster.size else [V100, T4]
    meeting = [name for name in sizes if by_name[name].cpus >= (needs.cpus or 0)]
    could = nodes <= cluster.max and any(holds(name) for name in meeting)
    if plan is None:
        assert not could
        return
    assert plan.creates is not None
    assert plan.instance_type == plan.creates.size
    assert plan.instance_type in meeting
    assert nodes <= plan.creates.max
    assert holds(plan.instance_type or "")
    assert (plan.tier, plan.creates.tier) == (cluster.tier, cluster.tier)
    assert plan.starts == "queued"
