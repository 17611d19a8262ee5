"""Pipelines, as entities of the SDK, and the components that it makes of nested ones.

A place is put on the body, where the steps of the job itself stand. Those of a nested pipeline leave earlier,
in the body of a component: theirs is put on the entities, so that the SDK writes it there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import _sdk
from amlrun._asking.parts import read
from amlrun._asking.yamlfile import read_yaml
from amlrun._entities.automl import find_data
from amlrun._entities.environments import environment_of
from amlrun._entities.lost import join_docker_args
from amlrun._entities.own import text_variables
from amlrun._entities.spellings import well_spelt
from amlrun._errors import InvalidRequest
from amlrun._job_types import JobType
from amlrun._jobs.dress import JOB_TIER, names_size, with_client_id
from amlrun._jobs.nested import Nested
from amlrun._jobs.pipeline import is_component
from amlrun._jobs.shared_memory import step_with_shared_memory
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.ai.ml import MLClient

    from amlrun._asking.request import Request
    from amlrun._plan import Plan
    from amlrun._plan.steps import StepPlan

_RESOURCES = (
    "instance_type",
    "instance_count",
    "max_instance_count",
    "locations",
    "properties",
    "docker_args",
    "shm_size",
    "runtime_version",
)


def pipeline_entity(request: Request, plan: Plan) -> Any:
    """A pipeline of the SDK, loaded from a file or a copy of the user's, as the SDK needs it for its body.

    Its default compute is serverless: whatever the steps have, the SDK asks for a compute, and looks up any
    other. Raises `InvalidRequest` for two nested pipelines that are one object and were planned differently.
    """
    if isinstance(request.source, Path):
        with well_spelt(request.source) as over:
            job = _sdk.load(request.source, code=None, environment=None, over=over)
    else:
        job = _sdk.copied(request.source)
    for _, node in _nodes(job, ""):
        if _is_pipeline(node):
            _leave_place_to_steps(node)
    job.settings.default_compute = SERVERLESS
    job.compute = None
    if read(job, "identity") is not None:
        job.identity = None
    placed: dict[int, Plan] = {}
    for path, node in leaves(job):
        step = next(step for step in plan.steps if step.path == path)
        if placed.setdefault(id(node), step.plan) != step.plan:
            message = f"The step {path} is one object with another step, which was planned differently"
            hint = "Load the component of the nested pipeline once for each of them: load_component(…)."
            raise InvalidRequest(message, argument="job", hint=hint)
        _write_well(node)
        if step.type is JobType.AUTOML and isinstance(request.source, Path) and "." not in path:
            find_data(node, request.source.parent)
        if "." in path or not _has_jobs(job, request):
            _place(node, step)
        elif step.type is not JobType.SPARK:  # whose identity goes by its compute, where none is said
            node.compute = None
    return job


def _leave_place_to_steps(node: Any) -> None:
    """Of a nested pipeline each step has its own by now; the SDK would say that this is ignored."""
    node.compute = None
    if read(node, "settings", "default_compute") is not None:
        node.settings.default_compute = None


def leaves(job: Any) -> Iterator[tuple[str, Any]]:
    """The steps of an entity with their paths, those of nested pipelines too."""
    for path, node in _nodes(job, ""):
        if _is_pipeline(node):
            continue
        yield path, node


def nested_of(client: MLClient, body: Mapping[str, Any], parts: Mapping[str, Any]) -> tuple[Nested, ...]:
    """The components that are a job's nested pipelines, by the paths of these; no request.

    Of one that is kept in the workspace the SDK has made none, and refers to that one, which says nothing of
    the plan: a nameless one like it is still to be made.
    """
    found: dict[str, Nested] = {}
    for path, component in parts.items():
        if not path and not is_component(body):
            continue
        put = _sdk.component_put(client, component)
        outer, _, name = path.rpartition(".")
        nodes = found[outer].nodes if outer in found else body.get("jobs") or {}
        node = nodes[name] if path else body
        made = node.get("componentId") == put.path
        found[path] = Nested(path=path, id=put.path, body=put.body, api_version=put.api_version, made=made)
    return tuple(found.values())


def nested_parts(job: Any) -> dict[str, Any]:
    """The components of a job and its nested pipelines, by path: a capture puts ids in their places."""
    nested = {path: node.component for path, node in _nodes(job, "") if _is_pipeline(node)}
    return {"": job.component, **nested}


def _has_jobs(job: Any, request: Request) -> bool:
    """Whether its steps stand in the body of the job, and not in that of the one component it is made of."""
    if isinstance(request.source, Path):
        return bool(read_yaml(request.source)[1].get("jobs"))
    return hasattr(type(job), "jobs")  # which an entity of a job has, and a builder hasn't


def _nodes(pipeline: Any, inside: str) -> Iterator[tuple[str, Any]]:
    for name, node in pipeline.component.jobs.items():
        path = f"{inside}{name}"
        yield path, node
        if _is_pipeline(node):
            yield from _nodes(node, f"{path}.")


def _is_pipeline(node: Any) -> bool:
    return bool(node.type == "pipeline")


def _write_well(node: Any) -> None:
    """Environment, variables and arguments of Docker as a body takes them."""
    for part in (node, read(node, "component"), read(node, "trial")):
        text_variables(part)
        join_docker_args(part)
        said = read(part, "environment")
        if isinstance(said, str) and environment_of(said) != said:
            part.environment = environment_of(said)


def _place(node: Any, step: StepPlan) -> None:
    """Put a plan on a step's entity."""
    plan = step.plan
    if plan.identity is not None:
        node.identity = _sdk.identity(plan.identity)
    if plan.client_id is not None:
        node.environment_variables = with_client_id(node.environment_variables, plan)
    said = {name: value for name in _RESOURCES if (value := read(node.resources, name)) is not None}
    said.pop("instance_type", None)
    if plan.instance_type is not None and names_size(plan):
        said["instance_type"] = plan.instance_type
    if step.type is JobType.SPARK:
        node.compute = None if plan.compute == SERVERLESS else plan.compute
        node.resources = said if plan.compute == SERVERLESS else None
        return
    node.compute = plan.compute
    node.resources = step_with_shared_memory({**said, "instance_count": plan.instance_count}, plan)
    if step.type is not JobType.PARALLEL:  # which has no tier
        node.queue_settings = _queue_settings(node, step)


def _queue_settings(node: Any, step: StepPlan) -> Any:
    """The priority that it says, and the tier of the plan.

    Of a sweep and of AutoML the SDK writes the tier in small letters: only spot, which has to be mended.
    """
    plan, said = step.plan, {}
    if (priority := read(node.queue_settings, "priority")) is not None:
        said["priority"] = priority
    if plan.compute == SERVERLESS and (step.type is JobType.COMMAND or plan.tier is Tier.SPOT):
        said["job_tier"] = JOB_TIER[plan.tier]
    return _sdk.queue_settings(**said)
