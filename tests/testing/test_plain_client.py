"""Virtual time for a client that knows of no fake: its retries, pollers, uploads and `stream` cost none."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from azure.ai.ml import MLClient, command
from azure.core.pipeline.transport import HttpTransport
from azure.core.polling import LROPoller

from amlrun.testing import FakeAml, InternalError, Throttled, local

if TYPE_CHECKING:
    from pathlib import Path

PUT = "PUT /jobs/{name}"
_real_sleep = time.sleep


@pytest.fixture
def plain(fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    """A client as anybody makes it; in a process in which sleeping for real is an error."""

    def asleep(seconds: float) -> None:
        # The storage clients of the SDK look for the end of their threads like this.
        assert seconds <= 0.5, f"slept for real: {seconds} s"
        _real_sleep(0.001)

    monkeypatch.setattr(time, "sleep", asleep)
    scope = fake_aml.scope
    return MLClient(fake_aml.credential, scope.subscription_id, scope.resource_group, scope.workspace)


def job(name: str = "train", code: Path | None = None) -> object:
    """A command job."""
    return command(command="python train.py", environment="azureml:train:1", name=name, code=code)


def test_its_retries_cost_no_time(fake_aml: FakeAml, plain: MLClient) -> None:
    """They wait on the fake's clock: what Retry-After says, and azure-core's own schedule."""
    fake_aml.inject(Throttled(retry_after=600), on=PUT)
    fake_aml.inject(InternalError(), on=PUT, times=2)
    before = fake_aml.clock.now()
    plain.jobs.create_or_update(job())
    assert fake_aml.clock.now() - before > 600
    fake_aml.calls.expect(PUT, times=4)


def test_its_pollers_cost_no_time(fake_aml: FakeAml, plain: MLClient) -> None:
    """`result()` of a cancel, which looks every 30 seconds."""
    plain.jobs.create_or_update(job())
    fake_aml.advance(minutes=2)
    before = fake_aml.clock.now()
    plain.jobs.begin_cancel("train").result()
    assert fake_aml.job("train").status == "Canceled"
    assert fake_aml.clock.now() - before >= 30


def test_a_poller_that_nobody_waits_for_lets_no_time_pass(fake_aml: FakeAml, plain: MLClient) -> None:
    """After `begin_cancel` the job stands as it stood, until time passes; then the poller is done."""
    plain.jobs.create_or_update(job())
    fake_aml.advance(minutes=2)
    before = fake_aml.clock.now()
    poller = plain.jobs.begin_cancel("train")
    assert not poller.done()
    assert (fake_aml.job("train").status, fake_aml.clock.now()) == ("CancelRequested", before)
    fake_aml.advance(minutes=5)
    assert fake_aml.job("train").status == "Canceled"
    poller.result()
    assert poller.done()


def test_asking_again_and_again_lets_time_pass(fake_aml: FakeAml, plain: MLClient) -> None:
    """Who polls a poller waits for it."""
    plain.jobs.create_or_update(job())
    fake_aml.advance(minutes=2)
    poller = plain.jobs.begin_cancel("train")
    before, asked = fake_aml.clock.now(), 1
    while not poller.done():
        asked += 1
    assert fake_aml.job("train").status == "Canceled"
    assert asked == 2
    assert fake_aml.clock.now() == before + 30


def test_asking_is_the_same_each_time(fake_aml: FakeAml, plain: MLClient) -> None:
    """The first question costs no time, each further one what the poller sleeps until its next look."""
    for number in range(10):
        fake_aml.cluster(f"cpu{number}")
        before = fake_aml.clock.now()
        poller = plain.compute.begin_delete(f"cpu{number}")
        passed = []
        for _ in range(4):
            poller.status()
            passed.append(fake_aml.clock.now() - before)
        assert passed[0] == 0
        if number == 0:
            usual = passed
        assert passed == usual
        poller.wait()


def test_waiting_for_one_poller_moves_no_other_fake(fake_aml: FakeAml, plain: MLClient) -> None:
    """Each fake's time is its own, and passes for those who wait in it."""
    fake_aml.cluster("cpu")
    with FakeAml(workspace="other") as other:
        other.cluster("cpu")
        theirs = other.client(transport=None).compute.begin_delete("cpu")
        before = other.clock.now()
        poller = plain.compute.begin_delete("cpu")
        for _ in range(3):
            poller.status()
        poller.wait()
        assert other.clock.now() == before
        theirs.wait()
        assert other.clock.now() > before


