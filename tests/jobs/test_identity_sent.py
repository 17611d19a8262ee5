"""Whose rights a job is sent with: on the wire, for each attempt and each step, with any azure-ai-ml."""

from __future__ import annotations

import base64
import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, ManagedIdentityConfiguration, UserIdentityConfiguration, command, dsl

from amlrun import (
    Cluster,
    ComputeUnsuitable,
    InvalidRequest,
    Managed,
    Requeue,
    Run,
    SubmissionFailed,
    attach,
    plan,
    submit,
    submit_many,
)
from amlrun.testing import Answer, NodeLost, Preempted
from tests.jobs.every import (
    ENVIRONMENT,
    STORE,
    beside_each_other,
    named,
    pipeline_of,
    searching,
    sparkling,
    tabular,
    trained,
    tuning,
)
from tests.testing.kinds import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between

SDK = tuple(int(part) for part in importlib.metadata.version("azure-ai-ml").split(".")[:2])
TRAINER, SCORER = "11111111-2222-3333-4444-555555555551", "11111111-2222-3333-4444-555555555552"
BY_NAME = {"identityType": "Managed", "clientId": TRAINER}
"""How an identity leaves that was said by its name."""
TYPES: dict[str, Callable[[Path], Any]] = {
    "command": lambda _: trained(),
    "sweep": lambda _: searching(),
    "automl": lambda _: tabular("classification", "accuracy"),
    "spark": lambda folder: sparkling(folder / "s"),
    "fine-tuning": lambda _: tuning(),
}
_SAYS_NOTHING: dict[str, Any] = {}
WORDS = {
    "user": {"identityType": "UserIdentity"},
    "managed": {"identityType": "Managed"},
    "managed:trainer": BY_NAME,
    "token": {"identityType": "AMLToken"},
}


@pytest.fixture
def world(fake_aml: FakeAml) -> FakeAml:
    """A workspace with one identity, and a cluster and a Kubernetes with another one each."""
    fake_aml.identity("trainer", client_id=TRAINER)
    fake_aml.identity("scorer", client_id=SCORER, attached=False)
    fake_aml.cluster("gpu", size="Standard_DS3_v2", identity="scorer")
    fake_aml.kubernetes("k8s", identity="scorer")
    return fake_aml


def sent(fake: FakeAml, name: str) -> Mapping[str, Any]:
    """The body of a job."""
    body: Mapping[str, Any] = fake.job(name).body["properties"]
    return body


def client_id(fake: FakeAml, name: str) -> Any:
    """AZURE_CLIENT_ID of a command job or of a sweep's trials."""
    body = sent(fake, name)
    variables = body.get("trial", body).get("environmentVariables") or {}
    return variables.get("AZURE_CLIENT_ID")


@pytest.mark.parametrize("said", WORDS)
@pytest.mark.parametrize("kind", TYPES)
def test_each_type_says_it_where_the_service_reads_it(
    world: FakeAml, client: MLClient, tmp_path: Path, kind: str, said: str
) -> None:
    """Jobs at the top of the body; programs of the user's are told the client id of a managed one."""
    if (kind, SDK) == ("fine-tuning", (1, 34)):
        pytest.skip("azure-ai-ml 1.34 can't write this type down")
    run = submit(TYPES[kind](tmp_path), identity=said, client=client)
    assert sent(world, run.name)["identity"] == WORDS[said]
    told = said.startswith("managed") and kind in {"command", "sweep"}
    assert client_id(world, run.name) == (TRAINER if told else None)


