"""The clouds, and which one is meant."""

from __future__ import annotations

import pytest

from amlrun import NotConfigured
from amlrun._cloud import CHINA, CLOUDS, GOVERNMENT, PUBLIC, cloud_named, cloud_of


@pytest.mark.parametrize(
    ("environment", "cloud"),
    [
        ({}, PUBLIC),
        ({"AZURE_CLOUD": "azureusgovernment"}, GOVERNMENT),
        ({"AZUREML_CURRENT_CLOUD": "AzureChinaCloud"}, CHINA),
        ({"AZURE_CLOUD": "AzureUSGovernment", "AZUREML_CURRENT_CLOUD": "AzureCloud"}, GOVERNMENT),
        ({"AZURE_AUTHORITY_HOST": "login.microsoftonline.us"}, GOVERNMENT),
        ({"AZURE_AUTHORITY_HOST": "https://login.chinacloudapi.cn/"}, CHINA),
        ({"AZURE_AUTHORITY_HOST": "login.partner.microsoftonline.cn"}, CHINA),
        ({"AZURE_AUTHORITY_HOST": "https://login.example.org", "AZURE_CLOUD": "AzureCloud"}, PUBLIC),
        # Each client of the SDK's writes its own cloud into the process.
        (
            {"AZURE_AUTHORITY_HOST": "login.microsoftonline.us", "AZUREML_CURRENT_CLOUD": "AzureCloud"},
            GOVERNMENT,
        ),
        (
            {"AZURE_AUTHORITY_HOST": "login.microsoftonline.us", "AZURE_CLOUD": "AzureUSGovernment"},
            GOVERNMENT,
        ),
    ],
)
def test_which_cloud(environment: dict[str, str], cloud: object) -> None:
    """The one that is named, in any case; else the one whose sign-in is."""
    assert cloud_of(environment) is cloud


def test_a_sign_in_that_is_no_url() -> None:
    """It is told as that of no cloud."""
    with pytest.raises(NotConfigured, match=r"AZURE_AUTHORITY_HOST=\[x is the sign-in of no cloud"):
        cloud_of({"AZURE_AUTHORITY_HOST": "https://[x/"})


def test_a_cloud_that_is_none() -> None:
    """Those that there are, and what to do about another."""
    with pytest.raises(NotConfigured, match="AZURE_CLOUD=Nebula: no such cloud") as caught:
        cloud_of({"AZURE_CLOUD": "Nebula"})
    assert all(cloud.name in str(caught.value) for cloud in CLOUDS)
    assert caught.value.looked_at == ("AZURE_CLOUD",)
    assert cloud_named("Nebula") is None


def test_two_clouds_at_once() -> None:
    """A secret isn't sent to one for the other."""
    said = {"AZURE_CLOUD": "AzureChinaCloud", "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.us/"}
    with pytest.raises(
        NotConfigured, match=r"AzureChinaCloud, and .*online\.us is the sign-in of AzureUSGov"
    ) as caught:
        cloud_of(said)
    assert caught.value.looked_at == ("AZURE_CLOUD", "AZURE_AUTHORITY_HOST")


def test_a_sign_in_that_is_of_no_cloud() -> None:
    """It says nothing of where the resource manager is."""
    with pytest.raises(NotConfigured, match=r"login\.example\.org is the sign-in of no cloud") as caught:
        cloud_of({"AZURE_AUTHORITY_HOST": "https://login.example.org"})
    assert "AZURE_CLOUD" in caught.value.hint


def test_audiences() -> None:
    """What tokens are asked for."""
    assert GOVERNMENT.learning_scope == "https://ml.azure.us/.default"
    assert CHINA.vault_scope == "https://vault.azure.cn/.default"