def test_a_callback_is_called(fake_aml: FakeAml, plain: MLClient) -> None:
    """Who gives a poller one waits for it."""
    fake_aml.cluster("cpu")
    called = threading.Event()
    plain.compute.begin_delete("cpu").add_done_callback(lambda _method: called.set())
    assert called.wait(30)


def test_its_uploads_cost_no_time(fake_aml: FakeAml, plain: MLClient, tmp_path: Path) -> None:
    """The SDK makes clients of its own for storage: they too wait on the fake's clock."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print()")
    fake_aml.inject(InternalError(), on="PUT /{container}/{+name}", times=3)
    before = fake_aml.clock.now()
    plain.jobs.create_or_update(job(code=tmp_path / "src"))
    assert fake_aml.clock.now() - before > 30


def test_its_stream_costs_no_time(
    fake_aml: FakeAml, plain: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job of five hours is streamed at once."""
    fake_aml.runtime(hours=5)
    plain.jobs.create_or_update(job())
    plain.jobs.stream("train")
    assert "train" in capsys.readouterr().out
    assert fake_aml.job("train").status == "Completed"


def test_each_client_lets_the_time_of_its_own_workspace_pass(plain: MLClient, fake_aml: FakeAml) -> None:
    """With two fakes, the one that was asked is the one in which time passes."""
    with FakeAml(workspace="other") as other:
        before = other.clock.now()
        fake_aml.inject(Throttled(retry_after=100), on=PUT)
        plain.jobs.create_or_update(job())
        assert other.clock.now() == before
        other.inject(Throttled(retry_after=7), on=PUT)
        other.client(transport=None).jobs.create_or_update(job())
        assert other.clock.now() == before + 7


def test_an_operation_ends_with_its_fake() -> None:
    """A poller that still waits when its fake is stopped never goes out into the world: it says so."""
    with FakeAml() as fake:
        client = fake.client(transport=None)
        client.jobs.create_or_update(job())
        fake.advance(minutes=2)
        poller = client.jobs.begin_cancel("train")
        assert not poller.done()  # by now it waits
    with pytest.raises(RuntimeError, match="is stopped"):
        poller.result()


def test_a_client_of_a_fake_that_is_not_started() -> None:
    """It works too, or no longer: its operations come to their end by themselves."""
    fake = FakeAml()
    client = fake.client()
    client.jobs.create_or_update(job())
    fake.advance(minutes=2)
    client.jobs.begin_cancel("train").result()
    assert fake.job("train").status == "Canceled"
    with fake:
        client.jobs.create_or_update(job("second"))
        poller = client.jobs.begin_cancel("second")
    poller.result()
    assert fake.job("second").status == "Canceled"


def test_azure_core_gets_its_own_time_back(tmp_path: Path) -> None:
    """When the last virtual fake stops, nothing is left; one of real time never patches it."""
    before = {name: HttpTransport.__dict__.get(name) for name in ("sleep", "now")}
    polling = {name: LROPoller.__dict__[name] for name in ("done", "status", "wait", "add_done_callback")}
    with FakeAml(), local(tmp_path / "state"):
        assert HttpTransport.__dict__["sleep"] is not before["sleep"]
    assert {name: HttpTransport.__dict__.get(name) for name in before} == before
    assert {name: LROPoller.__dict__[name] for name in polling} == polling
    with local(tmp_path / "state"):
        assert HttpTransport.__dict__["sleep"] is before["sleep"]


def test_pollers_of_other_services_are_left_alone(fake_aml: FakeAml) -> None:
    """A thread that no fake has answered yet lets the time of a live fake pass, and only virtual time."""
    before, seen = fake_aml.clock.now(), []

    def elsewhere() -> None:
        from azure.core.pipeline.transport import RequestsTransport

        transport = RequestsTransport()
        transport.sleep(3600)
        seen.append(transport.now())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before + 3600]
