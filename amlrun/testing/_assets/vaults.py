"""Key vaults as the fake keeps them: the workspace's own, and others of which somebody has named a secret."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records

SUFFIX = ".vault.azure.net"
"""Hosts of key vaults, behind the vault's name."""
AUDIENCE = "https://vault.azure.net"
"""What a token must be for."""
_KIND = "vault secret"


def vault_of(host: str) -> str:
    """The key vault of a host, or ""."""
    return host.removesuffix(SUFFIX) if host.endswith(SUFFIX) else ""


def known(records: Records, vault: str) -> bool:
    """Whether somebody has put a secret there."""
    return records.head(_KIND, vault) is not None


def put(records: Records, vault: str, name: str, sent: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Write the next version of a secret; `sent` is a PUT's body. Names are the same in any case."""
    before = find(records, vault, name) or {"name": name, "versions": []}
    number = len(before["versions"])
    body = {
        **before,
        "versions": [
            *before["versions"],
            {
                "version": uuid.uuid5(uuid.NAMESPACE_URL, f"{vault}/{name.lower()}/{number}").hex,
                "value": sent["value"],
                "enabled": (sent.get("attributes") or {}).get("enabled", True),
                "contentType": sent.get("contentType"),
                "tags": sent.get("tags"),
                "created": now,
            },
        ],
    }
    records.put(_KIND, _key(vault, name), body, shelf=vault, secret=True)
    return body


def find(records: Records, vault: str, name: str) -> dict[str, Any] | None:
    """A secret with its versions, oldest first; None: there is none, or none that can be opened here."""
    found = records.get(_KIND, _key(vault, name))
    return found if isinstance(found, dict) else None


def all_of(records: Records, vault: str) -> list[dict[str, Any]]:
    """The secrets of a vault."""
    return [body for body in records.on_shelf(_KIND, vault) if isinstance(body, dict)]


def remove(records: Records, vault: str, name: str) -> None:
    """Forget a secret, all versions of it."""
    records.remove(_KIND, _key(vault, name))


def _key(vault: str, name: str) -> str:
    return f"{vault}/{name.lower()}"
