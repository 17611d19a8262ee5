"""A plan that comes back: checked against the world as it is now, and sent as it was planned."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._bindings import is_local
from amlrun._candidates import Starts, money
from amlrun._errors import (
    ComputeNotFound,
    ComputeUnsuitable,
    InvalidRequest,
    NothingFits,
    PlanOutdated,
    QuotaError,
)
from amlrun._given import arguments
from amlrun._offers import Kind
from amlrun._order import VARIABLES, Order
from amlrun._request import parse
from amlrun._submission import decide, send_planned
from amlrun._tables import table
from amlrun._teamfile import read_team

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._plan import Plan
    from amlrun._request import Request
    from amlrun._run import Run
    from amlrun._workspace import Workspace

_MOVED = (QuotaError, NothingFits, ComputeNotFound, ComputeUnsuitable, InvalidRequest)
_CENT = 1e-6


def new_plan(workspace: Workspace, job: Any, options: Mapping[str, Any], request: Request) -> Plan:
    """The decision for this request, which is that of these arguments, with what it was made for."""
    plan = decide(workspace, request)
    return attrs.evolve(plan, order=_order(workspace, job, options, request))


def submit_plan(workspace: Workspace, plan: Plan, beside: Mapping[str, Any]) -> Run:
    """Send a plan where the same place can still be had, starts no later and costs no more.

    Raises `PlanOutdated` where not; `InvalidRequest` for a plan that doesn't know its job, is of another
    workspace, or whose job has changed; and what `submit` raises.
    """
    _, request = _again(workspace, plan, beside)

    def as_planned() -> Plan:
        why = _outdated(workspace, request, plan)
        if not why:
            return attrs.evolve(plan, order=None)
        now = attrs.evolve(decide(workspace, request), order=plan.order)
        raise PlanOutdated(
            f"The world has moved since this plan was made: {why}.\n{_against(plan, now)}",
            hint="Nothing was sent. error.plan is the plan of now: submit(error.plan) sends it.",
            planned=plan,
            plan=now,
        )

    return send_planned(workspace, attrs.evolve(request, timeout=plan.timeout), as_planned)


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


def _outdated(workspace: Workspace, request: Request, plan: Plan) -> str:
    """What has moved, in words; "": nothing that matters."""
    try:
        now = decide(workspace, attrs.evolve(request, ask=_same_place(request, plan)), fresh=True)
    except _MOVED as refused:
        return refused.message.splitlines()[0].rstrip(".")
    if now.creates is not None and plan.creates is None and workspace.lookups.market().computes is not None:
        return f"the cluster {now.compute} isn't there any more"
    return next(_moves(plan, now), "")


def _same_place(request: Request, plan: Plan) -> Any:
    """What was asked, with no other choice than the plan's."""
    has_tier = plan.kind in {Kind.SERVERLESS, Kind.CLUSTER}
    return attrs.evolve(
        request.ask,
        computes=(plan.compute,),
        creates=tuple(one for one in request.ask.creates if one.name.lower() == plan.compute.lower()),
        instance_types=(plan.instance_type,) if plan.instance_type else request.ask.instance_types,
        tier=plan.tier if has_tier else request.ask.tier,
    )


def _moves(planned: Plan, now: Plan) -> Iterator[str]:
    """What is worse than planned; what is better, or not known, is no reason."""
    if planned.starts is Starts.NOW and now.starts is Starts.QUEUED:
        yield "it would have started at once, and must wait now"
    before, after = planned.price_per_hour, now.price_per_hour
    if before is not None and after is not None and after > before + _CENT:
        yield f"it costs {money(after)} {now.currency} an hour, and {money(before)} when it was planned"


def _against(planned: Plan, now: Plan) -> str:
    return table([("  planned", *_row(planned)), ("  now", *_row(now))])


def _row(plan: Plan) -> tuple[str, ...]:
    price = "no known price"
    if plan.price_per_hour is not None:
        price = f"{money(plan.price_per_hour)} {plan.currency}/h"
    size = f"{plan.instance_count} x {plan.instance_type or 'left to the service'}"
    return plan.compute, size, str(plan.tier), price, f"starts {plan.starts}"


def _digest(request: Request) -> str:
    """Of what may change between a plan and its submission: a job file's content, what an object says."""
    if isinstance(request.source, str):
        return ""
    content = repr(request.settings).encode()
    if isinstance(request.source, Path):
        content = request.source.read_bytes()
    return hashlib.sha256(content).hexdigest()[:32]


def _whole(value: Any) -> Any:
    path = value.get("path") if isinstance(value, dict) else None
    if isinstance(path, (str, Path)) and is_local(str(path)):
        return {**value, "path": str(Path(path).expanduser().absolute())}
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
