"""What a run waits for that doesn't start: found out at long intervals, and never a reason to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import Requeue, Run, WaitTimeout, attach, submit
from amlrun.testing import InternalError
from tests.submission.runs import ENVIRONMENT, spot, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between


def waited(run: Run, capsys: pytest.CaptureFixture[str], minutes: float = 10) -> tuple[str, str]:
    """What was shown in so many minutes in which it doesn't start, and the error at their end."""
    capsys.readouterr()
    with pytest.raises(WaitTimeout) as caught:
        run.wait(timeout=60 * minutes)
    return capsys.readouterr().err, str(caught.value)


def test_quota_in_use_is_told_with_who_holds_it(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, while it doesn't change; and the error at the end of a time-out has it, too."""
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    run = spot(client, instance_type="Standard_DS3_v2")
    shown, error = waited(run, capsys, minutes=60)
    words = "limit 16, in use 16, free 0: none fits now"
    assert f"{run.name} waits: quota: it needs 1 x 4 = 4 vCPUs of TotalLowPriorityCores" in shown
    assert shown.count(f"{run.name} waits: ") == 1
    assert words in shown
    assert "the service says " in shown
    assert words in " ".join(error.split())


def test_runs_of_ones_own_that_hold_quota_are_named(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that were sent from here; on a cluster one holds none of serverless."""
    fake_aml.runtime(hours=5)
    fake_aml.quota("TotalLowPriorityCores", limit=24)
    fake_aml.cluster("nodes", size="Standard_DS3_v2", max_nodes=1, tier="spot")
    where: dict[str, Any] = {"environment": ENVIRONMENT, "client": client}
    submit("train", name="small", compute="nodes", **where)
    submit("train", name="big", instance_type="Standard_D16a_v4", tier="spot", **where)
    fake_aml.advance(minutes=20)
    run = submit("train", name="second", instance_type="Standard_D16a_v4", tier="spot", **where)
    shown, _ = waited(run, capsys)
    holders = shown.partition("In use by ")[2].partition(";")[0]
    assert holders == "the job big (16), nodes (4)"


def test_a_busy_cluster_is_told_by_its_nodes(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the plan would tell it."""
    fake_aml.cluster("cpu-cluster", size="Standard_DS3_v2", max_nodes=1)
    fake_aml.runtime(hours=5)
    first = submit("echo", environment=ENVIRONMENT, compute="cpu-cluster", client=client)
    second = submit("echo", environment=ENVIRONMENT, compute="cpu-cluster", client=client)
    fake_aml.advance(minutes=20)
    assert first.refresh().status == "Running"
    shown, _ = waited(second, capsys)
    assert f"{second.name} waits: cpu-cluster: its one node is busy: the job waits for it" in shown


def test_a_cluster_that_is_stuck_is_told(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """It resizes, and no node comes."""
    fake_aml.cluster("cpu-cluster", size="Standard_DS3_v2", max_nodes=2)
    fake_aml.stick("cpu-cluster")
    run = submit("echo", environment=ENVIRONMENT, compute="cpu-cluster", client=client)
    shown, _ = waited(run, capsys, minutes=120)
    assert "cpu-cluster: it resizes from 0 to 0 nodes since " in shown
    assert "no node comes: it may be stuck" in shown


def test_an_image_that_is_being_built_is_told(
    fake_aml: FakeAml, between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the state that the service gives it."""
    run = spot_over(fake_aml, between)

    def build(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if method == "GET" and path.endswith(f"/jobs/{run.name}"):
            body = reply.http_response.body().replace(b'"status": "Queued"', b'"status": "Preparing"')
            reply.http_response._content = body
            reply.http_response.internal_response._content = body
        return reply

    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    between.act = build
    shown, _ = waited(run, capsys)
    assert f"{run.name} waits: its image is being built" in shown


def test_what_cannot_be_read_is_no_failure(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither quota that the account may not read nor a run history that is down; nor is it asked often."""
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    run = spot(client)
    fake_aml.as_data_scientist()
    fake_aml.inject(InternalError(), on="GET /runs/{name}", times=1000)
    before, began = len(fake_aml.calls), fake_aml.clock.now()
    with pytest.raises(WaitTimeout):
        run.wait(timeout=6 * 3600)
    fake_aml.forget_faults()
    made = [call for call in fake_aml.calls[before:] if call.route != "/jobs/{name}"]
    assert fake_aml.clock.now() - began >= 6 * 3600
    assert len(made) <= 14 * 14, "some fourteen questions of a handful of requests, with their repeats"
    assert "Queued for" in capsys.readouterr().err


def test_what_nobody_has_foreseen_is_no_failure(
    fake_aml: FakeAml,
    between: Between,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It explains nothing, and that is all; it is told once, with a traceback, for it is a defect."""
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    run = spot_over(fake_aml, between)
    between.act = stumbling(run.name)
    shown, _ = waited(run, capsys, minutes=180)
    told = [one for one in caplog.records if "what it waits for can't be read" in one.message]
    assert [(one.levelname, one.exc_info is not None) for one in told] == [("WARNING", True)]
    assert "waits" not in shown
    assert "Queued for" in shown


def stumbling(name: str) -> Callable[[str, str, Callable[[], Any]], Any]:
    """A policy of the user's own fails on the way to why it waits."""

    def act(_method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if path.endswith(f"/runs/{name}"):
            raise ZeroDivisionError
        return go_on()

    return act


def test_who_comes_late_is_told_since_when_it_waits(
    fake_aml: FakeAml, client: MLClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """As far as that is known: where the policy has a limit for it, since it was sent."""
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    run = spot(client, requeue=Requeue(max_queue_time=5 * 3600))
    fake_aml.advance(hours=2)
    shown, _ = waited(attach(run.name, client=fake_aml.client()), capsys, minutes=1)
    assert f"{run.name}: Queued for 2 h" in shown


def test_a_run_that_starts_soon_is_asked_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """Two minutes in one state are no wait."""
    run = spot(client)
    before = len(fake_aml.calls)
    run.wait()
    routes = {call.route for call in fake_aml.calls[before:]}
    assert routes <= {"/jobs/{name}", "/runs/{name}"}


def test_who_shows_nothing_asks_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """Without progress nobody would read it."""
    fake_aml.quota("TotalLowPriorityCores", limit=16, used=16)
    run = spot(client)
    before = len(fake_aml.calls)
    with pytest.raises(WaitTimeout):
        run.wait(timeout=3600, progress=False)
    assert {call.route for call in fake_aml.calls[before:]} == {"/jobs/{name}"}
