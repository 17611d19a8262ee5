"""The steps of a pipeline's plan: each has a plan of its own. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._fields import WrongField, several, text, value_of, word
from amlrun._job_types import JobType
from amlrun._offers import Kind
from amlrun._tables import money, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from amlrun._plan.plan import Plan


@attrs.frozen
class StepPlan:
    """What was decided for one step.

    `path` is its name, within nested pipelines `"prep.clean"`; `type` what kind of job it becomes.
    """

    path: str
    type: JobType
    plan: Plan


def shown(steps: Sequence[StepPlan], currency: str) -> str:
    """A table with a line for each step."""
    rows = [(step.path, step.plan.compute, *_row(step.plan)) for step in steps]
    head = ("step", "place", "size", "tier", f"{currency}/h", "starts")
    return table([head, *rows], right=frozenset({4}))


def _row(plan: Plan) -> tuple[str, ...]:
    tier = "-" if plan.kind is Kind.KUBERNETES else str(plan.tier)  # which has none
    price = "-" if plan.price_per_hour is None else money(plan.price_per_hour)
    return plan.nodes(plan.most_nodes), tier, price, str(plan.starts)


def identities(steps: Sequence[StepPlan]) -> Iterator[str]:
    """Each identity in words, with the names of the steps that have it where not all do."""
    found: dict[str, list[str]] = {}
    for step in steps:
        if words := step.plan.identity_told:
            found.setdefault(words, []).append(step.path)
    for words, paths in found.items():
        yield words if len(paths) == len(steps) else f"{', '.join(paths)}: {words}"


def each(steps: Sequence[StepPlan], show: Callable[[Plan], str]) -> Iterator[str]:
    """What is shown of each plan, once, under the names of its steps."""
    for number, step in enumerate(steps):
        if all(step.plan != earlier.plan for earlier in steps[:number]):
            alike = [other.path for other in steps if other.plan == step.plan]
            yield f"{', '.join(alike)}:\n{show(step.plan)}"


def written(steps: Sequence[StepPlan], write: Callable[[Plan], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As JSON has them; a plan that an earlier step has too is the number of that step, from 0."""
    seen: list[Plan] = []
    found = []
    for step in steps:
        first = seen.index(step.plan) if step.plan in seen else None
        seen.append(step.plan)
        plan = write(step.plan) if first is None else first
        found.append({"path": step.path, "type": step.type.value, "plan": plan})
    return found


def read(data: Any, plan_of: Callable[[Any], Plan]) -> tuple[StepPlan, ...]:
    """What `written` wrote. Raises `WrongField`."""
    found: list[StepPlan] = []

    def plan(value: Any) -> Plan:
        if isinstance(value, bool) or not isinstance(value, int):
            return plan_of(value)
        if not 0 <= value < len(found):
            raise WrongField("", f"{value} is the number of no earlier step")
        return found[value].plan

    def step(value: Any) -> StepPlan:
        found.append(of_fields(value))
        return found[-1]

    of_fields = value_of(StepPlan, {"path": text, "type": word(*JobType), "plan": plan})
    return several(step)(data)
