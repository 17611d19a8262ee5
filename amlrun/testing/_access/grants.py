"""What each account may do: the roles that were given to it, each on a thing and all that is below it. Pure.

Everybody may do everything until something is taken from them, so that who doesn't care needn't say anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._roles import Permissions, Role, is_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun.testing._api.exchange import Scope
    from amlrun.testing._state.store import Records

EVERYTHING = Permissions(("*",), (), ("*",))
_TITLES = {role.title.lower(): role for role in Role}


@attrs.frozen
class Grants:
    """The roles (or single rights) of one account, with the ARM ids that they are given on.

    `denied` are rights that no role gives it.
    """

    roles: tuple[tuple[str, str], ...] = ()
    denied: tuple[str, ...] = ()

    def on(self, scope: str) -> Iterator[Permissions]:
        """What it may do to a thing, role by role."""
        for title, at in self.roles:
            if covers(at, scope):
                given = permissions_of(title)
                yield attrs.evolve(
                    given,
                    not_actions=(*given.not_actions, *self.denied),
                    not_data_actions=(*given.not_data_actions, *self.denied),
                )

    def may(self, action: str, scope: str) -> bool:
        """Whether it has a right on a thing."""
        return any(permissions.allows(action) for permissions in self.on(scope))


OPEN = Grants(roles=(("*", "/"),))
"""Of somebody of whom nothing was said."""


def covers(given_on: str, scope: str) -> bool:
    """Whether a role that is given on one thing holds for another, by their ARM ids."""
    return f"{scope}/".lower().startswith(f"{given_on.rstrip('/')}/".lower())


def known_role(word: str) -> str:
    """A role by its title, in any case, or a single right as it is. Raises ValueError."""
    if word == "*" or "/" in word:
        return word
    role = _TITLES.get(word.lower())
    if role is None:
        titles = ", ".join(one.title for one in Role)
        raise ValueError(f"{word!r} is no role that the fake knows, nor a right. There are: {titles}.")
    return role.title


def permissions_of(word: str) -> Permissions:
    """What a role allows, by its title; of a single right, that one."""
    if word == "*":
        return EVERYTHING
    if "/" in word:
        return Permissions(data_actions=(word,)) if is_data(word) else Permissions((word,))
    return _TITLES[word.lower()].permissions


def scope_id(scope: Scope, on: str, account: str) -> str:
    """The ARM id of what a role is given on. Raises ValueError for a word that is none.

    `subscription`, `group`, `workspace`, `storage` (the workspace's account), `storage/<container>`, `vault`,
    or an ARM id.
    """
    group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}"
    word, _, rest = on.partition("/")
    if word == "storage" and rest:
        return container_id(scope, account, rest)
    places = {
        "": on,
        "subscription": f"/subscriptions/{scope.subscription_id}",
        "group": group,
        "workspace": scope.path,
        "storage": f"{group}/providers/Microsoft.Storage/storageAccounts/{account}",
        "vault": f"{group}/providers/Microsoft.KeyVault/vaults/{account}",
    }
    if word not in places or (word and rest):
        words = ", ".join(filter(None, places))
        raise ValueError(
            f"{on!r} is nothing that roles are given on: {words}, storage/<container>, an ARM id."
        )
    return places[word]


def container_id(scope: Scope, account: str, container: str) -> str:
    """The ARM id of a container of a storage account."""
    return f"{scope_id(scope, 'storage', account)}/blobServices/default/containers/{container}"


def grants_of(records: Records, object_id: str) -> Grants:
    """What somebody may do."""
    body = records.get("grants", object_id.lower())
    if body is None:
        return OPEN
    return Grants(tuple((title, at) for title, at in body["roles"]), tuple(body["denied"]))


def keep_grants(records: Records, object_id: str, grants: Grants) -> None:
    """Write it."""
    records.put("grants", object_id.lower(), attrs.asdict(grants))


def may(records: Records, object_id: str, action: str, scope: str) -> bool:
    """Whether somebody has a right on a thing."""
    return grants_of(records, object_id).may(action, scope)
