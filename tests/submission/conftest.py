"""Fixtures of submission: a client of the fake, a folder with a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.pipeline.policies import HTTPPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
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


class Between(HTTPPolicy[Any, Any]):
    """Something that happens between amlrun and the workspace: called with method, path, and the way on."""

    def __init__(self) -> None:
        super().__init__()
        self._shared: dict[str, Callable[[str, str, Callable[[], Any]], Any] | None] = {"act": None}

    @property
    def act(self) -> Callable[[str, str, Callable[[], Any]], Any] | None:
        """What happens; None: nothing. The copies of this policy, in other chains, do the same."""
        return self._shared["act"]

    @act.setter
    def act(self, act: Callable[[str, str, Callable[[], Any]], Any] | None) -> None:
        self._shared["act"] = act

    def send(self, request: Any) -> Any:
        """Let it happen."""
        sent = request.http_request
        if self.act is None:
            return self.next.send(request)
        return self.act(sent.method, sent.url.partition("?")[0], lambda: self.next.send(request))


@pytest.fixture
def between() -> Between:
    """On the way of every request of the client."""
    return Between()
