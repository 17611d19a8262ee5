"""Fixtures of jobs of all types: a client of the fake, a folder with a script, one with data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The real client, of the fake workspace."""
    return fake_aml.client()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a training script."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text("print('trained')\n")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with a table of data, as AutoML takes it."""
    folder = tmp_path / "data" / "table"
    folder.mkdir(parents=True)
    (folder / "MLTable").write_text("paths: []\n")
    return folder
