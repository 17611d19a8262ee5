"""Who signs in to the fake's tenant: with the real azure-identity."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AuthenticationRequiredError,
    ChainedTokenCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
    DeviceCodeCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun.testing import FakeAml

ARM = "https://management.azure.com/.default"
TENANT = "00000000-0000-0000-0000-000000000003"
TOKENS = "POST /{tenant}/oauth2/v2.0/token"


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set variables."""

    def set_all(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


def test_a_service_principal(fake_aml: FakeAml, become: Any) -> None:
    """It signs in by its variables, once for each audience; and what it may do is what it was given."""
    variables = fake_aml.app("ci")
    become(variables)
    credential = DefaultAzureCredential()
    said = claims(credential.get_token(ARM).token)
    assert (said["appid"], said["tid"], said["idtyp"]) == (variables["AZURE_CLIENT_ID"], TENANT, "app")
    assert said["aud"] == "https://management.azure.com"
    credential.get_token(ARM)
    credential.get_token("https://ml.azure.com/.default")
    assert len(fake_aml.calls.of(TOKENS)) == 2
    client = fake_aml.client(credential=credential)
    assert list(client.jobs.list()) == []
    fake_aml.revoke(to=said["appid"])
    with pytest.raises(Exception, match="AuthorizationFailed") as caught:
        list(client.jobs.list())
    assert variables["AZURE_CLIENT_ID"] in str(caught.value)


def test_its_secret_is_in_no_folder(fake_aml_factory: Any, tmp_path: Path) -> None:
    """Only a digest is kept; and the body of the request isn't, in the record of calls."""
    fake = fake_aml_factory(folder=tmp_path / "state")
    secret = "planted-secret"  # noqa: S105 - it opens nothing
    variables = fake.app("ci", secret=secret)
    ClientSecretCredential(TENANT, variables["AZURE_CLIENT_ID"], secret).get_token(ARM)
    assert len(fake.calls.of(TOKENS)) == 1
    assert not any(b"planted" in call.body for call in fake.calls)
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert files
    assert not any(b"planted-secret" in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"AZURE_CLIENT_SECRET": "guessed"}, "AADSTS7000215"),
        ({"AZURE_CLIENT_ID": "00000000-0000-0000-0000-00000000dead"}, "AADSTS700016"),
    ],
)
def test_a_service_principal_that_is_refused(
    fake_aml: FakeAml, become: Any, changed: dict[str, str], code: str
) -> None:
    """By Entra's codes, as azure-identity tells them."""
    become({**fake_aml.app("ci"), **changed})
    with pytest.raises(ClientAuthenticationError, match=code):
        EnvironmentCredential().get_token(ARM)


def test_an_audience_that_the_tenant_does_not_know(fake_aml: FakeAml, become: Any) -> None:
    """Such as one that nobody has heard of."""
    become(fake_aml.app("ci"))
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        EnvironmentCredential().get_token("https://nowhere.example/.default")


def test_a_pipeline(fake_aml: FakeAml, become: Any, tmp_path: Path) -> None:
    """It signs in by a federated token, until that ends by the fake's clock; a fresh one helps."""
    file = tmp_path / "token"
    variables = fake_aml.pipeline("ci", file, lifetime=600)
    become(variables)
    said = claims(WorkloadIdentityCredential().get_token(ARM).token)
    assert said["appid"] == variables["AZURE_CLIENT_ID"]
    fake_aml.advance(minutes=11)
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700024: Client assertion is not within"):
        WorkloadIdentityCredential().get_token(ARM)
    fake_aml.pipeline("ci", file)
    assert WorkloadIdentityCredential().get_token(ARM).token


def test_the_token_of_another_pipeline(fake_aml: FakeAml, become: Any, tmp_path: Path) -> None:
    """Its subject is not the app's."""
    fake_aml.pipeline("theirs", tmp_path / "theirs")
    become(
        {
            **fake_aml.pipeline("ours", tmp_path / "ours"),
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "theirs"),
        }
    )
    with pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
        WorkloadIdentityCredential().get_token(ARM)


