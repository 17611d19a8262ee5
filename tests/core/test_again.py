"""The next attempt's place: what is remembered of the ask, and where that goes now."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._asking.memo import ask_of, memo_of, remembered
from amlrun._cluster import Cluster
from amlrun._guard import Guard
from amlrun._identity import Identity, IdentityKind
from amlrun._job_types import JobType
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._memory import ASK, LONGEST, Memory
from amlrun._needs import Ask, Needs
from amlrun._offers import Kind, Market, Quota, Tier
from amlrun._placement import place
from amlrun._placement.again import is_elsewhere, place_again
from amlrun._plan import Plan, Starts
from tests.core.regions import ANY, CHEAP, DEAR, DEARER, market, quota, size

SPOT = Ask(needs=ANY, tier=Tier.SPOT)
SIZES = [CHEAP, DEAR, DEARER]
ROOMY = quota(spot=100, cheap=(100, 0), dear=(100, 0), dearer=(100, 0))
FORMER = attrs.evolve(place(SPOT, market(SIZES, ROOMY)), requeued=True)

asks = st.builds(
    Ask,
    needs=st.builds(
        Needs,
        cpus=st.none() | st.integers(0, 64),
        memory_gb=st.none() | st.floats(0, 900),
        gpus=st.none() | st.integers(1, 8),
        gpu=st.none() | st.just("T4") | st.just(["A100", "H100"]),
        max_price_per_hour=st.none() | st.floats(0.1, 9),
    ),
    instance_types=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    nodes=st.integers(1, 100),
    tier=st.none() | st.sampled_from(Tier),
    default_tier=st.none() | st.sampled_from(Tier),
    computes=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    identity=st.none()
    | st.builds(Identity, st.sampled_from(IdentityKind), st.none() | st.just("id"), st.none() | st.just("o")),
    timeout=st.none() | st.floats(1, 1e6),
    job=st.sampled_from(JobType),
    at_once=st.integers(1, 50),
    own_image=st.booleans(),
)


def again(held: Quota | None, *, ask: Ask = SPOT, former: Plan = FORMER, **changes: Any) -> Plan:
    """Where it goes now, with so much quota."""
    return place_again(ask, market(SIZES, held), former, **changes)


def at(plan: Plan) -> tuple[str | None, str]:
    """Where that is."""
    return plan.instance_type, str(plan.tier)


@given(asks)
def test_what_was_asked_is_remembered(ask: Ask) -> None:
    """Through JSON, and in the job's properties as far as it fits."""
    assert ask_of(json.loads(json.dumps(memo_of(ask)))) == ask
    memory = Memory(group="g", attempt=1, policy=None, plan=Plan(), body={}, api_version="v", ask=ask)
    properties = memory.to_properties()
    assert len(properties[ASK]) <= LONGEST
    assert Memory.from_properties(properties) == memory


def test_what_is_usual_takes_no_room() -> None:
    """Nothing asked is nothing written."""
    assert memo_of(Ask()) == {}
    assert memo_of(SPOT) == {"needs": {"cpus": 1}, "tier": "spot"}


def test_the_rules_of_the_day_are_not_remembered() -> None:
    """They are those of whoever goes on; and a cluster is made once."""
    cluster = Cluster("pool", size="Standard_D2s_v3")
    more = attrs.evolve(SPOT, guard=Guard(denied_sizes=("x",)), creates=(cluster,), planned=True)
    assert memo_of(more) == memo_of(SPOT)
    assert remembered(more) == SPOT


def test_a_longer_ask_is_left_out() -> None:
    """The next attempt then goes where this one went."""
    ask = Ask(instance_types=tuple(f"Standard_NC{number}as_T4_v3" for number in range(60)))
    memory = Memory(group="g", attempt=1, policy=None, plan=Plan(), body={}, api_version="v", ask=ask)
    assert ASK not in memory.to_properties()


@pytest.mark.parametrize(
    "memo", [{"of_a_later_version": 1}, {"nodes": 0}, {"needs": {"gpus": 0, "gpu": ["T4"]}}]
)
def test_an_ask_of_a_later_version_is_none(memo: dict[str, Any]) -> None:
    """What isn't known may be a condition: it is not passed over."""
    assert ask_of(memo) is None


def test_it_is_placed_anew() -> None:
    """By what can be had now; and it goes on being requeued."""
    full = quota(spot=100, cheap=(0, 0), dear=(100, 0), dearer=(100, 0))
    assert at(FORMER) == at(again(ROOMY)) == ("cheap", "spot")
    assert again(ROOMY).requeued
    on_standard = attrs.evolve(SPOT, tier=Tier.STANDARD)
    assert at(again(full, ask=on_standard)) == ("dear", "standard")


@pytest.mark.parametrize("held", [None, quota(spot=0, cheap=(0, 0))])
def test_it_goes_where_it_was_where_nothing_else_is_known(held: Quota | None) -> None:
    """Nothing could be read, or nothing can take it now: the service knows best."""
    assert again(held) is FORMER


@pytest.mark.parametrize("held", [ROOMY, None])
def test_it_goes_to_standard_nodes(held: Quota | None) -> None:
    """On the size that it had, where nothing is known of the others."""
    assert at(again(held, tier=Tier.STANDARD)) == ("cheap", "standard")


