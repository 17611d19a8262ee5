"""What a job waits for that doesn't start, in words: as the service, quota and clusters tell it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._offers import Kind, LimitKind, Tier
from amlrun._placement.clusters import in_region_of
from amlrun._placement.fit import fit
from amlrun._placement.standing import Standing, situation_of
from amlrun._placement.targets import unlisted
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._offers import Compute, Market, Quota
    from amlrun._offers.limits import Holder, Limit
    from amlrun._placement.standing import Situation
    from amlrun._plan import Plan


def waits_for(plan: Plan, status: str, said: str, market: Market | None, quota: Quota | None) -> str:
    """What a job of this plan waits for; "": nothing tells.

    `said` is the service's own word (run history's `queueingInfo`), `market` what was read since the job was
    sent, `quota` that of the workspace's region with its holders; each "" or None where it isn't known.
    """
    service = f"the service says {said}" if said else ""
    if status == "Preparing":
        return "; ".join(filter(None, ["its image is being built", service]))
    return "; ".join(filter(None, [_found(plan, market, quota), service]))


def _found(plan: Plan, market: Market | None, quota: Quota | None) -> str:
    if plan.kind is Kind.SERVERLESS:
        return _by_quota(plan, quota)
    if plan.kind is not Kind.CLUSTER or market is None:
        return ""
    named = (one for one in market.computes or () if one.name.lower() == plan.compute.lower())
    compute = next(named, None)
    if compute is None:
        return "" if market.computes is None else f"the workspace has no compute {plan.compute} any more"
    return _by_cluster(plan, compute, market)


def _by_cluster(plan: Plan, compute: Compute, market: Market) -> str:
    size = market.size(compute.size or "") or unlisted(compute.size or "")
    there = in_region_of(compute, market).quota
    situation = situation_of(compute, plan.instance_count, size, there, market.read_at)
    words = _words(situation)
    return f"{compute.name}: {words}" if words else ""


_TELLING = {
    Standing.MADE: True,
    Standing.IDLE: False,
    Standing.NEVER: True,
    Standing.STUCK: True,
    Standing.OUT_OF_QUOTA: True,
    Standing.SCALING_DOWN: True,
    Standing.BEHIND: False,
    Standing.BUSY: True,
    Standing.GROWS: False,
    Standing.QUOTA_IN_USE: True,
    Standing.QUOTA_UNKNOWN: False,
}
"""Whether a cluster's standing tells why a job waits that it has taken already."""


def _words(situation: Situation) -> str:
    """How it stands to the job; where it grows, for all who wait, the job among them."""
    compute = situation.compute
    if _TELLING[situation.standing]:
        return str(situation)
    if compute.growth:
        return f"it grows from {compute.nodes} to {compute.target_nodes} nodes"
    return ""


def _by_quota(plan: Plan, quota: Quota | None) -> str:
    """The row that has too little free for the plan's nodes, and who holds it."""
    if plan.size is None or quota is None:
        return ""
    found = fit(plan.size, plan.most_nodes, plan.tier, quota)
    if found.starts is Starts.NOW or found.starts is Starts.UNKNOWN:
        return ""
    holders = ", ".join(_held_by(_holders(found.row, plan.tier, quota)))
    return f"quota: it {found}{f'. In use by {holders}' if holders else ''}"


def _holders(row: Limit, tier: Tier, quota: Quota) -> Iterator[Holder]:
    """Who holds the vCPUs of a row: of a family its own holders, of a total those of all families."""
    of_one = row.kind in {LimitKind.FAMILY, LimitKind.WORKSPACE}
    family = quota.family(row.name) if of_one else None
    for one in (family,) if family else quota.families:
        yield from (holder for holder in one.holders if holder.tier is tier)


def _held_by(holders: Iterable[Holder]) -> Iterator[str]:
    """Names and vCPUs, the greatest first, those of one name together."""
    cores: dict[str, int] = {}
    for holder in holders:
        cores[holder.name] = cores.get(holder.name, 0) + holder.cores
    for name, count in sorted(cores.items(), key=lambda item: (-item[1], item[0])):
        yield f"{name} ({count})"
