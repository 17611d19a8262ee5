"""Fine-tuning jobs: where a plan stands in the body. Pure: a body in, changed.

The body is definition `FineTuningJob` of the API version that the SDK sends it to (2024-10-01-preview), with
fields for instance types and the tier that 2024-01-01-preview doesn't have yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._jobs.dress import Dress, compute_id, tier_word
from amlrun._needs import SERVERLESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._plan import Plan


def dress_tuning(job: dict[str, Any], dress: Dress) -> None:
    """Put place, size and tier on the body. There is no count and no time-out.

    Assumed: the tier counts for fine-tuning as for other jobs: the API and the SDK have it.
    """
    plan, queue = dress.plan, dict(job.get("queueSettings") or {})
    queue.pop("jobTier", None)
    tier = tier_word(plan)
    if tier is not None:
        queue["jobTier"] = tier
    found = {
        "computeId": compute_id(dress.workspace, plan),
        "resources": None if _types(plan) is None else {"instanceTypes": _types(plan)},
        "queueSettings": queue or None,
    }
    for field, value in found.items():
        if value is None:
            job.pop(field, None)
        else:
            job[field] = value


def tuning_fields(
    _body: Mapping[str, Any], plan: Plan, workspace: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the plan must stand in a body that leaves."""
    yield ("computeId",), compute_id(workspace, plan)
    yield ("resources", "instanceTypes"), _types(plan)
    yield ("queueSettings", "jobTier"), tier_word(plan)


def _types(plan: Plan) -> list[str] | None:
    """The one that was planned, of those that the job would leave to the service to choose from."""
    return [plan.instance_type] if plan.compute == SERVERLESS and plan.instance_type else None
