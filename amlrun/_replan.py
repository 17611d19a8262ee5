"""A plan that comes back: checked against the world as it is now, and sent as it was planned."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.bindings import is_local
from amlrun._asking.given import arguments
from amlrun._asking.parts import told_of
from amlrun._asking.request import parse
from amlrun._asking.teamfile import read_team
from amlrun._errors import (
    REFUSALS,
    InvalidRequest,
    PlanOutdated,
)
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind
from amlrun._paths import at_home
from amlrun._plan.comparison import check_asked, moves, side_by_side
from amlrun._plan.order import VARIABLES, Order
from amlrun._planning import decide
from amlrun._submission import send_planned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amlrun._asking.request import Request
    from amlrun._needs import Ask
    from amlrun._plan import Plan
    from amlrun._run import Run
    from amlrun._workspace import Workspace


def new_plan(workspace: Workspace, job: Any, options: Mapping[str, Any], request: Request) -> Plan:
    """The decision for this request, which is that of these arguments, with what it was made for."""
    plan = decide(workspace, request)
    return attrs.evolve(plan, order=_order(workspace, job, options, request))


def submit_plan(
    workspace: Workspace, plan: Plan, beside: Mapping[str, Any], *, asked: int | None = None
) -> Run:
    """Send a plan where the same place can still be had, starts no later and costs no more.

    What is sent is the same place with the figures of now. Raises `PlanOutdated` where it can't be had;
    `InvalidRequest` for a plan that doesn't know its job, is another one than was asked for, is of another
    workspace, or whose job has changed; and what `submit` raises.
    """
    _, request = _again(workspace, plan, beside)
    _check_asked(request, plan)
    return send_planned(workspace, request, lambda: _as_planned(workspace, request, plan, asked))


def _as_planned(workspace: Workspace, request: Request, plan: Plan, asked: int | None) -> Plan:
    """The plan for the same place, made now. Raises `PlanOutdated` with the whole reason."""
    again, cause = _same_places(request, plan), None
    try:
        now = _unmade(workspace, plan, decide(workspace, again, fresh=True, asked=asked))
        why = next(_outdated(workspace, request, plan, now), "")
    except REFUSALS as refused:
        why, cause = refused.message.rstrip("."), refused
    if not why:
        return now
    anew = attrs.evolve(decide(workspace, request), order=plan.order)
    raise PlanOutdated(
        f"The world has moved since this plan was made: {why}.\n{side_by_side(plan, anew)}",
        hint="Nothing was sent. error.plan is the plan of now: submit(error.plan) sends it.",
        planned=plan,
        plan=anew,
    ) from cause


def _check_asked(request: Request, plan: Plan) -> None:
    """Raise `InvalidRequest` for a plan that isn't one for this request."""
    asked = [(step.path, step.type) for step in request.steps]
    if asked != [(step.path, step.type) for step in plan.steps]:
        message = "The plan has other steps than what it was made for"
        raise InvalidRequest(message, argument="job", hint="Plan it anew: plan(job, …).")
    if not request.steps:
        check_asked(request.ask, plan)
    for step, planned in zip(request.steps, plan.steps, strict=True):
        with told_of(step.path):
            check_asked(step.ask, planned.plan)


def _same_places(request: Request, plan: Plan) -> Request:
    """The request with no other choice than the plan's."""
    if not request.steps:
        return attrs.evolve(request, ask=_same_place(request.ask, plan))
    pairs = zip(request.steps, plan.steps, strict=True)
    steps = tuple(attrs.evolve(step, ask=_same_place(step.ask, planned.plan)) for step, planned in pairs)
    return attrs.evolve(request, steps=steps)


def _unmade(workspace: Workspace, planned: Plan, now: Plan) -> Plan:
    """A cluster that was there, and can't be seen any more, is not made again."""
    if workspace.lookups.market().computes is not None:
        return now
    if not now.steps:
        return attrs.evolve(now, creates=now.creates and planned.creates)
    pairs = zip(planned.steps, now.steps, strict=True)
    steps = (attrs.evolve(new, plan=_unmade(workspace, old.plan, new.plan)) for old, new in pairs)
    return attrs.evolve(now, steps=tuple(steps))


def _outdated(workspace: Workspace, request: Request, plan: Plan, now: Plan) -> Iterator[str]:
    """What has moved, in words; of a pipeline, in any of its steps."""
    if not request.steps:
        yield from _moved(request.ask, plan, now, lambda: decide(workspace, request))
    for number, step in enumerate(request.steps):
        old, new = plan.steps[number].plan, now.steps[number].plan
        best = functools.partial(_of_step, workspace, request, number)
        yield from (f"{step.path}: {why}" for why in _moved(step.ask, old, new, best))


