"""What was sent and doesn't run yet is counted: a batch doesn't see the same free cores again and again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import NotAuthorized, Requeue, Run, SubmissionFailed, WaitTimeout, plan, quota, submit
from amlrun.testing import Answer, ConnectionLost, FakeAml, Forbidden, GatewayTimeout, Preempted
from tests.submission.runs import Between

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

ENVIRONMENT = "azureml:train:1"
DSV2, SIZE = "standardDSv2Family", "Standard_DS3_v2"


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """Of a workspace with room for twenty nodes of four vCPUs."""
    fake_aml.quota(DSV2, limit=80)
    fake_aml.quota("TotalDedicatedCores", limit=1000)
    fake_aml.runtime(minutes=10)
    return fake_aml.client()


def send(client: MLClient, count: int = 1, **options: Any) -> list[Run]:
    """So many jobs, one after the other."""
    settings: dict[str, Any] = {"environment": ENVIRONMENT, "instance_type": SIZE, **options}
    return [submit("echo", client=client, **settings) for _ in range(count)]


def counted(client: MLClient) -> tuple[int, int]:
    """Of the family: what is used, and what was sent and doesn't run."""
    family = quota(client=client).family(DSV2)
    assert family is not None
    assert family.dedicated is not None
    return family.dedicated.used, family.dedicated.pending


def test_fifty_jobs_dont_all_see_the_same_free_cores(fake_aml: FakeAml, client: MLClient) -> None:
    """Twenty start now and thirty queue, as it then comes; nobody counts twice, while they run or after."""
    runs = send(client, 50)
    assert [run.plan.starts for run in runs] == ["now"] * 20 + ["queued"] * 30
    assert counted(client) == (0, 200)
    fake_aml.advance(minutes=3)
    assert [fake_aml.job(run.name).status for run in runs] == ["Running"] * 20 + ["Queued"] * 30
    assert counted(client) == (80, 120)
    fake_aml.advance(minutes=11)
    assert counted(client) == (80, 40)
    fake_aml.advance(minutes=11)
    assert counted(client) == (40, 0)
    fake_aml.advance(minutes=11)
    assert counted(client) == (0, 0)
    assert send(client)[0].plan.starts == "now"


def test_a_batch_costs_one_request_each(fake_aml: FakeAml, client: MLClient) -> None:
    """What was sent is known without asking."""
    send(client, 1)
    before = len(fake_aml.calls)
    send(client, 5)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"] * 5


def test_a_job_counts_while_it_is_being_sent(fake_aml: FakeAml) -> None:
    """Whoever decides meanwhile sees what it takes; and no more of it, when the service refuses it."""
    fake_aml.quota(DSV2, limit=4)
    between = Between()
    client = fake_aml.client(per_call_policies=between)
    meanwhile: list[str] = []

    def act(method: str, path: str, go: Callable[[], Any]) -> Any:
        if method == "PUT" and "/jobs/" in path:
            between.act = None
            decided = plan("echo", environment=ENVIRONMENT, instance_type=SIZE, client=client)
            meanwhile.append(str(decided.starts))
        return go()

    between.act = act
    fake_aml.inject(Answer(400, {"error": {"code": "UserError", "message": "no"}}), on="PUT /jobs/{name}")
    with pytest.raises(SubmissionFailed):
        send(client)
    assert meanwhile == ["queued"]
    assert send(client)[0].plan.starts == "now"


def test_threads_dont_share_the_same_free_cores(fake_aml: FakeAml, client: MLClient) -> None:
    """Eight at a time, cold: as many start now as there is room for."""
    fake_aml.quota(DSV2, limit=20)
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: send(client)[0], range(16)))
    assert sorted(str(run.plan.starts) for run in runs) == ["now"] * 5 + ["queued"] * 11
    assert len(fake_aml.jobs) == 16


def test_the_figures_say_what_was_sent(client: MLClient) -> None:
    """A reason adds up: used, sent and free are the limit."""
    send(client, 20)
    (run,) = send(client)
    assert any("limit 80, in use 0, sent and not running yet 80, free 0" in why for why in run.plan.reasons)


