"""What every request must bring, and what every reply brings along."""

from __future__ import annotations

import email.utils
from typing import TYPE_CHECKING

import requests as plain

from tests.testing.wire import requests

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

SIGNED = {"Authorization": "Bearer token"}


def root(fake: FakeAml) -> str:
    """The workspace's address."""
    return f"https://management.azure.com{fake.scope.path}"


def test_a_request_needs_a_token(fake_aml: FakeAml) -> None:
    """Without one it is 401, with the challenge that says where tokens are to be had."""
    history = f"https://{fake_aml.scope.location}.api.azureml.ms/history/v1.0{fake_aml.scope.path}/runs/x"
    for url in (f"{root(fake_aml)}?api-version=2024-04-01", history):
        reply = plain.get(url, timeout=5)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "AuthenticationFailed")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")
        assert plain.get(url, headers=SIGNED, timeout=5).status_code in {200, 404}


def test_a_management_request_needs_an_api_version(fake_aml: FakeAml) -> None:
    """Without one it is 400, and nothing is done."""
    body = {"properties": {"jobType": "Command", "command": "x", "environmentId": "azureml:e:1"}}
    reply = plain.put(f"{root(fake_aml)}/jobs/train", json=body, headers=SIGNED, timeout=5)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "MissingApiVersionParameter")
    assert fake_aml.jobs == ()
    assert requests.put(f"{root(fake_aml)}/jobs/train", json=body, timeout=5).status_code == 201


def test_an_api_version_is_a_date(fake_aml: FakeAml) -> None:
    """What can be none is 400."""
    for version, status in (("banana", 400), ("2024", 400), ("2024-04-01", 200), ("2024-04-01-preview", 200)):
        reply = plain.get(f"{root(fake_aml)}?api-version={version}", headers=SIGNED, timeout=5)
        assert reply.status_code == status
        assert status == 200 or reply.json()["error"]["code"] == "InvalidApiVersionParameter"


def test_a_body_full_of_faults_is_told_in_short(fake_aml: FakeAml) -> None:
    """The first ten, and how many more."""
    body = {"properties": {f"field{number}": 1 for number in range(2000)} | {"jobType": "Command"}}
    reply = requests.put(f"{root(fake_aml)}/jobs/train", json=body, timeout=5)
    assert reply.status_code == 400
    assert len(reply.text) < 3000
    assert "and 19" in reply.json()["error"]["message"]


def test_a_refused_request_is_in_the_record(fake_aml: FakeAml) -> None:
    """With its route and status, as any other."""
    plain.get(f"{root(fake_aml)}/jobs/train", timeout=5)
    (call,) = fake_aml.calls.expect("GET /jobs/{name}", name="train")
    assert (call.status, call.api_version) == (401, "")


def test_a_reply_can_be_traced(fake_aml: FakeAml) -> None:
    """Every reply has ids of its own, the caller's id, and the fake's time."""
    sent = {"x-ms-client-request-id": "mine"}
    first, second = (requests.get(root(fake_aml), headers=sent, timeout=5).headers for _ in range(2))
    assert first["x-ms-request-id"] != second["x-ms-request-id"]
    assert first["x-ms-correlation-request-id"]
    assert first["x-ms-client-request-id"] == "mine"
    assert email.utils.parsedate_to_datetime(first["Date"]).timestamp() == fake_aml.clock.now()
