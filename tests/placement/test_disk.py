"""What is kept on disk of a workspace that isn't a fake's: replies by hand, by the machine's own clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import responses
from azure.core.credentials import AccessToken

from amlrun import plan
from tests.core.rows import SIZE_ROW, USAGE_ROWS

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

SUBSCRIPTION = "11111111-0000-0000-0000-000000000000"
PROVIDER = "providers/Microsoft.MachineLearningServices"
ARM = f"https://management.azure.com/subscriptions/{SUBSCRIPTION}"
WORKSPACE = f"{ARM}/resourceGroups/rg/{PROVIDER}/workspaces/real"
REGION = f"{ARM}/{PROVIDER}/locations/eastus"


class Signed:
    """A credential that gives a token for the asking."""

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        """It is good for an hour."""
        return AccessToken("token", int(time.time()) + 3600)


def client() -> MLClient:
    """As another process would make it."""
    from azure.ai.ml import MLClient

    return MLClient(Signed(), SUBSCRIPTION, "rg", "real", enable_telemetry=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the platform keeps such things."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "caches"))
    return tmp_path / "caches" / "amlrun"


@responses.activate
def test_the_next_process_asks_for_no_sizes(folder: Path) -> None:
    """One file, of the sizes and prices of one region; the rest is asked for again."""
    responses.get(WORKSPACE, json={"name": "real", "location": "eastus", "properties": {}})
    responses.get(f"{WORKSPACE}/computes", json={"value": []})
    responses.get(f"{REGION}/usages", json={"value": USAGE_ROWS})
    responses.get(f"{REGION}/quotas", json={"value": []})
    sizes = responses.get(f"{REGION}/vmSizes", json={"value": [SIZE_ROW]})
    first = plan("echo", environment="azureml:train:1", gpus=1, client=client())
    assert first.instance_type == SIZE_ROW["name"]
    assert len(list(folder.iterdir())) == 1
    assert plan("echo", environment="azureml:train:1", gpus=1, client=client()) == first
    assert sizes.call_count == 1
    assert len(responses.calls) == 5 + 4
