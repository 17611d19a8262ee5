"""The matrix of cancels: who canceled, on which nodes, with a preemption's warning or none.

A job that ends Canceled doesn't say why. What a person, a time-out or a parent ended is not repeated; only
what was taken away from a spot job, and says so, is.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command
from azure.ai.ml.sweep import Choice

from amlrun import JobCanceled, Requeue, Run, RunError, WaitTimeout, attach, submit
from amlrun._ending import Ending
from amlrun._nodes import was_preempted
from amlrun._workspace import workspace_of
from amlrun.testing import Answer, CanceledByPlatform, Forbidden, Preempted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
WARNING = "Low priority compute preemption warning: a node has been preempted."
EAGER = Requeue(preemptions=1, platform_faults=1, capacity=1, user_errors=1, waits=(60,))
"""Whatever can be repeated is."""
TIERS = ("spot", "standard")
WARNED = (True, False)
CELLS = list(itertools.product(TIERS, WARNED))


@pytest.fixture(autouse=True)
def long(fake_aml: FakeAml) -> None:
    """Jobs that are still there when something happens to them."""
    fake_aml.runtime(minutes=30)


def until(run: Run, status: str) -> None:
    """Wait, as anybody does, until it is seen so."""
    for _ in range(100):
        if run.status == status:
            return
        with suppress(WaitTimeout):
            run.wait(timeout=30)
    raise AssertionError(f"{run.name} is {run.status}, and not {status}")


def over(run: Run) -> tuple[list[Ending | None], int]:
    """Wait for the end: why each attempt ended, and how many jobs there are of it."""
    with suppress(RunError):
        run.wait()
    return [one.ending for one in run.attempts], len(run.attempts)


def running(fake: FakeAml, client: MLClient, tier: str, *, warned: bool, **options: Any) -> Run:
    """A command that runs; with the warning of a restart in place that it has outlived."""
    if warned and tier == "spot":
        fake.inject(Preempted(how="restarted", after=120), job="train")
    run = submit(
        "train",
        name="train",
        environment=ENVIRONMENT,
        cpus=4,
        tier=tier,
        requeue=EAGER,
        client=client,
        **options,
    )
    until(run, "Running")
    if warned and tier == "spot":
        until(run, "Queued")
        until(run, "Running")
        assert run.attempts[-1].restarts == 1
    elif warned:
        fake.warn("train", WARNING)
    return run


@pytest.mark.parametrize(("tier", "warned"), CELLS)
def test_our_own_cancel(fake_aml: FakeAml, client: MLClient, tier: str, *, warned: bool) -> None:
    """It is known by its mark, whoever asks."""
    run = running(fake_aml, client, tier, warned=warned)
    attach("train", client=client).cancel()
    assert over(run) == ([Ending.CANCELED_BY_US], 1)


@pytest.mark.parametrize(("tier", "warned"), CELLS)
def test_a_cancel_in_the_studio(fake_aml: FakeAml, client: MLClient, tier: str, *, warned: bool) -> None:
    """Nobody knows whose it is, and it is never undone: not on spot, not after a preemption."""
    run = running(fake_aml, client, tier, warned=warned)
    client.jobs.begin_cancel("train")
    assert over(run) == ([Ending.CANCELED], 1)
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "canceled"


@pytest.mark.parametrize(("tier", "warned"), CELLS)
def test_a_cancel_in_the_studio_that_nobody_saw(
    fake_aml: FakeAml, client: MLClient, tier: str, *, warned: bool
) -> None:
    """The same, where nobody was watching, nor at the restart before: later nobody can tell."""
    running(fake_aml, client, tier, warned=warned)
    client.jobs.begin_cancel("train")
    fake_aml.advance(minutes=5)
    assert over(attach("train", client=client)) == ([Ending.CANCELED], 1)


@pytest.mark.parametrize(("tier", "warned"), CELLS)
def test_a_time_out(fake_aml: FakeAml, client: MLClient, tier: str, *, warned: bool) -> None:
    """The system cancels what has run for its timeout; its length tells."""
    run = running(fake_aml, client, tier, warned=warned, timeout=1200)
    assert over(run) == ([Ending.TIMED_OUT], 1)


@pytest.mark.parametrize(
    ("tier", "how", "expected"),
    [
        ("spot", "warned", [Ending.PREEMPTED, Ending.COMPLETED]),
        ("spot", "silent", [Ending.CANCELED]),
        ("standard", "warned", [Ending.CANCELED]),
        ("standard", "silent", [Ending.CANCELED]),
    ],
)
def test_a_cancel_by_the_platform(
    fake_aml: FakeAml, client: MLClient, tier: str, how: str, expected: list[Ending]
) -> None:
    """A preemption where it was spot and came with a warning: only then another attempt follows."""
    run = running(fake_aml, client, tier, warned=False)
    if how == "warned" and tier == "spot":
        fake_aml.inject(Preempted(how="canceled", after=600), job="train")
    else:
        if how == "warned":
            fake_aml.warn("train", WARNING)
        fake_aml.inject(CanceledByPlatform(after=600), job="train")
    assert over(run) == (expected, len(expected))


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("by_platform", [False, True])
def test_a_node_of_a_cluster_that_shows_as_preempted(
    fake_aml: FakeAml, client: MLClient, *, by_platform: bool, restarted: bool
) -> None:
    """It tells of a preemption without a warning.

    Not where a restart in place may have left it: nobody can tell it from somebody's cancel then.
    """
    fake_aml.cluster("spot-nodes", size="Standard_DS3_v2", min_nodes=1, max_nodes=1, tier="spot")
    if restarted:
        fake_aml.inject(Preempted(how="restarted", after=120), job="train")
    run = submit(
        "train", name="train", environment=ENVIRONMENT, compute="spot-nodes", requeue=EAGER, client=client
    )
    until(run, "Running")
    if restarted:
        until(run, "Queued")
        until(run, "Running")
    gone = (
        Preempted(how="canceled", after=600, warned=False) if by_platform else CanceledByPlatform(after=600)
    )
    fake_aml.inject(gone, job="train")
    taken = by_platform and not restarted
    assert over(run) == ([Ending.PREEMPTED, Ending.COMPLETED] if taken else [Ending.CANCELED], 1 + taken)
    asked = [call for call in fake_aml.calls if call.path.endswith("/listNodes")]
    assert len(asked) == (not restarted)


@pytest.mark.parametrize(
    "reply",
    [
        Forbidden(),
        Answer(200, []),
        Answer(200, {"nodes": "none"}),
        Answer(200, {"nodes": ["a node"], "nextLink": 1}),
    ],
)
def test_nodes_that_nobody_can_list_leave_it_unknown_who_canceled(
    fake_aml: FakeAml, client: MLClient, reply: Answer | Forbidden
) -> None:
    """What can't be read is no evidence, and no error."""
    fake_aml.cluster("spot-nodes", size="Standard_DS3_v2", min_nodes=1, max_nodes=1, tier="spot")
    fake_aml.inject(reply, on="POST /computes/{name}/listNodes", times=None)
    fake_aml.inject(Preempted(how="canceled", warned=False), job="train")
    run = submit(
        "train", name="train", environment=ENVIRONMENT, compute="spot-nodes", requeue=EAGER, client=client
    )
    assert over(run) == ([Ending.CANCELED], 1)


