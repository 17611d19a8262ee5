"""The fake's key vaults, over HTTP as their own clients ask them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from amlrun.testing import FakeAml

if TYPE_CHECKING:
    from pathlib import Path

VAULT = "https://vault.azure.net/.default"


def ask(fake: FakeAml, method: str, path: str, **options: Any) -> requests.Response:
    """One request to the workspace's vault, with a token for it."""
    bearer = options.pop("bearer", fake.credential.get_token(VAULT).token)
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    params = options.pop("params", {"api-version": "7.4"})
    host = options.pop("host", f"{fake._backend.account}.vault.azure.net")
    return requests.request(
        method, f"https://{host}{path}", headers=headers, params=params, timeout=9, **options
    )


def test_a_secret_has_versions(fake_aml: FakeAml) -> None:
    """The newest is the one that is meant by its name, in any case; each can be had by its own."""
    first = ask(fake_aml, "PUT", "/secrets/Db-Password", json={"value": "one", "tags": {"a": "b"}}).json()
    assert (first["value"], first["tags"]) == ("one", {"a": "b"})
    fake_aml.secret("db-password", "two")
    newest = ask(fake_aml, "GET", "/secrets/db-password").json()
    assert newest["value"] == "two"
    assert newest["id"].startswith(
        f"https://{fake_aml._backend.account}.vault.azure.net/secrets/Db-Password/"
    )
    version = first["id"].rpartition("/")[2]
    assert ask(fake_aml, "GET", f"/secrets/db-password/{version}").json() == first
    assert ask(fake_aml, "GET", "/secrets/db-password/none").status_code == 404


def test_a_list_has_no_values(fake_aml: FakeAml) -> None:
    """Page by page."""
    for number in range(30):
        fake_aml.secret(f"s{number}", "hunter2")
    page = ask(fake_aml, "GET", "/secrets")
    assert "hunter2" not in page.text
    rest = ask(fake_aml, "GET", page.json()["nextLink"].partition(".vault.azure.net")[2], params=None).json()
    assert (len(page.json()["value"]), len(rest["value"]), rest["nextLink"]) == (25, 5, None)


def test_a_secret_that_is_deleted_or_disabled_is_not_given(fake_aml: FakeAml) -> None:
    """Each in the vault's own words and codes."""
    ask(fake_aml, "PUT", "/secrets/off", json={"value": "x", "attributes": {"enabled": False}})
    error = ask(fake_aml, "GET", "/secrets/off").json()["error"]
    assert (error["code"], error["innererror"]["code"]) == ("Forbidden", "SecretDisabled")
    assert "value" not in ask(fake_aml, "DELETE", "/secrets/off").json()
    assert ask(fake_aml, "GET", "/secrets/off").json()["error"]["code"] == "SecretNotFound"
    assert ask(fake_aml, "DELETE", "/secrets/off").status_code == 404


@pytest.mark.parametrize(
    ("scope", "code"),
    [("", "AKV10000"), ("https://management.azure.com/.default", "AKV10022"), ("none", "AKV10022")],
)
def test_a_token_must_be_for_vaults(fake_aml: FakeAml, scope: str, code: str) -> None:
    """Without one, the challenge says for what; one for another audience is not taken."""
    bearer = fake_aml.credential.get_token(scope).token if "://" in scope else scope
    reply = ask(fake_aml, "GET", "/secrets/x", bearer=bearer)
    assert (reply.status_code, reply.json()["error"]["message"][:8]) == (401, code)
    challenged = 'resource="https://vault.azure.net"' in reply.headers.get("WWW-Authenticate", "")
    assert challenged is (scope == "")


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/secrets/x", "Key Vault Secrets User"),
        ("GET", "/secrets", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
        ("PUT", "/secrets/x", "Microsoft.KeyVault/vaults/secrets/setSecret/action"),
        ("DELETE", "/secrets/x", "Microsoft.KeyVault/vaults/secrets/delete"),
    ],
)
def test_rights_on_a_vault(fake_aml: FakeAml, method: str, path: str, role: str) -> None:
    """Owning the workspace, and the vault, gives none to what is in it."""
    fake_aml.secret("x", "hunter2")
    body = {"json": {"value": "y"}} if method == "PUT" else {}
    fake_aml.revoke()
    fake_aml.grant("Owner", on="subscription")
    error = ask(fake_aml, method, path, **body).json()["error"]
    assert error["innererror"]["code"] == "ForbiddenByRbac"
    assert "Action: 'Microsoft.KeyVault/vaults/secrets/" in error["message"]
    fake_aml.grant(role, on="vault")
    assert ask(fake_aml, method, path, **body).status_code == 200


def test_what_is_malformed(fake_aml: FakeAml) -> None:
    """No version of the API, no value, a name that is none."""
    assert ask(fake_aml, "GET", "/secrets/x", params=None).status_code == 400
    assert ask(fake_aml, "PUT", "/secrets/x", json={}).json()["error"]["code"] == "BadParameter"
    assert ask(fake_aml, "PUT", "/secrets/a_b", json={"value": "x"}).status_code == 400
    with pytest.raises(ValueError, match="letters, digits and dashes"):
        fake_aml.secret("a_b", "x")


def test_other_vaults_are_there_when_they_are_named(fake_aml: FakeAml) -> None:
    """A vault of which nobody has said anything is no fake's."""
    fake_aml.secret("x", "one", vault="Team")
    assert ask(fake_aml, "GET", "/secrets/x", host="team.vault.azure.net").json()["value"] == "one"
    assert ask(fake_aml, "GET", "/secrets/x").status_code == 404
    with pytest.raises(ConnectionError, match="belongs to no fake"):
        ask(fake_aml, "GET", "/secrets/x", host="other.vault.azure.net")


def test_no_value_stands_in_the_record_of_calls(fake_aml: FakeAml) -> None:
    """Bodies are kept of what isn't secret."""
    ask(fake_aml, "PUT", "/secrets/x", json={"value": "hunter2"})
    assert fake_aml.calls[-1].body == b""


def test_a_folder_keeps_secrets_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process of this user reads them; with another key there are none."""
    with FakeAml(tmp_path / "state") as fake:
        fake.secret("x", "hunter2")
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()
    with FakeAml(tmp_path / "state") as again:
        assert ask(again, "GET", "/secrets/x").json()["value"] == "hunter2"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    with FakeAml(tmp_path / "state") as other:
        assert ask(other, "GET", "/secrets/x").status_code == 404
        assert ask(other, "GET", "/secrets").json()["value"] == []
