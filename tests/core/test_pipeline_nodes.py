"""Pipelines as bodies: the plan of each step on its node, nested ones, and the guard over all of them."""

from __future__ import annotations

import copy
import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import PlacementNotApplied, Plan
from amlrun._identity import Identity, IdentityKind
from amlrun._job_types import JobType
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._jobs.nested import Nested, dressed_nested, refer
from amlrun._jobs.pipeline import acts_as_user
from amlrun._memory import LONGEST, Memory
from amlrun._offers import Kind, Size, Tier
from amlrun._plan.steps import StepPlan
from amlrun._wire import check, check_nested

WORKSPACE = "/subscriptions/s"
SERVERLESS = f"{WORKSPACE}/computes/serverless"
COMPONENTS = f"{WORKSPACE}/components/azureml_anonymous/versions"
SPOT = Plan(instance_type="Standard_NC4as_T4_v3", instance_count=2, tier=Tier.SPOT)
CPU = Plan(instance_type="Standard_DS3_v2")
ON_CLUSTER = Plan(compute="gpu", kind=Kind.CLUSTER, instance_type="Standard_DS3_v2", instance_count=3)
ON_POOL = Plan(compute="pool", kind=Kind.UNKNOWN)
USER, MANAGED = Identity(IdentityKind.USER), Identity(IdentityKind.MANAGED, "client", "object", "/resource")


def plan_of(*steps: tuple[str, JobType, Plan]) -> Plan:
    """A pipeline's plan with these steps."""
    return Plan(steps=tuple(StepPlan(*step) for step in steps))


def dress_of(plan: Plan, **more: Any) -> Dress:
    """What is put on."""
    return Dress(plan=plan, workspace=WORKSPACE, group="run", **more)


