"""The plan of a pipeline: one for each step, their sum, how it is shown, and through JSON and back."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import ComputeUnsuitable, InvalidRequest, Needs, NoQuota, NothingFits
from amlrun._asking.steps import Step
from amlrun._job_types import JobType
from amlrun._memory import LONGEST, Memory
from amlrun._memory import PLAN as PLAN_PROPERTY
from amlrun._needs import Ask
from amlrun._offers import Kind, Tier
from amlrun._placement import place, place_steps
from amlrun._plan import Candidate, Plan, Starts, StepPlan
from amlrun._plan.comparison import side_by_side
from amlrun._plan.summary import heaviest, summed
from tests.core.places import cluster, workspace
from tests.core.regions import CHEAP, DEAR, T4, market, quota
from tests.core.test_plan import PLANS

COMMAND = JobType.COMMAND
CPU = Plan(
    instance_type="cheap",
    price_per_hour=1.0,
    on_demand_per_hour=1.0,
    price_source="service",
    starts=Starts.NOW,
    verified=True,
    reasons=("by price",),
    warnings=("quota can't be read",),
    size=CHEAP,
)
GPU = attrs.evolve(
    CPU,
    instance_type="t4",
    instance_count=2,
    tier=Tier.SPOT,
    price_per_hour=0.2,
    on_demand_per_hour=1.06,
    starts=Starts.QUEUED,
    size=T4,
    warnings=("quota can't be read", "spot without requeue"),
)
CLUSTER = attrs.evolve(CPU, compute="cpu", kind=Kind.CLUSTER, verified=False, starts=Starts.UNKNOWN)


def steps(**plans: Plan) -> list[StepPlan]:
    """Steps with these plans, by their names."""
    return [StepPlan(path, COMMAND, plan) for path, plan in plans.items()]


STEPS = st.lists(
    st.builds(StepPlan, st.text("abc.", min_size=1, max_size=4), st.sampled_from(JobType), PLANS),
    min_size=1,
    max_size=4,
).map(lambda found: [*found, attrs.evolve(found[0], path="again")])


@given(STEPS)
def test_a_plan_with_steps_survives_json(found: list[StepPlan]) -> None:
    """As a value it is the same; one that several steps have is written once."""
    plan = summed(found)
    data = plan.to_dict()
    assert Plan.from_json(plan.to_json()) == plan
    assert data["steps"][-1]["plan"] == 0
    assert Plan.from_dict(plan.to_memo()).leaves == tuple(
        attrs.evolve(leaf, reasons=(), warnings=(), candidates=(), creates=None) for leaf in plan.leaves
    )


@given(STEPS)
def test_the_sum_is_that_of_the_steps(found: list[StepPlan]) -> None:
    """Nodes and prices together; what it says of all holds for each; what a step is told is told."""
    plan, leaves = summed(found, timeout=60.0), [step.plan for step in found]
    assert plan.leaves == tuple(leaves)
    assert plan.instance_count == sum(leaf.most_nodes for leaf in leaves)
    prices = [leaf.price_per_hour for leaf in leaves if leaf.price_per_hour is not None]
    assert plan.price_per_hour == (sum(prices) if len(prices) == len(leaves) else None)
    assert plan.compute.split(", ") == list(dict.fromkeys(leaf.compute for leaf in leaves))
    assert plan.instance_type in {None, leaves[0].instance_type}
    assert plan.verified == all(leaf.verified for leaf in leaves)
    assert (plan.starts is Starts.NOW) == all(leaf.starts is Starts.NOW for leaf in leaves)
    assert (plan.tier is Tier.SPOT) == any(leaf.tier is Tier.SPOT for leaf in leaves)
    for name in ("reasons", "warnings"):
        lines = getattr(plan, name)
        for leaf in leaves:
            assert all(any(line.endswith(words) for line in lines) for words in getattr(leaf, name))
    assert plan.timeout == 60.0
    assert heaviest(plan) in leaves


def test_where_steps_agree_the_plan_says_what_they_say() -> None:
    """Once, without their names."""
    plan = summed(steps(prep=CPU, score=CPU))
    assert (plan.compute, plan.kind, plan.instance_type, plan.size) == (
        "serverless",
        Kind.SERVERLESS,
        "cheap",
        CHEAP,
    )
    assert (plan.instance_count, plan.price_per_hour, plan.price_source) == (2, 2.0, "service")
    assert (plan.reasons, plan.warnings) == (("by price",), ("quota can't be read",))
    assert plan.verified


def test_where_steps_differ_the_plan_says_whose_it_is() -> None:
    """No size, no kind; spot where any is; it starts when the last of them does."""
    plan = summed(steps(prep=CPU, train=GPU, load=CLUSTER))
    assert (plan.compute, plan.kind, plan.instance_type, plan.size) == (
        "serverless, cpu",
        Kind.UNKNOWN,
        None,
        None,
    )
    assert (plan.tier, plan.starts, plan.verified) == (Tier.SPOT, Starts.QUEUED, False)
    assert plan.warnings == ("quota can't be read", "train: spot without requeue")
    assert summed(steps(prep=CPU, load=CLUSTER)).starts is Starts.UNKNOWN
    assert summed(steps(a=CPU, b=attrs.evolve(CPU, price_per_hour=None))).price_per_hour is None
    listed = attrs.evolve(CPU, price_source="list price")
    assert summed(steps(a=CPU, b=listed)).price_source == "list price"


def test_many_steps_are_told_by_the_first() -> None:
    """A pipeline may have dozens."""
    found = steps(**{f"s{number}": GPU for number in range(6)}, other=CPU)
    assert summed(found).warnings[1] == "s0, s1, s2, s3 and 2 more: spot without requeue"


def test_a_plan_with_steps_prints_a_line_for_each() -> None:
    """Then what all cost together, and what is to be known."""
    sweep = attrs.evolve(GPU, at_once=3, price_per_hour=None, instance_type=None)
    pool = attrs.evolve(CLUSTER, compute="k8s", kind=Kind.KUBERNETES, instance_type=None)
    assert str(summed(steps(prep=CPU, train=GPU))) == (
        "step   place       size    tier      USD/h  starts\n"
        "prep   serverless  cheap   standard   1.00  now\n"
        "train  serverless  2 x t4  spot       0.20  queued\n"
        "price   1.20 USD an hour, 42% below 2.06 standard, with all steps at once\n"
        "starts  queued, until there is room\n"
        "  because  by price\n"
        "  warning  quota can't be read\n"
        "  warning  train: spot without requeue"
    )
    assert str(summed(steps(search=sweep, **{"prep.load": pool}))).splitlines()[1:4] == [
        "search     serverless  6 x left to the service  spot      -  queued",
        "prep.load  k8s         not told                 -      1.00  unknown",
        "price   not known",
    ]


def test_each_candidate_is_explained_once() -> None:
    """Under the names of the steps that it was compared for."""
    compared = attrs.evolve(
        CPU, candidates=(Candidate(instance_type="dear", tier=Tier.STANDARD, against="too dear"),)
    )
    text = summed(steps(prep=compared, train=GPU, score=compared)).explain()
    _, *parts = text.split("\n\n")
    assert [part.splitlines()[0] for part in parts] == ["prep, score:", "train:"]
    assert "too dear" in parts[0]
    assert parts[1].endswith("No size was compared.")


def test_of_a_pipeline_counts_its_largest_step() -> None:
    """On serverless, by vCPUs; on clusters, by nodes."""
    two = attrs.evolve(CLUSTER, instance_count=2, size=None)
    assert heaviest(CPU) is CPU
    assert heaviest(summed(steps(a=two, b=CPU, c=GPU))) == GPU
    assert heaviest(summed(steps(a=attrs.evolve(CLUSTER, size=None), b=two))) == two


def change(data: Any, value: Any, *path: Any) -> Any:
    """A copy of nested dicts and lists with one value changed."""
    if not path:
        return value
    first, *rest = path
    copy = list(data) if isinstance(data, list) else dict(data)
    copy[first] = change(copy.get(first) if isinstance(copy, dict) else copy[first], value, *rest)
    return copy


@pytest.mark.parametrize(
    ("path", "value", "argument"),
    [
        (("steps",), {}, "plan.steps"),
        (("steps", 0), 3, "plan.steps.0"),
        (("steps", 1, "path"), 3, "plan.steps.1.path"),
        (("steps", 1, "type"), "Job", "plan.steps.1.type"),
        (("steps", 1, "plan"), 1, "plan.steps.1.plan"),
        (("steps", 1, "plan"), -1, "plan.steps.1.plan"),
        (("steps", 1, "plan"), True, "plan.steps.1.plan"),
        (("steps", 1, "plan", "tier"), "auto", "plan.steps.1.plan.tier"),
        (("steps", 1, "plan", "steps"), [], "plan.steps.1.plan.steps"),
        (("steps", 1, "plan", "order"), None, "plan.steps.1.plan.order"),
        (("steps", 1, "more"), 1, "plan.steps.1.more"),
    ],
)
def test_what_is_no_plan_of_steps_is_told_by_its_place(
    path: tuple[Any, ...], value: Any, argument: str
) -> None:
    """Which step, and which field of its plan."""
    data = change(summed(steps(prep=CPU, train=GPU)).to_dict(), value, *path)
    with pytest.raises(InvalidRequest) as caught:
        Plan.from_dict(data)
    assert caught.value.argument == argument


def test_a_step_has_all_its_fields() -> None:
    """One that is missing is told."""
    data = summed(steps(prep=CPU)).to_dict()
    with pytest.raises(InvalidRequest, match=r"steps\.0\.type: is missing"):
        Plan.from_dict({**data, "steps": [{"path": "a", "plan": {}}]})


@given(STEPS, st.integers(1, 40))
def test_a_job_remembers_the_plans_of_its_steps(found: list[StepPlan], times: int) -> None:
    """However many they are, each property is short enough; what comes back is what can be needed."""
    many = [attrs.evolve(step, path=f"{step.path}{number}") for number in range(times) for step in found]
    plan = summed(many)
    memory = Memory(group="x", attempt=1, policy=None, plan=plan, body={"a": 1}, api_version="v")
    properties = memory.to_properties()
    assert all(len(value) <= LONGEST for value in properties.values())
    assert sum(name.startswith(PLAN_PROPERTY) for name in properties) <= 8
    back = Memory.from_properties(properties)
    assert back is not None
    assert [step.path for step in back.plan.steps] in ([step.path for step in many], [])


def test_what_is_too_long_is_not_remembered_in_part() -> None:
    """Neither steps nor body: nobody could tell whether the next attempt has what was planned."""
    many = steps(**{hashlib.sha512(bytes([number])).hexdigest()[:100]: GPU for number in range(120)})
    memory = Memory(group="x", attempt=1, policy=None, plan=summed(many), body={"a": 1}, api_version="v")
    back = Memory.from_properties(memory.to_properties())
    assert back is not None
    assert (back.plan.steps, back.plan.instance_count, back.body) == ((), 240, None)
    short = attrs.evolve(memory, plan=summed(many[:20]))
    again = Memory.from_properties(short.to_properties())
    assert again is not None
    assert (len(again.plan.steps), again.body) == (20, {"a": 1})


def test_steps_that_ask_the_same_are_placed_once() -> None:
    """They have one plan; the others their own."""
    here = market([CHEAP, DEAR, T4], quota(spot=100, cheap=(100, 0), dear=(100, 0), t4=(100, 0)))
    small, gpu = Ask(needs=Needs(cpus=1)), Ask(needs=Needs(gpus=1), tier=Tier.SPOT, job=JobType.SWEEP)
    asked = [
        Step(path="a", type=COMMAND, ask=small),
        Step(path="b", type=JobType.SWEEP, ask=gpu),
        Step(path="c.d", type=COMMAND, ask=attrs.evolve(small)),
    ]
    plan = place_steps(asked, here, timeout=5.0)
    assert [(step.path, step.type) for step in plan.steps] == [(step.path, step.type) for step in asked]
    assert plan.leaves == (place(small, here), place(gpu, here), place(small, here))
    assert plan.leaves[0] is plan.leaves[2]
    assert plan == summed(plan.steps, timeout=5.0)


def test_a_refusal_says_whose_step_it_is() -> None:
    """All of those that ask it, what they say themselves, and the error's own facts."""
    here = market([CHEAP], quota(cheap=(0, 0)))
    little, much = Ask(needs=Needs(cpus=1)), Ask(needs=Needs(cpus=100))
    asked = [Step(path=path, type=COMMAND, ask=little) for path in ("a", "b")]
    with pytest.raises(NoQuota) as caught:
        place_steps(asked, here)
    assert caught.value.message.startswith("The steps a, b: ")
    assert caught.value.limit == 0
    with pytest.raises(NothingFits) as unfit:
        place_steps(
            [Step(path="c", type=COMMAND, ask=much, of_job=("compute='serverless' (job.yml: …)",))], here
        )
    assert unfit.value.message.startswith("The step c: ")
    assert unfit.value.hint.endswith("The step itself says compute='serverless' (job.yml: …).")


