from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import Cluster, InvalidRequest
from amlrun._asking.team import Defaults
from amlrun._memory import LONGEST, Memory
from amlrun._memory import PLAN as PLAN_PROPERTY
from amlrun._offers import Kind, Size, Tier
from amlrun._plan import Candidate, Plan, Starts
from amlrun._plan.order import Order

T4, V100 = "Standard_NC4as_T4_v3", "Standard_NC6s_v3"
SIZE = Size(
    name=T4,
    family="t4",
    cpus=4,
    memory_gb=28.0,
    gpus=0,
    gpu=None,
    disk_gb=176.0,
    for_jobs=True,
    price=0.53,
    spot_price=0.1,
    price_source="service",
)
PLAN = Plan(
    instance_type=T4,
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
        Candidate(instance_type=T4, tier=Tier.SPOT, price_per_hour=0.2, starts=Starts.NOW),
        Candidate(instance_type=V100, tier=Tier.SPOT, starts=Starts.QUEUED),
        Candidate(instance_type="Standard_DS3_v2", tier=Tier.SPOT, against="has no GPU"),
    ),
    size=SIZE,
)

TEXT = st.text(max_size=12)
PRICE = st.none() | st.floats(0.001, 100)
TIER = st.sampled_from([Tier.STANDARD, Tier.SPOT])
CANDIDATES = st.builds(
    Candidate,
    instance_type=st.text("SNabc_019", min_size=1, max_size=12),
    tier=TIER,
    compute=st.sampled_from(["serverless", "gpu"]),
    price_per_hour=PRICE,
    starts=st.none() | st.sampled_from(Starts),
    against=st.sampled_from(["", "has no GPU", "is not for jobs"]),
)
PLANS = st.builds(
    Plan,
    compute=st.sampled_from(["serverless", "gpu"]),
    kind=st.sampled_from(Kind),
    instance_type=st.none() | TEXT,
    instance_count=st.integers(1, 99),
    tier=TIER,
    price_per_hour=PRICE,
    on_demand_per_hour=PRICE,
    price_source=TEXT,
    starts=st.sampled_from(Starts),
    verified=st.booleans(),
    reasons=st.lists(TEXT).map(tuple),
    warnings=st.lists(TEXT).map(tuple),
    candidates=st.lists(CANDIDATES, max_size=60).map(tuple),
    size=st.none() | st.just(SIZE),
    timeout=st.none() | st.floats(1, 1e6),
    requeued=st.booleans(),
    creates=st.none() | st.builds(Cluster, st.just("gpu"), identity=st.sampled_from([None, "system"])),
)


