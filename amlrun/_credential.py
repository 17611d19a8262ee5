"""How to sign in: the shortest chain of azure-identity's credentials that the environment allows.

`DefaultAzureCredential` tries nine ways, one after the other, processes and a time-out among them. Where the
environment tells which way it will be, only that one is tried, and an error tells of no other.
"""

from __future__ import annotations

import enum
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from amlrun._errors import NotConfigured
from amlrun._proxies import UNREADABLE, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.core.credentials import TokenCredential

    from amlrun._cloud import Cloud

_PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID")
_CERTIFICATE = "AZURE_CLIENT_CERTIFICATE_PATH"
_PROOFS = ("AZURE_CLIENT_SECRET", _CERTIFICATE)
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - a variable's name
CHOSEN = "AZURE_TOKEN_CREDENTIALS"
_ENDPOINTS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT")
JOB = "AZUREML_RUN_ID"
"""The variable that tells that this is a job."""


_COUNT = (
    *_PRINCIPAL,
    *_PROOFS,
    *_ENDPOINTS,
    TOKEN_FILE,
    CHOSEN,
    "AZURE_AUTHORITY_HOST",
    "AZURE_USERNAME",
    "AZURE_PASSWORD",
    JOB,
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CONFIG_DIR",
    "DEFAULT_IDENTITY_CLIENT_ID",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "OBO_ENDPOINT",
)
"""Variables by which credentials differ."""


class Way(enum.Enum):
    """How somebody signs in."""

    CHOSEN = "as AZURE_TOKEN_CREDENTIALS says"
    PRINCIPAL = "a service principal, by secret or certificate"
    FEDERATED = "an app, by a federated token"
    ON_BEHALF = "in a job, as who submitted it"
    MANAGED_IN_JOB = "in a job, by its managed identity"
    MANAGED = "on a machine that gives tokens, such as a compute instance"
    ANY = "whichever is there"


OF_A_JOB = frozenset({Way.ON_BEHALF, Way.MANAGED_IN_JOB})
"""The identity that a job was sent with."""


def way_in(environment: Mapping[str, str]) -> Way:
    """The way that the environment tells of; the first of these, as azure-identity orders them."""

    def has(*names: str) -> bool:
        return all(environment.get(name) for name in names)

    if has(CHOSEN):
        return Way.CHOSEN
    if has(*_PRINCIPAL) and any(map(has, _PROOFS)):
        return Way.PRINCIPAL
    if has(*_PRINCIPAL, TOKEN_FILE):
        return Way.FEDERATED
    if has("OBO_ENDPOINT"):
        return Way.ON_BEHALF
    if any(map(has, _ENDPOINTS)):
        # Assumed: a compute instance says MSI_ENDPOINT, as a job does, and is none.
        return Way.MANAGED_IN_JOB if has(JOB) else Way.MANAGED
    return Way.ANY


def mark_of(environment: Mapping[str, str]) -> int:
    """A number that is another one where another credential would be made; it tells of no value."""
    return hash(tuple(environment.get(name) for name in _COUNT))


def halves(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are missing of a way which is said by halves, by the class of its credential."""
    missing = " and ".join(name for name in _PRINCIPAL if not environment.get(name))
    if any(environment.get(name) for name in _PROOFS):
        return {"EnvironmentCredential": missing} if missing else {}
    if environment.get(TOKEN_FILE):
        return {"WorkloadIdentityCredential": missing} if missing else {}
    return {} if missing else {"EnvironmentCredential": " or ".join(_PROOFS)}


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
        return (
            _CERTIFICATE,
        ), "It takes the path of a file, PEM or PKCS12, with certificate and private key."
    if "tenant" in str(error):
        return (_PRINCIPAL[0],), "It takes the tenant's id, or one of its domains: `az account show`."
    return (*_PRINCIPAL, *_PROOFS), ""


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
        return EnvironmentCredential(**elsewhere)
    if way is Way.FEDERATED:
        return WorkloadIdentityCredential(**elsewhere)
    if way is Way.ON_BEHALF:
        from amlrun._sdk import on_behalf  # noqa: PLC0415 - it imports azure.ai.ml

        return on_behalf()
    if way is Way.MANAGED_IN_JOB:
        return ManagedIdentityCredential(client_id=client_id)
    if way is Way.MANAGED:
        return ChainedTokenCredential(ManagedIdentityCredential(client_id=client_id), AzureCliCredential())
    return DefaultAzureCredential(managed_identity_client_id=client_id, **own, **elsewhere)


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
    return not (record.levelno == logging.WARNING or of_sdk) or not _asking.get()
