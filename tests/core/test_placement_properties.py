from __future__ import annotations

import itertools
import json
import math
from typing import Any

import attrs
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from amlrun._errors import AmlrunError, NoQuota, NothingFits, QuotaError
from amlrun._needs import Ask, Needs
from amlrun._offers import LimitKind, Market, Size, Tier
from amlrun._placement import place
from amlrun._plan import Plan, Starts
from tests.core.worlds import (
    CORES,
    NEEDS,
    WITH_MODELS,
    asks,
    free,
    markets,
    on_cluster,
    on_serverless,
    priced,
    tiers,
    wider,
)

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
"""A slow machine is no failure."""


def outcome(ask: Ask, market: Market) -> Plan | AmlrunError:
    """The plan, or the error."""
    try:
        return place(ask, market)
    except AmlrunError as error:
        return error


def size_of(plan: Plan, market: Market) -> Size:
    """The size of the plan's nodes."""
    (found,) = [size for size in market.sizes if size.name == plan.instance_type]
    return found


@UNHURRIED
@given(st.data(), markets())
def test_what_is_placed_meets_the_ask_and_every_limit(data: st.DataObject, market: Market) -> None:
    """On serverless and on clusters: no need and no limit is broken, and what starts now fits what is free.

    What is refused could be had in none of the places asked for. Nobody asked for one: a cluster is taken
    only where serverless can never take the job.
    """
    ask = data.draw(asks(market))
    plan = outcome(ask, market)
    ever = [
        (size, tier)
        for size in market.sizes
        for tier in tiers(ask)
        if on_serverless(ask, market, size, tier, now=False)
    ]
    if isinstance(plan, AmlrunError):
        assert not ever or "serverless" not in (ask.computes or ("serverless",))
        asked = [compute for compute in market.computes or () if compute.name in ask.computes]
        assert not any(on_cluster(ask, market, compute, now=False) for compute in asked)
        return
    assert plan.compute in (ask.computes or {"serverless", *(one.name for one in market.computes or ())})
    now = plan.starts is Starts.NOW
    if plan.compute == "serverless":
        assert plan.tier in set(tiers(ask))
        assert on_serverless(ask, market, size_of(plan, market), plan.tier, now=now)
    else:
        (compute,) = [one for one in market.computes or () if one.name == plan.compute]
        assert plan.tier is compute.tier
        assert on_cluster(ask, market, compute, now=now)
        assert ask.computes or (
            not ever and (compute.idle_nodes >= ask.nodes or compute.location != market.location)
        )
        if compute.location != market.location and plan.price_per_hour is not None:
            assert plan.price_source == f"as in eastus; that of {compute.location} is not known"
    assert plan.price_per_hour == priced(ask, size_of(plan, market), plan.tier)


@UNHURRIED
@given(markets(computes=False), st.sampled_from([None, *Tier]), st.none() | st.sampled_from([0.5, 1.2]))
def test_who_asks_for_nothing_is_refused_for_nothing(
    market: Market, tier: Tier | None, most: float | None
) -> None:
    """A size of 4 vCPUs and 14 GB where one can ever be had, else any without GPUs; else an error.

    Spot that is not worth it is no reason to wait for a larger one: `tier="auto"` may take the smaller.
    """
    ask = Ask(needs=Needs(max_price_per_hour=most), tier=tier)
    plan = outcome(ask, market)
    ever = [
        size
        for size in market.sizes
        if any(on_serverless(ask, market, size, one, now=False) for one in tiers(ask))
    ]
    assert isinstance(plan, Plan) == bool(ever)
    if isinstance(plan, Plan):
        taken, large = size_of(plan, market), [size for size in ever if not smaller(size)]
        assert not taken.gpus
        assert tier is Tier.AUTO or smaller(taken) == (not large)


def smaller(size: Size) -> bool:
    """Than what is meant where nothing is asked."""
    return size.cpus < 4 or size.memory_gb < 14