def test_a_few_jobs_are_asked_after_and_those_that_were_seen_are_not(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """With the next reading, at most; a look at a run saves one."""
    first, second, third = send(client, 3)
    fake_aml.advance(minutes=3)
    first.refresh()
    second.cancel()
    fake_aml.advance(seconds=5)
    second.refresh()
    before = len(fake_aml.calls)
    plan("echo", environment=ENVIRONMENT, client=client)
    looked = [call.name for call in fake_aml.calls[before:] if "/jobs/" in call.path]
    assert looked == [third.name]


def test_other_processes_see_it_when_it_runs(tmp_path: Path) -> None:
    """Only who sent it can know before."""
    with FakeAml(tmp_path) as fake:
        client, other = fake.client(), FakeAml(tmp_path).client()
        send(client, 5)
        assert counted(other) == (0, 0)
        fake.advance(minutes=3)
        assert counted(other) == counted(client) == (20, 0)


@pytest.mark.parametrize("transport", [{}, {"transport": None}])
def test_a_client_for_each_job_counts_as_one(fake_aml: FakeAml, transport: dict[str, Any]) -> None:
    """Launch code that makes its client anew sees its own earlier jobs; each is asked after once."""
    fake_aml.quota(DSV2, limit=16)
    runs = [send(fake_aml.client(**transport))[0] for _ in range(8)]
    assert [run.plan.starts for run in runs] == ["now"] * 4 + ["queued"] * 4
    asked = [call.name for call in fake_aml.calls.of("GET /jobs/{name}")]
    assert asked == [run.name for run in runs[:-1]]


def test_clients_share_what_they_have_read(fake_aml: FakeAml, client: MLClient) -> None:
    """Two that take turns send what one would, once each has looked by itself."""
    other = fake_aml.client()
    for sender in (client, other):
        plan("echo", environment=ENVIRONMENT, client=sender)
    before = len(fake_aml.calls)
    for _ in range(3):
        send(client)
        send(other)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"] * 6
    assert counted(other) == (0, 24)


def test_who_may_read_less_is_no_measure(fake_aml: FakeAml) -> None:
    """What one account could not read another one reads for itself; what it could is as good for both."""
    usages = "GET /providers/Microsoft.MachineLearningServices/locations/{location}/usages"

    def verified(client: MLClient) -> bool:
        return plan("echo", environment=ENVIRONMENT, client=client).verified

    less, more = fake_aml.client(), fake_aml.client()
    fake_aml.inject(Forbidden(), on=usages)
    assert not verified(less)
    assert verified(more)
    assert verified(less)
    fake_aml.inject(Forbidden(), on=usages)
    with pytest.raises(NotAuthorized):
        quota(client=less)
    assert verified(more)


@pytest.mark.parametrize("transport", [{}, {"transport": None}])
def test_fakes_of_the_same_names_are_others(transport: dict[str, Any]) -> None:
    """What was sent to one is nothing to the next, in the same process."""
    for _ in range(2):
        with FakeAml(subscription_id="the-same") as fake:
            client = fake.client(**transport)
            assert counted(client) == (0, 0)
            send(client, 3)
            assert counted(client) == (0, 12)


@pytest.mark.parametrize("fault", [ConnectionLost(taken=True), GatewayTimeout()])
def test_a_reply_that_was_lost_counts_once(fake_aml: FakeAml, client: MLClient, fault: Any) -> None:
    """The repeat of a PUT is the same job."""
    fake_aml.inject(fault, on="PUT /jobs/{name}")
    send(client, name="once")
    send(client, name="once")
    assert counted(client) == (0, 4)


def test_a_job_that_is_over_is_sent_again_for_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """The same name with the same job is the run that was: it takes no cores."""
    fake_aml.quota(DSV2, limit=4)
    send(client, name="once")
    fake_aml.advance(minutes=30)
    (again,) = send(client, name="once")
    assert again.status == "Completed"
    assert plan("echo", environment=ENVIRONMENT, instance_type=SIZE, client=client).starts == "now"


def test_a_job_that_runs_is_adopted_for_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """The same name with the same job, sent again while it runs: its nodes are in use already."""
    send(client, name="once")
    fake_aml.advance(minutes=3)
    for sender in (client, fake_aml.client()):
        assert counted(sender) == (4, 0)
        (again,) = send(sender, name="once")
        assert again.status == "Running"
        (free,) = plan("echo", environment=ENVIRONMENT, instance_type=SIZE, client=sender).reasons[1:]
        assert free.startswith("1 x 4 = 4 of 76 free")


def test_a_job_that_may_have_been_taken_counts(fake_aml: FakeAml, client: MLClient) -> None:
    """Nobody knows whether it is there: it counts, and is asked after, whichever it turns out to be."""
    send(client)
    for taken, free in ((True, 72), (False, 68)):
        fake_aml.inject(ConnectionLost(taken=taken), on="PUT /jobs/{name}")
        fake_aml.inject(GatewayTimeout(), on="PUT /jobs/{name}", times=3)
        fake_aml.inject(GatewayTimeout(), on="GET /jobs/{name}", times=4)
        with pytest.raises(SubmissionFailed, match="Nobody knows"):
            send(client)
        told = plan("echo", environment=ENVIRONMENT, instance_type=SIZE, client=client).reasons
        assert told[1].startswith(f"1 x 4 = 4 of {free} free")
        assert counted(client) == (0, 8)


def test_nodes_that_come_up_are_counted_once(fake_aml: FakeAml, client: MLClient) -> None:
    """A job is still Queued while its nodes are in use already: at no moment is less free than it leaves."""
    fake_aml.quota(DSV2, limit=40)
    (run,) = send(client, instance_count=5)
    seen = set()
    for _ in range(9):
        fake_aml.advance(seconds=35)
        used, pending = counted(client)
        assert used + pending == 20
        seen.add((fake_aml.job(run.name).status, used))
        another = plan("echo", environment=ENVIRONMENT, instance_type=SIZE, instance_count=5, client=client)
        assert another.starts == "now"
    assert {("Queued", 20), ("Running", 20)} <= seen


def test_others_growth_is_not_taken_for_ours(fake_aml: FakeAml, client: MLClient) -> None:
    """A job that has just begun has no nodes yet: what was taken meanwhile is others', at every reading."""
    fake_aml.quota(DSV2, limit=24)
    send(client, 1, instance_count=3)
    assert counted(client) == (0, 12)
    fake_aml.quota(DSV2, used=12)
    assert [counted(client) for _ in range(2)] == [(12, 12)] * 2


def test_what_waits_for_its_family_leaves_the_total_to_others(fake_aml: FakeAml, client: MLClient) -> None:
    """Thirty jobs, six of which can ever run together: T4 has its own limit free, and of the total enough."""
    fake_aml.quota(DSV2, limit=24)
    fake_aml.quota("TotalDedicatedCores", limit=100)
    send(client, 30)
    for _ in range(2):
        read = quota(client=client)
        assert read.dedicated_total is not None
        assert read.dedicated_total.used + read.dedicated_total.pending == 24
        decided = plan("echo", environment=ENVIRONMENT, gpus=1, client=client)
        assert (decided.instance_type, decided.starts) == ("Standard_NC4as_T4_v3", "now")
        fake_aml.advance(minutes=3)


def test_a_spot_batch_counts_on_the_pool(fake_aml: FakeAml, client: MLClient) -> None:
    """One pool over all families: two of four nodes, whatever the family's own row says."""
    fake_aml.quota("TotalLowPriorityCores", limit=8)
    options: dict[str, Any] = {"environment": ENVIRONMENT, "tier": "spot", "client": client}
    starts = [submit("echo", instance_type=SIZE, **options).plan.starts for _ in range(2)]
    starts.append(submit("echo", gpus=1, **options).plan.starts)
    assert starts == ["now", "now", "queued"]


def test_a_workspaces_own_limit_counts_down(fake_aml: FakeAml, client: MLClient) -> None:
    """It binds before the family's does."""
    fake_aml.quota(DSV2, workspace_limit=8)
    assert [run.plan.starts for run in send(client, 3)] == ["now", "now", "queued"]


def test_a_cluster_counts_down_its_nodes(fake_aml: FakeAml, client: MLClient) -> None:
    """Idle ones first, then those that it can grow by, and then they wait for each other."""
    fake_aml.cluster("cpu", size=SIZE, nodes=2, max_nodes=3)
    runs = [submit("echo", environment=ENVIRONMENT, compute="cpu", client=client) for _ in range(4)]
    assert [run.plan.starts for run in runs] == ["now", "now", "now", "queued"]
    used, pending = counted(client)
    assert (used, pending) == (8, 4)


def test_a_further_attempt_counts_too(fake_aml: FakeAml, client: MLClient) -> None:
    """It was sent by whoever watches, and waits for nodes like the first."""
    fake_aml.inject(Preempted(), job="train")
    settings: dict[str, Any] = {"environment": ENVIRONMENT, "instance_type": SIZE, "client": client}
    run = submit("echo", name="train", tier="spot", requeue=Requeue(waits=(1,)), **settings)
    fake_aml.advance(minutes=3)
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=1800)
    assert (run.attempt, run.status) == (2, "Queued")
    pool = quota(client=client).spot_total
    assert pool is not None
    assert (pool.used, pool.pending) == (16, 4)
    run.cancel()
    fake_aml.advance(minutes=1)
    run.refresh()
    after = quota(client=client).spot_total
    assert after is not None
    assert after.pending == 0
