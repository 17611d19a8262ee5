"""Command jobs: where a plan, an identity and an attempt stand in the body. Pure: a body in, a new body out.

The body is `properties` of `PUT …/jobs/{name}` (definition `CommandJob`), as `azure-ai-ml` wrote it.
https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._durations import iso
from amlrun._jobs.dress import (
    CHECKPOINT_VARIABLE,
    CHECKPOINTS,
    DATASTORE,
    Dress,
    compute_id,
    names_size,
    tier_word,
)
from amlrun._jobs.shared_memory import with_shared_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._plan import Plan

# `${{outputs.x}}` is replaced in the command only, never in environment_variables: hence the export.
_BIND = f"export {CHECKPOINT_VARIABLE}=${{{{outputs.{CHECKPOINTS}}}}}; "


def dress_command(job: dict[str, Any], dress: Dress) -> None:
    """Put placement, time-out, variables and checkpoints on the body of a command job."""
    _place(job, dress.plan, dress.workspace)
    if dress.timeout is not None:
        job["limits"] = {"jobLimitsType": "Command", "timeout": iso(dress.timeout)}
    job["environmentVariables"] = dress.variables(job.get("environmentVariables"))
    if dress.checkpoints:
        _bind_checkpoints(job, dress.group, dress.datastore or DATASTORE)


def command_fields(
    _body: Mapping[str, Any], plan: Plan, workspace: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the plan must stand in a body that leaves: JSON paths and values; None: must not be there.

    Assumed: `Standard`, said, is the same as no tier, which is documented as dedicated; and a job of a
    cluster needs no size, since the nodes have one.
    """
    yield ("computeId",), compute_id(workspace, plan)
    yield ("resources", "instanceType"), plan.instance_type if names_size(plan) else None
    yield ("resources", "instanceCount"), plan.instance_count
    yield ("queueSettings", "jobTier"), tier_word(plan)


def _place(job: dict[str, Any], plan: Plan, workspace: str) -> None:
    resources = dict(job.get("resources") or {})
    queue = dict(job.get("queueSettings") or {})
    resources["instanceCount"] = plan.instance_count
    resources.pop("instanceType", None)
    queue.pop("jobTier", None)
    job.pop("computeId", None)
    compute = compute_id(workspace, plan)
    if compute is not None:
        job["computeId"] = compute
    tier = tier_word(plan)
    if tier is not None:
        queue["jobTier"] = tier
    if plan.instance_type is not None and names_size(plan):
        resources["instanceType"] = plan.instance_type
    job["resources"] = with_shared_memory(resources, plan)
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
