"""From a request to a plan, and from a plan to a job that was sent: the order of steps, nothing more."""

from __future__ import annotations

import logging
import re
import secrets
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._arguments import NodeOptions
from amlrun._asking.code import no_checkpoints
from amlrun._asking.computes import workspace_of
from amlrun._asking.folders import is_remote
from amlrun._asking.given import arguments
from amlrun._asking.memo import remembered
from amlrun._asking.policies import unheld
from amlrun._asking.request import parse
from amlrun._asking.teamfile import read_team
from amlrun._catalogue import list_prices
from amlrun._checked import checking
from amlrun._creation import make, path_of
from amlrun._entities import bodies
from amlrun._errors import (
    REFUSALS,
    InvalidRequest,
    NotAuthorized,
    NothingFits,
    ServiceError,
    SubmissionFailed,
)
from amlrun._job_types import TRAITS, JobType
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress, checkpoint_folder
from amlrun._jobs.nested import dressed_nested
from amlrun._jobs.remarks import remarks
from amlrun._look import catch_up, started
from amlrun._memory import Memory
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier
from amlrun._placement import place, place_steps
from amlrun._run import Run
from amlrun._sameness import is_for, is_same_job
from amlrun._sending import find, make_nested, send, taken
from amlrun._wire import check_said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amlrun._asking.request import Request
    from amlrun._guard import Guard
    from amlrun._offers import Market, Quota
    from amlrun._plan import Plan
    from amlrun._readings.lookups import Look
    from amlrun._sdk import Captured
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
_PLACELESS = ("experiment", "timeout", "checkpoint_datastore", "tags")
"""The defaults that no place is refused for."""
_ANY_ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
"""Of a job that is never sent: one that every workspace can have."""
_ABOUT_SIZES = (NothingFits, InvalidRequest)


def decide(workspace: Workspace, request: Request, *, fresh: bool = False, asked: int | None = None) -> Plan:
    """Place the request. A "no" never rests on a reading that was begun before the question was `asked`.

    `fresh`: nor does a "yes".
    """
    _refuse_other_workspace(workspace, request)
    asked = workspace.lookups.begun if asked is None else asked
    checked = checking(workspace, request)
    try:
        plan, market = _decided(workspace, request, asked, fresh=fresh)
    except REFUSALS as error:
        raise error.reworded(
            hint="\n".join(filter(None, [error.hint, *_untyped(request)]))
        ) from error.__cause__
    plan = checked(_with_defaults(_with_requeue(plan, request), request), market)
    return _with_remarks(plan, request)


def _decided(workspace: Workspace, request: Request, asked: int, *, fresh: bool) -> tuple[Plan, Market]:
    """The plan, and the market that it is of."""
    lookups = workspace.lookups
    regions = frozenset(cluster.location for cluster in request.ask.creates if cluster.location)
    look = lookups.look(fresh=fresh, asked=asked, regions=regions)
    for _ in range(2):  # a "no" about figures may become one about sizes
        try:
            return _placed(request, look), look.market
        except REFUSALS as no:
            # Sizes are long to read, and hardly ever new: again where the "no" is about them.
            sizes = isinstance(no, _ABOUT_SIZES) or look.readings.sizes.kept
            if not look.kept and not (sizes and look.kept_sizes):
                raise
        look = lookups.look(fresh=True, sizes=sizes, asked=asked)
    return _placed(request, look), look.market


def quota_of(workspace: Workspace) -> Quota:
    """Quota as it is now. Raises `NotAuthorized` and `ServiceError`: here a refusal is the answer."""
    look = workspace.lookups.look(fresh=True)
    refused = look.readings.usages.failure or look.readings.facts.failure
    if isinstance(refused, NotAuthorized) and refused.signed_in:
        message = f"Quota can't be read with this account: {refused.message}"
        raise refused.reworded(message=message) from refused
    if refused is not None:
        raise refused
    assert look.market.quota is not None  # noqa: S101  it was read
    elsewhere = look.market.elsewhere
    return look.readings.told(look.market.quota, [elsewhere[region] for region in sorted(elsewhere)])


