"""Which tokens the fake's services take: for whom they were given, by which tenant, until when."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import submit
from amlrun.testing._supply.tokens import token
from tests.testing.wire import API_VERSION, requests

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

    from amlrun.testing import FakeAml

ARM, LEARNING, STORAGE, VAULT = (
    "https://management.azure.com",
    "https://ml.azure.com",
    "https://storage.azure.com",
    "https://vault.azure.net",
)
HOUR = 3600
JOB = {"jobType": "Command", "command": "true", "environmentId": "azureml:train:1"}
AS_USER = {"properties": {**JOB, "identity": {"identityType": "UserIdentity"}}}


def bearer(audience: str, *, lasts: float = HOUR, **claims: str) -> str:
    """A token of the caller's."""
    return token(audience, int(time.time() + lasts), oid="00000000-0000-0000-0000-000000000001", **claims)


def ask(url: str, sent: str, method: str = "GET", **more: Any) -> Any:
    """With that token, or whatever it is."""
    headers = {"Authorization": f"Bearer {sent}", **more.pop("headers", {})}
    return requests.request(method, url, headers=headers, timeout=5, auth=lambda one: one, **more)


def urls(fake: FakeAml) -> dict[str, str]:
    """Something to be had of each service."""
    account = fake.client().datastores.get_default().account_name
    fake.secret("k", "v")
    path = fake.scope.path
    return {
        "arm": f"{ARM}{path}?api-version={API_VERSION}",
        "history": f"https://{fake.scope.location}.api.azureml.ms/history/v1.0{path}/runs/gone",
        "storage": f"https://{account}.blob.core.windows.net/azureml?restype=container&comp=list",
        "vault": f"https://{account}.vault.azure.net/secrets/k?api-version=7.4",
    }


TAKEN = {"arm": [ARM], "history": [ARM, LEARNING], "storage": [STORAGE], "vault": [VAULT]}


@pytest.mark.parametrize("service", TAKEN)
def test_a_token_opens_what_it_is_for(fake_aml: FakeAml, service: str) -> None:
    """And nothing else, nor when its time is over, nor as another tenant's."""
    url = urls(fake_aml)[service]
    for audience in (ARM, f"{ARM}/", LEARNING, STORAGE, VAULT):
        reply = ask(url, bearer(audience))
        assert (reply.status_code == 401) == (audience.rstrip("/") not in TAKEN[service])
    good = TAKEN[service][0]
    assert ask(url, bearer(good, lasts=-10)).status_code != 401  # clocks may differ so far
    assert ask(url, bearer(good, lasts=-HOUR)).status_code == 401
    assert ask(url, bearer(good, tid="99999999-0000-0000-0000-000000000003")).status_code == 401


@pytest.mark.parametrize(
    ("audience", "lasts", "code"),
    [(STORAGE, HOUR, "InvalidAuthenticationTokenAudience"), (ARM, -HOUR, "ExpiredAuthenticationToken")],
)
def test_the_resource_manager_says_why(fake_aml: FakeAml, audience: str, lasts: float, code: str) -> None:
    """By its codes, with a challenge."""
    reply = ask(urls(fake_aml)["arm"], bearer(audience, lasts=lasts))
    assert reply.json()["error"]["code"] == code
    assert "invalid_token" in reply.headers["WWW-Authenticate"]
    headers = {"Authorization": "Basic x"}
    reply = requests.get(urls(fake_aml)["arm"], headers=headers, timeout=5, auth=lambda one: one)
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "AuthenticationFailedInvalidHeader")


def test_storage_and_vaults_say_so_in_their_own_way(fake_aml: FakeAml) -> None:
    """A code in a header, and a number in the words."""
    there = urls(fake_aml)
    assert ask(there["storage"], bearer(ARM)).headers["x-ms-error-code"] == "InvalidAuthenticationInfo"
    other = bearer(VAULT, tid="99999999-0000-0000-0000-000000000003")
    assert "AKV10032" in ask(there["vault"], other).json()["error"]["message"]
    assert "expired" in ask(there["vault"], bearer(VAULT, lasts=-HOUR)).json()["error"]["message"]


def test_what_is_no_token_at_all_is_the_callers(fake_aml: FakeAml) -> None:
    """A test's own credential may say anything: it sees what the caller may see."""
    there = urls(fake_aml)
    for service in ("arm", "storage"):
        assert ask(there[service], "x").status_code == 200
    fake_aml.revoke()
    for service in ("arm", "storage"):
        assert ask(there[service], "x").status_code == 403


@pytest.mark.parametrize(
    ("audience", "claims", "status"),
    [
        (LEARNING, {}, 201),
        ("", {}, 201),
        (ARM, {}, 401),
        (LEARNING, {"lasts": -HOUR}, 401),
        (LEARNING, {"tid": "99999999-0000-0000-0000-000000000003"}, 401),
    ],
)
def test_a_job_acts_for_who_sent_it_by_a_token_for_azure_ml(
    fake_aml: FakeAml, audience: str, claims: dict[str, Any], status: int
) -> None:
    """The one that travels along is looked at, too; what is no such token is taken at its word."""
    sent = bearer(audience, **claims) if audience else "x"
    url = f"{ARM}{fake_aml.scope.path}/jobs/j?api-version={API_VERSION}"
    reply = ask(url, bearer(ARM), "PUT", headers={"x-azureml-token": sent}, json=AS_USER)
    assert reply.status_code == status


class OneForAll:
    """A credential that gives the same token, whatever it is asked for."""

    def __init__(self, audience: str) -> None:
        self._token = bearer(audience)

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """That one."""
        from azure.core.credentials import AccessToken

        return AccessToken(self._token, int(time.time() + HOUR))


def test_a_wrong_scope_is_seen(fake_aml: FakeAml) -> None:
    """By whatever is sent with its token."""
    client = fake_aml.client(credential=OneForAll(ARM))
    assert submit("echo", environment="azureml:e:1", client=client).wait().status == "Completed"
    with pytest.raises(Exception, match="401"):
        submit("echo", environment="azureml:e:1", identity="user", client=client)
