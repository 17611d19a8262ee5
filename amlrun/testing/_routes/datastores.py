"""Routes of datastores and of the secrets that open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun.testing._api.exchange import PROVIDER, Refusal, Reply, Request, bad_request, paged, system_data
from amlrun.testing._assets import datastores
from amlrun.testing._assets.blobs import SAS
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.backend import Backend

DATASTORES = Routes("datastores")
_PAGE = 30  # the contract's default for `count`


@DATASTORES("GET", "/datastores", gives="DatastoreResourceArmPaginatedResult")
def list_datastores(backend: Backend, request: Request) -> Reply:
    """The workspace's datastores: all, the default one, or those of some names or with a text in them."""
    query = request.query
    with backend.work() as (records, _now):
        found = datastores.all_of(records, backend.scope, backend.account)
    if (query.get("isDefault") or "").lower() == "true":
        found = [body for body in found if body["name"] == datastores.DEFAULT]
    if names := query.get("names"):
        found = [body for body in found if body["name"] in names.split(",")]
    if text := query.get("searchText"):
        found = [body for body in found if text.lower() in body["name"].lower()]
    count = query.get("count") or ""
    items, following = paged(found, request, int(count) if count.isdigit() and int(count) else _PAGE)
    return Reply(200, {"value": [_resource(backend, body) for body in items], "nextLink": following or None})


@DATASTORES("GET", "/datastores/{name}", gives="DatastoreResource")
def get_datastore(backend: Backend, request: Request) -> Reply:
    """One datastore."""
    with backend.work() as (records, _now):
        return Reply(200, _resource(backend, _find(backend, records, request)))


@DATASTORES(
    "PUT", "/datastores/{name}", named="datastores", takes="DatastoreResource", gives="DatastoreResource"
)
def put_datastore(backend: Backend, request: Request) -> Reply:
    """Write a datastore, with its secrets: 201 for a new one, 200 for one that was there."""
    properties = request.json.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("credentials"), dict):
        raise bad_request("The request body has no properties with credentials.", "InvalidRequestBody")
    name = request.args["name"]
    with backend.work() as (records, now):
        new = datastores.find(records, backend.scope, backend.account, name) is None
        body = datastores.put(records, name, properties, now)
    return Reply(201 if new else 200, _resource(backend, body))


@DATASTORES("DELETE", "/datastores/{name}")
def delete_datastore(backend: Backend, request: Request) -> Reply:
    """Forget a datastore, not what is in it: 204 for one that isn't there."""
    name = request.args["name"]
    if name in datastores.BUILT_IN:
        # Assumed: the code and the words.
        raise bad_request(f"Datastore {name} belongs to the workspace and can't be deleted.", "InvalidDelete")
    with backend.work() as (records, _now):
        there = records.get("datastore", name) is not None
        records.remove("datastore", name)
    return Reply(200 if there else 204)


@DATASTORES("POST", "/datastores/{name}/listSecrets", gives="DatastoreSecrets")
def list_secrets(backend: Backend, request: Request) -> Reply:
    """What opens a datastore: its key, or, where one that expires is asked for, a SAS instead."""
    with backend.work() as (records, _now):
        found = _find(backend, records, request)
    secrets = found["secrets"]
    if secrets is None:
        # Assumed: the code and the words; a client that reads the credentials' type doesn't ask.
        raise bad_request(f"Datastore {found['name']} has no credentials.", "NoCredentials")
    if secrets["secretsType"] == "AccountKey" and request.body and request.json.get("expirableSecret"):
        return Reply(200, {"secretsType": "Sas", "sasToken": SAS})
    return Reply(200, secrets)


def _find(backend: Backend, records: Records, request: Request) -> Mapping[str, Any]:
    name = request.args["name"]
    found = datastores.find(records, backend.scope, backend.account, name)
    if found is None:
        raise Refusal(404, f"Could not find datastore: {name}", "UserError", "NotFound", "DataStoreNotFound")
    return found


def _resource(backend: Backend, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{backend.scope.path}/datastores/{body['name']}",
        "name": body["name"],
        "type": f"{PROVIDER}/workspaces/datastores",
        "properties": {
            "description": None,
            "tags": {},
            "properties": None,
            **body["properties"],
            "isDefault": body["name"] == datastores.DEFAULT,
        },
        "systemData": system_data(body["created"], body["modified"]),
    }
