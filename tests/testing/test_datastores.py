"""Datastores through the real client: kinds, credentials, secrets; and what is uploaded into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.entities import (
    AccountKeyConfiguration,
    AzureBlobDatastore,
    AzureDataLakeGen2Datastore,
    AzureFileDatastore,
    Data,
    SasTokenConfiguration,
    ServicePrincipalConfiguration,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.testing.wire import requests

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Datastore

    from amlrun.testing import FakeAml

SOMEBODY = "00000000-0000-0000-0000-000000000009"
MADE: dict[str, tuple[Datastore, str]] = {
    "account key": (
        AzureBlobDatastore(
            name="blobs",
            account_name="acme",
            container_name="files",
            credentials=AccountKeyConfiguration(account_key="c2VjcmV0"),
        ),
        "sas_token",
    ),
    "SAS": (
        AzureBlobDatastore(
            name="blobs",
            account_name="acme",
            container_name="files",
            credentials=SasTokenConfiguration(sas_token="sv=1&sig=theirs"),  # noqa: S106 - a fake one
        ),
        "sas_token",
    ),
    "none": (AzureBlobDatastore(name="blobs", account_name="acme", container_name="files"), ""),
    "service principal": (
        AzureDataLakeGen2Datastore(
            name="lake",
            account_name="acme",
            filesystem="files",
            credentials=ServicePrincipalConfiguration(
                tenant_id=SOMEBODY,
                client_id=SOMEBODY,
                client_secret="secret",  # noqa: S106 - a fake one
            ),
        ),
        "client_secret",
    ),
    "file share": (
        AzureFileDatastore(
            name="share",
            account_name="acme",
            file_share_name="files",
            credentials=AccountKeyConfiguration(account_key="c2VjcmV0"),
        ),
        "sas_token",
    ),
}


def test_a_workspace_has_its_own(fake_aml: FakeAml, client: MLClient) -> None:
    """Four of them in its own account, one of which is the default."""
    names = [store.name for store in client.datastores.list()]
    assert names == [
        "workspaceblobstore",
        "workspaceartifactstore",
        "workspacefilestore",
        "workspaceworkingdirectory",
    ]
    default = client.datastores.get_default()
    assert (default.name, default.id) == (
        "workspaceblobstore",
        f"{fake_aml.scope.path}/datastores/workspaceblobstore",
    )


@pytest.mark.parametrize("kind", MADE)
def test_a_datastore_goes_there_and_back(fake_aml: FakeAml, client: MLClient, kind: str) -> None:
    """What it points to is shown, its secret only to who asks for secrets; deleted, it is gone."""
    sent, secret = MADE[kind]
    client.datastores.create_or_update(sent)
    found: Any = client.datastores.get(str(sent.name))
    assert (found.type, found.account_name) == (sent.type, "acme")
    url = f"https://management.azure.com{fake_aml.scope.path}/datastores/{sent.name}"
    shown = requests.get(url, timeout=5).text
    assert not any(word in shown for word in ("c2VjcmV0", "theirs", '"secret"'))
    told: Any = client.datastores.get(str(sent.name), include_secrets=True).credentials
    if secret:
        assert getattr(told, secret)
    assert [store.name for store in client.datastores.list(include_secrets=True)][4:] == [sent.name]
    client.datastores.delete(str(sent.name))
    with pytest.raises(ResourceNotFoundError, match="Could not find datastore"):
        client.datastores.get(str(sent.name))
    assert requests.delete(url, timeout=5).status_code == 204


def test_what_a_workspace_needs_is_not_deleted(client: MLClient) -> None:
    """Its own datastores stay."""
    with pytest.raises(HttpResponseError, match="belongs to the workspace"):
        client.datastores.delete("workspaceblobstore")


@pytest.mark.parametrize("kind", ["account key", "SAS", "none"])
def test_data_is_uploaded_into_a_datastore(client: MLClient, tmp_path: Path, kind: str) -> None:
    """Into an account of somebody else's, with a key, with a SAS or with the client's own identity."""
    sent, _ = MADE[kind]
    client.datastores.create_or_update(sent)
    (tmp_path / "x.csv").write_bytes(b"1,2\n")
    made = client.data.create_or_update(
        Data(name="x", version="1", type="uri_file", path=str(tmp_path / "x.csv"), datastore="blobs")
    )
    assert made.path.startswith("azureml://datastores/blobs/paths/") or "/datastores/blobs/" in made.path
    path = made.path.partition("/paths/")[2]
    assert requests.get(f"https://acme.blob.core.windows.net/files/{path}", timeout=5).content == b"1,2\n"


@pytest.mark.parametrize("credentials", ["account_key", "sas", "none"])
def test_data_is_uploaded_into_a_lake(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, credentials: str
) -> None:
    """A folder and a file arrive in a data lake; what is there already is not sent again."""
    fake_aml.datastore("lake", kind="gen2", account="acme", container="files", credentials=credentials)
    (tmp_path / "iris" / "deep").mkdir(parents=True)
    (tmp_path / "iris" / "deep" / "x.csv").write_bytes(b"1,2\r\n")
    for kind, local, inside in (("uri_folder", "iris", "/deep/x.csv"), ("uri_file", "iris/deep/x.csv", "")):
        for version in ("1", "2"):
            made = client.data.create_or_update(
                Data(name=kind, version=version, type=kind, path=str(tmp_path / local), datastore="lake")
            )
        path = made.path.partition("/paths/")[2].rstrip("/")
        url = f"https://acme.blob.core.windows.net/files/{path}{inside}"
        assert requests.get(url, timeout=5).content == b"1,2\r\n"
    assert len([call for call in fake_aml.calls if call.method == "PATCH"]) in {2, 4}


def test_datastores_without_credentials(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The workspace's default datastore can be one that only identities open, and data still gets there."""
    fake_aml.datastore("workspaceblobstore", credentials="none")
    before = client.datastores.get_default()
    assert type(before.credentials).__name__ == "NoneCredentialConfiguration"
    assert before.container_name.startswith("azureml-blobstore")
    (tmp_path / "x.csv").write_bytes(b"1,2\n")
    client.data.create_or_update(Data(name="x", version="1", type="uri_file", path=str(tmp_path / "x.csv")))
    with pytest.raises(ValueError, match="there are account_key, sas, service_principal, none"):
        fake_aml.datastore("x", credentials="magic")
    with pytest.raises(ValueError, match="there are blob, gen2, file"):
        fake_aml.datastore("x", kind="tape")


