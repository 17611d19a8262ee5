"""What is proposed where a cluster can't be made as it was asked for: it was tried, and can be had."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import AmlrunError, Cluster, ComputeUnsuitable, Needs, NothingFits, QuotaError
from amlrun._guard import Guard
from amlrun._needs import Ask
from amlrun._offers import FamilyQuota, Limit, LimitKind, Market, Quota, Size, Tier
from amlrun._placement import place
from amlrun._plan import Starts

SIZES = (
    Size("Standard_T1", "t", 4, 28.0, 1, "T4", 180.0, True, 0.53, 0.1, "service"),
    Size("Standard_T4", "t", 16, 110.0, 4, "T4", 360.0, True, 4.0, 0.8, "service"),
    Size("Standard_V1", "v", 6, 112.0, 1, "V100", 736.0, True, 3.06, 0.61, "service"),
    Size("Standard_D4", "d", 4, 16.0, 0, None, 150.0, True, 0.29, 0.06, "service"),
    Size("Standard_D8", "d", 8, 32.0, 0, None, 300.0, True, 0.58, 0.12, "service"),
)
NEW = Cluster("new", max=2)
V1 = Needs(gpus=1, gpu="V100")
OF_T = "Cluster('new', size=…) would do with: Standard_T1 (0.53 USD/h), Standard_T4 (4.00 USD/h)."


def market(t: int = 16, v: int = 0, d: int = 24, pool: int = 0, used: int = 0) -> Market:
    """A region with these limits; so much of each is in use."""
    limits = {"t": t, "v": v, "d": d}
    families = tuple(FamilyQuota(name, Limit(name, limits[name], used)) for name in limits)
    total = Limit("TotalDedicatedCores", None, 0, LimitKind.TOTAL)
    spot = Limit("TotalLowPriorityCores", pool, 0, LimitKind.SPOT_POOL)
    return Market("eastus", SIZES, Quota("eastus", families, total, spot), computes=())


def asking(cluster: Cluster, **ask: Any) -> Ask:
    """For that cluster alone."""
    return Ask(computes=(cluster.name,), creates=(cluster,), **ask)


def refused(held: Market, cluster: Cluster, **ask: Any) -> AmlrunError:
    """Why there is no plan."""
    with pytest.raises(AmlrunError) as caught:
        place(asking(cluster, **ask), held)
    return caught.value


def ways(held: Market, cluster: Cluster, **ask: Any) -> list[str]:
    """The other settings that are proposed."""
    return [line for line in refused(held, cluster, **ask).hint.splitlines() if "Cluster(" in line]


def test_without_quota_another_tier_and_another_model_are_proposed() -> None:
    """With their price, whether a size was said or not; and the quota to ask for."""
    for cluster in (NEW, attrs.evolve(NEW, size="Standard_V1")):
        error = refused(market(pool=10), cluster, needs=V1)
        assert isinstance(error, QuotaError)
        assert ways(market(pool=10), cluster, needs=V1) == [
            "Cluster('new', tier='spot', …) would do: Standard_V1 (0.61 USD/h).",
            f"With another GPU model, {OF_T}",
        ]
        assert "Ask for Azure ML quota of v in eastus, 6 vCPUs at least" in error.hint


def test_other_sizes_are_proposed_by_what_was_asked_or_named() -> None:
    """A size that was named stands for what it has, where nothing else was asked."""
    named = attrs.evolve(NEW, size="Standard_V1")
    assert ways(market(), named) == [OF_T]
    assert ways(market(), named, needs=Needs(gpus=1)) == [OF_T]
    assert ways(market(), named, needs=Needs(gpus=1, memory_gb=100)) == [
        "Cluster('new', size=…) would do with: Standard_T4 (4.00 USD/h)."
    ]
    assert ways(market(d=4), attrs.evolve(NEW, size="Standard_D8")) == []
    assert ways(market(d=16), attrs.evolve(NEW, size="Standard_D4"), needs=Needs(cpus=8)) == [
        "Cluster('new', size=…) would do with: Standard_D8 (0.58 USD/h)."
    ]
    assert ways(market(), NEW, instance_types=("Standard_V1",)) == [f"Without instance_type=…, {OF_T}"]
    other = attrs.evolve(named, size="Standard_T1")
    assert ways(market(v=12), other, instance_types=("Standard_V1",)) == [
        "Cluster('new', size=…) would do with: Standard_V1 (3.06 USD/h)."
    ]


def test_a_price_of_another_region_is_told_as_such() -> None:
    """Where the cluster is to stand elsewhere, its own aren't known."""
    west = attrs.evolve(NEW, location="westus")
    assert ways(market(), west, nodes=3, needs=Needs(gpus=1)) == [
        "Cluster('new', max=3, …) would do: Standard_T1 (1.59 USD/h in eastus, quota is not known)."
    ]


