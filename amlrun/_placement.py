"""`place()`: where a job goes. Pure: values in, a `Plan` or an error out.

The rule: the cheapest that meets the needs and starts now; what starts now is worth up to 1.25 times the
price of what must queue; else the cheapest that must queue. Tiers are crossed only where `AUTO` was asked
for. Sizes asked for by name are tried in their order. A refusal rests on "can never fit" alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._candidates import options, price_of, rank
from amlrun._cluster import on_cluster
from amlrun._needs import SERVERLESS
from amlrun._offers import Size, Source, Tier
from amlrun._plan import Plan, Starts
from amlrun._refusal import no_quota, not_for_jobs, nothing_fits, unknown_size
from amlrun._remarks import price_source, reasons_for, warnings_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._candidates import Option
    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market


def place(ask: Ask, market: Market, computes: Sequence[Compute] = ()) -> Plan:
    """Where, on what, how many, in which tier, and why. Changes nothing and reads nothing.

    `computes` are the workspace's, looked at only where the ask names one. Raises `InvalidRequest` (a size
    that isn't there), `NothingFits` (no size meets the needs), `NoQuota` and `NotEnoughQuota` (sizes do, and
    none of them can ever be had), `ComputeNotFound` and `ComputeUnsuitable`.
    """
    if ask.cluster is not None:
        return on_cluster(ask, market, computes)
    if not market.verified and ask.needs.nothing and not ask.instance_types:
        return _left_to_the_service(ask)
    sizes = tuple(dict.fromkeys(_named(name, market) for name in ask.instance_types)) or market.sizes
    tiers = (Tier.STANDARD, Tier.SPOT) if ask.tier is Tier.AUTO else (ask.tier or Tier.STANDARD,)
    by_tier = {tier: list(options(ask, market, sizes, tier)) for tier in tiers}
    tried = [option for tier in tiers for option in by_tier[tier]]
    best = {tier: found for tier in tiers if (found := _best(ask, by_tier[tier])) is not None}
    if not best:
        meeting = [option for option in by_tier[tiers[0]] if not option.miss]
        meeting = meeting or [option for option in tried if not option.miss]
        raise no_quota(ask, market, meeting) if meeting else nothing_fits(ask, market, by_tier[tiers[0]])
    if ask.tier is Tier.AUTO:
        chosen, why = _cross(ask, best)
    else:
        chosen, why = best[tiers[0]], ""
    return _plan(ask, market, chosen, tried, why)


def _left_to_the_service(ask: Ask) -> Plan:
    return Plan(
        instance_count=ask.nodes,
        tier=Tier.SPOT if ask.tier is Tier.SPOT else Tier.STANDARD,
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


def _best(ask: Ask, tried: Sequence[Option]) -> Option | None:
    able = [option for option in tried if not option.against]
    if not ask.instance_types:
        return min(able, key=rank, default=None)
    return next((option for option in able if option.starts is Starts.NOW), able[0] if able else None)


def _cross(ask: Ask, best: dict[Tier, Option]) -> tuple[Option, str]:
    """Spot where it starts now, is not doubted and is known to cost less; else standard; with the reason."""
    standard, spot = best.get(Tier.STANDARD), best.get(Tier.SPOT)
    if spot is None:
        return best[Tier.STANDARD], "standard: no size that would do can be had as spot"
    if standard is None:
        return spot, "spot: there is no standard quota for any size that would do"
    against = _against_spot(ask, standard, spot)
    return (standard, f"standard: {against}") if against else (spot, f"spot: {_saving(ask, spot)}")


def _against_spot(ask: Ask, standard: Option, spot: Option) -> str:
    name = spot.size.name
    if spot.starts is not Starts.NOW:
        return f"spot is not known to start now ({spot.fit})"
    if not spot.size.spot_hint:
        return f"the service says that {name} has no spot nodes"
    if ask.instance_types and spot.place > standard.place:
        return f"{standard.size.name} comes before {name} in the order asked for"
    on_demand = price_of(spot.size, ask.nodes, Tier.STANDARD)
    if spot.price is None or on_demand is None or spot.price >= on_demand:
        return f"no lower spot price is known for {name}"
    if standard.price is not None and spot.price >= standard.price:
        return f"{standard.size.name} costs no more than the cheapest spot nodes that would do"
    return ""


def _saving(ask: Ask, spot: Option) -> str:
    on_demand = price_of(spot.size, ask.nodes, Tier.STANDARD) or 0.0
    return f"the pool has room, and {spot.price or 0.0:.2f} USD an hour is less than {on_demand:.2f}"


def _plan(ask: Ask, market: Market, chosen: Option, tried: Sequence[Option], why: str) -> Plan:
    size, tier = chosen.size, chosen.tier
    able = [option for option in tried if not option.against]
    ordered = [
        chosen,
        *sorted((option for option in able if option is not chosen), key=rank),
        *sorted((option for option in tried if not option.miss and option.against), key=rank),
        *sorted((option for option in tried if option.miss), key=lambda option: option.size.name),
    ]
    return Plan(
        compute=SERVERLESS,
        instance_type=size.name,
        instance_count=ask.nodes,
        tier=tier,
        price_per_hour=chosen.price,
        on_demand_per_hour=price_of(size, ask.nodes, Tier.STANDARD),
        price_source=price_source(market, size, tier),
        starts=chosen.starts or Starts.UNKNOWN,
        verified=market.verified,
        reasons=(*reasons_for(ask, chosen, able), *([why] if why else [])),
        warnings=warnings_for(market, size, tier, known=chosen.fit is None or chosen.fit.known),
        candidates=tuple(option.candidate() for option in ordered),
        size=size if size.cpus else None,
    )
