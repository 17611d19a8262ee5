"""Sovereign clouds: where everything is there, for clients that connect() makes and for those of users."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from azure.ai.ml import MLClient
from azure.ai.ml._azure_environments import _environments
from requests import Session

import amlrun
from amlrun import NoQuota, _sdk
from amlrun._cloud import CHINA, CLOUDS, GOVERNMENT, PUBLIC, SDK_VARIABLE
from amlrun._needs import Ask
from amlrun._placement import place
from amlrun._workspace import Workspace, workspace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlrun.testing import FakeAml

    SetAll = Callable[[Mapping[str, str]], None]


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each client of azure-ai-ml sets this for the process: it is taken back at the end."""
    monkeypatch.setenv(SDK_VARIABLE, PUBLIC.name)
    monkeypatch.delenv(SDK_VARIABLE)


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_the_table_is_the_sdks_own(cloud: Any) -> None:
    """So that a plan needn't import azure-ai-ml to know it."""
    theirs = {name: str(value).rstrip("/") for name, value in _environments[cloud.name].items()}
    assert theirs["resource_manager"] == cloud.management
    assert theirs["active_directory"] == cloud.login
    assert theirs["aml_resource_id"] == cloud.learning
    assert theirs["storage_endpoint"] == cloud.storage
    assert len(_environments) == len(CLOUDS)


def test_connect_in_another_cloud(fake: FakeAml, set_all: SetAll, monkeypatch: pytest.MonkeyPatch) -> None:
    """It signs in there, for that cloud's audiences, and its client asks there."""
    hosts: list[str] = []
    send = Session.send

    def sending(session: Session, request: Any, **options: Any) -> Any:
        hosts.append(request.url.split("/")[2])
        return send(session, request, **options)

    monkeypatch.setattr(Session, "send", sending)
    set_all({**fake.app("ci"), "AZURE_CLOUD": GOVERNMENT.name})
    workspace = workspace_of(None)
    assert workspace.rest.account() is not None
    assert workspace.rest.token(workspace.rest.wire.cloud.learning_scope)
    assert set(hosts) == {"login.microsoftonline.us"}
    wire = _sdk.wire_of(amlrun.connect())
    assert (wire.base_url, wire.scopes) == (GOVERNMENT.management, (f"{GOVERNMENT.management}/.default",))
    assert wire.cloud is GOVERNMENT


def test_quota_is_asked_for_in_its_own_studio(fake_aml: FakeAml) -> None:
    """The page of the public cloud knows nobody there."""
    client = fake_aml.client()
    workspace = workspace_of(client)
    wire = attrs.evolve(workspace.rest.wire, cloud=GOVERNMENT)
    there = Workspace(workspace.scope, wire, source="a test", client=client)
    assert there.lookups.market().studio == "https://ml.azure.us"
    fake_aml.quota("TotalDedicatedCores", limit=0)
    with pytest.raises(NoQuota, match="not the subscription's") as caught:
        place(Ask(), attrs.evolve(workspace.lookups.look(fresh=True).market, studio=GOVERNMENT.studio))
    assert "https://ml.azure.us/quota" in caught.value.hint


def test_ones_own_authority_is_left_alone(
    fake: FakeAml, set_all: SetAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AZURE_AUTHORITY_HOST alone is enough to tell the cloud, and is what azure-identity asks."""
    set_all(fake.app("ci"))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.chinacloudapi.cn")
    assert workspace_of(None).rest.wire.cloud is CHINA
    assert workspace_of(None).rest.account() is not None


def test_a_client_of_ones_own_brings_its_cloud(fake_aml: FakeAml) -> None:
    """Where it asks, which audiences it has, and where its uploads go: two clouds in one process, too."""
    theirs = MLClient(fake_aml.credential, "s", "g", "w", cloud=GOVERNMENT.name, enable_telemetry=False)
    workspace = workspace_of(theirs)
    assert workspace.rest.wire.cloud is GOVERNMENT
    assert workspace.rest.wire.base_url == GOVERNMENT.management
    other = workspace_of(
        MLClient(fake_aml.credential, "s", "g", "w", cloud=PUBLIC.name, enable_telemetry=False)
    )
    assert os.environ[SDK_VARIABLE] == PUBLIC.name
    with workspace.uploading():
        assert os.environ[SDK_VARIABLE] == GOVERNMENT.name
        with other.uploading():
            assert os.environ[SDK_VARIABLE] == PUBLIC.name
    assert os.environ[SDK_VARIABLE] == PUBLIC.name
    made = _sdk.wire_of(_sdk.make_client(workspace.rest.wire, "s", "g", "w"))
    assert made.cloud is GOVERNMENT


def test_a_cloud_that_only_the_sdk_knows(fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as the SDK reads it."""
    monkeypatch.setitem(
        _environments,
        "Nebula",
        {
            "azure_portal": "https://portal.nebula/",
            "resource_manager": "https://management.nebula/",
            "active_directory": "https://login.nebula/",
            "aml_resource_id": "https://ml.nebula/",
            "storage_endpoint": "core.nebula",
            "registry_discovery_endpoint": "https://discovery.nebula/",
        },
    )
    client = MLClient(fake_aml.credential, "s", "g", "w", cloud="Nebula", enable_telemetry=False)
    cloud = workspace_of(client).rest.wire.cloud
    assert (cloud.name, cloud.learning_scope) == ("Nebula", "https://ml.nebula/.default")
    assert (cloud.storage, cloud.vault) == ("core.nebula", "vault.nebula")
