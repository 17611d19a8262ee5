"""`place_steps()`: where each step of a pipeline goes. Pure.

Steps that ask the same have the same plan. Each is placed as if it ran alone: whether steps run one after
another or at once, the service decides as their inputs come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._errors import AmlrunError, InvalidRequest
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier
from amlrun._placement.place import place
from amlrun._plan.steps import StepPlan
from amlrun._plan.summary import named, summed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._asking.steps import Step
    from amlrun._cluster import Cluster
    from amlrun._needs import Ask
    from amlrun._offers import Market
    from amlrun._plan import Plan


def place_steps(steps: Sequence[Step], market: Market, *, timeout: float | None = None) -> Plan:
    """The pipeline's plan. Raises what `place` raises, with the steps that it is about."""
    plans: list[tuple[Ask, Plan]] = []
    for step in steps:
        if all(step.ask != ask for ask, _ in plans):
            alike = [other.path for other in steps if other.ask == step.ask]
            plans.append((step.ask, _placed(step, alike, market)))
    _check_made([plan for _, plan in plans])
    of_each = (next(plan for ask, plan in plans if ask == step.ask) for step in steps)
    planned = [StepPlan(step.path, step.type, plan) for step, plan in zip(steps, of_each, strict=True)]
    return summed(planned, timeout=timeout)


def _check_made(plans: Sequence[Plan]) -> None:
    """A cluster that steps need is made once: as each of them needs it."""
    made: dict[str, Cluster] = {}
    for cluster in (plan.creates for plan in plans if plan.creates is not None):
        first = made.setdefault(cluster.name.lower(), cluster)
        if cluster != first:
            message = (
                f"compute: steps would make {cluster.name} as another cluster each: {first}, and {cluster}"
            )
            hint = f"Say what they share: Cluster({cluster.name!r}, size=…), or a compute for each step."
            raise InvalidRequest(message, argument="compute", hint=hint)


def _placed(step: Step, alike: Sequence[str], market: Market) -> Plan:
    try:
        return place(step.ask, market)
    except AmlrunError as error:
        steps = f"The step{'s' if len(alike) > 1 else ''} {named(alike)}"
        own = f"The step itself says {', '.join(step.of_job)}." if step.of_job else ""
        hint = "\n".join(filter(None, (error.hint, *_other_tier(step, market), own)))
        raise error.reworded(message=f"{steps}: {error.message}", hint=hint) from error.__cause__


def _other_tier(step: Step, market: Market) -> Iterator[str]:
    """What a tier that was said for all steps can be instead, where it alone stands in a cluster's way."""
    if step.ask.tier in {None, Tier.AUTO} or set(step.ask.computes) <= {SERVERLESS}:
        return
    try:
        place(attrs.evolve(step.ask, tier=Tier.AUTO), market)
    except AmlrunError:
        return
    yield 'Or tier="auto": each step has nodes that its place has. Or say it of the steps that can have it.'
