"""A cluster that can't be made as it was asked for: why, and with what other settings it could. Pure.

What is proposed was tried: the job could go there.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import ComputeUnsuitable
from amlrun._offers import Tier
from amlrun._placement.clusters import in_region_of, quota_of
from amlrun._placement.creations import could_be_of, sizes_for, to_be_made
from amlrun._placement.fit import fit
from amlrun._placement.options import rank
from amlrun._placement.proposals import OWN_QUOTA, priced, raised, similar
from amlrun._placement.refusal import nothing_fits, quota_error
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._cluster import Cluster
    from amlrun._errors import AmlrunError
    from amlrun._needs import Ask
    from amlrun._offers import Market
    from amlrun._placement.options import Option

_OTHERS = 3
_WOULD: dict[Starts, str] = {
    Starts.NOW: "would fit",
    Starts.QUEUED: "could ever be had (it would wait)",
    Starts.UNKNOWN: "may fit",
}
"""What is said of nodes of a cluster that is not there yet."""


def cannot_be_made(ask: Ask, market: Market, cluster: Cluster, option: Option) -> AmlrunError:
    """What is against the one option that it would be, and what could be had instead."""
    there = in_region_of(cluster.as_compute(market.location), market)
    hints = [*_ways_out(ask, market, cluster, option), *([option.hint] if option.hint else [])]
    if not option.miss and option.fit is not None:
        return quota_error(option.size, option.tier, option.fit, there, hints=hints)
    found = [] if cluster.size else sizes_for(ask, market, cluster)
    if found and all(one.miss for one in found):
        error = nothing_fits(attrs.evolve(ask, tier=cluster.tier), there, found, instead=hints)
        return error.reworded(message=f"{cluster.name!r} can't be made for this job. {error.message}")
    if not any(ask.needs.misses(option.size)):
        whole = fit(option.size, max(ask.nodes, cluster.min), cluster.tier, there.quota)
        if whole.starts is None:
            hints += [*raised(option.size, cluster.tier, whole, there), OWN_QUOTA]
    message = f"{cluster.name!r} can't take this job: it {option.against}."
    return ComputeUnsuitable(message, hint="\n".join(hints), name=cluster.name)


def _ways_out(ask: Ask, market: Market, cluster: Cluster, option: Option) -> Iterator[str]:
    """Fewer nodes; the fewest other settings that will do; other sizes, where none of these would."""
    yield from _fewer(ask, market, cluster, option)
    like = attrs.evolve(ask, needs=similar(ask, option.size, named=bool(cluster.size)))
    ways = _ways(ask, like, market, cluster)
    yield from ways.values()
    if not any(way.tier is cluster.tier for way in ways):
        yield from _of_others(ask, like, market, cluster)


def _of_others(ask: Ask, like: Ask, market: Market, cluster: Cluster) -> list[str]:
    """Sizes with another GPU model, or another name, than was asked for."""
    roomy = attrs.evolve(cluster, size=None, max=max(cluster.max, ask.nodes))
    other = attrs.evolve(like, needs=attrs.evolve(like.needs, gpu=()), instance_types=())
    tried = {one.size.name for one in sizes_for(like, market, roomy) if not one.miss}
    found = [one for one in sizes_for(other, market, roomy) if one.size.name not in tried]
    without = [
        *(["without instance_type=…"] if ask.instance_types else []),
        *(["with another GPU model"] if ask.needs.gpu else []),
    ]
    words = f"{' and '.join(without)}, " if without else ""
    return [f"{words[:1].upper()}{words[1:]}{way}" for way in _of_sizes(other, market, cluster, roomy, found)]


def _fewer(ask: Ask, market: Market, cluster: Cluster, option: Option) -> Iterator[str]:
    """The counts of nodes that it could have, now and ever."""
    quota = quota_of(cluster.as_compute(market.location), market)
    whole = fit(option.size, ask.nodes, cluster.tier, quota)
    most = min(ask.nodes - 1, cluster.max, whole.fits)
    for count in sorted({min(most, whole.fits_now), most} - {0}):
        one = to_be_made(attrs.evolve(ask, nodes=count), market, cluster)
        if one.able:
            yield f"instance_count={count} {_WOULD[_starts(market, cluster, one, count)]}."


def _ways(ask: Ask, like: Ask, market: Market, cluster: Cluster) -> dict[Cluster, str]:
    """The fewest settings that would have to be others: all ways of so many, in words."""
    roomy = attrs.evolve(cluster, max=max(cluster.max, ask.nodes))
    other = Tier.STANDARD if cluster.tier is Tier.SPOT else Tier.SPOT
    fewest = max(ask.nodes, cluster.min)
    priced_out = ask.guard.highest_price_per_hour is not None and roomy.max > fewest
    settings: dict[str, Any] = {
        **({"max": fewest} if priced_out else {}),
        **({"min": 0} if cluster.min else {}),
        **({"tier": other.value} if ask.tier in {None, Tier.AUTO, other} else {}),
        **({"size": None} if cluster.size else {}),
    }
    for count in range(len(settings) + 1):
        changes = [{name: settings[name] for name in names} for names in combinations(settings, count)]
        tried = [attrs.evolve(roomy, **change) for change in changes]
        found = {changed: way for changed in tried for way in _way(ask, like, market, cluster, changed)}
        if found:
            return found
    return {}


def _way(ask: Ask, like: Ask, market: Market, cluster: Cluster, changed: Cluster) -> list[str]:
    """One way, if it is one."""
    if cluster.size and not changed.size:
        return _of_sizes(ask, market, cluster, changed, sizes_for(like, market, changed))
    one = to_be_made(ask, market, changed)
    told = _told(market, changed, one, ask.nodes)
    return [f"{_call(cluster, changed)} would do: {told}."] if one.able else []


def _of_sizes(
    ask: Ask, market: Market, cluster: Cluster, changed: Cluster, found: Iterable[Option]
) -> list[str]:
    """The best of these sizes of which it could be made, if there are any."""
    could = sorted((one for one in found if could_be_of(ask, market, changed, one)), key=rank)
    sized = (attrs.evolve(changed, size=one.size.name) for one in could[:_OTHERS])
    made = [one for one in (to_be_made(ask, market, way) for way in sized) if one.able]
    names = ", ".join(_told(market, changed, one, ask.nodes) for one in made)
    return [f"{_call(cluster, changed, 'size=…')} would do with: {names}."] if made else []


def _call(cluster: Cluster, changed: Cluster, last: str = "…") -> str:
    """How the other settings are said."""
    words = [repr(cluster.name)]
    words += [f"max={changed.max}"] if changed.max != cluster.max else []
    words += [f"min={changed.min}"] if changed.min != cluster.min else []
    words += [f"tier={str(changed.tier)!r}"] if changed.tier is not cluster.tier else []
    return f"Cluster({', '.join([*words, last])})"


def _told(market: Market, cluster: Cluster, option: Option, nodes: int) -> str:
    """Its size, the price of all nodes, and what is still to be waited for once it is made."""
    starts = _starts(market, cluster, option, nodes)
    waits = {Starts.QUEUED: ", quota is in use", Starts.UNKNOWN: ", quota is not known"}.get(starts, "")
    here = cluster.location in {None, market.location}
    return f"{option.size.name} ({priced(option.price)}{'' if here else f' in {market.region}'}{waits})"


def _starts(market: Market, cluster: Cluster, option: Option, nodes: int) -> Starts:
    """Whether quota has room for the nodes of one that could be made."""
    quota = quota_of(cluster.as_compute(market.location), market)
    return fit(option.size, max(nodes, cluster.min), cluster.tier, quota).starts or Starts.QUEUED
