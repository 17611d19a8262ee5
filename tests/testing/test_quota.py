"""Quota that counts: what usages tell, who waits, who starts next, and what can never start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient
    from requests import Response

    from amlrun.testing import FakeAml

DEDICATED = "Microsoft.MachineLearningServices/vmFamily/dedicatedCores/usages"
SPOT = "Microsoft.MachineLearningServices/vmFamily/lowPriorityCores/usages"
DS3 = "Standard_DS3_v2"


def read(fake: FakeAml, what: str) -> Response:
    """A subscription path, as the service answers it."""
    path = (
        f"/subscriptions/{fake.scope.subscription_id}/providers/Microsoft.MachineLearningServices/locations"
    )
    return requests.get(f"https://management.azure.com{path}/eastus/{what}?api-version=2024-04-01", timeout=5)


def used(fake: FakeAml) -> dict[tuple[str, bool], tuple[int, int]]:
    """The rows that say something: (name, spot) to (used, limit)."""
    rows = read(fake, "usages").json()["value"]
    return {
        (row["name"]["value"], "owPriority" in row["type"]): (row["currentValue"], row["limit"])
        for row in rows
        if row["currentValue"]
    }


def test_usages_are_in_the_services_form(fake_aml: FakeAml) -> None:
    """The same family twice, told apart by type; -1 for spot families; other spellings than vmSizes."""
    rows = read(fake_aml, "usages").json()["value"]
    family = [row for row in rows if row["name"]["value"] == "standardNCADSA100v4Family"]
    assert [(row["type"], row["limit"]) for row in family] == [(DEDICATED, 0), (SPOT, -1)]
    assert family[0]["name"]["localizedValue"] == "Standard NCADSA100v4 Family Cluster Dedicated vCPUs"
    totals = {
        row["name"]["value"]: (row["limit"], row["type"])
        for row in rows
        if row["name"]["value"].startswith("Total")
    }
    assert totals == {
        "TotalClusters": (200, "Microsoft.MachineLearningServices/totalClusters/usages"),
        "TotalDedicatedCores": (100, "Microsoft.MachineLearningServices/totalDedicatedCores/usages"),
        "TotalLowPriorityCores": (100, "Microsoft.MachineLearningServices/totalLowPriorityCores/usages"),
    }
    sizes = {size["family"] for size in read(fake_aml, "vmSizes").json()["value"]}
    assert "StandardNCADSA100v4Family" in sizes
    assert sizes - {row["name"]["value"] for row in rows}
    assert read(fake_aml, "quotas").json()["value"][0]["unit"] == "Count"


def test_the_client_reads_sizes_and_usages(client: MLClient) -> None:
    """`list_sizes` and `list_usage` of the real client work."""
    assert any(size.name == DS3 for size in client.compute.list_sizes())
    assert list(client.compute.list_usage())


def test_jobs_hold_cores_while_they_have_nodes(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Nothing before the queue, the nodes' cores until the end, in the family's row and in the total."""
    submit(instance_type=DS3, instance_count=2)
    submit(instance_type="Standard_NC4as_T4_v3", job_tier="spot")
    assert used(fake_aml) == {}
    fake_aml.advance(minutes=2)
    assert used(fake_aml) == {
        ("TotalDedicatedCores", False): (8, 100),
        ("standardDSv2Family", False): (8, 24),
        ("TotalLowPriorityCores", True): (4, 100),
        ("Standard NCASv3_T4 Family", True): (4, -1),
    }
    fake_aml.advance(minutes=10)
    assert used(fake_aml) == {}


def test_what_does_not_fit_waits_and_starts_in_order(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Two fit, two wait, and each starts when one ends; run history says what is missing."""
    fake_aml.quota("standard dsv2 family", limit=8)
    names = [submit(instance_type=DS3, name=f"j{number}") for number in range(4)]
    fake_aml.advance(minutes=2)
    assert [fake_aml.job(name).status for name in names] == ["Running", "Running", "Queued", "Queued"]
    url = f"https://eastus.api.azureml.ms/history/v1.0{fake_aml.scope.path}/runs/j2"
    assert (
        "needs 4 vCPUs of family standardDSv2Family, 0 of 8 free"
        in requests.get(url, timeout=5).json()["queueingInfo"]["message"]
    )
    fake_aml.advance(minutes=6)
    assert [fake_aml.job(name).status for name in names] == ["Completed", "Completed", "Running", "Running"]


def test_the_total_and_the_pool_bind_too(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """A family with room waits for the region's total; spot waits for the one pool."""
    fake_aml.quota("TotalDedicatedCores", limit=20, used=20)
    fake_aml.quota("TotalLowPriorityCores", limit=4, used=1)
    submit(instance_type=DS3, name="dedicated")
    submit(instance_type=DS3, name="spot", job_tier="spot")
    fake_aml.advance(minutes=5)
    assert [fake_aml.job(name).status for name in ("dedicated", "spot")] == ["Queued", "Queued"]
    fake_aml.quota("TotalDedicatedCores", used=16)
    fake_aml.quota("TotalLowPriorityCores", used=0)
    fake_aml.advance(minutes=1)
    assert [fake_aml.job(name).status for name in ("dedicated", "spot")] == ["Running", "Running"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"instance_type": "Standard_NC24ads_A100_v4"},
            "quota of 0 vCPUs for family StandardNCADSA100v4Family",
        ),
        ({"instance_type": DS3, "instance_count": 7}, "at most 6 node(s) fit"),
        ({"instance_type": "Standard_Nonsense"}, "Instance type Standard_Nonsense is not available"),
    ],
)
def test_what_can_never_start_fails(
    fake_aml: FakeAml, submit: Callable[..., str], options: dict[str, Any], words: str
) -> None:
    """No quota, too many nodes, no such size: the job is taken and ends Failed, with figures."""
    submit(name="never", **options)
    fake_aml.advance(minutes=2)
    job = fake_aml.job("never")
    assert job.statuses == ("Starting", "Preparing", "Failed")
    assert words in job.error