def test_a_token_that_is_none(fake_aml: FakeAml, become: Any, tmp_path: Path) -> None:
    """Whatever stands in the file."""
    become(fake_aml.pipeline("ci", tmp_path / "token"))
    (tmp_path / "token").write_text("a.b.c")
    with pytest.raises(ClientAuthenticationError, match="AADSTS50027"):
        WorkloadIdentityCredential().get_token(ARM)


def test_any_refusal(fake_aml: FakeAml, become: Any) -> None:
    """One can be scripted, by its number."""
    become(fake_aml.app("ci"))
    fake_aml.refuse_sign_in(50076, "You must use multi-factor authentication.", times=1)
    with pytest.raises(ClientAuthenticationError, match="AADSTS50076: You must use"):
        EnvironmentCredential().get_token(ARM)
    assert EnvironmentCredential().get_token(ARM).token


def test_a_person(fake_aml: FakeAml) -> None:
    """They sign in by a code, once; what they got then brings further tokens, until it is too old."""
    fake_aml.token_lifetime(0)
    fake_aml.signs_in("ada", lasts=3600)
    codes: list[str] = []
    credential = DeviceCodeCredential(
        tenant_id=TENANT, prompt_callback=lambda _uri, code, _expires: codes.append(code)
    )
    said = claims(credential.get_token(ARM).token)
    assert (said["upn"], said["tid"], said["scp"]) == ("ada", TENANT, "user_impersonation")
    assert claims(credential.get_token("https://ml.azure.com/.default").token)["upn"] == "ada"
    assert codes == ["FAKECODE"]
    assert list(fake_aml.client(credential=credential).jobs.list()) == []
    quiet = DeviceCodeCredential(tenant_id=TENANT, disable_automatic_authentication=True)
    with pytest.raises(AuthenticationRequiredError):
        quiet.get_token(ARM)
    fake_aml.advance(hours=2)
    fake_aml.signs_in("bob")
    assert claims(credential.get_token(ARM).token)["upn"] == "bob"
    assert len(codes) == 2


def test_a_virtual_machine(fake_aml: FakeAml) -> None:
    """Its identity answers where such machines ask; without one nobody is there, and no other is it."""
    alone, chained = ManagedIdentityCredential(), ChainedTokenCredential(ManagedIdentityCredential())
    with pytest.raises(CredentialUnavailableError):
        alone.get_token(ARM)
    fake_aml.machine_identity("runner")
    said = claims(chained.get_token(ARM).token)
    assert said["xms_mirid"].endswith("/userAssignedIdentities/runner")
    assert (
        claims(ManagedIdentityCredential(client_id=said["appid"]).get_token(ARM).token)["oid"] == said["oid"]
    )
    with pytest.raises(CredentialUnavailableError, match="Identity not found"):
        ManagedIdentityCredential(client_id="00000000-0000-0000-0000-00000000dead").get_token(ARM)
    fake_aml.machine_identity(None)
    with pytest.raises(CredentialUnavailableError):
        ManagedIdentityCredential().get_token(ARM)


def test_how_long_tokens_live(fake_aml: FakeAml, become: Any) -> None:
    """With none at all each request needs a new one."""
    become(fake_aml.app("ci"))
    fake_aml.token_lifetime(0)
    credential = EnvironmentCredential()
    for count in (1, 2):
        credential.get_token(ARM)
        assert len(fake_aml.calls.of(TOKENS)) == count
    with pytest.raises(ValueError, match="seconds must be a whole number"):
        fake_aml.token_lifetime(-1)


def test_other_tenants_are_nobody_of_the_fakes(fake_aml: FakeAml) -> None:
    """Sign-ins of theirs would leave for the network."""
    other = "11111111-0000-0000-0000-000000000000"
    with pytest.raises(ClientAuthenticationError, match="belongs to no fake workspace"):
        ClientSecretCredential(other, "app", "secret").get_token(ARM)
    mine = fake_aml.app("ci", tenant=other)
    credential = ClientSecretCredential(other, mine["AZURE_CLIENT_ID"], "fake-secret")
    with pytest.raises(Exception, match="InvalidAuthenticationTokenTenant"):
        list(fake_aml.client(credential=credential).jobs.list())
