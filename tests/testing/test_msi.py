"""What code in a job sees of the world, and how it gets its tokens: with the real azure-identity."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.ai.ml import AmlTokenConfiguration, ManagedIdentityConfiguration, UserIdentityConfiguration
from azure.ai.ml.identity import AzureMLOnBehalfOfCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential, ManagedIdentityCredential

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun.testing import FakeAml

ARM = "https://management.azure.com/.default"


@pytest.fixture
def enter(fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    """Become the code of a job."""

    def entered(name: str) -> dict[str, str]:
        variables = fake_aml.job_environment(name)
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        return variables

    return entered


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_a_job_knows_where_it_is(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Its name and workspace, and its own variables; without an identity nothing leads to one."""
    submit(name="train", environment_variables={"MODE": "fast"})
    variables = fake_aml.job_environment("train")
    assert variables["AZUREML_RUN_ID"] == "train"
    assert variables["AZUREML_ARM_WORKSPACE_NAME"] == fake_aml.scope.workspace
    assert variables["MODE"] == "fast"
    assert not {"MSI_ENDPOINT", "OBO_ENDPOINT", "DEFAULT_IDENTITY_CLIENT_ID"} & set(variables)
    with pytest.raises(LookupError, match="no job other"):
        fake_aml.job_environment("other")


@pytest.mark.parametrize("name", ["client_id", "object_id", "principal_id", "mi_res_id", "msi_res_id"])
def test_no_other_id_names_an_identity(fake_aml: FakeAml, submit: Callable[..., str], name: str) -> None:
    """The endpoint takes a client id alone, by its own name."""
    client_id = fake_aml.identity("training")
    submit(name="train", identity=ManagedIdentityConfiguration(client_id=client_id))
    variables = fake_aml.job_environment("train")
    query = {"api-version": "2017-09-01", "resource": "https://management.azure.com"}
    headers = {"secret": variables["MSI_SECRET"]}
    asked = requests.get(variables["MSI_ENDPOINT"], {**query, name: client_id}, headers=headers, timeout=5)
    assert asked.status_code == 400
    asked = requests.get(
        variables["MSI_ENDPOINT"], {**query, "clientid": client_id}, headers=headers, timeout=5
    )
    assert asked.status_code == 200


def test_a_named_identity(
    fake_aml: FakeAml, submit: Callable[..., str], enter: Callable[[str], dict[str, str]]
) -> None:
    """A job with an identity by client id gets tokens of that one, with the id or without."""
    fake_aml.identity("another")
    client_id = fake_aml.identity("training")
    submit(name="train", identity=ManagedIdentityConfiguration(client_id=client_id))
    assert enter("train")["DEFAULT_IDENTITY_CLIENT_ID"] == client_id
    for credential in (ManagedIdentityCredential(client_id=client_id), ManagedIdentityCredential()):
        found = claims(credential.get_token(ARM).token)
        assert (found["appid"], found["aud"]) == (client_id, "https://management.azure.com")


def test_the_default_credential(
    fake_aml: FakeAml,
    submit: Callable[..., str],
    enter: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`DefaultAzureCredential` finds the identity too, by AZURE_CLIENT_ID where there are several."""
    fake_aml.identity("another")
    client_id = fake_aml.identity("training")
    submit(name="train", identity=ManagedIdentityConfiguration())
    enter("train")
    monkeypatch.setenv("AZURE_CLIENT_ID", client_id)
    assert claims(DefaultAzureCredential().get_token(ARM).token)["appid"] == client_id


def test_several_identities_must_be_told_apart(
    fake_aml: FakeAml, submit: Callable[..., str], enter: Callable[[str], dict[str, str]]
) -> None:
    """Without a client id none of them is meant."""
    ids = {fake_aml.identity("one"), fake_aml.identity("two")}
    submit(name="train", identity=ManagedIdentityConfiguration())
    assert enter("train")["DEFAULT_IDENTITY_CLIENT_ID"] in ids
    with pytest.raises(ClientAuthenticationError, match="Several managed identities"):
        ManagedIdentityCredential().get_token(ARM)


def test_an_unknown_identity(
    fake_aml: FakeAml, submit: Callable[..., str], enter: Callable[[str], dict[str, str]]
) -> None:
    """A client id that is not of the job's identities gets no token."""
    client_id = fake_aml.identity("training")
    submit(name="train", identity=ManagedIdentityConfiguration(client_id=client_id))
    enter("train")
    with pytest.raises(ClientAuthenticationError, match="No managed identity of that id"):
        ManagedIdentityCredential(client_id="00000000-0000-0000-0000-00000000dead").get_token(ARM)


def test_a_wrong_secret(
    fake_aml: FakeAml,
    submit: Callable[..., str],
    enter: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only a job's own secret opens the endpoint."""
    fake_aml.identity("training")
    submit(name="train", identity=ManagedIdentityConfiguration())
    enter("train")
    monkeypatch.setenv("MSI_SECRET", "train.guessed")
    with pytest.raises(ClientAuthenticationError, match="secret is of no job"):
        ManagedIdentityCredential().get_token(ARM)


@pytest.mark.filterwarnings("ignore:Use list:DeprecationWarning")  # azure-ai-ml's use of msal
def test_the_users_own_identity(
    fake_aml: FakeAml, submit: Callable[..., str], enter: Callable[[str], dict[str, str]]
) -> None:
    """A job with its user's identity has tokens of the user, and no managed identity."""
    submit(name="train", identity=UserIdentityConfiguration())
    assert "MSI_ENDPOINT" not in enter("train")
    assert claims(AzureMLOnBehalfOfCredential().get_token(ARM).token)["upn"] == "fake-user"
    with pytest.raises(CredentialUnavailableError):
        ManagedIdentityCredential().get_token(ARM)
    assert fake_aml.job_environment("train")["OBO_ENDPOINT"].startswith("http://")


def test_a_clusters_identity(
    fake_aml: FakeAml, submit: Callable[..., str], enter: Callable[[str], dict[str, str]]
) -> None:
    """A job on a cluster with an identity has that one; one that asks for the job's token has none."""
    fake_aml.cluster("cpu", identity="of-the-cluster")
    submit(name="train", compute="cpu", identity=ManagedIdentityConfiguration())
    submit(name="plain", compute="cpu", identity=AmlTokenConfiguration())
    assert "MSI_ENDPOINT" not in fake_aml.job_environment("plain")
    client_id = enter("train")["DEFAULT_IDENTITY_CLIENT_ID"]
    assert claims(ManagedIdentityCredential(client_id=client_id).get_token(ARM).token)["appid"] == client_id
