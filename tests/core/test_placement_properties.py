from __future__ import annotations

import json
import math
from typing import Any

import attrs
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from amlrun._errors import AmlrunError, NoQuota, NothingFits, QuotaError
from amlrun._needs import Ask, Needs
from amlrun._offers import FamilyQuota, Limit, Market, Quota, Size, Tier
from amlrun._placement import place
from amlrun._plan import Plan, Starts

# Properties. Families and prices are few, so that ties and shared limits are common.

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
"""A slow machine is no failure."""

FAMILIES = ("alpha", "beta", "gamma")
PRICES = st.sampled_from([0.5, 1.0, 1.2, 1.25, 2.0])


@st.composite
def sizes_of(draw: st.DrawFn, *, certain: bool) -> list[Size]:
    """Some sizes; `certain` ones have prices and are not doubted."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True))
    price = PRICES if certain else st.none() | PRICES
    found = []
    for name in names:
        gpus = draw(st.sampled_from([0, 0, 1, 2]))
        found.append(
            Size(
                name=name,
                family=draw(st.sampled_from(FAMILIES)),
                cpus=draw(st.sampled_from([2, 4, 8, 24])),
                memory_gb=draw(st.sampled_from([8.0, 16.0, 32.0])),
                gpus=gpus,
                gpu=draw(st.sampled_from(["T4", "A100"])) if gpus else None,
                disk_gb=draw(st.sampled_from([10.0, 100.0])),
                for_jobs=certain or draw(st.booleans()),
                price=draw(price),
                spot_price=draw(price),
                price_source="service",
                spot_hint=certain or draw(st.booleans()),
            )
        )
    return found


CORES = st.sampled_from([0, 4, 8, 24, 48, 96])


@st.composite
def limits(draw: st.DrawFn, name: str) -> Limit:
    """A row of quota."""
    return Limit(name, draw(st.none() | CORES), draw(CORES))


@st.composite
def quotas(draw: st.DrawFn, *, certain: bool) -> Quota:
    """A region's quota; where `certain`, with every row."""
    names = FAMILIES if certain else draw(st.lists(st.sampled_from(FAMILIES), unique=True))
    total, pool = draw(limits("TotalDedicatedCores")), draw(limits("TotalLowPriorityCores"))
    return Quota(
        "eastus",
        tuple(FamilyQuota(name.upper(), draw(limits(name.upper()))) for name in names),
        total if certain or draw(st.booleans()) else None,
        pool if certain or draw(st.booleans()) else None,
    )


NEEDS = st.builds(
    Needs,
    cpus=st.none() | st.sampled_from([1, 4, 8]),
    memory_gb=st.none() | st.sampled_from([8, 16]),
    gpus=st.none() | st.sampled_from([1, 2]),
    disk_gb=st.none() | st.just(50),
    max_price_per_hour=st.none() | st.sampled_from([1.0, 4.0]),
)
TIERS = st.sampled_from([Tier.STANDARD, Tier.SPOT])
ASKS = st.builds(
    Ask, needs=NEEDS, nodes=st.integers(1, 4), tier=st.sampled_from([None, *Tier]), computes=st.just(())
)
CERTAIN_ASKS = st.builds(
    Ask, needs=NEEDS.filter(lambda needs: not needs.shapeless), nodes=st.integers(1, 4), tier=TIERS
)


def rows(found: Size, tier: Tier, held: Quota) -> list[Limit]:
    """The capped rows that bind, looked up the plain way."""
    if tier is Tier.SPOT:
        binding = [held.spot_total]
    else:
        own = [family.dedicated for family in held.families if family.name.lower() == found.family]
        binding = [*own, held.dedicated_total]
    return [row for row in binding if row is not None and row.limit is not None]


def able(ask: Ask, found: Size, tier: Tier, held: Quota, *, now: bool) -> bool:
    """Whether the size meets the ask and its nodes fit, now or ever: the rules once more, plainly."""
    needs, cores = ask.needs, found.cpus * ask.nodes
    price = found.price_for(tier)
    most = needs.max_price_per_hour
    return (
        found.for_jobs
        and bool(found.gpus) == bool(needs.gpus)
        and found.gpus >= (needs.gpus or 0)
        and found.cpus >= (needs.cpus or (4 if needs.shapeless else 0))
        and found.memory_gb >= (needs.memory_gb or (14 if needs.shapeless else 0))
        and found.disk_gb >= (needs.disk_gb or 0)
        and (most is None or (price is not None and round(price * ask.nodes, 6) <= most))
        and all((row.free if now else row.limit) >= cores for row in rows(found, tier, held))  # type: ignore[operator]
    )


