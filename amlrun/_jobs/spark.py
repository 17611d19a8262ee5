"""Spark jobs: where a plan stands in the body. Pure: a body in, changed.

The body is definition `SparkJob`. https://learn.microsoft.com/azure/machine-learning/how-to-submit-spark-jobs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._jobs.dress import Dress, compute_id
from amlrun._needs import SERVERLESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._plan import Plan

_DIRECT = "Direct"
_LITERAL = "literal"


def dress_spark(job: dict[str, Any], dress: Dress) -> None:
    """Put a pool, or a size of serverless Spark, on the body. There is no tier, no count and no time-out."""
    plan = dress.plan
    found = {"computeId": compute_id(dress.workspace, plan), "resources": _resources(job, plan)}
    for field, value in found.items():
        if value is None:
            job.pop(field, None)
        else:
            job[field] = value
    for kind, part in (("jobInputType", "inputs"), ("jobOutputType", "outputs")):
        for binding in (job.get(part) or {}).values():
            if str(binding.get(kind)).lower() != _LITERAL:
                binding["mode"] = _DIRECT


def spark_fields(
    _body: Mapping[str, Any], plan: Plan, workspace: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the plan must stand in a body that leaves."""
    yield ("computeId",), compute_id(workspace, plan)
    yield ("resources", "instanceType"), plan.instance_type if plan.compute == SERVERLESS else None
    yield ("queueSettings", "jobTier"), None


def _resources(job: Mapping[str, Any], plan: Plan) -> dict[str, Any] | None:
    if plan.compute != SERVERLESS:
        return None
    return {**(job.get("resources") or {}), "instanceType": plan.instance_type}
