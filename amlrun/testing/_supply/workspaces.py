"""The workspace as the fake keeps it: its tags, identity and properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun.testing._api.exchange import PROVIDER, Refusal, system_data
from amlrun.testing._supply import identities as _identities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._api.exchange import Scope
    from amlrun.testing._state.store import Records


@attrs.frozen
class Workspace:
    """What can be changed of it. `identities` are the user-assigned ones that are known: ids by resource."""

    created: float
    tags: Mapping[str, str] = attrs.field(factory=dict)
    identity: Mapping[str, Any] = attrs.field(factory=lambda: {"type": "SystemAssigned"})
    properties: Mapping[str, Any] = attrs.field(factory=dict)
    identities: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict)

    def with_identity(self, resource: str, ids: Mapping[str, str]) -> Workspace:
        """The workspace where a user-assigned identity is known."""
        return attrs.evolve(self, identities={**self.identities, resource.lower(): dict(ids)})

    def patched(self, body: Mapping[str, Any]) -> Workspace:
        """The workspace after a PATCH: tags and identity are replaced, properties merged; null is absent."""
        changes = {key: body[key] for key in ("tags", "identity") if body.get(key) is not None}
        sent = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
        return attrs.evolve(self, **changes, properties={**self.properties, **sent})

    def shown_identity(self, identity: Mapping[str, Any] | None, principal: str) -> dict[str, Any] | None:
        """An identity of the workspace's or of a compute's, as the service shows it."""
        return _identities.shown(identity, self.identities, principal)

    def shown(self, scope: Scope, account: str, history_host: str) -> dict[str, Any]:
        """The workspace as its GET shows it."""
        group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}/providers"
        return {
            "id": scope.path,
            "name": scope.workspace,
            "type": f"{PROVIDER}/workspaces",
            "location": scope.location,
            "tags": dict(self.tags),
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": self.shown_identity(self.identity, _identities.WORKSPACE_PRINCIPAL),
            "properties": {
                "friendlyName": scope.workspace,
                "description": "",
                "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{account}",
                "keyVault": f"{group}/Microsoft.KeyVault/vaults/{account}",
                "applicationInsights": f"{group}/Microsoft.Insights/components/{account}",
                "hbiWorkspace": False,
                "provisioningState": "Succeeded",
                "publicNetworkAccess": "Enabled",
                "discoveryUrl": f"https://{history_host}/discovery",
                "mlFlowTrackingUri": f"azureml://{history_host}/mlflow/v1.0{scope.path}",
                "workspaceId": "00000000-0000-0000-0000-000000000004",
                "tenantId": _identities.TENANT,
                "v1LegacyMode": False,
                **self.properties,
            },
            "systemData": system_data(self.created),
        }


def read_workspace(records: Records, now: float) -> Workspace:
    """The workspace as it is kept, or as it begins."""
    body = records.get("meta", "workspace")
    return Workspace(created=now) if body is None else Workspace(**body)


def keep_workspace(records: Records, workspace: Workspace) -> None:
    """Write it."""
    records.put("meta", "workspace", attrs.asdict(workspace))


def check_identity(
    records: Records, properties: Mapping[str, Any], compute: Mapping[str, Any] | None
) -> None:
    """Refuse a job whose managed identity is not there. Raises Refusal (404).

    `properties` are the job's; `compute` is the identity that its compute was sent with.
    """
    wanted = properties.get("identity") or {}
    if str(wanted.get("identityType")).lower() != "managed":
        return
    workspace = read_workspace(records, 0.0)
    # Assumed: a compute's own identity will do for a job on it.
    bodies = [workspace.shown_identity(body, "") for body in (workspace.identity, compute)]
    if not _identities.has(bodies, wanted):
        named = wanted.get("clientId") or wanted.get("objectId") or wanted.get("resourceId")
        # Assumed: the words.
        message = f"The user assigned identity {named} is not attached to the workspace."
        raise Refusal(404, message, "UserError", "NotFound", "UserAssignedIdentityNotFound")
