"""Whose rights a job has: what the user says, as one value, and how it stands in the body of a job. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._fields import text, value_of, word
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_ID_VARIABLE = "AZURE_CLIENT_ID"
"""By which `DefaultAzureCredential` knows the managed identity that is meant, where there may be several."""


class IdentityKind(str, enum.Enum):
    """The service's names (`identityType`)."""

    USER = "UserIdentity"
    MANAGED = "Managed"
    TOKEN = "AMLToken"  # noqa: S105  a kind's name, not a token

    __str__ = str.__str__


_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")
_RESOURCE_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity"
    r"/userAssignedIdentities/[^/]+",
    re.IGNORECASE,
)
_VALID = (
    '"user", "managed", "managed:<client id, or name>", Managed(client_id=…), Managed(name=…), "token", or an'
    " identity of azure.ai.ml"
)


@attrs.frozen(kw_only=True)
class Managed:
    """A managed identity for the job: the workspace's user-assigned one, or the cluster's own.

    Where there are several, `client_id` tells which, or `name`: that of the identity in Azure, or its ARM id.
    """

    client_id: str | None = attrs.field(default=None)
    name: str | None = attrs.field(default=None)

    @client_id.validator
    def _is_guid(self, _: object, value: object) -> None:
        if value is not None and not (isinstance(value, str) and _GUID.fullmatch(value)):
            message = f"Managed(client_id={shown(value)}): a client id is a GUID"
            hint = (
                "It stands on the identity's page in the portal (not the object id); its name will do, too."
            )
            raise InvalidRequest(message, argument="identity", hint=hint)

    @name.validator
    def _is_name(self, _: object, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, str) or not (_NAME.fullmatch(value) or _RESOURCE_ID.fullmatch(value)):
            message = f"Managed(name={shown(value)}): neither an identity's name nor its ARM id"
            hint = "A name is 3 to 128 letters, digits, - and _: the last part of the ARM id."
            raise InvalidRequest(message, argument="identity", hint=hint)
        if self.client_id is not None:
            message = "Managed(client_id=…, name=…): either says which identity is meant"
            raise InvalidRequest(message, argument="identity", hint="Say one of them.")


@attrs.frozen
class Identity:
    """The identity of a job. The ids only with `MANAGED`, which they tell apart where there are several.

    `name` is that of an identity in Azure, whose ids are looked up before the job goes.
    """

    kind: IdentityKind
    client_id: str | None = None
    object_id: str | None = None
    resource_id: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        """As the user says it."""
        said = next(said for said, kind in _WORDS.items() if kind is self.kind)
        return ":".join(filter(None, (said, self.told)))

    @property
    def told(self) -> str:
        """Which one of several it is; "": nobody has said."""
        return self.name or self.client_id or self.resource_id or self.object_id or ""

    def is_for(self, asked: Identity) -> bool:
        """Whether it is what was asked for, which may have been found since by its name or its ARM id."""
        if self == asked:
            return True
        name = asked.name or (asked.resource_id or "").rpartition("/")[2]
        return bool(name) and name.lower() == (self.name or "").lower()

    def to_body(self) -> dict[str, str]:
        """`properties.identity` of a job."""
        ids = {"clientId": self.client_id, "objectId": self.object_id, "resourceId": self.resource_id}
        return {"identityType": str(self.kind), **{key: value for key, value in ids.items() if value}}

    @classmethod
    def from_dict(cls, data: Any) -> Identity:
        """The identity again, from its fields as JSON has them. Raises `WrongField`."""
        said = isinstance(data, Mapping) and {name: one for name, one in data.items() if one is not None}
        return value_of(cls, _READ)(said or data)


_READ: dict[str, Callable[[Any], Any]] = {
    "kind": word(*IdentityKind),
    **dict.fromkeys(("client_id", "object_id", "resource_id", "name"), text),
}


@attrs.frozen
class UserAssigned:
    """A user-assigned identity that a workspace or a compute has, as far as its ids are known."""

    resource_id: str = ""
    client_id: str = ""
    principal_id: str = ""

    @property
    def name(self) -> str:
        """What it is called in Azure."""
        return self.resource_id.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.name} ({self.client_id})" if self.client_id else self.name

    def is_meant(self, identity: Identity) -> bool | None:
        """Whether the job's identity names this one, or none; None: the ids that would tell aren't known."""
        said = (
            (identity.client_id, self.client_id),
            (identity.object_id, self.principal_id),
            (identity.resource_id, self.resource_id),
            (identity.name, self.name),
        )
        same = [theirs.lower() == mine.lower() if mine else None for theirs, mine in said if theirs]
        if False in same:
            return False
        return None if None in same else True


_ENTITIES = {
    "UserIdentityConfiguration": IdentityKind.USER,
    "ManagedIdentityConfiguration": IdentityKind.MANAGED,
    "AmlTokenConfiguration": IdentityKind.TOKEN,
}
_TYPES = {
    "user": IdentityKind.USER,
    "useridentity": IdentityKind.USER,
    "managed": IdentityKind.MANAGED,
    "managedidentity": IdentityKind.MANAGED,
    "amltoken": IdentityKind.TOKEN,
}
"""How job files and the SDK's dicts spell them, without case and underscores."""
_IDS = {"client_id": "client_id", "object_id": "object_id", "msi_resource_id": "resource_id"}
"""How job files spell the ids of a managed identity, and what they are."""
_WORDS = {"user": IdentityKind.USER, "managed": IdentityKind.MANAGED, "token": IdentityKind.TOKEN}


def parse_identity(value: Any) -> Identity | None:
    """The user's words, a `Managed`, or an entity of the SDK. Raises `InvalidRequest`."""
    if value is None:
        return None
    if isinstance(value, Managed):
        return _managed(value)
    if isinstance(value, str):
        first, _, which = (part.strip() for part in value.partition(":"))
        kind = _WORDS.get(first.lower())
        if kind is IdentityKind.MANAGED and ":" in value and not which:
            message = f"identity={shown(value)} says that one is meant, and not which"
            hint = f'Its client id or its name follows the colon (is a variable empty?); "{first}" is any.'
            raise InvalidRequest(message, argument="identity", hint=hint)
        if kind is IdentityKind.MANAGED and which:
            return _managed(Managed(client_id=which) if _GUID.fullmatch(which) else Managed(name=which))
        if kind is not None and not which:
            return Identity(kind)
    entity = _ENTITIES.get(type(value).__name__)
    if entity is IdentityKind.MANAGED:
        checked = Managed(client_id=value.client_id)
        return Identity(entity, checked.client_id, value.object_id, value.resource_id)
    if entity is not None:
        return Identity(entity)
    raise InvalidRequest(f"identity={shown(value)} is not one", argument="identity", hint=f"Valid: {_VALID}.")


def identity_of_job(value: Any) -> Identity | None:
    """What a job file (a mapping with a `type`) or a job of the SDK says; None: nothing that we know."""
    if not isinstance(value, Mapping):
        return parse_identity(value) if type(value).__name__ in _ENTITIES else None
    kind = _TYPES.get(re.sub(r"[^a-z]", "", str(value.get("type")).lower()))
    if kind is None:
        return None
    managed = kind is IdentityKind.MANAGED
    ids = {field: str(value[said]) for said, field in _IDS.items() if managed and value.get(said)}
    return Identity(kind, **ids)


def _managed(said: Managed) -> Identity:
    if said.name is not None and said.name.startswith("/"):
        return Identity(IdentityKind.MANAGED, resource_id=said.name)
    return Identity(IdentityKind.MANAGED, client_id=said.client_id, name=said.name)