def test_a_plan_prints_as_a_table() -> None:
    """What was chosen, what it costs and saves, when it starts, why, what to know, and what comes next."""
    assert str(PLAN) == (
        "place   serverless\n"
        f"size    2 x {T4} (4 vCPUs, 28 GB)\n"
        "tier    spot\n"
        "price   0.20 USD an hour, 81% below 1.06 standard\n"
        "starts  now, by quota (which is not capacity)\n"
        "  because  2 x 4 = 8 of 276 free vCPUs of TotalLowPriorityCores\n"
        "  warning  something to know\n"
        "  or       Standard_NC6s_v3  spot  -  queued"
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


@pytest.mark.parametrize(
    ("price", "timeout", "words"),
    [
        (0.766, 6 * 3600.0, "0.77 USD an hour; at most 4.60 USD in 6 h"),
        (3.06, 5400.0, "3.06 USD an hour; at most 4.59 USD in 1 h 30 min"),
        (3.06, 600.0, "at most 0.51 USD in 10 min"),
        (0.06, 30.0, "0.06 USD an hour; at most 0.0005 USD in 30 s"),
        (0.0104, 3600.0, "0.01 USD an hour; at most 0.01 USD in 1 h"),
        (1.0, 86400.0 * 10, "1.00 USD an hour; at most 240.00 USD in 10 d"),
    ],
)
def test_a_timeout_bounds_what_an_attempt_costs(price: float, timeout: float, words: str) -> None:
    """The price of an hour, and of an attempt that runs until its timeout."""
    plan = Plan(price_per_hour=price, timeout=timeout)
    assert plan.most_per_attempt == pytest.approx(price * timeout / 3600)
    assert words in str(plan)
    assert attrs.evolve(plan, timeout=None).most_per_attempt is None
    assert attrs.evolve(plan, price_per_hour=None).most_per_attempt is None


def test_what_may_be_repeated_is_told_of_each_attempt() -> None:
    """A run that is requeued may cost several times that."""
    plan = Plan(price_per_hour=0.1, timeout=6 * 3600.0, requeued=True)
    assert "0.10 USD an hour; at most 0.60 USD in 6 h, each attempt\n" in str(plan)


@pytest.mark.parametrize(("tier", "days"), [(Tier.SPOT, 7), (Tier.STANDARD, 21)])
def test_no_attempt_costs_more_than_the_service_lets_it_run(tier: Tier, days: int) -> None:
    """A longer timeout is never reached: the cost is that of the days that a job has."""
    plan = Plan(price_per_hour=1.0, tier=tier, timeout=86400.0 * 30)
    assert plan.longest_attempt == days * 86400
    assert plan.most_per_attempt == days * 24
    assert f"at most {days * 24}.00 USD in {days} d" in str(plan)


def test_up_to_three_runners_up_are_shown() -> None:
    """The best of what could be chosen too, with their places where these differ."""
    others = [
        Candidate(
            compute="gpu", instance_type=f"S{n}", tier=Tier.SPOT, price_per_hour=n, starts=Starts.QUEUED
        )
        for n in range(1, 6)
    ]
    lines = str(attrs.evolve(PLAN, candidates=(PLAN.candidates[0], *others))).splitlines()
    assert lines[-3:] == [
        "  or       gpu  S1  spot  1.00  queued",
        "  or       gpu  S2  spot  2.00  queued",
        "  or       gpu  S3  spot  3.00  queued",
    ]


def test_a_cluster_that_would_be_made_is_shown_with_its_price() -> None:
    """Name, nodes, size, tier, and what each node costs; it starts when the cluster is there."""
    gpu = Cluster("gpu", size=V100, max=4)
    plan = Plan(compute="gpu", instance_count=2, price_per_hour=6.12, creates=gpu, starts=Starts.QUEUED)
    assert f"makes   cluster gpu: 0 to 4 nodes of {V100}, standard, 3.06 USD an hour each" in str(plan)
    assert "starts  when the cluster is made and its nodes have come" in str(plan)
    unpriced = attrs.evolve(plan, price_per_hour=None)
    assert f"makes   cluster gpu: 0 to 4 nodes of {V100}, standard\n" in str(unpriced)


def test_explain_shows_every_candidate() -> None:
    """Each candidate stands with the first thing against it, those first that could be chosen."""
    mixed = attrs.evolve(PLAN, candidates=(PLAN.candidates[2], *PLAN.candidates[:2]))
    assert PLAN.explain().splitlines()[-4:] == [
        "size                  tier  USD/h  starts  against it",
        "Standard_NC4as_T4_v3  spot   0.20  now     chosen",
        "Standard_NC6s_v3      spot      -  queued  nothing: it could be chosen",
        "Standard_DS3_v2       spot      -  -       has no GPU",
    ]
    assert mixed.explain() == PLAN.explain()


def test_explain_names_places_where_there_are_several() -> None:
    """A cluster beside serverless: each row says where."""
    cluster = Candidate(compute="gpu", instance_type=V100, tier=Tier.SPOT, against="is Failed")
    assert attrs.evolve(PLAN, candidates=(*PLAN.candidates, cluster)).explain().splitlines()[-5:] == [
        "place       size                  tier  USD/h  starts  against it",
        "serverless  Standard_NC4as_T4_v3  spot   0.20  now     chosen",
        "serverless  Standard_NC6s_v3      spot      -  queued  nothing: it could be chosen",
        "serverless  Standard_DS3_v2       spot      -  -       has no GPU",
        "gpu         Standard_NC6s_v3      spot      -  -       is Failed",
    ]


def test_what_is_long_is_wrapped() -> None:
    """The figures of a refusal go on under their column, within a terminal of 100 columns."""
    words = (
        "needs 4 x 24 = 96 vCPUs of standardNCADSA100v4Family; limit 48, in use 24, free 24: one node fits"
    )
    candidate = Candidate(instance_type=T4, tier=Tier.STANDARD, against=words)
    lines = attrs.evolve(PLAN, candidates=(candidate,)).explain().splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert lines[-2].endswith("needs 4 x 24 = 96 vCPUs of standardNCADSA100v4Family;")
    assert lines[-1].strip() == "limit 48, in use 24, free 24: one node fits"
    assert lines[-1].index("limit") == lines[-2].index("needs")


def test_many_candidates_are_grouped_by_what_is_against_them() -> None:
    """What is against more than five of them is said once; none is left out."""
    able = [
        Candidate(instance_type=f"Able{n}", tier=Tier.SPOT, price_per_hour=n + 0.5, starts=Starts.NOW)
        for n in range(12)
    ]
    refused = [
        Candidate(compute=place, instance_type=f"Bare{n}", tier=Tier.SPOT, against="has no GPU")
        for n, place in enumerate(["serverless", "gpu"] * 15)
    ]
    alone = Candidate(instance_type="Alone", tier=Tier.SPOT, against="is not for jobs")
    plan = attrs.evolve(PLAN, candidates=(*refused, alone, *able))
    text = plan.explain()
    table, _, groups = text.partition("\n\nAnd 30 more:\n")
    assert table.splitlines()[-2].startswith("Able11 ")
    assert table.splitlines()[-1].endswith("-  -       is not for jobs")
    assert groups.startswith("  has no GPU (15 spot):\n    Bare0, Bare2,")
    assert "  has no GPU (15 spot on gpu):\n    Bare1, Bare3," in groups
    only = attrs.evolve(plan, candidates=tuple(refused)).explain()
    assert only.endswith(f"\n\n30 candidates:\n{groups}")
    for one in plan.candidates:
        assert one.instance_type in text.replace("\n", " ").replace(",", " ").split()


def test_a_table_of_candidates_has_forty_rows() -> None:
    """More that could be chosen follow in groups, with their prices."""
    able = [
        Candidate(instance_type=f"Able{n}", tier=Tier.SPOT, price_per_hour=n or None, starts=Starts.NOW)
        for n in (*range(1, 42), 0)
    ]
    text = attrs.evolve(PLAN, candidates=tuple(able)).explain()
    assert text.endswith(
        "\n\nAnd 2 more:\n  nothing: it could be chosen (2 spot, starts now):\n    Able41 41.00, Able0"
    )
    assert attrs.evolve(PLAN, candidates=tuple(able[:40])).explain().splitlines()[-1].startswith("Able40 ")


@given(PLANS)
def test_every_candidate_is_explained(plan: Plan) -> None:
    """However many there are and whatever is against them."""
    text = plan.explain()
    tail = text[len(str(plan)) :]
    for candidate in plan.candidates:
        assert candidate.instance_type in tail
        assert candidate.against.split(" ")[0] in tail


@given(PLANS)
def test_a_plan_survives_json(plan: Plan) -> None:
    """A plan written as JSON and read again is the same plan, as a dict and as text."""
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert Plan.from_json(plan.to_json()) == plan
    assert hash(Plan.from_json(plan.to_json())) == hash(plan)


@given(PLANS)
def test_a_job_remembers_the_decision(plan: Plan) -> None:
    """What a job keeps of its plan is the decision, without what explains it."""
    memo = Plan.from_dict(json.loads(json.dumps(plan.to_memo())))
    assert memo == attrs.evolve(plan, reasons=(), warnings=(), candidates=(), creates=None)


def test_what_a_plan_is_made_for_is_no_part_of_the_decision() -> None:
    """It is neither compared nor shown, and a job does not remember it twice."""
    order = Order(
        job="python train.py", options={"environment_variables": {"TOKEN": "hunter2"}}, workspace="s/g/w"
    )
    ordered = attrs.evolve(PLAN, order=order)
    assert ordered == PLAN
    assert hash(ordered) == hash(PLAN)
    for text in (repr(ordered), str(ordered), ordered.explain(), ordered.to_json(), str(ordered.to_memo())):
        assert "hunter2" not in text
    assert ordered.to_memo() == PLAN.to_memo()
    again = Plan.from_json(ordered.to_json()).order
    assert again is not None
    assert (again.job, again.workspace, again.absent) == ("python train.py", "s/g/w", ("TOKEN",))


def test_the_longest_plan_fits_in_one_property() -> None:
    """A property of a job holds 1,000 characters: a plan with the longest names has room to spare there."""
    size = attrs.evolve(
        SIZE,
        name="Standard_" + "N" * 40,
        family="standard" + "F" * 60,
        gpu="RTXPRO6000",
        price_source="list price, East US, November 2025, as the table of the package has it",
        price=12345.678901,
        spot_price=1234.567891,
        memory_gb=11400.123456,
        disk_gb=65536.123456,
    )
    plan = Plan(
        compute="c" * 32,
        kind=Kind.CONTAINER_INSTANCE,
        instance_type="i" * 63,
        instance_count=1000,
        tier=Tier.SPOT,
        price_per_hour=12345678.901234,
        on_demand_per_hour=12345678.901234,
        price_source=size.price_source,
        starts=Starts.QUEUED,
        verified=True,
        reasons=("x" * 5000,),
        warnings=("x" * 5000,),
        candidates=PLAN.candidates * 200,
        size=size,
        timeout=1814400.123456,
        requeued=True,
        creates=Cluster("gpu"),
        order=Order(job="x" * 5000, workspace="s/g/w"),
    )
    memory = Memory(group="g", attempt=1, policy=None, plan=plan, body=None, api_version="2025-01-01-preview")
    assert len(memory.to_properties()[PLAN_PROPERTY]) <= LONGEST - 50


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 1}, "of version 1; this amlrun reads version 2"),
        ({"version": None}, "of version None"),
    ],
)
def test_another_version_is_refused(change: dict[str, Any], words: str) -> None:
    """A form that this version does not know is refused, never half read."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        Plan.from_dict({**PLAN.to_dict(), **change})
    assert caught.value.argument == "plan"
    assert "plan(…)" in caught.value.hint


def edited(path: str, value: Any) -> dict[str, Any]:
    """A whole plan's dict, with one field set to something else."""
    order = Order(job="python -V", options={"gpus": 1}, workspace="s/g/w", defaults=Defaults(tier=Tier.SPOT))
    data: Any = attrs.evolve(PLAN, creates=Cluster("gpu"), order=order).to_dict()
    data = json.loads(json.dumps(data))
    *parts, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner = data
    for part in parts:
        inner = inner[part]
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return dict(data)


