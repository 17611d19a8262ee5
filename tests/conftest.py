"""Fixtures of every test: an environment that says nothing of any workspace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the machine or of another test decides anything; the current folder is empty."""
    for name in os.environ:
        if name.startswith(("AMLRUN_", "AZURE_", "AZUREML_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
