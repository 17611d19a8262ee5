"""Routes of registries: where to find one, what it is, how assets come into it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amlrun.testing._api.exchange import PROVIDER, Refusal, Reply, Request, bad_request, not_found
from amlrun.testing._assets import assets
from amlrun.testing._assets.assets import DISCOVERY_PREFIX, KINDS
from amlrun.testing._assets.blobs import SAS
from amlrun.testing._routes.assets import OF_REGISTRY, REGISTRY_HOST, upload_reference
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._wire.backend import Backend

DISCOVERY = Routes("discovery of registries")
REGISTRIES = Routes("registries")
_TENANT = "00000000-0000-0000-0000-000000000003"
_ASSET_ID = re.compile(
    r"azureml://(?:registries/[^/]+|.*/workspaces/[^/]+|locations/.*)/(?P<kind>\w+)/(?P<name>[^/]+)"
    r"/versions/(?P<version>[^/]+)",
    re.IGNORECASE,
)


@DISCOVERY("GET", f"{DISCOVERY_PREFIX}{{registry}}/discovery")
def discover(backend: Backend, request: Request) -> Reply:
    """Where a registry's own host is, and in which subscription and resource group it is."""
    scope = backend.scope
    with backend.work() as (records, _now):
        found = assets.find_registry(records, request.args["registry"])
    if found is None:
        raise not_found("Registry", request.args["registry"])
    host = backend.registry_host
    # Assumed: which hosts it names. The SDK puts the data plane's path behind the address of the provider.
    return Reply(
        200,
        {
            "registryName": found["name"],
            "tenantId": _TENANT,
            "primaryRegion": scope.location,
            "regions": [scope.location],
            "subscriptionId": scope.subscription_id,
            "resourceGroup": scope.resource_group,
            "workspaceName": None,
            "primaryRegionResourceProviderUri": f"https://{host}/",
            "resourceProviderEndpoints": {scope.location: f"https://{host}/"},
            "registryFqdns": {scope.location: {"uri": host}},
        },
    )


@REGISTRIES("GET", OF_REGISTRY)
def get_registry(backend: Backend, request: Request) -> Reply:
    """One registry."""
    with backend.work() as (records, _now):
        found = assets.find_registry(records, request.args["registry"])
    if found is None:
        name = f"{PROVIDER}/registries/{request.args['registry']}"
        message = (
            f"The Resource '{name}' under resource group '{request.args['group']}' was not found. For more "
            "details please go to https://aka.ms/ARMResourceNotFoundFix"
        )
        raise Refusal(404, message, "ResourceNotFound")
    return Reply(200, _resource(backend, found))


@REGISTRIES("GET", f"/resourceGroups/{{group}}/providers/{PROVIDER}/registries")
@REGISTRIES("GET", f"/providers/{PROVIDER}/registries")
def list_registries(backend: Backend, _request: Request) -> Reply:
    """The registries of the resource group or the subscription: those that were made for this fake."""
    with backend.work() as (records, _now):
        found = records.all("registry")
    return Reply(200, {"value": [_resource(backend, body) for body in found], "nextLink": None})


@REGISTRY_HOST("PUT", f"{OF_REGISTRY}/tempdatarefs/{{name}}/versions/{{version}}")
def reserve(backend: Backend, request: Request) -> Reply:
    """A container for the bytes of a version that is about to be made; 409 where it is made already."""
    body, name, version = request.json, request.args["name"], request.args["version"]
    match = _ASSET_ID.fullmatch(str(body.get("assetId")))
    kind = KINDS.get(match["kind"].lower()) if match else None
    if kind is None:
        raise bad_request(f"{body.get('assetId')!r} is no id of an asset.", "InvalidAssetId")
    with backend.work() as (records, _now):
        home = assets.registry(records, backend.scope, request.args["registry"])
        if records.get(home.kept(kind), f"{name}/{version}"):
            message = f"{kind.title} {name} with version {version} is already registered."
            raise Refusal(409, message, "UserError", "Conflict", "AlreadyExists")
        what = f"/registries/{home.registry}/{kind.plural}/{name}/versions/{version}"
        reference = upload_reference(backend, records, what)
    return Reply(200, _reference(reference))


@REGISTRY_HOST("POST", f"{OF_REGISTRY}/datarefs/{{name}}/versions/{{version}}")
def open_blob(backend: Backend, request: Request) -> Reply:
    """The SAS that opens the container in which an asset of the registry is."""
    uri = str(request.json.get("blobUri"))
    with backend.work() as (records, _now):
        assets.registry(records, backend.scope, request.args["registry"])
    container = "/".join(uri.split("/")[:4])
    opened = {"credentialType": "SAS", "sasUri": f"{container}?{SAS}"}
    return Reply(200, _reference({"blobUri": uri, "credential": opened}))


@REGISTRY_HOST("POST", f"{OF_REGISTRY}/import")
def take_in(backend: Backend, request: Request) -> Reply:
    """An asset of the workspace is shared: it is in the registry from now on, under the name it is given."""
    body = request.json.get("properties") or {}
    source = str(body.get("sourceAssetId"))
    match = _ASSET_ID.fullmatch(source)
    kind = KINDS.get(match["kind"].lower()) if match else None
    if match is None or kind is None:
        raise bad_request(f"{source!r} is no id of an asset.", "InvalidAssetId")
    with backend.work() as (records, now):
        home = assets.registry(records, backend.scope, request.args["registry"])
        here = assets.workspace(backend.scope)
        found = assets.find(records, here, kind, match["name"], match["version"])
        if found is None:
            raise not_found(kind.title, f"{match['name']}:{match['version']}")
        name, version = str(body.get("destinationName")), str(body.get("destinationVersion"))
        assets.put(records, home, kind, name, version, sent=found["properties"], now=now)
    # Assumed: it is done at once, and there is nothing to say.
    return Reply(200)


def _reference(reference: Mapping[str, Any]) -> dict[str, Any]:
    return {"blobReferenceForConsumption": dict(reference)}


def _resource(backend: Backend, found: Mapping[str, Any]) -> dict[str, Any]:
    scope, name = backend.scope, found["name"]
    discovery = f"https://{backend.history_host}{DISCOVERY_PREFIX}{name}/discovery"
    endpoint = f"{backend.history_host}/mlflow/v1.0{assets.registry_path(scope, name)}"
    return {
        "id": assets.registry_path(scope, name),
        "name": name,
        "type": f"{PROVIDER}/registries",
        "location": scope.location,
        "tags": {},
        "kind": None,
        "sku": None,
        "identity": {"type": "SystemAssigned", "tenantId": _TENANT, "principalId": _TENANT},
        "properties": {
            "publicNetworkAccess": "Enabled",
            "discoveryUrl": discovery,
            "intellectualPropertyPublisher": None,
            "managedResourceGroup": {"resourceId": None},
            "mlFlowRegistryUri": f"azureml://{endpoint}",
            "regionDetails": [{"location": scope.location, "acrDetails": [], "storageAccountDetails": []}],
        },
    }
