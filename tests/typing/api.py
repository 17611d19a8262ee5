"""The typed surface, type-checked with the rest and never run: what a user's editor and mypy know."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from typing_extensions import assert_type

import amlrun
from amlrun import (
    AmlrunError,
    Attempt,
    Cluster,
    JobContext,
    Managed,
    Needs,
    Plan,
    PlanOutdated,
    Quota,
    Requeue,
    Run,
)

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def verbs(client: MLClient, path: Path, job: object) -> None:
    """What each verb takes and gives."""
    assert_type(amlrun.submit("python train.py", gpus=1, tier="spot"), Run)
    assert_type(amlrun.submit(path, client=client, timeout=dt.timedelta(hours=1)), Run)
    assert_type(amlrun.submit(job, gpu=["A100", "H100"], instance_type=["a", "b"], requeue=False), Run)
    assert_type(amlrun.submit(environment="azureml:e:1", identity=Managed()), JobContext)
    gpu = Cluster("gpu", tier="spot", idle=dt.timedelta(minutes=5), identity=["system"])
    planned = amlrun.plan("ls", compute=[gpu, "serverless"])
    assert_type(planned.creates, "Cluster | None")
    assert_type(Plan.from_json(planned.to_json()), Plan)
    assert_type(amlrun.submit(planned, environment_variables={"TOKEN": "x"}), Run)
    assert_type(amlrun.plan("ls", needs=Needs(cpus=4), requeue=Requeue(waits=(1, 2))), Plan)
    assert_type(amlrun.submit_many(["ls", path, planned], concurrency=4, gpus=1), list[Run | AmlrunError])
    assert_type(amlrun.plan(job, needs={"train": Needs(gpus=1)}).steps[0].path, str)
    assert_type(amlrun.default_compute(client=client, gpus=1, tier="spot"), str)
    assert_type(amlrun.quota(client=client), Quota)
    assert_type(amlrun.attach("name").wait(timeout=60), Run)
    run = amlrun.submit("ls").wait(dt.timedelta(hours=1), on_exit="cancel", logs=True, progress=False)
    assert_type(
        amlrun.watch([run, AmlrunError("no")], timeout=3600, on_exit="leave"), list[Run | AmlrunError]
    )
    assert_type(amlrun.watch(amlrun.submit_many(["ls"])), list[Run | AmlrunError])
    assert_type(amlrun.current(), "JobContext | None")
    assert_type(amlrun.submit("ls").logs(attempt=1), str)
    assert_type(run.cost().total, "float | None")
    assert_type(run.cost().attempts[0].parts[0].total, "float | None")
    assert_type(run.attempts[0], Attempt)
    assert_type(run.outputs, dict[str, str])
    assert_type(run.download("model", to=path), "Path")


def outdated(error: PlanOutdated) -> None:
    """The plan of now can be looked at and sent."""
    assert_type(error.plan, Plan)
    assert_type(amlrun.submit(error.plan), Run)


def mistakes() -> None:
    """What a type checker refuses."""
    amlrun.submit("ls", gpuz=1)  # type: ignore[call-overload]  # a typo
    amlrun.submit("ls", compute=3)  # type: ignore[call-overload]  # a name, a Cluster, or a list
    amlrun.submit("ls", gpus="A100")  # type: ignore[call-overload]  # gpu is the model
    amlrun.submit_many(3)  # type: ignore[arg-type]  # a list of jobs
    amlrun.submit("ls").wait(on_exit="kill")  # type: ignore[arg-type]  # leave or cancel
    amlrun.watch(["name"])  # type: ignore[list-item]  # runs, not names
    amlrun.default_compute(code=".")  # type: ignore[call-arg]  # it is about nodes
    amlrun.plan()  # type: ignore[call-arg]  # a plan is for a job
    amlrun.submit("ls").status = "Completed"  # type: ignore[misc]  # it shows the last look


def a_test_of_a_users_own(fake_aml: FakeAml) -> None:
    """The fake is typed, too."""
    run = amlrun.submit("ls", environment="azureml:e:1", client=fake_aml.client())
    assert_type(fake_aml.job(run.name).status, str)
