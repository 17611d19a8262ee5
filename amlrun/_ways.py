"""By which way somebody signs in here, as the environment tells. Pure.

Variables: https://learn.microsoft.com/python/api/overview/azure/identity-readme#environment-variables
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID")
CERTIFICATE = "AZURE_CLIENT_CERTIFICATE_PATH"
PROOFS = ("AZURE_CLIENT_SECRET", CERTIFICATE)
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - a variable's name
CHOSEN = "AZURE_TOKEN_CREDENTIALS"
_ENDPOINTS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT")
JOB = "AZUREML_RUN_ID"
"""The variable that tells that this is a job."""

_COUNT = (
    *PRINCIPAL,
    *PROOFS,
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
    if has(*PRINCIPAL) and any(map(has, PROOFS)):
        return Way.PRINCIPAL
    if has(*PRINCIPAL, TOKEN_FILE):
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
    missing = " and ".join(name for name in PRINCIPAL if not environment.get(name))
    if any(environment.get(name) for name in PROOFS):
        return {"EnvironmentCredential": missing} if missing else {}
    if environment.get(TOKEN_FILE):
        return {"WorkloadIdentityCredential": missing} if missing else {}
    return {} if missing else {"EnvironmentCredential": " or ".join(PROOFS)}
