"""What holds for a compute of any kind: what each kind is for, and what makes one unable to take a job. Pure.

https://learn.microsoft.com/azure/machine-learning/concept-compute-target
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._errors import InvalidRequest
from amlrun._job_types import JobType
from amlrun._offers import Kind, Offer, Size, Tier
from amlrun._placement.identities import Miss, compute_lacks
from amlrun._placement.options import Option, off_default
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market

_GONE = frozenset({"failed", "canceled", "deleting"})


@attrs.frozen
class _NoJobs:
    """A kind that takes no jobs: what it is for, and what is to be done with it instead."""

    purpose: str
    instead: str = ""


_SERVES = "A model is deployed there, to an endpoint."
_NO_JOBS: dict[Kind, _NoJobs] = {
    Kind.SERVERLESS: _NoJobs("not a compute of the workspace", "compute='serverless' is what is meant."),
    Kind.INFERENCE: _NoJobs(
        "an AKS cluster that serves models, attached in the old way",
        f"{_SERVES} To run jobs on the same AKS cluster, attach it as Kubernetes: az ml compute attach --type"
        " Kubernetes.",
    ),
    Kind.CONTAINER_INSTANCE: _NoJobs("a container that serves a model", _SERVES),
    Kind.DATABRICKS: _NoJobs(
        "Azure Databricks, which runs notebooks and scripts of its own",
        "It is started from Databricks' own jobs.",
    ),
    Kind.DATA_FACTORY: _NoJobs(
        "Azure Data Factory, which moves data",
        "A pipeline of Data Factory can start this job.",
    ),
    Kind.DATA_LAKE: _NoJobs(
        "Azure Data Lake Analytics, which ran U-SQL and has been retired",
        "What was U-SQL can be a Spark job.",
    ),
    Kind.HDINSIGHT: _NoJobs(
        "Azure HDInsight, a Spark cluster for the SDK of version 1",
        "A Spark job goes to serverless Spark or to an attached Synapse Spark pool; any other to serverless.",
    ),
    Kind.UNKNOWN: _NoJobs("of a kind that amlrun doesn't know"),
}
"""Every kind that takes no jobs of this API."""
_TAKES_JOBS = frozenset({Kind.CLUSTER, Kind.INSTANCE, Kind.KUBERNETES, Kind.VM, Kind.SPARK})


def no_jobs(ask: Ask, compute: Compute) -> Miss | None:
    """Why jobs of that type can't go to computes of that kind at all; None: they can."""
    spark = ask.job is JobType.SPARK
    if compute.kind not in _TAKES_JOBS:
        entry = _NO_JOBS[compute.kind]
        named = f" ({compute.kind_name})" if compute.kind is Kind.UNKNOWN and compute.kind_name else ""
        return Miss(f"is {entry.purpose}{named}: it takes no jobs", entry.instead)
    if spark and compute.kind is not Kind.SPARK:
        return Miss(
            f"is of kind {compute.kind}, and Spark jobs go to a Spark pool",
            "Name an attached Synapse Spark pool, or compute='serverless', which is serverless Spark.",
        )
    if compute.kind is Kind.SPARK and not spark:
        return Miss("is a Spark pool: it takes Spark jobs, and no others")
    if ask.job is JobType.FINE_TUNING:
        return _no_tuning(ask, compute)
    return None


def _no_tuning(ask: Ask, compute: Compute) -> Miss | None:
    # Assumed: fine-tuning runs on a cluster, which its job may name, and on no other kind of compute.
    if compute.kind is not Kind.CLUSTER:
        return Miss(f"is of kind {compute.kind}, and fine-tuning goes to serverless or to a cluster")
    return None if asked_for(ask, compute) else Miss("is taken for fine-tuning only where it is named")


def unlisted(name: str) -> Size:
    """A size of which nothing but its name is known: it stands in no reply and in no table."""
    return Size(name, "", 0, 0.0, 0, None, 0.0, True, None, None, "")


def sizes_named(
    names: Iterable[str], size_of: Callable[[str], Size]
) -> tuple[list[Size], dict[str, InvalidRequest]]:
    """The sizes of these names; and of the names that a place doesn't have, why: others may be another's."""
    sizes, wrong = dict[Size, None](), dict[str, InvalidRequest]()
    for name in names:
        try:
            sizes[size_of(name)] = None
        except InvalidRequest as error:  # noqa: PERF203 - a few names
            wrong[name] = error
    return [*sizes], wrong


