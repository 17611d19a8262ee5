"""What the account may do in the workspace, from what the service says that it may. Pure.

`GET <workspace>/providers/Microsoft.Authorization/permissions` lists what the caller's roles allow there:
https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._checks.check import Check, Level
from amlrun._rights import RIGHTS, Purpose
from amlrun._roles import Permissions
from amlrun._tables import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_ON_WORKSPACE = {Purpose.SUBMIT: "right-to-submit", Purpose.FOLLOW: "right-to-follow"}
"""What a role on the workspace is enough for. Storage, key vault and quota have scopes of their own."""
_TO_MAKE = "right-to-make-clusters"


def permissions_from(rows: Iterable[Mapping[str, Any]]) -> tuple[Permissions, ...]:
    """What each role allows, from the service's reply; what can't be understood allows nothing."""
    names = ("actions", "notActions", "dataActions", "notDataActions")
    return tuple(Permissions(*(_texts(row.get(name)) for name in names)) for row in rows)


def of_rights(permissions: Sequence[Permissions], workspace: str) -> Iterator[Check]:
    """Whether jobs can be sent, followed, and clusters made for them. `workspace` is its ARM id."""
    # Assumed: what one role forbids another one may allow; denials and conditions are not seen.
    for purpose, name in _ON_WORKSPACE.items():
        missing = _missing(permissions, purpose)
        if not missing:
            yield Check(name, Level.OK, f"this account may {purpose.value}")
            continue
        needed = next(right.role for right in RIGHTS if right.action == missing[0])
        yield Check(
            name,
            Level.FAILS,
            f"this account may not {purpose.value}",
            f"it lacks {listed(missing)}",
            f"The role {needed} on {workspace} has that; an owner of the workspace can give it",
        )
    if missing := _missing(permissions, Purpose.CLUSTERS):
        what = "this account may make no clusters"
        yield Check(_TO_MAKE, Level.NOTE, what, f"it lacks {listed(missing)}; serverless needs none")


def _missing(permissions: Sequence[Permissions], purpose: Purpose) -> list[str]:
    """Rights on the workspace that no role of the account's has."""
    rights = (right.action for right in RIGHTS if right.purpose is purpose)
    of_workspace = (action for action in rights if "/workspaces/" in action)
    return [action for action in of_workspace if not any(one.allows(action) for one in permissions)]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
