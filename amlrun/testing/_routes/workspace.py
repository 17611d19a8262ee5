"""Routes of the workspace itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun.testing._exchange import PROVIDER, Reply, Request, system_data
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from amlrun.testing._backend import Backend

WORKSPACE = Routes("workspace")


@WORKSPACE("GET", "")
def get_workspace(backend: Backend, _request: Request) -> Reply:
    """The workspace."""
    return Reply(200, workspace(backend))


def workspace(backend: Backend) -> dict[str, Any]:
    """The workspace as its GET shows it."""
    scope = backend.scope
    group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}/providers"
    return {
        "id": scope.path,
        "name": scope.workspace,
        "type": f"{PROVIDER}/workspaces",
        "location": scope.location,
        "tags": {},
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {
            "type": "SystemAssigned",
            "principalId": "00000000-0000-0000-0000-000000000002",
            "tenantId": "00000000-0000-0000-0000-000000000003",
        },
        "properties": {
            "friendlyName": scope.workspace,
            "description": "",
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{backend.account}",
            "keyVault": f"{group}/Microsoft.KeyVault/vaults/{backend.account}",
            "applicationInsights": f"{group}/Microsoft.Insights/components/{backend.account}",
            "hbiWorkspace": False,
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "discoveryUrl": f"https://{backend.history_host}/discovery",
            "mlFlowTrackingUri": f"azureml://{backend.history_host}/mlflow/v1.0{scope.path}",
            "workspaceId": "00000000-0000-0000-0000-000000000004",
            "v1LegacyMode": False,
        },
        "systemData": system_data(backend.clock.now()),
    }