def compute_for(workspace: Workspace, needs: Mapping[str, Any]) -> str:
    """Where a command with these needs would go: `"serverless"` or a name. Raises what `decide` raises."""
    of_nodes = NodeOptions.__annotations__
    for name in needs:
        if name not in of_nodes:
            message = f"There is no argument {name}: default_compute() is about nodes"
            hint = f"There are: client, {', '.join(of_nodes)}."
            raise InvalidRequest(message, argument=name, hint=hint)
    given = arguments({**needs, "environment": _ANY_ENVIRONMENT})
    team = attrs.evolve(read_team(), required_tags=())  # of a job that there isn't
    return decide(workspace, parse("true", given, team)).compute


def _refuse_other_workspace(workspace: Workspace, request: Request) -> None:
    for compute_id in (request.compute_id, *(step.compute_id for step in request.steps)):
        elsewhere, name = workspace_of(compute_id), compute_id.rpartition("/")[2]
        if elsewhere.lower() not in {"", workspace.scope.path.lower()}:
            message = f"compute: {name} is of another workspace ({elsewhere})"
            hint = "Name a cluster of this workspace, or leave it out."
            raise InvalidRequest(message, argument="compute", hint=hint)


def submit_request(
    workspace: Workspace, request: Request, passed_over: tuple[str, ...] = (), *, asked: int | None = None
) -> Run:
    """Plan, and send that plan. Of a list, a cluster that this account may not make is passed over.

    `asked` is when the question was asked that this request is a part of: now, by default.
    """
    asked = workspace.lookups.begun if asked is None else asked  # before those who are decided on first

    def decided() -> Plan:
        plan = decide(workspace, request, asked=asked)
        return attrs.evolve(plan, warnings=(*plan.warnings, *passed_over))

    try:
        return send_planned(workspace, request, decided)
    except NotAuthorized as refused:
        rest = _without_refused(workspace, request, refused)
        if rest is None:
            raise
        told = refused.message.splitlines()[0]
        _log.warning("%s", told)
        try:
            return submit_request(workspace, rest, (*passed_over, told), asked=asked)
        except REFUSALS as error:
            raise refused from error


def _without_refused(workspace: Workspace, request: Request, refused: NotAuthorized) -> Request | None:
    """The request without the cluster that may not be made; None: it is not about one, or the only place."""
    ask = request.ask
    names = [one.name.lower() for one in ask.creates if path_of(workspace, one) == refused.scope]
    rest = tuple(name for name in ask.computes if name.lower() not in names)
    if not names or not rest:
        return None
    creates = tuple(one for one in ask.creates if one.name.lower() not in names)
    return request.asking(lambda one: attrs.evolve(one, computes=rest, creates=creates))


def send_planned(workspace: Workspace, request: Request, decided: Callable[[], Plan]) -> Run:
    """Decide, and send the plan that was decided on; of a job that is there already, that is its own."""
    name = request.name or _fresh_name(request)
    there = None if request.name is None else _there(workspace, name)
    if there is not None and is_for(there.plan, request):
        run = _sent(workspace, request, there.plan, name)
        _log.warning("%s: this very job was there already, and nothing new was sent", name)
        return run
    if there is not None and there.plan.size is not None and not request.steps:  # else too little is known
        raise taken(name)
    with workspace.lookups.sending(name, decided) as plan:
        return _sent(workspace, request, plan, name)


