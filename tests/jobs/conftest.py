"""Fixtures of jobs of all types: a client of the fake, a folder with a script, one with data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.submission.conftest import between, client, source  # noqa: F401 - fixtures here too

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with a table of data, as AutoML takes it."""
    folder = tmp_path / "data" / "table"
    folder.mkdir(parents=True)
    (folder / "MLTable").write_text("paths: []\n")
    return folder
