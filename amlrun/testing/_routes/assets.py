"""Routes of assets: codes, components, data, environments, models; in the workspace and in registries."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from amlrun.testing._api.exchange import Reply, Request, bad_request, not_found, paged, system_data
from amlrun.testing._assets import assets, references, storage
from amlrun.testing._assets.assets import KINDS, Home, Kind
from amlrun.testing._assets.blobs import SAS
from amlrun.testing._assets.ids import taken_to_be_there
from amlrun.testing._jobs.outputs import DEFAULT, output_of
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from amlrun.testing._routes.table import Handler
    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

ASSETS = Routes("assets")
REGISTRY_ASSETS = Routes("assets of a registry")
REGISTRY_HOST = Routes("a registry's own host")

OF_REGISTRY = "/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/registries/{registry}"
"""What stands in front of the paths of a registry, behind the subscription."""
# Assumed: how long a page is. That there are pages, and how they are linked, is in the contract.
_PAGE = 30


def _route(
    method: str,
    tail: str,
    *,
    takes: str = "",
    gives: str = "",
    here: Container[str] = KINDS,
    in_registries: Container[str] = KINDS,
) -> Callable[[Handler], Handler]:
    """Register a handler for the kinds that have such a route, each with its own definitions."""

    def register(handler: Handler) -> Handler:
        for plural, kind in KINDS.items():
            bodies: dict[str, Any] = {
                "takes": takes.format(kind=kind.resource),
                "gives": gives.format(kind=kind.resource),
            }
            if plural == "data":
                bodies = {way: name.replace("DataVersion", "DataVersionBase") for way, name in bodies.items()}
            if method == "PUT":
                bodies["named"] = plural
            path = f"/{{kind:{plural}}}{tail}"
            if plural in here:
                ASSETS(method, path, **bodies)(handler)
            if plural in in_registries:
                REGISTRY_ASSETS(method, OF_REGISTRY + path, **bodies)(handler)
            if plural == "models" and "{kind}" in takes:
                # A registry's own host has an older API, whose models have fields beyond the contract.
                REGISTRY_HOST(method, OF_REGISTRY + path, gives=bodies["gives"])(handler)
        return handler

    return register


@_route("PUT", "/{name}/versions/{version}", takes="{kind}VersionResource", gives="{kind}VersionResource")
def put_version(backend: Backend, request: Request) -> Reply:
    """Write a version: 201 for a new one, 200 for one that was there."""
    kind, name, version = _kind(request), request.args["name"], request.args["version"]
    with backend.work() as (records, now):
        home = _home(backend, records, request)
        sent = _properties(request)
        if not home.registry:
            sent = _placed(backend, records, kind, sent)
        body, new = assets.put(records, home, kind, name, version, sent=sent, now=now)
    return _written(request, _version(home, kind, body), 201 if new else 200)


@_route("GET", "/{name}/versions/{version}", gives="{kind}VersionResource")
def get_version(backend: Backend, request: Request) -> Reply:
    """One version."""
    kind, name, version = _kind(request), request.args["name"], request.args["version"]
    with backend.work() as (records, _now):
        home = _home(backend, records, request)
        found = assets.find(records, home, kind, name, version)
        if found is None and kind.plural == "environments" and not home.registry:
            found = taken_to_be_there(records, name, version)
    if found is None:
        raise not_found(kind.title, f"{name}:{version}")
    return Reply(200, _version(home, kind, found))


@_route("DELETE", "/{name}/versions/{version}")
def delete_version(backend: Backend, request: Request) -> Reply:
    """Forget a version: 204 for one that isn't there."""
    kind, name, version = _kind(request), request.args["name"], request.args["version"]
    with backend.work() as (records, _now):
        home = _home(backend, records, request)
        there = records.get(home.kept(kind), f"{name}/{version}") is not None
        assets.remove(records, home, kind, name, version)
    return Reply(200 if there else 204)


