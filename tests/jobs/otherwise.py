"""What a job says of its place, all of which is to be another: an argument wins over each of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.ai.ml import ManagedIdentityConfiguration
from azure.ai.ml.entities import (
    JobResourceConfiguration,
    JobResources,
    QueueSettings,
    SparkResourceConfiguration,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER_CLIENT_ID = "66666666-7777-8888-9999-000000000000"
OTHER_COUNT = 3


def saying_otherwise(
    job: Any, *, compute: str | None, size: str, tier: str, has_identity: bool = True
) -> Any:
    """The job, which says these itself, or of whose steps each does."""
    for part in parts(job):
        _say(part, compute=compute, size=size, tier=tier)
        if has_identity:
            part.identity = ManagedIdentityConfiguration(client_id=OTHER_CLIENT_ID)
    if job.type == "pipeline":
        job.settings.default_compute = compute
        job.settings.queue_settings = {"job_tier": tier}
    return job


def parts(job: Any) -> Iterator[Any]:
    """What runs: the job, or the steps of a pipeline and of those within it."""
    if job.type != "pipeline":
        yield job
        return
    for node in (job.jobs if "jobs" in dir(type(job)) else job.component.jobs).values():
        yield from parts(node)


def _say(part: Any, *, compute: str | None, size: str, tier: str) -> None:
    """Each type has its own class for its resources; only Spark and parallel jobs have no tier."""
    if part.type == "spark":  # which has either
        part.resources = SparkResourceConfiguration(instance_type=size, runtime_version="3.4")
        return
    part.compute = compute
    if part.type == "finetuning":
        part.resources = JobResources(instance_types=[size])
    else:
        part.resources = JobResourceConfiguration(instance_type=size, instance_count=OTHER_COUNT)
    if part.type != "parallel":
        part.queue_settings = QueueSettings(job_tier=tier)
