"""Proofs of a pipeline that can't be renewed: who is told, and what."""

from __future__ import annotations

import base64
import json

import pytest

from amlrun._federated import is_short, warning

FEDERATED = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "f"}
GITHUB = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://…"}
GITLAB = {"GITLAB_CI": "true"}
DEVOPS = {"TF_BUILD": "True", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "1"}
NOON = 1767787200.0


def signed(**claims: object) -> str:
    """A token with these claims."""
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln"


def proof(expires: float) -> str:
    """What is in the file."""
    return f"{signed(exp=expires)}\n"


ASSERTED, BY_SECRET = signed(appidacr="2"), signed(appidacr="1")


@pytest.mark.parametrize(
    "environment",
    [
        FEDERATED,
        GITHUB,
        DEVOPS,
        GITLAB,
        {**FEDERATED, "AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential"},
        {**GITHUB, "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"},
        # A runner on Kubernetes: the pipeline's file is nobody's to write anew.
        {**FEDERATED, **GITHUB, "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
    ],
)
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
        {
            **FEDERATED,
            **GITLAB,
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/tokens/azure-identity-token",
        },
        {**GITHUB, "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
        {**FEDERATED, "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"},
    ],
)
def test_who_is_not(environment: dict[str, str]) -> None:
    """A laptop, a pipeline with a secret, and Kubernetes, which writes the file anew."""
    assert not is_short(environment)
    assert warning(environment, "AzureCliCredential", ASSERTED, None, until=NOON, now=NOON) is None


def test_a_token_file_tells_its_end() -> None:
    """When the proof ends, until when one may wait, and the way out."""
    words = warning(
        FEDERATED, "WorkloadIdentityCredential", "", proof(NOON + 600), until=NOON + 3600, now=NOON
    )
    assert words == (
        "The federated token ends 12:10 UTC (in 10 min), and nothing here renews it: a wait beyond 13:00 "
        "UTC (in 60 min) ends with AADSTS700024. Submit without waiting, and wait in a step of its own that "
        "signs in anew: amlrun wait NAME"
    )


def test_a_token_file_that_says_nothing_or_is_over() -> None:
    """What can't be read is told without a time."""
    for text in (None, "opaque"):
        assert "can't be renewed here" in (warning(FEDERATED, "", "", text, until=NOON, now=NOON) or "")
    assert "ends 11:50 UTC (over)" in (
        warning(FEDERATED, "", "", proof(NOON - 600), until=NOON, now=NOON) or ""
    )


def test_a_pipeline_that_signed_az_in() -> None:
    """Only where it is az that gives the tokens."""
    words = warning(GITHUB, "AzureCliCredential", "", None, until=NOON + 3600, now=NOON)
    assert words is not None
    assert words.startswith(
        "az was signed in by GitHub Actions with a token that can't be renewed: a wait beyond"
    )
    assert warning(GITHUB, "EnvironmentCredential", "", None, until=NOON + 3600, now=NOON) is None
    assert "Azure DevOps" in (warning(DEVOPS, "AzureCliCredential", "", None, until=NOON, now=NOON) or "")


@pytest.mark.parametrize(
    ("pipeline", "token", "told"),
    [
        (GITHUB, ASSERTED, True),
        (GITHUB, signed(azpacr="2"), True),
        (GITHUB, BY_SECRET, False),
        (GITHUB, signed(appidacr="0", scp="user_impersonation"), False),
        (GITHUB, signed(appidacr="2", scp="user_impersonation"), False),
        (GITLAB, ASSERTED, True),
        (GITLAB, BY_SECRET, False),
        (GITLAB, "opaque", False),
    ],
)
def test_how_az_was_signed_in_stands_in_its_token(
    pipeline: dict[str, str], token: str, *, told: bool
) -> None:
    """A secret lasts, and so does a person's sign-in, whatever the pipeline could have done."""
    assert (warning(pipeline, "AzureCliCredential", token, None, until=NOON, now=NOON) is not None) is told


def test_a_token_that_lasts_for_a_day() -> None:
    """Is told with the day."""
    words = warning(GITHUB, "AzureCliCredential", ASSERTED, None, until=NOON + 24 * 3600, now=NOON) or ""
    assert "a wait beyond 08 Jan 12:00 UTC (in 24 h) ends" in words
