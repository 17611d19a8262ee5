"""Pipelines that are sent: what leaves of each step, and what stays of the pipeline itself."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, load_component
from azure.core.pipeline.policies import SansIOHTTPPolicy

from amlrun import InvalidRequest, Needs, Requeue, SubmissionFailed, default_compute, submit
from amlrun.testing import Failed
from tests.testing.kinds import ENVIRONMENT, SIZE, pipeline_of, step, two_steps

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun import Run
    from amlrun.testing import FakeAml

T4 = "Standard_NC4as_T4_v3"
_OF_PLACE = ("computeId", "resources", "queue_settings")


def pair(name: str | None = None, **settings: Any) -> Any:
    """`make`, whose output `use` reads."""
    job = two_steps(**settings)
    job.name = name
    return job


def body_of(fake_aml: FakeAml, name: str) -> dict[str, Any]:
    """The body of a job as it was sent."""
    body: dict[str, Any] = fake_aml.job(name).body["properties"]
    return body


def placeless(body: dict[str, Any]) -> dict[str, Any]:
    """A pipeline's body without what amlrun puts on it."""
    found = copy.deepcopy(body)
    del found["properties"], found["settings"]["default_compute"]
    for node in found["jobs"].values():
        for part in _OF_PLACE:
            node.pop(part, None)
    return found


def computes(body: dict[str, Any]) -> dict[str, str]:
    """Where each step goes."""
    return {name: node["computeId"].rpartition("/")[2] for name, node in body["jobs"].items()}


@pytest.mark.parametrize("word", ["serverless", "Serverless", "azureml:SERVERLESS"])
def test_every_step_is_on_serverless_with_its_own_size_and_tier(
    fake_aml: FakeAml, client: MLClient, word: str
) -> None:
    """However serverless is spelt; the fake runs each on what was planned for it."""
    job = pair(default_compute=word)
    run = submit(job, needs={"use": Needs(gpus=1)}, tier="spot", client=client)
    body = body_of(fake_aml, run.name)
    assert body["settings"]["default_compute"].endswith("/computes/serverless")
    assert computes(body) == {"make": "serverless", "use": "serverless"}
    assert {name: node["resources"] for name, node in body["jobs"].items()} == {
        "make": {"instance_type": SIZE, "instance_count": 1},
        "use": {"instance_type": T4, "instance_count": 1, "shm_size": "14g"},
    }
    assert {node["queue_settings"]["job_tier"] for node in body["jobs"].values()} == {"Spot"}
    fake_aml.advance(hours=1)
    assert run.wait().status == "Completed"
    ran = [fake_aml.job(child) for child in fake_aml.job(run.name).children]
    assert [(one.instance_type, str(one.tier), one.compute) for one in ran] == [
        (SIZE, "spot", None),
        (T4, "spot", None),
    ]


def test_nothing_else_of_a_pipeline_is_changed(fake_aml: FakeAml, client: MLClient) -> None:
    """Bindings, data, components: all but the places leave as plain `MLClient` sends them, and still can."""
    job = pair(name="plain", force_rerun=True, continue_on_step_failure=True)
    before = str(job)
    run = submit(job, name="ours", client=client)
    assert str(job) == before
    client.jobs.create_or_update(job)
    ours, theirs = body_of(fake_aml, run.name), body_of(fake_aml, "plain")
    assert placeless(ours) | {"displayName": ""} == placeless(theirs) | {"displayName": ""}
    assert ours["settings"]["force_rerun"] is ours["settings"]["continue_on_step_failure"] is True


