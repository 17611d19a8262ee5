"""Never, later, now: the three answers, of each limit that binds, with the real client on the fake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import Needs, NoQuota, NotEnoughQuota, NothingFits, Plan, plan, submit

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

A100 = "standardNCADSA100v4Family"
T4 = "Standard NCASv3_T4 Family"
TOTAL, POOL = "TotalDedicatedCores", "TotalLowPriorityCores"
SIZE = "Standard_NC24ads_A100_v4"
JOB: dict[str, Any] = {"environment": "azureml:train:1"}
VM_QUOTA = "That is Azure ML's own quota, not the subscription's VM quota (Microsoft.Compute)."


def planned(fake: FakeAml, **options: Any) -> Plan:
    """The plan of a command."""
    return plan("python -V", client=fake.client(), **JOB, **options)


@pytest.fixture(autouse=True)
def roomy(fake_aml: FakeAml) -> None:
    """No total is in the way, unless a test puts it there."""
    fake_aml.quota(TOTAL, limit=1000, used=0)
    fake_aml.quota(POOL, limit=1000, used=0)


def test_the_family_allows_never_later_now(fake_aml: FakeAml) -> None:
    """The arithmetic in the error and in the plan, and what to do: fewer nodes, another size, more quota."""
    fake_aml.quota(A100, limit=48, used=24)
    fake_aml.quota(T4, limit=64)
    words = f"needs 4 x 24 = 96 vCPUs of {A100}; limit 48, in use 24, free 24: one node fits now, two ever"
    with pytest.raises(NotEnoughQuota) as caught:
        planned(fake_aml, instance_type=SIZE, instance_count=4)
    error = caught.value
    assert words in error.message
    assert (error.limit_name, error.needed, error.limit, error.used, error.free) == (A100, 96, 48, 24, 24)
    assert (error.fits, error.instance_type) == (2, SIZE)
    fewer, others, spot, ask_for, whose = error.hint.splitlines()
    assert fewer == "instance_count=1 fits. instance_count=2 can ever be had (it would wait)."
    assert others.startswith("Sizes that have room: Standard_NC4as_T4_v3 (2.12 USD/h)")
    assert spot == f"With tier='spot' there is room on: {SIZE} (2.96 USD/h)."
    assert ask_for.startswith(
        f"Ask for Azure ML quota of {A100} in eastus, 96 vCPUs at least: https://ml.azure.com"
    )
    assert whose == VM_QUOTA
    later = planned(fake_aml, instance_type=SIZE, instance_count=2)
    assert later.starts == "queued"
    assert words.replace("4 x 24 = 96", "2 x 24 = 48") in later.reasons
    now = planned(fake_aml, instance_type=SIZE)
    assert (now.starts, now.reasons[-1]) == ("now", f"1 x 24 = 24 of 24 free vCPUs of {A100}")


def test_the_total_of_all_families_allows_never_later_now(fake_aml: FakeAml) -> None:
    """A family with room is no use where all families together have none: that is raised elsewhere."""
    fake_aml.quota(T4, limit=64)
    fake_aml.quota(TOTAL, limit=8, used=4)
    with pytest.raises(NotEnoughQuota, match=r"TotalDedicatedCores; limit 8, in use 4, free 4") as caught:
        planned(fake_aml, instance_type="Standard_NC4as_T4_v3", instance_count=3)
    assert "Ask for more dedicated vCPUs of all families together (TotalDedicatedCores)" in caught.value.hint
    assert "12 at least" in caught.value.hint
    assert planned(fake_aml, instance_type="Standard_NC4as_T4_v3", instance_count=2).starts == "queued"
    assert planned(fake_aml, instance_type="Standard_NC4as_T4_v3").starts == "now"


def test_where_several_limits_refuse_each_is_to_be_raised(fake_aml: FakeAml) -> None:
    """The lowest is named with its figures; who asks for one alone would be refused again."""
    fake_aml.quota(T4, limit=8, workspace_limit=4)
    fake_aml.quota(TOTAL, limit=12)
    with pytest.raises(NotEnoughQuota, match="in this workspace; limit 4") as caught:
        planned(fake_aml, instance_type="Standard_NC4as_T4_v3", instance_count=4)
    assert f"Ask for Azure ML quota of {T4}" in caught.value.hint
    assert "This workspace has a limit of its own" in caught.value.hint
    assert "all families together (TotalDedicatedCores)" in caught.value.hint


def test_the_pool_of_spot_allows_never_later_now(fake_aml: FakeAml) -> None:
    """One pool over all families, whatever a family's own limit is; none at all is its own answer."""
    fake_aml.quota(T4, limit=0)
    fake_aml.quota(POOL, limit=8, used=4)
    wish = {"instance_type": "Standard_NC4as_T4_v3", "tier": "spot"}
    with pytest.raises(
        NotEnoughQuota, match=r"of\s+TotalLowPriorityCores; limit 8, in use 4, free 4"
    ) as caught:
        planned(fake_aml, instance_count=3, **wish)
    assert (
        "low-priority vCPUs (TotalLowPriorityCores, one pool over all families) in eastus"
        in caught.value.hint
    )
    assert planned(fake_aml, instance_count=2, **wish).starts == "queued"
    assert planned(fake_aml, **wish).starts == "now"
    fake_aml.quota(POOL, limit=0, used=0)
    with pytest.raises(NoQuota, match=r"needs 1 x 4 = 4 vCPUs of\s+TotalLowPriorityCores; limit 0\."):
        planned(fake_aml, **wish)


