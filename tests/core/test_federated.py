"""Proofs of a pipeline that can't be renewed: who is told, and what."""

from __future__ import annotations

import base64
import json

import pytest

from amlrun._federated import is_short, warning

FEDERATED = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "f"}
GITHUB = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://…"}
DEVOPS = {"TF_BUILD": "True", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "1"}
NOON = 1767787200.0


def proof(expires: float) -> str:
    """What is in the file."""
    part = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln\n"


@pytest.mark.parametrize("environment", [FEDERATED, GITHUB, DEVOPS])
def test_who_is_short_of_time(environment: dict[str, str]) -> None:
    """A federated token's file, and pipelines that sign in by one."""
    assert is_short(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"GITHUB_ACTIONS": "true"},
        {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://…"},
        {**FEDERATED, "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
    ],
)
def test_who_is_not(environment: dict[str, str]) -> None:
    """A laptop, a pipeline with a secret, and Kubernetes, which writes the file anew."""
    assert not is_short(environment)
    assert warning(environment, "AzureCliCredential", None, NOON, NOON) is None


def test_a_token_file_tells_its_end() -> None:
    """When the proof ends, until when one may wait, and the way out."""
    words = warning(FEDERATED, "WorkloadIdentityCredential", proof(NOON + 600), NOON + 3600, NOON)
    assert words == (
        "The federated token ends 12:10 UTC (in 10 min), and nothing here renews it: a wait beyond 13:00 "
        "UTC (in 60 min) ends with AADSTS700024. Submit without waiting, and wait in a step of its own that "
        "signs in anew: amlrun wait NAME"
    )


def test_a_token_file_that_says_nothing_or_is_over() -> None:
    """What can't be read is told without a time."""
    for text in (None, "opaque"):
        assert "can't be renewed here" in (warning(FEDERATED, "", text, NOON, NOON) or "")
    assert "ends 11:50 UTC (over)" in (warning(FEDERATED, "", proof(NOON - 600), NOON, NOON) or "")


def test_a_pipeline_that_signed_az_in() -> None:
    """Only where it is az that gives the tokens."""
    words = warning(GITHUB, "AzureCliCredential", None, NOON + 3600, NOON)
    assert words is not None
    assert words.startswith(
        "az was signed in by GitHub Actions with a token that can't be renewed: a wait beyond"
    )
    assert warning(GITHUB, "EnvironmentCredential", None, NOON + 3600, NOON) is None
    assert "Azure DevOps" in (warning(DEVOPS, "AzureCliCredential", None, NOON, NOON) or "")
