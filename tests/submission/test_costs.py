"""What a run costs, attempt by attempt, and of what is made of parts by how long each of them ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, command, dsl
from azure.ai.ml.sweep import Uniform

from amlrun import Needs, attach, submit
from amlrun._workspace import workspace_of
from amlrun.testing import Forbidden, NoConnection
from tests.submission.runs import ENVIRONMENT, spot

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

decorated: Any = dsl.pipeline


def train(**options: Any) -> Any:
    """A command, to be a step."""
    return command(command="python train.py", environment=ENVIRONMENT, **options)


def search(**limits: int) -> Any:
    """A sweep over one number."""
    base = train(inputs={"rate": Input(type="number", default=0.1)})
    sweep = base(rate=Uniform(min_value=0.1, max_value=0.9)).sweep(
        primary_metric="loss", goal="minimize", sampling_algorithm="random"
    )
    sweep.set_limits(**limits)
    return sweep


def test_each_attempt_has_a_row(fake_aml: FakeAml, client: MLClient) -> None:
    """With its name, how long it ran, on what, and what that cost; then the sum."""
    run = spot(client)
    fake_aml.preempt(run.name)
    run.wait()
    cost = run.cost()
    assert [row.attempt.name for row in cost.attempts] == [run.name, f"{run.name}-a2"]
    assert cost.total == pytest.approx(sum(row.total or 0 for row in cost.attempts))
    lines = str(cost).splitlines()
    assert [line.partition(" ")[0] for line in lines[:3]] == ["attempt", run.name, f"{run.name}-a2"]
    assert lines[3] == cost.summary


def test_steps_cost_what_each_of_them_ran(fake_aml: FakeAml, client: MLClient) -> None:
    """Also within a nested pipeline, each by its own price; the time in which they wait costs nothing."""
    fake_aml.runtime(hours=1)
    step = train()

    def inner() -> None:
        step().name = "clean"

    made = decorated()(inner)

    def outer() -> None:
        step().name = "first"
        made().name = "prep"

    run = submit(
        decorated()(outer)(), needs={"first": Needs(cpus=8), "prep.clean": Needs(cpus=4)}, client=client
    ).wait()
    cost = run.cost()
    (row,) = cost.attempts
    assert [(part.name, part.seconds) for part in row.parts] == [("first", 3600.0), ("prep.clean", 3600.0)]
    prices = [step.plan.price_per_hour or 0.0 for step in run.plan.steps]
    assert cost.total == pytest.approx(sum(prices))
    assert prices[0] != prices[1]
    assert not cost.at_most


def test_trials_cost_what_each_of_them_ran(fake_aml: FakeAml, client: MLClient) -> None:
    """Three of which two run at once: the plan's price is that of two."""
    fake_aml.runtime(hours=1)
    run = submit(search(max_total_trials=3, max_concurrent_trials=2), cpus=4, client=client).wait()
    cost = run.cost()
    assert [part.name for part in cost.attempts[0].parts] == ["trial 1", "trial 2", "trial 3"]
    assert cost.total == pytest.approx(1.5 * (run.plan.price_per_hour or 0.0))


def test_a_search_that_is_a_step_is_its_trials(fake_aml: FakeAml, client: MLClient) -> None:
    """Each under the step's name."""
    fake_aml.runtime(hours=1)
    step: Any = train(inputs={"rate": Input(type="number", default=0.1)})

    def outer() -> None:
        node = step(rate=Uniform(min_value=0.1, max_value=0.9)).sweep(
            primary_metric="loss", goal="minimize", sampling_algorithm="random"
        )
        node.set_limits(max_total_trials=2, max_concurrent_trials=2)
        node.name = "tune"

    run = submit(decorated()(outer)(), client=client).wait()
    parts = run.cost().attempts[0].parts
    assert [(part.name, part.seconds) for part in parts] == [
        ("tune trial 1", 3600.0),
        ("tune trial 2", 3600.0),
    ]


