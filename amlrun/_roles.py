"""Azure's built-in roles as far as jobs need them: which rights each of them has. Pure.

https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from __future__ import annotations

import enum
import re
from functools import cache
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

_ML = "Microsoft.MachineLearningServices"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_VAULT = "Microsoft.KeyVault/vaults"
_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
_ACR = "Microsoft.ContainerRegistry/registries"
_DATA = (f"{_BLOBS}/blobs/*", f"{_VAULT}/secrets/*")


@attrs.frozen
class Permissions:
    """What a role allows: patterns of rights in which `*` stands for anything. The case never matters."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Whether it has this right, of the plane that the right is of."""
        if is_data(action):
            return matches(action, self.data_actions) and not matches(action, self.not_data_actions)
        return matches(action, self.actions) and not matches(action, self.not_actions)


def matches(action: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns is of this right."""
    return any(_pattern(one).fullmatch(action.lower()) for one in patterns)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    # Assumed: `workspaces/*/write` is of `workspaces/write`, too, and `computes/*/write` of `computes/write`:
    # else the role AzureML Data Scientist, which may make no computes, would not forbid it.
    parts = re.split(r"(/\*/|\*)", text.lower())
    return re.compile("".join({"/*/": "/(?:.*/)?", "*": ".*"}.get(part, re.escape(part)) for part in parts))


class Role(enum.Enum):
    """Built-in roles, by the names that `az role assignment create` takes, with what they allow.

    The first one that has a right is the one that is named: who sends jobs is best made a Data Scientist.
    """

    DATA_SCIENTIST = (
        "AzureML Data Scientist",
        Permissions(
            actions=tuple(f"{_ML}/workspaces/*/{kind}" for kind in ("read", "action", "delete", "write")),
            not_actions=(
                f"{_ML}/workspaces/delete",
                f"{_ML}/workspaces/write",
                f"{_ML}/workspaces/computes/*/write",
                f"{_ML}/workspaces/computes/*/delete",
                f"{_ML}/workspaces/computes/listKeys/action",
                f"{_ML}/workspaces/listKeys/action",
                f"{_ML}/workspaces/hubs/write",
                f"{_ML}/workspaces/hubs/delete",
                f"{_ML}/workspaces/featurestores/write",
                f"{_ML}/workspaces/featurestores/delete",
            ),
        ),
    )
    COMPUTE_OPERATOR = (
        "AzureML Compute Operator",
        Permissions((f"{_ML}/workspaces/computes/*", f"{_ML}/workspaces/notebooks/vm/*")),
    )
    REGISTRY_USER = (
        "AzureML Registry User",
        Permissions((f"{_ML}/registries/read", f"{_ML}/registries/assets/*")),
    )
    BLOB_READER = (
        "Storage Blob Data Reader",
        Permissions((f"{_BLOBS}/read",), data_actions=(f"{_BLOBS}/blobs/read",)),
    )
    BLOB_CONTRIBUTOR = (
        "Storage Blob Data Contributor",
        Permissions(
            tuple(f"{_BLOBS}/{kind}" for kind in ("read", "write", "delete")),
            data_actions=tuple(
                f"{_BLOBS}/blobs/{kind}" for kind in ("read", "write", "delete", "move/action", "add/action")
            ),
        ),
    )
    SECRETS_USER = (
        "Key Vault Secrets User",
        Permissions(
            data_actions=(
                f"{_VAULT}/secrets/getSecret/action",
                f"{_VAULT}/secrets/readMetadata/action",
            )
        ),
    )
    PULL = ("AcrPull", Permissions((f"{_ACR}/pull/read",)))
    IDENTITY_OPERATOR = (
        "Managed Identity Operator",
        Permissions((f"{_IDENTITY}/*/read", f"{_IDENTITY}/*/assign/action")),
    )
    READER = ("Reader", Permissions(("*/read",)))
    CONTRIBUTOR = (
        "Contributor",
        Permissions(
            ("*",),
            (
                "Microsoft.Authorization/*/Delete",
                "Microsoft.Authorization/*/Write",
                "Microsoft.Authorization/elevateAccess/Action",
            ),
        ),
    )
    OWNER = ("Owner", Permissions(("*",)))

    def __init__(self, title: str, permissions: Permissions) -> None:
        self.title = title
        self.permissions = permissions

    def __str__(self) -> str:
        return self.title


def is_data(action: str) -> bool:
    """Whether a right is one of the data plane (a data action), which Owner doesn't have."""
    return matches(action, _DATA)


def role_for(action: str) -> Role | None:
    """The built-in role that is asked for where a right is missing; None: none that is known here."""
    return next((role for role in Role if role.permissions.allows(action)), None)
