"""Pipelines: where the plans of the steps, and their identities, stand in the body. Pure.

What runs are the steps: each node of `jobs` has a place, a size and a tier of its own, in a dialect of its
own (small letters and underscores). Steps of a nested pipeline stand in the body of a component, in the same
dialect: `_jobs.nested`.
https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._identity import IdentityKind
from amlrun._job_types import TRAITS, JobType
from amlrun._jobs.dress import Dress, compute_id, names_size, tier_word, with_client_id
from amlrun._jobs.shared_memory import step_with_shared_memory
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._identity import Identity
    from amlrun._plan import Plan
    from amlrun._plan.steps import StepPlan

_TIERED = frozenset({JobType.COMMAND, JobType.SWEEP, JobType.AUTOML})
"""Nodes that have `queue_settings`: a parallel one has no tier, and is dedicated; nor has one of Spark."""
_SMALL_TIERS = frozenset({JobType.SWEEP, JobType.AUTOML})
"""Nodes whose tier the SDK writes in small letters, which is not the service's spelling."""
_SMALL_NAMES = {
    "maxInstanceCount": "max_instance_count",
    "dashboardPort": "dashboard_port",
    "includeDashboard": "include_dashboard",
    "headNodeAdditionalArgs": "head_node_additional_args",
    "workerNodeAdditionalArgs": "worker_node_additional_args",
}
"""What azure-ai-ml 1.35 writes in a node as it does in a job."""
_CLASHING = (("resources", "instanceType"), ("resources", "instanceCount"), ("queueSettings", "jobTier"))
"""Where a job has what a node has in its own dialect."""
STEP_VARIABLES = "environment_variables"
_FILE_DIALECT = {
    IdentityKind.USER: "user_identity",
    IdentityKind.MANAGED: "managed_identity",
    IdentityKind.TOKEN: "aml_token",
}
"""A node of AutoML stands in a body as it does in a job file, and so does its identity."""


def dress_pipeline(job: dict[str, Any], dress: Dress) -> None:
    """Put the plan of each step on its node, and the place of the pipeline where its steps look for it."""
    job.pop("identity", None)  # it is for the steps, and they have it
    job.pop("computeId", None)
    settings = dict(job.get("settings") or {})
    settings["default_compute"] = _default_place(dress.plan, dress.workspace)
    settings.pop("queue_settings", None)  # accepted by the SDK, and documented nowhere: the steps say it
    job["settings"] = settings
    dress_nodes(job.get("jobs") or {}, dress)


def dress_nodes(nodes: Mapping[str, dict[str, Any]], dress: Dress, inside: str = "") -> None:
    """Put plans and identities on the nodes of a pipeline, or of the nested one whose path is `inside`."""
    for name, step in _steps_of(dress.plan, inside):
        node = nodes.get(name)
        if node is None:
            continue
        _place_node(node, step, dress.workspace, inside)
        identity = step.plan.identity
        if identity is not None:
            node["identity"] = identity_of_node(identity, step.type)
        if step.plan.client_id:
            node[STEP_VARIABLES] = with_client_id(node.get(STEP_VARIABLES), step.plan)