@_route("GET", "/{name}/versions", gives="{kind}VersionResourceArmPaginatedResult")
def list_versions(backend: Backend, request: Request) -> Reply:
    """The versions of a name, the newest first; with `hash`, the snapshots that hold just that."""
    kind, name, query = _kind(request), request.args["name"], request.query
    with backend.work() as (records, _now):
        home = _home(backend, records, request)
        if wanted := query.get("hash"):
            # A snapshot is found by what is in it, whatever name the asker made up for it.
            found = records.on_shelf(home.kept(kind), wanted)
        else:
            # Assumed: which lists are empty for a name that nobody has used; the SDK expects it of these.
            empty = bool(home.registry) or kind.plural == "models"
            if not empty and assets.container(records, home, kind, name) is None:
                raise not_found(kind.title, name)
            found = assets.versions(records, home, kind, name, view=_view(request))
    found = [body for body in found if _matches(body, query)]
    if query.get("$orderBy", "").lower().replace(" ", "") in {"createdtime", "createdtimeasc"}:
        found.reverse()
    if top := query.get("$top"):
        if not top.isdigit():
            raise bad_request(f"$top must be a number, not {top!r}.", "InvalidQueryParameter")
        found = found[: int(top)]
    return _page(request, found, lambda body: _version(home, kind, body))


@_route("GET", "/{name}", gives="{kind}ContainerResource")
def get_container(backend: Backend, request: Request) -> Reply:
    """A name, with its latest version."""
    kind, name = _kind(request), request.args["name"]
    with backend.work() as (records, _now):
        home = _home(backend, records, request)
        found = assets.container(records, home, kind, name)
        if found is None:
            raise not_found(kind.title, name)
        return Reply(200, _container(records, home, kind, found))


@_route("PUT", "/{name}", takes="{kind}ContainerResource", gives="{kind}ContainerResource")
def put_container(backend: Backend, request: Request) -> Reply:
    """Write what is said of a name itself: its tags, or that it is archived."""
    kind, name = _kind(request), request.args["name"]
    with backend.work() as (records, now):
        home = _home(backend, records, request)
        new = assets.container(records, home, kind, name) is None
        body = assets.put_container(records, home, kind, name, sent=_properties(request), now=now)
        return Reply(201 if new else 200, _container(records, home, kind, body))


@_route("DELETE", "/{name}")
def delete_container(backend: Backend, request: Request) -> Reply:
    """Forget a name and all its versions: 204 for one that isn't there."""
    kind, name = _kind(request), request.args["name"]
    with backend.work() as (records, _now):
        home = _home(backend, records, request)
        there = assets.container(records, home, kind, name) is not None
        assets.remove(records, home, kind, name)
    return Reply(200 if there else 204)


@_route("GET", "", gives="{kind}ContainerResourceArmPaginatedResult")
def list_containers(backend: Backend, request: Request) -> Reply:
    """All names of a kind."""
    kind = _kind(request)
    with backend.work() as (records, _now):
        home = _home(backend, records, request)
        found = assets.containers(records, home, kind, view=_view(request))
        return _page(request, found, lambda body: _container(records, home, kind, body))


@_route(
    "POST",
    "/{name}/versions/{version}/startPendingUpload",
    takes="PendingUploadRequestDto",
    gives="PendingUploadResponseDto",
    here=("codes",),
    in_registries=("codes", "data", "models"),
)
def start_pending_upload(backend: Backend, request: Request) -> Reply:
    """A container of its own for the bytes of a version that is about to be made."""
    with backend.work() as (records, _now):
        _home(backend, records, request)
        reference = upload_reference(backend, records, request.path)
    return Reply(
        200,
        {
            "pendingUploadId": reference["blobUri"].rpartition("/")[2],
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": reference,
        },
    )


def upload_reference(backend: Backend, records: Records, what: str) -> dict[str, Any]:
    """A container for the bytes of `what`, and the SAS that opens it: the same one for the same thing."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{backend.scope.path}{what}").hex
    storage.put_container(records, backend.account, name)
    uri = f"https://{backend.blob_host}/{name}"
    scope = backend.scope
    providers = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}/providers"
    return {
        "blobUri": uri,
        "storageAccountArmId": f"{providers}/Microsoft.Storage/storageAccounts/{backend.account}",
        "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{SAS}"},
    }


def _written(request: Request, body: dict[str, Any], status: int) -> Reply:
    """What a version's PUT answers: in a registry it says where the answer will be, as its older API does.

    Of the SDKs 1.28 and 1.34 take nothing else; the contract has 200 and 201.
    """
    if "registry" not in request.args:
        return Reply(status, body)
    # Assumed: that it is ready when it is asked for.
    version = request.query.get("api-version", "")
    location = f"https://{request.host}{quote(request.path)}?api-version={version}"
    return Reply(202, body, {"Location": location, "Retry-After": "1"})


def _kind(request: Request) -> Kind:
    return KINDS[request.args["kind"].lower()]


def _home(backend: Backend, records: Records, request: Request) -> Home:
    """Where the asset of a path lives. Raises Refusal (404) for a registry that isn't there."""
    name = request.args.get("registry")
    return assets.registry(records, backend.scope, name) if name else assets.workspace(backend.scope)


