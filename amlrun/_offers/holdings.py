"""Who holds a region's vCPUs, and what of them can still be had. Pure.

Usages tell sums over the whole subscription. What this workspace's clusters and compute instances hold can be
counted by their nodes; the rest is held by serverless jobs and by other workspaces, and nothing tells which.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from amlrun._offers.computes import Kind
from amlrun._offers.limits import FamilyQuota, GpuRoom, Holder, Limit, LimitKind
from amlrun._offers.offers import limits_of
from amlrun._offers.sizes import Tier, family_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amlrun._offers.computes import Compute
    from amlrun._offers.limits import Quota
    from amlrun._offers.sizes import Size

REST = "serverless and other workspaces"


def holders_by_family(
    location: str, sizes: Iterable[Size], computes: Iterable[Compute], *, least: int = 1, here: bool = True
) -> Mapping[str, tuple[Holder, ...]]:
    """What the computes in that region hold, by the key of the family: those of a size that is known.

    Those of at least so many nodes. `here`: it is the workspace's own, where those are that name none.
    """
    by_name = {size.name.lower(): size for size in sizes}
    found: dict[str, tuple[Holder, ...]] = {}
    for compute in sorted(computes, key=lambda compute: compute.name.lower()):
        size, nodes = by_name.get((compute.size or "").lower()), _nodes(compute)
        if size is not None and nodes >= least and compute.location in {"" if here else location, location}:
            key = family_key(size.family)
            holder = Holder(compute.name, compute.tier or Tier.STANDARD, nodes * size.cpus, nodes)
            found[key] = (*found.get(key, ()), holder)
    return found


def _nodes(compute: Compute) -> int:
    if compute.kind is Kind.INSTANCE:
        # Stopped, it may have given its quota back (releaseQuotaOnStop): what is told here is the least.
        return int(compute.machine_state != "Stopped" and compute.state != "Failed")
    return compute.nodes if compute.kind is Kind.CLUSTER else 0


def with_workspace_limits(
    quota: Quota, caps: Mapping[str, int], held: Mapping[str, tuple[Holder, ...]]
) -> Quota:
    """The quota with the workspace's own limits, by family, of which at least what is `held` is in use."""
    own = {
        family_key(name): Limit(
            name, cap, _cores(held.get(family_key(name), ()), Tier.STANDARD), LimitKind.WORKSPACE
        )
        for name, cap in caps.items()
    }
    return attrs.evolve(quota, families=tuple(_limited(quota, own))) if own else quota


def _limited(quota: Quota, own: Mapping[str, Limit]) -> Iterator[FamilyQuota]:
    rest = dict(own)
    for family in quota.families:
        limit = rest.pop(family_key(family.name), None)
        yield attrs.evolve(family, workspace=limit) if limit else family
    for limit in rest.values():
        yield FamilyQuota(limit.name, workspace=limit)


def _cores(holders: Iterable[Holder], tier: Tier) -> int:
    return sum(holder.cores for holder in holders if holder.tier is tier)


def with_holders(quota: Quota, held: Mapping[str, tuple[Holder, ...]]) -> Quota:
    """The quota with who holds what is used: computes by name, and the rest as what remains."""
    return attrs.evolve(
        quota,
        families=tuple(
            attrs.evolve(family, holders=tuple(_holders(family, held.get(family_key(family.name), ()))))
            for family in quota.families
        ),
    )


def _holders(family: FamilyQuota, known: tuple[Holder, ...]) -> Iterator[Holder]:
    for tier, row in ((Tier.STANDARD, family.dedicated), (Tier.SPOT, family.spot)):
        yield from (holder for holder in known if holder.tier is tier)
        rest = (row.used if row else 0) - _cores(known, tier)
        if rest > 0:
            yield Holder(REST, tier, rest)


def with_jobs(quota: Quota, jobs: Mapping[str, tuple[Holder, ...]]) -> Quota:
    """The quota with these, by the key of their family, in the place of the rest, as far as that goes."""
    return attrs.evolve(
        quota,
        families=tuple(
            attrs.evolve(family, holders=tuple(_named(family, jobs.get(family_key(family.name), ()))))
            for family in quota.families
        ),
    )


def _named(family: FamilyQuota, jobs: tuple[Holder, ...]) -> Iterator[Holder]:
    for holder in family.holders:
        left = holder.cores
        for job in jobs if holder.name == REST else ():
            if job.tier is holder.tier and job.cores <= left:
                left -= job.cores
                yield job
        if left:
            yield attrs.evolve(holder, cores=left)


def gpu_rooms(quota: Quota, sizes: Iterable[Size]) -> tuple[GpuRoom, ...]:
    """How many nodes of each GPU size that jobs can have fit, those with fewest GPUs and vCPUs first."""
    rooms = (
        GpuRoom(size, *_room(quota, size, Tier.STANDARD), *_room(quota, size, Tier.SPOT))
        for size in sorted(sizes, key=lambda size: (family_key(size.family), size.gpus, size.cpus, size.name))
        if size.gpus and size.for_jobs
    )
    return tuple(room for room in rooms if room.ever or room.spot_ever)


def _room(quota: Quota, size: Size, tier: Tier) -> tuple[int | None, int | None]:
    """Nodes that fit now, and ever; None: no cap, or not known."""
    limits, known = limits_of(size.family, tier, quota)
    if not known or (tier is Tier.SPOT and not size.spot_hint):
        return None, None
    free = min((row.free for row in limits if row.free is not None), default=math.inf)
    most = min((row.limit for row in limits if row.limit is not None), default=math.inf)
    if math.isinf(free) or math.isinf(most):
        return None, None
    return int(free) // size.cpus, int(most) // size.cpus