def test_a_tier_that_one_cluster_has_not_can_be_had_by_the_others() -> None:
    """A refusal names the way out that loses nothing for them, where the tier alone is in the way."""
    here = workspace(cluster("cpu"))
    spot = Ask(needs=Needs(cpus=1), tier=Tier.SPOT, computes=("cpu",))
    with pytest.raises(ComputeUnsuitable, match="tier='spot' was asked for") as refused:
        place_steps([Step(path="a", type=COMMAND, ask=spot)], here)
    assert 'Or tier="auto": ' in refused.value.hint
    with pytest.raises(ComputeUnsuitable) as refused:
        place_steps([Step(path="a", type=COMMAND, ask=attrs.evolve(spot, nodes=9))], here)
    assert "auto" not in refused.value.hint


def test_two_plans_of_steps_stand_side_by_side() -> None:
    """Those steps that differ; where none does, the sums."""
    planned = summed(steps(prep=CPU, train=GPU))
    now = summed(steps(prep=CPU, train=attrs.evolve(GPU, starts=Starts.NOW)))
    assert [line.split()[:2] for line in side_by_side(planned, now).splitlines()] == [
        ["planned", "train"],
        ["now", "train"],
    ]
    assert [line.split()[:2] for line in side_by_side(planned, planned).splitlines()] == [
        ["planned", "serverless"],
        ["now", "serverless"],
    ]
