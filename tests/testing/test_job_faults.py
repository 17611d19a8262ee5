"""What can be made to happen to jobs: each fault as a value, aimed at a name, a pattern, a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.exceptions import JobException

from amlrun.testing import (
    CanceledByPlatform,
    Failed,
    FakeAml,
    ImageBuildFailed,
    NodeLost,
    NotResponding,
    Preempted,
    TimedOut,
)
from tests.testing.kinds import two_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing._jobs.faults import JobFault

SPOT = {"instance_type": "Standard_NC4as_T4_v3", "job_tier": "spot"}
WARNING = "Low priority compute preemption warning: a node has been preempted."


def run_of(fake: FakeAml, name: str) -> dict[str, Any]:
    """Run history's view of a job."""
    from tests.testing.wire import requests

    url = f"https://{fake.scope.location}.api.azureml.ms/history/v1.0{fake.scope.path}/runs/{name}"
    found: dict[str, Any] = requests.get(url, timeout=5).json()
    return found


@pytest.mark.parametrize(
    ("fault", "status", "code", "words", "warnings"),
    [
        (Preempted(after=60), "Failed", "JobPreempted", "PreemptionError", (WARNING,)),
        (Preempted(how="canceled", after=60), "Canceled", "", "", (WARNING,)),
        (CanceledByPlatform(after=60), "Canceled", "", "", ()),
        (NodeLost(after=60), "Failed", "ServiceError", "NodeLost", ()),
        (Failed(exit_code=7, after=60), "Failed", "UserError", "exited with status code 7", ()),
        (Failed("DiskFull", "no space", after=60), "Failed", "DiskFull", "no space", ()),
        (TimedOut(after=60), "Canceled", "", "", ()),
    ],
)
def test_faults_that_end_a_running_job(  # noqa: PLR0917 - a table's columns
    fake_aml: FakeAml, submit: Callable[..., str], fault: JobFault, status: str, code: str, words: str,
    warnings: tuple[str, ...],
) -> None:  # fmt: skip
    """After so many seconds of running, with its code, words and warning; nobody asked for a cancel."""
    fake_aml.inject(fault, job="train-*")
    submit(name="train-1", **SPOT)
    fake_aml.advance(hours=1)
    job = fake_aml.job("train-1")
    assert job.statuses == ("Starting", "Preparing", "Queued", "Running", status)
    assert job.started is not None
    assert job.ended == job.started + 60
    assert (job.code, job.warnings) == (code, warnings)
    assert words in job.error
    submit(name="train-2", **SPOT)
    fake_aml.advance(hours=1)
    assert fake_aml.job("train-2").status == "Completed"


