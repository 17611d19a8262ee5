"""Fixtures of submission: a client of the fake, a folder with a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.submission.runs import Between

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
def between() -> Between:
    """On the way of every request of the client."""
    return Between()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An embedded workspace of this test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("AMLRUN_WORKSPACE", "local")
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(folder))
    return folder
