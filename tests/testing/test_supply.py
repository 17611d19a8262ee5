"""What limits jobs beside the region's quota: the workspace's own limits, capacity, and single machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.wire import register_code, requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

DS3 = "Standard_DS3_v2"
DSV2 = "standardDSv2Family"
OWN = "Microsoft.MachineLearningServices/workspaces/dedicatedCores/quotas"


def region(fake: FakeAml, what: str) -> str:
    """A path of the subscription's in its region."""
    scope = f"/subscriptions/{fake.scope.subscription_id}/providers/Microsoft.MachineLearningServices"
    return f"https://management.azure.com{scope}/locations/eastus/{what}"


def own_rows(fake: FakeAml) -> list[tuple[str, str, int]]:
    """The workspace's own rows of quotas: id, name and limit."""
    rows = requests.get(region(fake, "quotas"), timeout=5).json()["value"]
    return [(row["id"], row["name"]["value"], row["limit"]) for row in rows if row["type"] == OWN]


def statuses(fake: FakeAml) -> list[str]:
    """All jobs' statuses, in the order of submission."""
    return [fake.job(name).status for name in fake.jobs]


def test_the_workspace_has_a_limit_of_its_own(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """It is a row of quotas, not of usages; what the workspace holds counts, what others use does not."""
    fake_aml.quota(DSV2, limit=24, used=12, workspace_limit=4)
    assert own_rows(fake_aml) == [(f"{fake_aml.scope.path}/quotas/{DSV2}", DSV2, 4)]
    for name in ("first", "second"):
        submit(name=name, instance_type=DS3)
    submit(name="spot", instance_type=DS3, job_tier="spot")
    submit(name="never", instance_type=DS3, instance_count=2)
    fake_aml.advance(minutes=2)
    assert statuses(fake_aml) == ["Running", "Queued", "Running", "Failed"]
    assert "The specified workspace has a quota of 4 vCPUs" in fake_aml.job("never").error
    fake_aml.quota(DSV2, workspace_limit=-1)
    assert own_rows(fake_aml) == []
    fake_aml.advance(minutes=1)
    assert fake_aml.job("second").status == "Running"


def test_limits_of_the_workspace_are_updated(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Each row of an update has a status: taken, beyond the subscription's, no such family, not ours."""
    path = f"{fake_aml.scope.path}/quotas"
    wanted = [
        {"id": f"{path}/{DSV2}", "type": OWN, "limit": 4, "unit": "Count"},
        {"id": f"{path}/standardDv2Family", "type": OWN, "limit": 1000, "unit": "Count"},
        {"id": f"{path}/standardQFamily", "type": OWN, "limit": 4, "unit": "Count"},
        {"id": f"{path.replace('fake-workspace', 'other')}/{DSV2}", "type": OWN, "limit": 4, "unit": "Count"},
    ]
    reply = requests.post(region(fake_aml, "updateQuotas"), json={"value": wanted}, timeout=5)
    assert [row["status"] for row in reply.json()["value"]] == [
        "Success",
        "InvalidQuotaExceedsSubscriptionLimit",
        "InvalidVMFamilyName",
        "Failure",
    ]
    assert [(name, limit) for _, name, limit in own_rows(fake_aml)] == [(DSV2, 4)]
    submit(name="a", instance_type=DS3)
    submit(name="b", instance_type=DS3)
    fake_aml.advance(minutes=2)
    assert statuses(fake_aml) == ["Running", "Queued"]
    free = [{"id": f"{path}/{DSV2}", "type": OWN, "limit": -1, "unit": "Count"}]
    requests.post(region(fake_aml, "updateQuotas"), json={"value": free}, timeout=5)
    fake_aml.advance(minutes=1)
    assert statuses(fake_aml) == ["Running", "Running"]


def test_quota_is_not_capacity(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """A size that ran out lets its jobs wait, until there are nodes again; other sizes go on."""
    fake_aml.capacity(DS3, nodes=1)
    for name in ("has", "waits"):
        submit(name=name, instance_type=DS3)
    submit(name="other", instance_type="Standard_DS12_v2")
    fake_aml.advance(minutes=2)
    assert statuses(fake_aml) == ["Running", "Queued", "Running"]
    url = f"https://eastus.api.azureml.ms/history/v1.0{fake_aml.scope.path}/runs/waits"
    assert "no capacity" in requests.get(url, timeout=5).json()["queueingInfo"]["message"]
    fake_aml.advance(minutes=5)
    assert fake_aml.job("waits").status == "Running"
    fake_aml.capacity(DS3, nodes=0)
    submit(name="last", instance_type=DS3)
    fake_aml.advance(hours=1)
    assert fake_aml.job("last").status == "Queued"
    fake_aml.capacity(DS3, nodes=None)
    fake_aml.advance(minutes=1)
    assert fake_aml.job("last").status == "Running"


def test_a_job_may_end_for_want_of_capacity(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """With `fails`, a job that comes to the queue ends with `OutOfCapacity`; quota would have done."""
    fake_aml.capacity("standard_ds3_v2", nodes=0, fails=True)
    submit(name="no", instance_type=DS3)
    fake_aml.advance(minutes=2)
    assert fake_aml.job("no").status == "Failed"
    assert "no capacity for nodes of Standard_DS3_v2" in fake_aml.job("no").error
    with pytest.raises(ValueError, match="no size of the catalogue"):
        fake_aml.capacity("Standard_Nonsense", nodes=0)


def test_a_cluster_needs_capacity_too(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """It shows `OutOfCapacity`, and grows when there is some."""
    fake_aml.capacity(DS3, nodes=1)
    fake_aml.cluster("cpu")
    for name in ("a", "b"):
        submit(name=name, compute="cpu")
    fake_aml.advance(minutes=2)
    assert (statuses(fake_aml), fake_aml.compute("cpu").problem) == (["Running", "Queued"], "OutOfCapacity")
    fake_aml.capacity(DS3, nodes=2)
    fake_aml.advance(minutes=1)
    assert (statuses(fake_aml), fake_aml.compute("cpu").problem) == (["Running", "Running"], "")


def test_quota_may_vanish_in_the_middle(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """What runs goes on, what waits can't start, and usages show more used than allowed."""
    for name in ("runs", "waits"):
        submit(name=name, instance_type=DS3, instance_count=4)
    fake_aml.advance(minutes=2)
    fake_aml.quota(DSV2, limit=8)
    rows = requests.get(region(fake_aml, "usages"), timeout=5).json()["value"]
    row = next(row for row in rows if row["name"]["value"] == DSV2)
    assert (row["currentValue"], row["limit"]) == (16, 8)
    fake_aml.advance(minutes=30)
    assert statuses(fake_aml) == ["Completed", "Queued"]
    fake_aml.quota(DSV2, limit=16)
    fake_aml.advance(minutes=1)
    assert statuses(fake_aml) == ["Completed", "Running"]


@pytest.mark.parametrize("kind", ["compute_instance", "virtual_machine"])
def test_a_machine_takes_one_job_at_a_time(fake_aml: FakeAml, submit: Callable[..., str], kind: str) -> None:
    """Of one node, one after another."""
    from azure.core.exceptions import HttpResponseError

    getattr(fake_aml, kind)("mine")
    for name in ("a", "b"):
        submit(name=name, compute="mine")
    with pytest.raises(HttpResponseError, match="has at most 1"):
        submit(compute="mine", instance_count=2)
    fake_aml.advance(minutes=2)
    assert statuses(fake_aml) == ["Running", "Queued"]
    assert (fake_aml.compute("mine").machine, fake_aml.compute("mine").jobs) == ("JobRunning", ("a",))
    fake_aml.advance(minutes=5)
    assert statuses(fake_aml) == ["Completed", "Running"]


def test_a_stopped_instance_lets_jobs_wait(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Until it is started; to stop it takes the running job's node away."""
    fake_aml.compute_instance("mine", running=False)
    submit(name="a", compute="mine")
    fake_aml.advance(hours=1)
    assert statuses(fake_aml) == ["Queued"]
    client.compute.begin_start("mine").result()
    fake_aml.advance(seconds=5)
    assert statuses(fake_aml) == ["Running"]
    submit(name="b", compute="mine")
    fake_aml.advance(minutes=2)
    client.compute.begin_stop("mine").result()
    fake_aml.advance(minutes=1)
    assert statuses(fake_aml) == ["Failed", "Queued"]


def test_instances_count(fake_aml: FakeAml) -> None:
    """A compute instance holds its cores and counts as a cluster; what is attached does neither."""
    fake_aml.compute_instance("mine", running=False)
    fake_aml.cluster("cpu")
    fake_aml.kubernetes("k8s")
    fake_aml.virtual_machine("box")
    rows = requests.get(region(fake_aml, "usages"), timeout=5).json()["value"]
    totals = {
        row["name"]["value"]: row["currentValue"] for row in rows if row["name"]["value"][:5] == "Total"
    }
    assert totals == {"TotalClusters": 2, "TotalDedicatedCores": 4, "TotalLowPriorityCores": 0}
    fake_aml.quota(DSV2, limit=4)
    with pytest.raises(ValueError, match="does not fit"):
        fake_aml.compute_instance("more")


def test_kubernetes_has_instance_types(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """By name, with a default, beyond Azure ML's quota; as many nodes as it has."""
    from azure.core.exceptions import HttpResponseError

    gpu = {"nodeSelector": {"sku": "gpu"}, "resources": {"limits": {"cpu": "4", "memory": "16Gi"}}}
    fake_aml.kubernetes("k8s", instance_types={"gpu": gpu, "small": {}}, default="small", nodes=2)
    fake_aml.quota("TotalDedicatedCores", limit=0)
    found: Any = client.compute.get("k8s")
    assert "gpu" in str(found.properties)
    submit(name="gpu", compute="k8s", instance_type="gpu")
    submit(name="any", compute="k8s")
    submit(name="waits", compute="k8s", instance_type="small")
    fake_aml.advance(minutes=2)
    assert statuses(fake_aml) == ["Running", "Running", "Queued"]
    assert fake_aml.job("any").instance_type == "small"
    fake_aml.advance(minutes=5)
    assert statuses(fake_aml) == ["Completed", "Completed", "Running"]
    with pytest.raises(HttpResponseError, match="no instance type huge: defaultinstancetype, gpu, small"):
        submit(compute="k8s", instance_type="huge")
    with pytest.raises(ValueError, match="color is no field of the API"):
        fake_aml.kubernetes("other", instance_types={"x": {"color": "blue"}})


def test_kubernetes_has_a_default_instance_type(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Every client shows it, as documented, and a job that names no type gets it."""
    fake_aml.kubernetes("k8s")
    url = f"https://management.azure.com{fake_aml.scope.path}/computes/k8s"
    row = requests.get(url, timeout=5).json()
    types = row["properties"]["properties"]["instanceTypes"]
    assert types["defaultinstancetype"]["resources"]["limits"]["cpu"] == "2"
    submit(name="any", compute="k8s")
    submit(name="named", compute="k8s", instance_type="defaultinstancetype")
    fake_aml.advance(minutes=2)
    assert fake_aml.job("any").instance_type == fake_aml.job("named").instance_type == "defaultinstancetype"


def test_spark_pools_take_spark_jobs(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """And no others; they know no quota."""
    from azure.ai.ml import spark
    from azure.core.exceptions import HttpResponseError

    fake_aml.synapse_spark("pool")
    fake_aml.cluster("cpu")
    fake_aml.quota("TotalDedicatedCores", limit=0)
    with pytest.raises(HttpResponseError, match="Spark pools take Spark jobs"):
        submit(compute="pool")
    options: dict[str, Any] = {
        "environment": "azureml:train:1",
        "code": register_code(fake_aml, "main"),
        "entry": {"file": "main.py"},
        "driver_cores": 1,
        "driver_memory": "1g",
        "executor_cores": 1,
        "executor_memory": "1g",
        "executor_instances": 1,
    }
    with pytest.raises(HttpResponseError, match="Spark pools take Spark jobs"):
        client.jobs.create_or_update(spark(name="no", compute="cpu", **options))
    client.jobs.create_or_update(spark(name="yes", compute="pool", **options))
    fake_aml.advance(minutes=3)
    assert fake_aml.job("yes").status == "Running"
