"""Whatever happens to jobs, clusters and limits: no limit is passed, and in the end nothing is held."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from amlrun.testing import FakeAml
from tests.testing.wire import requests

SIZE, FAMILY = "Standard_DS3_v2", "standardDSv2Family"
ROWS = {"TotalDedicatedCores": 100, "TotalLowPriorityCores": 20, FAMILY: 24}

steps = st.one_of(
    st.tuples(st.just("serverless"), st.integers(1, 3)),
    st.tuples(st.just("spot"), st.integers(1, 3)),
    st.tuples(st.just("cheap"), st.integers(1, 2)),
    st.tuples(st.just("dear"), st.integers(1, 3)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["preempt", "break"]), st.integers(1, 2)),
    st.tuples(st.just("limit"), st.integers(0, 6)),
    st.tuples(st.just("pool"), st.integers(0, 5)),
    st.tuples(st.just("capacity"), st.integers(0, 6)),
    st.tuples(st.just("bounds"), st.integers(1, 4)),
    st.tuples(st.just("later"), st.integers(1, 900)),
)


def used(fake: FakeAml) -> dict[str, int]:
    """What the rows of interest count."""
    scope = f"/subscriptions/{fake.scope.subscription_id}/providers/Microsoft.MachineLearningServices"
    url = f"https://management.azure.com{scope}/locations/eastus/usages"
    rows = requests.get(url, timeout=5).json()["value"]
    return {
        row["name"]["value"]: row["currentValue"]
        for row in rows
        if row["name"]["value"] in ROWS and "vmFamily/lowPriority" not in row["type"]
    }


def send(fake: FakeAml, number: int, nodes: int, *, compute: str = "", spot: bool = False) -> None:
    """A command job, as it goes over the wire."""
    properties: dict[str, Any] = {
        "jobType": "Command",
        "command": "echo",
        "environmentId": "azureml:train:1",
        "resources": {"instanceCount": nodes, "instanceType": None if compute else SIZE},
    }
    if compute:
        properties["computeId"] = f"{fake.scope.path}/computes/{compute}"
    if spot:
        properties["queueSettings"] = {"jobTier": "Spot"}
    url = f"https://management.azure.com{fake.scope.path}/jobs/j{number}"
    reply = requests.put(url, json={"properties": properties}, timeout=5)
    assert reply.status_code in {201, 400}, reply.text


def bound(fake: FakeAml, most: int) -> None:
    """Other scale settings for a cluster."""
    scale = {"minNodeCount": 0, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    url = f"https://management.azure.com{fake.scope.path}/computes/dear"
    body = {"properties": {"properties": {"scaleSettings": scale}}}
    assert requests.patch(url, json=body, timeout=5).status_code == 200


def do(fake: FakeAml, step: str, size: int, number: int, limits: dict[str, int]) -> None:
    """One step of a story."""
    if step in {"serverless", "spot"}:
        send(fake, number, size, spot=step == "spot")
    elif step in {"cheap", "dear"}:
        send(fake, number, size, compute=step)
    elif step == "cancel" and fake.jobs:
        name = fake.jobs[size % len(fake.jobs)]
        requests.post(f"https://management.azure.com{fake.scope.path}/jobs/{name}/cancel", timeout=5)
    elif step == "preempt":
        fake.preempt_nodes("cheap", count=size, how="restarted" if number % 2 else "failed")
    elif step == "break":
        fake.lose_nodes("dear", count=size)
    elif step in {"limit", "pool"}:
        row = FAMILY if step == "limit" else "TotalLowPriorityCores"
        limits[row] = 4 * size
        fake.quota(row, limit=4 * size)
    elif step == "capacity":
        fake.capacity(SIZE, nodes=size)
    elif step == "bounds":
        bound(fake, size)
    elif step == "later":
        fake.advance(seconds=size)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=25))
def test_nothing_passes_a_limit_and_nothing_is_left_held(story: list[tuple[str, int]]) -> None:
    """At each step a row grows no further than its limit; when all is over, every core is back."""
    with FakeAml() as fake:
        limits = dict(ROWS)
        for row, limit in limits.items():
            fake.quota(row, limit=limit)
        fake.cluster("dear", size=SIZE, max_nodes=3)
        fake.cluster("cheap", size=SIZE, max_nodes=2, tier="spot")
        before = used(fake)
        for number, (step, size) in enumerate(story):
            do(fake, step, size, number, limits)
            now = used(fake)
            assert all(now[row] <= max(limits[row], before[row]) for row in ROWS)
            before = now
        for row, limit in ROWS.items():
            fake.quota(row, limit=limit)
        fake.capacity(SIZE, nodes=None)
        bound(fake, 3)
        fake.advance(hours=24)
        assert {fake.job(name).status for name in fake.jobs} <= {"Completed", "Failed", "Canceled"}
        assert used(fake) == dict.fromkeys(ROWS, 0)
        assert fake.compute("dear").nodes == fake.compute("cheap").nodes == {}
