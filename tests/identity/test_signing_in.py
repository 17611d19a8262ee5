"""connect(): who signs in, by which way, and what is tried for it; with the real azure-identity."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from azure.identity import ClientSecretCredential

import amlrun
from amlrun import NotAuthorized, NotConfigured, ServiceError
from amlrun._account import Kind
from amlrun._workspace import Workspace, workspace_of
from amlrun.testing import Answer, BadGateway, ExpiredToken, NoConnection, Slow
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from amlrun.testing import FakeAml
    from tests.identity.machine import Az

    SetAll = Callable[[Mapping[str, str]], None]

ADA = {"oid": "ada", "upn": "ada@example.org", "appid": "04b07795"}
ENTRA, MACHINE, MSI = "POST /{tenant}/oauth2/v2.0/token", "GET /metadata/*", "GET /MSI/auth"


def signed_in() -> Any:
    """The account, by the configuration."""
    return workspace_of(None).rest.account()


def test_a_service_principal_tries_nothing_else(fake: FakeAml, set_all: SetAll, az: Az) -> None:
    """One request for its token: no machine is asked, no process is started."""
    fake.machine_identity("of-the-runner")
    variables = fake.app("ci")
    set_all(variables)
    found = signed_in()
    assert (found.kind, found.name) == (Kind.APP, variables["AZURE_CLIENT_ID"])
    amlrun.quota()
    assert len(fake.calls.of(ENTRA)) == 1
    assert not fake.calls.of(MACHINE)
    assert az.started == 0


def test_who_gives_tokens_and_says_nothing_isnt_waited_for(fake: FakeAml, set_all: SetAll) -> None:
    """Five minutes, for each call: somebody lets nothing through, and that is told while they look."""
    set_all(fake.app("ci"))
    fake.inject(Slow(seconds=25), on=ENTRA, times=1)
    assert signed_in().kind is Kind.APP
    assert len(fake.calls.of(ENTRA)) == 2


def test_its_secret_is_wrong(
    fake: FakeAml, set_all: SetAll, az: Az, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with the cause, the way out, and no other way tried; nothing is logged besides."""
    set_all({**fake.app("ci"), "AZURE_CLIENT_SECRET": "guessed"})
    with pytest.raises(NotAuthorized) as caught:
        amlrun.plan("echo", environment=ENVIRONMENT)
    error = caught.value
    assert error.message == (
        "No token: service principal of the variables AZURE_*: the client secret is wrong (AADSTS7000215)"
    )
    assert "the secret's value, not its id" in error.hint
    assert (error.signed_in, error.service_code) == (False, "AADSTS7000215")
    assert az.started == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "guessed" not in caplog.text


def test_a_federated_token(fake: FakeAml, set_all: SetAll, az: Az, tmp_path: Path) -> None:
    """The same of who stands for an app by a token in a file."""
    fake.machine_identity("of-the-runner")
    set_all(fake.pipeline("ci", tmp_path / "proof"))
    assert signed_in().kind is Kind.APP
    assert not fake.calls.of(MACHINE)
    assert az.started == 0
    (tmp_path / "proof").unlink()


