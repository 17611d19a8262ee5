"""A job's outputs: where each of them is, and the assets that they become."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from amlrun.testing._api.exchange import Scope
from amlrun.testing._assets import assets
from amlrun.testing._assets.blobs import ARTIFACT_STORE, ARTIFACTS, CONTAINERS, LOG, artifact_prefix
from amlrun.testing._jobs.nodes import located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._assets.blobs import Blobs
    from amlrun.testing._jobs.job import Job
    from amlrun.testing._state.store import Records

DEFAULT = "default"
"""The output that every job has: its own files, with its logs, and `outputs/` as its code wrote it."""
MODELS = ("custom_model", "mlflow_model", "triton_model")
_DATASTORE = re.compile(r"azureml:.*?/?datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)")
_DATASTORE_CONTAINERS = {datastore: container for container, datastore in CONTAINERS.items()}


@attrs.frozen
class Output:
    """One output. `asset` is the name that it is registered under when the job completes, or ""."""

    kind: str
    uri: str
    asset: str = ""
    version: str = ""

    def blob(self, path: str = "") -> tuple[str, str] | None:
        """The container and name of a file of it; None where it isn't in a datastore.

        An output of type `uri_file` is one file, whatever the path.
        """
        match = _DATASTORE.fullmatch(self.uri)
        if match is None:
            return None
        container = _DATASTORE_CONTAINERS.get(match["datastore"], f"datastores/{match['datastore']}")
        place = match["path"].strip("/")
        return container, place if self.kind == "uri_file" else f"{place}/{path}".lstrip("/")


def outputs_of(job: Job) -> dict[str, Output]:
    """Where a job's named outputs are, by name."""
    found: Mapping[str, Mapping[str, str]] = located(job.sent, job.name)["outputs"]
    return {
        name: Output(
            str(value["jobOutputType"]).lower(),
            value["uri"],
            value.get("assetName", ""),
            value.get("assetVersion", ""),
        )
        for name, value in found.items()
    }


def output_of(job: Job, name: str) -> Output | None:
    """One output of a job, `default` too, or None."""
    if name == DEFAULT:
        return Output(
            "uri_folder", f"azureml://datastores/{ARTIFACT_STORE}/paths/{artifact_prefix(job.name)}"
        )
    return outputs_of(job).get(name)


def leave_log(blobs: Blobs, job: Job) -> None:
    """A job that ran has a log, if an empty one."""
    if job.has_children or job.started is None:
        return
    if blobs.stat(ARTIFACTS, log := artifact_prefix(job.name) + LOG) is None:
        blobs.write(ARTIFACTS, log, b"")


def register(records: Records, job: Job, now: float) -> None:
    """Make assets of the outputs of a completed job that are named."""
    if job.kind == "sweep":
        return  # its outputs are its trials'
    home = assets.workspace(Scope(**(records.get("meta", "scope") or {})))
    for output in outputs_of(job).values():
        if not output.asset:
            continue
        is_model = output.kind in MODELS
        kind = assets.KINDS["models" if is_model else "data"]
        found = assets.versions(records, home, kind, output.asset, view="All")
        version = output.version or assets.next_version(found)
        if any(body["version"] == version for body in found):
            continue  # Assumed: a version that is there already stays as it is, and the job completes.
        sent = (
            {"modelUri": output.uri, "modelType": output.kind, "jobName": job.name}
            if is_model
            else {"dataUri": output.uri, "dataType": output.kind}
        )
        assets.put(records, home, kind, output.asset, version, sent=sent, now=now)
