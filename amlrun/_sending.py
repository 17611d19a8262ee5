"""One job, once: PUT an attempt under its fixed name, and tell "ours, again" from "taken".

A PUT of a name that exists answers 200 whatever that job's state is, and gives it the tags that were sent
(recorded traffic). So a name that we didn't just make up is looked at first, and a 200 is compared with what
we remember.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._account import claims_of
from amlrun._errors import AmlrunError, NotAuthorized, ServiceError, SubmissionFailed
from amlrun._identity import IdentityKind
from amlrun._job_types import JobType
from amlrun._jobs.nested import refer
from amlrun._jobs.pipeline import acts_as_user
from amlrun._memory import Memory
from amlrun._names import attempt_name
from amlrun._readings.json_values import object_in
from amlrun._readings.workspace_replies import workspace_from
from amlrun._states import NOT_STARTED
from amlrun._wire import check, check_nested

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from amlrun._jobs.nested import Nested
    from amlrun._plan import Plan
    from amlrun._rest import Rest
    from amlrun._workspace import Workspace

_CREATED = 201
_NOT_FOUND = 404
_THROTTLED = 429
_PARTS = ("properties", "tags", "services", "outputs", "limits")
"""What a job's reply has as objects, or not at all."""
_REFUSED = 400
"""HTTP's statuses of errors begin here: what is below was done, though its reply can't be read."""


@attrs.frozen
class Sent:
    """An attempt that is there now. `status` is the service's word; `memory` what the job itself holds.

    `adopted`: it was there already.
    """

    memory: Memory
    status: str
    url: str
    adopted: bool = False


def send(
    workspace: Workspace, memory: Memory, *, new_name: bool, same: Callable[[Memory], bool] | None = None
) -> Sent:
    """PUT the attempt that `memory` describes, its body included.

    `same` tells whether a first attempt that is there, and whose digest is another one, is this one.

    `new_name`: nobody else can know this name, so no look is spent on it. Where an attempt of the same group
    and number is there already, that one is adopted: another watcher, or an earlier try of ours, won. Raises
    `SubmissionFailed` where the name belongs to another job or the service refuses the body; `NotAuthorized`;
    `PlacementNotApplied`; and a passing `ServiceError` where nobody knows whether the job was taken.
    """
    sent = _put(workspace, memory, new_name=new_name, same=same)
    name = attempt_name(memory.group, memory.attempt)
    workspace.lookups.sent(name, sent.memory.plan, sent.status, adopted=sent.adopted)
    return sent


def make_nested(workspace: Workspace, body: dict[str, Any], nested: tuple[Nested, ...], plan: Plan) -> None:
    """Let the body of a pipeline refer to its nested ones, which must carry the plan too.

    Where the SDK wrote one wrong, the right one is made first: components have no name and can't be changed.
    """
    refer(body, nested)
    check_nested(body, nested, plan, workspace.scope.path)
    for one in {one.id: one for one in nested if not one.made}.values():
        properties = {"properties": dict(one.body)}
        workspace.rest.send("PUT", one.id, api_version=one.api_version, body=properties)


def _put(
    workspace: Workspace, memory: Memory, *, new_name: bool, same: Callable[[Memory], bool] | None
) -> Sent:
    body = memory.body
    assert body is not None  # noqa: S101  callers hold a body, or have refused already
    check(body, memory.plan, workspace.scope.path)
    memory, headers = signed(workspace, memory, body)
    name = attempt_name(memory.group, memory.attempt)
    if not new_name and (there := find(workspace, name)) is not None:
        return _adopted(name, there, memory, same)
    leaving = {**body, "properties": {**(body.get("properties") or {}), **memory.to_properties()}}
    # A later one is sent while other runs wait for their turn: if it hangs, the next look tries again.
    rest = workspace.rest if memory.attempt == 1 else workspace.rest.bounded()
    try:
        reply = rest.send(
            "PUT",
            job_path(workspace, name),
            api_version=memory.api_version,
            body={"properties": leaving},
            headers=headers,
        )
        job = _job_in(reply.body, f"PUT /jobs/{name}", reply.status)
    except (ServiceError, NotAuthorized) as error:
        missing, status = False, error.status if isinstance(error, ServiceError) else 0
        unknown = isinstance(error, ServiceError) and (error.passing or status < _REFUSED)
        if unknown or error.uncertain or "JobPropertyImmutable" in error.service_code:
            there, missing = _found(workspace, name)
            if there is not None:
                return _adopted(name, there, memory, same)
        if unknown or (error.uncertain and not missing):
            # Only the last call is known to have been throttled: the first one may have been taken.
            refused = missing and status == _THROTTLED
            if not refused:  # it may be there: it counts until it is asked after
                workspace.lookups.sent(name, memory.plan)
            raise _unanswered(name, error, refused=refused) from error
        if isinstance(error, NotAuthorized):
            raise
        raise SubmissionFailed(
            f"The service refused {name}: {error.message}",
            hint=_way_out(workspace, error, body),
            status=error.status,
            service_code=error.service_code,
        ) from error
    return sent_of(job, memory) if reply.status == _CREATED else _adopted(name, job, memory, same)