def test_on_standard_nodes_it_keeps_its_size_where_no_other_is_known() -> None:
    """Not the cheapest of those that might be had; where the service chose the size, it goes on doing so."""
    dear = attrs.evolve(FORMER, instance_type="dear")
    assert at(again(None, former=dear, tier=Tier.STANDARD)) == ("dear", "standard")
    assert at(again(ROOMY, former=dear, tier=Tier.STANDARD)) == ("cheap", "standard")
    unsaid = attrs.evolve(FORMER, instance_type=None)
    assert at(again(None, former=unsaid, tier=Tier.STANDARD)) == ("cheap", "standard")
    in_pool = attrs.evolve(dear, compute="pool", kind=Kind.CLUSTER)
    assert again(None, former=in_pool, tier=Tier.STANDARD).compute == "serverless"


def test_it_stays_on_spot_where_there_are_no_standard_nodes() -> None:
    """Nor where they cost more than was said to be the most."""
    none = quota(total=0, spot=100, cheap=(0, 0), dear=(0, 0), dearer=(0, 0))
    assert at(again(none, tier=Tier.STANDARD)) == ("cheap", "spot")
    thrifty = attrs.evolve(SPOT, needs=Needs(cpus=1, max_price_per_hour=0.25))
    assert at(again(ROOMY, ask=thrifty, tier=Tier.STANDARD)) == ("cheap", "spot")


@pytest.mark.parametrize("held", [ROOMY, None])
def test_it_leaves_a_size_alone(held: Quota | None) -> None:
    """Where there is another."""
    assert at(again(held, without_sizes=("cheap",))) == ("dear", "spot")
    only = attrs.evolve(SPOT, instance_types=("cheap",))
    assert at(again(held, ask=only, without_sizes=("cheap",))) == ("cheap", "spot")


def test_it_leaves_a_size_alone_on_standard_nodes_too() -> None:
    """Both, and what of both can be had."""
    both: dict[str, Any] = {"tier": Tier.STANDARD, "without_sizes": ("cheap",)}
    assert at(again(ROOMY, **both)) == ("dear", "standard")
    assert at(again(None, **both)) == ("dear", "standard")
    cheap_alone = quota(spot=100, cheap=(100, 0), dear=(0, 0), dearer=(0, 0))
    assert at(again(cheap_alone, **both)) == ("cheap", "standard")


def test_the_rules_of_the_day_bind_it() -> None:
    """A size that is forbidden meanwhile is left; where nothing else is allowed, nothing else is found."""
    bound = attrs.evolve(SPOT, guard=Guard(denied_sizes=("cheap",)))
    assert at(again(ROOMY, ask=bound)) == ("dear", "spot")
    assert again(ROOMY, ask=attrs.evolve(SPOT, guard=Guard(allowed_sizes=("none",)))) is FORMER


@given(
    asks,
    st.none() | st.sampled_from([Tier.SPOT, Tier.STANDARD]),
    st.lists(st.sampled_from(["cheap", "dear"])),
)
def test_there_is_always_a_place(ask: Ask, tier: Tier | None, without: list[str]) -> None:
    """Whatever was asked, and whatever can be had: no refusal stops a run."""
    for world in (market(SIZES, ROOMY), market(SIZES, None), Market("eastus", (), quota())):
        plan = place_again(ask, world, FORMER, tier=tier, without_sizes=tuple(without))
        assert plan.requeued


def test_another_place_is_a_gain_where_it_need_not_queue() -> None:
    """The same place is none, and to stand in another queue loses the first."""
    other = attrs.evolve(FORMER, tier=Tier.STANDARD, starts=Starts.NOW)
    assert is_elsewhere(other, FORMER)
    assert not is_elsewhere(attrs.evolve(other, starts=Starts.QUEUED), FORMER)
    assert not is_elsewhere(attrs.evolve(FORMER, price_per_hour=9.0), FORMER)


T4 = size("t4", 4, 0.53, gpus=1, gpu="T4", memory_gb=28.0)
A100 = size("a100", 24, 3.67, gpus=1, gpu="A100", memory_gb=220.0)
PLACES = [
    Plan(instance_type="t4", tier=Tier.SPOT, size=T4),
    Plan(instance_type="a100", tier=Tier.STANDARD, size=A100),
    Plan(instance_type="cheap", size=CHEAP),
    Plan(),
    Plan(compute="pool", kind=Kind.CLUSTER, instance_type="a100", size=A100),
    Plan(compute="k8s", kind=Kind.KUBERNETES, instance_type="half"),
]
BODIES: list[dict[str, Any]] = [
    {"jobType": "Command", "command": "train"},
    {"jobType": "Command", "command": "train", "resources": {"shmSize": "3g", "dockerArgs": "-e A=b"}},
    {"jobType": "Command", "command": "train", "queueSettings": {"priority": 2}, "tags": {"a": "b"}},
    {"jobType": "Sweep", "trial": {"command": "train", "resources": {"shmSize": "3g"}}},
    {"jobType": "Sweep", "trial": {"command": "train"}, "limits": {"maxTotalTrials": 2}},
    {"jobType": "AutoML", "taskDetails": {"taskType": "Regression"}},
]


@pytest.mark.parametrize("new", PLACES, ids=lambda plan: plan.compute + str(plan.instance_type))
@pytest.mark.parametrize("old", PLACES, ids=lambda plan: plan.compute + str(plan.instance_type))
@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body["jobType"]))
def test_the_new_place_stands_in_the_body_as_if_there_had_been_no_other(
    body: dict[str, Any], old: Plan, new: Plan
) -> None:
    """Of what the former plan had put there, nothing is left; what the job says itself stays."""
    scope: dict[str, Any] = {"workspace": "/w", "group": "g"}
    sent = dressed(body, Dress(plan=old, **scope))
    assert dressed(sent, Dress(plan=new, former=old, **scope)) == dressed(body, Dress(plan=new, **scope))
