"""Where the next attempt goes: placed anew, by what the job remembers and what can be had now."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from amlrun import (
    Cluster,
    PlacementNotApplied,
    Requeue,
    RequeueExhausted,
    Run,
    SubmissionFailed,
    attach,
    submit,
)
from amlrun._ending import Ending
from amlrun.testing import Forbidden, InternalError, NodeLost, OutOfCapacity, Preempted
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

T4, T4_OF_8 = "Standard_NC4as_T4_v3", "Standard_NC8as_T4_v3"
WAITS = (60,)


def gpu_run(client: MLClient, policy: Requeue, **options: Any) -> Run:
    """A job for one GPU, on spot nodes unless said."""
    settings: dict[str, Any] = {"environment": ENVIRONMENT, "gpus": 1, "tier": "spot", "requeue": policy}
    return submit("python train.py", name="train", client=client, **{**settings, **options})


def placed(fake: FakeAml, name: str) -> tuple[Any, ...]:
    """Where an attempt was sent: size, tier, compute, and the shared memory that it is given."""
    body = fake.job(name).body["properties"]
    resources = body["resources"]
    queue = body.get("queueSettings") or {}
    return (
        resources.get("instanceType"),
        queue.get("jobTier"),
        (body.get("computeId") or "serverless").rpartition("/")[2],
        resources.get("shmSize"),
    )


def test_on_spot_nodes_again_it_is_requeued_as_before(fake_aml: FakeAml, client: MLClient) -> None:
    """The plan of a further attempt warns of no work that would be lost: another one goes on with it."""
    fake_aml.inject(Preempted(), job="train")
    first, second = gpu_run(client, Requeue(waits=WAITS)).wait().attempts
    assert (first.plan.warnings, second.plan.warnings) == ((), ())
    assert first.plan.requeued
    assert second.plan.requeued


def test_after_preemptions_it_goes_to_standard_nodes(fake_aml: FakeAml, client: MLClient) -> None:
    """As the policy says; the plan, its price and what the run cost are those of each attempt."""
    fake_aml.inject(Preempted(), job="train")
    run = gpu_run(client, Requeue(to_standard_after=1, waits=WAITS)).wait()
    assert placed(fake_aml, "train") == (T4, "Spot", "serverless", "14g")
    assert placed(fake_aml, "train-a2") == (T4, "Standard", "serverless", "14g")
    spot, standard = run.attempts
    assert spot.plan.price_per_hour is not None
    assert standard.plan.price_per_hour == spot.plan.on_demand_per_hour
    hours = [(one.seconds or 0) / 3600 for one in run.attempts]
    paid = hours[0] * spot.plan.price_per_hour + hours[1] * (spot.plan.on_demand_per_hour or 0)
    assert run.cost().total == pytest.approx(paid)


def test_the_evicted_size_is_left_alone(fake_aml: FakeAml, client: MLClient) -> None:
    """Where the policy says so; shared memory that we had put there goes along with the size."""
    fake_aml.inject(Preempted(), job="train")
    gpu_run(client, Requeue(avoid_evicted_size=True, waits=WAITS)).wait()
    assert placed(fake_aml, "train-a2") == (T4_OF_8, "Spot", "serverless", "28g")


def test_what_the_job_says_of_shared_memory_stays(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Whatever the size."""
    fake_aml.inject(Preempted(), job="train")
    job = tmp_path / "job.yml"
    job.write_text(f"command: train\nenvironment: {ENVIRONMENT}\nresources: {{shm_size: 3g}}\n")
    policy = Requeue(avoid_evicted_size=True, waits=WAITS)
    submit(job, name="train", gpus=1, tier="spot", requeue=policy, client=client).wait()
    assert [placed(fake_aml, name)[3] for name in fake_aml.jobs] == ["3g", "3g"]


def test_it_goes_where_there_is_quota_now(fake_aml: FakeAml, client: MLClient) -> None:
    """The family that it was in has none any more."""
    fake_aml.inject(NodeLost(), job="train")
    run = submit(
        "train", name="train", environment=ENVIRONMENT, cpus=4, requeue=Requeue(waits=WAITS), client=client
    )
    size = run.plan.size
    assert size is not None
    fake_aml.advance(minutes=3)
    fake_aml.quota(size.family, limit=0)
    run.wait()
    assert [one.ending for one in run.attempts] == [Ending.PLATFORM_FAULT, Ending.COMPLETED]
    first, second = (placed(fake_aml, name)[0] for name in fake_aml.jobs)
    assert first == size.name != second


def test_a_size_without_capacity_is_left_alone(fake_aml: FakeAml, client: MLClient) -> None:
    """Its quota says nothing of that."""
    fake_aml.inject(OutOfCapacity(size=T4), job="train")
    run = gpu_run(client, Requeue(waits=WAITS)).wait()
    assert [placed(fake_aml, one.name)[0] for one in run.attempts] == [T4, T4_OF_8]


