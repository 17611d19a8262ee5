"""Virtual time: it passes when somebody sleeps, in order, and costs none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from amlrun.testing import FakeAml, NothingWillHappen
from amlrun.testing._state.clock import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient


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