def _found(workspace: Workspace, name: str) -> tuple[dict[str, Any] | None, bool]:
    """The job, if it is there and that can be seen; and whether it was seen not to be."""
    try:
        there = find(workspace, name)
    except (ServiceError, NotAuthorized):
        return None, False
    return there, there is None


def _way_out(workspace: Workspace, error: ServiceError, body: Mapping[str, Any]) -> str:
    """What to do about a refusal; of an identity that isn't there, those that are."""
    if "UserAssignedIdentityNotFound" not in error.service_code:
        return error.hint
    try:
        facts = workspace_from(workspace.rest.hurried(1).get(workspace.scope.path))
    except AmlrunError:
        return error.hint
    names = ", ".join(map(str, facts.user_assigned)) or "none"
    told = f"The user-assigned identities of {workspace.scope.workspace} are: {names}. A cluster has its own."
    sent = _identities_in(body)
    listed = [one for one in facts.user_assigned if {one.client_id, one.resource_id, one.principal_id} & sent]
    if not listed:
        asked = f"The job asks for {', '.join(sorted(sent))}. " if sent else ""
        return f"{asked}{told}"
    one = listed[0]
    return (
        f"The job asks for {one}, which the workspace lists: attached just now, it takes some minutes; else "
        f"look whether it is there still: az identity show --ids {one.resource_id}\n{told}"
    )


def _identities_in(body: Mapping[str, Any]) -> frozenset[str]:
    """The ids of managed identities that a job, or its steps, ask for."""
    steps = (body.get("jobs") or {}).values()
    ids = ("clientId", "resourceId", "objectId", "client_id", "msi_resource_id", "object_id")
    said = [(one or {}).get("identity") or {} for one in (body, *steps)]
    return frozenset(str(one[key]) for one in said for key in ids if one.get(key))


def _unanswered(name: str, error: ServiceError | NotAuthorized, *, refused: bool) -> ServiceError:
    if refused:
        hint = f"The service takes no more for now: {name} was not taken. Try again later."
    else:
        hint = (
            f"Nobody knows whether {name} was taken. amlrun.attach({name!r}) gives its run if it was; "
            "submitting again may make a second job."
        )
    hint = f"{hint}\n{error.hint}" if error.uncertain and error.hint else hint  # what refused the last call
    status = error.status if isinstance(error, ServiceError) else 0
    return ServiceError(error.message, hint=hint, status=status, service_code=error.service_code)