def _sent(workspace: Workspace, request: Request, plan: Plan, name: str) -> Run:
    """Make the plan's cluster, let the SDK resolve and upload, put the plan on the body, and send it."""
    for leaf in plan.leaves:
        rule = request.ask.guard.against_plan(leaf)
        if rule:  # younger than the plan
            message = f"The plan's place ({leaf.instance_type or leaf.compute}) {rule}"
            raise InvalidRequest(message, argument="job", hint="Plan it anew: plan(job, …).")
    uploads = () if is_remote(request.code or "") else request.uploads  # else another job has sent it
    if uploads:
        workspace.lookups.environments.check(request.environments)
    for cluster in dict.fromkeys(leaf.creates for leaf in plan.leaves if leaf.creates is not None):
        make(workspace, cluster)
    of_uploads = (told for upload in request.uploads for told in upload.warnings())
    for words in workspace.untold((*request.warnings, *of_uploads)):  # for who doesn't print the plan
        _log.warning("%s: %s", name, words)
    for upload in uploads:
        level = logging.WARNING if upload.is_large else logging.INFO
        _log.log(level, "%s: the code is %s of %s", name, upload.amount(), upload.folder)
    with workspace.uploading():
        captured = bodies.captured(workspace.client(), request, plan, name)
    memory = _first_attempt(workspace, request, plan, name, captured)
    if memory.policy is not None and not memory.is_kept:
        _log.warning("%s is too long to be requeued by another process than this one", name)
    try:
        sent = send(
            workspace,
            memory,
            new_name=request.name is None,
            same=lambda theirs: _is_same(workspace, request, captured, theirs),
        )
    except ServiceError as error:
        code = error.service_code
        raise SubmissionFailed(
            error.message, hint=error.hint, status=error.status, service_code=code
        ) from error
    _log.info("%s: %s", name, "was there already" if sent.adopted else f"sent to {plan.compute}")
    first = started(sent)
    return Run(workspace, catch_up(workspace, first) if sent.adopted else first)


def _is_same(workspace: Workspace, request: Request, captured: Captured, theirs: Memory) -> bool:
    """Whether a job that is there is what this request would have sent, had it been given the same place.

    Components of nested pipelines are made for it: the service's own words of both are what is compared.
    """
    if theirs.body is None or not is_for(theirs.plan, request):
        return False
    ours = _first_attempt(workspace, request, theirs.plan, theirs.group, captured)
    said = bool(request.experiment_name or request.settings.experiment_name)
    try:
        return is_same_job(workspace, ours.body or {}, theirs.body, experiment_said=said)
    except ServiceError as error:
        message = f"A job named {theirs.group} is there already, and nobody knows whether it is this one"
        hint = "Submit it again later: under its name it is made once."
        raise error.reworded(message=f"{message}: {error.message}", hint=hint) from error


def _first_attempt(
    workspace: Workspace,
    request: Request,
    plan: Plan,
    name: str,
    captured: Captured,
) -> Memory:
    """What is sent: the SDK's body with the plan on it, and on what it refers to."""
    policy, datastore = request.policy(plan.tier), request.defaults.checkpoint_datastore
    dress = Dress(
        plan=plan,
        workspace=workspace.scope.path,
        group=name,
        checkpoints=None if policy is None else checkpoint_folder(name, policy, datastore),
        timeout=request.timeout,
        display_name=request.display_name,
        experiment_name=request.experiment_name,
        environment_variables=request.environment_variables,
        tags=request.tags,
    )
    body = dressed(captured.body, dress)
    nested = dressed_nested(captured.nested, dress)
    check_said(body, dress, nested)
    if nested:
        make_nested(workspace, body, nested, plan)
    return Memory(
        group=name,
        attempt=1,
        policy=policy,
        plan=plan,
        body=body,
        api_version=captured.api_version,
        ask=None if request.steps else remembered(request.ask),
    )


def _placed(request: Request, look: Look) -> Plan:
    """The plan, and what it says of the team's rules."""
    plan = _place(request, look.market)
    useless = _useless_rules(request.ask.guard, look.market)
    return attrs.evolve(plan, warnings=(*plan.warnings, *useless))


def _place(request: Request, market: Market) -> Plan:
    if not request.steps:
        return place(request.ask, market)
    plan = place_steps(request.steps, market, timeout=request.ask.timeout)
    untaken = (words for step in request.steps for words in step.untaken)
    return attrs.evolve(plan, warnings=(*plan.warnings, *untaken))


