"""A plan that comes back, held against what it was made for and against the same place now. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._errors import InvalidRequest
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind, Tier
from amlrun._plan.candidates import Starts
from amlrun._tables import money, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._needs import Ask
    from amlrun._plan.plan import Plan

_CENT = 1e-6


def check_asked(ask: Ask, plan: Plan) -> None:
    """Raise `InvalidRequest` for a plan that isn't one for this ask: somebody changed it, or its order."""
    for field, planned, asked in _departures(ask, plan):
        raise InvalidRequest(
            f"{field}: {planned} in the plan, and {asked} in what it was made for",
            hint=f"Make a plan with it: plan(job, {field}=…).",
            argument=field,
        )


def _departures(ask: Ask, plan: Plan) -> Iterator[tuple[str, object, object]]:
    """Each field that is another one than was asked for; what was planned, what was asked."""
    if plan.instance_count != ask.nodes:
        yield "instance_count", plan.instance_count, ask.nodes
    if plan.timeout != ask.timeout:
        yield "timeout", plan.timeout, ask.timeout
    if ask.computes and plan.compute.lower() not in {name.lower() for name in ask.computes}:
        yield "compute", plan.compute, " or ".join(ask.computes)
    sizes = {name.lower() for name in ask.instance_types}
    if sizes and plan.instance_type is not None and plan.instance_type.lower() not in sizes:
        yield "instance_type", plan.instance_type, " or ".join(ask.instance_types)
    tier = _tier(ask, plan.kind)
    if tier not in {Tier.AUTO, plan.tier}:
        yield "tier", plan.tier, tier
    if plan.identity != ask.identity and not (
        plan.identity and ask.identity and plan.identity.is_for(ask.identity)
    ):
        yield "identity", plan.identity or "none", ask.identity or "none"


def _tier(ask: Ask, kind: Kind) -> Tier:
    """The tier that was asked for; `AUTO`: either will do."""
    if kind is Kind.SERVERLESS:
        return ask.serverless_tier
    return ask.tier if kind is Kind.CLUSTER and ask.tier is not None else Tier.AUTO


def moves(planned: Plan, now: Plan) -> Iterator[str]:
    """What is another place than planned, or a worse one; what is better, or not known, is no reason."""
    if Kind.UNKNOWN not in {planned.kind, now.kind} and now.kind is not planned.kind:
        yield f"{now.compute} is {now.kind} now, and was {planned.kind}"
    if now.tier is not planned.tier:
        yield f"{now.compute} has {now.tier} nodes now, and {planned.tier} ones were planned"
    if _size_of(now) != _size_of(planned) and now.compute == SERVERLESS:
        yield f"{now.instance_type} would be chosen, and the size was left to the service"
    if planned.creates is not None and now.creates not in {None, planned.creates}:
        yield f"the cluster to make is another one: {now.creates}"
    if planned.starts is Starts.NOW and now.starts is Starts.QUEUED:
        yield "it would have started at once, and must wait now"
    before, after = planned.price_per_hour, now.price_per_hour
    if before is not None and after is not None and after > before + _CENT:
        yield f"it costs {money(after)} {now.currency} an hour, and {money(before)} when it was planned"


def _size_of(plan: Plan) -> str:
    return (plan.instance_type or "").lower()


def side_by_side(planned: Plan, now: Plan) -> str:
    """The plan and that of now, a line for each; of pipelines, those of the steps that differ."""
    rows: list[tuple[str, ...]] = []
    for old, new in zip(planned.steps, now.steps, strict=True):
        if _row(old.plan) != _row(new.plan):
            rows += [("  planned", old.path, *_row(old.plan)), ("  now", new.path, *_row(new.plan))]
    return table(rows or [("  planned", *_row(planned)), ("  now", *_row(now))])


def _row(plan: Plan) -> tuple[str, ...]:
    price = "no known price"
    if plan.price_per_hour is not None:
        price = f"{money(plan.price_per_hour)} {plan.currency}/h"
    size = f"{plan.instance_count} x {plan.instance_type or 'left to the service'}"
    return plan.compute, size, str(plan.tier), price, f"starts {plan.starts}"
