"""Where a place stands in the bodies of command jobs, sweeps and AutoML jobs. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._jobs.dress import compute_id, names_size, tier_word
from amlrun._jobs.shared_memory import with_shared_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._plan import Plan

_CLASHING = ("instance_type", "instance_count", "job_tier")
"""Names by which azure-ai-ml 1.35 says them, where it says them wrong: the service knows none of these."""


def placed(job: dict[str, Any], plan: Plan, workspace: str) -> None:
    """Put the plan's place on a body, whatever stood there."""
    job["resources"] = sized(job.get("resources"), plan)
    queue = spelt(job.get("queueSettings"))
    for part, key, value in (
        (job, "computeId", compute_id(workspace, plan)),
        (queue, "jobTier", tier_word(plan)),
    ):
        part.pop(key, None)
        if value is not None:
            part[key] = value
    job.pop("queueSettings", None)
    if queue:
        job["queueSettings"] = queue


def sized(resources: Mapping[str, Any] | None, plan: Plan) -> dict[str, Any]:
    """The resources with the plan's size and count, and shared memory for its GPUs."""
    found = {**spelt(resources), "instanceCount": plan.instance_count}
    found.pop("instanceType", None)
    if plan.instance_type is not None and names_size(plan):
        found["instanceType"] = plan.instance_type
    return with_shared_memory(found, plan)


def place_fields(plan: Plan, workspace: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the place must stand in a body that leaves: JSON paths and values; None: must not be there.

    Assumed: `Standard`, said, is the same as no tier, which is documented as dedicated; and a job of a
    cluster needs no size, since the nodes have one.
    """
    yield ("computeId",), compute_id(workspace, plan)
    yield from size_fields(("resources",), plan)
    yield ("queueSettings", "jobTier"), tier_word(plan)
    yield from ((("queueSettings", name), None) for name in _CLASHING)


def size_fields(part: tuple[str, ...], plan: Plan) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where size and count must stand in the resources of that part."""
    yield (*part, "instanceType"), plan.instance_type if names_size(plan) else None
    yield (*part, "instanceCount"), plan.instance_count
    yield from (((*part, name), None) for name in _CLASHING)


def spelt(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is said, by the service's names."""
    said = {name: value for name, value in (settings or {}).items() if value is not None}
    return {_camel(name): value for name, value in said.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