def pipeline(nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The body of a pipeline."""
    return {"jobType": "Pipeline", "settings": {"_source": "DSL"}, "jobs": nodes, **more}


def node_of(kind: JobType, plan: Plan, **said: Any) -> dict[str, Any]:
    """A node that says this, as it leaves."""
    planned = plan_of(("a", kind, plan))
    body = dressed(pipeline({"a": {"type": kind.value.lower(), **said}}), dress_of(planned))
    check(body, planned, WORKSPACE)
    node: dict[str, Any] = body["jobs"]["a"]
    return node


@pytest.mark.parametrize("kind", [JobType.COMMAND, JobType.SWEEP])
def test_a_step_on_serverless_says_place_size_count_and_tier(kind: JobType) -> None:
    """In the service's words for nodes, whatever stood there; what else it says stays."""
    said = {"resources": {"instance_count": "1", "shm_size": "4g"}, "queue_settings": {"priority": 2}}
    assert node_of(kind, SPOT, computeId="elsewhere", **said) == {
        "type": kind.value.lower(),
        "computeId": SERVERLESS,
        "resources": {"instance_type": "Standard_NC4as_T4_v3", "instance_count": 2, "shm_size": "4g"},
        "queue_settings": {"job_tier": "Spot", "priority": 2},
    }


def test_a_step_of_automl_names_its_compute_in_its_own_way() -> None:
    """Its node stands in a body as it does in a job file."""
    node = node_of(JobType.AUTOML, CPU, compute="azureml:elsewhere")
    assert node["compute"] == f"azureml:{SERVERLESS}"
    assert "computeId" not in node
    assert node["queue_settings"] == {"job_tier": "Standard"}


def test_a_parallel_step_has_no_tier() -> None:
    """Its node has no field for one."""
    assert "queue_settings" not in node_of(JobType.PARALLEL, CPU, queue_settings={"job_tier": "Standard"})


def test_a_step_on_a_cluster_has_neither_size_nor_tier() -> None:
    """They are the cluster's; how many nodes is the step's."""
    said = {"resources": {"instance_type": "x"}, "queue_settings": {"job_tier": "Spot"}}
    assert node_of(JobType.COMMAND, ON_CLUSTER, **said) == {
        "type": "command",
        "computeId": f"{WORKSPACE}/computes/gpu",
        "resources": {"instance_count": 3},
    }


def test_a_spark_step_has_a_size_or_a_pool() -> None:
    """Serverless Spark takes a size and no compute; a pool is a compute, with nodes of its own size."""
    resources = {"instance_type": "Standard_E4s_v3", "runtime_version": "3.4"}
    on_serverless = node_of(JobType.SPARK, Plan(instance_type="Standard_E8s_v3"), resources=resources)
    assert on_serverless == {"type": "spark", "resources": {**resources, "instance_type": "Standard_E8s_v3"}}
    assert node_of(JobType.SPARK, ON_POOL) == {"type": "spark", "computeId": f"{WORKSPACE}/computes/pool"}


def test_gpu_nodes_of_steps_get_shared_memory() -> None:
    """As those of jobs do, unless the step says how much."""
    size = Size("Standard_NC4as_T4_v3", "f", 4, 28.0, 1, "T4", 180.0, True, None, None, "service")
    assert node_of(JobType.COMMAND, attrs.evolve(SPOT, size=size))["resources"]["shm_size"] == "14g"


def test_the_pipelines_own_settings_stay_but_for_places() -> None:
    """Reuse, datastore and what becomes of failures are its own; what it says of places, its steps say."""
    settings = {
        "force_rerun": True,
        "continue_on_step_failure": False,
        "default_datastore": "store",
        "default_compute": "azureml:Serverless",
        "queue_settings": {"job_tier": "spot"},
    }
    plan = plan_of(("a", JobType.COMMAND, ON_CLUSTER), ("b", JobType.COMMAND, ON_CLUSTER))
    nodes = {name: {"type": "command"} for name in "ab"}
    job = pipeline(nodes, settings=settings, computeId="x", identity={"identityType": "UserIdentity"})
    body = dressed(job, dress_of(plan))
    check(body, plan, WORKSPACE)
    kept = {name: settings[name] for name in ("force_rerun", "continue_on_step_failure", "default_datastore")}
    default = f"{WORKSPACE}/computes/gpu"
    assert body["settings"] == {**kept, "default_compute": default}
    assert not {"computeId", "identity"} & set(body)
    assert job["settings"] is settings


def test_the_default_compute_of_mixed_steps_is_serverless() -> None:
    """Each of them says its own."""
    plan = plan_of(("a", JobType.COMMAND, ON_CLUSTER), ("b", JobType.COMMAND, CPU))
    body = dressed(pipeline({"a": {"type": "command"}, "b": {"type": "command"}}), dress_of(plan))
    check(body, plan, WORKSPACE)
    assert body["settings"]["default_compute"] == SERVERLESS


def test_identities_are_the_steps() -> None:
    """In the words of each type of node; what was said before is replaced, what nobody says stays."""
    managed = attrs.evolve(CPU, identity=MANAGED)
    kinds = {JobType.COMMAND: managed, JobType.AUTOML: managed, JobType.PARALLEL: CPU}
    steps = [(kind.value, kind, plan) for kind, plan in kinds.items()]
    nodes = {name: {"type": name.lower(), "identity": {"identity_type": "AMLToken"}} for name, _, _ in steps}
    body = dressed(pipeline(nodes), dress_of(plan_of(*steps)))
    assert {name: node["identity"] for name, node in body["jobs"].items()} == {
        "Command": {
            "identity_type": "Managed",
            "client_id": "client",
            "object_id": "object",
            "resource_id": "/resource",
        },
        "AutoML": {
            "type": "managed_identity",
            "client_id": "client",
            "object_id": "object",
            "msi_resource_id": "/resource",
        },
        "Parallel": {"identity_type": "AMLToken"},
    }


@pytest.mark.parametrize(
    ("body", "acts"),
    [
        (pipeline({"a": {"type": "command", "identity": {"identity_type": "Managed"}}}), False),
        (pipeline({"a": {"type": "command"}, "b": {"type": "sweep", "identity": None}}), False),
        (pipeline({"a": {"type": "command", "identity": {"identity_type": "UserIdentity"}}}), True),
        (pipeline({"a": {"type": "automl", "identity": {"type": "user_identity"}}}), True),
        (pipeline({"a": {"type": "pipeline"}}), True),
        (pipeline({}, componentId="x"), True),
    ],
)
def test_whose_rights_a_pipeline_has(body: dict[str, Any], acts: bool) -> None:  # noqa: FBT001 - a case's answer
    """Those of who submits where a step says so, or where nobody can see whether one does."""
    assert acts_as_user(body) is acts


def test_the_guard_refuses_whatever_contradicts_the_plan() -> None:
    """Any field of a step that was changed, a step that nobody planned, and one that is missing."""
    plan = plan_of(("a", JobType.COMMAND, SPOT))
    body = dressed(pipeline({"a": {"type": "command"}}), dress_of(plan))
    check(body, plan, WORKSPACE)
    broken: list[tuple[str, Any]] = [
        ("jobs.a.computeId", "elsewhere"),
        ("jobs.a.resources.instance_type", "Standard_DS3_v2"),
        ("jobs.a.resources.instance_count", 1),
        ("jobs.a.queue_settings.job_tier", "spot"),
        ("jobs.b.type", "command"),
        ("settings.default_compute", "serverless"),
        ("settings.queue_settings", {"job_tier": "spot"}),
        ("identity", {"identityType": "AMLToken"}),
        ("computeId", SERVERLESS),
    ]
    for field, value in broken:
        wrong = copy.deepcopy(body)
        *outer, last = field.split(".")
        part = wrong
        for key in outer:
            part = part.setdefault(key, {})
        part[last] = value
        with pytest.raises(PlacementNotApplied) as refused:
            check(wrong, plan, WORKSPACE)
        assert refused.value.field == field
    body["jobs"].clear()
    with pytest.raises(PlacementNotApplied):
        check(dressed(body, dress_of(plan)), plan, WORKSPACE)


DEEP = plan_of(
    ("top", JobType.COMMAND, CPU),
    ("prep.clean", JobType.COMMAND, CPU),
    ("prep.deep.search", JobType.SWEEP, SPOT),
    ("prep.deep.plain", JobType.SWEEP, CPU),
)
CLEAN_AS_USER = attrs.evolve(
    DEEP,
    steps=tuple(
        attrs.evolve(step, plan=attrs.evolve(step.plan, identity=USER)) if step.path == "prep.clean" else step
        for step in DEEP.steps
    ),
)


def nested(path: str, name: str, nodes: dict[str, Any]) -> Nested:
    """The component of a nested pipeline, as the SDK has made it."""
    spec = {"name": "inner", "id": f"azureml:{COMPONENTS}/{name}", "jobs": nodes}
    body = {"componentSpec": spec, "isAnonymous": True}
    return Nested(path=path, id=f"{COMPONENTS}/{name}", body=body, api_version="v")


def placed(plan: Plan, tier: str | None) -> dict[str, Any]:
    """A node as the SDK writes it for a plan."""
    queue = {} if tier is None else {"queue_settings": {"job_tier": tier}}
    resources = {"instance_type": plan.instance_type, "instance_count": plan.instance_count}
    return {"computeId": SERVERLESS, "resources": resources, **queue}


def as_made() -> list[Nested]:
    """Two, one within the other: the SDK has spelt the tier of a sweep in its own way."""
    deep = {
        "search": {"type": "sweep", **placed(SPOT, "spot")},
        "plain": {"type": "sweep", **placed(CPU, None)},
    }
    prep = {
        "clean": {"type": "command", **placed(CPU, "Standard")},
        "deep": {"type": "pipeline", "componentId": f"{COMPONENTS}/2"},
    }
    return [nested("prep", "1", prep), nested("prep.deep", "2", deep)]


def test_a_nested_pipeline_that_the_sdk_wrote_well_stays() -> None:
    """Nothing is made anew."""
    (prep, _) = as_made()
    plan = attrs.evolve(DEEP, steps=DEEP.steps[:2])
    alone = attrs.evolve(prep, body={"componentSpec": {"jobs": {"clean": prep.nodes["clean"]}}})
    assert dressed_nested([alone], dress_of(plan)) == (alone,)
    assert dressed_nested([attrs.evolve(alone, body={"componentSpec": {}})], dress_of(plan))[0].made


def test_what_the_sdk_got_wrong_in_a_nested_pipeline_is_mended_in_another() -> None:
    """The component can't be changed: another is made, and that one's parent, which refers to it, too."""
    made = as_made()
    before = copy.deepcopy(made)
    found = {one.path: one for one in dressed_nested(made, dress_of(CLEAN_AS_USER))}
    prep, deep = found["prep"], found["prep.deep"]
    assert deep.nodes["search"]["queue_settings"] == {"job_tier": "Spot"}
    assert prep.nodes["deep"]["componentId"] == deep.id
    assert prep.nodes["clean"]["identity"] == {"identity_type": "UserIdentity"}
    for one, old in zip((prep, deep), made, strict=True):
        assert not one.made
        assert one.id != old.id
        assert one.id.startswith(f"{COMPONENTS}/")
        assert "id" not in one.body["componentSpec"]
    assert made == before
    again = dressed_nested(as_made(), dress_of(CLEAN_AS_USER))
    assert {one.path: one.id for one in again} == {path: one.id for path, one in found.items()}


def body_around() -> dict[str, Any]:
    """The job of those two."""
    nodes = {"top": {"type": "command"}, "prep": {"type": "pipeline", "componentId": f"{COMPONENTS}/1"}}
    return dressed(pipeline(nodes), dress_of(DEEP))


def test_the_guard_sees_nested_pipelines() -> None:
    """Their steps, and that what was seen is what the job refers to."""
    body, found = body_around(), dressed_nested(as_made(), dress_of(DEEP))
    with pytest.raises(PlacementNotApplied, match="componentId"):
        check_nested(body, found, DEEP, WORKSPACE)
    refer(body, found)
    check_nested(body, found, DEEP, WORKSPACE)
    check(body, DEEP, WORKSPACE)
    with pytest.raises(PlacementNotApplied, match=r"search\.queue_settings\.job_tier was .* 'spot'"):
        check_nested(body_around(), as_made(), DEEP, WORKSPACE)
    with pytest.raises(PlacementNotApplied, match="componentId"):
        check_nested(body, found[:1], DEEP, WORKSPACE)
    stranger = attrs.evolve(DEEP, steps=DEEP.steps[:2])
    with pytest.raises(PlacementNotApplied, match="type"):
        check_nested(body, found, stranger, WORKSPACE)


def test_a_job_of_one_component_has_all_of_its_steps_there() -> None:
    """A pipeline component that is submitted as a job."""
    plan = plan_of(("a", JobType.COMMAND, SPOT))
    one = nested("", "1", {"a": {"type": "command"}})
    body = dressed(pipeline({}, componentId=one.id), dress_of(plan))
    check(body, plan, WORKSPACE)
    found = dressed_nested([one], dress_of(plan))
    with pytest.raises(PlacementNotApplied, match="componentId"):
        check_nested(body, found, plan, WORKSPACE)
    refer(body, found)
    check_nested(body, found, plan, WORKSPACE)
    assert body["componentId"] == found[0].id != one.id
    assert found[0].nodes["a"]["queue_settings"] == {"job_tier": "Spot"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [JobType.COMMAND, JobType.SWEEP, JobType.AUTOML, JobType.PARALLEL, JobType.SPARK]
            ),
            st.sampled_from([SPOT, CPU, ON_CLUSTER, ON_POOL, Plan()]),
            st.sampled_from(["", "prep.", "prep.deep."]),
        ),
        max_size=8,
    )
)
def test_what_is_put_on_is_what_the_guard_finds(steps: list[tuple[JobType, Plan, str]]) -> None:
    """For any mix of steps, nested or not; and putting it on twice changes nothing."""
    named = [(f"{inside}s{number}", kind, plan) for number, (kind, plan, inside) in enumerate(steps)]
    plan = plan_of(*named)
    levels: dict[str, dict[str, Any]] = {
        "": {"prep": {"type": "pipeline"}},
        "prep": {"deep": {"type": "pipeline"}},
    }
    for path, kind, _ in named:
        inside, _, name = path.rpartition(".")
        levels.setdefault(inside, {})[name] = {"type": kind.value.lower()}
    levels.setdefault("prep.deep", {})
    body = dressed(pipeline(levels[""]), dress_of(plan))
    found = dressed_nested(
        [nested(path, str(number), levels[path]) for number, path in enumerate(("prep", "prep.deep"))],
        dress_of(plan),
    )
    refer(body, found)
    check(body, plan, WORKSPACE)
    check_nested(body, found, plan, WORKSPACE)
    assert dressed(body, dress_of(plan)) == body
    assert dressed_nested(found, dress_of(plan)) == found


