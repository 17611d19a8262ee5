"""Command jobs: where a plan, an identity and an attempt stand in the body. Pure: a body in, a new body out.

The body is `properties` of `PUT …/jobs/{name}` (definition `CommandJob`), as `azure-ai-ml` wrote it.
https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._durations import iso
from amlrun._memory import without_memory
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._identity import Identity
    from amlrun._plan import Plan

JOB_TIER: dict[Tier, str] = {Tier.STANDARD: "Standard", Tier.SPOT: "Spot", Tier.AUTO: "Standard"}
"""The service's words. A plan's tier is never `AUTO`; the mapping is total all the same."""
CHECKPOINTS = "amlrun_checkpoints"
"""The output that survives a requeue: the same datastore path for every attempt of a group."""
CHECKPOINT_VARIABLE = "AMLRUN_CHECKPOINT_DIR"
GROUP_VARIABLE = "AMLRUN_GROUP"
ATTEMPT_VARIABLE = "AMLRUN_ATTEMPT"
LAST_ENDING_VARIABLE = "AMLRUN_LAST_ENDING"
OWN_VARIABLES = frozenset({CHECKPOINT_VARIABLE, GROUP_VARIABLE, ATTEMPT_VARIABLE, LAST_ENDING_VARIABLE})
DATASTORE = "workspaceblobstore"
"""Every workspace has it."""
# `${{outputs.x}}` is replaced in the command only, never in environment_variables: hence the export.
_BIND = f"export {CHECKPOINT_VARIABLE}=${{{{outputs.{CHECKPOINTS}}}}}; "


@attrs.frozen(kw_only=True)
class Dress:
    """What amlrun puts on a body. `compute_id` None: serverless. `timeout` in seconds.

    `datastore` is where checkpoints go, None: the one that every workspace has.
    """

    plan: Plan
    compute_id: str | None
    group: str
    attempt: int = 1
    last_ending: str | None = None
    checkpoints: bool = False
    datastore: str | None = None
    identity: Identity | None = None
    timeout: float | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    environment_variables: Mapping[str, str] = attrs.field(factory=dict)
    tags: Mapping[str, str] = attrs.field(factory=dict)


def dressed(body: Mapping[str, Any], dress: Dress) -> dict[str, Any]:
    """The body of this attempt. What is None in `dress` stays as the job has it."""
    job = copy.deepcopy(dict(body))
    for part in ("tags", "properties"):  # another run's, where the job was made from one
        job[part] = without_memory(job.get(part) or {})
    _place(job, dress.plan, dress.compute_id)
    if dress.identity is not None:
        job["identity"] = dress.identity.to_body()
    if dress.timeout is not None:
        job["limits"] = {"jobLimitsType": "Command", "timeout": iso(dress.timeout)}
    for key, value in (("displayName", dress.display_name), ("experimentName", dress.experiment_name)):
        if value is not None:
            job[key] = value
    if dress.tags:
        job["tags"] = {**(job.get("tags") or {}), **dress.tags}
    variables = {**(job.get("environmentVariables") or {}), **dress.environment_variables}
    variables.update({GROUP_VARIABLE: dress.group, ATTEMPT_VARIABLE: str(dress.attempt)})
    if dress.last_ending is not None:
        variables[LAST_ENDING_VARIABLE] = dress.last_ending
    job["environmentVariables"] = variables
    if dress.checkpoints:
        _bind_checkpoints(job, dress.group, dress.datastore or DATASTORE)
    return job


def placement_fields(plan: Plan, compute_id: str | None) -> Iterator[tuple[str, Any]]:
    """Where the plan must stand in a body that leaves: JSON paths and values; None: must not be there.

    Assumed: `Standard`, said, is the same as no tier, which is documented as dedicated; and a job of a
    cluster needs no size, since the nodes have one.
    """
    yield "computeId", compute_id
    yield "resources.instanceType", plan.instance_type if _names_size(plan) else None
    yield "resources.instanceCount", plan.instance_count
    yield "queueSettings.jobTier", JOB_TIER[plan.tier] if plan.compute == SERVERLESS else None


def _names_size(plan: Plan) -> bool:
    """Whether the body says on what: where there is a choice, or might be one for all that is known.

    Assumed: a cluster's job that names an instance type (its compute couldn't be read) is taken all the same.
    """
    return plan.compute == SERVERLESS or plan.kind in {Kind.KUBERNETES, Kind.UNKNOWN}


def _place(job: dict[str, Any], plan: Plan, compute_id: str | None) -> None:
    resources = dict(job.get("resources") or {})
    queue = dict(job.get("queueSettings") or {})
    resources["instanceCount"] = plan.instance_count
    resources.pop("instanceType", None)
    queue.pop("jobTier", None)
    job.pop("computeId", None)
    if compute_id is not None:
        job["computeId"] = compute_id
    else:
        queue["jobTier"] = JOB_TIER[plan.tier]
    if plan.instance_type is not None and _names_size(plan):
        resources["instanceType"] = plan.instance_type
    job["resources"] = resources
    if queue:
        job["queueSettings"] = queue
    else:
        job.pop("queueSettings", None)


def _bind_checkpoints(job: dict[str, Any], group: str, datastore: str) -> None:
    # Assumed: two attempts that mount the same path for writing, one after the other, see each other's files.
    outputs = dict(job.get("outputs") or {})
    outputs[CHECKPOINTS] = {
        "jobOutputType": "uri_folder",
        "mode": "ReadWriteMount",
        "uri": f"azureml://datastores/{datastore}/paths/amlrun/{group}/",
    }
    job["outputs"] = outputs
    if not job["command"].startswith(_BIND):
        job["command"] = _BIND + job["command"]
