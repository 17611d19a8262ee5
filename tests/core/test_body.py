"""What amlrun puts on a body, what a job remembers, and the guard in between."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import PlacementNotApplied, Plan, Requeue
from amlrun._durations import iso, seconds
from amlrun._identity import Identity, IdentityKind
from amlrun._job_types import JobType
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress, checkpoint_folder
from amlrun._jobs.nested import Nested, dressed_nested
from amlrun._memory import LONGEST, MOST_PARTS, Memory
from amlrun._names import attempt_name
from amlrun._offers import Kind, Tier
from amlrun._plan.steps import StepPlan
from amlrun._wire import check, check_said

WORKSPACE = "/subscriptions/s"
CLUSTER = f"{WORKSPACE}/computes/gpu"
BODY: dict[str, Any] = {
    "jobType": "Command",
    "command": "python train.py",
    "computeId": "/subscriptions/s/computes/serverless",
    "environmentId": "azureml:train:1",
    "environmentVariables": {"A": "b"},
    "outputs": None,
    "queueSettings": {"jobTier": "spot", "priority": 2},
    "resources": {"instanceCount": 1, "instanceType": "x", "shmSize": "4g"},
    "tags": {"team": "a"},
}
FOLDER = "azureml://datastores/workspaceblobstore/paths/amlrun/run/"
SERVERLESS = Plan(instance_type="Standard_DS3_v2", instance_count=2, tier=Tier.SPOT)
ON_CLUSTER = Plan(compute="gpu", instance_type="Standard_DS3_v2", instance_count=2)


def dress(plan: Plan, **more: Any) -> dict[str, Any]:
    """Dress the body for this plan."""
    return dressed(BODY, Dress(plan=plan, workspace=WORKSPACE, group="run", **more))


def test_serverless_is_no_compute_with_size_count_and_tier() -> None:
    """Where the service reads them, in its spelling; what else the job says stays."""
    body = dress(SERVERLESS)
    assert "computeId" not in body
    assert body["resources"] == {"instanceType": "Standard_DS3_v2", "instanceCount": 2, "shmSize": "4g"}
    assert body["queueSettings"] == {"jobTier": "Spot", "priority": 2}


def test_a_cluster_brings_its_own_size_and_tier() -> None:
    """On a cluster neither is sent: they are the cluster's."""
    body = dress(ON_CLUSTER)
    assert body["computeId"] == CLUSTER
    assert body["resources"] == {"instanceCount": 2, "shmSize": "4g"}
    assert body["queueSettings"] == {"priority": 2}


@pytest.mark.parametrize("kind", [Kind.KUBERNETES, Kind.UNKNOWN])
def test_kubernetes_is_told_its_instance_type(kind: Kind) -> None:
    """It has several; and a compute that couldn't be looked at may be one. The guard holds both."""
    plan = Plan(compute="k8s", kind=kind, instance_type="gpu-small")
    body = dress(plan)
    assert (body["computeId"], body["resources"]["instanceType"]) == (
        f"{WORKSPACE}/computes/k8s",
        "gpu-small",
    )
    assert "jobTier" not in body["queueSettings"]
    check(body, plan, WORKSPACE)
    body["resources"].pop("instanceType")
    with pytest.raises(PlacementNotApplied, match=r"resources\.instanceType was about to leave as None"):
        check(body, plan, WORKSPACE)
    assert "instanceType" not in dress(Plan(compute="k8s", kind=kind))["resources"]


def test_a_size_that_the_service_chooses_is_not_named() -> None:
    """With no size in the plan none leaves."""
    assert "instanceType" not in dress(Plan())["resources"]


def test_the_body_that_was_given_is_not_changed() -> None:
    """A new body comes out."""
    before, as_user = json.dumps(BODY), attrs.evolve(SERVERLESS, identity=Identity(IdentityKind.USER))
    dress(as_user, checkpoints=FOLDER, tags={"a": "b"})
    assert json.dumps(BODY) == before


