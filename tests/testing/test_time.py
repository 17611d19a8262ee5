"""Virtual time: it passes when somebody sleeps, in order, and costs none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from amlrun.testing import FakeAml, NothingWillHappen
from amlrun.testing._jobs.carrier import VirtualCarrier
from amlrun.testing._jobs.engine import Engine
from amlrun.testing._state.clock import BEGINNING
from amlrun.testing._state.store import Store
from amlrun.testing._supply.places import Places
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing._state.store import Records


def sleep_on(fake: FakeAml, seconds: float) -> None:
    """Poll for what never comes."""
    for _ in range(100_000):
        fake.clock.sleep(seconds)


def test_a_wait_of_days_costs_nothing(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Three days of queueing, polled every hour, end when the quota comes free."""
    fake_aml.runtime(hours=72)
    fake_aml.quota("standardDSv2Family", limit=4)
    submit(instance_type="Standard_DS3_v2")
    last = submit(instance_type="Standard_DS3_v2", name="last")
    while client.jobs.get("last").status != "Completed":
        fake_aml.clock.sleep(3600)
    assert last == "last"
    assert fake_aml.clock.now() - BEGINNING > 6 * 86400


def test_an_hour_at_once_is_sixty_minutes(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """What is due in a long stretch happens in order, each at its own instant."""
    submit(name="j", instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    job = fake_aml.job("j")
    assert (job.created, job.started, job.ended) == (BEGINNING, BEGINNING + 90, BEGINNING + 390)
    assert fake_aml.clock.now() == BEGINNING + 3600


def test_waiting_for_nothing_is_an_error(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Endless polling ends with an error that says which jobs wait, and for what."""
    fake_aml.quota("standardDSv2Family", limit=4, used=4)
    submit(name="stuck", instance_type="Standard_DS3_v2")
    with pytest.raises(NothingWillHappen, match=r"stuck: Queued\. Waiting for quota: needs 4 vCPUs"):
        sleep_on(fake_aml, 10)


def test_waiting_without_jobs_is_an_error_too(fake_aml: FakeAml) -> None:
    """With no job at all it says so."""
    with pytest.raises(NothingWillHappen, match="no job is live"):
        sleep_on(fake_aml, 86400)


def wait(fake: FakeAml, *, timeout: float, every: float) -> int:
    """Poll with a deadline, as a user writes it; returns how often."""
    deadline, polls = fake.clock.now() + timeout, 0
    while fake.clock.now() < deadline:
        fake.clock.sleep(every)
        polls += 1
    return polls


@pytest.mark.parametrize("days", [1 / 12, 1, 60])
def test_a_deadline_passes_in_a_stuck_workspace(fake_aml: FakeAml, days: float) -> None:
    """However far away it is and how often the loop looks, in some hundred polls, and not much too late."""
    before = fake_aml.clock.now()
    assert wait(fake_aml, timeout=days * 86400, every=5) < 600
    assert fake_aml.clock.now() - before < 1.1 * days * 86400 + 5


def test_many_waits_with_deadlines_pass(fake_aml: FakeAml) -> None:
    """One after another, in one test."""
    for _ in range(30):
        wait(fake_aml, timeout=3600, every=30)
    with pytest.raises(NothingWillHappen):
        sleep_on(fake_aml, 30)
    wait(fake_aml, timeout=3600, every=30)


def test_short_waits_pass_exactly(fake_aml: FakeAml) -> None:
    """An hour of looking every ten seconds, counted, is an hour."""
    before = fake_aml.clock.now()
    for _ in range(360):
        fake_aml.clock.sleep(10)
    assert fake_aml.clock.now() == before + 3600


def test_an_endless_wait_that_catches_everything_ends(fake_aml: FakeAml) -> None:
    """A loop that goes on after any Exception is told again, and then by more than that."""
    caught: list[type] = []

    def poll_for_ever() -> None:
        while len(caught) < 100:
            try:
                sleep_on(fake_aml, 0)
            except Exception as error:  # noqa: BLE001, PERF203 - that is what such loops do
                caught.append(type(error))

    with pytest.raises(BaseException, match="no job is live") as ended:
        poll_for_ever()
    assert not isinstance(ended.value, Exception)
    assert caught == [NothingWillHappen] * 2


def test_the_error_says_what_would_help(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Which cluster is stuck or has failed, beside the jobs."""
    fake_aml.cluster("broken", error="ClusterCoreQuotaReached")
    fake_aml.cluster("cpu")
    fake_aml.stick("cpu")
    with pytest.raises(NothingWillHappen, match="compute broken is Failed: ClusterCoreQuotaReached"):
        sleep_on(fake_aml, 10)
    submit(name="train", compute="cpu")
    with pytest.raises(NothingWillHappen, match=r'(?s)train: Queued.*compute cpu is stuck: unstick\("cpu"\)'):
        sleep_on(fake_aml, 10)


def test_nodes_that_come_and_go_are_no_hope(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """A job that wants two nodes where quota lets there be one waits for nothing, whatever that one does."""
    fake_aml.cluster("cpu", nodes=1, max_nodes=2)
    fake_aml.quota("TotalDedicatedCores", limit=4)
    submit(name="wide", compute="cpu", instance_count=2)
    with pytest.raises(NothingWillHappen, match="wide: Queued"):
        sleep_on(fake_aml, 30)


def test_in_a_folder_another_process_may_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, waiting is pointless only when real time has passed too."""
    real = [0.0]
    monkeypatch.setattr("amlrun.testing._state.clock.time.monotonic", lambda: real[0])
    monkeypatch.setattr("amlrun.testing._state.clock.time.sleep", lambda _seconds: None)
    fake = FakeAml(tmp_path)
    for _ in range(2000):
        fake.clock.sleep(86400)
    real[0] = 60.0
    with pytest.raises(NothingWillHappen):
        sleep_on(fake, 86400)


def test_a_pause_before_the_next_attempt_is_no_waiting_for_nothing(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """Sleeps between things that are done from outside never add up to an error."""
    for number in range(30):
        fake_aml.clock.sleep(86400)
        submit(name=f"j{number}")
    fake_aml.clock.sleep(10 * 86400)
    fake_aml.quota("standardDSv2Family", limit=4)
    fake_aml.clock.sleep(10 * 86400)
    assert fake_aml.job("j29").status == "Completed"


def test_state_in_a_folder_is_shared(tmp_path: Path) -> None:
    """A second fake on the folder is the same workspace: scope, jobs, quota, time and bytes."""
    from tests.testing.wire import requests

    with FakeAml(tmp_path, workspace="shared") as first:
        first.advance(minutes=5)
        first.quota("standardDSv2Family", limit=4)
        url = f"https://management.azure.com{first.scope.path}/jobs/one"
        body = {"properties": {"jobType": "Command", "command": "x", "environmentId": "azureml:e:1"}}
        assert requests.put(url, json=body, timeout=5).status_code == 201
        first.log("one", "hello")
    second = FakeAml(tmp_path)
    assert second.scope == first.scope
    assert second.jobs == ("one",)
    assert second.clock.now() == BEGINNING + 300
    second.advance(hours=1)
    assert first.job("one").status == "Completed"
    assert list(tmp_path.rglob("std_log.txt"))[0].read_text() == "hello"  # noqa: RUF015 - there is one
    with pytest.raises(ValueError, match="holds a workspace with workspace 'shared', not 'other'"):
        FakeAml(tmp_path, workspace="other")


def test_stream_waits_in_virtual_time(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`jobs.stream` sleeps by itself, a minute at a time; here that costs nothing, and the log is printed."""
    fake_aml.runtime(hours=5)
    submit(name="live", instance_type="Standard_DS3_v2")
    fake_aml.log("live", "epoch 1\n")
    client.jobs.stream("live")
    assert "epoch 1" in capsys.readouterr().out
    assert fake_aml.job("live").status == "Completed"


def test_the_sdk_gets_its_own_time_back(client: MLClient, fake_aml: FakeAml) -> None:
    """After the last fake has stopped, `jobs.stream` sleeps for real again."""
    from azure.ai.ml.operations import _job_ops_helper

    helper: Any = _job_ops_helper
    assert client.workspace_name
    assert helper.time is not time
    fake_aml.stop()
    assert helper.time is time


@pytest.mark.parametrize(
    "said", [{"minutes": -60}, {"minutes": "5"}, {}, {"seconds": float("inf")}, {"hours": float("nan")}]
)
def test_a_length_of_time_is_said(fake_aml: FakeAml, said: Any) -> None:
    """Time doesn't go back, and no job runs for less than no time."""
    before = fake_aml.clock.now()
    with pytest.raises(ValueError, match=r"from 0 up, not|Say how long"):
        fake_aml.advance(**said)
    with pytest.raises(ValueError, match=r"from 0 up, not|Say how long"):
        fake_aml.runtime(**said)
    assert fake_aml.clock.now() == before


def test_the_runtime_is_kept_with_the_workspace(tmp_path: Path) -> None:
    """Another fake of the same folder goes by it too."""
    FakeAml(tmp_path).runtime(hours=2)
    with FakeAml(tmp_path) as other:
        body = {"properties": {"jobType": "Command", "command": "x", "environmentId": "azureml:train:1"}}
        url = f"https://management.azure.com{other.scope.path}/jobs/j"
        assert requests.put(url, json=body, timeout=5).status_code == 201
        other.advance(hours=1)
        assert other.job("j").status == "Running"


class Broken(Places):
    """Nodes that never come to rest."""

    def region(self, _records: Records, _pool: str) -> str:
        """The workspace's own."""
        return ""

    def happens(self, _records: Records, _name: str, _at: float) -> bool:
        """Nothing, though something was due."""
        return True


def test_an_event_that_changes_nothing_is_an_error() -> None:
    """Were the fake wrong somewhere, it would say so, and not hang."""
    store = Store()
    with store.transaction() as records:
        records.put("compute", "gpu", {}, due=10.0)
        with pytest.raises(RuntimeError, match=r"compute gpu is due again and again"):
            Engine(VirtualCarrier(), Broken()).catch_up(records, 20.0)
