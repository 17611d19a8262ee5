"""Attempts, their cost, times of run history, identities: the small values."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from amlrun import Attempt, InvalidRequest, Plan, Quota
from amlrun._asking.jobfile import settings_of_entity
from amlrun._asking.settings import JobSettings
from amlrun._attempts import Attempts, Part, cost_of
from amlrun._durations import instant
from amlrun._ending import Ending
from amlrun._identity import Identity, IdentityKind, parse_identity
from amlrun._job_types import JobType
from amlrun._offers import Tier
from amlrun._plan import StepPlan

PRICED = Plan(
    instance_type="big", instance_count=2, tier=Tier.SPOT, price_per_hour=1.0, on_demand_per_hour=4.0
)


def attempt(plan: Plan, seconds: float | None, ending: Ending | None = None) -> Attempt:
    """An attempt that ran so long."""
    return Attempt(name="run", number=1, status="Running", plan=plan, seconds=seconds, ending=ending)


@pytest.mark.parametrize(
    "value",
    [PRICED, Quota("eastus"), Attempts([attempt(PRICED, 1800)]), cost_of((attempt(PRICED, 1800),))],
    ids=lambda value: type(value).__name__,
)
def test_a_notebook_shows_what_print_does(value: object) -> None:
    """And not all fields, at the end of a cell; IPython looks for it in the class itself."""
    shown: list[str] = []
    vars(type(value))["_repr_pretty_"](value, SimpleNamespace(text=shown.append), False)
    assert shown == [str(value)]


def test_a_cost_is_told_with_what_it_saved() -> None:
    """In the plan's currency."""
    cost = cost_of((attempt(PRICED, 1800), attempt(PRICED, 1800)))
    assert (cost.total, cost.on_demand, cost.currency) == (1.0, 4.0, "USD")
    assert cost.summary == "1.00 USD, 75 % less than 4.00 USD on standard nodes"
    assert str(cost).splitlines() == [
        "attempt  ran     on             USD",
        "run      30 min  2 x big spot  0.50",
        "run      30 min  2 x big spot  0.50",
        cost.summary,
    ]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0.00 USD"), (0.1, "under 0.0001 USD"), (60, "0.0167 USD"), (360, "0.10 USD")]
)
def test_small_costs_are_readable(seconds: float, told: str) -> None:
    """Neither 0.00 for what ran, nor an exponent."""
    plan = Plan(price_per_hour=1.0, on_demand_per_hour=1.0)
    assert str(cost_of((attempt(plan, seconds),))) == told


def test_a_cost_without_a_price_is_unknown() -> None:
    """Never guessed; an attempt that never ran costs nothing, whatever its price."""
    unpriced = Plan(instance_type="y", tier=Tier.SPOT)
    assert cost_of((attempt(PRICED, 3600), attempt(unpriced, 60))).total is None
    assert "unknown" in str(cost_of((attempt(unpriced, 60),)))
    assert cost_of((attempt(PRICED, 3600), attempt(unpriced, 0))).total == 1.0


def test_who_nobody_could_time_has_no_cost() -> None:
    """Not nothing: neither in seconds nor in money, in no table."""
    untimed = attempt(PRICED, None)
    assert str(untimed) == "run  Running  not known"
    assert "not known" in str(Attempts([untimed]))
    assert str(cost_of((untimed,))).startswith("cost unknown: run history")
    cost = cost_of((attempt(PRICED, 1800), untimed))
    assert (cost.total, cost.on_demand) == (None, None)
    assert str(cost).splitlines()[2] == "run      not known  2 x big spot     -"


def test_a_cost_that_saved_nothing_says_nothing_of_it() -> None:
    """On dedicated nodes the two are the same; where both are next to nothing, so is the difference."""
    plan = Plan(price_per_hour=1.0, on_demand_per_hour=1.0)
    assert str(cost_of((attempt(plan, 3600),))) == "1.00 USD"
    assert str(cost_of((attempt(PRICED, 0.05),))) == "under 0.0001 USD"
    assert str(cost_of((attempt(PRICED, 0.3),))) == (
        "under 0.0001 USD, 75 % less than 0.0003 USD on standard nodes"
    )


def test_the_cost_of_parts_is_at_most_that() -> None:
    """Steps and trials don't all run all the time: their price is that of all at once."""
    step = StepPlan("a", JobType.COMMAND, PRICED)
    for plan in (attrs.evolve(PRICED, at_once=2), attrs.evolve(PRICED, steps=(step, step))):
        assert str(cost_of((attempt(plan, 3600),))).startswith("at most 1.00 USD")
    assert not cost_of((attempt(attrs.evolve(PRICED, steps=(step,)), 3600),)).at_most


