"""One adapter for each type of job: what is put on its body, and what must stand there when it leaves. Pure.

A body is `properties` of `PUT …/jobs/{name}`; its `jobType` says which adapter is meant.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._job_types import JobType
from amlrun._jobs.automl import automl_fields, dress_automl
from amlrun._jobs.command import command_fields, dress_command
from amlrun._jobs.experiments import DEFAULT_EXPERIMENT, valid_experiment
from amlrun._jobs.pipeline import dress_pipeline, pipeline_fields
from amlrun._jobs.shared_memory import without_shared_memory
from amlrun._jobs.spark import dress_spark, spark_fields
from amlrun._jobs.sweep import dress_sweep, sweep_fields
from amlrun._jobs.tuning import dress_tuning, tuning_fields
from amlrun._memory import without_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from amlrun._jobs.dress import Dress
    from amlrun._plan import Plan

Field = tuple[tuple[str, ...], Any]
"""A JSON path in a body, and the value that must stand there; None: must not be there."""


@attrs.frozen
class Adapter:
    """How one type carries a plan.

    `dress` changes the body that it is given, which is a copy. `fields` are where the plan must stand in it.
    """

    dress: Callable[[dict[str, Any], Dress], None]
    fields: Callable[[Mapping[str, Any], Plan, str], Iterator[Field]]


ADAPTERS: dict[JobType, Adapter] = {
    JobType.COMMAND: Adapter(dress_command, command_fields),
    JobType.SWEEP: Adapter(dress_sweep, sweep_fields),
    JobType.AUTOML: Adapter(dress_automl, automl_fields),
    JobType.PIPELINE: Adapter(dress_pipeline, pipeline_fields),
    JobType.SPARK: Adapter(dress_spark, spark_fields),
    JobType.FINE_TUNING: Adapter(dress_tuning, tuning_fields),
}


def dressed(body: Mapping[str, Any], dress: Dress) -> dict[str, Any]:
    """The body of this attempt, a new one. What is None in `dress` stays as the job has it."""
    job = copy.deepcopy(dict(body))
    for part in ("tags", "properties"):  # another run's, where the job was made from one
        said = without_memory(job.get(part) or {})  # azure-ai-ml sends numbers, which the service refuses
        job[part] = {name: value if value is None else str(value) for name, value in said.items()}
    # Assumed: fine-tuning reads its identity where the API has it for all jobs; azure-ai-ml leaves it out.
    if dress.plan.identity is not None:
        job["identity"] = dress.plan.identity.to_body()
    for key, value in (("displayName", dress.display_name), ("experimentName", dress.experiment_name)):
        if value is not None:
            job[key] = value
    if job.get("experimentName"):  # azure-ai-ml makes one of the current folder's name, whatever that is
        job["experimentName"] = valid_experiment(job["experimentName"]) or DEFAULT_EXPERIMENT
    if dress.tags:
        job["tags"] = {**(job.get("tags") or {}), **dress.tags}
    if dress.former is not None:
        without_shared_memory(job, dress.former)
    adapter_of(job).dress(job, dress)
    return job


def adapter_of(body: Mapping[str, Any]) -> Adapter:
    """The adapter of this body's type."""
    return ADAPTERS[JobType(str(body["jobType"]))]
