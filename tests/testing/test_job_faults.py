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
    OutOfCapacity,
    Preempted,
    TimedOut,
)
from tests.testing.kinds import two_steps
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing._jobs.faults import JobFault

SPOT = {"instance_type": "Standard_NC4as_T4_v3", "job_tier": "spot"}
WARNING = "Low priority compute preemption warning: a node has been preempted."


def run_of(fake: FakeAml, name: str) -> dict[str, Any]:
    """Run history's view of a job."""
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
        (lambda: Preempted(how="gently"), "how is one of failed, .*, not 'gently'"),  # type: ignore[arg-type]
        (lambda: Preempted(after="5"), "after is in seconds, a number"),  # type: ignore[arg-type]
        (lambda: Failed(after=-1), "after is in seconds, a number from 0 up"),
    ],
)
def test_a_fault_that_makes_no_sense(make: Callable[[], JobFault], words: str) -> None:
    """It can't even be written."""
    with pytest.raises(ValueError, match=words):
        make()


def test_faults_are_kept_with_the_workspace(fake_aml: FakeAml, tmp_path: Any) -> None:
    """A second process on the folder meets them too; the one that scripted them asks whether they struck."""
    assert fake_aml.jobs == ()
    first = FakeAml(tmp_path / "state")
    first.inject(Failed("UserError", "planned"), job="j")
    with FakeAml(tmp_path / "state") as second:
        send(second, "j")
        second.check_faults()
        with pytest.raises(AssertionError, match="struck 0 of 1 times"):
            first.check_faults()
        second.advance(hours=1)
        assert second.job("j").error == "planned"
    first.check_faults()


def send(fake: FakeAml, name: str, **properties: Any) -> None:
    """Submit a command job as a body."""
    sent = {"jobType": "Command", "command": "x", "environmentId": "azureml:train:1", **properties}
    url = f"https://management.azure.com{fake.scope.path}/jobs/{name}"
    assert requests.put(url, json={"properties": sent}, timeout=5).status_code == 201


def test_a_fault_that_never_struck_says_what_came_near() -> None:
    """Jobs that its pattern fits, each with why it was spared; where none does, those that there were."""
    fake = FakeAml()
    fake.start()
    fake.inject(Preempted(), job="train-*")
    fake.inject(NodeLost(after=36000), job="train-1")
    fake.inject(Failed(), job="late")
    fake.inject(Failed(), job="trian")
    for name in ("train-1", "train-2"):
        send(fake, name)
    fake.advance(hours=1)
    send(fake, "late")
    with pytest.raises(AssertionError) as caught:
        fake.check_faults()
    fake.stop(check=False)
    for words in (
        "(train-1: on dedicated nodes; train-2: on dedicated nodes)",
        "(train-1: ended Completed after 300 s of running, after=36000)",
        "(late: still Starting, and nobody waited)",
        "(there were: train-1, train-2, late)",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize("times", ["2", 0, 1.5, True])
def test_how_often_a_fault_strikes_is_a_number(fake_aml: FakeAml, times: Any) -> None:
    """From 1 up."""
    with pytest.raises(ValueError, match="times"):
        fake_aml.inject(Failed(), job="j", times=times)


def cluster_job(fake: FakeAml) -> None:
    """A job `j` that runs on a spot cluster, and whose end somebody has asked for."""
    fake.cluster("gpu", tier="spot", nodes=1, max_nodes=2)
    send(fake, "j", computeId=f"{fake.scope.path}/computes/gpu")
    fake.advance(minutes=2)
    assert fake.job("j").status == "Running"
    url = f"https://management.azure.com{fake.scope.path}/jobs/j/cancel"
    assert requests.post(url, timeout=5).status_code == 202


@pytest.mark.parametrize("how", ["failed", "restarted", "canceled"])
def test_a_cancel_outlives_the_loss_of_the_nodes(fake_aml: FakeAml, how: Any) -> None:
    """A job whose end was asked for is Canceled, whatever its preemption would have made of it."""
    cluster_job(fake_aml)
    assert fake_aml.preempt_nodes("gpu", how=how) == ("j",)
    fake_aml.advance(hours=1)
    assert fake_aml.job("j").statuses[-3:] == ("Running", "CancelRequested", "Canceled")
    assert fake_aml.compute("gpu").jobs == ()


def test_a_cancel_outlives_its_compute(fake_aml: FakeAml) -> None:
    """It doesn't become a failure because the compute goes too."""
    cluster_job(fake_aml)
    url = f"https://management.azure.com{fake_aml.scope.path}/computes/gpu?underlyingResourceAction=Delete"
    assert requests.delete(url, timeout=5).status_code == 202
    fake_aml.advance(hours=1)
    assert fake_aml.job("j").statuses[-2:] == ("CancelRequested", "Canceled")


def test_a_silent_job_is_canceled_at_its_timeout(fake_aml: FakeAml) -> None:
    """The system's clock runs on while nothing is heard of it."""
    fake_aml.inject(NotResponding(seconds=None, after=60), job="j")
    send(fake_aml, "j", limits={"jobLimitsType": "Command", "timeout": "PT10M"})
    fake_aml.advance(hours=1)
    job = fake_aml.job("j")
    assert job.statuses[-2:] == ("NotResponding", "Canceled")
    assert (job.ended or 0) - (job.started or 0) == 600


@pytest.mark.parametrize("begin", [0.1, 0.7, 1.3, 2.9, 7.77])
def test_a_job_that_outlives_its_timeout_is_canceled(fake_aml: FakeAml, begin: float) -> None:
    """At whatever fraction of a second it starts, and however odd its timeout is."""
    fake_aml.runtime(hours=5)
    fake_aml.advance(seconds=begin)
    send(fake_aml, "j", limits={"jobLimitsType": "Command", "timeout": "PT61.3S"})
    fake_aml.advance(hours=6)
    assert fake_aml.job("j").status == "Canceled"


def test_a_region_without_nodes_of_a_size(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Quota is there, nodes aren't: the job ends before it runs; jobs of other sizes are left alone."""
    fake_aml.inject(OutOfCapacity(size="standard_ds3_v2"), job="*")
    other, struck = submit(instance_type="Standard_D16a_v4"), submit(instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    assert fake_aml.job(other).status == "Completed"
    ended = fake_aml.job(struck)
    assert (ended.status, ended.code, ended.started) == ("Failed", "OutOfCapacity", None)
    again = submit(instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    assert fake_aml.job(again).status == "Completed"