def find(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """The job of that name as the service tells it; None where there is none."""
    try:
        return read_job(workspace, name, workspace.rest.bounded())
    except ServiceError as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def read_job(workspace: Workspace, name: str, rest: Rest | None = None) -> dict[str, Any]:
    """GET a job, by this sender, if one is given. Raises `ServiceError` also for a reply that is none."""
    return _job_in((rest or workspace.rest).get(job_path(workspace, name)), f"GET /jobs/{name}", 200)


def _job_in(reply: Any, what: str, status: int) -> dict[str, Any]:
    """A job as the service tells it, whose parts are what everybody here takes them for."""
    properties = reply.get("properties") if isinstance(reply, dict) else None
    if isinstance(properties, dict) and properties.get("jobType"):
        found = (properties.get(part) for part in _PARTS)
        if all(part is None or isinstance(part, dict) for part in found):
            return dict(reply)
    if isinstance(reply, dict) and reply.get("name") and properties is None:
        words, hint = "of a pipeline's step nothing is told here", "Name the run that it is a step of."
    else:
        words, hint = "a reply that is no job", "Is a proxy in between?"
    raise ServiceError(f"{what}: {words}", hint=hint, status=status)


def job_path(workspace: Workspace, name: str) -> str:
    """The ARM id of a job."""
    return f"{workspace.scope.path}/jobs/{name}"


def sent_of(job: Mapping[str, Any], memory: Memory, *, adopted: bool = False) -> Sent:
    """What a reply says of the job."""
    properties = job["properties"]
    studio = object_in(object_in(properties.get("services")).get("Studio"))
    url = str(studio.get("endpoint") or "")
    return Sent(memory, str(properties.get("status") or NOT_STARTED), url, adopted)


# Assumed: a PUT that answers 200 replies with the properties of the job that was there, not with those sent.
def _adopted(
    name: str, job: Mapping[str, Any], memory: Memory, same: Callable[[Memory], bool] | None
) -> Sent:
    theirs = Memory.of_job(job)
    if theirs is None or not _is_ours(theirs, memory, same):
        raise taken(name, _differing(memory, theirs)) if memory.attempt == 1 else _blocked(name, memory)
    kept = theirs.body if theirs.body is not None else memory.body
    return sent_of(job, attrs.evolve(theirs, body=kept), adopted=True)


def taken(name: str, differing: Iterable[str] = ()) -> SubmissionFailed:
    """What is said of a name that another job of amlrun's has, and of the fields in which it differs."""
    fields = ", ".join(differing)
    return SubmissionFailed(
        f"A job named {name} is there already, and it is another one{fields and f' (see its {fields})'}",
        hint=f"Choose another name; attach({name!r}) gives that job's run.",
    )


def _blocked(name: str, memory: Memory) -> SubmissionFailed:
    """What is said where somebody's job has the name of the next attempt, which is fixed."""
    return SubmissionFailed(
        f"Attempt {memory.attempt} of {memory.group} can't be sent: its name, {name}, is that of another job",
        hint=f"No attempt of {memory.group} can follow. Submit it anew, under another name; "
        "its checkpoints are where they were: Requeue(checkpoint=…, checkpoint_as_is=True).",
    )


def _differing(ours: Memory, theirs: Memory | None) -> list[str]:
    """The fields of the two bodies that aren't the same; where nothing is known of the other's, none."""
    if theirs is None or theirs.body is None or ours.body is None:
        return []
    one, other = ours.body, theirs.body
    return sorted(key for key in {*one, *other} - {"properties"} if one.get(key) != other.get(key))


def _is_ours(theirs: Memory, ours: Memory, same: Callable[[Memory], bool] | None) -> bool:
    if (theirs.group, theirs.attempt) != (ours.group, ours.attempt):
        return False
    if ours.attempt > 1 or theirs.digest == ours.digest:
        return True
    return same is not None and same(theirs)


def signed(workspace: Workspace, memory: Memory, body: Mapping[str, Any]) -> tuple[Memory, dict[str, str]]:
    """A pipeline, and a job with the submitter's identity, travel with a token of theirs, never stored.

    Only who submitted may send a further attempt of what runs with their rights: it would run with the rights
    of whoever sends it.
    """
    is_user = str((body.get("identity") or {}).get("identityType")) == IdentityKind.USER
    if not is_user and str(body["jobType"]) != JobType.PIPELINE:
        return memory, {}
    token = workspace.rest.token(workspace.rest.wire.cloud.learning_scope)
    if not is_user and not acts_as_user(body):
        return memory, {"x-azureml-token": token}
    principal = _object_id(token)
    if memory.principal not in (None, principal):
        raise SubmissionFailed(
            f"{memory.group} runs with the identity of another person ({memory.principal})",
            hint=f"Only they can go on with it: amlrun.attach({memory.group!r}).wait().",
        )
    return attrs.evolve(memory, principal=principal), {"x-azureml-token": token}


def _object_id(token: str) -> str | None:
    """The `oid` claim of a token; None where it has none that can be read."""
    found = claims_of(token).get("oid")
    return None if found is None else str(found)