@pytest.mark.parametrize(
    "said",
    [
        Managed(name="trainer"),
        Managed(client_id=TRAINER),
        ManagedIdentityConfiguration(client_id=TRAINER),
    ],
    ids=["name", "client id", "SDK"],
)
def test_values_say_it_too(world: FakeAml, client: MLClient, said: Any) -> None:
    """A `Managed`, or the entity of `azure-ai-ml`; as an argument and in the job."""
    run = submit(trained(), identity=said, client=client)
    assert (sent(world, run.name)["identity"], client_id(world, run.name)) == (BY_NAME, TRAINER)
    if isinstance(said, ManagedIdentityConfiguration):
        own = submit(trained(identity=said), client=client)
        assert (sent(world, own.name)["identity"], client_id(world, own.name)) == (BY_NAME, TRAINER)


def test_an_entity_may_say_the_object_id(world: FakeAml, client: MLClient) -> None:
    """It leaves as it was said, beside the client id of an identity that is said by its ARM id."""
    scope, found = world.scope, {"objectId": "principal-1"}
    world.identity("trainer", client_id=TRAINER, principal_id="principal-1")
    run = submit(trained(), identity=ManagedIdentityConfiguration(object_id="principal-1"), client=client)
    body = sent(world, run.name)
    assert (body["identity"], client_id(world, run.name)) == ({"identityType": "Managed", **found}, TRAINER)
    group = f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}"
    arm_id = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer"
    both = ManagedIdentityConfiguration(resource_id=arm_id, object_id="principal-1")
    assert sent(world, submit(trained(), identity=both, client=client).name)["identity"] == BY_NAME | found


def test_an_arm_id_says_it_too(world: FakeAml, client: MLClient) -> None:
    """On a sweep, whose trials are told."""
    group = f"/subscriptions/{world.scope.subscription_id}/resourceGroups/{world.scope.resource_group}"
    arm_id = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/trainer"
    run = submit(searching(), identity=f"managed:{arm_id}", client=client)
    assert (sent(world, run.name)["identity"], client_id(world, run.name)) == (BY_NAME, TRAINER)


def test_an_unknown_identity_is_refused_before_anything_is_uploaded(
    world: FakeAml, client: MLClient, source: Path
) -> None:
    """With those that are attached; nothing was written."""
    before = len(world.calls)
    with pytest.raises(ComputeUnsuitable) as caught:
        submit(
            "python train.py", code=source, environment=ENVIRONMENT, identity="managed:nobody", client=client
        )
    assert f"attached: trainer ({TRAINER})" in caught.value.message
    assert {call.method for call in world.calls[before:]} == {"GET"}


def test_one_that_was_attached_just_now_is_found(world: FakeAml, client: MLClient) -> None:
    """A refusal never rests on what was read before."""
    plan(trained(), client=client)
    world.identity("newcomer", client_id=SCORER)
    run = submit(trained(), identity="managed:newcomer", client=client)
    assert client_id(world, run.name) == SCORER


def test_many_jobs_have_theirs(world: FakeAml, client: MLClient) -> None:
    """Each is sent by the same rule; one that can't be is told, and loses no other."""
    jobs = [trained(identity=one) for one in (UserIdentityConfiguration(), ManagedIdentityConfiguration())]
    unknown = trained(identity=ManagedIdentityConfiguration(client_id=SCORER.replace("1", "9")))
    first, second, third = submit_many([*jobs, unknown], client=client)
    assert isinstance(third, ComputeUnsuitable)
    assert [client_id(world, run.name) for run in (first, second) if isinstance(run, Run)] == [None, TRAINER]


def test_a_system_assigned_identity_is_refused_on_serverless(fake_aml: FakeAml, client: MLClient) -> None:
    """Documented: there it is a user-assigned one of the workspace. A cluster's own will do."""
    with pytest.raises(ComputeUnsuitable, match="a managed identity on serverless is the workspace's"):
        submit(trained(), identity="managed", client=client)
    own = Cluster("own", size="Standard_DS3_v2", identity="system")
    run = submit(trained(), identity="managed", compute=own, client=client)
    assert sent(fake_aml, run.name)["identity"] == {"identityType": "Managed"}
    assert client_id(fake_aml, run.name) is None  # which code needs for user-assigned ones alone


