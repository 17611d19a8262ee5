"""Clusters while jobs come and go: they grow with their queue, hold quota, lose nodes, get stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

DSV2 = "standardDSv2Family"


def shown(fake: FakeAml, name: str) -> dict[str, Any]:
    """What a cluster's GET says of its nodes."""
    url = f"https://management.azure.com{fake.scope.path}/computes/{name}"
    found: dict[str, Any] = requests.get(url, timeout=5).json()["properties"]["properties"]
    return found


def allocation(fake: FakeAml, name: str) -> tuple[str, int, int]:
    """State, current and target."""
    found = shown(fake, name)
    return found["allocationState"], found["currentNodeCount"], found["targetNodeCount"]


def used(fake: FakeAml, name: str, kind: str = "vmFamily/dedicatedCores") -> int:
    """What a row of usages counts."""
    scope = f"/subscriptions/{fake.scope.subscription_id}/providers/Microsoft.MachineLearningServices"
    url = f"https://management.azure.com{scope}/locations/eastus/usages"
    rows = requests.get(url, timeout=5).json()["value"]
    found = [row for row in rows if row["name"]["value"] == name and f"/{kind}/" in row["type"]]
    return int(found[0]["currentValue"])


def statuses(fake: FakeAml) -> list[str]:
    """All jobs' statuses, in the order of submission."""
    return [fake.job(name).status for name in fake.jobs]