def remembered(steps: int) -> Memory:
    """What a pipeline of so many steps remembers, from its properties."""
    plans = [attrs.evolve(CPU, instance_count=1 + number % 7) for number in range(steps)]
    plan = plan_of(*((f"step_{number}", JobType.COMMAND, one) for number, one in enumerate(plans)))
    memory = Memory(
        group="run", attempt=1, policy=None, plan=plan, body={"jobType": "Pipeline"}, api_version="v"
    )
    properties = memory.to_properties()
    assert all(len(value) <= LONGEST for value in properties.values())
    assert len(properties) < 20
    found = Memory.from_properties(json.loads(json.dumps(properties)))
    assert found is not None
    assert memory.is_kept == (found.body is not None)
    return found


@pytest.mark.parametrize("steps", [1, 3, 40, 400])
def test_the_plan_of_many_steps_is_remembered(steps: int) -> None:
    """Packed and in parts, where it is longer than a property."""
    assert len(remembered(steps).plan.steps) == steps


def test_a_plan_that_is_too_long_is_remembered_without_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Better than no plan."""
    monkeypatch.setattr("amlrun._memory.MOST_PARTS", 1)
    found = remembered(400)
    assert (found.plan.steps, found.plan.compute) == ((), "serverless")


@pytest.mark.parametrize(
    "other",
    [
        {"compute": "azureml:other"},
        {"resources": {"instanceType": "Standard_D1"}},
        {"resources": {"instanceCount": 9}},
        {"queueSettings": {"jobTier": "Spot"}},
    ],
)
def test_the_guard_stops_a_place_in_the_words_of_a_job(other: dict[str, Any]) -> None:
    """Beside the right ones: nobody knows which of the two would count."""
    assert node_of(JobType.COMMAND, CPU, **other) == node_of(JobType.COMMAND, CPU)
    planned = plan_of(("a", JobType.COMMAND, CPU))
    body = dressed(pipeline({"a": {"type": "command"}}), dress_of(planned))
    node = body["jobs"]["a"]
    for part, value in other.items():
        node[part] = {**node[part], **value} if part in node else value
    with pytest.raises(PlacementNotApplied, match=r"jobs\.a"):
        check(body, planned, WORKSPACE)
