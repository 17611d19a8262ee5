"""What a fake with many jobs costs: counted in work, not in seconds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from amlrun.testing import FakeAml, NotResponding
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

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


def submit(fake: FakeAml, count: int, *, first: int = 0, **more: Any) -> None:
    """Send jobs as bodies."""
    properties = {"jobType": "Command", "command": "x", "environmentId": "azureml:train:1", **more}
    for number in range(first, first + count):
        url = f"https://management.azure.com{fake.scope.path}/jobs/job-{number}"
        size = {} if "computeId" in more else {"resources": {"instanceType": "Standard_DS3_v2"}}
        body = {"properties": {**properties, **size}}
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


def work_with_faults(count: int) -> tuple[float, float]:
    """The same with a fault scripted for each, and each preempted while all run."""
    with FakeAml() as fake, Work(fake) as done:
        fake.quota("TotalLowPriorityCores", limit=4 * count)
        for number in range(count):
            fake.inject(NotResponding(seconds=10, after=60), job=f"job-{number}")
        submit(fake, count, queueSettings={"jobTier": "Spot"})
        fake.advance(minutes=4)
        for name in fake.jobs:
            fake.preempt(name)
    assert {fake.job(name).status for name in fake.jobs} == {"Failed"}
    return done.calls / count, done.steps / count


def work_of_clusters(count: int) -> tuple[float, float]:
    """So many clusters with a job each."""
    with FakeAml() as fake:
        fake.quota("standardDSv2Family", limit=4 * count)
        fake.quota("TotalDedicatedCores", limit=4 * count)
        for number in range(count):
            fake.cluster(f"cluster{number}x")
        with Work(fake) as done:
            for number in range(count):
                submit(fake, 1, first=number, computeId=f"{fake.scope.path}/computes/cluster{number}x")
            fake.advance(hours=1)
    assert {fake.job(name).status for name in fake.jobs} == {"Completed"}
    return done.calls / count, done.steps / count


def work_of_a_sweep(count: int) -> tuple[float, float]:
    """A sweep with so many trials, all at once."""
    size = {"instanceType": "Standard_DS3_v2"}
    properties = {
        "jobType": "Sweep",
        "objective": {"goal": "Maximize", "primaryMetric": "m"},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "searchSpace": {"x": ["uniform", [0, 1]]},
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": count},
        "trial": {"command": "x", "environmentId": "azureml:train:1", "resources": size},
    }
    return work_of_a_family(count, properties)


def work_of_a_pipeline(count: int) -> tuple[float, float]:
    """A pipeline with so many nodes, each of which reads the one before the one before it."""
    nodes = {
        f"n{number}": {
            "type": "command",
            "componentId": "azureml:one:1",
            "computeId": "serverless",
            "resources": {"instance_type": "Standard_DS3_v2"},
            "inputs": {
                f"i{need}": {"job_input_type": "literal", "value": f"${{{{parent.jobs.n{need}.outputs.o}}}}"}
                for need in range(max(0, number - 2), number - 1)
            },
        }
        for number in range(count)
    }
    return work_of_a_family(count, {"jobType": "Pipeline", "jobs": nodes})


def work_of_a_family(count: int, properties: dict[str, Any]) -> tuple[float, float]:
    """A parent with so many children, to its end."""
    spec = {"type": "command", "command": "x", "environment": "azureml:train:1", "outputs": {"o": {}}}
    with FakeAml() as fake:
        here = f"https://management.azure.com{fake.scope.path}"
        component = {"properties": {"componentSpec": spec}}
        assert requests.put(f"{here}/components/one/versions/1", json=component, timeout=60).ok
        with Work(fake) as done:
            assert requests.put(f"{here}/jobs/all", json={"properties": properties}, timeout=60).ok
            fake.advance(hours=count)
    assert (fake.job("all").status, len(fake.job("all").children)) == ("Completed", count)
    return done.calls / count, done.steps / count


@pytest.mark.parametrize(
    "of",
    [work_with_faults, work_of_clusters, work_of_a_sweep, work_of_a_pipeline],
    ids=lambda of: of.__name__,
)
def test_nor_does_it_with_faults_clusters_or_children(of: Callable[[int], tuple[float, float]]) -> None:
    """A fault is looked up by its job, a queue when something changed for it, a node by what it needs."""
    few, many = of(20), of(80)
    assert many == pytest.approx(few, rel=0.35)
