"""Whether a named cluster can take a job, and when it would start. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._errors import ComputeNotFound, ComputeUnsuitable
from amlrun._offers import Kind, Size, Tier
from amlrun._placement.fit import fit
from amlrun._placement.options import price_of
from amlrun._placement.refusal import quota_error
from amlrun._placement.remarks import price_source, warnings_for
from amlrun._plan import Candidate, Plan, Starts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market

_DEAD = frozenset({"failed", "canceled", "deleting"})
_CANNOT_GROW = frozenset({"ClusterCoreQuotaReached", "ClusterMinNodesExceedCoreQuota"})


def on_cluster(ask: Ask, market: Market) -> Plan:
    """The plan for the cluster that the ask names.

    Raises `ComputeNotFound`, `ComputeUnsuitable`, and `NoQuota` or `NotEnoughQuota` where it can never grow
    to the nodes asked for.
    """
    compute = _find(ask.computes[0], market.computes or ())
    tier = compute.tier or Tier.STANDARD
    size = market.size(compute.size or "") or _unlisted(compute)
    price = price_of(size, ask.nodes, tier)
    problem = next(_problems(ask, compute, size, tier, price), "")
    if problem:
        raise ComputeUnsuitable(
            f"{compute.name!r} can't take this job: it {problem}.",
            hint="Leave compute out, and the job goes to serverless, or name another cluster.",
            name=compute.name,
        )
    starts, reason, known = _when(ask, market, compute, size, tier)
    return Plan(
        compute=compute.name,
        kind=compute.kind,
        timeout=ask.timeout,
        instance_type=size.name or None,
        instance_count=ask.nodes,
        tier=tier,
        price_per_hour=price,
        on_demand_per_hour=price_of(size, ask.nodes, Tier.STANDARD),
        price_source=price_source(market, size, tier),
        starts=starts,
        verified=market.verified,
        reasons=("the cluster was asked for by name", reason),
        warnings=_warnings(ask, market, compute, size, tier, known=known),
        candidates=(
            Candidate(
                compute=compute.name, instance_type=size.name, tier=tier, price_per_hour=price, starts=starts
            ),
        ),
        size=size if size.cpus else None,
    )


def _find(name: str, computes: Sequence[Compute]) -> Compute:
    # Assumed: as everywhere in ARM, the case of a compute's name does not tell two of them apart.
    found = {compute.name.lower(): compute for compute in computes}.get(name.lower())
    if found is None:
        names = tuple(sorted(compute.name for compute in computes))
        there = f"It has {', '.join(names)}." if names else "It has none."
        raise ComputeNotFound(
            f"The workspace has no compute named {name!r}. {there}",
            hint="Leave compute out, and the job goes to serverless.",
            name=name,
            names=names,
        )
    return found


def _unlisted(compute: Compute) -> Size:
    """A size of which nothing but its name is known: it stands in no reply and in no table."""
    return Size(compute.size or "", "", 0, 0.0, 0, None, 0.0, True, None, None, "")


def _problems(ask: Ask, compute: Compute, size: Size, tier: Tier, price: float | None) -> Iterator[str]:
    """What makes it unable to take the job, whenever that is."""
    if compute.kind is not Kind.CLUSTER:
        kind = compute.kind_name
        yield f"is of kind {kind}, and jobs go to serverless or to {Kind.CLUSTER} clusters so far"
    if compute.state.lower() in _DEAD:
        told = "; ".join(f"{problem.code}: {problem.message}" for problem in compute.problems)
        yield f"is {compute.state}{f' ({told})' if told else ''}"
    if ask.tier not in {None, Tier.AUTO, tier}:
        yield f"has {tier} nodes, and tier={str(ask.tier)!r} was asked for: a cluster's tier is its own"
    if ask.instance_types and size.name.lower() not in {name.lower() for name in ask.instance_types}:
        yield f"has nodes of {size.name}, and {' or '.join(ask.instance_types)} was asked for"
    if ask.nodes > compute.max_nodes:
        yield f"has {compute.max_nodes} nodes at most, and {ask.nodes} were asked for"
    miss = next(ask.needs.misses(size), "") if size.cpus else ""
    if miss:
        yield f"has nodes of {size.name}, which {miss}"
    most = ask.needs.max_price_per_hour
    if most is not None and (price is None or price > most):
        costs = "has no known price" if price is None else f"costs {price:g}"
        yield f"{costs}, and at most {most:g} USD an hour was asked for"


def _when(ask: Ask, market: Market, compute: Compute, size: Size, tier: Tier) -> tuple[Starts, str, bool]:
    """When it starts, why, and whether the quota that this rests on is known."""
    growing = ask.nodes - compute.idle_nodes
    if growing <= 0:
        return Starts.NOW, f"{compute.idle_nodes} of its {compute.nodes} nodes are idle", True
    if not size.cpus or not _same_region(compute, market):
        return Starts.UNKNOWN, f"{growing} more nodes must be found, under a quota that was not read", True
    whole = fit(size, ask.nodes, tier, market.quota)
    if whole.starts is None and compute.nodes < ask.nodes:
        fewer = [f"instance_count={whole.fits} fits."] if whole.fits else []
        raise quota_error(size, tier, whole, market, hints=fewer)
    if compute.nodes + growing > compute.max_nodes:
        busy = compute.nodes - compute.idle_nodes
        return (
            Starts.QUEUED,
            f"{busy} of its {compute.max_nodes} nodes are busy: the job waits for them",
            True,
        )
    stuck = next((problem.code for problem in compute.problems if problem.code in _CANNOT_GROW), "")
    if stuck:
        return Starts.QUEUED, f"the cluster can't grow now ({stuck})", True
    more = fit(size, growing, tier, market.quota)
    return more.starts or Starts.QUEUED, f"it must grow by {growing}: {more}", more.known


def _same_region(compute: Compute, market: Market) -> bool:
    return compute.location in {"", market.location}


def _warnings(
    ask: Ask, market: Market, compute: Compute, size: Size, tier: Tier, *, known: bool
) -> tuple[str, ...]:
    warnings = [f"{problem.code}: {problem.message}" for problem in compute.problems]
    if not _same_region(compute, market):
        warnings.append(
            f"the cluster is in {compute.location}: the quota and prices of {market.location} are not its own"
        )
    if size.cpus:
        warnings += warnings_for(market, size, tier, known=known)
    elif not ask.needs.shapeless:
        warnings.append(
            f"nothing is known of the size {size.name}: whether it meets {ask.needs} is not known either"
        )
    return tuple(warnings)
