"""What bodies refer to by URI: datastores, assets, and what jobs have left behind; whether it is there.

Whoever takes a body asks here: `check_job` for a job's, `check` for one URI.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._api.exchange import Refusal, Scope, bad_request, not_found
from amlrun.testing._assets import assets, datastores, ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing._state.store import Records

_MODELS = frozenset({"custom_model", "mlflow_model", "triton_model"})
_DATASTORE = re.compile(
    r"azureml:/{1,2}(?:subscriptions/(?P<subscription>[^/]+)/resource[gG]roups/[^/]+"
    r"(?:/providers/[^/]+)?/workspaces/(?P<workspace>[^/]+)/)?datastores/(?P<name>[^/]+)(?:/.*)?"
)
_JOB = re.compile(
    r"azureml://jobs/(?P<name>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths)?(?:/(?P<path>.*))?"
    r"|runs:/+(?P<run>[^/]+)(?:/(?P<artifact>.*))?"
)
_COMPUTE = re.compile(
    r"(?:azureml:)?/subscriptions/(?P<subscription>[^/]+)/resourceGroups/[^/]+/providers/[^/]+"
    r"/workspaces/(?P<workspace>[^/]+)/computes/[^/]+/?",
    re.IGNORECASE,
)
_KINDS = ("data", "models")
_ARTIFACTS = "artifacts"


@attrs.frozen
class JobPath:
    """A place among what a job has left behind; `output` "" for the job's own files."""

    job: str
    output: str
    path: str


def job_path(uri: str) -> JobPath | None:
    """What `azureml://jobs/…` and MLflow's `runs:/…` say; None for another URI."""
    match = _JOB.fullmatch(uri)
    if match is None:
        return None
    if match["run"]:
        return JobPath(match["run"], "", match["artifact"] or "")
    output = "" if match["output"] == _ARTIFACTS else match["output"]
    return JobPath(match["name"], output, match["path"] or "")


def in_full(scope: Scope, uri: str, path: str = "") -> str:
    """A datastore's URI, and a path below it, with the workspace in it, as the service shows it."""
    if path:
        uri = f"{uri.rstrip('/')}/{path}"
    root = (
        f"azureml://subscriptions/{scope.subscription_id}/resourcegroups/{scope.resource_group}"
        f"/workspaces/{scope.workspace}/datastores/"
    )
    return uri.replace("azureml://datastores/", root, 1)


def check_job(records: Records, scope: Scope, account: str, properties: Mapping[str, Any]) -> None:
    """Refuse (404) a job, of any type, whose inputs or outputs are in what isn't there.

    And (400) one for a compute of another workspace; whether one is there in this one, others check.

    An environment is another matter (`check_environment`), and so is what only runs would tell.
    """
    for kind, uri in _uris(properties):
        check(records, scope, account, uri, "models" if kind in _MODELS else "data")
    for compute in _said(properties, "computeId"):
        _check_compute(scope, compute)
    for code in _said(properties, "codeId"):
        _check_code(records, scope, code)
    default = str((properties.get("settings") or {}).get("default_datastore") or "")
    if default and "${{" not in default:
        name = default.rstrip("/").rpartition("/")[2].removeprefix("azureml:")
        _check_datastore(records, scope, account, name)


def check(records: Records, scope: Scope, account: str, uri: str, plural: str) -> None:
    """Refuse (404) a URI that leads to a datastore, a job or an asset that isn't there.

    `plural` is the kind of an asset that the URI doesn't name: `data`, `models`. What the fake can't know is
    let be: other workspaces, registries that are not its own, addresses on the web.
    """
    if "${{" in uri:
        return
    if match := _DATASTORE.fullmatch(uri):
        ours = {"subscription": scope.subscription_id, "workspace": scope.workspace}
        if all(match[part] is None or match[part].lower() == own.lower() for part, own in ours.items()):
            _check_datastore(records, scope, account, match["name"])
    elif found := job_path(uri):
        # Assumed: the code and the words.
        if records.get("job", found.job) is None:
            raise not_found("Job", found.job)
    else:
        _check_asset(records, scope, uri, plural)


def _check_datastore(records: Records, scope: Scope, account: str, name: str) -> None:
    if datastores.find(records, scope, account, name) is None:
        # Assumed: that it is as where a datastore is asked for.
        raise Refusal(404, f"Could not find datastore: {name}", "UserError", "NotFound", "DataStoreNotFound")


def _check_asset(records: Records, scope: Scope, uri: str, plural: str) -> None:
    """Refuse a version that isn't there, in the workspace or in a registry of the fake's own."""
    named = ids.read_id(uri)
    if named is None or named.kind not in {"", *_KINDS}:
        return
    place, _, home = named.root.rpartition("/")
    if place.rpartition("/")[2].lower() == "registries":
        ours = home.lower() != assets.CURATED_REGISTRY and assets.find_registry(records, home) is not None
    else:
        ours = home.lower() in {"", scope.workspace.lower()}
    kind = assets.KINDS[named.kind or plural]
    # What names no kind may be either: a folder that a job reads may be a model.
    kinds = [kind] if named.kind else [assets.KINDS[word] for word in _KINDS]
    if ours and not any(ids.resolve(records, one, uri) for one in kinds):
        # Assumed: that it is refused at once, the code and the words.
        raise not_found(kind.title, f"{named.name}:{named.version or named.label}")


def _check_code(records: Records, scope: Scope, code: str) -> None:
    named = ids.read_id(code)
    ours = named is not None and named.root.rpartition("/")[2].lower() in {"", scope.workspace.lower()}
    if named is not None and ours and not ids.resolve(records, assets.KINDS["codes"], code):
        # Assumed: that it is refused at once, the code and the words.
        raise not_found("Code", f"{named.name}:{named.version or named.label}")


def _check_compute(scope: Scope, compute: str) -> None:
    match = _COMPUTE.fullmatch(compute)
    if match is None:
        return
    there = match["subscription"].lower(), match["workspace"].lower()
    if there != (scope.subscription_id.lower(), scope.workspace.lower()):
        # Assumed: as for one that isn't there.
        raise bad_request(f"Compute {compute} was not found in the workspace.", "ComputeNotFound")


def _said(value: Any, field: str) -> Iterator[str]:
    """What a body, and its parts, say in a field, wherever it is."""
    if isinstance(value, dict):
        if isinstance(value.get(field), str):
            yield value[field]
        for item in value.values():
            yield from _said(item, field)
    elif isinstance(value, list):
        for item in value:
            yield from _said(item, field)


def _uris(value: Any) -> Iterator[tuple[str, str]]:
    """The type and URI of every input and output in a body, its parts' too."""
    if isinstance(value, dict):
        kinds = (
            value.get(key) for key in ("jobInputType", "jobOutputType", "job_input_type", "job_output_type")
        )
        kind = next((kind for kind in kinds if kind), None)
        if kind and isinstance(value.get("uri"), str):
            yield str(kind).lower(), value["uri"]
        for item in value.values():
            yield from _uris(item)
    elif isinstance(value, list):
        for item in value:
            yield from _uris(item)
