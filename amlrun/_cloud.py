"""The clouds that Azure has, and where in each of them everything is. Pure.

The figures are those of azure-ai-ml's own table, which takes over a second to import (a test holds the two
together); the studio and the key vaults are documented:
https://learn.microsoft.com/azure/machine-learning/reference-machine-learning-cloud-parity
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import NotConfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

SDK_VARIABLE = "AZUREML_CURRENT_CLOUD"
"""Where azure-ai-ml looks for the cloud; each of its clients sets it."""
VARIABLE = "AZURE_CLOUD"
"""Where a user names it."""
_AUTHORITY = "AZURE_AUTHORITY_HOST"


@attrs.frozen
class Cloud:
    """One cloud: `name` is azure-ai-ml's. `management`, `login`, `learning` and `studio` are URLs.

    `storage` and `vault` are the ends of host names. Tokens are asked for `management`, `learning`, storage
    (the same audience in every cloud) and vaults.
    """

    name: str
    management: str
    login: str
    learning: str
    studio: str
    storage: str
    vault: str

    @property
    def learning_scope(self) -> str:
        """What a token is asked for that travels with a job."""
        return f"{self.learning}/.default"

    @property
    def vault_scope(self) -> str:
        """What a token is asked for that opens key vaults."""
        return f"https://{self.vault}/.default"


STORAGE_SCOPE = "https://storage.azure.com/.default"
"""The audience of storage, which is the same everywhere."""
HISTORY = "/history/v1.0"
"""How paths of run history begin, at its host; behind it stands the workspace's ARM id."""
_STORAGE = re.compile(r"[a-z0-9]+\.(blob|dfs)\.", re.IGNORECASE)


def is_storage(host: str) -> bool:
    """Whether that is where blobs are, in any cloud."""
    return _STORAGE.match(host) is not None


PUBLIC = Cloud(
    "AzureCloud",
    "https://management.azure.com",
    "https://login.microsoftonline.com",
    "https://ml.azure.com",
    "https://ml.azure.com",
    "core.windows.net",
    "vault.azure.net",
)
CHINA = Cloud(
    "AzureChinaCloud",
    "https://management.chinacloudapi.cn",
    "https://login.chinacloudapi.cn",
    "https://ml.azure.cn",
    "https://studio.ml.azure.cn",
    "core.chinacloudapi.cn",
    "vault.azure.cn",
)
GOVERNMENT = Cloud(
    "AzureUSGovernment",
    "https://management.usgovcloudapi.net",
    "https://login.microsoftonline.us",
    "https://ml.azure.us",
    "https://ml.azure.us",
    "core.usgovcloudapi.net",
    "vault.usgovcloudapi.net",
)
CLOUDS = (PUBLIC, CHINA, GOVERNMENT)


def cloud_named(name: str) -> Cloud | None:
    """The cloud of that name, in any case; None where there is none."""
    return next((cloud for cloud in CLOUDS if cloud.name.lower() == name.strip().lower()), None)


_MORE_LOGINS = {
    "login.windows.net": PUBLIC,
    "login.microsoft.com": PUBLIC,
    "login.partner.microsoftonline.cn": CHINA,
}
"""Further hosts of sign-ins, as azure-identity knows them."""


def cloud_of(environment: Mapping[str, str]) -> Cloud:
    """The cloud of AZURE_CLOUD; else the one whose sign-in is named; else the SDK's; else the public one.

    Raises `NotConfigured` for a name that no cloud has, for two of which each says another, and for a sign-in
    that is of none.
    """
    named, host = _named(environment, VARIABLE), host_in(environment.get(_AUTHORITY, ""))
    of_host = next((cloud for cloud in CLOUDS if host_in(cloud.login) == host), _MORE_LOGINS.get(host))
    if named is not None:
        if of_host is not None and of_host is not named:
            message = (
                f"{VARIABLE} says {named.name}, and {_AUTHORITY}={host} is the sign-in of {of_host.name}"
            )
            hint = f"Unset one of them: {VARIABLE} alone is enough."
            raise NotConfigured(message, hint=hint, looked_at=(VARIABLE, _AUTHORITY))
        return named
    if host and of_host is None:
        message = f"{_AUTHORITY}={host} is the sign-in of no cloud that is known"
        raise NotConfigured(message, hint=f"{VARIABLE} says which it is. {_OTHER}", looked_at=(_AUTHORITY,))
    return of_host or _named(environment, SDK_VARIABLE) or PUBLIC


_OTHER = "Of any other cloud, make the MLClient yourself, and give it: client=…"


def _named(environment: Mapping[str, str], variable: str) -> Cloud | None:
    name = environment.get(variable, "").strip()
    cloud = cloud_named(name)
    if name and cloud is None:
        known = ", ".join(cloud.name for cloud in CLOUDS)
        message = f"{variable}={name}: no such cloud. There are {known}"
        raise NotConfigured(message, hint=_OTHER, looked_at=(variable,))
    return cloud


def host_in(url: str) -> str:
    """The host of a URL that somebody typed, its scheme or not; whatever it is, it is no error."""
    return re.split(r"[/?#]", url.partition("//")[2] or url)[0].lower()
