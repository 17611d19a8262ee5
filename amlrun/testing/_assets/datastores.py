"""Datastores as the fake keeps them: what they point to, and apart from that the secrets that open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun.testing._assets import storage
from amlrun.testing._assets.blobs import ACCOUNT_KEY, BLOB_STORE, CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._api.exchange import Scope
    from amlrun.testing._state.store import Records

DEFAULT = BLOB_STORE
"""The workspace's default datastore."""
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    **{
        name: {"datastoreType": "AzureBlob", "containerName": container}
        for container, name in CONTAINERS.items()
    },
    "workspacefilestore": {
        "datastoreType": "AzureFile",
        "fileShareName": "azureml-filestore-00000000-0000-0000-0000-000000000004",
    },
    "workspaceworkingdirectory": {
        "datastoreType": "AzureFile",
        "fileShareName": "code-00000000-0000-0000-0000-000000000004",
    },
}
"""What every workspace has, all in its own account."""

_CONTAINER = {"AzureBlob": "containerName", "AzureDataLakeGen2": "filesystem"}


def find(records: Records, scope: Scope, account: str, name: str) -> dict[str, Any] | None:
    """A datastore: `name`, `created`, `modified`, `properties` as shown, `secrets` (None: it has none)."""
    return records.get("datastore", name) or _built_in(scope, account, name)


def all_of(records: Records, scope: Scope, account: str) -> list[dict[str, Any]]:
    """All datastores: the workspace's own, then those that were made."""
    own = [find(records, scope, account, name) for name in BUILT_IN]
    made = [body for body in records.all("datastore") if body["name"] not in BUILT_IN]
    return [body for body in own if body] + made


def put(records: Records, name: str, properties: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Write a datastore as it was sent, its secrets in its credentials, and make its container be there."""
    shown = {key: value for key, value in properties.items() if value is not None}
    credentials = {key: value for key, value in shown["credentials"].items() if value is not None}
    secrets = credentials.pop("secrets", None)
    if secrets is not None:
        secrets = {"secretsType": credentials["credentialsType"], **secrets}
    shown["credentials"] = credentials
    before = records.get("datastore", name)
    body = {
        "name": name,
        "created": before["created"] if before else now,
        "modified": now,
        "properties": shown,
        "secrets": secrets,
    }
    records.put("datastore", name, body)
    container = shown.get(_CONTAINER.get(shown["datastoreType"], ""))
    if container:
        # Assumed: what a datastore points to is there.
        sas = (secrets or {}).get("sasToken") or ""
        storage.put_container(records, shown["accountName"], container, name, sas)
    return body


def _built_in(scope: Scope, account: str, name: str) -> dict[str, Any] | None:
    kept = BUILT_IN.get(name)
    if kept is None:
        return None
    properties = {
        "credentials": {"credentialsType": "AccountKey"},
        **kept,
        "subscriptionId": scope.subscription_id,
        "resourceGroup": scope.resource_group,
        "accountName": account,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "serviceDataAccessAuthIdentity": "None",
    }
    secrets = {"secretsType": "AccountKey", "key": ACCOUNT_KEY}
    return {"name": name, "created": 0.0, "modified": 0.0, "properties": properties, "secrets": secrets}
