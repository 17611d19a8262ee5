"""Routes of assets (codes, environments, data, models) and of the datastores that hold their bytes."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Any

from amlrun.testing._exchange import PROVIDER, Refusal, Reply, Request, bad_request, instant, not_found
from amlrun.testing._routes_compute import system_data
from amlrun.testing._routing import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._backend import Backend
    from amlrun.testing._routing import Handler

ASSETS = Routes("assets")

BLOB_STORE = "workspaceblobstore"
ARTIFACT_STORE = "workspaceartifactstore"
CONTAINERS: Mapping[str, str] = {
    "azureml-blobstore-00000000-0000-0000-0000-000000000004": BLOB_STORE,
    "azureml": ARTIFACT_STORE,
}
"""The containers of the workspace's own datastores."""
ACCOUNT_KEY = base64.b64encode(b"this key opens nothing" + bytes(42)).decode()
SAS = "sv=2024-11-04&sr=c&sp=rwl&se=2099-01-01T00%3A00%3A00Z&sig=fake"
_KINDS = {"codes": "Code", "environments": "Environment", "data": "Data", "models": "Model"}
_CURATED = "azureml-"  # every workspace has the curated environments of this prefix


def _asset_routes(kind: str, title: str) -> None:
    def put_version(backend: Backend, request: Request) -> Reply:
        return _put_version(backend, request, kind)

    def get_version(backend: Backend, request: Request) -> Reply:
        name, version = request.args["name"], request.args["version"]
        with backend.work() as (records, _now):
            found = records.get(kind, f"{name}/{version}")
        if found is None and (kind, version) == ("environments", "1"):
            found = _curated(name)
        if found is None:
            raise not_found(title, f"{name}:{version}")
        return Reply(200, _version(backend, kind, found))

    def list_versions(backend: Backend, request: Request) -> Reply:
        name, wanted = request.args["name"], request.query.get("hash")
        with backend.work() as (records, _now):
            found = [body for body in records.all(kind, newest_first=True) if body["name"] == name or wanted]
        if wanted:
            # A snapshot is found by what is in it, whatever name the asker made up for it.
            found = [
                body
                for body in found
                if (body["properties"].get("properties") or {}).get("hash_sha256") == wanted
            ]
        if not found and not wanted and kind == "environments" and (curated := _curated(name)):
            found = [curated]
        top = int(request.query.get("$top") or len(found))
        if not found and not wanted:
            raise not_found(title, name)
        return Reply(200, {"value": [_version(backend, kind, body) for body in found[:top]]})

    def get_container(backend: Backend, request: Request) -> Reply:
        name = request.args["name"]
        with backend.work() as (records, _now):
            found = [body for body in records.all(kind, newest_first=True) if body["name"] == name]
        if not found:
            raise not_found(title, name)
        return Reply(200, _container(backend, kind, found[0]))

    def list_containers(backend: Backend, _request: Request) -> Reply:
        with backend.work() as (records, _now):
            newest = {body["name"]: body for body in records.all(kind)}
        return Reply(200, {"value": [_container(backend, kind, body) for body in newest.values()]})

    handlers: dict[tuple[str, str], Handler] = {
        ("PUT", f"/{kind}/{{name}}/versions/{{version}}"): put_version,
        ("GET", f"/{kind}/{{name}}/versions/{{version}}"): get_version,
        ("GET", f"/{kind}/{{name}}/versions"): list_versions,
        ("GET", f"/{kind}/{{name}}"): get_container,
        ("GET", f"/{kind}"): list_containers,
    }
    for (method, template), handler in handlers.items():
        ASSETS(method, template)(handler)


for _kind, _title in _KINDS.items():
    _asset_routes(_kind, _title)


def _put_version(backend: Backend, request: Request, kind: str) -> Reply:
    name, version = request.args["name"], request.args["version"]
    properties = request.json.get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The request body has no properties.", "InvalidRequestBody")
    with backend.work() as (records, now):
        key = f"{name}/{version}"
        before = records.get(kind, key)
        body = {"name": name, "version": version, "created": now, "properties": properties}
        if before is not None:
            body["created"] = before["created"]
        records.put(kind, key, body)
    return Reply(200 if before else 201, _version(backend, kind, body))


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
        "systemData": system_data(backend, body["created"]),
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
        "systemData": system_data(backend, newest["created"]),
    }


def _curated(name: str) -> dict[str, Any] | None:
    if not name.lower().startswith(_CURATED):
        return None
    # Assumed: a curated environment of any name is there, as version 1.
    image = f"mcr.microsoft.com/azureml/curated/{name.lower().removeprefix(_CURATED)}:1"
    return {"name": name, "version": "1", "created": 0.0, "properties": {"image": image, "osType": "Linux"}}


@ASSETS("POST", "/codes/{name}/versions/{version}/startPendingUpload")
@ASSETS("POST", "/data/{name}/versions/{version}/startPendingUpload")
@ASSETS("POST", "/models/{name}/versions/{version}/startPendingUpload")
def start_pending_upload(backend: Backend, request: Request) -> Reply:
    """A container of its own for the bytes of a version that is about to be made."""
    upload = uuid.uuid5(uuid.NAMESPACE_URL, f"{backend.scope.path}{request.path}").hex
    uri = f"https://{backend.blob_host}/{upload}"
    group = f"/subscriptions/{backend.scope.subscription_id}/resourceGroups/{backend.scope.resource_group}"
    return Reply(
        200,
        {
            "pendingUploadId": upload,
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": uri,
                "storageAccountArmId": f"{group}/providers/Microsoft.Storage/storageAccounts/{backend.account}",
                "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{SAS}"},
            },
        },
    )


@ASSETS("GET", "/datastores")
def list_datastores(backend: Backend, request: Request) -> Reply:
    """The workspace's datastores."""
    only_default = (request.query.get("isDefault") or "").lower() == "true"
    names = [BLOB_STORE] if only_default else list(CONTAINERS.values())
    return Reply(200, {"value": [_datastore(backend, name) for name in names]})


@ASSETS("GET", "/datastores/{name}")
def get_datastore(backend: Backend, request: Request) -> Reply:
    """One datastore."""
    return Reply(200, _datastore(backend, request.args["name"]))


@ASSETS("POST", "/datastores/{name}/listSecrets")
def list_secrets(backend: Backend, request: Request) -> Reply:
    """The account's key; a SAS where one that expires is asked for."""
    _datastore(backend, request.args["name"])
    if request.body and request.json.get("expirableSecret"):
        return Reply(200, {"secretsType": "Sas", "sasToken": SAS})
    return Reply(200, {"secretsType": "AccountKey", "key": ACCOUNT_KEY})


def _datastore(backend: Backend, name: str) -> dict[str, Any]:
    container = next((key for key, value in CONTAINERS.items() if value == name), None)
    if container is None:
        raise Refusal(404, f"Could not find datastore: {name}", "UserError", "NotFound", "DataStoreNotFound")
    scope = backend.scope
    return {
        "id": f"{scope.path}/datastores/{name}",
        "name": name,
        "type": f"{PROVIDER}/workspaces/datastores",
        "properties": {
            "description": None,
            "tags": {},
            "properties": None,
            "isDefault": name == BLOB_STORE,
            "credentials": {"credentialsType": "AccountKey"},
            "datastoreType": "AzureBlob",
            "subscriptionId": scope.subscription_id,
            "resourceGroup": scope.resource_group,
            "accountName": backend.account,
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "None",
        },
        "systemData": {"createdAt": instant(0.0), "createdBy": "fake-user", "createdByType": "User"},
    }
