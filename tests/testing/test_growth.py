"""What a fake with many jobs costs: counted in work, not in seconds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from amlrun.testing import FakeAml
from tests.testing.wire import requests

if TYPE_CHECKING:
    from typing_extensions import Self


class Work:
    """Counts Python's calls and sqlite's steps as long as it lasts."""

    def __init__(self, fake: FakeAml) -> None:
        # sqlite counts its own steps, and no public way leads there.
        self._connection = fake._backend.store._connection
        self.calls = 0
        self.steps = 0

    def __enter__(self) -> Self:
        self._connection.set_progress_handler(self._step, 10)
        self._before = sys.getprofile()
        sys.setprofile(self._call)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(self._before)
        self._connection.set_progress_handler(None, 0)

    def _call(self, _frame: Any, event: str, _argument: object) -> None:
        self.calls += event == "call"

    def _step(self) -> int:
        self.steps += 1
        return 0


def submit(fake: FakeAml, count: int) -> None:
    """Send jobs as bodies."""
    properties = {"jobType": "Command", "command": "x", "environmentId": "azureml:train:1"}
    for number in range(count):
        url = f"https://management.azure.com{fake.scope.path}/jobs/job-{number}"
        body = {"properties": {**properties, "resources": {"instanceType": "Standard_DS3_v2"}}}
        assert requests.put(url, json=body, timeout=60).status_code == 201


def work(count: int) -> tuple[float, float]:
    """Calls and steps for each of so many jobs: sent, carried to their ends, listed."""
    with FakeAml() as fake, Work(fake) as done:
        submit(fake, count)
        fake.advance(hours=count)
        address = f"https://management.azure.com{fake.scope.path}/jobs"
        found = 0
        while address:
            page = requests.get(address, timeout=60).json()
            found += len(page["value"])
            address = page.get("nextLink")
        assert found == count
    assert {fake.job(name).status for name in fake.jobs} == {"Completed"}
    return done.calls / count, done.steps / count


def test_the_work_for_a_job_does_not_grow_with_their_number() -> None:
    """Eight times as many jobs, in one queue, are eight times the work."""
    few, many = work(40), work(320)
    assert many == pytest.approx(few, rel=0.25)
