"""The market, less what was sent from here and is not in what was read of it. Pure.

What of it is still to come is known by family and tier (`outstanding`). What a cluster must find for those
that wait for it is known by its nodes: those that come up for a job exist before it runs.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import attrs

from amlrun._offers.coming import with_coming
from amlrun._offers.computes import Kind
from amlrun._offers.sizes import Tier, family_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._offers.computes import Compute
    from amlrun._offers.limits import Limit, Quota
    from amlrun._offers.market import Market
    from amlrun._offers.outstanding import Key, Outstanding


def counted(market: Market, outstanding: Outstanding) -> Market:
    """The market as it is once those who wait have what they asked for."""
    market = with_coming(market, _found_for_ours(market, outstanding))
    if not outstanding.jobs:
        return market
    wanted = Counter[str]()
    cores: Counter[tuple[str, Key]] = Counter()
    serverless: Counter[Key] = Counter()
    computes = {compute.name.lower(): compute for compute in market.computes or ()}
    for job in outstanding.waiting:
        if job.key is not None:
            serverless[job.key] += job.cores
            continue
        compute, found = computes.get(job.compute.lower()), job.nodes
        location = job.location or market.location
        if compute is not None:
            before = wanted[compute.name]
            wanted[compute.name] += job.nodes
            found = _to_find(compute, wanted[compute.name]) - _to_find(compute, before)
            location = compute.location or market.location
        cores[location, (family_key(job.family), job.tier)] += found * job.cpus

    def of(quota: Quota) -> Quota:
        here = Counter({key: n for (region, key), n in cores.items() if region == quota.location})
        if quota.location != market.location:
            return _counted_quota(quota, here, here)
        come = Counter({key: outstanding.pending(key, n) for key, n in serverless.items()})
        return _counted_quota(quota, here + come, here + serverless)

    return attrs.evolve(
        market,
        quota=market.quota and of(market.quota),
        elsewhere={region: of(quota) for region, quota in market.elsewhere.items()},
        computes=market.computes
        and tuple(_spoken_for(compute, wanted[compute.name]) for compute in market.computes),
    )


def _to_find(compute: Compute, wanted: int) -> int:
    """How many nodes a compute must find under its quota for so many: those beyond its own and its most."""
    if compute.kind is not Kind.CLUSTER:
        return 0  # it has its nodes, whatever it is: they are no quota of Azure ML's, or hold it already
    missing = wanted - compute.idle_nodes - compute.preparing_nodes
    return max(0, min(missing, compute.max_nodes - compute.nodes - compute.coming_nodes))


def _found_for_ours(market: Market, outstanding: Outstanding) -> dict[str, int]:
    """How many nodes each cluster finds for jobs that had been sent from here when it was read."""
    wanted = Counter[str]()
    for job in outstanding.waiting:
        late = job.at is not None and market.read_at is not None and job.at >= market.read_at
        wanted[job.compute.lower()] += 0 if late else job.nodes
    return {one.name: _to_find(one, wanted[one.name.lower()]) for one in market.computes or ()}


def _spoken_for(compute: Compute, wanted: int) -> Compute:
    """A compute whose idle nodes and room are another's as far as they are wanted."""
    if not wanted or compute.kind is not Kind.CLUSTER:
        return compute
    return attrs.evolve(
        compute, idle_nodes=max(0, compute.idle_nodes - wanted), sent_nodes=_to_find(compute, wanted)
    )


def _counted_quota(quota: Quota, cores: Mapping[Key, int], wanted: Mapping[Key, int]) -> Quota:
    """The region's rows, with the `cores` that are still to come.

    On the workspace's own limit counts all that is `wanted`: its use is what clusters hold, and serverless
    nodes are not in it, whether they are there or not. A total is bound by no more of a family than its
    own limits let run.
    """
    totals: Counter[Tier] = Counter()
    families = []
    left = dict(cores)
    for rows in quota.families:
        key = family_key(rows.name)
        dedicated, spot = (left.pop((key, tier), 0) for tier in (Tier.STANDARD, Tier.SPOT))
        there = wanted.get((key, Tier.STANDARD), 0) - dedicated
        let = min(dedicated, _room(rows.dedicated))
        totals[Tier.STANDARD] += min(let, max(0, _room(rows.workspace) - there))
        totals[Tier.SPOT] += spot
        families.append(
            attrs.evolve(
                rows,
                dedicated=_more(rows.dedicated, dedicated),
                spot=_more(rows.spot, spot),
                workspace=_more(rows.workspace, there + let),
            )
            if dedicated or spot or there
            else rows
        )
    for (_, tier), n in left.items():
        totals[tier] += n
    return attrs.evolve(
        quota,
        families=tuple(families),
        dedicated_total=_more(quota.dedicated_total, totals[Tier.STANDARD]),
        spot_total=_more(quota.spot_total, totals[Tier.SPOT]),
    )


def _room(limit: Limit | None) -> int:
    """What a limit still lets run; without one, anything."""
    return sys.maxsize if limit is None or limit.free is None else limit.free


def _more(limit: Limit | None, cores: int) -> Limit | None:
    return limit and attrs.evolve(limit, pending=limit.pending + cores)