def test_a_fault_without_an_instant_strikes_halfway(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Jobs that pretend run five minutes: half of it."""
    fake_aml.inject(NodeLost(), job="j")
    submit(name="j", instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    job = fake_aml.job("j")
    assert job.started is not None
    assert job.ended == job.started + 150


def test_a_job_is_restarted_in_place(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Running goes back to Queued, several times: same name, one warning each, logs overwritten."""
    fake_aml.inject(Preempted(how="restarted", after=60), job="spot", times=2)
    submit(name="spot", **SPOT)
    fake_aml.advance(seconds=100)
    fake_aml.log("spot", "first attempt\n")
    fake_aml.advance(hours=1)
    fake_aml.log("spot", "third attempt\n")
    job = fake_aml.job("spot")
    assert job.statuses == ("Starting", "Preparing", "Queued", "Running", "Queued", "Running", "Queued",
                            "Running", "Completed")  # fmt: skip
    assert (job.attempt, job.warnings) == (3, (WARNING, WARNING))
    run = run_of(fake_aml, "spot")
    assert [warning["message"] for warning in run["warnings"]] == [WARNING, WARNING]
    assert run["currentAttemptId"] == 3
    assert run["startTimeUtc"] == "2026-01-05T09:01:30.000000Z"
    client.jobs.stream("spot")
    printed = capsys.readouterr().out
    assert WARNING in printed
    assert fake_aml.jobs == ("spot",)


def test_a_restarted_job_waits_for_quota_like_any_other(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """Its nodes are gone and its vCPUs are free: who waited longer than they took may come first."""
    fake_aml.quota("TotalLowPriorityCores", limit=4)
    fake_aml.inject(Preempted(how="restarted", after=60), job="first")
    for name in ("first", "second"):
        submit(name=name, **SPOT)
    fake_aml.advance(hours=1)
    assert [fake_aml.job(name).status for name in ("first", "second")] == ["Completed"] * 2
    assert fake_aml.job("first").attempt == 2


def test_preempted_before_it_ever_ran(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Its nodes are gone while they come up: it waits for others, and has a warning."""
    fake_aml.inject(Preempted(how="queued"), job="j", times=2)
    submit(name="j", **SPOT)
    fake_aml.advance(hours=1)
    job = fake_aml.job("j")
    assert job.statuses == ("Starting", "Preparing", "Queued", "Running", "Completed")
    assert job.warnings == (WARNING, WARNING)
    assert job.started == job.created + 90 + 2 * 30


def test_a_job_stops_responding_and_comes_back(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """NotResponding is no end: the job runs on, and is done when it would have been."""
    fake_aml.inject(NotResponding(seconds=100, after=60), job="j")
    submit(name="j", instance_type="Standard_DS3_v2")
    fake_aml.advance(seconds=90 + 61)
    assert fake_aml.job("j").status == "NotResponding"
    fake_aml.advance(hours=1)
    job = fake_aml.job("j")
    assert job.statuses[-3:] == ("NotResponding", "Running", "Completed")
    assert job.started is not None
    assert job.ended == job.started + 300


def test_a_job_that_never_responds_again(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """It stays so, holds its nodes, and can be canceled."""
    fake_aml.inject(NotResponding(seconds=None, after=60), job="j")
    submit(name="j", instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=100)
    assert fake_aml.job("j").status == "NotResponding"
    client.jobs.begin_cancel("j").result()
    assert fake_aml.job("j").statuses[-3:] == ("NotResponding", "CancelRequested", "Canceled")


def test_an_image_that_cannot_be_built(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The job ends before it is queued, even where another one has used its environment."""
    submit(name="good")
    fake_aml.advance(hours=1)
    fake_aml.inject(ImageBuildFailed(code="ImageBuildComputeNotValid"), job="bad")
    submit(name="bad")
    fake_aml.advance(hours=1)
    job = fake_aml.job("bad")
    assert (job.statuses, job.code) == (("Starting", "Preparing", "Failed"), "ImageBuildComputeNotValid")
    assert job.started is None


def test_a_fault_for_a_job_that_runs_already(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """One whose instant has passed strikes now, another one when it comes."""
    for name in ("a", "b"):
        submit(name=name, instance_type="Standard_DS3_v2")
    fake_aml.advance(seconds=90 + 100)
    fake_aml.inject(NodeLost(after=60), job="a")
    fake_aml.inject(NodeLost(after=200), job="b")
    assert [fake_aml.job(name).status for name in ("a", "b")] == ["Failed", "Running"]
    fake_aml.advance(hours=1)
    job = fake_aml.job("b")
    assert job.started is not None
    assert (job.status, job.ended) == ("Failed", job.started + 200)


def test_times_are_shared_by_all_that_fit(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Two of three, in the order in which they come to that point; the third is done as if nothing were."""
    fake_aml.inject(Failed(after=30), job="j*", times=2)
    for name in ("j1", "j2", "j3"):
        submit(name=name, instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    jobs = [fake_aml.job(name) for name in ("j1", "j2", "j3")]
    assert [job.status for job in jobs] == ["Failed", "Failed", "Completed"]
    assert jobs[2].started is not None
    assert jobs[2].ended == jobs[2].started + 300


def test_a_child_is_aimed_at_by_its_path(fake_aml: FakeAml, client: MLClient) -> None:
    """`pipeline/node`; the shortcuts know it too."""
    fake_aml.inject(NodeLost(), job="pipe/use")
    client.jobs.create_or_update(two_steps())
    fake_aml.advance(hours=1)
    assert fake_aml.job("pipe/make").status == "Completed"
    assert "NodeLost" in fake_aml.job("pipe/use").error
    client.jobs.create_or_update(two_steps("other"))
    fake_aml.advance(minutes=3)
    fake_aml.fail("other/make", exit_code=9)
    assert "status code 9" in fake_aml.job("other/make").error
    fake_aml.advance(minutes=1)
    assert fake_aml.job("other").status == "Failed"


def test_a_parent_fails_with_its_children(fake_aml: FakeAml, client: MLClient) -> None:
    """A fault of the parent's own ends it, and cancels whoever runs."""
    client.jobs.create_or_update(two_steps())
    fake_aml.advance(minutes=3)
    fake_aml.fail("pipe", code="ServiceError", message="the orchestrator is gone")
    fake_aml.advance(minutes=1)
    assert (fake_aml.job("pipe").status, fake_aml.job("pipe").error) == ("Failed", "the orchestrator is gone")
    assert fake_aml.job("pipe/make").status == "Canceled"
    assert len(fake_aml.job("pipe").children) == 1


def test_the_stream_of_a_failed_job_raises(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """With run history's error in it."""
    fake_aml.inject(Failed("UserError", "the data is bad"), job="j")
    submit(name="j")
    with pytest.raises(JobException, match="the data is bad"):
        client.jobs.stream("j")


def test_a_fault_that_never_struck_is_told() -> None:
    """With whom it was for, and how often it has struck: dedicated jobs are never preempted."""
    fake = FakeAml()
    fake.inject(Preempted(), job="spot-*", times=3)
    with pytest.raises(AssertionError, match=r"Preempted.*'spot-\*' struck 0 of 3 times"):
        fake.check_faults()
    fake.forget_faults()
    fake.check_faults()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Preempted(how="gently"), "how"),  # type: ignore[arg-type]
        (lambda: Failed(after=-1), "after is in seconds, a number from 0 up"),
    ],
)
def test_a_fault_that_makes_no_sense(make: Callable[[], JobFault], words: str) -> None:
    """It can't even be written."""
    with pytest.raises(ValueError, match=words):
        make()


def test_faults_are_kept_with_the_workspace(fake_aml: FakeAml, tmp_path: Any) -> None:
    """A second process on the folder meets them too."""
    assert fake_aml.jobs == ()
    first = FakeAml(tmp_path / "state")
    first.inject(Failed("UserError", "planned"), job="j")
    second = FakeAml(tmp_path / "state")
    with pytest.raises(AssertionError, match="struck 0 of 1 times"):
        second.check_faults()