def test_a_maximum_that_the_rules_forbid_is_made_smaller() -> None:
    """Other jobs could have it grow to that: what this one needs may be allowed."""
    rule = Guard(highest_price_per_hour=4.0)
    error = refused(market(v=12), attrs.evolve(NEW, size="Standard_V1"), guard=rule)
    assert "could grow to max=2 nodes, and then costs 6.12 USD an hour" in error.message
    assert "Cluster('new', max=1, …) would do: Standard_V1 (3.06 USD/h)." in error.hint
    assert ways(market(t=0, v=12), NEW, needs=Needs(gpus=1), guard=rule) == [
        "Cluster('new', max=1, …) would do: Standard_V1 (3.06 USD/h)."
    ]


def test_several_reasons_take_several_settings() -> None:
    """The fewest that will do, and none that would not."""
    small = attrs.evolve(NEW, size="Standard_D4")
    gpus = Needs(gpus=1)
    assert ways(market(pool=30), small, nodes=3, needs=gpus) == [
        "Cluster('new', max=3, size=…) would do with: Standard_T1 (1.59 USD/h)."
    ]
    kept = attrs.evolve(NEW, size="Standard_T1", min=2)
    error = refused(market(t=4, pool=4), kept, needs=gpus)
    assert isinstance(error, ComputeUnsuitable)
    assert error.message.startswith("'new' can't take this job: it can't keep min=2 nodes")
    assert "Cluster('new', min=0, …) would do: Standard_T1 (0.53 USD/h)." in error.hint
    assert "Ask for Azure ML quota of t in eastus, 8 vCPUs at least" in error.hint
    assert ways(market(t=0, pool=4), kept, needs=gpus) == [
        "Cluster('new', min=0, tier='spot', …) would do: Standard_T1 (0.10 USD/h)."
    ]
    assert ways(market(t=0), kept, needs=gpus) == []


def test_a_tier_is_proposed_only_where_none_was_asked_for() -> None:
    """A job that says its tier goes to nodes of that tier."""
    assert ways(market(t=0, pool=4), NEW, needs=Needs(gpus=1), tier=Tier.STANDARD) == []
    assert ways(market(pool=4), NEW, needs=Needs(gpus=1), tier=Tier.SPOT) == [
        "Cluster('new', tier='spot', …) would do: Standard_T1 (0.10 USD/h)."
    ]
    spot = attrs.evolve(NEW, tier="spot")
    assert ways(market(), spot, needs=Needs(gpus=1)) == [
        "Cluster('new', tier='standard', …) would do: Standard_T1 (0.53 USD/h)."
    ]


def test_counts_are_those_that_would_fit() -> None:
    """Now, and ever; by the cluster's own maximum too."""
    wide = attrs.evolve(NEW, max=8)
    hint = refused(market(t=16, used=8), wide, nodes=5, needs=Needs(gpu="T4")).hint.splitlines()
    assert hint[:2] == [
        "instance_count=2 would fit.",
        "instance_count=4 could ever be had (it would wait).",
    ]
    hint = refused(market(t=16), attrs.evolve(NEW, max=3), nodes=5, needs=Needs(gpu="T4")).hint.splitlines()
    assert hint[0] == "instance_count=3 would fit."


def test_what_waits_for_quota_is_told() -> None:
    """Of a cluster that would be made, too; so is what nobody knows."""
    assert ways(market(t=16, used=12), NEW, nodes=3, needs=Needs(gpus=1)) == [
        "Cluster('new', max=3, …) would do: Standard_T1 (1.59 USD/h, quota is in use)."
    ]
    blind = attrs.evolve(market(), quota=None)
    assert ways(blind, NEW, nodes=3, needs=Needs(gpus=1)) == [
        "Cluster('new', max=3, …) would do: Standard_T1 (1.59 USD/h, quota is not known)."
    ]
    assert "instance_count=2 may fit." in refused(blind, NEW, nodes=3, needs=Needs(gpus=1)).hint