def pipeline_fields(
    body: Mapping[str, Any], plan: Plan, workspace: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the plan must stand in a body that leaves: JSON paths and values; None: must not be there."""
    yield ("computeId",), None
    yield ("identity",), None
    yield ("settings", "default_compute"), _default_place(plan, workspace)
    yield ("settings", "queue_settings"), None
    if not is_component(body):
        yield from node_fields(body.get("jobs") or {}, plan, workspace)


def node_fields(
    nodes: Mapping[str, Mapping[str, Any]], plan: Plan, workspace: str, inside: str = ""
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The same of the nodes of a pipeline, or of the nested one whose path is `inside`: beneath `jobs`.

    A node that nobody has planned must not be there.
    """
    planned = dict(_steps_of(plan, inside))
    for name, node in nodes.items():
        if not is_nested(node) and name not in planned:
            yield ("jobs", name, "type"), None
    for name, step in planned.items():
        for path, value in _fields_of(step, workspace, inside):
            yield ("jobs", name, *path), value


def identity_of_node(identity: Identity, job_type: JobType) -> dict[str, str]:
    """As a node of that type has it."""
    ids = {"client_id": identity.client_id, "object_id": identity.object_id}
    if job_type is JobType.AUTOML:
        kind = {"type": _FILE_DIALECT[identity.kind]}
        ids["msi_resource_id"] = identity.resource_id
    else:
        kind = {"identity_type": str(identity.kind)}
        ids["resource_id"] = identity.resource_id
    return {**kind, **{key: value for key, value in ids.items() if value}}


def acts_as_user(body: Mapping[str, Any]) -> bool:
    """Whether a step has the identity of whoever submits, or may have it: within a nested pipeline."""
    nodes = (body.get("jobs") or {}).values()
    return is_component(body) or any(is_nested(node) or _is_user(node) for node in nodes)


def is_component(body: Mapping[str, Any]) -> bool:
    """Whether a job is made of a pipeline component alone, in which all of its steps stand."""
    return bool(body.get("componentId"))


def is_nested(node: Mapping[str, Any]) -> bool:
    """Whether a node is a pipeline itself."""
    return node.get("type") == TRAITS[JobType.PIPELINE].word


def _is_user(node: Mapping[str, Any]) -> bool:
    identity = node.get("identity") or {}
    said = identity.get("identity_type") or identity.get("type")
    return said in {IdentityKind.USER.value, _FILE_DIALECT[IdentityKind.USER]}


def _steps_of(plan: Plan, inside: str) -> Iterator[tuple[str, StepPlan]]:
    """The steps right inside a pipeline, by the names of their nodes."""
    for step in plan.steps:
        around, _, name = step.path.rpartition(".")
        if around == inside:
            yield name, step


def _place_node(node: dict[str, Any], step: StepPlan, workspace: str, inside: str) -> None:
    for path, value in _fields_of(step, workspace, inside):
        part = node
        for key in path[:-1]:
            inner: dict[str, Any] = dict(part.get(key) or {})
            part[key] = part = inner
        _put(part, path[-1], value)
    if step.type is not JobType.SPARK:
        node["resources"] = step_with_shared_memory(_in_small(node["resources"]), step.plan)
    if node.get("distribution"):
        node["distribution"] = _in_small(node["distribution"])
    for name in ("resources", "queue_settings", "queueSettings"):
        if not node.get(name):
            node.pop(name, None)


def _in_small(part: Mapping[str, Any]) -> dict[str, Any]:
    return {_SMALL_NAMES.get(name, name): value for name, value in part.items()}


def _fields_of(step: StepPlan, workspace: str, inside: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where a plan stands in a node, and what; None: nothing does."""
    plan, place = step.plan, _place(step.plan, workspace)
    size = plan.instance_type if names_size(plan) else None
    yield from ((path, None) for path in _CLASHING)
    if step.type is JobType.SPARK:  # serverless Spark has sizes, and no compute
        yield ("computeId",), None if plan.compute == SERVERLESS else place
        yield ("compute",), None
        yield ("resources", "instance_type"), size
        return
    if step.type is JobType.AUTOML:
        yield ("computeId",), None
        yield ("compute",), f"azureml:{place}"
    else:
        yield ("computeId",), place
        yield ("compute",), None
    yield ("resources", "instance_type"), size
    yield ("resources", "instance_count"), plan.instance_count
    yield ("queue_settings", "job_tier"), _tier(step, inside)


# Assumed: a step of AutoML takes its tier in the service's spelling too, though its node stands there as in
# a job file.
def _tier(step: StepPlan, inside: str) -> str | None:
    if step.type not in _TIERED or (inside and step.type in _SMALL_TIERS and step.plan.tier is Tier.STANDARD):
        return None  # standard unsaid, within a nested pipeline: that component can stay as the SDK made it
    return tier_word(step.plan)


def _default_place(plan: Plan, workspace: str) -> str:
    """Where all steps are; serverless where they differ: each says its own."""
    places = {_place(step.plan, workspace) for step in plan.steps}
    return places.pop() if len(places) == 1 else f"{workspace}/computes/{SERVERLESS}"


def _place(plan: Plan, workspace: str) -> str:
    """The compute as nodes name it, serverless too."""
    return compute_id(workspace, plan) or f"{workspace}/computes/{SERVERLESS}"


def _put(part: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        part.pop(key, None)
    else:
        part[key] = value
