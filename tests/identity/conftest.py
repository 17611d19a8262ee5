"""Fixtures of signing in: a workspace that only the configuration names, and a machine that has nothing."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from amlrun.testing import FakeAml
from tests.identity.machine import Az

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeAml]:
    """A workspace that nothing but a variable names."""
    monkeypatch.setenv("AMLRUN_CACHE", str(tmp_path / "cache"))
    with FakeAml(workspace=f"w-{uuid.uuid4().hex[:8]}") as fake:
        scope = fake.scope
        monkeypatch.setenv(
            "AMLRUN_WORKSPACE", f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
        )
        yield fake


@pytest.fixture
def set_all(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Set variables."""

    def set_them(variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_them


@pytest.fixture
def az(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Az:
    """The Azure command line, as the only one of its kind on this machine's path."""
    if os.name == "nt":
        pytest.skip("a stand-in is a shell script")
    found = Az(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{found.folder}:/usr/bin:/bin")
    return found
