"""What a cluster (AmlCompute) offers to a job: its nodes, idle ones or those that it may grow by. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._offers import Offer, Tier, limits_of
from amlrun._placement.identities import doubts_on_compute
from amlrun._placement.obstacles import gets_around, obstacles
from amlrun._placement.options import Option, price_of
from amlrun._placement.proposals import counted
from amlrun._placement.remarks import quota_warnings, size_warnings
from amlrun._placement.standing import STARTS, Standing, of_nodes, situation_of
from amlrun._placement.targets import misses, of_size, off_default_of, preference_of, unlisted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market, Quota, Size
    from amlrun._placement.standing import Situation


def cluster_option(ask: Ask, market: Market, compute: Compute) -> Option:
    """What a cluster can offer to this ask."""
    tier = compute.tier or Tier.STANDARD
    size = market.size(compute.size or "") or unlisted(compute.size or "")
    quota = quota_of(compute, market)
    price = price_of(size, ask.most_nodes, tier)
    # Another region has prices of its own: by these one chooses, and no limit of a price is shown to hold.
    sure = price if compute.location in {"", market.location} else None
    situation = situation_of(compute, ask.nodes, size, quota, market.read_at)
    offer = Offer(size=size, tier=tier, compute=compute.name, kind=compute.kind, location=compute.location)
    if situation.missing:
        limits, known = limits_of(size.family, tier, quota)
        offer = attrs.evolve(offer, limits=limits, known=known)
    fewer = _fewer(market, situation, size, quota) if ask.nodes > compute.max_nodes else ""
    found = (
        *misses(ask, market, compute, offer, sure, nodes=compute.max_nodes, fewer=fewer),
        *of_size(ask, compute, size),
    )
    if found:
        return Option(
            offer=offer,
            price=price,
            miss=found[0].words,
            # No count of nodes is proposed to a cluster that lacks something else, too.
            hint="" if fewer and found[1:] else found[0].hint,
            preference=preference_of(ask, compute.name, size),
        )
    starts = STARTS[situation.standing]
    return Option(
        offer=offer,
        price=price,
        fit=situation.whole if starts is None else situation.more,
        starts=starts,
        hint=_fewer(market, situation, size, quota) if starts is None else "",
        why=_never(situation, market) if starts is None else str(situation),
        preference=preference_of(ask, compute.name, size),
        warnings=tuple(_warnings(ask, market, situation, offer)),
        stands_in="" if starts is None else _stands_in(ask, market, situation),
        off=off_default_of(ask, compute, size),
    )


def _never(situation: Situation, market: Market) -> str:
    """Why its quota can never hold the nodes, with the region where that is another one."""
    there = situation.compute.location
    return f"{situation.whole}, in {there}" if there not in {"", market.location} else str(situation.whole)


def _fewer(market: Market, situation: Situation, size: Size, quota: Quota | None) -> str:
    """The most nodes that it could ever give to a job, by its own settings and by quota; "": none."""
    compute = situation.compute
    most = min(compute.max_nodes, max(compute.nodes, situation.whole.fits))
    again = situation_of(compute, most, size, quota, market.read_at)
    return counted(most, STARTS[again.standing]) if most else ""


def quota_of(compute: Compute, market: Market) -> Quota | None:
    """The quota of the compute's own region; None: it was not read."""
    here = compute.location in {"", market.location}
    return market.quota if here else market.elsewhere.get(compute.location)


def in_region_of(compute: Compute, market: Market) -> Market:
    """The market with the name and the quota of the compute's own region."""
    return attrs.evolve(market, location=compute.location or market.location, quota=quota_of(compute, market))


def _warnings(ask: Ask, market: Market, situation: Situation, offer: Offer) -> Iterator[str]:
    compute, size = situation.compute, offer.size
    yield from (f"{problem.code}: {problem.message}" for problem in compute.problems)
    if compute.unusable_nodes:
        yield f"{of_nodes(compute.unusable_nodes, compute.nodes)} unusable"
    if compute.location not in {"", market.location}:
        known = "" if compute.location in market.elsewhere else "quota and "
        yield f"the cluster is in {compute.location}: the {known}prices of {market.region} are not its own"
    elif situation.missing:
        yield from quota_warnings(market, size, offer.tier, known=offer.known)
    if size.cpus:
        yield from size_warnings(ask, market, size, offer.tier)
    elif not ask.needs.shapeless:
        yield f"nothing is known of the size {size.name}: whether it meets {ask.needs} is not known either"
    yield from doubts_on_compute(ask, compute)


def _stands_in(ask: Ask, market: Market, situation: Situation) -> str:
    """Why it can take what serverless can't. On the quota of serverless' own region only idle nodes can."""
    compute = situation.compute
    if any(obstacle.avoidable for obstacle in obstacles(ask, market)):
        return gets_around(ask, market, compute)
    if situation.standing is Standing.IDLE:
        return str(situation)
    if compute.location in market.elsewhere:
        return f"it is in {compute.location}, under that region's own quota"
    return ""