def _of_step(workspace: Workspace, request: Request, number: int) -> Plan:
    return decide(workspace, request).steps[number].plan


def _moved(ask: Ask, plan: Plan, now: Plan, decided: Callable[[], Plan]) -> Iterator[str]:
    if now.creates is not None and plan.creates is None:
        yield f"the cluster {now.compute} isn't there any more"
    yield from moves(plan, now)
    if plan.compute != SERVERLESS and not ask.computes:
        best = decided().compute
        if best != now.compute:
            yield f"nobody named {now.compute}, and the job would go to {best} now"


def _same_place(ask: Ask, plan: Plan) -> Ask:
    """What was asked, with no other choice than the plan's."""
    return attrs.evolve(
        ask,
        planned=True,
        computes=(plan.compute,),
        creates=tuple(one for one in ask.creates if one.name.lower() == plan.compute.lower()),
        instance_types=(plan.instance_type,) if plan.instance_type else ask.instance_types,
        tier=plan.tier if plan.kind in {Kind.SERVERLESS, Kind.CLUSTER} else ask.tier,
    )


def plan_again(workspace: Workspace, plan: Plan, beside: Mapping[str, Any]) -> Plan:
    """A new plan for what the plan was made for, on fresh readings. Raises what `plan` raises."""
    order, request = _again(workspace, plan, beside, anew=True)
    order = attrs.evolve(order, defaults=request.defaults)
    return attrs.evolve(decide(workspace, request, fresh=True), order=order)


def _again(
    workspace: Workspace, plan: Plan, beside: Mapping[str, Any], *, anew: bool = False
) -> tuple[Order, Request]:
    """What the plan was made for, once more; `anew`: with the team's defaults of now, not those of then."""
    others = [name for name, value in beside.items() if name != VARIABLES and value is not None]
    if others:
        message = f"{others[0]}=… beside a plan: a plan is sent as it is"
        hint = f"Make a plan with it: plan(job, {others[0]}=…)."
        raise InvalidRequest(message, argument=others[0], hint=hint)
    order = plan.order
    if order is None:
        message = "This plan doesn't know its job: it is a run's, or it was made by hand"
        hint = "submit(…) takes plans that plan(job, …) has made."
        raise InvalidRequest(message, argument="job", hint=hint)
    here = str(workspace.scope)
    if order.workspace.lower() != here.lower():
        message = f"This plan was made for the workspace {order.workspace}, and this is {here}"
        hint = f"submit(plan, client=connect({order.workspace!r})), or plan anew here."
        raise InvalidRequest(message, argument="client", hint=hint)
    order.check_whole()
    order = order.with_variables(beside.get(VARIABLES))
    defaults = None if anew else order.defaults
    request = parse(order.job, arguments(order.options), read_team(), defaults=defaults)
    if _digest(request) != order.digest:
        what = f"the job file {order.job}" if isinstance(order.job, Path) else "the job"
        message = f"This plan was made for another content: {what} has changed since"
        raise InvalidRequest(message, argument="job", hint="Plan it anew: plan(job, …).")
    return order, request


def _digest(request: Request) -> str:
    """Of what may change between a plan and its submission: a job file's content, what an object says."""
    if isinstance(request.source, str):
        return ""
    content = repr(request.settings).encode()
    if isinstance(request.source, Path):
        content = request.source.read_bytes()
        if request.steps:  # those that stand in files of their own too
            content += repr(request.settings.steps).encode()
    return hashlib.sha256(content).hexdigest()[:32]


def _whole(value: Any) -> Any:
    path = value.get("path") if isinstance(value, dict) else None
    if isinstance(path, (str, Path)) and is_local(str(path)):
        return {**value, "path": str(at_home(path).absolute())}
    return value


def _order(workspace: Workspace, job: Any, options: Mapping[str, Any], request: Request) -> Order:
    """Local paths are made whole: they hold in any folder."""
    given = {name: value for name, value in options.items() if value is not None}
    if request.code is not None:
        given["code"] = request.code
    if request.inputs:
        given["inputs"] = {name: _whole(value) for name, value in request.inputs.items()}
    return Order(
        job=request.source.absolute() if isinstance(request.source, Path) else job,
        options=given,
        workspace=str(workspace.scope),
        digest=_digest(request),
        defaults=request.defaults,
    )
