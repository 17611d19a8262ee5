"""What amlrun puts on the body of a job, whatever its type. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._identity import CLIENT_ID_VARIABLE
from amlrun._names import ATTEMPT_VARIABLE, GROUP_VARIABLE, LAST_ENDING_VARIABLE
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind, Tier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._plan import Plan
    from amlrun._requeue import Requeue

JOB_TIER: dict[Tier, str] = {Tier.STANDARD: "Standard", Tier.SPOT: "Spot", Tier.AUTO: "Standard"}
"""The service's words. A plan's tier is never `AUTO`; the mapping is total all the same."""
DATASTORE = "workspaceblobstore"
"""Every workspace has it."""


@attrs.frozen(kw_only=True)
class Dress:
    """What amlrun puts on a body. `workspace` is its ARM id; `timeout` in seconds.

    `checkpoints` is the URI of the folder for checkpoints; None: there is none to be put on, or it is there
    already. `former` is the plan that was put on this body before, for an earlier attempt. What is None stays
    as the job has it.
    """

    plan: Plan
    workspace: str
    group: str
    attempt: int = 1
    last_ending: str | None = None
    former: Plan | None = None
    checkpoints: str | None = None
    timeout: float | None = None
    display_name: str | None = None
    experiment_name: str | None = None
    environment_variables: Mapping[str, str] = attrs.field(factory=dict)
    tags: Mapping[str, str] = attrs.field(factory=dict)

    def variables(self, of_job: Mapping[str, str] | None) -> dict[str, str]:
        """The environment variables of this attempt."""
        own = {GROUP_VARIABLE: self.group, ATTEMPT_VARIABLE: str(self.attempt)}
        if self.last_ending is not None:
            own[LAST_ENDING_VARIABLE] = self.last_ending
        given = {**(of_job or {}), **self.environment_variables}
        return {**with_client_id(given, self.plan, self.former), **own}


def with_client_id(
    variables: Mapping[str, str] | None, plan: Plan, former: Plan | None = None
) -> dict[str, str]:
    """Environment variables with the client id of the job's identity at its place, which may have none.

    What `former` had put there for its own is taken away; what the job itself says stays, by its plan.
    """
    found = dict(variables or {})
    if former is not None and former.client_id and found.get(CLIENT_ID_VARIABLE) == former.client_id:
        del found[CLIENT_ID_VARIABLE]
    return {**found, **({CLIENT_ID_VARIABLE: plan.client_id} if plan.client_id else {})}


def checkpoint_folder(group: str, policy: Requeue, datastore: str | None) -> str:
    """The folder for checkpoints of a group, the same for each of its attempts: its URI, with a slash behind.

    `datastore` is the team's; None: the one that every workspace has. No two groups have the same, unless
    the policy says that its folder is meant as it is.
    """
    if policy.checkpoint is None:
        return f"azureml://datastores/{datastore or DATASTORE}/paths/amlrun/{group}/"
    folder = policy.checkpoint.rstrip("/")
    return f"{folder}/" if policy.checkpoint_as_is else f"{folder}/{group}/"


def compute_id(workspace: str, plan: Plan) -> str | None:
    """The ARM id of the plan's compute, in the workspace of that ARM id; None for serverless."""
    return None if plan.compute == SERVERLESS else f"{workspace}/computes/{plan.compute}"


def names_size(plan: Plan) -> bool:
    """Whether the body says on what: where there is a choice, or might be one for all that is known.

    Assumed: a cluster's job that names an instance type (its compute couldn't be read) is taken all the same.
    """
    return plan.compute == SERVERLESS or plan.kind in {Kind.KUBERNETES, Kind.UNKNOWN}


def tier_word(plan: Plan) -> str | None:
    """The plan's tier as a body says it; None where none is said: a cluster has its own."""
    return JOB_TIER[plan.tier] if plan.compute == SERVERLESS else None