@pytest.mark.parametrize("trouble", ["no right", "no answer"])
def test_where_nothing_can_be_read_it_goes_where_it_was(
    fake_aml: FakeAml, client: MLClient, trouble: str
) -> None:
    """Or, where the policy says so, to standard nodes of that size."""
    fake_aml.inject(Preempted(), job="train*", times=2)
    run = gpu_run(client, Requeue(to_standard_after=2, waits=WAITS), gpu="T4", instance_type=[T4_OF_8, T4])
    fault = Forbidden() if trouble == "no right" else InternalError()
    for route in ("GET */usages*", "GET */vmSizes*", "GET */quotas*"):
        fake_aml.inject(fault, on=route, times=None)
    run.wait()
    fake_aml.forget_faults()
    assert [placed(fake_aml, name)[:2] for name in fake_aml.jobs] == [
        (T4_OF_8, "Spot"),
        (T4_OF_8, "Spot"),
        (T4_OF_8, "Standard"),
    ]


def test_a_cluster_that_was_named_stays(fake_aml: FakeAml, client: MLClient) -> None:
    """Whatever the policy says of sizes and tiers: it has its own."""
    fake_aml.cluster("pool", size=T4, tier="spot", max_nodes=1)
    fake_aml.inject(Preempted(), job="train")
    run = gpu_run(client, Requeue(avoid_evicted_size=True, waits=WAITS), compute="pool", tier=None)
    run.wait()
    assert [placed(fake_aml, name)[2] for name in fake_aml.jobs] == ["pool", "pool"]


def test_another_machine_places_it_by_what_the_job_remembers(fake_aml: FakeAml, client: MLClient) -> None:
    """By the name alone; in a property of its own."""
    fake_aml.inject(Preempted(), job="train")
    gpu_run(client, Requeue(avoid_evicted_size=True, waits=WAITS))
    asked = fake_aml.job("train").body["properties"]["properties"]["amlrun.ask"]
    assert json.loads(asked) == {"needs": {"gpus": 1}, "tier": "spot"}
    attach("train", client=fake_aml.client()).wait()
    assert placed(fake_aml, "train-a2")[0] == T4_OF_8


def test_a_job_of_an_older_version_goes_where_it_was(fake_aml: FakeAml, client: MLClient) -> None:
    """It doesn't say what was asked."""
    fake_aml.inject(Preempted(), job="train")
    run = gpu_run(client, Requeue(avoid_evicted_size=True, waits=WAITS))
    known = run._watched
    run._watched = attrs.evolve(known, memory=attrs.evolve(known.memory, ask=None))
    run.wait()
    assert placed(fake_aml, "train-a2")[0] == T4


def test_two_watchers_with_two_opinions_make_one_attempt(fake_aml: FakeAml, client: MLClient) -> None:
    """The second one adopts what the first one sent, with its place."""
    fake_aml.inject(Preempted(), job="train")
    run = gpu_run(client, Requeue(avoid_evicted_size=True, waits=WAITS))
    other = attach("train", client=fake_aml.client()).wait()
    fake_aml.capacity(T4_OF_8, nodes=0)
    run.wait()
    assert fake_aml.jobs == ("train", "train-a2")
    assert [one.plan.instance_type for one in run.attempts] == [T4, T4_OF_8]
    assert run.plan.to_memo() == other.plan.to_memo()


def test_the_rules_of_the_day_choose_the_next_place(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they forbid is not gone back to, where there is something else."""
    fake_aml.inject(Preempted(), job="train")
    run = gpu_run(client, Requeue(waits=WAITS))
    rules = tmp_path / "amlrun.toml"
    rules.write_text(f"[guard]\ndenied_sizes = ['{T4}']\n")
    monkeypatch.setenv("AMLRUN_CONFIG", str(rules))
    run.wait()
    assert [one.plan.instance_type for one in run.attempts] == [T4, T4_OF_8]


def test_a_limit_in_money_ends_the_run(fake_aml: FakeAml, client: MLClient) -> None:
    """With the figures; what ran is paid."""
    fake_aml.inject(Preempted(), job="train*", times=9)
    with pytest.raises(RequeueExhausted, match=r"its attempts cost .* USD, and max_cost is"):
        gpu_run(client, Requeue(max_cost=0.02, waits=WAITS)).wait()
    fake_aml.forget_faults()
    assert len(fake_aml.jobs) > 1


def test_the_next_attempt_needs_no_sdk() -> None:
    """Placing and sending it loads nothing of `azure.ai.ml`."""
    program = (
        "import sys, amlrun._again, amlrun._watch\n"
        "sys.exit(any(name.startswith('azure.ai.ml') for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_cluster_that_is_gone_is_not_made_again(fake_aml: FakeAml, client: MLClient) -> None:
    """It was made for the first attempt; the next one goes there, and the service refuses it."""
    fake_aml.inject(Preempted(), job="train")
    pool = Cluster("pool", size=T4, tier="spot")
    run = gpu_run(client, Requeue(waits=WAITS), compute=pool, tier=None)
    while fake_aml.job("train").status != "Failed":
        fake_aml.advance(minutes=1)
    client.compute.begin_delete("pool").wait()
    with pytest.raises(SubmissionFailed):
        run.wait()
    assert [call.status for call in fake_aml.calls.of("PUT /computes/{name}")] == [201]


def test_the_guard_holds_a_further_attempt_too(
    fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that would leave as the one before did, and be told that it is the first, isn't sent."""
    fake_aml.inject(Preempted(), job="train")
    run = gpu_run(client, Requeue(waits=WAITS))
    monkeypatch.setattr("amlrun._again.dressed", lambda body, _: body)
    with pytest.raises(PlacementNotApplied, match="AMLRUN_ATTEMPT was about to leave as '1'"):
        run.wait()
    assert fake_aml.jobs == ("train",)
