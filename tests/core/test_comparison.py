"""A plan that comes back, held against what it was made for and against the same place now."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun import Cluster, InvalidRequest
from amlrun._needs import Ask
from amlrun._offers import Kind, Tier
from amlrun._plan import Plan, Starts
from amlrun._plan.comparison import check_asked, moves, side_by_side

T4, V100 = "Standard_NC4as_T4_v3", "Standard_NC6s_v3"
PLAN = Plan(instance_type=T4, price_per_hour=0.53, starts=Starts.NOW, verified=True)
GPU = attrs.evolve(PLAN, compute="gpu", kind=Kind.CLUSTER)
SPOT = Tier.SPOT


@pytest.mark.parametrize(
    ("ask", "plan"),
    [
        (Ask(), PLAN),
        (Ask(nodes=2, timeout=60.0), attrs.evolve(PLAN, instance_count=2, timeout=60.0)),
        (Ask(instance_types=(V100, T4.upper())), PLAN),
        (Ask(instance_types=(V100,)), attrs.evolve(PLAN, instance_type=None)),
        (Ask(computes=("GPU", "serverless")), GPU),
        (Ask(tier=Tier.AUTO), attrs.evolve(PLAN, tier=SPOT)),
        (Ask(default_tier=SPOT), attrs.evolve(PLAN, tier=SPOT)),
        (Ask(computes=("gpu",)), attrs.evolve(GPU, tier=SPOT)),
        (Ask(computes=("gpu",), tier=SPOT), attrs.evolve(GPU, kind=Kind.KUBERNETES)),
    ],
)
def test_a_plan_that_was_asked_for_passes(ask: Ask, plan: Plan) -> None:
    """One of the places, sizes and tiers that would do, in any case."""
    check_asked(ask, plan)


@pytest.mark.parametrize(
    ("ask", "plan", "words"),
    [
        (Ask(nodes=2), PLAN, "instance_count: 1 in the plan, and 2 in what it was made for"),
        (Ask(timeout=60.0), PLAN, "timeout: None in the plan, and 60.0 in"),
        (Ask(computes=("cpu", "serverless")), GPU, "compute: gpu in the plan, and cpu or serverless in"),
        (Ask(instance_types=(V100,)), PLAN, f"instance_type: {T4} in the plan, and {V100} in"),
        (Ask(), attrs.evolve(PLAN, tier=SPOT), "tier: spot in the plan, and standard in"),
        (Ask(default_tier=SPOT), PLAN, "tier: standard in the plan, and spot in"),
        (Ask(computes=("gpu",), tier=SPOT), GPU, "tier: standard in the plan, and spot in"),
    ],
)
def test_a_plan_that_nobody_asked_for_is_refused(ask: Ask, plan: Plan, words: str) -> None:
    """The field is named, with what was planned and what was asked."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        check_asked(ask, plan)
    assert caught.value.argument == words.partition(":")[0]
    assert f"plan(job, {caught.value.argument}=…)" in caught.value.hint


@pytest.mark.parametrize(
    ("planned", "changed", "words"),
    [
        (GPU, {"kind": Kind.KUBERNETES}, "gpu is Kubernetes now, and was AmlCompute"),
        (GPU, {"tier": SPOT}, "gpu has spot nodes now, and standard ones were planned"),
        (attrs.evolve(PLAN, instance_type=None), {"instance_type": T4}, f"{T4} would be chosen"),
        (
            attrs.evolve(GPU, creates=Cluster("gpu")),
            {"creates": Cluster("gpu", max=2)},
            "another one: gpu: 0 to 2",
        ),
        (PLAN, {"starts": Starts.QUEUED}, "must wait now"),
        (PLAN, {"price_per_hour": 0.6}, "it costs 0.60 USD an hour, and 0.53 when it was planned"),
    ],
)
def test_what_is_worse_or_another_place_is_told(planned: Plan, changed: dict[str, Any], words: str) -> None:
    """The first thing that moved, in words."""
    assert words in next(moves(planned, attrs.evolve(planned, **changed)))


@pytest.mark.parametrize(
    ("planned", "changed"),
    [
        (PLAN, {"price_per_hour": 0.5}),
        (PLAN, {"price_per_hour": None, "starts": Starts.UNKNOWN, "verified": False}),
        (attrs.evolve(PLAN, price_per_hour=None), {"price_per_hour": 9.0}),
        (attrs.evolve(PLAN, starts=Starts.QUEUED), {"starts": Starts.NOW}),
        (GPU, {"kind": Kind.UNKNOWN}),
        (
            attrs.evolve(GPU, kind=Kind.UNKNOWN, instance_type=None),
            {"kind": Kind.CLUSTER, "instance_type": T4},
        ),
        (attrs.evolve(GPU, creates=Cluster("gpu")), {"creates": None}),
        (PLAN, {"instance_type": T4.upper()}),
    ],
)
def test_what_is_better_or_not_known_is_no_reason(planned: Plan, changed: dict[str, Any]) -> None:
    """Cheaper, sooner, made since, or no longer told: it can be sent."""
    assert not list(moves(planned, attrs.evolve(planned, **changed)))


def test_both_are_shown_side_by_side() -> None:
    """Place, nodes, size, tier, price and start of each."""
    now = Plan(instance_count=2, tier=SPOT)
    assert side_by_side(PLAN, now).splitlines() == [
        f"  planned  serverless  1 x {T4}  standard  0.53 USD/h      starts now",
        "  now      serverless  2 x left to the service   spot      no known price  starts unknown",
    ]