def _properties(request: Request) -> Mapping[str, Any]:
    properties = request.json.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The request body has no properties.", "InvalidRequestBody")
    return properties


def _placed(backend: Backend, records: Records, kind: Kind, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was sent, with the place in a datastore of what a job has left behind.

    Raises Refusal (404) where the path leads to a datastore, a job or an output that isn't there.
    """
    field = {"data": "dataUri", "models": "modelUri"}.get(kind.plural, "")
    uri = str(sent.get(field) or "")
    references.check(records, backend.scope, backend.account, uri, kind.plural)
    left = references.job_path(uri)
    job = None if left is None else backend.engine.job(records, left.job)
    if left is None or job is None:
        return sent
    found = output_of(job, left.output or DEFAULT)
    if found is None:
        # Assumed: the code and the words.
        raise not_found("Output", f"{left.output} of job {left.job}")
    # Assumed: that the path becomes that of the datastore, and which job a model's is.
    place = references.in_full(backend.scope, found.uri, left.path)
    return {**sent, field: place, **({"jobName": job.name} if kind.plural == "models" else {})}


def _view(request: Request) -> str:
    # Assumed: who doesn't say sees what is active.
    return request.query.get("listViewType") or "ActiveOnly"


def _matches(body: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """Whether a version passes the filters: `tags` and `properties`, each `a,b=c`, and `version`."""
    said = body["properties"]
    asked = {
        "tags": query.get("tags") or query.get("$tags") or "", "properties": query.get("properties") or ""
    }  # fmt: skip
    for field, terms in asked.items():
        labels = said.get(field) or {}
        for term in filter(None, terms.split(",")):
            key, equals, value = term.partition("=")
            if key not in labels or (equals and str(labels[key]) != value):
                return False
    return query.get("version") in {None, "", body["version"]}


def _page(request: Request, found: list[Any], shown: Callable[[Any], dict[str, Any]]) -> Reply:
    items, following = paged(found, request, _PAGE)
    return Reply(200, {"value": [shown(body) for body in items], "nextLink": following or None})


_EMPTY: Mapping[str, Mapping[str, Any]] = {
    "environments": {"osType": "Linux", "autoRebuild": "Disabled"},
    "models": {"flavors": {}},
}
"""What a version of a kind has where nobody sent it: SDKs don't do without."""


def _version(home: Home, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    name, version = body["name"], body["version"]
    properties = {
        "description": None,
        "tags": {},
        "properties": {},
        "isArchived": False,
        "isAnonymous": False,
        **_EMPTY.get(kind.plural, {}),
        **body["properties"],
    }
    if kind.plural == "environments":
        properties["environmentType"] = "UserCreated" if body["created"] else "Curated"
        if build := properties.get("build"):
            properties["build"] = {"dockerfilePath": "Dockerfile", **build}
    if kind.plural != "data":
        properties["provisioningState"] = "Succeeded"
    return {
        "id": home.id(kind, name, version),
        "name": version,
        "type": f"{home.type(kind)}/versions",
        "properties": properties,
        "systemData": system_data(body["created"], body["modified"]),
    }


def _container(records: Records, home: Home, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    found = assets.versions(records, home, kind, body["name"], view="All")
    # Assumed: an archived version is the latest only where there is no other.
    active = [version for version in found if assets.visible(version["properties"], "ActiveOnly")]
    newest = next(iter(active or found), None)
    properties = {
        "description": None,
        "tags": {},
        "properties": {},
        "isArchived": False,
        **body["properties"],
        "latestVersion": newest and newest["version"],
        "nextVersion": assets.next_version(found),
    }
    if kind.plural == "data" and newest:
        properties["dataType"] = newest["properties"]["dataType"]
    elif kind.plural != "data":
        properties["provisioningState"] = "Succeeded"
    return {
        "id": home.id(kind, body["name"]),
        "name": body["name"],
        "type": home.type(kind),
        "properties": properties,
        "systemData": system_data(body["created"], body["modified"]),
    }
