"""How to sign in: the shortest chain of azure-identity's credentials that the environment allows.

`DefaultAzureCredential` tries nine ways, one after the other, processes and a time-out among them. Where the
environment tells which way it will be, only that one is tried, and an error tells of no other.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from amlrun._errors import NotConfigured
from amlrun._proxies import UNREADABLE, unreadable
from amlrun._ways import CERTIFICATE, CHOSEN, PRINCIPAL, PROOFS, Way, way_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.core.credentials import TokenCredential

    from amlrun._cloud import Cloud


_PATIENCE: Mapping[str, Any] = {"connection_timeout": 20, "read_timeout": 20}
"""Seconds, of each of azure-identity's calls; it repeats them. By itself it waits five minutes for each."""


def credential_of(environment: Mapping[str, str], cloud: Cloud) -> TokenCredential:
    """The credential for this way. Nothing is asked of anybody yet.

    Raises `NotConfigured` for a value of AZURE_TOKEN_CREDENTIALS that azure-identity doesn't know, a tenant
    that can be none, a certificate that can't be read, and a proxy that nobody can find.
    """
    if broken := unreadable(environment):
        # azure-identity takes it for a wrong tenant; and what it says may hold a password.
        message = f"{', '.join(broken)} can't be read as a URL: its name or password holds / ? # [ or ]"
        raise NotConfigured(message, hint=f"Write {UNREADABLE}.", looked_at=broken)
    try:
        return _made(environment, cloud)
    except (ValueError, OSError) as error:
        asked, hint = _to_blame(environment, error)
        message = f"{', '.join(name for name in asked if environment.get(name))}: {error}"
        raise NotConfigured(message, hint=hint, looked_at=asked) from error


def _to_blame(environment: Mapping[str, str], error: Exception) -> tuple[tuple[str, ...], str]:
    """The variables for which azure-identity makes no credential, and the way out."""
    if environment.get(CHOSEN):
        return (CHOSEN,), "Unset it, and the environment tells which way it is."
    if isinstance(error, OSError) or "certificate" in str(error):
        return (CERTIFICATE,), "It takes the path of a file, PEM or PKCS12, with certificate and private key."
    if "tenant" in str(error):
        return (PRINCIPAL[0],), "It takes the tenant's id, or one of its domains: `az account show`."
    return (*PRINCIPAL, *PROOFS), ""


def _made(environment: Mapping[str, str], cloud: Cloud) -> TokenCredential:
    # It takes 0.2 s to import.
    from azure.identity import (  # noqa: PLC0415
        AzureCliCredential,
        ChainedTokenCredential,
        DefaultAzureCredential,
        EnvironmentCredential,
        ManagedIdentityCredential,
        WorkloadIdentityCredential,
    )

    # Where the variable is set, azure-identity reads it itself.
    elsewhere = {} if environment.get("AZURE_AUTHORITY_HOST") else {"authority": cloud.login}
    # A job may have several identities: this is the one that it was given. A variable of the user's own wins.
    client_id = environment.get("AZURE_CLIENT_ID") or environment.get("DEFAULT_IDENTITY_CLIENT_ID") or None
    own: dict[str, Any] = {"workload_identity_client_id": environment.get("AZURE_CLIENT_ID")}
    way = way_in(environment)
    if way is Way.PRINCIPAL:
        return EnvironmentCredential(**_PATIENCE, **elsewhere)
    if way is Way.FEDERATED:
        return WorkloadIdentityCredential(**_PATIENCE, **elsewhere)
    if way is Way.ON_BEHALF:
        from amlrun._sdk import on_behalf  # noqa: PLC0415 - it imports azure.ai.ml

        return on_behalf()
    if way is Way.MANAGED_IN_JOB:
        return ManagedIdentityCredential(client_id=client_id, **_PATIENCE)
    if way is Way.MANAGED:
        return ChainedTokenCredential(
            ManagedIdentityCredential(client_id=client_id, **_PATIENCE), AzureCliCredential()
        )
    return DefaultAzureCredential(managed_identity_client_id=client_id, **own, **_PATIENCE, **elsewhere)


def name_of(credential: Any) -> str:
    """The class of a credential, or of that one of a chain that has given a token: no public name tells."""
    found = getattr(credential, "_successful_credential", None)
    return type(credential if found is None else found).__name__


_asking: ContextVar[bool] = ContextVar("_asking", default=False)
_LOUD = (
    "azure.identity._credentials.chained",
    "azure.identity._internal.decorators",
    "azure.identity._internal.get_token_mixin",
    "azure.identity._internal.interactive",
    "azure.identity._internal.msal_managed_identity_client",
    "azure.ai.ml.identity._internal.get_token_mixin",
    "msal.oauth2cli.oauth2",
)


@contextmanager
def asking() -> Iterator[None]:
    """To be entered around a question whose failure is told as an error: it needn't be a page of log, too."""
    for name in _LOUD:
        logging.getLogger(name).addFilter(_worth_saying)
    mark = _asking.set(True)
    try:
        yield
    finally:
        _asking.reset(mark)


def _worth_saying(record: logging.LogRecord) -> bool:
    # azure-ai-ml prints what its loggers say of success, too: a line for each token.
    of_sdk = record.name.startswith("azure.ai.ml.") and record.levelno == logging.INFO
    # msal prints a reply that it can't read: it may be half a token.
    of_reply = record.name.startswith("msal.") and record.levelno == logging.ERROR
    return not (record.levelno == logging.WARNING or of_sdk or of_reply) or not _asking.get()
