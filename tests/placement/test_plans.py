"""A plan that comes back when the world has moved: what is worse refuses it, what is better doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from amlrun import ComputeNotFound, NoQuota, PlanOutdated, plan, submit
from tests.placement.teamfile import write

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

JOB: dict[str, Any] = {"environment": "azureml:train:1"}
T4, V100 = "Standard_NC4as_T4_v3", "Standard_NC6s_v3"
T4_FAMILY, V100_FAMILY = "Standard NCASv3_T4 Family", "standardNCSv3Family"


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The real client, of the fake workspace."""
    return fake_aml.client()


def size_sent(fake: FakeAml, name: str) -> str:
    """The size in the body of the job's PUT, as it arrived."""
    return str(fake.job(name).body["properties"]["resources"]["instanceType"])


def test_quota_that_was_taken_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """It would have started at once, and would wait now: nothing is sent, and the error has the new plan."""
    fake_aml.quota(T4_FAMILY, limit=8)
    planned = plan("python -V", instance_type=T4, tier="standard", client=client, **JOB)
    fake_aml.quota(T4_FAMILY, limit=8, used=8)
    with pytest.raises(PlanOutdated) as caught:
        submit(planned, client=client)
    assert caught.value.code == "plan-outdated"
    assert "it would have started at once, and must wait now" in caught.value.message
    rows = caught.value.message.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["planned", "now"]
    assert rows[0].endswith("starts now")
    assert rows[1].endswith("starts queued")
    assert "submit(error.plan)" in caught.value.hint
    assert not fake_aml.jobs
    assert caught.value.planned == planned
    run = submit(caught.value.plan, client=client)
    assert size_sent(fake_aml, run.name) == T4


def test_another_size_may_be_the_plan_of_now(fake_aml: FakeAml, client: MLClient) -> None:
    """The planned size can't be had any more: the new plan has what can."""
    planned = plan("python -V", gpus=1, tier="standard", client=client, **JOB)
    assert planned.instance_type == T4
    fake_aml.quota(T4_FAMILY, limit=0)
    fake_aml.quota(V100_FAMILY, limit=24)
    with pytest.raises(PlanOutdated) as caught:
        submit(planned, client=client)
    assert caught.value.plan.instance_type != T4
    run = submit(caught.value.plan, client=client)
    assert size_sent(fake_aml, run.name) == caught.value.plan.instance_type


def test_another_place_at_a_better_price_is_another_plan(fake_aml: FakeAml, client: MLClient) -> None:
    """The planned size, or tier, must wait: that another would start is no reason to send it."""
    fake_aml.quota(V100_FAMILY, limit=24)
    first = plan("python -V", instance_type=[V100, T4], tier="standard", client=client, **JOB)
    auto = plan("python -V", instance_type=T4, tier="auto", client=client, **JOB)
    assert (first.instance_type, auto.tier) == (V100, "spot")
    fake_aml.quota(V100_FAMILY, limit=24, used=24)
    fake_aml.quota("TotalLowPriorityCores", used=100)
    for planned in (first, auto):
        with pytest.raises(PlanOutdated, match="must wait now") as caught:
            submit(planned, client=client)
        assert (caught.value.plan.instance_type, caught.value.plan.tier) == (T4, "standard")


def test_where_nothing_is_left_the_reason_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """There is no plan of now: the error is that of a new submission."""
    planned = plan("python -V", instance_type=T4, tier="standard", client=client, **JOB)
    fake_aml.quota(T4_FAMILY, limit=0)
    with pytest.raises(NoQuota):
        submit(planned, client=client)
    assert not fake_aml.jobs


def test_a_price_that_rose_is_told(client: MLClient) -> None:
    """It costs more than planned: both prices are shown."""
    planned = plan("python -V", instance_type=T4, tier="spot", client=client, **JOB)
    assert planned.price_per_hour is not None
    cheaper = attrs.evolve(planned, price_per_hour=planned.price_per_hour / 2)
    with pytest.raises(PlanOutdated, match=r"USD an hour, and .* when it was planned") as caught:
        submit(cheaper, client=client)
    assert caught.value.plan.price_per_hour == planned.price_per_hour


