"""One job, once: PUT an attempt under its fixed name, and tell "ours, again" from "taken".

A PUT of a name that exists answers 200 whatever that job's state is, and gives it the tags that were sent
(recorded traffic). So a name that we didn't just make up is looked at first, and a 200 is compared with what
we remember.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import ServiceError, SubmissionFailed
from amlrun._identity import IdentityKind
from amlrun._memory import Memory, attempt_name
from amlrun._wire import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._workspace import Workspace

USER_TOKEN_SCOPE = "https://ml.azure.com/.default"  # noqa: S105  an audience, not a token
_CREATED = 201
_NOT_FOUND = 404


@attrs.frozen
class Sent:
    """An attempt that is there now. `status` is the service's word; `memory` what the job itself holds."""

    memory: Memory
    status: str
    url: str


def compute_id(workspace: Workspace, memory: Memory) -> str | None:
    """The ARM id of the plan's cluster; None for serverless."""
    compute = memory.plan.compute
    return None if compute == "serverless" else f"{workspace.scope.path}/computes/{compute}"


def send(workspace: Workspace, memory: Memory, *, new_name: bool) -> Sent:
    """PUT the attempt that `memory` describes, its body included.

    `new_name`: nobody else can know this name, so no look is spent on it. Where an attempt of the same group
    and number is there already, that one is adopted: another watcher, or an earlier try of ours, won. Raises
    `SubmissionFailed` where the name belongs to another job or the service refuses the body, `NotAuthorized`,
    `PlacementNotApplied`.
    """
    assert memory.body is not None  # noqa: S101  callers hold a body, or have refused already
    check(memory.body, memory.plan, compute_id(workspace, memory))
    name = attempt_name(memory.group, memory.attempt)
    if not new_name and (there := find(workspace, name)) is not None:
        return _adopted(name, there, memory)
    properties = {**(memory.body.get("properties") or {}), **memory.to_properties()}
    body = {"properties": {**memory.body, "properties": properties}}
    try:
        reply = workspace.rest.send(
            "PUT",
            job_path(workspace, name),
            api_version=memory.api_version,
            body=body,
            headers=_headers(workspace, memory.body),
        )
    except ServiceError as error:
        if "JobPropertyImmutable" in error.service_code and (there := find(workspace, name)) is not None:
            return _adopted(name, there, memory)
        raise SubmissionFailed(
            f"The service refused {name}: {error.message}",
            hint=error.hint,
            status=error.status,
            service_code=error.service_code,
        ) from error
    return sent_of(reply.body, memory) if reply.status == _CREATED else _adopted(name, reply.body, memory)


def find(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """The job of that name as the service tells it; None where there is none."""
    try:
        return workspace.rest.get(job_path(workspace, name))
    except ServiceError as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def job_path(workspace: Workspace, name: str) -> str:
    """The ARM id of a job."""
    return f"{workspace.scope.path}/jobs/{name}"


def sent_of(job: Mapping[str, Any], memory: Memory) -> Sent:
    """What a reply says of the job."""
    properties = job["properties"]
    studio = (properties.get("services") or {}).get("Studio") or {}
    return Sent(memory, str(properties.get("status") or "NotStarted"), str(studio.get("endpoint") or ""))


# Assumed: a PUT that answers 200 replies with the properties of the job that was there, not with those sent.
def _adopted(name: str, job: Mapping[str, Any], memory: Memory) -> Sent:
    theirs = Memory.from_properties(job["properties"].get("properties") or {})
    same = theirs is not None and (theirs.group, theirs.attempt) == (memory.group, memory.attempt)
    if theirs is None or not same or (memory.attempt == 1 and theirs.body != memory.body):
        raise SubmissionFailed(
            f"A job named {name} is there already, and it is another one",
            hint=f"Choose another name; attach({name!r}) gives that job's run.",
        )
    kept = theirs.body if theirs.body is not None else memory.body
    return sent_of(job, attrs.evolve(theirs, body=kept))


def _headers(workspace: Workspace, body: Mapping[str, Any]) -> dict[str, str]:
    """A job with the submitter's identity travels with a fresh token of theirs; it is never stored."""
    identity = body.get("identity") or {}
    if str(identity.get("identityType")) != IdentityKind.USER:
        return {}
    return {"x-azureml-token": workspace.rest.token(USER_TOKEN_SCOPE)}
