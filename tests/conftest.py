"""Fixtures of every test: an environment that says nothing of any workspace, and replies that the API has."""

from __future__ import annotations

import json
import logging
import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from amlrun.testing._api.contract import violations
from amlrun.testing._supply.apps import LOGIN_HOSTS, MACHINE_HOST
from amlrun.testing._wire import backend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amlrun.testing._api.exchange import Reply, Request
    from amlrun.testing._routes.table import Route

# No example is wrong for being slow: that tells of the machine. All else is hypothesis' own, CI's way too.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


_DECIDES = re.compile(
    r"""
    (AMLRUN|AZURE|AZUREML|MSI|OBO|IDENTITY|DEFAULT_IDENTITY|KUBERNETES|SLURM|OMPI|PMI|HOROVOD)_
    | (GITHUB_ACTIONS|ACTIONS_ID_TOKEN_REQUEST_URL|TF_BUILD|GITLAB_CI)$
    | (SYSTEM_OIDCREQUESTURI|AZURESUBSCRIPTION_SERVICE_CONNECTION_ID)$
    | ((HTTPS?|ALL|NO)_PROXY|(REQUESTS|CURL)_CA_BUNDLE)$
    | ((LOCAL_|NODE_)?RANK|WORLD_SIZE|TF_CONFIG|TERM|COLUMNS)$
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Variables by which somebody signs in, is launched, reaches the network, or is shown something."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the machine or of another test decides anything, nor a file above this empty folder."""
    for name in os.environ:
        if _DECIDES.match(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path.parent / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def no_level_stays() -> Iterator[None]:
    """What one test has amlrun say, as its command line does, no other test hears."""
    yield
    logging.getLogger("amlrun").setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def replies_fit_the_api() -> Iterator[None]:
    """Whatever the fake answers in any test has the fields of the API's definitions, and no others."""
    found: list[str] = []

    def watch(route: Route | None, request: Request, reply: Reply) -> None:
        if isinstance(reply.body, bytes) or request.host in {*LOGIN_HOSTS, MACHINE_HOST}:
            return  # Entra has error bodies of its own
        gives = "ErrorResponse" if reply.status >= 400 else route.gives if route else ""
        if gives:
            body = json.loads(reply.content)
            wrong = violations(body, gives, reply=True)
            found.extend(f"{request.method} {request.path} {reply.status}: {fault}" for fault in wrong)

    backend.watchers.append(watch)
    yield
    backend.watchers.remove(watch)
    assert not found, "\n".join(sorted(set(found)))
