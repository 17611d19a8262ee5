"""What `place()` costs over 800 sizes, 130 rows of quota, 20 clusters: counted in calls, not in seconds."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import pytest

from amlrun._cluster import Cluster
from amlrun._errors import AmlrunError
from amlrun._guard import Guard
from amlrun._needs import Ask, Needs
from amlrun._offers import Market, Tier
from amlrun._placement import place
from tests.core.big_market import CLUSTERS, QUOTA, SIZES

PLACES = (*(cluster.name for cluster in CLUSTERS), "serverless")
GUARD = Guard(denied_sizes=("*A100*",), highest_price_per_hour=9.0)
EIGHT = Needs(cpus=8)


def calls(ask: Ask) -> int:
    """Python's calls for one answer, whatever it is."""
    market, count = Market("eastus", SIZES, QUOTA, computes=CLUSTERS), 0

    def profile(_frame: Any, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        with contextlib.suppress(AmlrunError):
            place(ask, market)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    ("ask", "most"),
    [
        (Ask(), 36),
        (Ask(tier=Tier.AUTO), 64),
        (Ask(needs=Needs(gpus=1)), 30),
        (Ask(needs=EIGHT), 30),
        (Ask(needs=EIGHT, tier=Tier.AUTO), 48),
        (Ask(needs=Needs(gpu=["A100", "T4"]), tier=Tier.AUTO), 42),
        (Ask(needs=EIGHT, computes=PLACES, tier=Tier.AUTO), 48),
        (Ask(needs=EIGHT, guard=GUARD, tier=Tier.AUTO), 52),
        (Ask(needs=Needs(cpus=1000)), 56),
        (Ask(needs=Needs(cpus=8, max_price_per_hour=0.0001)), 88),
        (Ask(needs=Needs(cpus=1000), guard=GUARD), 70),
        (Ask(needs=EIGHT, nodes=1000), 40),
        (Ask(needs=EIGHT, nodes=1000, tier=Tier.AUTO), 48),
        (Ask(needs=EIGHT, computes=("new",), creates=(Cluster("new"),)), 24),
        (Ask(needs=EIGHT, nodes=1000, computes=("new",), creates=(Cluster("new"),)), 150),
    ],
)
def test_an_answer_costs_few_calls_for_each_size(ask: Ask, most: int) -> None:
    """Whatever is asked, and whatever the answer: each size is looked at a bounded number of times."""
    assert calls(ask) / len(SIZES) < most
