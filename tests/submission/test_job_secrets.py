"""`current().secret(name)`: from the workspace's key vault, with the job's identity, by azure-identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, JobContext, JobFailed, NotAuthorized, ServiceError, current, submit
from amlrun.testing import Answer, NoConnection, local

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

    Enter = Callable[..., JobContext]

VALUE = "correct-horse-battery"


@pytest.fixture
def enter(fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Become the code of a job that is sent with these arguments, on a workspace with one secret."""
    fake_aml.secret("db-password", VALUE)
    fake_aml.identity("training", client_id="00000000-0000-0000-0000-00000000c11d")

    def entered(**options: Any) -> JobContext:
        asked: dict[str, Any] = {"identity": "managed", "environment": "azureml:train:1", **options}
        run = submit("python train.py", client=client, **asked)
        for variable, value in fake_aml.job_environment(run.name).items():
            monkeypatch.setenv(variable, value)
        context = current()
        assert context is not None
        fake_aml.calls.clear()
        return context

    return entered


def test_a_secret_is_read_with_the_identity_of_the_job(fake_aml: FakeAml, enter: Enter) -> None:
    """The workspace tells its key vault, and that is asked; nothing is kept of it."""
    job = enter()
    fake_aml.revoke(to="training")
    fake_aml.grant("AzureML Data Scientist", to="training")
    fake_aml.grant("Key Vault Secrets User", to="training", on="vault")
    assert job.secret("db-password") == VALUE
    asked = [str(call) for call in fake_aml.calls if call.route != "/MSI/auth"]
    assert asked == ["GET / (200)", "GET /secrets/db-password (200)"]
    assert VALUE not in repr(job) + repr(fake_aml.calls)
    fake_aml.secret("db-password", "another")
    assert job.secret("DB-Password") == "another"


def test_a_variable_names_another_key_vault(fake_aml: FakeAml, enter: Enter) -> None:
    """By its name or address; the workspace is not asked, so no right on it is needed."""
    fake_aml.secret("hf-token", VALUE, vault="team-secrets")
    job = enter(environment_variables={"AMLRUN_KEY_VAULT": "https://Team-Secrets.vault.azure.net/"})
    assert job.secret("hf-token") == VALUE
    assert [call.route for call in fake_aml.calls] == ["/MSI/auth", "/secrets/{name}"]


@pytest.mark.parametrize(
    "vault", ["https://evil.example.org", "a.vault.azure.net.example.org", "a/b", "x", "https://["]
)
def test_no_other_address_gets_a_token(fake_aml: FakeAml, enter: Enter, vault: str) -> None:
    """What is no key vault of this cloud is refused, with what would be one."""
    job = enter(environment_variables={"AMLRUN_KEY_VAULT": vault})
    with pytest.raises(InvalidRequest, match=r"https://<name>\.vault\.azure\.net"):
        job.secret("db-password")
    assert list(fake_aml.calls) == []


def test_a_right_that_is_missing_is_named(fake_aml: FakeAml, enter: Enter) -> None:
    """The secret, the vault, the role, and the command that gives it, to whom it is given."""
    job = enter()
    fake_aml.revoke(to="training")
    fake_aml.grant("AzureML Data Scientist", to="training")
    with pytest.raises(NotAuthorized) as caught:
        job.secret("db-password")
    told = str(caught.value)
    assert "secret 'db-password' of the key vault fakeaml" in told
    assert "the role Key Vault Secrets User" in told
    assert "az role assignment create --assignee " in told
    assert VALUE not in told


def test_who_may_not_read_the_workspace_can_name_the_vault(fake_aml: FakeAml, enter: Enter) -> None:
    """That is what the workspace is asked for, and it is told."""
    job = enter()
    fake_aml.revoke(to="training")
    with pytest.raises(NotAuthorized, match='"AMLRUN_KEY_VAULT": "<its name>"'):
        job.secret("db-password")


def test_a_secret_that_is_not_there(enter: Enter) -> None:
    """With the command that puts one there."""
    with pytest.raises(ServiceError, match="none of that name") as caught:
        enter().secret("db-passwort")
    assert caught.value.status == 404
    assert "az keyvault secret set --vault-name fakeaml" in caught.value.hint


