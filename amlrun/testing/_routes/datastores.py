"""Routes of datastores and of the secrets that open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun.testing._blobs import ACCOUNT_KEY, BLOB_STORE, CONTAINERS, SAS
from amlrun.testing._exchange import PROVIDER, Refusal, Reply, Request, instant
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from amlrun.testing._backend import Backend

DATASTORES = Routes("datastores")


@DATASTORES("GET", "/datastores")
def list_datastores(backend: Backend, request: Request) -> Reply:
    """The workspace's datastores."""
    only_default = (request.query.get("isDefault") or "").lower() == "true"
    names = [BLOB_STORE] if only_default else list(CONTAINERS.values())
    return Reply(200, {"value": [_datastore(backend, name) for name in names]})


@DATASTORES("GET", "/datastores/{name}")
def get_datastore(backend: Backend, request: Request) -> Reply:
    """One datastore."""
    return Reply(200, _datastore(backend, request.args["name"]))


@DATASTORES("POST", "/datastores/{name}/listSecrets")
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
