"""Container registries as the fake keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from amlrun.testing._api.exchange import Scope
    from amlrun.testing._state.store import Records

TYPE = "Microsoft.ContainerRegistry/registries"


@attrs.frozen
class ContainerRegistry:
    """One, by its ARM id."""

    path: str
    admin_user: bool = True
    public_access: bool = True

    def shown(self, scope: Scope) -> dict[str, Any]:
        """As its GET shows it.

        https://learn.microsoft.com/rest/api/containerregistry/registries/get
        """
        name = self.path.rpartition("/")[2]
        return {
            "id": self.path,
            "name": name,
            "type": TYPE,
            "location": scope.location,
            "sku": {"name": "Premium", "tier": "Premium"},
            "properties": {
                "loginServer": f"{name.lower()}.azurecr.io",
                "provisioningState": "Succeeded",
                "adminUserEnabled": self.admin_user,
                "publicNetworkAccess": "Enabled" if self.public_access else "Disabled",
            },
        }


def read_registry(records: Records, path: str) -> ContainerRegistry | None:
    """The one of that ARM id; None: it isn't there."""
    body = records.get("meta", _key(path))
    return None if body is None else ContainerRegistry(**body)


def keep_registry(records: Records, registry: ContainerRegistry) -> None:
    """Write it."""
    records.put("meta", _key(registry.path), attrs.asdict(registry))


def _key(path: str) -> str:
    return f"container registry {path.lower()}"
