"""Routes of assets: codes, environments, data, models."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from amlrun.testing._blobs import SAS
from amlrun.testing._exchange import PROVIDER, Reply, Request, bad_request, not_found, system_data
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._backend import Backend

ASSETS = Routes("assets")

_TITLES = {"codes": "Code", "environments": "Environment", "data": "Data", "models": "Model"}
_CURATED = "azureml-"  # every workspace has the curated environments of this prefix


_KIND = "{kind:codes|environments|data|models}"


@ASSETS("PUT", f"/{_KIND}/{{name}}/versions/{{version}}")
def put_version(backend: Backend, request: Request) -> Reply:
    """Write a version: 201 for a new one, 200 for one that was there."""
    kind, name, version = _kind(request), request.args["name"], request.args["version"]
    properties = request.json.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The request body has no properties.", "InvalidRequestBody")
    with backend.work() as (records, now):
        key = f"{name}/{version}"
        before = records.get(kind, key)
        created = now if before is None else before["created"]
        body = {"name": name, "version": version, "created": created, "properties": properties}
        records.put(kind, key, body)
    return Reply(200 if before else 201, _version(backend, kind, body))


@ASSETS("GET", f"/{_KIND}/{{name}}/versions/{{version}}")
def get_version(backend: Backend, request: Request) -> Reply:
    """One version."""
    kind, name, version = _kind(request), request.args["name"], request.args["version"]
    with backend.work() as (records, _now):
        found = records.get(kind, f"{name}/{version}")
    if found is None and version == "1":
        found = _curated(kind, name)
    if found is None:
        raise not_found(_TITLES[kind], f"{name}:{version}")
    return Reply(200, _version(backend, kind, found))


@ASSETS("GET", f"/{_KIND}/{{name}}/versions")
def list_versions(backend: Backend, request: Request) -> Reply:
    """The versions of a name, the newest first; with `hash`, the snapshots that hold just that."""
    kind, name = _kind(request), request.args["name"]
    with backend.work() as (records, _now):
        all_of_kind = records.all(kind, newest_first=True)
    if wanted := request.query.get("hash"):
        # A snapshot is found by what is in it, whatever name the asker made up for it.
        same = [body for body in all_of_kind if _hash(body) == wanted]
        return Reply(200, {"value": [_version(backend, kind, body) for body in same]})
    found = [body for body in all_of_kind if body["name"] == name]
    if not found and (curated := _curated(kind, name)):
        found = [curated]
    if not found:
        raise not_found(_TITLES[kind], name)
    top = int(request.query.get("$top") or len(found))
    return Reply(200, {"value": [_version(backend, kind, body) for body in found[:top]]})


@ASSETS("GET", f"/{_KIND}/{{name}}")
def get_container(backend: Backend, request: Request) -> Reply:
    """A name, with its latest version."""
    kind, name = _kind(request), request.args["name"]
    with backend.work() as (records, _now):
        found = [body for body in records.all(kind, newest_first=True) if body["name"] == name]
    if not found:
        raise not_found(_TITLES[kind], name)
    return Reply(200, _container(backend, kind, found[0]))


@ASSETS("GET", f"/{_KIND}")
def list_containers(backend: Backend, request: Request) -> Reply:
    """All names of a kind."""
    kind = _kind(request)
    with backend.work() as (records, _now):
        newest = {body["name"]: body for body in records.all(kind)}
    return Reply(200, {"value": [_container(backend, kind, body) for body in newest.values()]})


def _kind(request: Request) -> str:
    return request.args["kind"].lower()


def _hash(body: Mapping[str, Any]) -> str | None:
    found: str | None = (body["properties"].get("properties") or {}).get("hash_sha256")
    return found


def _version(backend: Backend, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    name, version = body["name"], body["version"]
    return {
        "id": f"{backend.scope.path}/{kind}/{name}/versions/{version}",
        "name": version,
        "type": f"{PROVIDER}/workspaces/{kind}/versions",
        "properties": {
            "description": None,
            "tags": {},
            "isArchived": False,
            "isAnonymous": False,
            **{key: value for key, value in body["properties"].items() if value is not None},
            "provisioningState": "Succeeded",
        },
        "systemData": system_data(body["created"]),
    }


def _container(backend: Backend, kind: str, newest: Mapping[str, Any]) -> dict[str, Any]:
    version = newest["version"]
    properties = {
        "description": None,
        "tags": {},
        "properties": {},
        "isArchived": False,
        "latestVersion": version,
        "nextVersion": str(int(version) + 1) if version.isdigit() else "1",
    }
    if "dataType" in newest["properties"]:
        properties["dataType"] = newest["properties"]["dataType"]
    return {
        "id": f"{backend.scope.path}/{kind}/{newest['name']}",
        "name": newest["name"],
        "type": f"{PROVIDER}/workspaces/{kind}",
        "properties": properties,
        "systemData": system_data(newest["created"]),
    }


def _curated(kind: str, name: str) -> dict[str, Any] | None:
    if kind != "environments" or not name.lower().startswith(_CURATED):
        return None
    # Assumed: a curated environment of any name is there, as version 1.
    image = f"mcr.microsoft.com/azureml/curated/{name.lower().removeprefix(_CURATED)}:1"
    return {"name": name, "version": "1", "created": 0.0, "properties": {"image": image, "osType": "Linux"}}


@ASSETS("POST", f"/{_KIND}/{{name}}/versions/{{version}}/startPendingUpload")
def start_pending_upload(backend: Backend, request: Request) -> Reply:
    """A container of its own for the bytes of a version that is about to be made."""
    upload = uuid.uuid5(uuid.NAMESPACE_URL, f"{backend.scope.path}{request.path}").hex
    uri = f"https://{backend.blob_host}/{upload}"
    scope = backend.scope
    providers = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}/providers"
    return Reply(
        200,
        {
            "pendingUploadId": upload,
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": uri,
                "storageAccountArmId": f"{providers}/Microsoft.Storage/storageAccounts/{backend.account}",
                "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{SAS}"},
            },
        },
    )
