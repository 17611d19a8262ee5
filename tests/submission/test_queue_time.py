"""A wait in the queue that is too long: what the policy does about it, and that any machine knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import JobCanceled, Requeue, Run, WaitTimeout, attach, submit
from amlrun._ending import Ending
from amlrun._workspace import workspace_of
from amlrun.testing import Answer, Forbidden
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between

T4, T4_OF_8 = "Standard_NC4as_T4_v3", "Standard_NC8as_T4_v3"
MOVED = [Ending.QUEUED_TOO_LONG, Ending.COMPLETED]
HALF_AN_HOUR = 1800
STEPS = f"{{train: {{type: command, command: train, environment: '{ENVIRONMENT}'}}}}"
PIPELINE = f"type: pipeline\njobs: {STEPS}\n"
"""What has no timeout of the service's."""


def queued(fake: FakeAml, client: MLClient, when: str, **policy: Any) -> Run:
    """A job on spot for which there is quota, and no node."""
    fake.capacity(T4, nodes=0)
    wanted = Requeue(max_queue_time=HALF_AN_HOUR, when_queued=when, **policy)
    return submit(
        "python train.py",
        name="train",
        environment=ENVIRONMENT,
        gpus=1,
        tier="spot",
        requeue=wanted,
        client=client,
    )


def endings(run: Run) -> list[Ending | None]:
    """Why each attempt ended."""
    return [one.ending for one in run.attempts]


def places(run: Run) -> list[tuple[str | None, str]]:
    """Where each attempt was."""
    return [(one.plan.instance_type, str(one.plan.tier)) for one in run.attempts]


def test_a_cancel_of_what_follows_is_not_why_the_wait_ended(fake_aml: FakeAml, client: MLClient) -> None:
    """The mark of a cancel is on the first attempt: whoever comes later tells the two apart."""
    run = queued(fake_aml, client, "other-tier", waits=(0,))
    with pytest.raises(WaitTimeout):
        run.wait(timeout=HALF_AN_HOUR + 600)
    assert run.attempt == 2
    run.cancel()
    with pytest.raises(JobCanceled):
        run.wait()
    assert (
        endings(attach("train", client=client))
        == endings(run)
        == [Ending.QUEUED_TOO_LONG, Ending.CANCELED_BY_US]
    )


def test_it_goes_to_another_size(fake_aml: FakeAml, client: MLClient) -> None:
    """After so long and not before, at once; never with two alive."""
    run = queued(fake_aml, client, "other-size")
    with pytest.raises(WaitTimeout):
        run.wait(timeout=HALF_AN_HOUR - 60)
    assert run.status == "Queued"
    began = fake_aml.clock.now()
    run.wait()
    assert (endings(run), places(run)) == (MOVED, [(T4, "spot"), (T4_OF_8, "spot")])
    first, second = (fake_aml.job(one.name) for one in run.attempts)
    assert first.ended is not None
    assert began < first.ended <= second.created <= first.ended + 120
    assert run.attempts[0].seconds == 0


@pytest.fixture
def ahead(client: MLClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is two hours ahead of the service's."""
    clock: Any = workspace_of(client).clock
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + 7200)


@pytest.mark.usefixtures("ahead")
def test_the_service_tells_for_how_long_it_has_waited(fake_aml: FakeAml, client: MLClient) -> None:
    """Whatever the clock says of the machine from which it is gone on with."""
    queued(fake_aml, client, "cancel")
    fake_aml.advance(minutes=3)
    run = attach("train", client=client)
    with pytest.raises(JobCanceled):
        run.wait()
    job = fake_aml.job("train")
    assert job.ended is not None
    assert HALF_AN_HOUR - 60 <= job.ended - job.created <= HALF_AN_HOUR + 120


@pytest.mark.usefixtures("ahead")
def test_the_service_tells_for_how_long_it_has_run(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Of what is ended by who waits: nothing is ended too early, nor is more told than has run."""
    fake_aml.runtime(hours=3)
    file = tmp_path / "job.yml"
    file.write_text(PIPELINE)
    run = submit(file, name="train", timeout=3600, requeue=Requeue(enforce_timeout=True), client=client)
    fake_aml.advance(minutes=10)
    assert (run.refresh().attempts[-1].seconds or 0) < 700
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == Ending.TIMED_OUT
    assert 3500 < (run.attempts[-1].seconds or 0) < 3800


def test_it_goes_to_the_other_tier(fake_aml: FakeAml, client: MLClient) -> None:
    """Where the pool of spot is taken by others."""
    fake_aml.quota("TotalLowPriorityCores", limit=100, used=100)
    wanted = Requeue(max_queue_time=HALF_AN_HOUR, when_queued="other-tier")
    run = submit(
        "train", name="train", environment=ENVIRONMENT, gpus=1, tier="spot", requeue=wanted, client=client
    ).wait()
    assert (endings(run), [tier for _, tier in places(run)]) == (MOVED, ["spot", "standard"])


def test_it_is_canceled(fake_aml: FakeAml, client: MLClient) -> None:
    """Where the policy says so; and why is told."""
    run = queued(fake_aml, client, "cancel")
    with pytest.raises(JobCanceled, match="it waited in the queue for too long") as caught:
        run.wait()
    assert caught.value.reason == "queued-too-long"
    assert fake_aml.jobs == ("train",)


def test_it_waits_on(fake_aml: FakeAml, client: MLClient) -> None:
    """Where the policy says so."""
    run = queued(fake_aml, client, "wait")
    with pytest.raises(WaitTimeout):
        run.wait(timeout=4 * HALF_AN_HOUR)
    fake_aml.capacity(T4, nodes=None)
    assert endings(run.wait()) == [Ending.COMPLETED]


def test_it_waits_on_where_there_is_nothing_else(fake_aml: FakeAml, client: MLClient) -> None:
    """A place in the queue is not given up for none; and it isn't looked for with every look."""
    fake_aml.quota("TotalLowPriorityCores", limit=4)
    run = queued(fake_aml, client, "other-size")
    before = len(fake_aml.calls.of("GET */usages*"))
    with pytest.raises(WaitTimeout):
        run.wait(timeout=6 * HALF_AN_HOUR)
    assert (run.status, fake_aml.jobs) == ("Queued", ("train",))
    assert len(fake_aml.calls.of("GET */usages*")) - before < 40
    fake_aml.capacity(T4, nodes=None)
    assert endings(run.wait()) == [Ending.COMPLETED]


def test_it_moves_as_often_as_the_policy_allows(fake_aml: FakeAml, client: MLClient) -> None:
    """Then it stays where it is."""
    run = queued(fake_aml, client, "other-size", capacity=1)
    fake_aml.capacity(T4_OF_8, nodes=0)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=6 * HALF_AN_HOUR)
    assert (run.attempt, run.status) == (2, "Queued")