def refused(ask: Ask, compute: Compute, miss: Miss, size: Size | None = None) -> Option:
    """A compute that can't take the job, whatever its size."""
    offer = Offer(
        size=size or unlisted(compute.size or ""),
        tier=Tier.STANDARD,
        compute=compute.name,
        kind=compute.kind,
        against=miss.words,
    )
    return Option(
        offer=offer, miss=miss.words, hint=miss.hint, preference=preference_of(ask, compute.name, offer.size)
    )


def preference_of(ask: Ask, compute: str, size: Size) -> tuple[int, ...]:
    """Its place in the orders of preference: computes, instance types, GPU models."""
    return (
        _position(compute, ask.computes),
        _position(size.name, ask.instance_types),
        _position(size.gpu or "", ask.needs.gpu),
    )


def _position(name: str, wanted: tuple[str, ...]) -> int:
    names = [one.lower() for one in wanted]
    return names.index(name.lower()) if name.lower() in names else len(names)


def asked_for(ask: Ask, compute: Compute) -> bool:
    """Whether the ask names it: else it is looked at only because serverless may not do."""
    return compute.name.lower() in {name.lower() for name in ask.computes}


def misses(
    ask: Ask,
    market: Market,
    compute: Compute,
    offer: Offer,
    price: float | None,
    *,
    nodes: int | None,
    fewer: str = "",
) -> Iterator[Miss]:
    """What makes a compute of a kind that takes jobs unable to take this one, whenever that is.

    `nodes` is how many it has at most, None where nobody knows; `fewer` is the count that is proposed then.
    """
    if compute.state.lower() in _GONE:
        told = "; ".join(f"{problem.code}: {problem.message}" for problem in compute.problems)
        yield Miss(f"is {compute.state}{f' ({told})' if told else ''}")
    rule = ask.guard.against(size=offer.size.name, nodes=ask.most_nodes, price=price, compute=compute.name)
    if rule:
        yield Miss(rule)
    unasked = not asked_for(ask, compute)
    tier = ask.tier or (ask.default_tier if unasked else None)
    if tier not in {None, Tier.AUTO, offer.tier}:
        whose = "was asked for" if ask.tier else "is the default"
        yield Miss(
            f"has {_tiers(offer)}, and tier={str(tier)!r} {whose}: a compute's tier is its own",
            f"Leave tier out, or say tier={str(offer.tier)!r}.",
        )
    if tier is None and offer.tier is Tier.SPOT and unasked:
        yield Miss("has spot nodes, and nobody asked for spot")
    if nodes is not None and ask.nodes > nodes:
        yield Miss(
            f"has {_count(nodes, 'node')} at most, and {ask.nodes} were asked for",
            fewer,
        )
    most = ask.needs.max_price_per_hour
    if most is not None and (price is None or price > most):
        costs = "has no known price" if price is None else f"costs {money(price)}"
        yield Miss(f"{costs}, and at most {most:g} USD an hour was asked for")
    if (lacks := compute_lacks(ask, market, compute)) is not None:
        yield lacks


def _tiers(offer: Offer) -> str:
    return "no tiers, only nodes of its own" if offer.kind is Kind.KUBERNETES else f"{offer.tier} nodes"


def of_size(ask: Ask, compute: Compute, size: Size) -> Iterator[Miss]:
    """What about its size doesn't suit the ask. One that nobody lists is believed where it was named."""
    names = {name.lower() for name in ask.instance_types}
    if names and size.name.lower() not in names:
        nodes = f"has nodes of {size.name}" if size.name else "doesn't tell its size"
        yield Miss(f"{nodes}, and {' or '.join(ask.instance_types)} was asked for")
    unasked = not asked_for(ask, compute) and not names
    if not size.cpus:
        if unasked and not ask.needs.shapeless and compute.kind is Kind.CLUSTER:
            yield Miss(f"has nodes of {size.name}, of which nothing is known")
        return
    if unasked and size.gpus and not ask.needs.gpus:
        yield Miss("has GPUs, and none was asked for")
    for miss in ask.needs.misses(size):
        yield Miss(f"has nodes of {size.name}, which {miss}")


def off_default_of(ask: Ask, compute: Compute, size: Size) -> float:
    """Where nothing is asked, how far a compute that nobody named is from what is meant then."""
    meant = ask.needs.shapeless and not (ask.instance_types or asked_for(ask, compute))
    return off_default(size) if meant else 0.0


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