def test_a_warm_submit_makes_no_more_requests_than_plain_azure_ai_ml(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """The SDK's own for the components, and one PUT; not even a look at a cluster."""
    fake_aml.cluster("cpu-cluster")
    submit(pair(), client=client)
    for job in (pair(), pair(default_compute="cpu-cluster")):
        fake_aml.calls.clear()
        submit(job, client=client)
        ours = [call.method for call in fake_aml.calls]
        fake_aml.calls.clear()
        client.jobs.create_or_update(job)
        theirs = [call.method for call in fake_aml.calls]
        assert ours == ["PUT"] * 3
        assert [method for method in theirs if method == "PUT"] == ours


def test_steps_on_serverless_and_on_clusters(fake_aml: FakeAml, client: MLClient) -> None:
    """Each where it says; a cluster's step has the cluster's size and tier."""
    fake_aml.cluster("cpu-cluster", max_nodes=2)
    job = pair(default_compute="cpu-cluster")
    job.jobs["use"].compute = "azureml:serverless"
    body = body_of(fake_aml, submit(job, client=client).name)
    assert computes(body) == {"make": "cpu-cluster", "use": "serverless"}
    assert body["jobs"]["make"]["resources"] == {"instance_count": 1}
    assert "queue_settings" not in body["jobs"]["make"]
    assert body["settings"]["default_compute"].endswith("/computes/serverless")


def test_an_argument_wins_over_every_step(fake_aml: FakeAml, client: MLClient) -> None:
    """A cluster for all of them, whatever they say."""
    fake_aml.cluster("cpu-cluster", max_nodes=2)
    body = body_of(fake_aml, submit(pair(), compute="cpu-cluster", client=client).name)
    assert set(computes(body).values()) == {"cpu-cluster"}
    assert body["settings"]["default_compute"].endswith("/computes/cpu-cluster")


def test_default_compute_and_submit_together(fake_aml: FakeAml, client: MLClient) -> None:
    """The decorator gets a name; sizes and tiers come with `submit`, and not with plain `MLClient`."""
    place = default_compute(client=client)
    job = pair(name="plain", default_compute=place)
    run = submit(job, gpus=1, name="ours", client=client)
    client.jobs.create_or_update(job)
    sizes = [
        [
            (node.get("resources") or {}).get("instance_type")
            for node in body_of(fake_aml, name)["jobs"].values()
        ]
        for name in (run.name, "plain")
    ]
    assert sizes == [[T4, T4], [None, None]]


def test_a_step_with_a_size_and_no_compute_is_sent(fake_aml: FakeAml, client: MLClient) -> None:
    """The SDK refuses it, where the pipeline has no default either."""
    job = pair(default_compute=None)
    job.jobs["make"].resources = {"instance_type": "Standard_DS2_v2"}
    body = body_of(fake_aml, submit(job, client=client).name)
    assert body["jobs"]["make"]["resources"] == {"instance_type": "Standard_DS2_v2", "instance_count": 1}
    assert set(computes(body).values()) == {"serverless"}


def test_a_priority_of_the_pipeline_is_refused(client: MLClient) -> None:
    """Nobody knows that the service reads it there; of a step it is passed on."""
    job = pair()
    job.settings.queue_settings = {"priority": "high"}
    with pytest.raises(InvalidRequest, match="priority"):
        submit(job, client=client)


def test_identities_are_on_the_steps(fake_aml: FakeAml, client: MLClient) -> None:
    """An argument's on each; else the step's own, else the pipeline's; never on the pipeline."""
    from azure.ai.ml.entities import AmlTokenConfiguration, UserIdentityConfiguration

    def of_steps(job: Any, **said: Any) -> list[str]:
        body = body_of(fake_aml, submit(job, client=client, **said).name)
        assert "identity" not in body
        return [node["identity"]["identity_type"] for node in body["jobs"].values()]

    job = pair()
    job.identity = AmlTokenConfiguration()
    job.jobs["use"].identity = UserIdentityConfiguration()
    assert of_steps(job) == ["AMLToken", "UserIdentity"]
    assert of_steps(job, identity="user") == ["UserIdentity", "UserIdentity"]


class Headers(SansIOHTTPPolicy[Any, Any]):
    """A policy of the user's own that keeps the headers of each PUT of a job."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, str]] = []

    def on_request(self, request: Any) -> None:
        """Before it is sent."""
        if request.http_request.method == "PUT" and "/jobs/" in request.http_request.url:
            self.seen.append(dict(request.http_request.headers))

    def __copy__(self) -> Headers:
        return self


@pytest.mark.parametrize("identity", [None, "user"])
def test_a_pipeline_travels_with_a_token(fake_aml: FakeAml, identity: str | None) -> None:
    """As plain `MLClient` sends one with any pipeline; it is stored nowhere."""
    headers = Headers()
    client = fake_aml.client(per_call_policies=[headers])
    run = submit(pair(), identity=identity, client=client)
    sent = headers.seen[-1]  # the one before is the SDK's, which never left
    assert sent["x-azureml-token"]
    assert sent["x-azureml-token"] not in str(fake_aml.job(run.name).body)


def test_what_is_given_for_the_pipeline_is_its_data(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Inputs and outputs merge with its own; name, experiment and tags are the job's."""
    store = "azureml://datastores/workspaceblobstore/paths"
    (tmp_path / "pipe.yml").write_text(
        "type: pipeline\n"
        "inputs:\n  rate: 0.1\n  word: hi\n  rows: {type: uri_folder, path: " + store + "/old/}\n"
        "outputs:\n  model: {type: uri_folder}\n"
        "jobs:\n  fit:\n"
        "    command: fit ${{inputs.rate}} ${{inputs.rows}} ${{outputs.model}}\n"
        f"    environment: {ENVIRONMENT}\n"
        "    inputs: {rate: '${{parent.inputs.rate}}', rows: '${{parent.inputs.rows}}'}\n"
        "    outputs: {model: '${{parent.outputs.model}}'}\n"
    )
    run = submit(
        tmp_path / "pipe.yml",
        inputs={"rate": 0.5, "rows": Input(type="uri_folder", path=f"{store}/new/")},
        outputs={"model": Output(type="uri_folder", path=f"{store}/model/")},
        name="mine",
        display_name="Mine",
        experiment_name="trials",
        tags={"team": "vision"},
        client=client,
    )
    body = body_of(fake_aml, "mine")
    assert run.name == "mine"
    assert {name: value.get("value", value.get("uri")) for name, value in body["inputs"].items()} == {
        "rate": "0.5",
        "word": "hi",
        "rows": f"{store}/new/",
    }
    assert body["outputs"]["model"] == {"jobOutputType": "uri_folder", "uri": f"{store}/model/"}
    assert (body["displayName"], body["experimentName"]) == ("Mine", "trials")
    assert body["tags"] == {"team": "vision"}


@pytest.mark.parametrize(("argument", "known"), [("inputs", "word"), ("outputs", "final")])
def test_data_that_the_pipeline_has_not_is_refused(client: MLClient, argument: str, known: str) -> None:
    """No step could be bound to it."""
    said: dict[str, Any] = {argument: {"nothing": 1}}
    with pytest.raises(InvalidRequest, match=f"no {argument[:-1]} 'nothing'") as refused:
        submit(pair(), client=client, **said)
    assert refused.value.argument == argument
    assert known in refused.value.hint


def test_one_pipeline_once(fake_aml: FakeAml, client: MLClient) -> None:
    """The same name with the same body is the same job; with another body, an error."""
    for _ in range(2):
        assert submit(pair(), name="once", client=client).name == "once"
    assert len(fake_aml.calls.of("PUT /jobs/{name}")) == 1
    with pytest.raises(SubmissionFailed, match="another one"):
        submit(pair(), name="once", gpus=1, client=client)


def test_a_pipeline_is_requeued_only_when_asked_for(fake_aml: FakeAml, client: MLClient) -> None:
    """Another attempt would run all of its steps again; asked for, it has the same places."""
    assert not submit(pair(), tier="spot", client=client).plan.requeued
    run: Run = submit(pair(), needs={"use": Needs(gpus=1)}, requeue=Requeue(user_errors=1), client=client)
    fake_aml.inject(Failed(), job=f"{run.name}/make", times=1)
    run.wait()
    assert (run.attempt, run.status) == (2, "Completed")
    first, second = (body_of(fake_aml, name) for name in (run.name, f"{run.name}-a2"))
    assert first["jobs"] == second["jobs"]
    assert first["settings"] == second["settings"]


def test_what_the_sdk_finds_wrong_is_told_by_its_place(client: MLClient) -> None:
    """In one line, before anything is sent."""
    broken = step("echo ${{inputs.nothing}}", name="broken")

    def one() -> None:
        broken().name = "one"

    with pytest.raises(InvalidRequest, match="nothing") as refused:
        submit(pipeline_of(one, "broken"), client=client)
    assert "\n" not in refused.value.message


def test_components_from_a_registry_and_from_a_file(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """The place is on the node, whatever it runs."""
    (tmp_path / "fit.yml").write_text(
        "type: command\nname: fit\nversion: '1'\ncommand: python fit.py\n"
        "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/3\n"
        "resources: {instance_count: 2}\n"
    )
    fit = load_component(tmp_path / "fit.yml")
    fake_aml.registry("shared")
    shared = fake_aml.client(registry_name="shared").components.create_or_update(fit)

    def of_file() -> None:
        fit().name = "fit"

    body = body_of(fake_aml, submit(pipeline_of(of_file, "file"), cpus=4, client=client).name)
    assert body["jobs"]["fit"]["resources"]["instance_count"] == 2
    (tmp_path / "pipe.yml").write_text(
        f"type: pipeline\njobs:\n  fit:\n    type: command\n    component: {shared.id}\n"
    )
    run = submit(tmp_path / "pipe.yml", gpus=1, client=client)
    node = body_of(fake_aml, run.name)["jobs"]["fit"]
    assert run.plan.steps[0].plan.instance_type == node["resources"]["instance_type"] == T4
    assert node["componentId"] == shared.id
