"""Spark and fine-tuning without a service: where they can go, and where the plan stands in their bodies."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun import _wire
from amlrun._errors import AmlrunError, InvalidRequest, NothingFits, PlacementNotApplied
from amlrun._guard import Guard
from amlrun._job_types import JobType
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, Kind, Market, Source, Tier
from amlrun._placement import place
from amlrun._plan import Plan

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
SPARK = {"jobType": "Spark", "codeId": "c", "entry": {}, "inputs": {"n": {"jobInputType": "literal"}}}
TUNING = {"jobType": "FineTuning", "fineTuningDetails": {}, "outputs": {}}
EMPTY = Market("eastus", (), None)
POOL = Market("eastus", (), None, computes=(Compute(name="pool", kind=Kind.SPARK),))
PLANS = {
    "sized": Plan(instance_type="Standard_E4s_v3"),
    "open": Plan(),
    "spot": Plan(instance_type="Standard_NC4as_T4_v3", tier=Tier.SPOT),
    "elsewhere": Plan(compute="pool", kind=Kind.SPARK, instance_type=None),
}


def worn(body: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The body with that plan on it."""
    return dressed(body, Dress(plan=plan, workspace=WORKSPACE, group="g"))


@pytest.mark.parametrize("body", [SPARK, TUNING], ids=["spark", "fine-tuning"])
@pytest.mark.parametrize("first", PLANS)
@pytest.mark.parametrize("then", PLANS)
def test_nothing_of_another_place_stays(body: dict[str, Any], first: str, then: str) -> None:
    """A body that was made for one place and goes to another is as if it had been made for that."""
    changed = worn(worn(body, PLANS[first]), PLANS[then])
    _wire.check(changed, PLANS[then], WORKSPACE)
    fresh = worn(body, PLANS[then])
    assert {**changed, "properties": None} == {**fresh, "properties": None}


@pytest.mark.parametrize(
    ("body", "plan", "part", "wrong"),
    [
        (SPARK, "sized", "resources", {"instanceType": "Standard_E8s_v3"}),
        (SPARK, "sized", "computeId", "x"),
        (SPARK, "sized", "queueSettings", {"jobTier": "Spot"}),
        (SPARK, "elsewhere", "resources", {"instanceType": "Standard_E4s_v3"}),
        (TUNING, "spot", "resources", {"instanceTypes": ["a", "Standard_NC4as_T4_v3"]}),
        (TUNING, "spot", "queueSettings", {"jobTier": "Standard"}),
        (TUNING, "open", "resources", {"instanceTypes": ["a"]}),
        (TUNING, "elsewhere", "computeId", None),
    ],
)
def test_the_guard_sees_what_contradicts_the_plan(
    body: dict[str, Any], plan: str, part: str, wrong: Any
) -> None:
    """Field by field."""
    with pytest.raises(PlacementNotApplied) as refused:
        _wire.check({**worn(body, PLANS[plan]), part: wrong}, PLANS[plan], WORKSPACE)
    assert refused.value.field.startswith(part)


def test_what_is_kept_of_the_job() -> None:
    """The version of Spark, a priority; literals have no mode."""
    resources = {"instanceType": "x", "runtimeVersion": "3.4"}
    body = worn({**SPARK, "resources": resources}, PLANS["sized"])
    assert body["resources"] == {"instanceType": "Standard_E4s_v3", "runtimeVersion": "3.4"}
    assert body["inputs"] == {"n": {"jobInputType": "literal"}}
    tuned = worn({**TUNING, "queueSettings": {"jobTier": "Spot", "priority": 3}}, PLANS["elsewhere"])
    assert tuned["queueSettings"] == {"priority": 3}


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (Ask(job=JobType.SPARK, tier=Tier.SPOT), InvalidRequest, "Spark has no spot nodes"),
        (
            Ask(job=JobType.SPARK, instance_types=("a", "b")),
            InvalidRequest,
            "'a': serverless Spark has no such",
        ),
        (Ask(job=JobType.SPARK, needs=Needs(max_price_per_hour=9)), NothingFits, "has no known price"),
        (Ask(job=JobType.SPARK, guard=Guard(denied_sizes=("*E*",))), AmlrunError, "refused by"),
        (Ask(job=JobType.FINE_TUNING, guard=Guard(denied_sizes=("*E*",))), AmlrunError, "of no known size"),
    ],
)
def test_what_spark_and_tuning_can_not_have(ask: Ask, error: type[AmlrunError], words: str) -> None:
    """No size of Spark's, or a rule that can't be held."""
    with pytest.raises(error, match=words):
        place(ask, EMPTY)


def test_they_need_nothing_that_is_read() -> None:
    """Neither sizes nor quota nor computes."""
    for source in Source:
        market = Market("", (), None, source=source, computes=None)
        assert place(Ask(job=JobType.SPARK), market).instance_type == "Standard_E4s_v3"
        assert place(Ask(job=JobType.FINE_TUNING), market).instance_type is None


def test_a_pool_is_never_taken_unasked() -> None:
    """It is somebody's."""
    ask = Ask(job=JobType.SPARK, needs=Needs(gpus=1))
    with pytest.raises(NothingFits, match="taken only where it is named"):
        place(ask, POOL)
    assert place(Ask(job=JobType.SPARK, computes=("pool",)), POOL).compute == "pool"
