"""Routes of run history: runs, their children, logs, outputs and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import attrs

from amlrun.testing._api.exchange import Reply, Request, bad_request, instant, not_found
from amlrun.testing._assets.blobs import ARTIFACTS, SAS, artifact_prefix
from amlrun.testing._jobs.checks import check_labels
from amlrun.testing._jobs.families import metrics_of
from amlrun.testing._jobs.run_reply import named_outputs, run_reply
from amlrun.testing._routes.jobs import find_job
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from amlrun.testing._jobs.job import Job
    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

HISTORY = Routes("run history")
_PAGE = 100  # Assumed: how many children a page has where nobody says $top.
_RUNS = ("/runs/{name}", "/experiments/{experiment}/runs/{name}", "/experimentids/{experiment}/runs/{name}")
_DETAILS = (
    "runId",
    "parentRunId",
    "rootRunId",
    "target",
    "status",
    "startTimeUtc",
    "endTimeUtc",
    "error",
    "warnings",
    "tags",
    "properties",
    "outputs",
)


@HISTORY("GET", "/discovery")
def discover(backend: Backend, _request: Request) -> Reply:
    """Where the region's services are: all on one host."""
    # Assumed: which of the names the SDK asks for; the hosts are those of the workspace's discoveryUrl.
    here = f"https://{backend.history_host}"
    return Reply(200, dict.fromkeys(("api", "history", "experimentation", "artifact", "datastore"), here))


@HISTORY("GET", _RUNS[0], gives="history.Run")
@HISTORY("GET", _RUNS[1], gives="history.Run")
@HISTORY("GET", _RUNS[2], gives="history.Run")
def get_run(backend: Backend, request: Request) -> Reply:
    """A run."""
    with backend.work() as (records, now):
        job = _job(backend, records, request)
    return Reply(200, run_reply(backend, job, now))


@HISTORY("POST", "/rundata", takes="history.GetRunDataRequest", gives="history.GetRunDataResult")
def get_run_data(backend: Backend, request: Request) -> Reply:
    """A run by the id in the body, as `jobs.download` asks for it."""
    with backend.work() as (records, now):
        return Reply(200, _run_data(backend, records, str(request.json.get("runId")), now))


@HISTORY("POST", "/batchrundata", takes="history.BatchRequest1", gives="history.BatchResult1")
def get_batch_run_data(backend: Backend, request: Request) -> Reply:
    """Many runs by their ids, under the keys that they were asked for by."""
    found: dict[str, Any] = {}
    failed: dict[str, Any] = {}
    with backend.work() as (records, now):
        for key, asked in (request.json.get("requests") or {}).items():
            name = str(asked.get("runId"))
            if backend.engine.job(records, name) is None:
                # Assumed: what stands there for a run that isn't there.
                failed[key] = {"error": {"code": "UserError", "message": f"Run {name} was not found."}}
            else:
                found[key] = _run_data(backend, records, name, now)
    return Reply(200, {"successfulResults": found, "failedResults": failed})


@HISTORY("GET", f"{_RUNS[0]}/details", gives="history.RunDetails")
@HISTORY("GET", f"{_RUNS[1]}/details", gives="history.RunDetails")
@HISTORY("GET", f"{_RUNS[2]}/details", gives="history.RunDetails")
def get_details(backend: Backend, request: Request) -> Reply:
    """A run with the addresses of its log files."""
    with backend.work() as (records, now):
        job = _job(backend, records, request)
    prefix = artifact_prefix(job.name)
    logs = {
        name[len(prefix) :]: f"https://{backend.blob_host}/{ARTIFACTS}/{name}?{SAS}"
        for name in backend.blobs.names(ARTIFACTS, prefix)
        if name.startswith((f"{prefix}user_logs/", f"{prefix}azureml-logs/", f"{prefix}logs/"))
    }
    run = run_reply(backend, job, now)
    more: dict[str, Any] = {
        "runDefinition": None,
        "inputDatasets": [],
        "outputDatasets": [],
        "logFiles": logs,
    }
    return Reply(200, {key: run[key] for key in _DETAILS} | more)


@HISTORY("GET", f"{_RUNS[0]}/children", gives="history.PaginatedRunList")
@HISTORY("GET", f"{_RUNS[1]}/children", gives="history.PaginatedRunList")
@HISTORY("GET", f"{_RUNS[2]}/children", gives="history.PaginatedRunList")
def get_children(backend: Backend, request: Request) -> Reply:
    """A run's children, in the order in which they were made, a page at a time."""
    query = {key.lower(): value for key, value in request.query.items()}
    if asked := [key for key in ("$filter", "$orderby") if query.get(key)]:
        raise bad_request(f"The fake's list of children has no {', '.join(asked)}.", "InvalidQuery")
    asked_for, past = query.get("$top") or str(_PAGE), query.get("$continuationtoken")
    if not asked_for.isdecimal() or int(asked_for) < 1:
        raise bad_request(f"$top {asked_for!r} is no number from 1 up.", "InvalidQuery")
    top = int(asked_for)
    with backend.work() as (records, now):
        job = _job(backend, records, request)
        names = records.page(f"children of {job.name}", past=past, most=top + 1)
        if names is None:
            raise bad_request(f"{past!r} is no continuation token.", "InvalidContinuationToken")
        found = [run_reply(backend, find_job(backend, records, name), now) for name in names[:top]]
    # Assumed: that $top is the size of a page, not the most that is ever given.
    token = names[top - 1] if len(names) > top else None
    url = f"https://{backend.history_host}{request.path}?{urlencode({'$continuationtoken': token})}"
    return Reply(200, {"value": found, "continuationToken": token, "nextLink": url if token else None})


