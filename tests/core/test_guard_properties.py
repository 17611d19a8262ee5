"""Whatever is asked and can be had: no placement breaks a rule, and a rule that does not strike is none."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from amlrun._errors import AmlrunError
from amlrun._guard import Guard
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, FamilyQuota, Kind, Limit, LimitKind, Market, Quota, Size, Tier
from amlrun._placement import place

if TYPE_CHECKING:
    from amlrun._plan import Plan

UNHURRIED = settings(deadline=None)
"""A slow machine is no failure."""
NAMES = ("Standard_D4_v3", "Standard_D8_v3", "Standard_E4_v3", "Standard_NC4_T4", "Standard_NC24_A100")
PATTERNS = ("standard_d*", "STANDARD_*_v3", "Standard_*A100", "Standard_E4_v3", "*", "Standard_X*")
PRICES = st.none() | st.sampled_from([0.5, 1.0, 2.0, 4.0])
CORES = st.none() | st.sampled_from([0, 4, 24, 96])


@st.composite
def sizes(draw: st.DrawFn) -> Size:
    """A size whose name is one of few."""
    name = draw(st.sampled_from(NAMES))
    gpus = int("NC" in name)
    price = draw(PRICES)
    return Size(
        name=name,
        family="gpu" if gpus else "cpu",
        cpus=draw(st.sampled_from([4, 8, 24])),
        memory_gb=draw(st.sampled_from([14.0, 64.0])),
        gpus=gpus,
        gpu="T4" if gpus else None,
        disk_gb=10.0,
        for_jobs=True,
        price=price,
        spot_price=None if price is None else price / 4,
        price_source="service",
    )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Sizes, quota or none that can be read, and a cluster or two of these sizes."""
    there = draw(st.lists(sizes(), min_size=1, max_size=5, unique_by=lambda size: size.name))
    families = tuple(FamilyQuota(name, Limit(name, draw(CORES), 0)) for name in ("cpu", "gpu"))
    pool = Limit("TotalLowPriorityCores", draw(CORES), 0, LimitKind.SPOT_POOL)
    idle = draw(st.integers(0, 2))
    clusters = tuple(
        Compute(
            name=name,
            kind=Kind.CLUSTER,
            size=size.name.upper(),
            tier=Tier.STANDARD,
            max_nodes=3,
            nodes=idle,
            idle_nodes=idle,
        )
        for name, size in zip(("one", "two"), there, strict=False)
    )
    quota = draw(st.none() | st.just(Quota("eastus", families, None, pool)))
    return Market("eastus", tuple(there), quota, computes=clusters)


ASKS = st.builds(
    Ask,
    needs=st.builds(Needs, gpus=st.none() | st.just(1), cpus=st.none() | st.sampled_from([4, 8])),
    nodes=st.integers(1, 3),
    tier=st.sampled_from([None, *Tier]),
    instance_types=st.just(()) | st.sampled_from([(name,) for name in NAMES]),
    computes=st.sampled_from([(), (), ("serverless",), ("one",), ("two", "serverless")]),
)
GUARDS = st.builds(
    Guard,
    allowed_sizes=st.just(()) | st.tuples(st.sampled_from(PATTERNS)),
    denied_sizes=st.just(()) | st.tuples(st.sampled_from(PATTERNS)),
    allowed_computes=st.just(()) | st.sampled_from([("serverless",), ("o*",), ("serverless", "TWO")]),
    most_nodes=st.none() | st.integers(1, 3),
    highest_price_per_hour=st.none() | st.sampled_from([0.5, 2.0, 6.0]),
)


def broken(plan: Plan, guard: Guard) -> bool:
    """Whether the plan breaks a rule: the rules once more, plainly."""

    def among(name: str, patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)

    size, highest = plan.instance_type or "", guard.highest_price_per_hour
    return any(
        (
            bool(guard.allowed_sizes) and not among(size, guard.allowed_sizes),
            bool(guard.denied_sizes) and (not size or among(size, guard.denied_sizes)),
            bool(guard.allowed_computes) and not among(plan.compute, guard.allowed_computes),
            guard.most_nodes is not None and plan.instance_count > guard.most_nodes,
            highest is not None and (plan.price_per_hour is None or plan.price_per_hour > highest),
        )
    )


def placed(ask: Ask, market: Market) -> Plan | None:
    """The plan; None for a refusal."""
    try:
        return place(ask, market)
    except AmlrunError:
        return None


@UNHURRIED
@given(ASKS, markets(), GUARDS)
def test_no_placement_breaks_a_rule(ask: Ask, market: Market, guard: Guard) -> None:
    """Serverless or a cluster, named or found, verified or not."""
    plan = placed(attrs.evolve(ask, guard=guard), market)
    assert plan is None or not broken(plan, guard)


@UNHURRIED
@given(ASKS.filter(lambda ask: ask.tier is not Tier.AUTO), markets(), GUARDS)
def test_a_rule_that_does_not_strike_is_none(ask: Ask, market: Market, guard: Guard) -> None:
    """What would be chosen without rules, and is within them, is chosen with them."""
    free = placed(ask, market)
    if free is None or free.instance_type is None or broken(free, guard):
        return
    bound = placed(attrs.evolve(ask, guard=guard), market)
    assert bound is not None
    assert (bound.compute, bound.instance_type, bound.tier) == (free.compute, free.instance_type, free.tier)
    assert bound.price_per_hour == free.price_per_hour