def test_pages_of_nodes_come_to_an_end(fake_aml: FakeAml, client: MLClient) -> None:
    """An address that was read is not read again."""
    again = {"nodes": [], "nextLink": f"{fake_aml.scope.path}/computes/c/listNodes?api-version=2024-04-01"}
    fake_aml.inject(Answer(200, again), on="POST /computes/{name}/listNodes", times=None)
    assert not was_preempted(workspace_of(client), "c", "train")
    assert len(fake_aml.calls.of("POST /computes/{name}/listNodes")) == 2


def test_a_warning_that_comes_late_is_of_the_restart(fake_aml: FakeAml, client: MLClient) -> None:
    """It came while the job was in the queue again, and so explains no cancel of somebody's after that."""
    fake_aml.inject(Preempted(how="restarted", after=120, warned=False), job="train")
    run = running(fake_aml, client, "spot", warned=False)
    fake_aml.quota("TotalLowPriorityCores", limit=0)
    until(run, "Queued")
    fake_aml.warn("train", WARNING)
    fake_aml.quota("TotalLowPriorityCores", limit=100)
    until(run, "Running")
    fake_aml.inject(CanceledByPlatform(after=600), job="train")
    assert over(run) == ([Ending.CANCELED], 1)


@pytest.mark.parametrize("attempts", [1, 2])
def test_the_mark_of_a_cancel_is_on_the_first_attempt(
    fake_aml: FakeAml, client: MLClient, attempts: int
) -> None:
    """Where each watcher reads it, whatever attempts it knows: in a pause after any of them, none comes."""
    fake_aml.inject(Preempted(), job="train*", times=attempts)
    policy = Requeue(preemptions=5, waits=(*[1] * (attempts - 1), 3600))
    run = submit(
        "train", name="train", environment=ENVIRONMENT, cpus=4, tier="spot", requeue=policy, client=client
    )
    names = [run.name, f"{run.name}-a2"][:attempts]
    while fake_aml.jobs != tuple(names) or fake_aml.job(names[-1]).status != "Failed":
        with suppress(WaitTimeout):
            run.wait(timeout=60)
    attach("train", client=fake_aml.client()).cancel()
    assert ["amlrun.cancel" in fake_aml.job(name).tags for name in names] == [True, False][:attempts]
    endings, jobs = over(run)
    assert (endings[-1], jobs, fake_aml.jobs) == (Ending.CANCELED_BY_US, attempts, tuple(names))


