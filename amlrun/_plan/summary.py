"""A pipeline's plan, summed up from those of its steps. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from amlrun._offers import Kind, Tier
from amlrun._plan.candidates import Starts
from amlrun._plan.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from amlrun._plan.steps import StepPlan

T = TypeVar("T")
_LATEST = (Starts.NOW, Starts.UNKNOWN, Starts.QUEUED)
"""Of several, the last of these: one that must wait is known to."""
_NAMED = 4
"""Steps that are told by their names, at most."""


def summed(steps: Sequence[StepPlan], *, timeout: float | None = None) -> Plan:
    """The plan of a pipeline with these steps.

    Nodes and prices are those of all steps together: the most there can be at once. Where steps differ,
    `compute` names each place, once, in the order of the steps, with a comma between; `instance_type`, `size`
    are None, `kind` is unknown; `tier` is spot where any step is. `starts` is the latest, `verified` that all
    are. What only some of the steps are told is told with their names.
    """
    plans = [step.plan for step in steps]
    return Plan(
        compute=", ".join(dict.fromkeys(plan.compute for plan in plans)),
        kind=_common((plan.kind for plan in plans), Kind.UNKNOWN),
        instance_type=_common((plan.instance_type for plan in plans), None),
        instance_count=sum(plan.most_nodes for plan in plans),
        tier=_common((plan.tier for plan in plans), Tier.SPOT),
        price_per_hour=_sum(plan.price_per_hour for plan in plans),
        on_demand_per_hour=_sum(plan.on_demand_per_hour for plan in plans),
        currency=plans[0].currency,
        price_source=_sources(plan.price_source for plan in plans),
        starts=max((plan.starts for plan in plans), key=_LATEST.index),
        verified=all(plan.verified for plan in plans),
        reasons=tuple(_told(steps, lambda plan: plan.reasons)),
        warnings=tuple(_told(steps, lambda plan: plan.warnings)),
        size=_common((plan.size for plan in plans), None),
        timeout=timeout,
        steps=tuple(steps),
    )


def heaviest(plan: Plan) -> Plan:
    """The plan itself; of a pipeline that of its largest step: on serverless, if any is there.

    Steps may run one after another: a pipeline has at some time as much as its largest step, and maybe never
    more.
    """
    return max(plan.leaves, key=_weight)


def _weight(plan: Plan) -> tuple[bool, int, int]:
    cpus = plan.size.cpus if plan.size else 0
    return plan.kind is Kind.SERVERLESS, plan.most_nodes * cpus, plan.most_nodes


def _common(values: Iterable[T], otherwise: T) -> T:
    """What all of them are."""
    first, *others = values
    return first if all(other == first for other in others) else otherwise


def _sum(prices: Iterable[float | None]) -> float | None:
    known = list(prices)
    return None if None in known else sum(price for price in known if price is not None)


def _sources(sources: Iterable[str]) -> str:
    """Where prices come from; the service's own only where all are."""
    found = dict.fromkeys(filter(None, sources))
    return ", ".join(source for source in found if source != "service" or len(found) == 1)


def _told(steps: Sequence[StepPlan], of: Callable[[Plan], Iterable[str]]) -> Iterator[str]:
    """What the steps are told: once, with the names of those that it is of where it isn't of all."""
    paths: dict[str, list[str]] = {}
    for step in steps:
        for words in dict.fromkeys(of(step.plan)):
            paths.setdefault(words, []).append(step.path)
    for words, of_steps in paths.items():
        yield words if len(of_steps) == len(steps) else f"{named(of_steps)}: {words}"


def named(paths: Sequence[str]) -> str:
    """Steps by their names."""
    more = len(paths) - _NAMED
    return ", ".join(paths) if more <= 0 else f"{', '.join(paths[:_NAMED])} and {more} more"