def test_arguments_stand_where_the_service_reads_them() -> None:
    """Identity, timeout, names, tags, variables; dicts merge by key."""
    body = dress(
        attrs.evolve(SERVERLESS, identity=Identity(IdentityKind.MANAGED, "id")),
        timeout=90.5,
        display_name="d",
        experiment_name="e",
        tags={"x": "y"},
        environment_variables={"B": "c"},
    )
    assert body["identity"] == {"identityType": "Managed", "clientId": "id"}
    assert body["limits"] == {"jobLimitsType": "Command", "timeout": "PT91S"}
    assert (body["displayName"], body["experimentName"]) == ("d", "e")
    assert body["tags"] == {"team": "a", "x": "y"}
    own = {"AMLRUN_GROUP": "run", "AMLRUN_ATTEMPT": "1"}
    assert body["environmentVariables"] == {"A": "b", "B": "c", **own}


def test_checkpoints_are_the_same_place_for_every_attempt() -> None:
    """One datastore path by group, bound in the command, once, however often a body is dressed."""
    first = dress(SERVERLESS, checkpoints=FOLDER)
    again = dressed(
        first,
        Dress(
            plan=SERVERLESS,
            workspace=WORKSPACE,
            group="run",
            attempt=2,
            last_ending="preempted",
            checkpoints=FOLDER,
        ),
    )
    assert first["outputs"]["amlrun_checkpoints"] == {
        "jobOutputType": "uri_folder",
        "mode": "ReadWriteMount",
        "uri": FOLDER,
    }
    assert again["outputs"] == first["outputs"]
    assert again["command"] == first["command"]
    assert first["command"] == "export AMLRUN_CHECKPOINT_DIR=${{outputs.amlrun_checkpoints}}; python train.py"
    assert (
        again["environmentVariables"]["AMLRUN_ATTEMPT"],
        again["environmentVariables"]["AMLRUN_LAST_ENDING"],
    ) == (
        "2",
        "preempted",
    )


def test_each_group_has_a_folder_for_checkpoints_of_its_own() -> None:
    """In the workspace's datastore, the team's, or where the policy says; shared only where that is said."""
    store = "azureml://datastores/scratch/paths"
    for written in (f"{store}/churn", f"{store}/churn/"):
        own = Requeue(checkpoint=written)
        assert checkpoint_folder("run", own, "team") == f"{store}/churn/run/"
        assert checkpoint_folder("run", attrs.evolve(own, checkpoint_as_is=True), None) == f"{store}/churn/"
    assert checkpoint_folder("run", Requeue(), None) == FOLDER
    assert checkpoint_folder("run", Requeue(), "scratch") == f"{store}/amlrun/run/"


@pytest.mark.parametrize("plan", [SERVERLESS, ON_CLUSTER, Plan()])
def test_the_guard_lets_a_dressed_body_pass(plan: Plan) -> None:
    """What was planned is what is there."""
    check(dress(plan), plan, WORKSPACE)


@pytest.mark.parametrize(
    ("part", "key", "value", "field"),
    [
        ("resources", "instanceType", "Standard_D1", "resources.instanceType"),
        ("resources", "instanceCount", 3, "resources.instanceCount"),
        ("queueSettings", "jobTier", "Standard", "queueSettings.jobTier"),
        ("queueSettings", "jobTier", None, "queueSettings.jobTier"),
        ("resources", "instanceCount", "2", "resources.instanceCount"),
    ],
)
def test_the_guard_stops_a_body_that_differs(part: str, key: str, value: Any, field: str) -> None:
    """The error has the field, what was planned and what was about to leave."""
    body = dress(SERVERLESS)
    body[part][key] = value
    with pytest.raises(PlacementNotApplied) as caught:
        check(body, SERVERLESS, WORKSPACE)
    assert (caught.value.field, caught.value.leaving) == (field, value)


