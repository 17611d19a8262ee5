"""From a request, planned, to a job that was sent: the order of steps, nothing more."""

from __future__ import annotations

import logging
import re
import secrets
from typing import TYPE_CHECKING

import attrs

from amlrun._asking.folders import is_remote
from amlrun._asking.memo import remembered
from amlrun._creation import make, path_of
from amlrun._entities import bodies
from amlrun._errors import (
    REFUSALS,
    AmlrunError,
    InvalidRequest,
    NotAuthorized,
    ServiceError,
    SubmissionFailed,
)
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress, checkpoint_folder
from amlrun._jobs.nested import dressed_nested
from amlrun._look import catch_up, started
from amlrun._memory import Memory
from amlrun._planning import decide
from amlrun._run import Run
from amlrun._sameness import is_for, is_same_job
from amlrun._sending import find, make_nested, send, taken
from amlrun._wire import check_said

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._asking.request import Request
    from amlrun._look import Watched
    from amlrun._plan import Plan
    from amlrun._sdk import Captured
    from amlrun._sending import Sent
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")


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
    except (KeyboardInterrupt, SystemExit):  # its name may be known to nobody else
        words = "%s was on its way and may be there: `amlrun status %s` tells, `amlrun cancel %s` cancels it"
        _log.warning(words, name, name, name)
        raise
    _log.info("%s: %s", name, "was there already" if sent.adopted else f"sent to {plan.compute}")
    return Run(workspace, _further(workspace, sent) if sent.adopted and request.name else started(sent))


def _further(workspace: Workspace, sent: Sent) -> Watched:
    """Where a run is by now that was sent before, under a name that others know.

    It is there, whatever becomes of this look: to fail on it would look as if nothing had been sent.
    """
    first = started(sent)
    try:
        return catch_up(workspace, first)
    except AmlrunError as error:
        _log.warning("%s: how far it is can't be read now: %s", first.memory.group, error.message)
        return first


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