MISSING = object()
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("colour", "red", "there is no such field"),
        ("tier", "free", "'free' is none of standard, spot"),
        ("tier", "auto", "'auto' is none of standard, spot"),
        ("kind", 3, "3 is none of"),
        ("starts", None, "None is none of now, queued, unknown"),
        ("instance_count", "2", "'2' is no whole number of 1 or more"),
        ("instance_count", True, "True is no whole number of 1 or more"),
        ("instance_count", 0, "0 is no whole number of 1 or more"),
        ("instance_count", 1.5, "1.5 is no whole number of 1 or more"),
        ("price_per_hour", "free", "'free' is no number of 0 or more"),
        ("price_per_hour", -0.1, "-0.1 is no number of 0 or more"),
        ("price_per_hour", NAN, "nan is no number of 0 or more"),
        ("on_demand_per_hour", INFINITE, "inf is no number of 0 or more"),
        ("timeout", False, "False is no number of 0 or more"),
        ("compute", None, "None is no text"),
        ("verified", 1, "1 is neither true nor false"),
        ("reasons", "because", "'because' is no list"),
        ("warnings.0", 1, "1 is no text"),
        ("candidates", None, "None is no list"),
        ("candidates.1", "T4", "'T4' is no mapping of fields"),
        ("candidates.1.tier", MISSING, "is missing"),
        ("candidates.1.tier", "auto", "'auto' is none of standard, spot"),
        ("candidates.0.price_per_hour", -1, "-1 is no number of 0 or more"),
        ("candidates.2.colour", "red", "there is no such field"),
        ("size", "T4", "'T4' is no mapping of fields"),
        ("size", [1] * 40, "[1, 1, 1"),
        ("size.cpus", "4", "'4' is no whole number of 0 or more"),
        ("size.cpus", -4, "-4 is no whole number of 0 or more"),
        ("size.family", MISSING, "is missing"),
        ("size.price", NAN, "nan is no number of 0 or more"),
        ("size.wheels", 4, "there is no such field"),
        ("creates", "gpu", "'gpu' is no mapping of fields"),
        ("creates.name", "x", "Cluster(name='x')"),
        ("creates.max", "4", "Cluster(max='4')"),
        ("creates.wheels", 4, "there is no such field"),
        ("order", 3, "3 is no mapping of fields"),
        ("order.job", {"$": "spell", "value": 1}, "can't be read (KeyError)"),
        ("order.job", {"$": "path", "value": 1}, "can't be read (TypeError)"),
        ("order.options", None, "None is no mapping of fields"),
        ("order.options.gpus", {"$": "seconds", "value": 1e300}, "can't be read (OverflowError)"),
        ("order.options.gpus", {"$": "needs", "value": {"cpus": "x"}}, "cpus='x'"),
        ("order.options.gpus", {"$": "cluster", "value": 4}, "4 is no mapping of fields"),
        ("order.workspace", 3, "3 is no text"),
        ("order.absent", [1], "1 is no text"),
        ("order.digest", MISSING, ""),
        ("order.workspace", MISSING, "is missing"),
        ("order.defaults", [], "[] is no mapping of fields"),
        ("order.defaults.tier", "free", "'free' is none of standard, spot, auto"),
        ("order.defaults.timeout", "6 h", "'6 h' is no number of 0 or more"),
        ("order.defaults.compute", 5, "5 is no list"),
        ("order.defaults.identity", "me", "identity='me' is not one"),
        ("order.defaults.where", 5, "5 is no mapping of fields"),
    ],
)
def test_a_field_that_is_wrong_is_named(path: str, value: Any, why: str) -> None:
    """Each field is read with its type, and impossible values are refused, in whatever depth they stand."""
    if (path, value) == ("order.digest", MISSING):  # has a default
        assert Plan.from_dict(edited(path, value)).order is not None
        return
    with pytest.raises(InvalidRequest) as caught:
        Plan.from_json(json.dumps(edited(path, value)))
    name = caught.value.argument.removeprefix("plan.")
    assert path == name or path.startswith(f"{name}.") or name == f"{path}.0"
    assert f"{name}: " in caught.value.message
    assert why in caught.value.message
    assert "plan(…)" in caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", "null", b"\xff", None, {}, "3"])
def test_what_is_no_json_is_refused(text: Any) -> None:
    """Text that holds no plan is told as that."""
    with pytest.raises(InvalidRequest) as caught:
        Plan.from_json(text)
    assert caught.value.argument == "plan"


@pytest.mark.parametrize("data", ["text", None, [], 3])
def test_what_is_no_mapping_is_refused(data: Any) -> None:
    """What can't be a plan's dict at all is told as that."""
    with pytest.raises(InvalidRequest, match=r"not a plan .* no mapping of fields") as caught:
        Plan.from_dict(data)
    assert caught.value.argument == "plan"
