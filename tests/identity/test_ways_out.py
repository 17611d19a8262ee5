"""Proxies and private authorities: every request of a job's life goes by them, whoever sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import MLClient, UserIdentityConfiguration
from requests import Session

import amlrun
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from amlrun.testing import FakeAml

    SetAll = Callable[[Mapping[str, str]], None]

PROXY, BUNDLE = "http://proxy.example:8080", "/etc/ssl/ours.pem"


class Sent:
    """What each request was given on its way out, by host."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_host: dict[str, set[tuple[str | None, Any]]] = {}
        send = Session.send

        def sending(session: Session, request: Any, **options: Any) -> Any:
            host = request.url.split("/")[2]
            way = options["proxies"].get("https") or options["proxies"].get("http"), options["verify"]
            self.by_host.setdefault(host, set()).add(way)
            return send(session, request, **options)

        monkeypatch.setattr(Session, "send", sending)

    def kinds(self) -> set[str]:
        """Which kinds of hosts there were."""
        kinds = ("management", "blob", "login", "api.azureml.ms")
        return {kind for kind in kinds for host in self.by_host if kind in host}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What left."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return Sent(monkeypatch)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a training script, unlike any other."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text(f"print({str(tmp_path)!r})\n")
    return folder


def whole_life(fake: FakeAml, source: Path, **options: Any) -> None:
    """Submitted with its code and its user's identity, waited for, its log read, its outputs brought."""
    run = amlrun.submit(
        "python train.py",
        code=source,
        environment=ENVIRONMENT,
        identity=UserIdentityConfiguration(),
        **options,
    )
    fake.advance(hours=1)
    fake.log(run.name, "trained")
    fake.output(run.name, "outputs/weights", "w")
    assert run.wait().status == "Completed"
    assert run.logs() == "trained"
    assert (run.download(to=source.parent / "got") / "weights").read_text() == "w"


def test_variables_count_for_everybody(
    fake: FakeAml, source: Path, sent: Sent, set_all: SetAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY and REQUESTS_CA_BUNDLE, from signing in to the last download."""
    set_all(fake.app("ci"))
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", BUNDLE)
    whole_life(fake, source)
    assert sent.kinds() == {"management", "blob", "login", "api.azureml.ms"}
    assert {way for ways in sent.by_host.values() for way in ways} == {(PROXY, BUNDLE)}


def test_what_is_reached_without_the_proxy(
    fake: FakeAml, source: Path, sent: Sent, set_all: SetAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY, by whoever goes there."""
    set_all(fake.app("ci"))
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "core.windows.net")
    whole_life(fake, source)
    for host, ways in sent.by_host.items():
        assert {way for way, _ in ways} == ({None} if host.endswith("core.windows.net") else {PROXY})


def test_settings_of_a_client_count_for_everybody(fake: FakeAml, source: Path, sent: Sent) -> None:
    """Those of an MLClient of one's own: azure-ai-ml's uploads know nothing of them by themselves."""
    scope = fake.scope
    client = MLClient(
        fake.credential,
        scope.subscription_id,
        scope.resource_group,
        scope.workspace,
        enable_telemetry=False,
        show_progress=False,
        proxies={"https": PROXY},
        connection_verify=BUNDLE,
    )
    whole_life(fake, source, client=client)
    assert sent.kinds() == {"management", "blob", "api.azureml.ms"}
    assert {way for ways in sent.by_host.values() for way in ways} == {(PROXY, BUNDLE)}
    # And nothing of them is left for clients of others.
    sent.by_host.clear()
    (source / "more.py").write_text("pass\n")
    whole_life(fake, source, client=fake.client())
    assert {way for ways in sent.by_host.values() for way in ways} == {(None, True)}
