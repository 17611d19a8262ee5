"""A job as its GET shows it, by its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun.testing._api.exchange import PROVIDER, system_data
from amlrun.testing._assets.blobs import ARTIFACT_STORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._jobs.job import Job
    from amlrun.testing._wire.backend import Backend

_RESOURCES = {"instanceCount": 1, "instanceType": None, "properties": None, "shmSize": "2g"}
# Assumed: what a field reads back as that nobody sent (a command job's identity on serverless is recorded).
_USUAL: Mapping[str, Mapping[str, Any]] = {
    "command": {
        "distribution": None,
        "limits": None,
        "identity": {"identityType": "AMLToken"},
        "resources": _RESOURCES,
        "codeId": None,
    },
    "sweep": {"limits": None, "identity": {"identityType": "AMLToken"}, "resources": _RESOURCES},
    "pipeline": {"inputs": {}, "settings": {}, "sourceJobId": None},
    "automl": {"environmentId": None, "resources": _RESOURCES},
    "spark": {"environmentId": None, "archives": None, "files": None, "jars": None, "pyFiles": None},
}


def job_reply(backend: Backend, job: Job) -> dict[str, Any]:
    """The ARM resource. A pipeline's step has no properties there: run history tells of it."""
    return {
        "id": f"{backend.scope.path}/jobs/{job.name}",
        "name": job.name,
        "type": f"{PROVIDER}/workspaces/jobs",
        "properties": None if job.is_step else _properties(backend, job),
        "systemData": system_data(job.created),
    }


def _properties(backend: Backend, job: Job) -> dict[str, Any]:
    sent, path = job.sent, backend.scope.path
    shown = {
        "description": None,
        "isArchived": False,
        "componentId": None,
        "displayName": job.name,
        "computeId": None,
        **_USUAL.get(job.kind, {}),
        **{key: value for key, value in sent.items() if value is not None},
        "outputs": {**(sent.get("outputs") or {}), **_default_output(job)},
        "experimentName": job.experiment,
        "tags": dict(job.tags),
        "properties": {**job.properties, **_own_properties(job)},
        "status": job.status,
        "services": {
            **(sent.get("services") or {}),
            "Tracking": _service("Tracking", f"azureml://{backend.history_host}/mlflow/v1.0{path}?"),
            "Studio": _service(
                "Studio",
                f"https://ml.azure.com/runs/{job.name}?wsid={path}&tid=00000000-0000-0000-0000-000000000003",
            ),
        },
    }
    if job.demand.compute and job.kind not in {"pipeline", "finetuning"}:
        shown["queueSettings"] = None
    return shown


def _service(name: str, endpoint: str) -> dict[str, Any]:
    return {
        "jobServiceType": name,
        "port": None,
        "endpoint": endpoint,
        "status": None,
        "errorMessage": None,
        "properties": None,
        "nodes": None,
    }


def _default_output(job: Job) -> dict[str, Any]:
    if job.kind in {"automl", "finetuning"}:
        return {}
    # Assumed: the form. It is what `jobs.download` starts from.
    return {
        "default": {
            "jobOutputType": "uri_folder",
            "mode": "ReadWriteMount",
            "uri": f"azureml://datastores/{ARTIFACT_STORE}/ExperimentRun/dcid.{job.name}",
            "description": None,
        }
    }


def _own_properties(job: Job) -> dict[str, str]:
    # Assumed: which ones. That the service writes some of its own is recorded.
    if job.kind == "pipeline":
        settings = job.sent.get("settings") or {}
        return {
            "azureml.runsource": "azureml.PipelineRun",
            "runSource": "MFE",
            "runType": "HTTP",
            "azureml.continue_on_step_failure": str(bool(settings.get("continue_on_step_failure"))),
        }
    if job.kind in {"sweep", "automl"}:
        return {"runTemplate": "HyperDrive" if job.kind == "sweep" else "AutoML"}
    return {
        "_azureml.ComputeTargetType": "amlctrain",
        "_azureml.ClusterName": job.demand.compute or "serverless",
        "ProcessInfoFile": "azureml-logs/process_info.json",
        "ProcessStatusFile": "azureml-logs/process_status.json",
    }