def test_another_machine_goes_on_from_there(fake_aml: FakeAml, client: MLClient) -> None:
    """It has the reason in a tag of the attempt; and counts from when the attempt was sent."""
    run = queued(fake_aml, client, "other-size")
    fake_aml.advance(seconds=HALF_AN_HOUR)
    other = attach("train", client=fake_aml.client())
    with pytest.raises(WaitTimeout):
        other.wait(timeout=30)
    assert dict(fake_aml.job("train").tags)["amlrun.queue"] == "other-size"
    third = attach("train", client=fake_aml.client()).wait()
    assert endings(third) == endings(other.wait()) == endings(run.wait()) == MOVED
    assert fake_aml.jobs == ("train", "train-a2")


def test_a_cancel_comes_first(fake_aml: FakeAml, client: MLClient) -> None:
    """Also where the wait was just being ended."""
    run = queued(fake_aml, client, "other-size")
    with pytest.raises(WaitTimeout):
        run.wait(timeout=HALF_AN_HOUR + 60)
    attach("train", client=fake_aml.client()).cancel()
    with pytest.raises(JobCanceled):
        run.wait()
    assert all(fake_aml.job(name).status == "Canceled" for name in fake_aml.jobs)


class Died(BaseException):
    """The machine of a watcher is switched off."""


def test_who_dies_while_giving_it_up_leaves_no_riddle(fake_aml: FakeAml, between: Between) -> None:
    """Its tag is there before it is canceled: whoever comes knows why, and goes on."""
    run = queued(fake_aml, fake_aml.client(per_call_policies=between), "other-size")
    changes: list[str] = []

    def die(method: str, _path: str, go_on: Callable[[], Any]) -> Any:
        if method in {"PATCH", "POST"}:
            changes.append(method)
            if len(changes) > 1:
                between.act = None
                raise Died
        return go_on()

    between.act = die
    with pytest.raises(Died):
        run.wait()
    assert endings(attach("train", client=fake_aml.client()).wait()) == MOVED


def test_a_cancel_that_nobody_heeded_is_repeated(fake_aml: FakeAml, client: MLClient) -> None:
    """Else what was given up would wait for ever."""
    fake_aml.inject(Answer(202), on="POST /jobs/{name}/cancel", name="train")
    run = queued(fake_aml, client, "other-size").wait()
    assert endings(run) == MOVED
    assert len(fake_aml.calls.of("POST /jobs/{name}/cancel")) == 2


def test_it_stays_where_nobody_can_see_what_there_is(fake_aml: FakeAml, client: MLClient) -> None:
    """Whose account may not even read the workspace has no other place for it."""
    queued(fake_aml, client, "other-size")
    other = attach("train", client=fake_aml.client())
    fake_aml.inject(Forbidden(), on="GET ", times=None)
    with pytest.raises(WaitTimeout):
        other.wait(timeout=3 * HALF_AN_HOUR)
    assert (other.status, fake_aml.jobs) == ("Queued", ("train",))


def test_what_has_run_for_its_timeout_is_canceled_once(
    fake_aml: FakeAml, between: Between, tmp_path: Path
) -> None:
    """However long the service takes for it."""
    fake_aml.runtime(hours=3)
    file = tmp_path / "job.yml"
    file.write_text(PIPELINE)
    client = fake_aml.client(per_call_policies=between)
    policy = Requeue(enforce_timeout=True)
    run = submit(file, name="train", timeout=600, requeue=policy, client=client)
    ends: list[str] = []

    def slowly(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        body = reply.http_response.body()
        if method == "GET" and path.endswith("/jobs/train") and b'"Canceled"' in body and len(ends) < 4:
            ends.append(path)
            reply.http_response._content = body.replace(b'"Canceled"', b'"CancelRequested"')
        return reply

    between.act = slowly
    with pytest.raises(JobCanceled):
        run.wait()
    assert len(ends) == 4
    assert len(fake_aml.calls.of("POST /jobs/{name}/cancel", name="train")) == 1
