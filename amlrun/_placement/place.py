"""`place()`: where a job goes. Pure: values in, a `Plan` or an error out.

The rule: the cheapest that meets the needs and starts now; what starts now is worth up to 1.25 times the
price of what must queue; else the cheapest that must queue. Where places, sizes or GPU models were asked for
in an order, the first that can start now, else the first that can ever. Tiers are crossed only where `AUTO`
was asked for. Nobody asked for a place: serverless, and a compute only where serverless can't. A refusal
rests on "can never fit" alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._needs import SERVERLESS
from amlrun._offers import Tier
from amlrun._placement.identities import remarks, sent
from amlrun._placement.obstacles import obstacles
from amlrun._placement.options import best_first, best_of, price_of, rank
from amlrun._placement.places import asked_place, beside, stand_ins
from amlrun._placement.remarks import (
    cut_short,
    first_of,
    lost_work,
    passed_over,
    price_source,
    reasons_for,
    warnings_for,
    with_causes,
)
from amlrun._placement.trials import side_by_side
from amlrun._placement.verdict import serverless_cannot, verdict
from amlrun._plan import Plan, Starts
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market
    from amlrun._placement.options import Option
    from amlrun._placement.places import Place


def place(ask: Ask, market: Market) -> Plan:
    """Where, on what, how many, in which tier, and why. Changes nothing and reads nothing.

    Raises `InvalidRequest` (a size that isn't there), `NothingFits` (no size meets the needs), `NoQuota` and
    `NotEnoughQuota` (sizes do, and none of them can ever be had), `ComputeNotFound` and `ComputeUnsuitable`.
    """
    places = [asked_place(ask, market, name) for name in ask.computes or (SERVERLESS,)]
    chosen = best_of(ask, (option for one in places for option in one.contenders))
    others: list[Place] = []
    if not ask.computes:
        doubts = any(obstacle.avoidable for obstacle in obstacles(ask, market))
        if chosen is None or doubts:
            others = stand_ins(ask, market, around=doubts)
            chosen = best_of(ask, (option for one in others for option in one.contenders)) or chosen
    if chosen is None:
        raise verdict(ask, market, [*places, *others])
    return _plan(ask, market, chosen, [*places, *(others or beside(ask, market))])


def _plan(ask: Ask, market: Market, chosen: Option, places: Sequence[Place]) -> Plan:
    size, tier, offer = chosen.size, chosen.tier, chosen.offer
    identity = sent(ask, market, offer.kind, _compute_of(market, chosen))
    serverless = offer.compute == SERVERLESS
    priced = serverless or chosen.price is not None
    return Plan(
        compute=offer.compute,
        kind=offer.kind,
        timeout=ask.timeout,
        instance_type=chosen.instance_type or size.name or None,
        instance_count=ask.nodes,
        at_once=ask.at_once,
        tier=tier,
        price_per_hour=chosen.price,
        on_demand_per_hour=price_of(size, ask.most_nodes, Tier.STANDARD) if priced else None,
        price_source=price_source(market, size, tier, offer.location) if priced else "",
        starts=chosen.starts or Starts.UNKNOWN,
        verified=market.verified and (serverless or market.computes is not None),
        reasons=tuple(_reasons(ask, market, chosen, places)),
        warnings=tuple(with_causes(market, tuple(_warnings(ask, market, chosen, places)))),
        candidates=tuple(option.candidate() for option in _listed(ask, chosen, places)),
        size=size if size.cpus else None,
        creates=chosen.creates,
        identity=identity.identity,
        client_id=identity.client_id,
    )


def _compute_of(market: Market, chosen: Option) -> Compute | None:
    """The compute that was chosen, or is to be made; None: serverless, or one that can't be read."""
    if chosen.creates is not None:
        return chosen.creates.as_compute(market.location)
    return next((one for one in market.computes or () if one.name == chosen.offer.compute), None)


def _reasons(ask: Ask, market: Market, chosen: Option, places: Sequence[Place]) -> Iterator[str]:
    if ask.planned:
        yield "as it was planned"
    elif len(ask.computes) > 1:
        yield f"{chosen.offer.compute}: {first_of(ask.computes, 'places', chosen)}"
        yield from passed_over(places, chosen)
    elif ask.named:
        yield (
            f"{ask.computes_by} names the compute" if ask.computes_by else "the compute was asked for by name"
        )
    elif chosen.offer.compute != SERVERLESS:
        yield serverless_cannot(ask, market, places)
        yield f"{chosen.offer.compute} can take it: {chosen.stands_in}"
    if chosen.creates is not None:
        yield f"{chosen.offer.compute} is not there: it is made first"
    yield from remarks(ask, market, chosen.offer.kind, _compute_of(market, chosen))
    if chosen.offer.compute != SERVERLESS:
        if chosen.why != chosen.stands_in or ask.computes:
            yield chosen.why
        return
    mine = next(one for one in places if one.name.lower() == SERVERLESS)
    yield from reasons_for(ask, chosen, mine.options)
    if mine.why:
        yield mine.why
    yield from (one.remark for one in places if one.remark)


def _warnings(ask: Ask, market: Market, chosen: Option, places: Sequence[Place]) -> Iterator[str]:
    yield from chosen.warnings
    yield from (warning for one in places for warning in one.warnings)
    if chosen.offer.compute == SERVERLESS:
        yield from (obstacle.warning for obstacle in obstacles(ask, market))
        if not chosen.why:  # a place that says itself what is to be said
            yield from warnings_for(ask, market, chosen)
    yield from side_by_side(ask, market, chosen)
    yield from lost_work(ask, chosen)
    yield from cut_short(ask, chosen)
    yield from _idle_gpus(ask, chosen)


def _idle_gpus(ask: Ask, chosen: Option) -> Iterator[str]:
    """One compute that the user names is meant as it is; of several, some may be for other jobs."""
    meant = chosen.offer.compute == SERVERLESS or (len(ask.computes) == 1 and not ask.computes_by)
    if chosen.size.gpus and not (ask.needs.gpus or ask.instance_types or meant):
        price = "" if chosen.price is None else f", at {money(chosen.price)} USD an hour"
        yield f"{chosen.offer.compute} has GPUs, and none was asked for: they stay idle{price}"


def _listed(ask: Ask, chosen: Option, places: Iterable[Place]) -> Iterator[Option]:
    """What was chosen, what else could be, what can never be had, what lacks something."""
    able, never, missing = [], [], []
    for option in (option for one in places for option in one.options):
        if option.miss:
            missing.append(option)
        elif option.starts is None:
            never.append(option)
        elif option is not chosen:
            able.append(option)
    yield chosen
    yield from best_first(ask, able)
    yield from sorted(never, key=rank)
    yield from missing
