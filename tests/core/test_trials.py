"""Trials that run side by side: what their plan says of all of them, and which rules hold for all."""

from __future__ import annotations

import attrs
import pytest

from amlrun import InvalidRequest, NothingFits, Plan
from amlrun._asking.team import Team
from amlrun._guard import Guard
from amlrun._job_types import JobType
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, Kind
from amlrun._placement import place
from amlrun._plan import Starts
from tests.core.places import cluster, workspace
from tests.core.regions import CHEAP, quota

SWEEP = Ask(needs=Needs(cpus=4), job=JobType.SWEEP, at_once=3)


def told(plan: Plan) -> list[str]:
    """What it says of trials."""
    return [words for words in plan.warnings if "trials at once" in words]


def test_the_plan_is_of_one_trial_and_the_price_of_all() -> None:
    """It says how many there are, in words and as fields that survive being written."""
    room = workspace(held=quota(cheap=(96, 0), dear=(8, 0), t4=(8, 0), a100=(48, 48)))
    one, three = place(attrs.evolve(SWEEP, at_once=1), room), place(SWEEP, room)
    assert (three.instance_type, three.instance_count, three.at_once) == (one.instance_type, 1, 3)
    assert three.most_nodes == 3
    for each, of_all in (
        (one.price_per_hour, three.price_per_hour),
        (one.on_demand_per_hour, three.on_demand_per_hour),
    ):
        assert each is not None
        assert of_all == pytest.approx(3 * each)
    assert "trials  3 at once, each on nodes of its own; the price is that of all" in str(three)
    assert "trials" not in str(one)
    assert not told(three) + told(one)
    assert Plan.from_json(three.to_json()) == three


@pytest.mark.parametrize(("limit", "used", "words"), [(8, 4, "one node fits now, two ever"), (96, 90, "one")])
def test_what_quota_holds_at_once(limit: int, used: int, words: str) -> None:
    """The first trial starts: the others are no reason to refuse or to wait, and the figures are told."""
    plan = place(SWEEP, workspace(held=quota(cheap=(limit, used), dear=(0, 0), t4=(0, 0), a100=(0, 0))))
    assert plan.starts is Starts.NOW
    (said,) = told(plan)
    assert said.startswith("3 trials at once: needs 3 x 4 = 12 vCPUs of ")
    assert words in said
    assert said.endswith(": others wait for these to end")


@pytest.mark.parametrize(("most", "words"), [(2, "need 3 nodes, and gpu has 2 at most"), (3, "")])
def test_what_a_cluster_holds_at_once(most: int, words: str) -> None:
    """Beyond its nodes, trials wait for each other; its limits by quota are told as for any job."""
    plan = place(attrs.evolve(SWEEP, computes=("gpu",)), workspace(cluster("gpu", most=most, idle=1)))
    assert words in "".join(told(plan))
    assert (plan.size, plan.price_per_hour) == (CHEAP, 3 * (CHEAP.price or 0))
    assert bool(told(plan)) is bool(words)


def test_a_compute_whose_nodes_nobody_counts() -> None:
    """Kubernetes has no number of nodes, and a compute that can't be read none that is known."""
    ask = attrs.evolve(SWEEP, needs=Needs(), computes=("k8s",))
    kubernetes = Compute(name="k8s", kind=Kind.KUBERNETES, state="Succeeded", location="eastus")
    plan = place(ask, workspace(kubernetes))
    assert (plan.kind, told(plan)) == (Kind.KUBERNETES, [])
    assert told(place(ask, attrs.evolve(workspace(), computes=None))) == []


def test_rules_hold_for_all_trials_together() -> None:
    """The most nodes, and the highest price, by rule or by need."""
    where = {"most_nodes": "amlrun.toml, line 2"}
    with pytest.raises(InvalidRequest, match="instance_count=2 for each of 3 trials at once: refused by"):
        Team(guard=Guard(most_nodes=5), where=where).bound(attrs.evolve(SWEEP, nodes=2))
    assert Team(guard=Guard(most_nodes=6), where=where).bound(attrs.evolve(SWEEP, nodes=2)).nodes == 2
    price = place(SWEEP, workspace()).price_per_hour
    assert price is not None
    dear = Guard(highest_price_per_hour=price * 0.9)
    with pytest.raises(NothingFits, match="highest_price_per_hour"):
        place(attrs.evolve(SWEEP, guard=dear), workspace())
    with pytest.raises(NothingFits):
        place(attrs.evolve(SWEEP, needs=Needs(cpus=4, max_price_per_hour=price * 0.9)), workspace())
    assert dear.against_plan(place(SWEEP, workspace()))
    assert Guard(most_nodes=2).against_plan(place(SWEEP, workspace()))
