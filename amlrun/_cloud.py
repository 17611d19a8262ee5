"""The clouds that Azure has, and where in each of them everything is. Pure.

The figures are those of azure-ai-ml's own table, which takes over a second to import (a test holds the two
together); the studio and the key vaults are documented:
https://learn.microsoft.com/azure/machine-learning/reference-machine-learning-cloud-parity
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from amlrun._errors import NotConfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

SDK_VARIABLE = "AZUREML_CURRENT_CLOUD"
"""Where azure-ai-ml looks for the cloud; each of its clients sets it."""
VARIABLES = ("AZURE_CLOUD", SDK_VARIABLE)
"""Where a cloud is named."""
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


def cloud_of(environment: Mapping[str, str]) -> Cloud:
    """The cloud that the environment names, or whose sign-in it names; else the public one.

    Raises `NotConfigured` for a name that no cloud has.
    """
    for variable in VARIABLES:
        name = environment.get(variable)
        if name:
            cloud = cloud_named(name)
            if cloud is None:
                known = ", ".join(cloud.name for cloud in CLOUDS)
                message = f"{variable}={name}: no such cloud. There are {known}"
                hint = "Of any other cloud, make the MLClient yourself, and give it: client=…"
                raise NotConfigured(message, hint=hint, looked_at=(variable,))
            return cloud
    host = _host(environment.get(_AUTHORITY, ""))
    return next((cloud for cloud in CLOUDS if _host(cloud.login) == host), PUBLIC)


def _host(url: str) -> str:
    return urlsplit(url if "//" in url else f"//{url}").netloc.lower()
