"""Storage accounts as the fake keeps them: which containers there are, where their bytes are, who may enter.

The workspace's own account is there from the start; others are as soon as a datastore names them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from amlrun.testing._access import tokens
from amlrun.testing._assets.blobs import CONTAINERS, SAS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._api.exchange import Request
    from amlrun.testing._state.store import Records

_DIGEST = re.compile(r"[A-Za-z0-9+/]{43}=")
"""How the signature of a SAS looks that was made with a key: 32 bytes."""
SUFFIXES = (".blob.core.windows.net", ".dfs.core.windows.net")
"""Hosts of storage accounts, behind the account's name."""


def is_lake(host: str) -> bool:
    """Whether a host is that of a storage account as a data lake."""
    return host.endswith(SUFFIXES[1])


def account_of(host: str) -> str:
    """The storage account of a host, or ""."""
    name, _, rest = host.partition(".")
    return name if f".{rest}" in SUFFIXES else ""


def put_container(records: Records, account: str, name: str, datastore: str = "", sas: str = "") -> None:
    """Make a container be there; `datastore` is kept there, `sas` opens it."""
    before = records.get("container", f"{account}/{name}") or {"datastore": "", "sas": []}
    signature = parse_qs(sas.removeprefix("?")).get("sig", [])
    body = {"datastore": before["datastore"] or datastore, "sas": [*before["sas"], *signature]}
    records.put("container", f"{account}/{name}", body, shelf=account)


def known(records: Records, account: str) -> bool:
    """Whether a datastore has named this account."""
    return records.head("container", account) is not None


def place(records: Records, account: str, own: str, container: str) -> str | None:
    """Where a container's bytes are kept, or None where there is no such container.

    `own` is the workspace's account. A datastore's bytes are where its jobs find them.
    """
    if account == own and container in CONTAINERS:
        return container
    found = records.get("container", f"{account}/{container}")
    if found is None:
        return None
    if found["datastore"]:
        return f"datastores/{found['datastore']}"
    return container if account == own else f"{account}.{container}"


def refused(records: Records, request: Request, own: str) -> tuple[int, str] | None:
    """Why a request may not come in, as status and code; None: it may.

    A token must be for storage, a key is taken as that of the account it names. A SAS must be one that was
    given out, or one that the caller has signed for a single blob with the account's key, as `jobs.stream`
    does for logs.
    """
    account = account_of(request.host)
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind == "Bearer" and value:
        own_host = f"https://{request.host.replace('.dfs.', '.blob.')}"
        taken = tokens.doubt(value, (*tokens.OF_STORAGE, own_host)) is None
        return None if taken else (401, "InvalidAuthenticationInfo")
    if kind in {"SharedKey", "SharedKeyLite"}:
        return None if value.startswith(f"{account}:") else (403, "AuthenticationFailed")
    signature = request.query.get("sig")
    if signature is None:
        return 401, "NoAuthenticationInformation"
    container = request.path.lstrip("/").partition("/")[0]
    found: Mapping[str, list[str]] = records.get("container", f"{account}/{container}") or {}
    given_out = {*parse_qs(SAS)["sig"], *found.get("sas", [])}
    by_key = request.query.get("sr") == "b" and bool(_DIGEST.fullmatch(signature))
    known_here = account == own or bool(found)
    return None if known_here and (by_key or signature in given_out) else (403, "AuthenticationFailed")
