"""What the code of a job does to reach its data: the real `azure-identity`, and the real storage client."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import warnings
from typing import TYPE_CHECKING, Any
from unittest import mock

from azure.ai.ml.identity import AzureMLOnBehalfOfCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing import FakeAml

STORAGE = "https://storage.azure.com/.default"


@contextlib.contextmanager
def inside(fake: FakeAml, name: str) -> Iterator[Mapping[str, str]]:
    """Be the code of that job, or of a child by its path."""
    variables = fake.job_environment(name)
    with mock.patch.dict(os.environ, variables):
        yield variables


def credential(variables: Mapping[str, str]) -> Any:
    """What code uses: the user's own token where it acts for one, else whatever the environment leads to."""
    if "OBO_ENDPOINT" in variables:
        return AzureMLOnBehalfOfCredential()
    return DefaultAzureCredential() if "MSI_ENDPOINT" in variables else None


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def writer(fake: FakeAml, name: str) -> str:
    """The object id of whoever wrote a blob into the workspace's storage, as that job; "": nobody could."""
    with inside(fake, name) as variables, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # azure-ai-ml's use of msal
        one = credential(variables)
        if one is None:
            return ""
        store = fake.client().datastores.get("workspaceblobstore")
        url = f"https://{store.account_name}.blob.core.windows.net/{store.container_name}"
        try:
            with ContainerClient.from_container_url(url, credential=one, retry_total=0) as there:
                there.upload_blob(f"by/{name}", b"x", overwrite=True)
            return str(claims(one.get_token(STORAGE).token)["oid"])
        except (ClientAuthenticationError, HttpResponseError):
            return ""