@pytest.mark.parametrize(
    ("credentials", "kind"),
    [
        ("account_key", "AccountKeyConfiguration"),
        ("sas", "SasTokenConfiguration"),
        ("service_principal", "ServicePrincipalConfiguration"),
        ("none", "NoneCredentialConfiguration"),
    ],
)
def test_datastores_of_a_test(fake_aml: FakeAml, client: MLClient, credentials: str, kind: str) -> None:
    """One line puts a datastore into the workspace, with the credentials that the test is about."""
    fake_aml.datastore("mine", account="acme", container="files", credentials=credentials)
    found: Any = client.datastores.get("mine")
    assert (found.account_name, found.container_name) == ("acme", "files")
    assert type(found.credentials).__name__ == kind


def test_a_list_is_filtered_and_paged(fake_aml: FakeAml, client: MLClient) -> None:
    """By names, by a text in them; `count` is the length of a page."""
    for number in range(40):
        fake_aml.datastore(f"store{number}")
    assert len(list(client.datastores.list())) == 44
    url = f"https://management.azure.com{fake_aml.scope.path}/datastores"

    def names(**query: str) -> list[str]:
        reply = requests.get(url, params=query, timeout=5).json()
        return [store["name"] for store in reply["value"]]

    assert names(names="store3,store5") == ["store3", "store5"]
    assert names(searchText="STORE39") == ["store39"]
    assert len(names(count="7")) == 7
