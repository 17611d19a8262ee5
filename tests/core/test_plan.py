from __future__ import annotations

import json
from typing import Any

import pytest

from amlrun._errors import InvalidRequest
from amlrun._offers import Size, Tier
from amlrun._plan import Candidate, Plan, Starts

SIZE = Size("Standard_NC4as_T4_v3", "t4", 4, 28.0, 1, "T4", 176.0, True, 0.53, 0.1, "service")
PLAN = Plan(
    instance_type=SIZE.name,
    instance_count=2,
    tier=Tier.SPOT,
    price_per_hour=0.2,
    on_demand_per_hour=1.06,
    price_source="service",
    starts=Starts.NOW,
    verified=True,
    reasons=("2 x 4 = 8 of 276 free vCPUs of TotalLowPriorityCores",),
    warnings=("something to know",),
    candidates=(
        Candidate(instance_type=SIZE.name, tier=Tier.SPOT, price_per_hour=0.2, starts=Starts.NOW),
        Candidate(instance_type="Standard_NC6s_v3", tier=Tier.SPOT, starts=Starts.NOW),
        Candidate(instance_type="Standard_DS3_v2", tier=Tier.SPOT, against="has no GPU"),
    ),
    size=SIZE,
)


def test_a_plan_prints_as_a_table() -> None:
    """What was chosen, what it costs and saves, when it starts, why, and what to know."""
    assert str(PLAN) == (
        "place   serverless\n"
        "size    2 x Standard_NC4as_T4_v3 (4 vCPUs, 28 GB, 1 x T4)\n"
        "tier    spot\n"
        "price   0.20 USD an hour, 81% below 1.06 on-demand\n"
        "starts  now, by quota (which is not capacity)\n"
        "  because  2 x 4 = 8 of 276 free vCPUs of TotalLowPriorityCores\n"
        "  warning  something to know"
    )


def test_a_plan_says_what_it_does_not_know() -> None:
    """A size left to the service has no price, and nobody knows when it starts."""
    assert str(Plan()) == (
        "place   serverless\n"
        "size    left to the service\n"
        "tier    standard\n"
        "price   not known\n"
        "starts  unknown"
    )
    assert Plan().explain().endswith("No size was compared.")


def test_a_list_price_says_so() -> None:
    """A price that the service did not give names its source."""
    plan = Plan(price_per_hour=0.293, price_source="list price, East US, June 2026")
    assert "0.29 USD an hour (list price, East US, June 2026)" in str(plan)


def test_explain_shows_every_candidate() -> None:
    """Each candidate stands with the first thing against it."""
    assert PLAN.explain().splitlines()[-4:] == [
        "size                  tier  USD/h  starts  against it",
        "Standard_NC4as_T4_v3  spot   0.20  now     chosen",
        "Standard_NC6s_v3      spot      -  now     nothing: it could be chosen",
        "Standard_DS3_v2       spot      -  -       has no GPU",
    ]


@pytest.mark.parametrize("plan", [PLAN, Plan(), Plan(compute="gpu-cluster", starts=Starts.QUEUED)])
def test_a_plan_survives_json(plan: Plan) -> None:
    """A plan written as JSON and read again is the same plan."""
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 1}, "of version 1; this amlrun reads version 2"),
        ({"version": None}, "of version None"),
        ({"tier": "free"}, "not a plan as Plan.to_dict writes it"),
        ({"colour": "red"}, "not a plan as Plan.to_dict writes it"),
        ({"candidates": None}, "not a plan as Plan.to_dict writes it"),
    ],
)
def test_what_is_no_plan_is_refused(change: dict[str, Any], words: str) -> None:
    """A form that this version does not know is refused, never half read."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        Plan.from_dict({**PLAN.to_dict(), **change})
    assert caught.value.argument == "plan"
    assert "plan(…)" in caught.value.hint