@pytest.mark.parametrize(
    ("lost", "field"),
    [
        (("identity",), "identity"),
        (("tags", "team"), "tags.team"),
        (("displayName",), "displayName"),
        (("experimentName",), "experimentName"),
        (("environmentVariables", "B"), "environmentVariables.B"),
        (("environmentVariables", "AZURE_CLIENT_ID"), "environmentVariables.AZURE_CLIENT_ID"),
        (("environmentVariables", "AMLRUN_ATTEMPT"), "environmentVariables.AMLRUN_ATTEMPT"),
        (("outputs", "amlrun_checkpoints", "uri"), "outputs.amlrun_checkpoints.uri"),
    ],
)
def test_the_guard_stops_a_body_without_what_was_said(lost: tuple[str, ...], field: str) -> None:
    """Identity, tags, names, variables and checkpoints, each at its own path."""
    said = Dress(
        plan=attrs.evolve(SERVERLESS, identity=Identity(IdentityKind.USER), client_id="id"),
        workspace=WORKSPACE,
        group="run",
        tags={"team": "b"},
        display_name="shown",
        experiment_name="tried",
        environment_variables={"B": "c"},
        checkpoints=FOLDER,
    )
    body = dressed(BODY, said)
    check_said(body, said)
    part = body
    for key in lost[:-1]:
        part = part[key]
    del part[lost[-1]]
    with pytest.raises(PlacementNotApplied) as caught:
        check_said(body, said)
    assert caught.value.field == field


def test_the_guard_holds_the_command_and_tells_no_secret() -> None:
    """A program that isn't told its place for checkpoints would write them where nobody keeps them."""
    variables = {"HF_TOKEN": "hf_abc"}
    said = Dress(
        plan=SERVERLESS,
        workspace=WORKSPACE,
        group="run",
        checkpoints=FOLDER,
        environment_variables=variables,
    )
    body = dressed(BODY, said)
    check_said({**body, "environmentVariables": {**body["environmentVariables"], "HF_TOKEN": "x"}}, said)
    with pytest.raises(PlacementNotApplied, match=r"command was about to leave as 'python train\.py'"):
        check_said({**body, "command": BODY["command"]}, said)


@pytest.mark.parametrize("name", ["instance_type", "instance_count", "job_tier"])
def test_the_guard_holds_the_trial_of_a_sweep_as_it_does_the_sweep(name: str) -> None:
    """Also against the names that only azure-ai-ml knows."""
    plain = {"jobType": "Sweep", "trial": {"command": "ls"}}
    body = dressed(plain, Dress(plan=SERVERLESS, workspace=WORKSPACE, group="run"))
    body["trial"]["resources"][name] = "other"
    with pytest.raises(PlacementNotApplied, match=f"trial.resources.{name}"):
        check(body, SERVERLESS, WORKSPACE)


@pytest.mark.parametrize(
    ("kind", "part", "path"),
    [
        ("Command", {"command": "ls"}, ("limits", "timeout")),
        ("Sweep", {"trial": {}}, ("limits", "timeout")),
        ("AutoML", {"taskDetails": {}}, ("taskDetails", "limitSettings", "timeout")),
    ],
)
def test_the_guard_holds_the_time_out(kind: str, part: dict[str, Any], path: tuple[str, ...]) -> None:
    """Where the service reads it, by type."""
    said = Dress(plan=SERVERLESS, workspace=WORKSPACE, group="run", timeout=99)
    body = dressed({"jobType": kind, **part}, said)
    check_said(body, said)
    of = body
    for key in path[:-1]:
        of = of[key]
    del of["timeout"]
    with pytest.raises(PlacementNotApplied, match="timeout was about to leave as None; planned was 'PT99S'"):
        check_said(body, said)


def test_the_guard_holds_the_identities_of_steps() -> None:
    """Of those whose node stands in the body, and of nested ones, which stand in components."""
    as_user = Plan(identity=Identity(IdentityKind.USER))
    plan = Plan(steps=tuple(StepPlan(path, JobType.COMMAND, as_user) for path in ("fit", "in.fit")))
    said = Dress(plan=plan, workspace=WORKSPACE, group="run")
    jobs = {"fit": {"type": "command"}}
    body = dressed({"jobType": "Pipeline", "jobs": jobs}, said)
    made = Nested(path="in", id="/c/in/versions/1", body={"componentSpec": {"jobs": jobs}}, api_version="v")
    (nested,) = dressed_nested([made], said)
    check_said(body, said, [nested])
    with pytest.raises(PlacementNotApplied, match=r"jobs\.fit\.identity was about to leave as None"):
        check_said(body, said, [made])
    del body["jobs"]["fit"]["identity"]
    with pytest.raises(PlacementNotApplied, match=r"jobs\.fit\.identity was about to leave as None"):
        check_said(body, said, [nested])


