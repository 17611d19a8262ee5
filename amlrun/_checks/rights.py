"""What the account may do in the workspace, from what the service says that it may. Pure.

`GET <workspace>/providers/Microsoft.Authorization/permissions` lists what the caller's roles allow there:
https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._checks.check import Check, Level
from amlrun._denied import Lacking
from amlrun._rights import RIGHTS, Purpose
from amlrun._roles import Permissions
from amlrun._tables import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_ON_WORKSPACE = {Purpose.SUBMIT: "right-to-submit", Purpose.FOLLOW: "right-to-follow"}
"""What a role on the workspace is enough for. Storage, key vault and quota have scopes of their own."""
_PREFIX = "Microsoft.MachineLearningServices/workspaces/"
_TO_MAKE = "right-to-make-clusters"
AUTHORIZATION = "2022-04-01"
"""The version of the API of roles."""


def permissions_path(workspace: str) -> str:
    """Where the service is asked, with the API version `AUTHORIZATION`; `workspace` is its ARM id."""
    return f"{workspace}/providers/Microsoft.Authorization/permissions"


def permissions_from(rows: Iterable[Mapping[str, Any]]) -> tuple[Permissions, ...]:
    """What each role allows, from the service's reply; what can't be understood allows nothing."""
    names = ("actions", "notActions", "dataActions", "notDataActions")
    return tuple(Permissions(*(_texts(row.get(name)) for name in names)) for row in rows)


def of_rights(permissions: Sequence[Permissions], workspace: str, object_id: str = "") -> Iterator[Check]:
    """Whether jobs can be sent, followed, and clusters made for them.

    `workspace` is its ARM id, `object_id` the account's ("": not known).
    """
    # Assumed: what one role forbids another one may allow; denials and conditions are not seen.
    for purpose, name in _ON_WORKSPACE.items():
        missing = _missing(permissions, purpose)
        if not missing:
            yield Check(name, Level.OK, f"this account may {purpose.value}")
            continue
        what = f"this account may not {purpose.value}"
        yield Check(
            name, Level.FAILS, what, _lacks(missing), Lacking(missing[0], workspace, object_id).way_out
        )
    if missing := _missing(permissions, Purpose.CLUSTERS):
        what = "this account may make no clusters"
        yield Check(_TO_MAKE, Level.NOTE, what, f"{_lacks(missing)}. Serverless needs none")


def _lacks(missing: Sequence[str]) -> str:
    return f"of {_PREFIX}… it lacks {listed(action.removeprefix(_PREFIX) for action in missing)}"


def _missing(permissions: Sequence[Permissions], purpose: Purpose) -> list[str]:
    """Rights on the workspace that no role of the account's has."""
    rights = (right.action for right in RIGHTS if right.purpose is purpose)
    of_workspace = (action for action in rights if action.startswith(_PREFIX))
    return [action for action in of_workspace if not any(one.allows(action) for one in permissions)]


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