def test_the_workspaces_own_limit_allows_never_later_now(fake_aml: FakeAml) -> None:
    """Other workspaces may use the rest. Whoever administers the subscription sets it, nobody else."""
    fake_aml.quota(T4, limit=64, workspace_limit=8)
    wish = {"instance_type": "Standard_NC4as_T4_v3"}
    with pytest.raises(NotEnoughQuota, match="in this workspace; limit 8, in use at least 0, free") as caught:
        planned(fake_aml, instance_count=3, **wish)
    assert "whoever administers the subscription" in caught.value.hint
    assert "Configure quotas" in caught.value.hint
    assert "Ask for Azure ML quota" not in caught.value.hint
    assert planned(fake_aml, instance_count=2, **wish).starts == "now"
    fake_aml.cluster("gpu", size="Standard_NC4as_T4_v3", nodes=1, min_nodes=1)
    later = planned(fake_aml, instance_count=2, **wish)
    assert later.starts == "queued"
    assert "limit 8, in use at least 4, free at most 4: one node fits now, two ever" in later.reasons[1]


def test_what_the_service_does_is_what_was_said(fake_aml: FakeAml) -> None:
    """A plan for now runs, a plan for later waits: the fake's own ledger is the judge."""
    fake_aml.quota(T4, limit=8)
    wish = {"instance_type": "Standard_NC4as_T4_v3", "instance_count": 2, "client": fake_aml.client(), **JOB}
    first = submit("sleep", **wish)
    assert first.plan.starts == "now"
    fake_aml.advance(minutes=2)
    assert fake_aml.job(first.name).status == "Running"
    second = submit("sleep", **wish)
    assert second.plan.starts == "queued"
    fake_aml.advance(seconds=30)
    assert fake_aml.job(second.name).status == "Queued"


def test_gpu_models_are_an_order_of_preference(fake_aml: FakeAml) -> None:
    """The first that can start now, else the first that can be had at all."""
    fake_aml.quota(A100, limit=24, used=24)
    fake_aml.quota(T4, limit=8)
    assert planned(fake_aml, gpu=["A100", "T4"], cpus=4).instance_type == "Standard_NC4as_T4_v3"
    fake_aml.quota(T4, used=8)
    assert planned(fake_aml, gpu=["A100", "T4"], cpus=4).instance_type == SIZE
    fake_aml.quota(A100, used=0)
    now = planned(fake_aml, gpu=["A100", "T4"], cpus=4)
    assert (now.instance_type, now.starts) == (SIZE, "now")
    assert now.reasons[0] == "A100: the first of 2 GPU models asked for that starts now"


def test_gpu_memory_is_a_need(fake_aml: FakeAml) -> None:
    """What each GPU must have, by our own table: the service tells none."""
    fake_aml.quota(A100, limit=24)
    fake_aml.quota(T4, limit=8)
    chosen = planned(fake_aml, needs=Needs(gpu_memory_gb=70))
    assert chosen.size is not None
    assert (chosen.size.gpu_memory_gb or 0) >= 70
    assert "(80 GB)" in chosen.size.hardware
    with pytest.raises(NothingFits, match="of 500 GB on each GPU"):
        planned(fake_aml, needs=Needs(gpu_memory_gb=500))


def test_spot_that_is_not_requeued_says_what_it_may_cost(fake_aml: FakeAml) -> None:
    """Without a place for checkpoints all work since the start is lost; requeued, nothing is said."""
    fake_aml.quota(T4, limit=8)
    wish = {"instance_type": "Standard_NC4as_T4_v3", "tier": "spot", "timeout": 21600}
    (warning,) = planned(fake_aml, requeue=False, **wish).warnings
    assert warning == (
        "spot without requeue: when a node is taken away, the job is over and all its work is lost: 0.10 USD"
        " for each hour of it, at most 0.60 USD in 6 h"
    )
    assert planned(fake_aml, **wish).warnings == ()


def test_auto_says_why(fake_aml: FakeAml) -> None:
    """Spot where the pool has room, else standard, and the reason in any case."""
    fake_aml.quota(T4, limit=8)
    wish = {"instance_type": "Standard_NC4as_T4_v3", "tier": "auto"}
    spot = planned(fake_aml, **wish)
    assert (spot.tier, spot.price_per_hour) == ("spot", 0.1)
    assert "spot: the pool has room, and it is known to cost less" in spot.reasons
    fake_aml.quota(POOL, limit=0)
    standard = planned(fake_aml, **wish)
    assert standard.tier == "standard"
    assert "standard: no size that would do can be had as spot" in standard.reasons


def test_nothing_is_refused_for_what_is_not_known(fake_aml: FakeAml) -> None:
    """403 on every path of the subscription: GPUs are still found, and the plan says that nobody checked."""
    fake_aml.quota(T4, limit=0)
    fake_aml.as_data_scientist()
    run = submit("python -V", gpus=1, client=fake_aml.client(), **JOB)
    assert (run.plan.verified, run.plan.starts) == (False, "unknown")
    resources = fake_aml.job(run.name).body["properties"]["resources"]
    assert resources["instanceType"] == "Standard_NC4as_T4_v3"


def test_the_use_of_a_workspaces_own_limit_is_not_known(fake_aml: FakeAml) -> None:
    """Serverless jobs that run hold some of it, and nobody tells: what might not fit is not promised."""
    fake_aml.quota(T4, limit=64, workspace_limit=8)
    fake_aml.runtime(hours=20)
    submit("python -V", client=fake_aml.client(), **JOB, instance_type="Standard_NC4as_T4_v3")
    fake_aml.advance(minutes=15)
    both = planned(fake_aml, instance_type="Standard_NC4as_T4_v3", instance_count=2)
    assert both.starts == "unknown"
    assert both.reasons[-1] == (
        f"2 x 4 = 8 of at most 8 free vCPUs of {T4} in this workspace, whose whole use nobody tells"
    )
    assert planned(fake_aml, instance_type="Standard_NC4as_T4_v3").starts == "now"
