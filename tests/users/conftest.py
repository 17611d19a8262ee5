"""Fixtures of the doctor's tests: a workspace that only the configuration names, and what it is told of."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from amlrun._command_line import main
from amlrun.testing import FakeAml
from tests.users.examined import sign_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.users.examined import Examine


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAml]:
    """A workspace that the configuration names."""
    with FakeAml(workspace=f"w-{uuid.uuid4().hex[:8]}") as fake:
        sign_in(monkeypatch, fake.credential)
        scope = fake.scope
        name = f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
        monkeypatch.setenv("AMLRUN_WORKSPACE", name)
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "NO_PROXY"):
            monkeypatch.delenv(variable, raising=False)
            monkeypatch.delenv(variable.lower(), raising=False)
        yield fake


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str]) -> Examine:
    """What the command ends with, and what it prints; never a traceback."""

    def run(*words: str) -> tuple[int, str]:
        code = main([*words, "doctor"] if words and words[0] == "--workspace" else ["doctor", *words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out

    return run


@pytest.fixture
def told(examine: Examine) -> Callable[[], tuple[int, dict[str, Any]]]:
    """The same as JSON, its checks by their names (the gravest of each)."""

    def run() -> tuple[int, dict[str, Any]]:
        code, out = examine("--json")
        found = json.loads(out)
        order = ["ok", "note", "unknown", "warning", "fails"]
        ranked = sorted(found["checks"], key=lambda check: order.index(check["level"]))
        return code, {**found, "by_name": {check["name"]: check for check in ranked}}

    return run
