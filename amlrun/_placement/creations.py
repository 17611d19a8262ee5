"""Clusters that are asked for by their settings: those that are there, and those that would be made. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._errors import ComputeUnsuitable
from amlrun._guard import Guard
from amlrun._offers import Source
from amlrun._placement.clusters import in_region_of, quota_of
from amlrun._placement.computes import compute_options
from amlrun._placement.fit import fit
from amlrun._placement.options import by_preference, has_order, price_of, rank
from amlrun._placement.serverless import options
from amlrun._placement.standing import by_quota
from amlrun._placement.targets import sizes_named, unlisted
from amlrun._placement.wrong_names import not_for_jobs, unknown_size
from amlrun._plan import Starts
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._cluster import Cluster
    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market, Quota, Size
    from amlrun._placement.fit import Fit
    from amlrun._placement.options import Option

_LONG_IDLE = 1800.0
"""Seconds. The service's own default is two minutes."""


def check_alike(cluster: Cluster, there: Compute, *, would_do: bool = True, by: str = "") -> None:
    """Raise `ComputeUnsuitable` where the compute of that name has other settings.

    `would_do`: whether it could take the job as it is. `by` is the file and line that gives the settings,
    where the user doesn't.
    """
    differences = list(cluster.differences(there))
    if differences:
        message = "\n  ".join([f"{there.name!r} is there with other settings:", *differences])
        hint = "Give the new one another name, or change the one that is there in the workspace."
        if would_do:
            hint = f"Use it as it is: compute={there.name!r}. Or change it in the workspace."
        if by:
            hint = f"{by} gives the settings: change them there, or the compute in the workspace."
        raise ComputeUnsuitable(message, hint=hint, name=there.name)


def to_be_made(ask: Ask, market: Market, cluster: Cluster) -> Option:
    """A cluster that isn't there, as if it were, without a node.

    One that is to have any size gets the one that is best for the job in its region's quota. It never starts
    now: it has to be made first. Raises `InvalidRequest` for a size that isn't there, or isn't for jobs.
    """
    lacks = ""
    if cluster.size is None:
        best = _best(ask, market, cluster)
        size, lacks = best.size, _no_size(ask, market, best) if best.miss else ""
    else:
        size = _size(cluster.size, market, cluster)
    sized = attrs.evolve(cluster, size=size.name)
    made = sized.as_compute(market.location)
    (option,) = compute_options(ask, market, made)
    option = _as_made(ask, market, sized, option, quota_of(made, market))
    if lacks:
        option = attrs.evolve(option, miss=lacks, starts=None, hint="")
    return attrs.evolve(option, creates=sized)


def _no_size(ask: Ask, market: Market, best: Option) -> str:
    """Why no size will do."""
    if ask.instance_types:
        return f"would find no size: {best.size.name} {best.miss}"
    allowed = "" if ask.guard == Guard() else " and is allowed"
    return f"would find no size in {market.region} that meets {ask.needs}{allowed}"


def _would(miss: str) -> str:
    """What is said of a cluster that is there, of one that isn't yet."""
    return f"would {miss.replace('has ', 'have ', 1)}" if miss.startswith("has ") else miss


def _as_made(ask: Ask, market: Market, cluster: Cluster, option: Option, quota: Quota | None) -> Option:
    """The option of a cluster that is there, without a node, as that of one that must be made first.

    Fewer nodes are proposed where other settings are.
    """
    fewer = option.starts is None and (not option.miss or ask.nodes > cluster.max)
    option = attrs.evolve(option, miss=_would(option.miss), hint="" if fewer else option.hint)
    full = quota.clusters if quota is not None else None
    if full is not None and full.free == 0 and not option.miss:
        # Reported: one that is made all the same comes to be Failed.
        miss = f"can't be made: the region has {full.used} of {full.limit} clusters ({full.name})"
        hint = f"Name one that is there, delete one, or ask for more: {market.studio}/quota."
        return attrs.evolve(option, miss=miss, hint=hint, starts=None)
    kept = fit(option.size, cluster.min, cluster.tier, quota) if cluster.min else None
    if kept is not None and kept.starts is None and not option.miss:
        miss = f"can't keep min={cluster.min} nodes: {kept}"
        return attrs.evolve(option, miss=miss, starts=None)
    whole = _grown(ask.guard, option.size, cluster)
    if whole and not option.miss:
        miss = f"could grow to max={cluster.max} nodes, and then {whole}"
        return attrs.evolve(option, miss=miss, starts=None)
    later = Starts.UNKNOWN if market.computes is None else Starts.QUEUED
    return attrs.evolve(
        option,
        starts=later if option.starts is Starts.NOW else option.starts,
        why=_comes(cluster, option, ask.nodes, quota) if cluster.min and option.able else option.why,
        warnings=(
            *option.warnings,
            *_of_all_nodes(market, cluster, option.size, quota),
            *_of_minimum(cluster, option.size, kept),
        ),
    )


