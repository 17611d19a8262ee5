"""Routes of jobs: create, get, list, cancel."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._durations import seconds
from amlrun.testing import _jobs
from amlrun.testing._blobs import ARTIFACT_STORE
from amlrun.testing._exchange import PROVIDER, Refusal, Reply, Request, bad_request, not_found, system_data
from amlrun.testing._jobs import Job
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._backend import Backend
    from amlrun.testing._store import Records

JOBS = Routes("jobs")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}")
_BINDING = re.compile(r"[a-zA-Z_][a-zA-Z0-9_\-]*")
_LABELS, _KEY, _VALUE = 50, 100, 1000  # tags and properties: how many, and the characters of each
_CHANGEABLE = {
    "tags",
    "displayName",
    "description",
    "isArchived",
    "properties",
    "services",
    "status",
    "outputs",
}
"""What may differ in a PUT of a job that is there: the rest can't be changed."""


@JOBS("PUT", "/jobs/{name}", takes="JobBaseResource", gives="JobBaseResource")
def put_job(backend: Backend, request: Request) -> Reply:
    """201: a new job. 200: it was there, whatever its state, and takes the new tags."""
    name, body = request.args["name"], request.json
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The request body has no properties.", "InvalidRequestBody")
    if str(properties.get("jobType")).lower() != "command":
        raise bad_request(
            f"The fake has no jobs of type {properties.get('jobType')!r} yet.", "InvalidJobType"
        )
    with backend.work() as (records, now):
        before = backend.engine.job(records, name)
        if before is not None:
            job = _again(backend, records, before, properties)
            return Reply(200, job_reply(backend, job))
        _check(backend, records, name, properties)
        job = Job(
            name=name,
            body=body,
            api_version=request.query.get("api-version", ""),
            created=now,
            demand=_jobs.demand_of(properties),
            experiment=properties.get("experimentName") or "Default",
            tags=properties.get("tags") or {},
            properties=properties.get("properties") or {},
            run_seconds=backend.run_seconds,
            doom=_next_doom(records),
        )
        submitted = backend.engine.submit(records, job, now)
    return Reply(201, job_reply(backend, submitted))


@JOBS("GET", "/jobs/{name}", gives="JobBaseResource")
def get_job(backend: Backend, request: Request) -> Reply:
    """One job."""
    with backend.work() as (records, _now):
        job = find_job(backend, records, request.args["name"])
    return Reply(200, job_reply(backend, job))


@JOBS("GET", "/jobs", gives="JobBaseResourceArmPaginatedResult")
def list_jobs(backend: Backend, request: Request) -> Reply:
    """All jobs, the newest first; `tag` filters by key, `properties` by `name=value`."""
    view = (request.query.get("listViewType") or "ActiveOnly").lower()
    with backend.work() as (records, _now):
        found = [Job.from_json(body) for body in records.all("job", newest_first=True)]
    if tag := request.query.get("tag"):
        found = [job for job in found if tag in job.tags]
    if wanted := request.query.get("properties"):
        pairs = [pair.partition("=") for pair in wanted.split(",")]
        found = [job for job in found if all(job.properties.get(key) == value for key, _, value in pairs)]
    if view != "all":
        archived = view == "archivedonly"
        found = [job for job in found if bool(job.body["properties"].get("isArchived")) is archived]
    return Reply(200, {"value": [job_reply(backend, job) for job in found]})


@JOBS("POST", "/jobs/{name}/cancel")
def cancel_job(backend: Backend, request: Request) -> Reply:
    """202 with where to look; 400 for a job that is over."""
    with backend.work() as (records, now):
        job = find_job(backend, records, request.args["name"])
        if job.over:
            # Assumed: that a command job's code is the one that was seen for a pipeline.
            message = f"Cannot cancel job {job.name}: it is in the terminal status {job.status}."
            raise Refusal(400, message, "UserError", "BadArgument", "CancelPipelineRunInTerminalStatus")
        backend.engine.cancel(records, job, now)
    path = f"{backend.scope.path}/jobs/{job.name}/operationResults/{_operation(job.name)}"
    version = request.query.get("api-version", "")
    # Assumed: the path of the operation's result.
    return Reply(
        202,
        {},
        {"Location": f"https://management.azure.com{path}?api-version={version}", "Retry-After": "30"},
    )


@JOBS("GET", "/jobs/{name}/operationResults/{operation}")
def cancel_result(backend: Backend, request: Request) -> Reply:
    """202 until the canceled job is over, then 200."""
    with backend.work() as (records, _now):
        job = find_job(backend, records, request.args["name"])
    if job.over:
        return Reply(200, {})
    location = (
        f"https://management.azure.com{request.path}?api-version={request.query.get('api-version', '')}"
    )
    return Reply(202, {}, {"Location": location, "Retry-After": "30"})


def find_job(backend: Backend, records: Records, name: str) -> Job:
    """A job, or the service's 404."""
    job = backend.engine.job(records, name)
    if job is None:
        raise not_found("Job", name)
    return job