@HISTORY("PATCH", _RUNS[0], takes="history.CreateRun", gives="history.Run")
@HISTORY("PATCH", _RUNS[1], takes="history.CreateRun", gives="history.Run")
@HISTORY("PATCH", _RUNS[2], takes="history.CreateRun", gives="history.Run")
def patch_run(backend: Backend, request: Request) -> Reply:
    """Merge tags and properties into a run, and change its display name and description."""
    change = request.json
    with backend.work() as (records, now):
        job = _job(backend, records, request)
        properties = dict(job.sent)
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
        check_labels("tags", job.tags)
        check_labels("properties", job.properties)
        backend.engine.keep(records, job)
    return Reply(200, run_reply(backend, job, now))


@HISTORY("GET", "/runs/{name}/serviceinstances/{node}")
def get_services(backend: Backend, request: Request) -> Reply:
    """The interactive services of a node: those that the job's body names, while it runs."""
    with backend.work() as (records, _now):
        job = _job(backend, records, request)
    asked = job.sent.get("services") or {}
    # Assumed: the addresses.
    running = job.status == "Running"
    found = {
        name: {
            "type": service.get("jobServiceType"),
            "port": service.get("port"),
            "status": "Running" if running else "Stopped",
            "error": None,
            "endpoint": f"https://{name.lower()}-{job.name}-<nodeIndex>.{backend.history_host}"
            if running
            else None,
            "properties": service.get("properties") or {},
        }
        for name, service in asked.items()
        if service
    }
    return Reply(200, {"instances": found})


@HISTORY("POST", "/data/v1.0/{+workspace}/dataversion/batchGetResolvedUris")
def resolve_outputs(backend: Backend, request: Request) -> Reply:
    """The URIs of outputs by the ids that runs give them, as `jobs.download` asks for them."""
    return _resolved(backend, request, "uri")


@HISTORY("POST", "/modelregistry/v1.0/{+workspace}/models/batchGetResolvedUris")
def resolve_models(backend: Backend, request: Request) -> Reply:
    """The same of outputs that are models."""
    return _resolved(backend, request, "path")


def _resolved(backend: Backend, request: Request, field: str) -> Reply:
    found = {}
    with backend.work() as (records, _now):
        for asset in request.json.get("values") or []:
            name, _, output = str(asset).removeprefix("azureml://jobs/").partition("/outputs/")
            outputs = named_outputs(find_job(backend, records, name))
            if output in outputs:
                found[asset] = {field: outputs[output][1], "type": outputs[output][0]["type"]}
    return Reply(200, {"values": found})


@HISTORY(
    "POST",
    "/metric/v2.0/{+workspace}/runs/{name}/list",
    takes="history.ListMetrics",
    gives="history.PaginatedMetricDefinitionList",
)
def list_metrics(backend: Backend, request: Request) -> Reply:
    """Which metrics a run has."""
    with backend.work() as (records, _now):
        kept = metrics_of(records, _job(backend, records, request).name)
    return Reply(
        200,
        {
            "value": [
                {
                    "metricKey": {"namespace": "", "name": name, "labels": [], "columnNames": [name]},
                    "columns": {name: "Double"},
                    "properties": {"uxMetricType": "azureml.v1.scalar"},
                }
                for name in kept
            ],
            "continuationToken": None,
            "nextLink": None,
        },
    )


@HISTORY(
    "POST",
    "/metric/v2.0/{+workspace}/runs/{name}/full",
    takes="history.RetrieveFullFidelityMetricRequest",
    gives="history.MetricV2",
)
def get_metric(backend: Backend, request: Request) -> Reply:
    """All values of one metric."""
    metric = str(request.json.get("metricName"))
    with backend.work() as (records, _now):
        job = _job(backend, records, request)
        kept = metrics_of(records, job.name).get(metric, [])
    return Reply(
        200,
        {
            "dataContainerId": f"dcid.{job.name}",
            "name": metric,
            "namespace": "",
            "columns": {metric: "Double"},
            "properties": {"uxMetricType": "azureml.v1.scalar"},
            "standardSchemaId": None,
            "value": [
                {
                    "metricId": f"{metric}/{step}",
                    "createdUtc": instant(at),
                    "step": step,
                    "data": {metric: value},
                }
                for at, step, value in kept
            ],
            "continuationToken": None,
            "nextLink": None,
        },
    )


def _run_data(backend: Backend, records: Records, name: str, now: float) -> dict[str, Any]:
    run = run_reply(backend, find_job(backend, records, name), now)
    return {"runMetadata": run, "runDefinition": None, "jobSpecification": None}


def _job(backend: Backend, records: Records, request: Request) -> Job:
    """The job of a run. Raises Refusal (404) where there is none, or not in the experiment that is named."""
    job = find_job(backend, records, request.args["name"])
    if request.args.get("experiment", job.experiment) != job.experiment:
        raise not_found("Run", job.name)
    return job
