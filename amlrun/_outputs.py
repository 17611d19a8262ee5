"""Where the outputs of an attempt are: what its job says, and what run history knows when it is over."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import AmlrunError
from amlrun._history import host_of, run_record
from amlrun._names import CHECKPOINTS
from amlrun._readings.json_values import object_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._history import RunRecord
    from amlrun._workspace import Workspace

DEFAULT = "default"
"""The output that every job has: its own files, logs among them, and `outputs/` as its code wrote it."""
OWN = "outputs"
"""The folder of its own files that is its code's."""
_BEST = ("best_child_run_id", "automl_best_child_run_id")
"""Property or tag of a search that names its best trial (azure-ai-ml looks for the first)."""
_PLACEHOLDERS = (re.compile(r"\$\{\{\s*name\s*\}\}"), re.compile(r"\$\{\{\s*output_name\s*\}\}"))
_STORED = re.compile(r"azureml:(?:.*/)?datastores/(?P<datastore>[^/]+)/(?:paths/)?(?P<path>.+)")
_log = logging.getLogger("amlrun")


@attrs.frozen
class Place:
    """A path of a datastore."""

    datastore: str
    path: str

    @classmethod
    def of(cls, uri: str) -> Place | None:
        """Where that is, short or long (`azureml://subscriptions/…/datastores/…`); None: in no datastore."""
        match = _STORED.fullmatch(uri)
        return None if match is None else cls(match["datastore"], match["path"].strip("/"))


def outputs_of(job: Mapping[str, Any]) -> dict[str, str]:
    """The URIs of a job's outputs by name, from its GET; where it says none, the usual place.

    Of a search they are those of its best trial, as soon as there is one. Pure.
    """
    # Assumed: an output whose place nobody says is below `azureml/<job>/<output>/` of the default datastore.
    properties = job["properties"]
    trial = best_trial(job)
    name = trial or str(job.get("name") or "")
    said: Mapping[str, Any] = properties.get("outputs") or {}
    found = {
        output: _named(str(object_in(value).get("uri") or ""), name, output)
        or f"azureml://datastores/workspaceblobstore/paths/azureml/{name}/{output}/"
        for output, value in said.items()
        if output not in {DEFAULT, CHECKPOINTS}  # the latter is nobody's but amlrun's
    }
    own = "" if trial else str(object_in(said.get(DEFAULT)).get("uri") or "")
    usual = f"azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.{name}/"
    return {**found, DEFAULT: own or usual}


def best_trial(job: Mapping[str, Any]) -> str:
    """The name of a search's best trial; "": it has none, or is none."""
    properties = job["properties"]
    labels = {**object_in(properties.get("properties")), **object_in(properties.get("tags"))}
    return next((str(labels[name]) for name in _BEST if labels.get(name)), "")


def found_outputs(workspace: Workspace, job: Mapping[str, Any], record: RunRecord) -> dict[str, str]:
    """The same of a job that is over, with the places that the service gives for outputs that say none.

    It is worth no error: what can't be read is taken to be at the usual place.
    """
    outputs = outputs_of(job)
    said = job["properties"].get("outputs") or {}
    unsaid = {name for name in outputs.keys() - {DEFAULT} if not object_in(said[name]).get("uri")}
    if not unsaid:
        return outputs
    trial = best_trial(job)
    try:
        ids = (run_record(workspace, trial) if trial else record).outputs
        models = [asset for asset, kind in ids.values() if kind.lower().endswith("model")]
        data = [asset for asset, _ in ids.values() if asset not in models]
        places = {
            **_places(workspace, "data/v1.0{scope}/dataversion", data, "uri"),
            **_places(workspace, "modelregistry/v1.0{scope}/models", models, "path"),
        }
    except AmlrunError as error:
        _log.info("%s: where its outputs are can't be read: %s", job.get("name"), error.message)
        return outputs
    known = {name: places[asset] for name, (asset, _) in ids.items() if asset in places}
    return {name: known.get(name, uri) if name in unsaid else uri for name, uri in outputs.items()}


# Assumed: these two answer as azure-ai-ml reads them; no recorded traffic shows them.
def _places(workspace: Workspace, service: str, assets: list[str], field: str) -> dict[str, str]:
    if not assets:
        return {}
    path = service.format(scope=workspace.scope.path)
    url = f"{host_of(workspace)}/{path}/batchGetResolvedUris"
    reply = object_in(workspace.rest.send("POST", url, api_version="", body={"values": assets}).body)
    found = object_in(reply.get("values")).items()
    return {asset: str(one[field]) for asset, one in found if object_in(one).get(field)}


def _named(uri: str, job: str, output: str) -> str:
    for placeholder, value in zip(_PLACEHOLDERS, (job, output), strict=True):
        uri = placeholder.sub(value, uri)
    return uri