POLICY = "The application 'appid=a;oid=7a;iss=x' does not have secrets get permission on key vault 'v'."
NETWORK = (
    "Public network access is disabled and request is not from a trusted service nor via a private link."
)
DISABLED = "Operation get is not allowed on a disabled secret."


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((403, "AccessDenied", POLICY), NotAuthorized, "--object-id 7a --secret-permissions get"),
        ((403, "ForbiddenByConnection", NETWORK), ServiceError, "The nodes of the job need a way to it"),
        ((403, "SecretDisabled", DISABLED), ServiceError, "is disabled"),
        ((401, "", "AKV10032: Invalid issuer."), NotAuthorized, "AKV10032"),
        ((400, "", "no"), ServiceError, "secret 'db-password' of the key vault fakeaml"),
    ],
)
def test_other_refusals_of_a_vault(
    fake_aml: FakeAml, enter: Enter, answer: tuple[int, str, str], kind: type[Exception], said: str
) -> None:
    """An access policy, a network, a switch: each with its own way out."""
    job = enter()
    status, inner, message = answer
    error = {"code": "Forbidden", "message": message, "innererror": {"code": inner}}
    fake_aml.inject(Answer(status, {"error": error}), on="GET /secrets/{name}", times=1)
    with pytest.raises(kind) as caught:
        job.secret("db-password")
    assert said in str(caught.value)


def test_a_vault_that_no_connection_reaches(enter: Enter, fake_aml: FakeAml) -> None:
    """Behind a private endpoint, say: it is given up soon, and the way out is the network's."""
    fake_aml.inject(NoConnection(), on="GET /secrets/{name}", times=None)
    with pytest.raises(ServiceError) as caught:
        enter().secret("db-password")
    assert "nodes of the job need a way to it" in caught.value.hint
    assert len(fake_aml.calls.of("GET /secrets/{name}")) == 2


@pytest.mark.parametrize("body", [b'{"value": "correct-horse', {"value": None}, {"value": 5}, {}, []])
def test_a_reply_of_a_vault_that_is_none(fake_aml: FakeAml, enter: Enter, body: Any) -> None:
    """Nothing is taken for the secret, and what came of it is not quoted."""
    job = enter()
    fake_aml.inject(Answer(200, body), on="GET /secrets/{name}")
    with pytest.raises(ServiceError, match="secret 'db-password'") as caught:
        job.secret("db-password")
    assert "correct" not in str(caught.value)
    assert job.secret("db-password") == VALUE


def test_a_job_without_an_identity(enter: Enter) -> None:
    """It can be given one when it is sent."""
    with pytest.raises(NotAuthorized, match='identity="managed"'):
        enter(identity=None, environment_variables={"AMLRUN_KEY_VAULT": "vault"}).secret("db-password")


def test_a_workspace_without_a_key_vault(fake_aml: FakeAml, enter: Enter) -> None:
    """A variable can name one."""
    job = enter()
    for said in ({"properties": {"keyVault": ""}}, {"properties": {"keyVault": ["x"]}}, {"properties": 5}):
        fake_aml.inject(Answer(200, said), on="GET ")
        with pytest.raises(ServiceError, match="the workspace has no key vault"):
            job.secret("db-password")


@pytest.mark.parametrize(
    ("name", "hint"), [("HF_TOKEN", "Did you mean 'HF-TOKEN'?"), ("", ""), ("x" * 128, ""), (3, "")]
)
def test_what_is_no_name_of_a_secret(enter: Enter, fake_aml: FakeAml, name: Any, hint: str) -> None:
    """Refused before anybody is asked, with what may be meant."""
    job = enter()
    with pytest.raises(InvalidRequest, match="letters, digits and dashes") as caught:
        job.secret(name)
    assert caught.value.hint == hint
    assert list(fake_aml.calls) == []


def test_outside_of_a_job_it_is_refused() -> None:
    """With the command by which a person reads it."""
    with pytest.raises(InvalidRequest, match="runs in no job") as caught:
        JobContext(name="train", group="train").secret("db-password")
    assert "az keyvault secret show" in caught.value.hint


def test_on_local_a_job_reads_what_was_put_there(home: Path) -> None:
    """It is given to the embedded workspace once, and stands nowhere in its folder.

    By its identity, as on Azure: a rehearsal without one fails as the job would.
    """
    with local() as workspace:
        workspace.secret("db-password", VALUE)
        workspace.identity("trainer")
    code = "import amlrun; print(len(amlrun.current().secret('db-password')))"
    line, environment = f'python -c "{code}"', "azureml:train:1"
    run = submit(line, identity="managed", environment=environment).wait()
    assert run.logs().strip().endswith(str(len(VALUE)))
    with pytest.raises(JobFailed, match="the job has no identity that could read it"):
        submit(line, environment=environment).wait()
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in kept if VALUE.encode() in path.read_bytes()]