@UNHURRIED
@given(st.data(), markets())
def test_a_plan_shows_every_place_that_was_looked_at(data: st.DataObject, market: Market) -> None:
    """The chosen one first, then what could be chosen, then what is against the others; JSON keeps it all."""
    ask = data.draw(asks(market))
    plan = outcome(ask, market)
    assume(isinstance(plan, Plan))
    assert isinstance(plan, Plan)
    chosen, *others = plan.candidates
    assert (chosen.compute, chosen.instance_type, chosen.tier) == (
        plan.compute,
        plan.instance_type,
        plan.tier,
    )
    assert chosen.against == ""
    assert [bool(one.against) for one in others] == sorted(bool(one.against) for one in others)
    assert all(bool(one.against) == (one.starts is None) for one in plan.candidates)
    sizes = {one.instance_type for one in plan.candidates if one.compute == "serverless"}
    if "serverless" in (ask.computes or {"serverless"}):
        assert sizes == set(ask.instance_types or [size.name for size in market.sizes])
    assert {one.compute for one in plan.candidates} >= {
        *ask.computes,
        *(one.name for one in market.computes or ()),
    }
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@UNHURRIED
@given(st.data(), markets(), st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(data: st.DataObject, market: Market, random: Any) -> None:
    """The same sizes, rows and computes in another order make the same plan, or the same error."""
    ask = data.draw(asks(market))
    assert market.quota is not None

    def shuffled(items: Any) -> tuple[Any, ...]:
        mixed = [*items]
        random.shuffle(mixed)
        return tuple(mixed)

    other = attrs.evolve(
        market,
        sizes=shuffled(market.sizes),
        quota=attrs.evolve(market.quota, families=shuffled(market.quota.families)),
        computes=shuffled(market.computes),
    )
    one, two = outcome(ask, market), outcome(ask, other)
    if isinstance(one, AmlrunError):
        assert (type(one), vars(one)) == (type(two), vars(two))
    else:
        assert one == two


CERTAIN = markets(certain=True, computes=False)
PLAIN_ASKS = st.builds(
    Ask,
    needs=NEEDS.filter(lambda needs: not needs.shapeless),
    nodes=st.integers(1, 4),
    tier=st.sampled_from([Tier.STANDARD, Tier.SPOT]),
)


def effective(ask: Ask, market: Market) -> float:
    """The price of the plan, waiting counted in; infinite where there is none."""
    plan = outcome(ask, market)
    if isinstance(plan, AmlrunError):
        return math.inf
    assert plan.price_per_hour is not None
    return plan.price_per_hour * (1 if plan.starts is Starts.NOW else 1.25)


@UNHURRIED
@given(PLAIN_ASKS, CERTAIN)
def test_nothing_cheaper_exists(ask: Ask, market: Market) -> None:
    """No feasible size is cheaper and starts now; a wait is chosen only to save more than a quarter."""
    cost = effective(ask, market)
    assume(cost < math.inf)
    tier = ask.tier or Tier.STANDARD
    for size in market.sizes:
        price = priced(ask, size, tier)
        assert price is not None
        if on_serverless(ask, market, size, tier, now=True):
            assert cost <= price
        elif on_serverless(ask, market, size, tier, now=False):
            assert cost <= price * 1.25


@UNHURRIED
@given(PLAIN_ASKS, CERTAIN)
def test_auto_costs_no_more_than_standard(ask: Ask, market: Market) -> None:
    """With `tier="auto"` spot is taken only where it starts now, for less; nothing of standard is lost.

    Where nothing of standard can ever be had, it is what spot alone would be.
    """
    auto = outcome(attrs.evolve(ask, tier=Tier.AUTO), market)
    surer = effective(attrs.evolve(ask, tier=Tier.STANDARD), market)
    spot = effective(attrs.evolve(ask, tier=Tier.SPOT), market)
    assert (auto if isinstance(auto, AmlrunError) else None) is None or math.isinf(min(surer, spot))
    assert math.isfinite(surer) or effective(attrs.evolve(ask, tier=Tier.AUTO), market) == spot
    if isinstance(auto, Plan) and math.isfinite(surer):
        assert effective(attrs.evolve(ask, tier=Tier.AUTO), market) <= surer
        assert auto.tier is Tier.STANDARD or auto.starts is Starts.NOW
        assert auto.tier is Tier.STANDARD or (auto.price_per_hour or 0) < surer


ORDERED = markets(certain=True)


@st.composite
def ordered_asks(draw: st.DrawFn, market: Market) -> Ask:
    """With an order of preference: of places, of sizes, of GPU models, or of several of these."""
    names = [size.name for size in market.sizes]
    places = ["serverless", *(compute.name for compute in market.computes or ())]
    ask = Ask(
        needs=draw(NEEDS | WITH_MODELS),
        instance_types=tuple(draw(st.lists(st.sampled_from(names), max_size=3, unique=True))),
        nodes=draw(st.integers(1, 4)),
        tier=draw(st.sampled_from([Tier.STANDARD, Tier.SPOT])),
        computes=tuple(draw(st.permutations(places))),
    )
    assume(any(len(wish) > 1 for wish in (ask.computes, ask.instance_types, ask.needs.gpu)))
    return ask


def preference(ask: Ask, place_: str, size: Size) -> tuple[int, ...]:
    """Where it stands in the orders asked for."""
    lists: tuple[tuple[Any, Any], ...] = (
        (ask.computes, place_),
        (ask.instance_types, size.name),
        (ask.needs.gpu, size.gpu),
    )
    return tuple([*wish].index(one) if one in wish else 0 for wish, one in lists)


def standing(ask: Ask, market: Market) -> tuple[Any, ...]:
    """How good the answer is where there is an order: lower is better."""
    plan = outcome(ask, market)
    if isinstance(plan, AmlrunError):
        return (2,)
    order = preference(ask, plan.compute, size_of(plan, market))
    return (plan.starts is not Starts.NOW, order, plan.price_per_hour)


@UNHURRIED
@given(st.data(), ORDERED)
def test_no_earlier_preference_could_have_been_met(data: st.DataObject, market: Market) -> None:
    """The first that can start now, else the first that can ever; of those that stand alike the cheapest.

    Where nothing is asked of the nodes, sizes that are smaller than what is meant then come last.
    """
    ask = data.draw(ordered_asks(market))
    answer = standing(ask, market)
    assert ask.tier is not None
    for now, size in itertools.product((True, False), market.sizes):
        unwished = ask.needs.shapeless and not ask.instance_types and smaller(size)
        if not unwished and on_serverless(ask, market, size, ask.tier, now=now):
            rival = (not now, preference(ask, "serverless", size), priced(ask, size, ask.tier))
            assert answer <= rival or (rival[0] and not answer[0])
    for now, compute in itertools.product((True, False), market.computes or ()):
        if on_cluster(ask, market, compute, now=now) and (
            market.elsewhere or compute.location == market.location
        ):
            (size,) = [size for size in market.sizes if size.name == (compute.size or "").lower()]
            assert answer[:2] <= (not now, preference(ask, compute.name, size))


@UNHURRIED
@given(st.data(), ORDERED, st.booleans())
def test_more_quota_never_makes_it_worse(data: st.DataObject, market: Market, ordered: bool) -> None:  # noqa: FBT001  drawn
    """A higher limit, or less in use, never leads to a dearer plan, a longer wait or a refusal.

    Where there is an order of preference, it never leads to a later one either. With `tier="auto"` that holds
    where the job starts now, or where there is standard: spot that must wait is for who has nothing else.
    """
    extra = (data.draw(st.tuples(CORES, CORES)) for _ in itertools.count())
    if ordered:
        ask = data.draw(ordered_asks(market))
        assume(ask.instance_types or not ask.needs.shapeless)  # else a larger size is worth a wait
        assert standing(ask, wider(market, extra)) <= standing(ask, market)
    else:
        alone = not market.computes and data.draw(st.booleans())
        ask = attrs.evolve(data.draw(PLAIN_ASKS), computes=() if alone else ("serverless",))
        if data.draw(st.booleans()):
            ask = attrs.evolve(ask, tier=Tier.AUTO)
            before = outcome(ask, market)
            assume(isinstance(before, Plan))
            assert isinstance(before, Plan)
            assume(before.tier is Tier.STANDARD or before.starts is Starts.NOW)
        assert effective(ask, wider(market, extra)) <= effective(ask, market)


@UNHURRIED
@given(st.data(), markets())
def test_the_figures_of_an_error_add_up(data: st.DataObject, market: Market) -> None:
    """Needed, limit, used, sent, coming, free and the count that fits are those of a real row, and refuse."""
    ask = attrs.evolve(data.draw(asks(market)), computes=("serverless",))
    error = outcome(ask, market)
    if isinstance(error, NothingFits):
        assert set(error.against) == set(ask.instance_types or [size.name for size in market.sizes])
        assert all(error.against.values())
        return
    assume(isinstance(error, QuotaError))
    assert isinstance(error, QuotaError)
    assert market.quota is not None
    (found,) = [size for size in market.sizes if size.name == error.instance_type]
    held = market.quota
    every = [row for family in held.families for row in (family.dedicated, family.workspace)]
    named = [
        row for row in (*every, held.dedicated_total, held.spot_total) if row and row.name == error.limit_name
    ]
    shown = (error.limit, error.used, error.pending, error.coming, error.free)
    assert shown in [(row.limit, row.used, row.pending, row.coming, free(row)) for row in named]
    assert error.free == max(0, error.limit - error.used - error.pending - error.coming)
    assert error.needed == found.cpus * ask.nodes > error.limit
    assert error.fits == error.limit // found.cpus < ask.nodes
    assert isinstance(error, NoQuota) == (error.limit == 0)
    assert f"needs {ask.nodes} x {found.cpus} = {error.needed} vCPUs of {error.limit_name}" in error.message
    sent = f"sent and not running yet {error.pending}, " if error.pending else ""
    sent += f"coming to clusters {error.coming}, " if error.coming else ""
    assert "limit 0" in error.message or f"limit {error.limit}, in use" in error.message
    assert "limit 0" in error.message or f"{error.used}, {sent}free" in error.message
    whose = [row for row in named if (row.limit, row.used) == (error.limit, error.used)]
    if all(row.kind is LimitKind.WORKSPACE for row in whose):
        assert "Configure quotas" in error.hint
