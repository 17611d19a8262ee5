"""Fixtures of placement: a client of the fake, a folder whose amlrun.toml counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.placement.teamfile import write

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The real client, of the fake workspace."""
    return fake_aml.client()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, whose amlrun.toml counts."""
    monkeypatch.delenv("AMLRUN_CONFIG")
    write(tmp_path, "")
    return tmp_path
