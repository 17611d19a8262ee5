"""What the workspace's clusters are getting for others: vCPUs that nobody holds, and that are not free. Pure.

A cluster that resizes has been promised nodes which no reading of quota has. Whoever else wants them, on that
cluster, on another or on serverless, comes after those for whom they come.

Assumed: a cluster's target holds the nodes of all jobs that wait for it when it is read, ours among them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from amlrun._offers.sizes import Tier, family_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._offers.computes import Compute
    from amlrun._offers.limits import FamilyQuota, Limit, Quota
    from amlrun._offers.market import Market


def with_coming(market: Market, ours: Mapping[str, int]) -> Market:
    """The market with the nodes that come for others. `ours` are those that come for jobs sent from here.

    None comes where a resize is overdue, or where the service says that the cluster can't grow.
    """
    computes = tuple(_with_others(compute, market, ours) for compute in market.computes or ())
    if computes == (market.computes or ()):
        return market
    cores: Counter[tuple[str, str, Tier]] = Counter()
    for compute in computes:
        size = market.size(compute.size or "")
        if size is not None:
            key = (
                compute.location or market.location,
                family_key(size.family),
                compute.tier or Tier.STANDARD,
            )
            cores[key] += compute.coming_nodes * size.cpus
    return attrs.evolve(
        market,
        quota=market.quota and _less(market.quota, cores),
        elsewhere={region: _less(quota, cores) for region, quota in market.elsewhere.items()},
        computes=computes,
    )


def _with_others(compute: Compute, market: Market, ours: Mapping[str, int]) -> Compute:
    nodes = compute.growth - ours.get(compute.name, 0)
    if nodes <= 0 or compute.stop or compute.overdue(market.read_at):
        return compute
    return attrs.evolve(compute, coming_nodes=nodes)


def _less(quota: Quota, cores: Mapping[tuple[str, str, Tier], int]) -> Quota:
    def of(tier: Tier) -> int:
        return sum(n for (where, _, one), n in cores.items() if where == quota.location and one is tier)

    def family(rows: FamilyQuota) -> FamilyQuota:
        dedicated, spot = (
            cores.get((quota.location, family_key(rows.name), tier), 0) for tier in (Tier.STANDARD, Tier.SPOT)
        )
        return attrs.evolve(
            rows,
            dedicated=_with(rows.dedicated, dedicated),
            spot=_with(rows.spot, spot),
            workspace=_with(rows.workspace, dedicated),
        )

    return attrs.evolve(
        quota,
        families=tuple(family(rows) for rows in quota.families),
        dedicated_total=_with(quota.dedicated_total, of(Tier.STANDARD)),
        spot_total=_with(quota.spot_total, of(Tier.SPOT)),
    )


def _with(limit: Limit | None, cores: int) -> Limit | None:
    return limit and attrs.evolve(limit, coming=cores)