def _comes(cluster: Cluster, option: Option, nodes: int, quota: Quota | None) -> str:
    """With how many nodes it is made, and by how many it must grow."""
    more = nodes - cluster.min
    words = f"it comes with {cluster.min} node{'' if cluster.min == 1 else 's'}"
    if more > 0:
        words += f", and must grow by {more}"
    return by_quota(words, fit(option.size, max(nodes, cluster.min), cluster.tier, quota))


def _of_all_nodes(market: Market, cluster: Cluster, size: Size, quota: Quota | None) -> Iterator[str]:
    if market.computes is None:
        yield f"the computes of the workspace can't be read: whether {cluster.name} is there is not known"
    most = fit(size, cluster.max, cluster.tier, quota)
    if most.starts is None:
        yield f"max={cluster.max}: quota holds {most.fits} at most: {most}"
    if cluster.idle > _LONG_IDLE and cluster.min < cluster.max:
        hours, price = cluster.idle / 3600, price_of(size, 1, cluster.tier)
        cost = "" if price is None else f", at {money(price * hours)} USD each"
        yield f"idle={cluster.idle:.0f}: nodes that have no more work idle for {hours:.3g} h{cost}"


def _of_minimum(cluster: Cluster, size: Size, kept: Fit | None) -> Iterator[str]:
    if kept is None:
        return
    nodes = "1 node idles" if cluster.min == 1 else f"{cluster.min} nodes idle"
    price = price_of(size, cluster.min, cluster.tier)
    cost = "" if price is None else f" at {money(price)} USD an hour"
    yield f"min={cluster.min}: {nodes}{cost}, day and night"
    if kept.starts is Starts.QUEUED:
        yield f"min={cluster.min}: {kept}: it can't be made before there is room for them"


def _best(ask: Ask, market: Market, cluster: Cluster) -> Option:
    """What the job would get on serverless in that tier and region, of what can hold the minimum too."""
    found = sizes_for(ask, market, cluster)
    meeting = [option for option in found if not option.miss]
    meeting = [one for one in meeting if not _grown(ask.guard, one.size, cluster)] or meeting
    able = [option for option in meeting if not option.against]
    lasting = [option for option in able if _lasts(market, cluster, option.size)]
    return min(lasting or able or meeting or found, key=by_preference if has_order(ask) else rank)


def could_be_of(ask: Ask, market: Market, cluster: Cluster, option: Option) -> bool:
    """Whether one of `sizes_for` it could really have: its minimum and its most nodes are held against it."""
    grown = _grown(ask.guard, option.size, cluster)
    return not option.against and not grown and _lasts(market, cluster, option.size)


def _lasts(market: Market, cluster: Cluster, size: Size) -> bool:
    """Whether quota can hold its minimum."""
    quota = quota_of(cluster.as_compute(market.location), market)
    return fit(size, cluster.min, cluster.tier, quota).starts is not None


def sizes_for(ask: Ask, market: Market, cluster: Cluster) -> list[Option]:
    """The sizes that it could be made of, those that are named or all, held against the job."""
    there = in_region_of(cluster.as_compute(market.location), market)
    named, wrong = sizes_named(ask.instance_types, lambda name: _size(name, market, cluster))
    if wrong and not named:
        raise next(iter(wrong.values()))
    rules = attrs.evolve(ask.guard, allowed_computes=())  # it isn't for serverless
    asked = attrs.evolve(ask, tier=cluster.tier, guard=rules)
    return list(options(asked, there, named or market.sizes, cluster.tier))


def _grown(guard: Guard, size: Size, cluster: Cluster) -> str:
    """The rule that it would break with all its nodes: whatever this job needs, others can have it grow."""
    price = price_of(size, cluster.max, cluster.tier)
    return guard.against(size=size.name, nodes=cluster.max, price=price, compute=cluster.name)


def _size(name: str, market: Market, cluster: Cluster) -> Size:
    """In the service's spelling. What other regions have isn't known: there, any name is believed."""
    size = market.size(name)
    here = cluster.location in {None, market.location} and market.source is Source.SERVICE
    of = cluster.name if name == cluster.size else ""
    if size is None and here:
        raise unknown_size(name, market, of=of)
    if size is not None and not size.for_jobs and here:
        raise not_for_jobs(size, market, of=of)
    return size or unlisted(name)
