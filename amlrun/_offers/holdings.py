"""Who holds a region's vCPUs, as far as the workspace's own computes tell. Pure.

Usages tell sums over the whole subscription. What this workspace's clusters and compute instances hold can be
counted by their nodes; the rest is held by serverless jobs and by other workspaces, and nothing tells which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._offers.computes import Kind
from amlrun._offers.limits import FamilyQuota, Limit, LimitKind
from amlrun._offers.sizes import Tier, family_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amlrun._offers.computes import Compute
    from amlrun._offers.limits import Quota
    from amlrun._offers.sizes import Size


@attrs.frozen
class Holding:
    """What one compute holds of one family: `nodes` that exist, of `cores` vCPUs together."""

    compute: str
    family: str
    tier: Tier
    nodes: int
    cores: int


def holdings(location: str, sizes: Iterable[Size], computes: Iterable[Compute]) -> tuple[Holding, ...]:
    """Of the computes in that region whose size is known, by name."""
    by_name = {size.name.lower(): size for size in sizes}
    return tuple(
        Holding(compute.name, size.family, compute.tier or Tier.STANDARD, nodes, nodes * size.cpus)
        for compute in sorted(computes, key=lambda compute: compute.name.lower())
        if compute.location in {"", location} and (nodes := _nodes(compute))
        for size in (by_name.get((compute.size or "").lower()),)
        if size is not None
    )


def _nodes(compute: Compute) -> int:
    if compute.kind is Kind.INSTANCE:
        # Stopped, it may have given its quota back (releaseQuotaOnStop): what is told here is the least.
        return int(compute.machine_state != "Stopped" and compute.state != "Failed")
    return compute.nodes if compute.kind is Kind.CLUSTER else 0


def with_workspace_limits(quota: Quota, caps: Mapping[str, int], held: Iterable[Holding]) -> Quota:
    """The quota with the workspace's own limits, by family, of which at least `held` is in use."""
    if not caps:
        return quota
    used: dict[str, int] = {}
    for holding in held:
        if holding.tier is Tier.STANDARD:
            key = family_key(holding.family)
            used[key] = used.get(key, 0) + holding.cores
    own = {
        family_key(name): Limit(name, cap, used.get(family_key(name), 0), LimitKind.WORKSPACE)
        for name, cap in caps.items()
    }
    return attrs.evolve(quota, families=tuple(_limited(quota, own)))


def _limited(quota: Quota, own: Mapping[str, Limit]) -> Iterator[FamilyQuota]:
    rest = dict(own)
    for family in quota.families:
        limit = rest.pop(family_key(family.name), None)
        yield attrs.evolve(family, workspace=limit) if limit else family
    for limit in rest.values():
        yield FamilyQuota(limit.name, workspace=limit)