def test_the_guard_stops_a_compute_on_serverless_and_none_on_a_cluster() -> None:
    """Both ways of being in the wrong place."""
    with pytest.raises(PlacementNotApplied, match="computeId"):
        check({**dress(SERVERLESS), "computeId": CLUSTER}, SERVERLESS, WORKSPACE)
    with pytest.raises(PlacementNotApplied, match="computeId"):
        check({**dress(ON_CLUSTER), "computeId": None}, ON_CLUSTER, WORKSPACE)


texts = st.text(max_size=40).filter(lambda text: text != "properties")
bodies = st.dictionaries(texts, texts | st.integers() | st.none() | st.dictionaries(texts, texts), max_size=8)


@given(bodies, st.none() | st.builds(Requeue, preemptions=st.integers(0, 9)), st.integers(1, 99))
def test_what_a_job_remembers_comes_back(body: dict[str, Any], policy: Requeue | None, attempt: int) -> None:
    """Group, attempt, policy, plan, body and api-version, through strings within the service's limits.

    What looks like a secret comes back from the job itself.
    """
    memory = Memory(
        group="run", attempt=attempt, policy=policy, plan=SERVERLESS, body=body, api_version="2025"
    )
    properties = memory.to_properties()
    assert all(len(key) <= 100 and len(value) <= LONGEST for key, value in properties.items())
    assert (
        Memory.of_job({"properties": {**body, "properties": {**properties, "azureml.other": "x"}}}) == memory
    )


def test_a_plan_is_remembered_without_its_reasons() -> None:
    """What was chosen and its price are kept; the talk about it would not fit."""
    plan = attrs.evolve(SERVERLESS, price_per_hour=0.3, reasons=("because " * 500,), warnings=("x",) * 50)
    memory = Memory(group="run", attempt=1, policy=None, plan=plan, body={}, api_version="2025")
    kept = Memory.from_properties(memory.to_properties())
    assert kept is not None
    assert kept.plan == attrs.evolve(plan, reasons=(), warnings=())


def test_a_body_too_long_for_the_properties_is_left_out() -> None:
    """The job then says nothing of its body, and the number of properties stays small."""
    # Hex digits of squares don't compress.
    body = {"command": "".join(f"{number**5:x}" for number in range(6000))}
    memory = Memory(group="run", attempt=1, policy=None, plan=SERVERLESS, body=body, api_version="2025")
    kept = Memory.from_properties(memory.to_properties())
    assert kept is not None
    assert kept.body is None
    assert not memory.is_kept
    assert len(memory.to_properties()) <= 5 + MOST_PARTS
    assert 36 + 8 + MOST_PARTS <= 50  # the service's own of AutoML, ours, and what it takes


def test_a_body_that_is_not_there_is_no_property() -> None:
    """What was left out stays out."""
    memory = Memory(group="run", attempt=1, policy=None, plan=SERVERLESS, body=None, api_version="2025")
    assert Memory.from_properties(memory.to_properties()) == memory


def test_a_job_that_amlrun_did_not_send_remembers_nothing() -> None:
    """Other people's properties are no memory."""
    assert Memory.from_properties({"azureml.git": "x"}) is None


def test_attempts_have_fixed_names() -> None:
    """The run's name, then `-a2`, `-a3`."""
    assert [attempt_name("run", number) for number in (1, 2, 3)] == ["run", "run-a2", "run-a3"]


@pytest.mark.parametrize(
    ("text", "expected"), [("PT1H30M", 5400), ("P1DT2S", 86402), ("PT0.5S", 0.5), ("P2D", 172800)]
)
def test_durations(text: str, expected: float) -> None:
    """Days, hours, minutes, seconds."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["P", "PT", "1h", ""])
def test_what_is_no_duration(text: str) -> None:
    """A ValueError names it."""
    with pytest.raises(ValueError, match="no ISO 8601 duration"):
        seconds(text)


@given(st.integers(1, 10**7))
def test_durations_come_back(duration: int) -> None:
    """Whole seconds survive."""
    assert seconds(iso(duration)) == duration
