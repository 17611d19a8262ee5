"""`place()`: where a job goes. Pure: values in, a `Plan` or an error out.

The rule: the cheapest that meets the needs and starts now; what starts now is worth up to 1.25 times the
price of what must queue; else the cheapest that must queue. Tiers are crossed only where `AUTO` was asked
for. Sizes asked for by name are tried in their order. A refusal rests on "can never fit" alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._needs import SERVERLESS
from amlrun._offers import Size, Source, Tier
from amlrun._placement.computes import on_compute
from amlrun._placement.options import options, price_of, rank
from amlrun._placement.refusal import no_quota, not_for_jobs, nothing_fits, unknown_size
from amlrun._placement.remarks import price_source, reasons_for, warnings_for
from amlrun._plan import Plan, Starts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Market
    from amlrun._placement.options import Option


def place(ask: Ask, market: Market) -> Plan:
    """Where, on what, how many, in which tier, and why. Changes nothing and reads nothing.

    Raises `InvalidRequest` (a size
    that isn't there), `NothingFits` (no size meets the needs), `NoQuota` and `NotEnoughQuota` (sizes do, and
    none of them can ever be had), `ComputeNotFound` and `ComputeUnsuitable`.
    """
    if ask.named:
        return on_compute(ask, market)
    if not (market.verified or ask.instance_types or ask.guard.needs_size) and ask.needs.nothing:
        return _left_to_the_service(ask)
    sizes = tuple(dict.fromkeys(_named(name, market) for name in ask.instance_types)) or market.sizes
    auto = ask.serverless_tier is Tier.AUTO
    tiers = (Tier.STANDARD, Tier.SPOT) if auto else (ask.serverless_tier,)
    tried = {tier: list(options(ask, market, sizes, tier)) for tier in tiers}
    able = {tier: sorted((o for o in tried[tier] if not o.against), key=rank) for tier in tiers}
    best = {tier: _first(ask, able[tier]) for tier in tiers if able[tier]}
    if not best:
        meeting = next((found for tier in tiers if (found := [o for o in tried[tier] if not o.miss])), None)
        raise no_quota(ask, market, meeting) if meeting else nothing_fits(ask, market, tried[tiers[0]])
    chosen, why = _cross(ask, best) if auto else (best[tiers[0]], ())
    others = [
        *(o for tier in tiers for o in able[tier] if o is not chosen),
        *sorted((o for tier in tiers for o in tried[tier] if o.against and not o.miss), key=rank),
        *sorted((o for tier in tiers for o in tried[tier] if o.miss), key=lambda o: (o.size.name, o.tier)),
    ]
    return _plan(ask, market, chosen, others, [*reasons_for(ask, chosen, able[chosen.tier]), *why])


def _left_to_the_service(ask: Ask) -> Plan:
    return Plan(
        instance_count=ask.nodes,
        tier=Tier.SPOT if ask.serverless_tier is Tier.SPOT else Tier.STANDARD,
        reasons=("nothing was asked of the nodes and quota can't be read: the service chooses the size",),
        warnings=("quota can't be read: when the job starts, and what it costs, is not known",),
    )


def _named(name: str, market: Market) -> Size:
    """The size of that name in the service's spelling; where sizes can't be read, any name is believed."""
    size = market.size(name)
    if size is None and market.source is Source.PACKAGED:
        return Size(name, "", 0, 0.0, 0, None, 0.0, True, None, None, "")
    if size is None:
        raise unknown_size(name, market)
    if not size.for_jobs and market.source is Source.SERVICE:
        raise not_for_jobs(size, market)
    return size


def _first(ask: Ask, able: Sequence[Option]) -> Option:
    """Of sizes asked for by name the first that starts now, else the first; of others the best by rank."""
    return min(able, key=lambda o: (o.starts is not Starts.NOW, o.order)) if ask.instance_types else able[0]


def _cross(ask: Ask, best: Mapping[Tier, Option]) -> tuple[Option, Sequence[str]]:
    """Spot where it starts now, is not doubted and is known to cost less; else standard; with the reason."""
    standard, spot = best.get(Tier.STANDARD), best.get(Tier.SPOT)
    if spot is None:
        return best[Tier.STANDARD], ("standard: no size that would do can be had as spot",)
    if standard is None:
        return spot, ("spot: there is no standard quota for any size that would do",)
    against = _against_spot(ask, standard, spot)
    if against:
        return standard, (f"standard: {against}",)
    return spot, ("spot: the pool has room, and it is known to cost less",)


def _against_spot(ask: Ask, standard: Option, spot: Option) -> str:
    name = spot.size.name
    if spot.starts is not Starts.NOW:
        return f"spot is not known to start now ({spot.fit})"
    if not spot.size.spot_hint:
        return f"the service says that {name} has no spot nodes"
    if ask.instance_types and spot.order > standard.order:
        return f"{standard.size.name} comes before {name} in the order asked for"
    on_demand = price_of(spot.size, ask.nodes, Tier.STANDARD)
    if spot.price is None or on_demand is None or spot.price >= on_demand:
        return f"no lower spot price is known for {name}"
    if standard.price is not None and spot.price >= standard.price:
        return f"{standard.size.name} costs no more than the cheapest spot nodes that would do"
    return ""


def _plan(ask: Ask, market: Market, chosen: Option, others: Sequence[Option], reasons: Sequence[str]) -> Plan:
    size, tier = chosen.size, chosen.tier
    return Plan(
        compute=SERVERLESS,
        timeout=ask.timeout,
        instance_type=chosen.instance_type,
        instance_count=ask.nodes,
        tier=tier,
        price_per_hour=chosen.price,
        on_demand_per_hour=price_of(size, ask.nodes, Tier.STANDARD),
        price_source=price_source(market, size, tier),
        starts=chosen.starts or Starts.UNKNOWN,
        verified=market.verified,
        reasons=tuple(reasons),
        warnings=warnings_for(market, size, tier, known=chosen.fit is None or chosen.fit.known),
        candidates=tuple(option.candidate() for option in (chosen, *others)),
        size=size if size.cpus else None,
    )
