"""Routes of run history: why a job waits, when it ran, how it ended, and where its log is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._blobs import ARTIFACTS, SAS, artifact_prefix
from amlrun.testing._exchange import Reply, Request, instant
from amlrun.testing._jobs import Job, Stage
from amlrun.testing._routes.jobs import find_job
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from amlrun.testing._backend import Backend

HISTORY = Routes("run history")


@HISTORY("GET", "/discovery")
def discover(backend: Backend, _request: Request) -> Reply:
    """Where the region's services are: all on one host."""
    # Assumed: which of the names the SDK asks for; the hosts are those of the workspace's discoveryUrl.
    here = f"https://{backend.history_host}"
    return Reply(200, dict.fromkeys(("api", "history", "experimentation", "artifact", "datastore"), here))


@HISTORY("GET", "/runs/{name}")
@HISTORY("GET", "/experiments/{experiment}/runs/{name}")
def get_run(backend: Backend, request: Request) -> Reply:
    """A run."""
    with backend.work() as (records, now):
        job = find_job(backend, records, request.args["name"])
    return Reply(200, run_reply(backend, job, now))


@HISTORY("POST", "/rundata")
def get_run_data(backend: Backend, request: Request) -> Reply:
    """A run by the id in the body, as `jobs.download` asks for it."""
    with backend.work() as (records, now):
        job = find_job(backend, records, str(request.json.get("runId")))
    run = run_reply(backend, job, now)
    return Reply(
        200, {"runMetadata": run, "runDefinition": None, "jobSpecification": None, "systemSettings": None}
    )


@HISTORY("GET", "/runs/{name}/details")
@HISTORY("GET", "/experiments/{experiment}/runs/{name}/details")
def get_details(backend: Backend, request: Request) -> Reply:
    """A run with the addresses of its log files."""
    with backend.work() as (records, now):
        job = find_job(backend, records, request.args["name"])
    prefix = artifact_prefix(job.name)
    logs = {
        name[len(prefix) :]: f"https://{backend.blob_host}/{ARTIFACTS}/{name}?{SAS}"
        for name in backend.blobs.names(ARTIFACTS, prefix)
        if name.startswith((f"{prefix}user_logs/", f"{prefix}azureml-logs/"))
    }
    run = run_reply(backend, job, now)
    return Reply(
        200,
        {
            key: run[key]
            for key in (
                "runId",
                "target",
                "status",
                "startTimeUtc",
                "endTimeUtc",
                "error",
                "warnings",
                "properties",
            )
        }
        | {
            "runDefinition": None,
            "inputDatasets": [],
            "outputDatasets": [],
            "logFiles": logs,
            "submittedBy": "fake-user",
        },
    )


@HISTORY("GET", "/runs/{name}/children")
@HISTORY("GET", "/experiments/{experiment}/runs/{name}/children")
def get_children(backend: Backend, request: Request) -> Reply:
    """A command job has no children."""
    with backend.work() as (records, _now):
        find_job(backend, records, request.args["name"])
    return Reply(200, {"value": [], "continuationToken": None, "nextLink": None})


@HISTORY("PATCH", "/runs/{name}")
@HISTORY("PATCH", "/experiments/{experiment}/runs/{name}")
def patch_run(backend: Backend, request: Request) -> Reply:
    """Merge tags and properties into a run, and change its display name and description."""
    change = request.json
    with backend.work() as (records, now):
        job = find_job(backend, records, request.args["name"])
        properties = dict(job.body["properties"])
        for key in ("displayName", "description"):
            if change.get(key) is not None:
                properties[key] = change[key]
        if change.get("hidden") is not None:
            properties["isArchived"] = bool(change["hidden"])  # one flag of the service under two names
        job = attrs.evolve(
            job,
            tags={**job.tags, **(change.get("tags") or {})},
            properties={**job.properties, **(change.get("properties") or {})},
            body={**job.body, "properties": properties},
        )
        backend.engine.keep(records, job)
    return Reply(200, run_reply(backend, job, now))


def run_reply(backend: Backend, job: Job, now: float) -> dict[str, Any]:
    """A run as run history shows it."""
    ending, demand = job.ending, job.demand
    error = None
    if ending and ending.message:
        error = {
            "error": {
                "code": ending.code,
                "severity": None,
                "message": ending.message,
                "messageFormat": "{Message}",
                "messageParameters": {},
                "referenceCode": None,
                "detailsUri": None,
                "target": None,
                "details": [],
                "innerError": None,
                "debugInfo": None,
                "additionalInfo": None,
            },
            "correlation": {},
            "environment": backend.scope.location,
            "location": backend.scope.location,
            "time": instant(job.ended or now),
            "componentName": "CommonRuntime",
        }
    queueing = None
    if job.stage in {Stage.WAITING, Stage.ALLOCATING}:
        code, message = job.waits_for or ("Scheduling", "Job is queued.")
        queueing = {"code": code, "message": message}
    # Assumed: the fields that only fill the form; those that say why, when and how are recorded.
    target = demand.compute or "serverless"
    ran = None if job.started is None else (job.ended or now) - job.started
    return {
        "runNumber": int(job.created),
        "rootRunId": job.name,
        "runId": job.name,
        "parentRunId": None,
        "experimentId": job.experiment,
        "experimentName": job.experiment,
        "createdUtc": instant(job.created),
        "createdBy": {"userName": "fake-user"},
        "lastModifiedUtc": instant(job.history[-1][0] if job.history else job.created),
        "lastModifiedBy": {"userName": "fake-user"},
        "status": job.status,
        "startTimeUtc": None if job.started is None else instant(job.started),
        "endTimeUtc": None if job.ended is None else instant(job.ended),
        "computeDuration": None if ran is None else _timespan(ran),
        "duration": None if job.ended is None else _timespan(job.ended - job.created),
        "currentAttemptId": 1,
        "displayName": job.body["properties"].get("displayName") or job.name,
        "name": None,
        "description": job.body["properties"].get("description"),
        "dataContainerId": f"dcid.{job.name}",
        "hidden": bool(job.body["properties"].get("isArchived")),
        "runType": "azureml.scriptrun",
        "runTypeV2": {"orchestrator": None, "traits": [], "attribution": None, "computeType": "AmlCompute"},
        "properties": dict(job.properties),
        "tags": dict(job.tags),
        "target": target,
        "compute": {
            "target": target,
            "targetType": "AmlCompute",
            "vmSize": None,
            "instanceType": None,
            "instanceCount": demand.nodes,
            "gpuCount": None,
            "priority": None,
            "region": backend.scope.location,
            "armId": None,
            "properties": None,
        },
        "computeRequest": {"nodeCount": demand.nodes, "gpuCount": 0},
        "queueingInfo": queueing,
        "error": error,
        "warnings": [{"source": None, "message": ending.warning}] if ending and ending.warning else [],
        "inputs": None,
        "outputs": None,
    }


def _timespan(seconds: float) -> str:
    """Seconds as .NET writes a span of time."""
    whole = str(dt.timedelta(seconds=int(seconds))).rjust(8, "0")
    return f"{whole}.{int(seconds % 1 * 10**7):07d}"
