"""Where an environment's image may come from, before anybody resolves it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._asking.images import may_be_own
from amlrun._job_types import JobType


@attrs.define
class Environment:
    """What the SDK's entity says of itself."""

    image: str | None = None
    conda_file: Any = None
    build: Any = None


@pytest.mark.parametrize(
    "environment",
    [
        "azureml:train:1",
        "train@latest",
        "/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/environments/e/versions/1",
        None,
        {"image": "mcr.microsoft.com/base", "conda_file": {"dependencies": []}},
        {"build": {"path": "docker"}},
        Environment("python:3.11", conda_file="conda.yml"),
        Environment("team.azurecr.io/train:1"),
        {"image": "Team.AzureCR.io/train:1"},
    ],
)
def test_what_is_built_for_the_workspace_is_kept_in_its_registry(environment: Any) -> None:
    """And so may be what is only named."""
    assert may_be_own(environment)


@pytest.mark.parametrize(
    "environment",
    [
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        " azureml://registries/team/environments/train/versions/3",
        "azureml:AzureML-sklearn-1.5@latest",
        "AzureML-pytorch-2.2:1",
        Environment("python:3.11"),
        {"image": "mcr.microsoft.com/azureml/base:1"},
    ],
)
def test_images_of_others_are_kept_elsewhere(environment: Any) -> None:
    """Those of registries, curated ones, and public images as they are."""
    assert not may_be_own(environment)


def test_code_of_the_services_own_runs_in_its_own_images() -> None:
    """Unless an environment is named; of a pipeline's steps nobody has said anything."""
    assert not may_be_own(None, JobType.AUTOML)
    assert may_be_own("azureml:train:1", JobType.AUTOML)
    assert may_be_own(None, JobType.PIPELINE)