def test_no_size_at_all_is_told_as_of_serverless() -> None:
    """What comes nearest, and not one size of many."""
    error = refused(market(), NEW, needs=Needs(gpus=1, memory_gb=900))
    assert isinstance(error, NothingFits)
    first, second, *_ = error.message.splitlines()
    assert first == (
        "'new' can't be made for this job. No size in eastus meets 900 GB of memory, 1 GPU. The nearest:"
    )
    assert second.split()[0] == "Standard_V1"
    dear = refused(market(t=64, pool=64), NEW, needs=Needs(gpus=1, max_price_per_hour=0.2))
    assert dear.hint.splitlines()[1:3] == [
        "max_price_per_hour=0.53 would take Standard_T1.",
        "Cluster('new', tier='spot', …) would do: Standard_T1 (0.10 USD/h).",
    ]
    tried = ("new", "serverless")
    for more, told in (
        ({}, "would find no size in eastus that meets 900 GB of memory"),
        ({"guard": Guard(denied_sizes=("X*",))}, "that meets 900 GB of memory and is allowed"),
        ({"instance_types": ("Standard_T1",)}, "would find no size: Standard_T1 has 28 of 900 GB of memory"),
    ):
        ask: dict[str, Any] = {"needs": Needs(memory_gb=900), **more}
        with pytest.raises(NothingFits) as caught:
            place(Ask(computes=tried, creates=(NEW,), **ask), market())
        assert told in " ".join(caught.value.message.split())


_CALL = re.compile(r"Cluster\('new'((?:, \w+=[\w'…]+)*)(?:, …)?\) would do(?: with)?: (.*)\.")
_NODES = re.compile(r"instance_count=(\d+) (would fit|could ever|may fit)")


MARKETS = st.builds(market, *[st.integers(0, 40)] * 4, used=st.integers(0, 20))
NEEDS = st.builds(
    Needs,
    gpus=st.sampled_from([1, 4]),
    gpu=st.sampled_from([None, "T4", "V100"]),
    memory_gb=st.sampled_from([None, 30, 200]),
    max_price_per_hour=st.sampled_from([None, 0.5, 3]),
)
CLUSTERS = st.builds(
    Cluster,
    st.just("new"),
    size=st.sampled_from([None, *(size.name for size in SIZES)]),
    tier=st.sampled_from(["standard", "spot"]),
    min=st.integers(0, 2),
    max=st.integers(2, 4),
)
ASKS = st.builds(
    asking,
    CLUSTERS,
    nodes=st.integers(1, 5),
    needs=NEEDS | st.just(Needs()),
    instance_types=st.sampled_from([(), (), ("Standard_V1",), ("Standard_T4", "Standard_T1")]),
    tier=st.sampled_from([None, *Tier]),
    guard=st.builds(Guard, highest_price_per_hour=st.sampled_from([None, 6.0])),
)


@given(held=MARKETS, ask=ASKS)
def test_what_is_proposed_can_be_had(held: Market, ask: Ask) -> None:
    """Each count, each setting and each size: asked for, it is planned, at the size and in the time told."""
    (cluster,) = ask.creates
    try:
        place(ask, held)
    except AmlrunError as error:
        hint = error.hint
    else:
        return
    for line in hint.splitlines():
        count, call = _NODES.match(line), _CALL.search(line)
        if count is not None:
            assert place(attrs.evolve(ask, nodes=int(count[1])), held).compute == "new"
        relaxed = ask
        if "ith another GPU model, " in line:
            relaxed = attrs.evolve(relaxed, needs=attrs.evolve(ask.needs, gpu=()))
        if line.startswith("Without instance_type"):
            relaxed = attrs.evolve(relaxed, instance_types=())
        if call is not None:
            said = dict(word.split("=") for word in call[1].split(", ")[1:])
            settings: dict[str, Any] = {
                name: value.strip("'") if name == "tier" else int(value)
                for name, value in said.items()
                if name != "size"
            }
            for name in re.findall(r"(Standard_\w+) \(", call[2]):
                size = {"size": name} if "size" in said else {}
                changed = attrs.evolve(cluster, **settings, **size)
                plan = place(attrs.evolve(relaxed, creates=(changed,)), held)
                assert (plan.compute, plan.instance_type) == ("new", name)
                assert plan.starts is Starts.QUEUED


def test_a_price_that_is_proposed_takes_what_it_names() -> None:
    """Of sizes that cost the same, the one that is chosen then; and it is more than what was said."""
    twin = attrs.evolve(SIZES[0], name="Standard_A1", family="v")
    held = attrs.evolve(market(t=64, v=8), sizes=(*SIZES, twin))
    ask = Ask(needs=Needs(gpus=1, max_price_per_hour=0.2))
    with pytest.raises(NothingFits) as caught:
        place(ask, held)
    assert caught.value.hint.splitlines()[0] == "max_price_per_hour=0.53 would take Standard_T1."
    dearer = attrs.evolve(ask, needs=attrs.evolve(ask.needs, max_price_per_hour=0.53))
    assert place(dearer, held).instance_type == "Standard_T1"
    odd = attrs.evolve(SIZES[0], price=0.200000001)
    with pytest.raises(NothingFits) as caught:
        place(ask, attrs.evolve(held, sizes=(odd,)))
    assert caught.value.hint.splitlines()[0] == "max_price_per_hour=0.21 would take Standard_T1."