def test_the_clusters_own_identity_where_a_cluster_is_chosen(world: FakeAml, client: MLClient) -> None:
    """Not the workspace's, for who names none; the plan says so beforehand."""
    options: dict[str, Any] = {"identity": "managed", "compute": "gpu", "client": client}
    assert f"managed (AZURE_CLIENT_ID={SCORER})" in str(plan(trained(), **options))
    run = submit(trained(), **options)
    assert sent(world, run.name)["identity"] == {"identityType": "Managed"}
    assert client_id(world, run.name) == SCORER


def test_kubernetes_is_told_no_client_id(world: FakeAml, client: MLClient) -> None:
    """Documented: code there names none."""
    run = submit(trained(), identity="managed:scorer", compute="k8s", client=client)
    assert sent(world, run.name)["identity"] == {"identityType": "Managed", "clientId": SCORER}
    assert client_id(world, run.name) is None


@pytest.mark.parametrize("where", ["argument", "job"])
def test_a_client_id_of_the_users_own_stays(world: FakeAml, client: MLClient, where: str) -> None:
    """The plan tells it."""
    own = {"AZURE_CLIENT_ID": "mine"}
    job = trained(environment_variables=own) if where == "job" else trained()
    options: dict[str, Any] = {"environment_variables": own} if where == "argument" else {}
    made = plan(job, identity="managed", client=client, **options)
    assert f"AZURE_CLIENT_ID stays as the job has it; its identity's is {TRAINER}" in made.reasons
    run = submit(made, client=client)
    assert client_id(world, run.name) == "mine"


def steps_of(tmp_path: Path, **of_fit: Any) -> Any:
    """A pipeline with a command, a parallel, a Spark and an AutoML step, and one in a nested pipeline."""
    fit = trained(**of_fit)

    def inner() -> None:
        named(trained()(), "clean")

    made: Any = dsl.pipeline(**_SAYS_NOTHING)

    def steps() -> None:
        named(fit(), "fit")
        named(beside_each_other(tmp_path / "p")(data=Input(type="uri_folder", path=f"{STORE}/d/")), "score")
        named(sparkling(tmp_path / "s")(), "spark")
        named(tabular("classification", "accuracy"), "auto")
        named(made(plain(inner))(), "prep")

    return pipeline_of(steps)


