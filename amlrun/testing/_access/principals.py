"""Who asks: the account that a request's token is of, and the names by which a test knows it. Pure."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import attrs

from amlrun._account import claims_of
from amlrun.testing._supply.identities import TENANT, WORKSPACE_PRINCIPAL, made_up
from amlrun.testing._supply.workspaces import read_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@attrs.frozen
class Principal:
    """An account: `name` is a person's user principal name, an application's client id."""

    object_id: str
    name: str
    tenant: str = TENANT


CALLER = Principal("00000000-0000-0000-0000-000000000001", "fake-user")
"""Whoever holds `FakeAml.credential`."""


def person(name: str, tenant: str = TENANT) -> Principal:
    """A person of that name: always the same object id."""
    return Principal(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}/users/{name.lower()}")), name, tenant)


def asking(headers: Mapping[str, str]) -> Principal:
    """Whose token a request has. One that can't be read is taken for the caller's."""
    claims = claims_of(headers.get("authorization", "").rpartition(" ")[2])
    object_id = str(claims.get("oid") or CALLER.object_id)
    name = str(claims.get("upn") or claims.get("appid") or object_id)
    return Principal(object_id, name, str(claims.get("tid") or TENANT))


def object_id_of(records: Records, name: str | None) -> str:
    """The object id of who is meant: None is the caller; a person, an identity, or an object id itself.

    An identity is meant by its name, ARM id or client id, an application by its client id; `workspace` is the
    workspace's own. Raises LookupError.
    """
    if name is None or name == CALLER.name:
        return CALLER.object_id
    if (found := records.get("person", name.lower())) is not None:
        return str(found["object_id"])
    if (app := records.get("app", name.lower())) is not None:  # by its client id
        return str(app["object_id"])
    if name == "workspace":
        return WORKSPACE_PRINCIPAL
    known = read_workspace(records, 0.0)
    attached = known.identity.get("userAssignedIdentities") or {}
    ids = {**{resource.lower(): made_up(resource) for resource in attached}, **known.identities}
    for resource, one in ids.items():
        if name.lower() in {resource, resource.rpartition("/")[2], one["clientId"].lower()}:
            return str(one["principalId"])
    if _GUID.fullmatch(name):
        return name.lower()
    raise LookupError(
        f"Nobody is called {name!r}: user({name!r}) makes a person, identity({name!r}) an identity."
    )
