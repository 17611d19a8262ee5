from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amlrun._errors import AmlrunError
from amlrun._job_types import JobType
from amlrun._needs import SERVERLESS, Ask
from amlrun._offers import Compute, InstanceType, Kind, Market, Source, Tier
from amlrun._placement import place
from amlrun._placement.kubernetes import types_of
from amlrun._plan import Plan, Starts
from tests.core.any_worlds import any_asks, any_markets

JOBS = {
    "Command": {Kind.SERVERLESS, Kind.CLUSTER, Kind.KUBERNETES, Kind.INSTANCE, Kind.VM, Kind.UNKNOWN},
    "Spark": {Kind.SERVERLESS, Kind.SPARK, Kind.UNKNOWN},
}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), any_markets())
def test_in_any_world_there_is_a_plan_that_satisfies_the_ask_or_a_refusal(
    data: st.DataObject, market: Market
) -> None:
    """Whatever is there, in whatever state, and whatever of it is not known: an error of amlrun's or a plan.

    The plan is within the rules, has what is asked as far as that is known, and says of nothing that starts
    now what cannot.
    """
    ask = data.draw(any_asks(market))
    try:
        plan = place(ask, market)
    except AmlrunError as error:
        assert error.message.strip()  # noqa: PT017 - either outcome will do
        return
    assert str(plan)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert plan.instance_count == ask.nodes
    assert plan.kind in JOBS[ask.job]
    assert not ask.computes or plan.compute in ask.computes
    assert (plan.creates is not None) == (plan.compute == "made" and plan.kind is Kind.CLUSTER)
    assert ask.guard.against_plan(plan) == ""
    check_hardware(ask, market, plan)
    check_start(ask, market, plan)


def check_hardware(ask: Ask, market: Market, plan: Plan) -> None:
    """The size that was asked for, and all that it is known to have."""
    needs, named = ask.needs, [name.lower() for name in ask.instance_types]
    most = needs.max_price_per_hour
    assert most is None or (plan.price_per_hour is not None and plan.price_per_hour <= most)
    assert not named or (plan.instance_type or "").lower() in named
    if plan.kind is Kind.KUBERNETES:
        (kind,) = [one for one in types_of(compute_of(market, plan)) if one.name == plan.instance_type]
        check_type(ask, kind)
    elif plan.size is not None:
        assert not [*needs.misses(plan.size)]
        assert not plan.size.gpus or needs.gpus or named or plan.compute in ask.computes
    if plan.kind in {Kind.SERVERLESS, Kind.CLUSTER}:
        own = plan.kind is Kind.CLUSTER and plan.compute in ask.computes
        default = Tier.STANDARD if ask.job is JobType.SPARK else ask.default_tier or Tier.STANDARD
        wanted = ask.tier or (None if own else default)
        assert wanted in {None, Tier.AUTO, plan.tier}


def check_type(ask: Ask, kind: InstanceType) -> None:
    """What a pod may use at most is no less than what was asked."""
    cpus = kind.cpus if kind.limits_cpus is None else kind.limits_cpus
    memory = kind.memory_gb if kind.limits_memory_gb is None else kind.limits_memory_gb
    assert cpus is None or cpus >= (ask.needs.cpus or 0)
    assert memory is None or memory >= (ask.needs.memory_gb or 0)
    assert kind.gpus >= (ask.needs.gpus or 0)
    assert not kind.gpus or ask.needs.gpus or ask.instance_types


def check_start(ask: Ask, market: Market, plan: Plan) -> None:
    """Now is said only of what is known to have room; of what could not be read nothing is verified."""
    if plan.kind is Kind.SERVERLESS:
        assert market.verified or plan.starts is Starts.UNKNOWN
        assert market.source is Source.PACKAGED or plan.size is not None or not plan.instance_type
    elif market.computes is None or plan.creates is not None:
        assert plan.starts is not Starts.NOW
    else:
        compute = compute_of(market, plan)
        assert compute.state != "Failed"
        assert compute.kind is plan.kind
        if plan.kind is Kind.CLUSTER:
            assert compute.max_nodes >= ask.nodes
            assert plan.starts is not Starts.NOW or compute.state != "Creating"
    assert plan.verified == (market.verified and (plan.compute == SERVERLESS or market.computes is not None))


def compute_of(market: Market, plan: Plan) -> Compute:
    """The compute that the plan names."""
    return next(one for one in market.computes or () if one.name == plan.compute)