def test_a_federated_token_that_is_nowhere(fake: FakeAml, set_all: SetAll, tmp_path: Path) -> None:
    """The file is named."""
    set_all({**fake.pipeline("ci", tmp_path / "proof"), "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "gone")})
    with pytest.raises(NotAuthorized, match=r"federated token \(AZURE_FEDERATED_TOKEN_FILE\): .*gone"):
        signed_in()


def test_who_is_logged_in_with_az(fake: FakeAml, az: Az) -> None:
    """A person; and az, which starts a process for each token, is started once for all clients."""
    az.gives(ADA)
    found = signed_in()
    assert (found.kind, found.name, str(found)) == (Kind.PERSON, "ada@example.org", "ada@example.org")
    amlrun.submit("echo", environment=ENVIRONMENT)
    assert len(fake.jobs) == 1
    assert az.started == 1
    assert workspace_of(None).rest.tokens.way == "az"


def test_a_token_that_is_not_taken_is_asked_for_anew(fake: FakeAml, az: Az) -> None:
    """Somebody may have logged in again meanwhile, as somebody else."""
    az.gives({"oid": "bob", "upn": "bob@example.org"})
    fake.inject(ExpiredToken(), on="GET ")
    rest = workspace_of(None).rest
    with pytest.raises(NotAuthorized, match="401"):
        rest.get(fake.scope.path)
    az.gives(ADA)
    assert signed_in().name == "ada@example.org"
    assert az.started == 2


def test_nobody_is_logged_in(fake: FakeAml, az: Az, caplog: pytest.LogCaptureFixture) -> None:
    """A line for each way that there could be, and none of azure-identity's page."""
    assert fake.jobs is not None
    with pytest.raises(NotAuthorized) as caught:
        signed_in()
    lines = caught.value.message.splitlines()
    assert lines[0] == "No token: nobody is signed in"
    assert "  managed identity: none here" in lines
    assert "  az: installed, but nobody is logged in" in lines
    assert any(line.startswith("  not set up: service principal") for line in lines)
    assert "http" not in caught.value.message
    assert caught.value.hint.startswith("Sign in (`az login`)")
    assert az.started == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_az_asks_for_a_second_factor(fake: FakeAml, az: Az) -> None:
    """Its words are Entra's: the code is explained."""
    az.fails(
        "ERROR: AADSTS50076: Due to a change you must use MFA. Trace ID: x\nPlease run:\naz login --scope x"
    )
    with pytest.raises(NotAuthorized, match=r"az: a second factor is asked for \(MFA\) \(AADSTS50076\)"):
        signed_in()
    assert not fake.jobs


def test_a_chosen_credential_is_the_only_one(
    fake: FakeAml, set_all: SetAll, az: Az, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AZURE_TOKEN_CREDENTIALS decides, as azure-identity reads it, whatever else is there."""
    az.gives(ADA)
    fake.machine_identity("of-the-runner")
    set_all(fake.app("ci"))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    assert signed_in().name == "ada@example.org"
    assert not fake.calls.of(ENTRA)
    assert not fake.calls.of(MACHINE)


def test_a_chosen_credential_that_is_none(fake: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, with the values that it has."""
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
    with pytest.raises(NotConfigured, match=r"AZURE_TOKEN_CREDENTIALS: .*nonsense.*azureclicredential"):
        signed_in()
    assert not fake.jobs


@pytest.mark.parametrize("way", ["secret", "proof"])
def test_entra_cannot_be_reached(fake: FakeAml, set_all: SetAll, tmp_path: Path, way: str) -> None:
    """No answer is no refusal: it may pass. azure-identity has repeated it, and nobody does so again."""
    set_all(fake.app("ci") if way == "secret" else fake.pipeline("ci", tmp_path / "proof"))
    fake.inject(NoConnection(), on=ENTRA, times=None)
    with pytest.raises(ServiceError, match=r"No token from login\.microsoftonline\.com: .*refused") as caught:
        amlrun.plan("echo", environment=ENVIRONMENT)
    assert caught.value.passing
    assert caught.value.__cause__ is None
    assert len(fake.calls.of(ENTRA)) == 4


def test_entra_has_a_fault(fake: FakeAml, set_all: SetAll) -> None:
    """The same."""
    set_all(fake.app("ci"))
    fake.inject(BadGateway(), on=ENTRA, times=None)
    with pytest.raises(ServiceError, match=r"No token from .*HTTP Error: 502") as caught:
        signed_in()
    assert (caught.value.status, caught.value.passing) == (502, True)


HALF = b'{"token_type": "Bearer", "access_token": "ey-c4nary'
ODD = (
    Answer(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
    Answer(407, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
    Answer(200, b"<html>Sign in</html>"),
    Answer(200, HALF, {"Content-Type": "application/json"}),
    Answer(200, HALF),
    Answer(200),
)


@pytest.mark.parametrize("way", ["secret", "federated"])
@pytest.mark.parametrize("reply", ODD)
def test_somebody_in_between_answers_for_entra(
    fake: FakeAml, set_all: SetAll, caplog: pytest.LogCaptureFixture, way: str, reply: Answer
) -> None:
    """That is told, and nothing of what may be half a token: nor by msal, which would print it."""
    set_all(fake.app("ci") if way == "secret" else fake.pipeline("ci", "token"))
    fake.inject(reply, on=ENTRA, times=None)
    with pytest.raises(NotAuthorized, match="what answered there sent no token") as caught:
        signed_in()
    assert caught.value.hint == "Is a proxy or a sign-in page in between?"
    assert "c4nary" not in caplog.text + str(caught.value)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_certificate_that_is_nowhere(fake: FakeAml, set_all: SetAll) -> None:
    """The variable and the file are named."""
    variables = fake.app("ci")
    del variables["AZURE_CLIENT_SECRET"]
    set_all({**variables, "AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere/cert.pem"})
    with pytest.raises(
        NotConfigured, match=r"^AZURE_CLIENT_CERTIFICATE_PATH: .*/nowhere/cert\.pem"
    ) as caught:
        signed_in()
    assert "the path of a file" in caught.value.hint


def test_a_tenant_that_can_be_none(fake: FakeAml, set_all: SetAll) -> None:
    """That variable is named, and no other."""
    set_all({**fake.app("ci"), "AZURE_TENANT_ID": "my tenant"})
    with pytest.raises(NotConfigured, match=r"^AZURE_TENANT_ID: ") as caught:
        signed_in()
    assert caught.value.looked_at == ("AZURE_TENANT_ID",)
    assert "the tenant's id" in caught.value.hint


@pytest.mark.parametrize("variable", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"])
def test_a_service_principal_by_halves(
    fake: FakeAml, set_all: SetAll, az: Az, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The variable that is missing is named: it is no way that nobody has set up."""
    set_all(fake.app("ci"))
    monkeypatch.delenv(variable)
    with pytest.raises(NotAuthorized, match=rf"service principal .*: without {variable}") as caught:
        signed_in()
    assert f"Set {variable}" in caught.value.hint
    assert az.started == 1


def test_a_proxy_that_nobody_can_find(fake: FakeAml, set_all: SetAll) -> None:
    """The variable is named, its password isn't; azure-identity takes it for a wrong tenant."""
    set_all({**fake.app("ci"), "HTTPS_PROXY": "http://ada:plant[ed@proxy:80"})
    with pytest.raises(NotConfigured, match="HTTPS_PROXY can't be read as a URL") as caught:
        signed_in()
    assert "plant" not in str(caught.value)
    assert "%5B" in caught.value.hint


def test_authorities_that_are_nowhere(fake: FakeAml, az: Az, monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests` raises an OSError of its own; it is an error like any other, with the way out."""
    az.gives(ADA)
    monkeypatch.setattr("amlrun._rest.RequestsTransport.send", _no_authorities)
    with pytest.raises(ServiceError, match="TLS CA certificate bundle") as caught:
        workspace_of(None).rest.get(fake.scope.path)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert not fake.jobs


def _no_authorities(*_: Any, **__: Any) -> Any:
    raise OSError("Could not find a suitable TLS CA certificate bundle, invalid path: /nix")


def test_in_a_job_that_gives_no_tokens(
    fake: FakeAml, set_all: SetAll, caplog: pytest.LogCaptureFixture
) -> None:
    """Its endpoint is named, and not Entra; no proxy reaches it, and azure-identity logs nothing besides."""
    set_all({"MSI_ENDPOINT": f"http://{fake._backend.identity_host}/MSI/auth", "MSI_SECRET": "s"})
    set_all({"AZUREML_RUN_ID": "r"})
    fake.inject(NoConnection(), on=MSI, times=None)
    with pytest.raises(ServiceError, match=r"^No token from MSI_ENDPOINT") as caught:
        signed_in()
    assert "NO_PROXY" in caught.value.hint
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_virtual_machine(fake: FakeAml, az: Az) -> None:
    """Its identity is used where it has one, before anybody's who is logged in there."""
    az.gives(ADA)
    fake.machine_identity("runner")
    assert signed_in().kind is Kind.MANAGED
    assert az.started == 0


def test_a_compute_instance(fake: FakeAml, set_all: SetAll, az: Az) -> None:
    """It gives tokens where its variables say; one that gives none leaves who is logged in with az."""
    az.gives(ADA)
    fake.machine_identity("of-the-host")
    set_all({"MSI_ENDPOINT": f"http://{fake._backend.identity_host}/MSI/auth", "MSI_SECRET": "of.nobody"})
    assert signed_in().name == "ada@example.org"
    assert fake.calls.of(MSI)
    assert not fake.calls.of(MACHINE)


def test_who_signs_in_anew_is_somebody_else(fake: FakeAml, set_all: SetAll, az: Az) -> None:
    """In one process: variables that are set after a failure count, and so do others after them."""
    with pytest.raises(NotAuthorized):
        signed_in()
    variables = fake.app("ci")
    set_all(variables)
    assert signed_in().name == variables["AZURE_CLIENT_ID"]
    set_all(fake.app("other"))
    assert signed_in().name != variables["AZURE_CLIENT_ID"]
    assert az.started == 1


@pytest.mark.parametrize(
    "variable", ["AZURE_CONFIG_DIR", "AZUREML_RUN_ID", "AZURE_CLIENT_CERTIFICATE_PASSWORD"]
)
def test_each_variable_that_makes_another_credential_counts(
    fake: FakeAml, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The folder of az, of which somebody may have two, among them."""
    before = workspace_of(None)
    monkeypatch.setenv(variable, "other")
    assert workspace_of(None) is not before
    assert not fake.calls


def test_a_client_brings_the_tokens_that_it_has(fake: FakeAml, az: Az) -> None:
    """That of `connect()`, wherever it goes: what is fetched is fetched once, and named by who gave it."""
    az.gives(ADA)
    first = workspace_of(None)
    first.rest.account()
    again = Workspace(first.scope, first.rest.wire, source="again")
    assert again.rest.account() == first.rest.account()
    assert (az.started, again.rest.tokens.way) == (1, "az")
    assert not fake.jobs


def test_connecting_keeps_nobody_waiting(fake: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who only reads needs no azure-ai-ml, which takes over a second to import."""
    made = []

    def slow(*_: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            made.append(pool.submit(workspace_of, None).result(timeout=20))
        return fake.client()

    monkeypatch.setattr("amlrun._workspace.make_client", slow)
    client = amlrun.connect()
    assert made == [workspace_of(client)]


def test_who_and_where_is_logged_once(
    fake: FakeAml, set_all: SetAll, caplog: pytest.LogCaptureFixture
) -> None:
    """Account, tenant, way, workspace and where that is said; no token, at any level."""
    caplog.set_level(logging.DEBUG)
    set_all(fake.app("ci"))
    amlrun.plan("echo", environment=ENVIRONMENT)
    amlrun.submit("echo", environment=ENVIRONMENT)
    told = [record for record in caplog.records if record.name == "amlrun" and record.levelno >= logging.INFO]
    (line,) = [record.getMessage() for record in told if "workspace" in record.getMessage()]
    scope = workspace_of(None).scope
    found = signed_in()
    assert line == (
        f"workspace {scope} (from AMLRUN_WORKSPACE), as {found} of tenant {found.tenant}, "
        "by service principal of the variables AZURE_*"
    )
    given = workspace_of(None).rest.token("https://management.azure.com/.default")
    assert given not in caplog.text
    assert "fake-secret" not in caplog.text


def test_a_credential_of_ones_own_fails_in_a_line_too(
    fake: FakeAml, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever it is; azure-identity's page of log isn't there, either."""
    principal = fake.app("ci")
    credential = ClientSecretCredential(principal["AZURE_TENANT_ID"], principal["AZURE_CLIENT_ID"], "guessed")
    with pytest.raises(NotAuthorized, match=r"^No token: service principal: the client secret is wrong"):
        amlrun.plan("echo", environment=ENVIRONMENT, client=fake.client(credential=credential))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_client_of_ones_own_is_told_of_too(fake: FakeAml, caplog: pytest.LogCaptureFixture) -> None:
    """By its credential's account."""
    caplog.set_level(logging.INFO, logger="amlrun")
    amlrun.plan("echo", environment=ENVIRONMENT, client=fake.client(credential=fake.user("ada")))
    (line,) = [record.getMessage() for record in caplog.records if "as ada of tenant" in record.getMessage()]
    assert "(from the client)" in line