def test_prices_that_nobody_knows_are_compared_with_none(fake_aml: FakeAml, client: MLClient) -> None:
    """A size without a known price is outdated for other reasons only, and shown so."""
    planned = plan("python -V", instance_type="Standard_A4_v2", client=client, **JOB)
    assert planned.price_per_hour is None
    fake_aml.quota("standardAv2Family", limit=24, used=24)
    with pytest.raises(PlanOutdated, match=r"must wait now.*\n  planned .*  no known price"):
        submit(planned, client=client)


def test_the_whole_refusal_is_told(client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard rail that is younger than the plan: size, price, rule, file and line, and the plan of now."""
    planned = plan("python -V", gpus=1, tier="spot", client=client, **JOB)
    monkeypatch.delenv("AMLRUN_CONFIG", raising=False)
    write(tmp_path, '[guard]\ndenied_sizes = ["*NC4as_T4*"]\n')
    with pytest.raises(PlanOutdated) as caught:
        submit(planned, client=client)
    told = " ".join(caught.value.message.split())
    assert f"{T4} spot" in told
    assert "0.10 USD/h" in told
    assert 'refused by amlrun.toml, line 2: denied_sizes = "*NC4as_T4*"' in told
    assert caught.value.__cause__ is not None
    assert submit(caught.value.plan, client=client).plan.instance_type != T4


def test_a_stand_in_that_is_not_needed_any_more_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """Nobody named the cluster: once serverless can take the job, it is not sent there."""
    fake_aml.quota(V100_FAMILY, limit=6)
    fake_aml.cluster("idle", size=V100, nodes=1, min_nodes=1)
    fake_aml.quota(V100_FAMILY, limit=0)
    planned = plan("python -V", gpu="V100", client=client, **JOB)
    assert planned.compute == "idle"
    assert submit(planned, client=client).plan.compute == "idle"
    fake_aml.quota(V100_FAMILY, limit=60)
    fake_aml.advance(minutes=1)
    with pytest.raises(PlanOutdated, match="nobody named idle, and the job would go to serverless now"):
        submit(planned, client=client)


def test_a_better_world_is_no_reason(fake_aml: FakeAml, client: MLClient) -> None:
    """Cheaper, sooner, or no longer known: what was planned is sent."""
    fake_aml.quota(T4_FAMILY, limit=8, used=8)
    planned = plan("python -V", instance_type=T4, tier="standard", client=client, **JOB)
    assert planned.starts == "queued"
    assert planned.price_per_hour is not None
    dearer = attrs.evolve(planned, price_per_hour=planned.price_per_hour * 2)
    fake_aml.quota(T4_FAMILY, limit=64)
    now = plan("python -V", instance_type=T4, tier="standard", client=client, **JOB)
    sent = submit(dearer, client=client).plan
    assert (sent.instance_type, sent.price_per_hour, sent.starts) == (T4, planned.price_per_hour, "now")
    fake_aml.as_data_scientist()
    assert submit(now, client=client).plan.starts == "unknown"


def test_a_cluster_that_is_busy_by_now_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """Its idle node was taken: the plan of now is the next place of the list."""
    fake_aml.runtime(hours=9)
    fake_aml.cluster("cpu", nodes=1, max_nodes=1)
    planned = plan("python -V", compute=["cpu", "serverless"], client=client, **JOB)
    assert planned.compute == "cpu"
    submit("python -V", compute="cpu", client=client, **JOB)
    fake_aml.advance(minutes=5)
    with pytest.raises(PlanOutdated, match="must wait now") as caught:
        submit(planned, client=client)
    assert caught.value.plan.compute == "serverless"
    assert "planned  cpu " in caught.value.message


def test_a_cluster_that_is_gone_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """There is no plan without it."""
    fake_aml.cluster("cpu", nodes=1)
    planned = plan("python -V", compute="cpu", client=client, **JOB)
    client.compute.begin_delete("cpu")
    fake_aml.advance(hours=1)
    with pytest.raises(ComputeNotFound, match="'cpu'"):
        submit(planned, client=client)


def test_readings_are_fresh(fake_aml: FakeAml, client: MLClient) -> None:
    """What was read for the plan is read again for its submission, once."""
    planned = plan("python -V", instance_type=T4, client=client, **JOB)
    before = len(fake_aml.calls)
    submit(planned, client=client)
    read = [call.path.rpartition("/")[2] for call in fake_aml.calls[before:] if call.method == "GET"]
    assert sorted(name for name in read if name in {"usages", "vmSizes"}) == ["usages", "vmSizes"]