def test_the_cost_of_parts_is_what_they_ran() -> None:
    """Where that is known: each by its own price, and a trial by its share of those that run at once."""
    plan = attrs.evolve(PRICED, at_once=2)
    parts = tuple(Part.of(plan, f"trial {number}", 1800, trial=True) for number in (1, 2, 3))
    cost = cost_of((attempt(plan, 7200),), {"run": parts})
    assert (cost.total, cost.on_demand, cost.at_most) == (0.75, 3.0, False)
    assert str(cost).splitlines()[1:3] == [
        "run        2 h     4 x big spot  0.75",
        "  trial 1  30 min  2 x big spot  0.25",
    ]
    unpriced = Part.of(Plan(instance_type="y"), "clean", 60)
    assert cost_of((attempt(plan, 7200),), {"run": (*parts, unpriced)}).total is None
    shown = str(cost_of((attempt(plan, 7200),), {"run": (unpriced,)}))
    assert shown.splitlines()[2:] == [
        "  clean  1 min  y standard      -",
        "cost unknown: no price for this size and tier",
    ]


def test_attempts_print_as_a_table() -> None:
    """Each with its state, how long it ran, on what, and why it ended."""
    steps = attrs.evolve(PRICED, steps=(StepPlan("a", JobType.COMMAND, PRICED),) * 2)
    first = attrs.evolve(attempt(PRICED, 60, Ending.PREEMPTED), status="Canceled", restarts=2)
    second = attrs.evolve(attempt(steps, 0, Ending.USER_ERROR), name="run-a2", failed_step="prep.clean")
    third = attempt(attrs.evolve(steps, steps=steps.steps[:1]), 1)
    table = Attempts((first, second, third))
    assert (table[0], len(table), table[-1].ending) == (first, 3, None)
    assert [line.rstrip() for line in str(table).splitlines()] == [
        "attempt  state     ran    on            why it ended",
        "run      Canceled  1 min  2 x big spot  its node was preempted, restarted in place 2 x",
        "run-a2   Running   0 s    2 steps       the job's own code failed, in prep.clean",
        "run      Running   1 s    1 step",
    ]


def test_an_attempt_reads_as_a_line() -> None:
    """With its state, and why it ended once it has."""
    assert str(attempt(PRICED, 61.4)) == "run  Running  61 s"
    assert "its node was preempted" in str(attempt(PRICED, 1, Ending.PREEMPTED))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00.2500000Z", 60.25),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00", 60.0),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("1970-13-01T00:01:00Z", None),
    ],
)
def test_times_of_the_service(text: str | None, expected: float | None) -> None:
    """Any number of digits after the second, any zone; nothing where there is none."""
    assert instant(text) == expected


def test_identities_of_the_sdk() -> None:
    """Each of its three, as the service's word."""
    from azure.ai.ml.entities import (
        AmlTokenConfiguration,
        ManagedIdentityConfiguration,
        UserIdentityConfiguration,
    )

    assert parse_identity(UserIdentityConfiguration()) == Identity(IdentityKind.USER)
    assert parse_identity(AmlTokenConfiguration()) == Identity(IdentityKind.TOKEN)
    guid = "11111111-1111-1111-1111-111111111111"
    managed = parse_identity(ManagedIdentityConfiguration(client_id=guid, object_id="o", resource_id="r"))
    assert managed == Identity(IdentityKind.MANAGED, guid, "o", "r")
    assert managed.to_body() == {
        "identityType": "Managed",
        "clientId": guid,
        "objectId": "o",
        "resourceId": "r",
    }
    with pytest.raises(InvalidRequest, match="GUID"):
        parse_identity(ManagedIdentityConfiguration(client_id="not-a-guid"))


def test_the_settings_of_a_job_of_the_sdk() -> None:
    """Read through its public attributes, dicts where the user gave dicts."""
    from azure.ai.ml import command

    job = command(
        command="ls", environment="azureml:train:1", instance_type="x", instance_count=2, timeout=60
    )
    job.queue_settings = {"job_tier": "spot"}
    settings = settings_of_entity(job)
    assert settings == JobSettings(
        type=JobType.COMMAND,
        command="ls",
        instance_type="x",
        instance_count=2,
        tier="spot",
        timeout=60.0,
        has_environment=True,
        environment="azureml:train:1",
        codeless_in=Path.cwd(),
    )
