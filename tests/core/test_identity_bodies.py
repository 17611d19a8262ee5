"""An identity on its way: in the plan's words, on the bodies of each attempt and step, before the guard."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun import InvalidRequest, PlacementNotApplied, Plan
from amlrun._identity import Identity, IdentityKind
from amlrun._job_types import JobType
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._jobs.nested import Nested, dressed_nested
from amlrun._needs import Ask
from amlrun._offers import Kind
from amlrun._plan.comparison import check_asked
from amlrun._plan.steps import StepPlan
from amlrun._plan.summary import summed
from amlrun._wire import check_said

WORKSPACE = "/w"
USER, TRAINER = Identity(IdentityKind.USER), Identity(IdentityKind.MANAGED, "id", name="trainer")
HERE = Plan(identity=TRAINER, client_id="id")
THERE = Plan(compute="gpu", kind=Kind.CLUSTER, identity=TRAINER, client_id="other")
KUBERNETES = Plan(compute="k8s", kind=Kind.KUBERNETES, identity=TRAINER)
COMMAND: dict[str, Any] = {"jobType": "Command", "command": "true"}
SWEEP: dict[str, Any] = {"jobType": "Sweep", "trial": {"command": "true"}}


def dress(plan: Plan, former: Plan | None = None, **more: Any) -> Dress:
    """What is put on an attempt."""
    return Dress(plan=plan, former=former, workspace=WORKSPACE, group="run", **more)


def variables(body: dict[str, Any]) -> Any:
    """AZURE_CLIENT_ID of what runs."""
    of = body.get("trial", body)
    return of["environmentVariables"].get("AZURE_CLIENT_ID")


@pytest.mark.parametrize("job", [COMMAND, SWEEP], ids=["command", "sweep"])
@pytest.mark.parametrize("former", [HERE, THERE, KUBERNETES])
@pytest.mark.parametrize("plan", [HERE, THERE, KUBERNETES])
def test_the_client_id_goes_with_the_place(job: dict[str, Any], former: Plan, plan: Plan) -> None:
    """Of each attempt it is that of its own place: another one, or none."""
    first = dressed(job, dress(former))
    assert variables(first) == former.client_id
    again = dressed(first, dress(plan, former, attempt=2))
    check_said(again, dress(plan, former, attempt=2))
    assert variables(again) == plan.client_id


def test_the_guard_stops_another_places_client_id() -> None:
    """What the former attempt had must not stay on Kubernetes."""
    first = dressed(COMMAND, dress(HERE))
    with pytest.raises(
        PlacementNotApplied, match=r"AZURE_CLIENT_ID was about to leave as 'id'; planned was N"
    ):
        check_said(first, dress(KUBERNETES, HERE))


def test_a_client_id_of_the_users_own_stays_for_all_attempts() -> None:
    """A plan has none then."""
    own = {**COMMAND, "environmentVariables": {"AZURE_CLIENT_ID": "mine"}}
    unset = attrs.evolve(HERE, client_id=None)
    first = dressed(own, dress(unset))
    assert variables(dressed(first, dress(attrs.evolve(THERE, client_id=None), unset))) == "mine"


@pytest.mark.parametrize("job", ["AutoML", "Spark", "FineTuning"])
def test_other_types_have_their_identity_where_all_have_it(job: str) -> None:
    """At the top of the body, in the service's words."""
    plan = attrs.evolve(HERE, client_id=None, instance_type="Standard_E4s_v3")
    body = dressed({"jobType": job, "taskDetails": {}}, dress(plan))
    check_said(body, dress(plan))
    assert body["identity"] == {"identityType": "Managed", "clientId": "id"}
    assert "AZURE_CLIENT_ID" not in str(body)
    del body["identity"]["clientId"]
    with pytest.raises(PlacementNotApplied, match="identity was about to leave as"):
        check_said(body, dress(plan))


def test_steps_have_theirs_and_a_client_id_each() -> None:
    """In a job's nodes, and in the components that nested pipelines are; the guard looks at both."""
    kinds = {"fit": JobType.COMMAND, "in.fit": JobType.PARALLEL, "plain": JobType.COMMAND}
    plans = {"fit": HERE, "in.fit": HERE, "plain": Plan()}
    said = dress(Plan(steps=tuple(StepPlan(path, kinds[path], plan) for path, plan in plans.items())))
    jobs = {"fit": {"type": "command", "environment_variables": {"A": "b"}}, "plain": {"type": "command"}}
    body = dressed({"jobType": "Pipeline", "jobs": jobs}, said)
    inner = {"fit": {"type": "parallel"}}
    made = Nested(path="in", id="/c/in/versions/1", body={"componentSpec": {"jobs": inner}}, api_version="v")
    (nested,) = dressed_nested([made], said)
    check_said(body, said, [nested])
    assert body["jobs"]["fit"]["environment_variables"] == {"A": "b", "AZURE_CLIENT_ID": "id"}
    assert nested.nodes["fit"]["environment_variables"] == {"AZURE_CLIENT_ID": "id"}
    assert nested.nodes["fit"]["identity"] == {"identity_type": "Managed", "client_id": "id"}
    with pytest.raises(PlacementNotApplied, match=r"jobs\.fit\.identity"):
        check_said(body, said, [made])
    del body["jobs"]["fit"]["environment_variables"]["AZURE_CLIENT_ID"]
    with pytest.raises(PlacementNotApplied, match=r"fit\.environment_variables\.AZURE_CLIENT_ID"):
        check_said(body, said, [nested])


def test_a_further_attempt_of_a_pipeline_leaves_nested_ones_as_they_are() -> None:
    """Their components are there already, and can't be changed."""
    steps = (StepPlan("fit", JobType.COMMAND, HERE), StepPlan("in.fit", JobType.COMMAND, HERE))
    plan = Plan(steps=steps)
    body = dressed({"jobType": "Pipeline", "jobs": {"fit": {"type": "command"}}}, dress(plan))
    check_said(body, dress(plan, plan, attempt=2))


def test_the_plan_tells_whose_rights_the_job_has() -> None:
    """In the user's words, with the client id that code is told; of steps, each that differs."""
    assert "identity  managed:trainer (AZURE_CLIENT_ID=id)" in str(HERE)
    assert "identity  user" in str(Plan(identity=USER))
    assert "identity" not in str(Plan())
    plans = {"fit": HERE, "load": Plan(identity=USER), "score": HERE, "plain": Plan()}
    some = summed([StepPlan(name, JobType.COMMAND, plan) for name, plan in plans.items()])
    assert "identity  fit, score: managed:trainer (AZURE_CLIENT_ID=id)" in str(some)
    assert "identity  load: user" in str(some)
    alike = summed([StepPlan(name, JobType.COMMAND, HERE) for name in "ab"])
    assert "identity  managed:trainer (AZURE_CLIENT_ID=id)" in str(alike)


@pytest.mark.parametrize(("planned", "asked"), [(None, USER), (USER, None), (USER, TRAINER), (TRAINER, USER)])
def test_a_plan_with_another_identity_is_another_plan(planned: Identity, asked: Identity) -> None:
    """Somebody has changed it, or what it was made for."""
    with pytest.raises(InvalidRequest, match=r"identity: .* in the plan") as caught:
        check_asked(Ask(identity=asked), Plan(identity=planned))
    assert caught.value.argument == "identity"
    check_asked(Ask(identity=Identity(IdentityKind.MANAGED, name="Trainer")), HERE)
