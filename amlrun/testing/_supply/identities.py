"""Managed identities: those that are known, and those that the workspace and its computes have. Pure."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TENANT = "00000000-0000-0000-0000-000000000003"
WORKSPACE_PRINCIPAL = "00000000-0000-0000-0000-000000000002"
_PROVIDER = "Microsoft.ManagedIdentity/userAssignedIdentities"


def identity_id(subscription: str, group: str, name: str) -> str:
    """The ARM id of a user-assigned identity: of one that is named, or the id itself."""
    if name.startswith("/"):
        return name
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{_PROVIDER}/{name}"


def made_up(resource: str) -> dict[str, str]:
    """The ids of a user-assigned identity of which nobody said them: always the same ones."""
    key = resource.lower()
    return {
        "clientId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{key}#client")),
        "principalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{key}#principal")),
    }


def shown(
    identity: Mapping[str, Any] | None, known: Mapping[str, Mapping[str, str]], principal: str
) -> dict[str, Any] | None:
    """An identity as the service shows it, from the one that was sent; `known` ids are by resource."""
    if not identity or str(identity.get("type")).lower() == "none":
        return None
    body: dict[str, Any] = {"type": identity["type"]}
    if "systemassigned" in str(identity["type"]).replace(" ", "").lower():
        body |= {"principalId": principal, "tenantId": TENANT}
    if attached := identity.get("userAssignedIdentities"):
        body["userAssignedIdentities"] = {
            resource: dict(known.get(resource.lower()) or made_up(resource)) for resource in attached
        }
    return body


def attached(identity: Mapping[str, Any] | None, resource: str) -> dict[str, Any]:
    """An identity with a user-assigned one more."""
    before = dict(identity or {})
    kinds = [kind for kind in str(before.get("type") or "").replace(" ", "").split(",") if kind]
    kinds = [kind for kind in kinds if kind.lower() != "none"]
    if "userassigned" not in {kind.lower() for kind in kinds}:
        kinds.append("UserAssigned")
    others = before.get("userAssignedIdentities") or {}
    return {**before, "type": ",".join(kinds), "userAssignedIdentities": {**others, resource: {}}}


def has(bodies: Iterable[Mapping[str, Any] | None], wanted: Mapping[str, Any]) -> bool:
    """Whether one of the identities, as they are shown, is the one that a job asks for.

    A job that names none by client, object or resource id asks for whichever there is.
    """
    asked = {
        "clientId": str(wanted.get("clientId") or "").lower(),
        "principalId": str(wanted.get("objectId") or "").lower(),
    }
    resource = str(wanted.get("resourceId") or "").lower()
    if not any([*asked.values(), resource]):
        return True
    for body in bodies:
        for name, ids in ((body or {}).get("userAssignedIdentities") or {}).items():
            same = all(not value or ids[key].lower() == value for key, value in asked.items())
            if same and (not resource or name.lower() == resource):
                return True
    return False
