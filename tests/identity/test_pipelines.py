"""Pipelines: tokens for a submission and its wait are fetched at once, and what can't last is told early."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from azure.identity import WorkloadIdentityCredential

import amlrun
from amlrun import NotAuthorized
from amlrun._workspace import workspace_of
from amlrun.testing import Answer
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from amlrun.testing import FakeAml
    from tests.identity.machine import Az

    SetAll = Callable[[Mapping[str, str]], None]

ENTRA = "POST /{tenant}/oauth2/v2.0/token"


def test_all_tokens_are_fetched_while_the_proof_is_valid(
    fake: FakeAml, set_all: SetAll, tmp_path: Path
) -> None:
    """Three audiences with the first request; hours later, the proof being gone, nobody has to sign in."""
    proof = tmp_path / "proof"
    set_all(fake.pipeline("ci", proof))
    amlrun.plan("echo", environment=ENVIRONMENT)
    assert len(fake.calls.of(ENTRA)) == 3
    fake.advance(hours=2)
    proof.write_text("expired")
    run = amlrun.submit("echo", environment=ENVIRONMENT)
    fake.advance(hours=1)
    assert run.wait().status == "Completed"
    for scope in ("https://ml.azure.com/.default", "https://storage.azure.com/.default"):
        assert workspace_of(None).rest.token(scope)
    assert len(fake.calls.of(ENTRA)) == 3


def test_an_audience_that_is_refused_stops_nobody(fake: FakeAml, set_all: SetAll, tmp_path: Path) -> None:
    """Who doesn't need it never notices."""
    set_all(fake.pipeline("ci", tmp_path / "proof"))
    refused = {"error": "invalid_grant", "error_description": "AADSTS65001: No consent."}
    fake.inject(Answer(400, refused), on=ENTRA, call=2)
    amlrun.submit("echo", environment=ENVIRONMENT)
    assert len(fake.jobs) == 1


def test_it_is_told_early(
    fake: FakeAml, set_all: SetAll, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with the way out: submit without waiting, and wait in a step of its own."""
    set_all(fake.pipeline("ci", tmp_path / "proof"))
    amlrun.plan("echo", environment=ENVIRONMENT)
    amlrun.plan("echo", environment=ENVIRONMENT)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("The federated token ends ")
    assert warning.endswith("wait in a step of its own that signs in anew: amlrun wait NAME")


def test_az_in_a_pipeline(fake: FakeAml, az: Az, set_all: SetAll, caplog: pytest.LogCaptureFixture) -> None:
    """The Azure command line was signed in by the pipeline: each audience is fetched, and kept."""
    az.gives({"oid": "ci", "appid": "ci", "idtyp": "app"})
    set_all({"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://pipelines.example"})
    amlrun.plan("echo", environment=ENVIRONMENT)
    assert az.started == 3
    amlrun.submit("echo", environment=ENVIRONMENT)
    assert len(fake.jobs) == 1
    assert az.started == 3
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("az was signed in by GitHub Actions with a token that can't be renewed")


def test_a_token_that_cannot_be_renewed_is_used_to_its_end(fake: FakeAml, az: Az) -> None:
    """Its last five minutes, in which it should be."""
    az.gives({"oid": "ci", "appid": "ci"}, lifetime=200)
    tokens = workspace_of(None).rest.tokens
    first = tokens.get_token("https://management.azure.com/.default").token
    az.fails("ERROR: AADSTS700024: Client assertion is not within its valid time range.")
    assert tokens.get_token("https://management.azure.com/.default").token == first
    assert az.started == 2
    assert not fake.jobs


def test_a_wait_ends_where_nobody_can_sign_in_again(
    fake_aml: FakeAml, set_all: SetAll, tmp_path: Path
) -> None:
    """AADSTS700024 is the end of it, with the way out: no loop that asks every minute."""
    set_all(fake_aml.pipeline("ci", tmp_path / "proof", lifetime=120))
    fake_aml.token_lifetime(0)
    client = fake_aml.client(credential=WorkloadIdentityCredential())
    run = amlrun.submit("python train.py", environment=ENVIRONMENT, client=client)
    began = fake_aml.clock.now()
    with pytest.raises(NotAuthorized) as caught:
        run.wait()
    assert fake_aml.clock.now() - began < 240
    error = caught.value
    assert error.service_code == "AADSTS700024"
    assert "the federated token (client assertion) has expired" in error.message
    assert "amlrun wait NAME" in error.hint
    refused = [call for call in fake_aml.calls.of(ENTRA) if call.status == 401]
    assert len(refused) == 1
    # The job goes on, and a step that signs in anew sees it to its end.
    fake_aml.pipeline("ci", tmp_path / "proof", lifetime=90000)
    again = fake_aml.client(credential=WorkloadIdentityCredential())
    assert amlrun.attach(run.name, client=again).wait().status == "Completed"