def test_a_cluster_follows_its_queue(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Resizing to what the waiting jobs want, up to the maximum; then they run, the rest one by one."""
    fake_aml.cluster("cpu", max_nodes=3)
    assert allocation(fake_aml, "cpu") == ("Steady", 0, 0)
    for number in range(5):
        submit(name=f"j{number}", compute="cpu")
    fake_aml.advance(seconds=61)
    assert allocation(fake_aml, "cpu") == ("Resizing", 3, 3)
    assert fake_aml.compute("cpu").nodes == {"preparing": 3}
    assert used(fake_aml, DSV2) == 12
    fake_aml.advance(minutes=1)
    assert statuses(fake_aml) == ["Running"] * 3 + ["Queued"] * 2
    assert fake_aml.compute("cpu").jobs == ("j0", "j1", "j2")
    assert allocation(fake_aml, "cpu")[0] == "Steady"
    fake_aml.advance(minutes=5)
    assert statuses(fake_aml) == ["Completed"] * 3 + ["Running"] * 2
    assert fake_aml.compute("cpu").nodes == {"running": 2, "idle": 1}
    fake_aml.advance(seconds=95)
    assert fake_aml.compute("cpu").nodes == {"running": 2, "leaving": 1}
    assert allocation(fake_aml, "cpu") == ("Resizing", 3, 2)
    fake_aml.advance(minutes=10)
    assert allocation(fake_aml, "cpu") == ("Steady", 0, 0)
    assert used(fake_aml, DSV2) == 0


def test_nodes_tell_which_job_they_run(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """The list of nodes has the state of each node and the run on it."""
    fake_aml.cluster("cpu", nodes=3)
    submit(name="two", compute="cpu", instance_count=2)
    fake_aml.advance(seconds=65)
    nodes = [vars(node) for node in client.compute.list_nodes("cpu")]
    found = [(node["node_state"] or node["nodeState"], node["run_id"] or node.get("runId")) for node in nodes]
    assert sorted(map(str, found)) == ["('idle', None)", "('running', 'two')", "('running', 'two')"]
    assert fake_aml.job("two").status == "Running"  # nobody had to come


def test_a_cluster_takes_what_quota_there_is(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """With room for one node of two, one comes, the error shows, and quota in the middle brings the other."""
    fake_aml.quota(DSV2, limit=8, used=4)
    fake_aml.cluster("cpu", max_nodes=2)
    submit(name="a", compute="cpu")
    submit(name="b", compute="cpu")
    fake_aml.advance(minutes=2)
    assert statuses(fake_aml) == ["Running", "Queued"]
    error = shown(fake_aml, "cpu")["errors"][0]["error"]
    assert error["code"] == "ClusterCoreQuotaReached"
    assert "needs 4 vCPUs of family standardDSv2Family, 0 of 8 free" in error["message"]
    fake_aml.quota(DSV2, used=0)
    fake_aml.advance(minutes=1)
    assert statuses(fake_aml) == ["Running", "Running"]
    assert shown(fake_aml, "cpu")["errors"] is None


def test_a_cluster_and_serverless_share_the_quota(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Idle nodes hold their cores until they leave: only then a serverless job starts."""
    fake_aml.quota(DSV2, limit=4)
    fake_aml.cluster("cpu", nodes=1, idle_seconds=600)
    submit(name="serverless", instance_type="Standard_DS3_v2")
    fake_aml.advance(minutes=5)
    assert statuses(fake_aml) == ["Queued"]
    fake_aml.advance(minutes=6)
    assert statuses(fake_aml) == ["Running"]


def test_low_priority_nodes_are_taken_away(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The job on a node is hit; the node shows as preempted, holds no quota, and comes back when wanted."""
    fake_aml.cluster("low", tier="spot", max_nodes=2)
    for name in ("hit", "spared", "next"):
        submit(name=name, compute="low")
    fake_aml.advance(minutes=2)
    assert used(fake_aml, "TotalLowPriorityCores", "totalLowPriorityCores") == 8
    fake_aml.quota("TotalLowPriorityCores", limit=4)
    assert fake_aml.preempt_nodes("low") == ("hit",)
    assert fake_aml.compute("low").nodes == {"preempted": 1, "running": 1}
    assert used(fake_aml, "TotalLowPriorityCores", "totalLowPriorityCores") == 4
    assert fake_aml.job("spared").status == "Running"
    fake_aml.advance(minutes=2)
    assert fake_aml.job("next").status == "Queued"
    assert fake_aml.compute("low").nodes == {"preempted": 1, "running": 1}
    fake_aml.quota("TotalLowPriorityCores", limit=8)
    fake_aml.advance(minutes=1)
    assert fake_aml.compute("low").nodes == {"running": 2}
    assert fake_aml.job("next").status == "Running"


def test_the_service_may_restart_the_job_in_place(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Back to Queued under its name with a warning, until the node comes back."""
    fake_aml.cluster("low", tier="spot", max_nodes=1)
    submit(name="j", compute="low")
    fake_aml.advance(minutes=2)
    assert fake_aml.preempt_nodes("low", how="restarted") == ("j",)
    assert (fake_aml.job("j").status, fake_aml.compute("low").nodes) == ("Queued", {"preempted": 1})
    fake_aml.advance(minutes=2)
    job = fake_aml.job("j")
    assert (job.status, job.attempt, len(job.warnings)) == ("Running", 2, 1)
    assert fake_aml.compute("low").nodes == {"running": 1}


def test_an_idle_node_may_be_taken_too(fake_aml: FakeAml) -> None:
    """With its minimum to keep, the cluster takes it back; dedicated nodes are never preempted."""
    fake_aml.cluster("low", tier="spot", min_nodes=1)
    assert fake_aml.preempt_nodes("low", count=1) == ()
    assert fake_aml.compute("low").nodes == {"preempted": 1}
    fake_aml.advance(minutes=2)
    assert fake_aml.compute("low").nodes == {"idle": 1}
    fake_aml.cluster("dear")
    with pytest.raises(ValueError, match="only low-priority"):
        fake_aml.preempt_nodes("dear")
    with pytest.raises(LookupError, match="no compute ghost"):
        fake_aml.preempt_nodes("ghost")


def test_a_node_may_become_unusable(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The job on it loses its node; the node counts until it is gone, and another comes."""
    fake_aml.cluster("cpu", max_nodes=1)
    submit(name="lost", compute="cpu")
    submit(name="next", compute="cpu")
    fake_aml.advance(minutes=2)
    assert fake_aml.lose_nodes("cpu") == ("lost",)
    assert fake_aml.job("lost").status == "Failed"
    assert fake_aml.compute("cpu").nodes == {"unusable": 1}
    fake_aml.advance(minutes=4)
    assert fake_aml.job("next").status == "Running"


def test_a_cluster_may_be_stuck(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """It resizes from 0 to 0 for ever, and its jobs wait; until it comes loose."""
    fake_aml.cluster("cpu")
    fake_aml.stick("cpu")
    submit(name="j", compute="cpu")
    fake_aml.advance(hours=20)
    assert allocation(fake_aml, "cpu") == ("Resizing", 0, 0)
    assert statuses(fake_aml) == ["Queued"]
    fake_aml.unstick("cpu")
    fake_aml.advance(minutes=1)
    assert (allocation(fake_aml, "cpu"), statuses(fake_aml)) == (("Steady", 1, 1), ["Running"])


def test_no_node_comes_back_to_a_stuck_cluster(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Time passes over a preempted node that can't come back; it does once the cluster resizes again."""
    fake_aml.cluster("low", tier="spot", nodes=1)
    submit(name="j", compute="low")
    fake_aml.advance(minutes=2)
    fake_aml.stick("low")
    assert fake_aml.preempt_nodes("low", how="restarted") == ("j",)
    fake_aml.advance(hours=1)
    assert (fake_aml.compute("low").nodes, statuses(fake_aml)) == ({"preempted": 1}, ["Queued"])
    fake_aml.unstick("low")
    fake_aml.advance(minutes=3)
    assert statuses(fake_aml) == ["Running"]


def test_a_cluster_may_have_failed(fake_aml: FakeAml, client: MLClient) -> None:
    """It is there with the code of its error, and has no nodes."""
    fake_aml.cluster("cpu", min_nodes=2, error="VmSizeNotSupported")
    assert client.compute.get("cpu").provisioning_errors == "VmSizeNotSupported"
    broken = fake_aml.compute("cpu")
    assert (broken.state, broken.problem) == ("Failed", "VmSizeNotSupported")
    assert used(fake_aml, DSV2) == 0


def test_a_canceled_job_frees_its_nodes(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Whether it ran, waited or was just about to get them."""
    fake_aml.cluster("cpu", max_nodes=2)
    for name in ("runs", "waits", "coming"):
        submit(name=name, compute="cpu", instance_count=2)
    fake_aml.advance(minutes=2)
    client.jobs.begin_cancel("waits").result()
    client.jobs.begin_cancel("runs").result()
    fake_aml.advance(seconds=10)
    assert statuses(fake_aml) == ["Canceled", "Canceled", "Running"]
    client.jobs.begin_cancel("coming").result()
    fake_aml.advance(minutes=5)
    assert (statuses(fake_aml)[2], allocation(fake_aml, "cpu")) == ("Canceled", ("Steady", 0, 0))


def test_a_lower_maximum_lets_jobs_finish(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Scale settings change under running jobs: they go on, and the nodes leave behind them."""
    fake_aml.cluster("cpu", max_nodes=4)
    for number in range(4):
        submit(name=f"j{number}", compute="cpu")
    fake_aml.advance(minutes=2)
    compute: Any = client.compute.get("cpu")
    compute.max_instances = 1
    client.compute.begin_update(compute).result()
    assert statuses(fake_aml) == ["Running"] * 4
    submit(name="later", compute="cpu")
    fake_aml.advance(minutes=7)
    assert statuses(fake_aml) == ["Completed"] * 4 + ["Running"]
    assert fake_aml.compute("cpu").nodes == {"running": 1}


def test_many_jobs_on_one_cluster(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """A long queue is worked off in order, whatever its nodes do in between."""
    fake_aml.cluster("cpu", tier="spot", max_nodes=5)
    fake_aml.runtime(minutes=1)
    names = [submit(name=f"j{number:03d}", compute="cpu") for number in range(60)]
    fake_aml.advance(hours=3)
    started = [fake_aml.job(name).started for name in names]
    assert started == sorted(started, key=lambda at: at or 0.0)
    assert {fake_aml.job(name).status for name in names} == {"Completed"}
    assert allocation(fake_aml, "cpu") == ("Steady", 0, 0)