def test_steps_have_it_each_in_its_words(world: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Programs are told the client id; a nested pipeline's stand in its component."""
    run = submit(steps_of(tmp_path), identity="managed:trainer", client=client)
    nodes = sent(world, run.name)["jobs"]
    said = {"identity_type": "Managed", "client_id": TRAINER}
    assert {name: nodes[name]["identity"] for name in ("fit", "score", "spark")} == dict.fromkeys(
        ("fit", "score", "spark"), said
    )
    assert nodes["auto"]["identity"] == {"type": "managed_identity", "client_id": TRAINER}
    of_steps = {name: node.get("environment_variables") for name, node in nodes.items()}
    told = {"AZURE_CLIENT_ID": TRAINER}
    assert {name for name, variables in of_steps.items() if variables == told} == {"fit", "score"}
    (puts,) = [
        call.json["properties"]["componentSpec"]["jobs"]
        for call in world.calls
        if call.method == "PUT" and "/components/" in call.path and b'"clean"' in call.body
    ]
    assert (puts["clean"]["identity"], puts["clean"]["environment_variables"]) == (said, told)


def test_a_components_own_client_id_stays(world: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Of the step that has it; the plan tells it with the step's name."""
    job = steps_of(tmp_path, environment_variables={"AZURE_CLIENT_ID": "mine"})
    made = plan(job, identity="managed", client=client)
    assert f"fit: AZURE_CLIENT_ID stays as the job has it; its identity's is {TRAINER}" in made.reasons
    run = submit(made, client=client)
    nodes = sent(world, run.name)["jobs"]
    assert (nodes["fit"].get("environment_variables") or {}).get("AZURE_CLIENT_ID", "mine") == "mine"
    assert nodes["score"]["environment_variables"]["AZURE_CLIENT_ID"] == TRAINER


def test_a_sweep_as_a_step_has_no_place_for_it(world: FakeAml, client: MLClient) -> None:
    """Refused, with the step's name."""
    with pytest.raises(
        InvalidRequest, match="The step search: identity: as a step, a sweep is known to take"
    ):
        submit(pipeline_of(lambda: named(searching(), "search")), identity="user", client=client)
    assert not world.jobs


def test_a_kept_components_variables_are_left_alone(world: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Nobody has read what they say."""
    component: Any = command(command="true", environment=ENVIRONMENT, name="kept").component
    component.version = "1"
    client.components.create_or_update(component)
    job = tmp_path / "job.yml"
    job.write_text("type: pipeline\njobs: {fit: {type: command, component: 'azureml:kept:1'}}\n")
    made = plan(job, identity="managed", client=client)
    assert any("AZURE_CLIENT_ID stays" in words for words in made.reasons)
    run = submit(made, client=client)
    assert "environment_variables" not in sent(world, run.name)["jobs"]["fit"]


def test_the_next_attempt_has_the_identity_of_its_place(world: FakeAml, client: MLClient) -> None:
    """First a cluster with its own, then serverless with the workspace's: the client id changes along."""
    world.inject(NodeLost(after=10), job="train")
    options: dict[str, Any] = {"identity": "managed", "compute": ["gpu", "serverless"]}
    run = submit(trained(), name="train", requeue=Requeue(waits=(60,)), client=client, **options)
    assert client_id(world, "train") == SCORER
    world.advance(minutes=10)
    client.compute.begin_delete("gpu").wait()
    run.wait()
    assert (client_id(world, "train-a2"), world.job("train-a2").compute) == (TRAINER, None)


def tokens(between: Between) -> dict[str, str | None]:
    """Keeps the token that comes with each job, by its name."""
    found: dict[str, str | None] = {}

    def act(method: str, path: str, on: Callable[[], Any]) -> Any:
        answer = on()
        if method == "PUT" and "/jobs/" in path:
            found[path.rpartition("/")[2]] = answer.http_request.headers.get("x-azureml-token")
        return answer

    between.act = act
    return found


def audience(token: str | None) -> Any:
    """Whom a token is for; None: there is none."""
    if token is None:
        return None
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["aud"]


@pytest.mark.parametrize("kind", TYPES)
def test_the_users_token_goes_along_with_the_users_identity(
    world: FakeAml, between: Between, tmp_path: Path, kind: str
) -> None:
    """For whatever type; it is in no body."""
    if (kind, SDK) == ("fine-tuning", (1, 34)):
        pytest.skip("azure-ai-ml 1.34 can't write this type down")
    found, there = tokens(between), world.client(per_call_policies=between)
    as_user = submit(TYPES[kind](tmp_path), identity="user", client=there)
    managed = submit(TYPES[kind](tmp_path), identity="managed", client=there)
    token = found[as_user.name]
    assert audience(token) == "https://ml.azure.com"
    assert found[managed.name] is None
    assert str(token) not in json.dumps(dict(world.job(as_user.name).body))


def test_each_attempt_has_a_token_of_its_own(world: FakeAml, between: Between) -> None:
    """Made when it is sent: that of the first may have expired by then."""
    world.inject(Preempted(), job="train")
    found, there = tokens(between), world.client(per_call_policies=between)
    run = submit(
        trained(), name="train", tier="spot", identity="user", requeue=Requeue(waits=(60,)), client=there
    )
    run.wait()
    assert [audience(found[one.name]) for one in run.attempts] == ["https://ml.azure.com"] * 2
    assert sent(world, "train-a2")["identity"] == {"identityType": "UserIdentity"}


def test_a_pipelines_token_goes_along_for_its_steps(world: FakeAml, between: Between) -> None:
    """Whatever their identities, as azure-ai-ml does it."""
    found, there = tokens(between), world.client(per_call_policies=between)
    run = submit(pipeline_of(lambda: named(trained()(), "fit")), identity="user", client=there)
    assert audience(found[run.name]) == "https://ml.azure.com"


@pytest.mark.usefixtures("world")
def test_where_the_identity_counts_another_job_of_that_name_is_another(client: MLClient) -> None:
    """Found by its name, it is the same one; another one is told."""
    first = submit(trained(), name="train", identity="managed:trainer", client=client)
    again = submit(trained(), name="train", identity="managed:trainer", client=client)
    assert first.name == again.name
    with pytest.raises(SubmissionFailed, match="it is another one"):
        submit(trained(), name="train", identity="user", client=client)


def test_the_workspaces_datastores_without_keys_are_warned_of(world: FakeAml, client: MLClient) -> None:
    """The plan proposes the user's identity; with it, or a cluster's own, there is nothing to say."""
    world.datastores_without_keys()
    warned = plan(trained(), client=client).warnings
    assert any("identity='user'" in words for words in warned)
    silent: list[dict[str, Any]] = [{"identity": "user"}, {"compute": "gpu"}]
    for options in silent:
        assert not any(
            "identity='user'" in words for words in plan(trained(), client=client, **options).warnings
        )


def reads(fake: FakeAml) -> list[str]:
    """The versions of the API by which the workspace itself was read."""
    return [call.api_version for call in fake.calls if (call.method, call.path) == ("GET", fake.scope.path)]


def test_the_workspace_is_read_once_by_a_version_that_tells_of_its_datastores(
    world: FakeAml, client: MLClient
) -> None:
    """No request more; where that version is served no longer, the stable one is asked."""
    plan(trained(), client=client)
    assert reads(world) == ["2024-01-01-preview"]
    error = {"error": {"code": "InvalidApiVersionParameter", "message": "The api-version is not served."}}
    world.inject(Answer(400, error), on=f"GET {world.scope.path}")
    other = plan(trained(), client=world.client(credential=world.user("ada")))
    assert (other.compute, reads(world)[1:]) == ("serverless", ["2024-01-01-preview", "2024-04-01"])


def test_a_run_of_somebody_else_is_theirs(world: FakeAml, client: MLClient) -> None:
    """With the user's identity only who submitted goes on: it would run with another's rights."""
    world.inject(Preempted(), job="train")
    run: Run = submit(
        trained(identity=UserIdentityConfiguration()),
        name="train",
        tier="spot",
        requeue=Requeue(waits=(60,)),
        client=client,
    )
    other = world.client(credential=world.user("ada"))
    with pytest.raises(SubmissionFailed, match="runs with the identity of another person"):
        attach(run.name, client=other).wait()


def test_an_identity_that_the_workspace_lists_and_the_service_does_not_find(
    world: FakeAml, client: MLClient
) -> None:
    """Attached just now, or gone: it is named, and how to look. Where none is named, those that are."""
    chain = {"code": "NotFound", "innerError": {"code": "UserAssignedIdentityNotFound", "innerError": None}}
    info = [{"type": "InnerError", "info": {"value": chain}}]
    error = {"error": {"code": "UserError", "message": "no such identity", "additionalInfo": info}}
    world.inject(Answer(404, error), on="PUT /jobs/{name}", times=2)
    with pytest.raises(SubmissionFailed, match="no such identity") as caught:
        submit(trained(), identity="managed:trainer", client=client)
    assert caught.value.hint.startswith(f"The job asks for trainer ({TRAINER}), which the workspace lists")
    assert "az identity show --ids /subscriptions/" in caught.value.hint
    with pytest.raises(SubmissionFailed) as caught:
        submit(trained(), identity="managed", client=client)
    assert caught.value.hint.startswith("The user-assigned identities of ")
