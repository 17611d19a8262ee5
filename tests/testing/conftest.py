"""Fixtures of the fake's own tests: the real client, and a job as plain `azure-ai-ml` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

    Submit = Callable[..., str]

ENVIRONMENT = "azureml:train:1"


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The real client, of the fake workspace."""
    return fake_aml.client()


@pytest.fixture
def submit(client: MLClient) -> Submit:
    """Send a command job as a user of plain `azure-ai-ml` does; returns its name."""
    from azure.ai.ml import command

    def send(**options: Any) -> str:
        job = command(**{"command": "python train.py", "environment": ENVIRONMENT, **options})
        return str(client.jobs.create_or_update(job).name)

    return send
