"""The body that the SDK writes for a request: an entity is made, and captured at its PUT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun import _sdk
from amlrun._entities.automl import automl_entity, automl_environment
from amlrun._entities.bound import hide, shown
from amlrun._entities.code import parts_of, staged_code
from amlrun._entities.command import command_entity, outputs_of
from amlrun._entities.environments import environment_of, name_versions
from amlrun._entities.lost import with_lost
from amlrun._entities.pipeline import nested_of, nested_parts, pipeline_entity
from amlrun._entities.spark import spark_entity
from amlrun._entities.sweep import sweep_entity
from amlrun._entities.tuning import tuning_entity
from amlrun._errors import InvalidRequest
from amlrun._job_types import JobType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azure.ai.ml import MLClient

    from amlrun._asking.request import Request
    from amlrun._plan import Plan

_ENTITIES: dict[JobType, Callable[[Request, Plan], Any]] = {
    JobType.COMMAND: command_entity,
    JobType.SWEEP: sweep_entity,
    JobType.AUTOML: automl_entity,
    JobType.PIPELINE: pipeline_entity,
    JobType.SPARK: spark_entity,
    JobType.FINE_TUNING: tuning_entity,
}
"""What makes an entity of each type: a copy, if it was the user's, with the request's arguments on it."""
_DROPPED = ("path_on_compute", "early_available")
"""What the SDK takes for an input or an output, and doesn't send."""
_WITH_RESOURCES = frozenset({JobType.COMMAND, JobType.SWEEP})
"""Whose resources say more than a size and how many."""


def captured(client: MLClient, request: Request, plan: Plan, name: str) -> _sdk.Captured:
    """The body that the SDK would send for this request. Uploads what the job has to upload.

    Raises `InvalidRequest` for what the SDK refuses.
    """
    entity = _ENTITIES[request.settings.type](request, plan)
    entity.name = name
    if request.settings.type is not JobType.PIPELINE:
        _refuse_dropped(entity, request)
    if not isinstance(request.source, str):
        hide(entity, {*request.inputs, *request.outputs})
    name_versions(client, parts_of(entity))
    nested = nested_parts(entity) if request.settings.type is JobType.PIPELINE else {}
    with staged_code(entity, request.uploads):
        captured = _sdk.capture(client, entity)
        captured = attrs.evolve(captured, nested=nested_of(client, captured.body, nested))
    if request.settings.type in _WITH_RESOURCES:
        captured = attrs.evolve(captured, body=with_lost(captured.body, entity))
    if isinstance(request.source, str):
        return captured
    is_automl = request.settings.type is JobType.AUTOML
    environment = automl_environment(request, entity) if is_automl else None
    data = {
        "inputs": dict(request.inputs),
        "outputs": {**(_sdk.own_outputs(entity) if is_automl else {}), **outputs_of(request)},
    }
    if not (any(data.values()) or environment):
        return captured
    found = _resolved(client, environment, data)
    body = _with_data(shown(captured.body), found, data)
    if environment is not None:
        body["environmentId"] = found["environmentId"]
    return attrs.evolve(captured, body=body)


def _refuse_dropped(entity: Any, request: Request) -> None:
    for part, given in (("inputs", request.inputs), ("outputs", request.outputs)):
        for name, value in {**(getattr(entity, part, None) or {}), **given}.items():
            said = _sdk.said_of(value)
            for field in (one for one in _DROPPED if getattr(said, one, None)):
                message = f"{part}: {name} says {field}, which azure-ai-ml leaves out of a job's body"
                hint = "Leave it out: the command is told the path, as ${{outputs.…}} or ${{inputs.…}}."
                raise InvalidRequest(message, argument=part, hint=hint)


def _resolved(client: MLClient, environment: Any, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Inputs, outputs and an environment, resolved by the SDK in a job that carries nothing else."""
    environment = environment_of(environment) or "azureml:unused:1"
    return _sdk.capture(client, _sdk.build(command="true", environment=environment, **data)).body


def _with_data(
    body: Mapping[str, Any], data: Mapping[str, Any], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part, names in given.items():
        resolved = data.get(part) or {}
        lost = sorted(set(names) - set(resolved))
        if lost:
            message = f"{part}: azure-ai-ml leaves {lost[0]} out"
            raise InvalidRequest(message, argument=part, hint="Give the value itself, or another form of it.")
        if names:
            merged[part] = {**(body.get(part) or {}), **resolved}
    return {**body, **merged}