@UNHURRIED
@given(ASKS, sizes_of(certain=False), quotas(certain=False))
def test_what_is_placed_meets_the_ask_and_every_limit(ask: Ask, sizes: list[Size], held: Quota) -> None:
    """A plan never breaks a need or a limit, what starts now fits what is free, and it survives JSON."""
    try:
        plan = place(ask, Market("eastus", tuple(sizes), held))
    except AmlrunError:
        tiers = (Tier.STANDARD, Tier.SPOT) if ask.tier is Tier.AUTO else (ask.tier or Tier.STANDARD,)
        assert not any(able(ask, found, tier, held, now=False) for found in sizes for tier in tiers)
        return
    (found,) = (found for found in sizes if found.name == plan.instance_type)
    assert able(ask, found, plan.tier, held, now=plan.starts is Starts.NOW)
    assert ask.tier in {plan.tier, None, Tier.AUTO}
    assert plan.tier is not Tier.AUTO
    price = found.price_for(plan.tier)
    assert plan.price_per_hour == (None if price is None else round(price * ask.nodes, 6))
    assert len(plan.candidates) == len(sizes) * (2 if ask.tier is Tier.AUTO else 1)
    assert plan.candidates[0].instance_type == plan.instance_type
    assert plan.candidates[0].against == ""
    assert plan.instance_type in plan.explain()
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@UNHURRIED
@given(ASKS, sizes_of(certain=False), quotas(certain=False), st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(ask: Ask, sizes: list[Size], held: Quota, random: Any) -> None:
    """The same sizes and rows in another order make the same plan, or the same error."""
    shuffled = [*sizes]
    families = [*held.families]
    random.shuffle(shuffled)
    random.shuffle(families)
    assert outcome(ask, sizes, held) == outcome(ask, shuffled, attrs.evolve(held, families=tuple(families)))


def outcome(ask: Ask, sizes: list[Size], held: Quota) -> object:
    """The plan, or all that the error says."""
    try:
        return place(ask, Market("eastus", tuple(sizes), held))
    except AmlrunError as error:
        return type(error), vars(error)


@UNHURRIED
@given(CERTAIN_ASKS, sizes_of(certain=True), quotas(certain=True))
def test_nothing_better_exists(ask: Ask, sizes: list[Size], held: Quota) -> None:
    """No feasible size is cheaper and starts now; a wait is chosen only to save more than a quarter."""
    cost = effective(ask, sizes, held)
    assume(cost < math.inf)
    tier = ask.tier or Tier.STANDARD
    for found in sizes:
        price = round((found.price_for(tier) or 0.0) * ask.nodes, 6)
        if able(ask, found, tier, held, now=True):
            assert cost <= price
        elif able(ask, found, tier, held, now=False):
            assert cost <= price * 1.25


def effective(ask: Ask, sizes: list[Size], held: Quota) -> float:
    """The price of the plan, waiting counted in; infinite where there is none."""
    try:
        plan = place(ask, Market("eastus", tuple(sizes), held))
    except AmlrunError:
        return math.inf
    assert plan.price_per_hour is not None
    return plan.price_per_hour * (1 if plan.starts is Starts.NOW else 1.25)


@UNHURRIED
@given(CERTAIN_ASKS, sizes_of(certain=True), quotas(certain=True), st.data())
def test_more_quota_never_makes_it_worse(
    ask: Ask, sizes: list[Size], held: Quota, data: st.DataObject
) -> None:
    """A higher limit, or less in use, never leads to a dearer plan, a longer wait or a refusal."""

    def more(row: Limit | None) -> Limit | None:
        if row is None or row.limit is None:
            return row
        return Limit(row.name, row.limit + data.draw(CORES), max(0, row.used - data.draw(CORES)))

    wider = Quota(
        held.location,
        tuple(attrs.evolve(family, dedicated=more(family.dedicated)) for family in held.families),
        more(held.dedicated_total),
        more(held.spot_total),
    )
    assert effective(ask, sizes, wider) <= effective(ask, sizes, held)


@UNHURRIED
@given(ASKS, sizes_of(certain=False), quotas(certain=False))
def test_the_figures_of_an_error_add_up(ask: Ask, sizes: list[Size], held: Quota) -> None:
    """Needed, limit, used, free and the count that fits are those of one real row, and refuse the ask."""
    error = refusal(ask, sizes, held)
    if isinstance(error, NothingFits):
        assert set(error.against) == {found.name for found in sizes}
        assert all(error.against.values())
        return
    assume(isinstance(error, QuotaError))
    assert isinstance(error, QuotaError)
    (found,) = (found for found in sizes if found.name == error.instance_type)
    every = [*(family.dedicated for family in held.families), held.dedicated_total, held.spot_total]
    row = next(row for row in every if row is not None and row.name == error.limit_name)
    assert (error.limit, error.used, error.free) == (row.limit, row.used, row.free)
    assert error.needed == found.cpus * ask.nodes > error.limit
    assert error.fits == error.limit // found.cpus < ask.nodes
    assert isinstance(error, NoQuota) == (error.limit == 0)
    assert f"needs {ask.nodes} x {found.cpus} = {error.needed} vCPUs" in error.message


def refusal(ask: Ask, sizes: list[Size], held: Quota) -> AmlrunError | None:
    """The error, None where there is a plan."""
    try:
        place(ask, Market("eastus", tuple(sizes), held))
    except AmlrunError as error:
        return error
    return None