def _useless_rules(guard: Guard, market: Market) -> Iterator[str]:
    """Patterns that match no size, here or in the tables: a star was forgotten, more often than not."""
    if guard.needs_size:
        types = (one.name for compute in market.computes or () for one in compute.instance_types)
        yield from guard.useless({*list_prices(), *(size.name for size in market.sizes), *types})


def _with_defaults(plan: Plan, request: Request) -> Plan:
    """What the plan says of the team's defaults that it rests on."""
    policy = request.policy(plan.tier)
    idle = {
        "tier": (plan.compute != SERVERLESS and bool(request.ask.computes))
        or not TRAITS[request.ask.job].has_spot,
        "checkpoint_datastore": policy is None
        or policy.checkpoint is not None
        or TRAITS[request.settings.type].has_parts,
        **dict.fromkeys(("compute", "allowed_computes"), len(request.ask.computes) == 1),  # told already
    }
    told = request.defaults.but([key for key, is_idle in idle.items() if is_idle]).told()
    return attrs.evolve(plan, reasons=(*plan.reasons, *told))


def _untyped(request: Request) -> Iterator[str]:
    """What a refusal says of settings that nobody has typed with the call, and where they stand."""
    if request.of_job:
        yield f"The job itself says {', '.join(request.of_job)}."
    for words in request.defaults.but(_PLACELESS).told():
        yield f"{words[0].upper()}{words[1:]}."


def _with_requeue(plan: Plan, request: Request) -> Plan:
    """What the plan says of nodes that are taken away."""
    policy = request.policy(plan.tier)
    if policy is None:
        return plan
    told = ["requeued while somebody waits: run.wait(), or attach(name).wait() on any machine"]
    if policy.checkpoint is not None:
        told.append(f"checkpoints: {checkpoint_folder('<name of the run>', policy, None)}")
    warnings = [*plan.warnings, *unheld(policy, plan)]
    if policy.checkpoint_as_is:
        warnings.append(
            "its folder for checkpoints is shared by all who name it: no other run may be using it"
        )
    if plan.tier is Tier.SPOT and request.settings.type is JobType.COMMAND:
        warnings += no_checkpoints(request.command, request.uploads, plan.timeout)
    return attrs.evolve(plan, requeued=True, reasons=(*plan.reasons, *told), warnings=tuple(warnings))


def _with_remarks(plan: Plan, request: Request) -> Plan:
    """What the plan says of the job itself, wherever it goes."""
    of_code = (told for upload in request.uploads for told in upload.reasons())
    of_uploads = (told for upload in request.uploads for told in upload.warnings())
    leaves = zip(request.settings.steps, plan.steps, strict=True)
    of_steps = (f"{step.path}: {told}" for one, step in leaves for told in remarks(one, step.plan))
    warnings = (*request.warnings, *of_uploads, *remarks(request.settings, plan), *of_steps)
    told = (*request.told, *(words for step in request.steps for words in step.told))
    reasons = (*plan.reasons, *told, *of_code)
    return attrs.evolve(plan, reasons=reasons, warnings=(*plan.warnings, *warnings))


def _there(workspace: Workspace, name: str) -> Memory | None:
    """The job of that name, if there is one. Raises `InvalidRequest` for one that amlrun didn't send."""
    job = find(workspace, name)
    memory = None if job is None else Memory.of_job(job)
    if job is not None and memory is None:
        message = f"name={name!r}: a job of that name is there already, and amlrun didn't send it"
        raise InvalidRequest(message, argument="name", hint="Choose another name, or leave it out.")
    return memory


def _fresh_name(request: Request) -> str:
    """`<what runs>-<ten random hex digits>`."""
    script = re.search(r"([A-Za-z0-9_-]+)\.(?:py|sh)\b", request.command)
    script = script or re.search(r"\bpython\S*\s(?:.*\s)?-m\s+(?:\w+\.)*(\w+)", request.command)
    stem = script.group(1) if script else "job"
    return f"{stem.strip('-_')[:40] or 'job'}-{secrets.token_hex(5)}"