def test_a_second_preemption_after_a_restart_in_place(fake_aml: FakeAml, client: MLClient) -> None:
    """Its warning is one more than the restart had left."""
    run = running(fake_aml, client, "spot", warned=True)
    fake_aml.inject(Preempted(how="canceled", after=600), job="train")
    assert over(run) == ([Ending.PREEMPTED, Ending.COMPLETED], 2)


def swept(_folder: Path) -> Any:
    """A sweep of two trials."""
    job = command(command="train ${{inputs.rate}}", environment=ENVIRONMENT, inputs={"rate": 1})
    made: Any = job(rate=Choice([1, 2]))
    return made.sweep(
        primary_metric="accuracy", goal="maximize", sampling_algorithm="random", max_total_trials=2
    )


def piped(folder: Path) -> Path:
    """A pipeline of one step."""
    path = folder / "pipeline.yml"
    step = f"{{type: command, command: train, environment: '{ENVIRONMENT}'}}"
    path.write_text(f"type: pipeline\njobs:\n  fit: {step}\n")
    return path


def with_parts(
    fake: FakeAml, client: MLClient, job: Any, tier: str, *, warned: bool
) -> tuple[Run, list[str]]:
    """A parent that runs, and its children's names; with a warning on each."""
    run = submit(job, name="parent", cpus=4, tier=tier, requeue=EAGER, client=client)
    if warned:
        fake.warn("parent", WARNING)
    until(run, "Running")
    fake.advance(minutes=5)
    children = [str(child.name) for child in client.jobs.list(parent_job_name="parent")]
    for child in children if warned else ():
        fake.warn(child, WARNING)
    return run, children


@pytest.mark.parametrize(("tier", "warned"), CELLS)
def test_a_sweeps_early_stop(
    tmp_path: Path, fake_aml: FakeAml, client: MLClient, tier: str, *, warned: bool
) -> None:
    """A trial that its sweep ends is Canceled, and the run goes on: it has completed when the sweep has."""
    run, children = with_parts(fake_aml, client, swept(tmp_path), tier, warned=warned)
    client.jobs.begin_cancel(children[0])  # as the sweep itself does
    assert over(run) == ([Ending.COMPLETED], 1)
    assert {fake_aml.job(child).status for child in children} == {"Canceled", "Completed"}


@pytest.mark.parametrize("make", [piped, swept])
@pytest.mark.parametrize(("tier", "warned"), CELLS)
def test_a_cancel_of_the_parent(
    tmp_path: Path,
    fake_aml: FakeAml,
    client: MLClient,
    tier: str,
    make: Callable[[Path], Any],
    *,
    warned: bool,
) -> None:
    """It cancels its children, and nobody knows whose it is: nothing is repeated."""
    run, children = with_parts(fake_aml, client, make(tmp_path), tier, warned=warned)
    client.jobs.begin_cancel("parent")
    assert over(run) == ([Ending.CANCELED], 1)
    assert {fake_aml.job(child).status for child in children} == {"Canceled"}
    assert fake_aml.jobs == ("parent",)
