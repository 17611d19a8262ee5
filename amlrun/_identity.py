"""Whose rights a job has: what the user says, as one value, and how it stands in the body of a job. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._shown import shown


class IdentityKind(str, enum.Enum):
    """The service's names (`identityType`)."""

    USER = "UserIdentity"
    MANAGED = "Managed"
    TOKEN = "AMLToken"  # noqa: S105  a kind's name, not a token

    __str__ = str.__str__


_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_VALID = (
    '"user", "managed", "managed:<client id>", Managed(client_id=…), "token", or an identity of azure.ai.ml'
)


@attrs.frozen(kw_only=True)
class Managed:
    """A managed identity for the job: the workspace's user-assigned one, or the cluster's own.

    `client_id` names it where there are several.
    """

    client_id: str | None = attrs.field(default=None)

    @client_id.validator
    def _is_guid(self, _: object, value: object) -> None:
        if value is not None and not (isinstance(value, str) and _GUID.fullmatch(value)):
            message = f"Managed(client_id={shown(value)}): a client id is a GUID"
            hint = "It stands on the identity's page in the portal (not the object id)."
            raise InvalidRequest(message, argument="identity", hint=hint)


@attrs.frozen
class Identity:
    """The identity of a job. The ids only with `MANAGED`, which they tell apart where there are several."""

    kind: IdentityKind
    client_id: str | None = None
    object_id: str | None = None
    resource_id: str | None = None

    def __str__(self) -> str:
        """As the user says it."""
        word = next(word for word, kind in _WORDS.items() if kind is self.kind)
        return f"{word}:{self.client_id}" if self.client_id else word

    def to_body(self) -> dict[str, str]:
        """`properties.identity` of a job."""
        ids = {"clientId": self.client_id, "objectId": self.object_id, "resourceId": self.resource_id}
        return {"identityType": str(self.kind), **{key: value for key, value in ids.items() if value}}


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
_WORDS = {"user": IdentityKind.USER, "managed": IdentityKind.MANAGED, "token": IdentityKind.TOKEN}


def parse_identity(value: Any) -> Identity | None:
    """The user's words, a `Managed`, or an entity of the SDK. Raises `InvalidRequest`."""
    if value is None:
        return None
    if isinstance(value, Managed):
        return Identity(IdentityKind.MANAGED, value.client_id)
    if isinstance(value, str):
        word, _, client_id = value.partition(":")
        kind = _WORDS.get(word.strip().lower())
        if kind is not None and (not client_id or kind is IdentityKind.MANAGED):
            return Identity(kind, Managed(client_id=client_id.strip()).client_id if client_id else None)
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
    client_id = value.get("client_id") if kind is IdentityKind.MANAGED else None
    return None if kind is None else Identity(kind, None if client_id is None else str(client_id))
