"""A run as run history shows it: why it waits, when it ran, how it ended."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from amlrun.testing._api.exchange import instant
from amlrun.testing._jobs.job import QUEUED, Job, Stage
from amlrun.testing._jobs.outputs import outputs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._wire.backend import Backend

# Assumed: the words for what a run is; that a step of a pipeline and a sweep are told apart is in the SDK.
_TYPES: Mapping[str, str] = {
    "pipeline": "azureml.PipelineRun",
    "sweep": "azureml.sweep",
    "automl": "automl",
    "spark": "azureml.spark",
    "finetuning": "azureml.finetuning",
}
# The words of the SDK. 1.35 looks for other ones of data, and finds models only.
_DATA = {
    "uri_file": "UriFile",
    "uri_folder": "UriFolder",
    "mltable": "MLTable",
    "custom_model": "CustomModel",
    "mlflow_model": "MLFlowModel",
    "triton_model": "TritonModel",
}


def run_reply(backend: Backend, job: Job, now: float) -> dict[str, Any]:
    """The run."""
    target = job.demand.compute or "serverless"
    ran = None if job.started is None else job.ran(job.started, now)
    # Assumed: the fields that only fill the form; those that say why, when and how are recorded.
    return {
        "runNumber": int(job.created),
        "rootRunId": job.root_name,
        "runId": job.name,
        "parentRunId": job.parent,
        "experimentId": job.experiment,
        "createdUtc": instant(job.created),
        "createdBy": {"userName": "fake-user"},
        "lastModifiedUtc": instant(job.history[-1][0] if job.history else job.created),
        "lastModifiedBy": {"userName": "fake-user"},
        "status": job.status,
        "startTimeUtc": None if job.started is None else instant(job.started),
        "endTimeUtc": None if job.ended is None else instant(job.ended),
        "computeDuration": None
        if ran is None
        else _timespan(ran),  # Assumed: without the queue of a restart.
        "duration": None if job.ended is None else _timespan(job.ended - job.created),
        "currentAttemptId": job.attempt,  # Assumed: that it counts restarts in place.
        "displayName": job.sent.get("displayName") or job.name,
        "name": None,
        "description": job.sent.get("description"),
        "dataContainerId": f"dcid.{job.name}",
        "hidden": bool(job.sent.get("isArchived")),
        "runType": _TYPES.get(job.kind, "azureml.StepRun" if job.is_step else "azureml.scriptrun"),
        "runTypeV2": {
            "orchestrator": None,
            "traits": [job.kind],
            "attribution": None,
            "computeType": None if job.has_children else "AmlCompute",
        },
        "properties": dict(job.properties),
        "tags": dict(job.tags),
        "target": target,
        "compute": {
            "target": target,
            "targetType": "AmlCompute",
            "vmSize": None,
            "instanceCount": job.demand.nodes,
            "gpuCount": None,
            "priority": None,
            "region": backend.scope.location,
        },
        "computeRequest": {"nodeCount": job.demand.nodes, "gpuCount": 0},
        "queueingInfo": _queueing(job),
        "error": _error(backend, job, now),
        "warnings": [{"source": None, "message": warning} for warning in job.warnings],
        "inputs": None,
        "outputs": {name: found[0] for name, found in named_outputs(job).items()} or None,
        "services": {},
    }


def named_outputs(job: Job) -> dict[str, tuple[dict[str, str], str]]:
    """The outputs of a job that is over, by name: what run history calls each, and its URI."""
    if not job.over:
        return {}
    # Assumed: the form of the id. The SDK hands it back as it is to ask for the URI.
    return {
        name: (
            {"assetId": f"azureml://jobs/{job.name}/outputs/{name}", "type": _DATA[output.kind]},
            output.uri,
        )
        for name, output in outputs_of(job).items()
        if output.kind in _DATA
    }


def _queueing(job: Job) -> dict[str, str] | None:
    if job.stage not in {Stage.WAITING, Stage.ALLOCATING}:
        return None
    code, message = job.waits_for or QUEUED
    return {"code": code, "message": message}


def _error(backend: Backend, job: Job, now: float) -> dict[str, Any] | None:
    ending = job.ending
    if ending is None or not ending.message:
        return None
    return {
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
            "innerError": {"code": ending.inner, "innerError": None} if ending.inner else None,
            "additionalInfo": None,
        },
        "correlation": {},
        "environment": backend.scope.location,
        "location": backend.scope.location,
        "time": instant(job.ended or now),
        "componentName": "CommonRuntime",
    }


def _timespan(seconds: float) -> str:
    """Seconds as .NET writes a span of time."""
    days, rest = divmod(int(seconds), 86400)
    whole = str(dt.timedelta(seconds=rest)).rjust(8, "0")
    return f"{f'{days}.' if days else ''}{whole}.{int(seconds % 1 * 10**7):07d}"