def job_reply(backend: Backend, job: Job) -> dict[str, Any]:
    """A job as its GET shows it."""
    sent = job.body["properties"]
    path = backend.scope.path
    endpoint = f"{backend.history_host}/mlflow/v1.0{path}"
    studio = f"https://ml.azure.com/runs/{job.name}?wsid={path}&tid=00000000-0000-0000-0000-000000000003"
    # Assumed: what a field reads back as that nobody sent.
    properties = {
        "description": None,
        "isArchived": False,
        "componentId": None,
        "distribution": None,
        "displayName": job.name,
        "limits": None,
        "identity": {"identityType": "AMLToken"},
        "resources": {"instanceCount": 1, "instanceType": None, "properties": None, "shmSize": "2g"},
        "computeId": None,
        "codeId": None,
        **{key: value for key, value in sent.items() if value is not None},
        "outputs": {**(sent.get("outputs") or {}), "default": _default_output(job)},
        "experimentName": job.experiment,
        "tags": dict(job.tags),
        "properties": {**job.properties, **_own_properties(job)},
        "status": job.status,
        "services": {
            "Tracking": {
                "jobServiceType": "Tracking",
                "port": None,
                "endpoint": f"azureml://{endpoint}?",
                "status": None,
                "errorMessage": None,
                "properties": None,
                "nodes": None,
            },
            "Studio": {
                "jobServiceType": "Studio",
                "port": None,
                "endpoint": studio,
                "status": None,
                "errorMessage": None,
                "properties": None,
                "nodes": None,
            },
        },
    }
    if job.demand.compute:
        properties["queueSettings"] = None
    return {
        "id": f"{path}/jobs/{job.name}",
        "name": job.name,
        "type": f"{PROVIDER}/workspaces/jobs",
        "properties": properties,
        "systemData": system_data(job.created),
    }


def _default_output(job: Job) -> dict[str, Any]:
    # Assumed: the form. It is what `jobs.download` starts from.
    return {
        "jobOutputType": "uri_folder",
        "mode": "ReadWriteMount",
        "uri": f"azureml://datastores/{ARTIFACT_STORE}/ExperimentRun/dcid.{job.name}",
        "description": None,
    }


def _own_properties(job: Job) -> dict[str, str]:
    # Assumed: which ones. That the service writes some of its own is recorded.
    return {
        "_azureml.ComputeTargetType": "amlctrain",
        "_azureml.ClusterName": job.demand.compute or "serverless",
        "ProcessInfoFile": "azureml-logs/process_info.json",
        "ProcessStatusFile": "azureml-logs/process_status.json",
    }


def _again(backend: Backend, records: Records, job: Job, properties: Mapping[str, Any]) -> Job:
    before, shown = job.body["properties"], job_reply(backend, job)["properties"]
    for key in sorted(set(properties) - _CHANGEABLE):
        # The SDK archives by a PUT of what a GET showed.
        if _bare(properties[key]) not in [None, _bare(before.get(key)), _bare(shown.get(key))]:
            message = (
                "A job with this name already exists. If you are trying to create a new job, use a different "
                f"name. Property {key} is immutable."
            )
            raise Refusal(400, message, "UserError", "Immutable", "JobPropertyImmutable")
    changed = {
        key: value for key, value in properties.items() if key in {"displayName", "description", "isArchived"}
    }
    body = {**job.body, "properties": {**before, **changed}}
    tags = properties.get("tags")
    return backend.engine.keep(records, attrs.evolve(job, body=body, tags=job.tags if tags is None else tags))


def _bare(value: Any) -> Any:
    """A value without what is null in it: null is absent."""
    if isinstance(value, dict):
        items = ((key, _bare(item)) for key, item in value.items())
        return {key: item for key, item in items if item is not None} or None
    return value


def _check(backend: Backend, records: Records, name: str, properties: Mapping[str, Any]) -> None:
    """Refuse at once what can be seen to be impossible."""
    # Assumed: an environment version that a job names is there; a test need not register it first.
    if not _NAME.fullmatch(name):
        raise bad_request(f"The job's name {name!r} is not valid.", "InvalidJobName")
    if str(properties.get("jobType")).lower() != "command":
        raise bad_request(
            f"The fake has no jobs of type {properties.get('jobType')!r} yet.", "InvalidJobType"
        )
    for field in ("tags", "properties"):
        _check_labels(field, properties.get(field) or {})
    for field in ("inputs", "outputs"):
        _check_names(field, properties.get(field) or {})
    try:
        demand = _jobs.demand_of(properties)
        if timeout := (properties.get("limits") or {}).get("timeout"):
            seconds(timeout)
    except (TypeError, ValueError) as error:
        message = f"The job's body has a value that can't be read: {error}."
        raise bad_request(message, "InvalidRequestBody") from error
    if demand.nodes < 1:
        raise bad_request("instanceCount must be at least 1.", "InvalidInstanceCount")
    if not backend.virtual and demand.nodes > 1:
        message = "The local workspace is one machine: a job there has one node."
        raise bad_request(message, "InvalidInstanceCount")
    backend.engine.places.check(records, demand)


def _check_labels(field: str, labels: Mapping[str, Any]) -> None:
    # Assumed: the code and the words. The limits are documented.
    long = [key for key, value in labels.items() if len(key) > _KEY or len(str(value)) > _VALUE]
    if len(labels) > _LABELS or long:
        message = (
            f"A job has at most {_LABELS} {field}, keys of {_KEY} and values of {_VALUE} characters; it has "
            f"{len(labels)}, and too long are: {', '.join(long) or 'none'}."
        )
        raise bad_request(message, "InvalidRequestBody")


def _check_names(field: str, bindings: Mapping[str, Any]) -> None:
    if wrong := [name for name in bindings if not _BINDING.fullmatch(name)]:
        # Assumed: the code and the words; that names are identifiers is the SDK's own rule.
        raise bad_request(f"Names of {field} that are not valid: {', '.join(wrong)}.", "InvalidRequestBody")


def _next_doom(records: Records) -> _jobs.End | None:
    body = records.get("meta", "next doom")
    records.remove("meta", "next doom")
    return None if body is None else _jobs.End(**body)


def _operation(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).hex