def test_a_step_that_did_not_run_again_costs_nothing(fake_aml: FakeAml, client: MLClient) -> None:
    """The service may take what an earlier run has made; nor does one that has yet to begin."""
    fake_aml.runtime(hours=1)
    step = train()

    def outer() -> None:
        step().name = "first"

    run = submit(decorated()(outer)(), client=client)
    fake_aml.advance(seconds=10)
    assert [part.seconds for part in run.refresh().cost().attempts[0].parts] == [0.0]
    run.wait()
    (child,) = fake_aml.job(run.name).children
    workspace = workspace_of(client)
    host = f"https://{fake_aml.scope.location}.api.azureml.ms/history/v1.0{fake_aml.scope.path}"
    reused = {"properties": {"azureml.isreused": "true"}}
    workspace.rest.send("PATCH", f"{host}/runs/{child}", api_version="", body=reused)
    assert run.cost().total == 0


def test_what_runs_costs_so_far(fake_aml: FakeAml, client: MLClient) -> None:
    """Its parts are counted up to now; those that haven't begun cost nothing yet."""
    fake_aml.runtime(hours=1)
    run = submit(search(max_total_trials=3, max_concurrent_trials=2), cpus=4, client=client)
    fake_aml.advance(minutes=40)
    parts = run.refresh().cost().attempts[0].parts
    assert len(parts) == 2
    assert all(1800 < (part.seconds or 0) < 2400 for part in parts)


def test_steps_that_nobody_planned_make_it_the_most(client: MLClient) -> None:
    """A run of another name than its step's can't be priced: all count as if they had run all the time."""
    step = train()

    def outer() -> None:
        step().name = "first"
        step().name = "second"

    job = decorated()(outer)()
    job.jobs["second"].display_name = "Another"
    run = submit(job, client=client).wait()
    cost = run.cost()
    assert cost.at_most
    assert cost.attempts[0].parts == ()
    assert str(cost).startswith("at most")


def test_parts_that_cannot_be_read_make_it_the_most(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A cost is worth no error."""
    run = submit(search(max_total_trials=3, max_concurrent_trials=2), cpus=4, client=client).wait()
    fake_aml.inject(Forbidden(), on="GET /runs/{name}/children")
    assert run.cost().at_most
    assert "how long its parts ran" in caplog.text
    assert not run.cost().at_most


def test_a_single_command_asks_nobody(fake_aml: FakeAml, client: MLClient) -> None:
    """Once it has completed: what it cost is known from the last look."""
    run = spot(client).wait()
    before = len(fake_aml.calls)
    assert str(run.cost()) == run.cost().summary
    assert len(fake_aml.calls) == before


def test_what_a_run_costs_so_far_is_as_of_now(fake_aml: FakeAml, client: MLClient) -> None:
    """Each time that it is asked."""
    fake_aml.runtime(hours=3)
    run = spot(client)
    fake_aml.advance(minutes=20)
    before = run.cost().total or 0.0
    fake_aml.advance(minutes=60)
    after = run.cost().total or 0.0
    assert before > 0
    assert after > 3 * before
    assert run.status == "Running"


def test_what_nobody_could_time_has_no_cost(fake_aml: FakeAml, client: MLClient) -> None:
    """Where run history is out of reach: not nothing, and known by the first look that reaches it."""
    fake_aml.runtime(hours=1)
    run = spot(client)
    fake_aml.inject(NoConnection(), on="* */runs/*", times=None)
    run.wait()
    assert str(run.attempts[-1]).endswith("not known")
    for cost in (run.cost(), attach(run.name, client=client).cost()):
        assert (cost.total, cost.on_demand) == (None, None)
        assert str(cost) == f"cost unknown: run history, which knows how long {run.name} ran, can't be read"
    fake_aml.forget_faults()
    assert run.cost().total == run.plan.price_per_hour
    assert run.attempts[-1].seconds == 3600