def test_with_no_size_the_service_chooses(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """One general-purpose node, of a family that has quota."""
    fake_aml.quota("standardDSv2Family", limit=0)
    submit(name="any")
    fake_aml.advance(minutes=2)
    assert (fake_aml.job("any").status, fake_aml.job("any").instance_type) == ("Running", "Standard_D12_v2")


def test_quota_of_nothing_known_is_an_error(fake_aml: FakeAml) -> None:
    """A name that is neither a family nor a total is answered with those there are."""
    with pytest.raises(
        ValueError, match="There are: TotalDedicatedCores, TotalLowPriorityCores, standardAv2Family"
    ):
        fake_aml.quota("standardQFamily", limit=1)
    with pytest.raises(ValueError, match="used=3"):
        fake_aml.quota("TotalLowPriorityCores", spot_used=3)
    fake_aml.quota("standardDSv2Family", used=4, spot_used=6)
    assert used(fake_aml)["TotalDedicatedCores", False] == (4, 100)
    assert used(fake_aml)["standardDSv2Family", True] == (6, -1)


def test_a_data_scientist_reads_no_quota(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """403 on the three subscription paths, with the missing action; the workspace itself works."""
    fake_aml.as_data_scientist()
    for what in ("usages", "vmSizes", "quotas"):
        reply = read(fake_aml, what)
        assert reply.status_code == 403
        error = reply.json()["error"]
        assert error["code"] == "AuthorizationFailed"
        assert f"Microsoft.MachineLearningServices/locations/{what}/read" in error["message"]
    assert client.workspaces.get().name == "fake-workspace"
    submit()


def test_a_cluster_gives_its_nodes(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """Nodes come when a job needs them, hold quota while they idle, and leave; the size is in capitals."""
    fake_aml.cluster("Gpu-Cluster", size="Standard_NC4as_T4_v3", max_nodes=2, tier="spot")
    assert client.compute.get("gpu-cluster").size == "STANDARD_NC4AS_T4_V3"
    submit(name="early", compute="gpu-cluster")
    fake_aml.preempt("early")  # its tier is the cluster's, known before it runs
    fake_aml.advance(minutes=5)
    assert "PreemptionError" in fake_aml.job("early").error
    submit(name="a", compute="gpu-cluster")
    submit(name="b", compute="gpu-cluster", instance_count=2)
    fake_aml.advance(minutes=2)
    assert [fake_aml.job(name).status for name in "ab"] == ["Running", "Queued"]
    url = f"https://management.azure.com{fake_aml.scope.path}/computes/gpu-cluster"
    shown = requests.get(url, timeout=5).json()["properties"]["properties"]
    assert (shown["currentNodeCount"], shown["nodeStateCounts"]["runningNodeCount"]) == (2, 1)
    assert shown["vmPriority"] == "LowPriority"
    queueing = requests.get(
        f"https://eastus.api.azureml.ms/history/v1.0{fake_aml.scope.path}/runs/b", timeout=5
    ).json()["queueingInfo"]
    assert queueing == {
        "code": "InsufficientAvailableNodes",
        "message": "Job needs 2 node(s) while currently the cluster only has 1",
    }
    nodes = requests.post(f"{url}/listNodes", timeout=5).json()["nodes"]
    assert [(node["nodeState"], node["runId"]) for node in nodes] == [("running", "a"), ("idle", None)]
    fake_aml.advance(minutes=6)
    assert fake_aml.job("b").status == "Running"
    assert fake_aml.job("b").compute == "gpu-cluster"
    fake_aml.preempt("b")
    assert used(fake_aml) == {("TotalClusters", False): (1, 200)}
    submit(name="c", compute="gpu-cluster")
    fake_aml.advance(minutes=7)
    assert used(fake_aml)["TotalLowPriorityCores", True] == (4, 100)
    fake_aml.advance(minutes=2)
    assert used(fake_aml) == {("TotalClusters", False): (1, 200)}


def test_a_cluster_without_quota_says_so(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The job is taken and waits; the compute is Succeeded, with `ClusterCoreQuotaReached` in it."""
    fake_aml.cluster("big", size="Standard_NC24ads_A100_v4", max_nodes=1)
    submit(name="w", compute="big")
    fake_aml.advance(minutes=5)
    assert fake_aml.job("w").status == "Queued"
    url = f"https://management.azure.com{fake_aml.scope.path}/computes/big"
    shown = requests.get(url, timeout=5).json()["properties"]
    assert shown["provisioningState"] == "Succeeded"
    assert [error["error"]["code"] for error in shown["properties"]["errors"]] == ["ClusterCoreQuotaReached"]
    fake_aml.quota("standardNCADSA100v4Family", limit=24)
    fake_aml.advance(minutes=1)
    assert fake_aml.job("w").status == "Running"


def test_a_cluster_that_cannot_be_is_refused(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """No such size, no room for its minimum: ValueError; too many nodes: 400; not there: 404."""
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    with pytest.raises(ValueError, match="no size of the catalogue"):
        fake_aml.cluster("cpu", size="Standard_Nonsense")
    with pytest.raises(ValueError, match="does not fit"):
        fake_aml.cluster("cpu", min_nodes=7, max_nodes=7)
    fake_aml.cluster("cpu", max_nodes=2)
    with pytest.raises(HttpResponseError, match="has at most 2"):
        submit(compute="cpu", instance_count=3)
    with pytest.raises(ResourceNotFoundError):
        client.compute.get("deep")
