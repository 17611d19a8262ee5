"""`submit` for command jobs: what leaves, what is refused, and what is left behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import (
    ComputeNotFound,
    InvalidRequest,
    NoQuota,
    NotAuthorized,
    NotEnoughQuota,
    Requeue,
    SubmissionFailed,
    plan,
    quota,
    submit,
)
from amlrun._memory import Memory
from amlrun.testing import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun._arguments import Options
    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"


def sent(fake: FakeAml, name: str) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    body: dict[str, Any] = dict(fake.job(name).body["properties"])
    return body


def writes(fake: FakeAml) -> list[str]:
    """What was changed in the workspace or its storage."""
    return [f"{call.method} {call.path}" for call in fake.calls if call.method not in ("GET", "HEAD")]


def test_a_command_line_leaves_with_its_plan(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """Serverless: no compute; size, count and tier where the service reads them; the snapshot uploaded."""
    run = submit(
        "python train.py",
        code=source,
        environment=ENVIRONMENT,
        cpus=4,
        memory_gb=14,
        tier="spot",
        client=client,
    )
    body = sent(fake_aml, run.name)
    assert re.fullmatch(r"train-[0-9a-f]{10}", run.name)
    assert "computeId" not in body
    assert body["resources"] == {"instanceType": run.plan.instance_type, "instanceCount": 1}
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert body["codeId"].startswith(client_path(fake_aml))
    assert (run.attempt, run.plan.compute, run.plan.tier) == (1, "serverless", "spot")
    assert run.url.startswith("https://ml.azure.com/")


def client_path(fake: FakeAml) -> str:
    """The ARM id of the fake's workspace."""
    scope = fake.scope
    return (
        f"/subscriptions/{scope.subscription_id}/resourceGroups/{scope.resource_group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{scope.workspace}"
    )


def test_a_job_of_the_sdk_is_not_changed(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """The caller's object is the same afterwards, and can be submitted again; arguments went over it."""
    from azure.ai.ml import Input, Output, command

    job = command(
        command="python train.py ${{inputs.rate}} ${{inputs.data}} ${{outputs.model}}",
        code=str(source),
        environment="azureml:train@latest",
        inputs={
            "rate": 0.1,
            "data": Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/d"),
        },
        outputs={"model": Output(type="uri_folder")},
        environment_variables={"A": "job", "B": "job"},
        tags={"team": "vision"},
        instance_type="Standard_DS4_v2",
        compute="serverless",
    )
    client.environments.create_or_update(environment("train"))
    before = {
        name: str(getattr(job, name))
        for name in ("code", "environment", "compute", "name", "inputs", "outputs")
    }
    first = submit(job, environment_variables={"A": "argument"}, tags={"by": "amlrun"}, client=client)
    second = submit(job, instance_type="Standard_DS3_v2", inputs={"rate": 0.5}, client=client)
    after = {name: str(getattr(job, name)) for name in before}
    assert after == before
    body = sent(fake_aml, first.name)
    assert body["inputs"]["rate"]["value"] == "0.1"
    assert {key: body["environmentVariables"][key] for key in "AB"} == {"A": "argument", "B": "job"}
    assert body["tags"] == {"team": "vision", "by": "amlrun"}
    assert body["resources"]["instanceType"] == "Standard_DS4_v2"
    again = sent(fake_aml, second.name)
    assert again["inputs"]["rate"]["value"] == "0.5"
    assert again["inputs"]["data"] == body["inputs"]["data"]
    assert again["resources"]["instanceType"] == "Standard_DS3_v2"


def environment(name: str) -> Any:
    """An environment of the SDK."""
    from azure.ai.ml.entities import Environment

    return Environment(name=name, version="1", image="library/python:3.11")


def test_a_job_file_leaves_with_its_own_settings(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """Its folder is found beside it, its size and tier hold, and the compute it names must be there."""
    path = source.parent / "job.yml"
    path.write_text(
        "command: python train.py\ncode: src\nenvironment: {image: library/python}\n"
        "resources: {instance_type: standard_ds3_v2, instance_count: 2}\nqueue_settings: {job_tier: spot}\n"
        "experiment_name: mine\n"
    )
    run = submit(path, client=client)
    body = sent(fake_aml, run.name)
    assert body["resources"].items() >= {"instanceType": "Standard_DS3_v2", "instanceCount": 2}.items()
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert body["experimentName"] == "mine"


def test_a_named_cluster_is_honoured(fake_aml: FakeAml, client: MLClient) -> None:
    """The job goes to the cluster, with neither a size nor a tier of its own."""
    fake_aml.cluster("cpu-cluster", size="Standard_DS3_v2", max_nodes=4)
    run = submit("echo", environment=ENVIRONMENT, compute="cpu-cluster", instance_count=2, client=client)
    body = sent(fake_aml, run.name)
    assert body["computeId"] == f"{client_path(fake_aml)}/computes/cpu-cluster"
    assert body["resources"] == {"instanceCount": 2}
    assert "queueSettings" not in body


def test_a_cluster_that_is_not_there_is_refused_with_those_that_are(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """Nothing is uploaded."""
    fake_aml.cluster("cpu-cluster")
    fake_aml.cluster("gpu-cluster", size="Standard_NC4as_T4_v3")
    with pytest.raises(ComputeNotFound) as caught:
        submit("python train.py", code=source, environment=ENVIRONMENT, compute="cpu-clutser", client=client)
    assert caught.value.names == ("cpu-cluster", "gpu-cluster")
    assert writes(fake_aml) == []


def test_a_size_with_a_typo_is_refused_with_the_nearest_names(fake_aml: FakeAml, client: MLClient) -> None:
    """Names that are there are proposed, and nothing is sent."""
    with pytest.raises(InvalidRequest, match="Standard_DS3_v2"):
        submit("echo", environment=ENVIRONMENT, instance_type="Standard_DS3v2", client=client)
    assert writes(fake_aml) == []


def test_no_quota(fake_aml: FakeAml, client: MLClient) -> None:
    """A limit of zero is told as that, with what to do."""
    with pytest.raises(NoQuota) as caught:
        submit("echo", environment=ENVIRONMENT, instance_type="Standard_NC24ads_A100_v4", client=client)
    error = caught.value
    assert (error.needed, error.limit, error.fits) == (24, 0, 0)
    assert "standardNCADSA100v4Family" in str(error)
    assert "quota" in error.hint.lower()
    assert writes(fake_aml) == []


def test_not_enough_quota(fake_aml: FakeAml, client: MLClient) -> None:
    """A limit below the need is told with the count that would fit."""
    fake_aml.quota("standardDSv2Family", limit=24, used=8)
    with pytest.raises(NotEnoughQuota) as caught:
        submit(
            "echo", environment=ENVIRONMENT, instance_type="Standard_DS3_v2", instance_count=7, client=client
        )
    error = caught.value
    assert (error.needed, error.limit, error.used, error.free, error.fits) == (28, 24, 8, 16, 6)
    assert writes(fake_aml) == []


def test_quota_in_use_is_a_plan_that_queues(fake_aml: FakeAml, client: MLClient) -> None:
    """The job goes, waits until something ends, and the plan had said so."""
    fake_aml.quota("standardDSv2Family", limit=8)
    size: Options = {"environment": ENVIRONMENT, "instance_type": "Standard_DS4_v2"}
    first = submit("echo", client=client, **size)
    fake_aml.advance(minutes=2)
    waiting = plan("echo", client=client, **size)
    fake_aml.advance(minutes=1)
    second = submit("echo", client=client, **size)
    assert (first.plan.starts, second.plan.starts) == ("now", "queued")
    assert any("free 0" in reason for reason in second.plan.reasons), waiting.reasons
    fake_aml.advance(minutes=1)
    assert (first.refresh().status, second.refresh().status) == ("Running", "Queued")
    assert second.wait().status == "Completed"


def test_a_refusal_never_rests_on_a_kept_reading(fake_aml: FakeAml, client: MLClient) -> None:
    """Quota that was granted a moment ago counts at once."""
    size: Options = {"environment": ENVIRONMENT, "instance_type": "Standard_NC24ads_A100_v4"}
    with pytest.raises(NoQuota):
        plan("echo", client=client, **size)
    fake_aml.quota("standardNCADSA100v4Family", limit=24)
    assert plan("echo", client=client, **size).instance_type == "Standard_NC24ads_A100_v4"


def test_a_plan_changes_nothing(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """Only reads leave, and no `azure.ai.ml` job is built."""
    decided = plan("python train.py", code=source, environment=ENVIRONMENT, gpus=1, client=client)
    assert decided.instance_type == "Standard_NC4as_T4_v3"
    assert writes(fake_aml) == []
    assert fake_aml.jobs == ()


def test_the_needs_of_a_data_scientist_are_met_without_quota(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Where quota can't be read, the cheapest packaged size that meets the needs leaves, unverified."""
    fake_aml.as_data_scientist()
    caplog.set_level("INFO", logger="amlrun")
    run = submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    assert (run.plan.verified, run.plan.starts) == (False, "unknown")
    assert (
        sent(fake_aml, run.name)["resources"]["instanceType"]
        == run.plan.instance_type
        == "Standard_NC4as_T4_v3"
    )
    submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    lines = [
        record.getMessage()
        for record in caplog.records
        if "{usages,quotas,vmSizes}/read" in record.getMessage()
    ]
    assert len(lines) == 1
    assert f"/subscriptions/{fake_aml.scope.subscription_id}" in lines[0]


def test_without_quota_and_without_needs_the_service_chooses(fake_aml: FakeAml, client: MLClient) -> None:
    """No size is named."""
    fake_aml.as_data_scientist()
    run = submit("echo", environment=ENVIRONMENT, client=client)
    assert run.plan.instance_type is None
    assert "instanceType" not in sent(fake_aml, run.name)["resources"]


def test_quota_that_may_not_be_read_is_said_so(fake_aml: FakeAml, client: MLClient) -> None:
    """`quota()` names the right and the scope."""
    fake_aml.as_data_scientist()
    with pytest.raises(NotAuthorized) as caught:
        quota(client=client)
    assert "locations/usages/read" in caught.value.action


def test_quota_is_told_by_family(fake_aml: FakeAml, client: MLClient) -> None:
    """Limit, use and free, in any spelling; and as a table."""
    fake_aml.quota("standardDSv2Family", limit=24, used=8)
    found = quota(client=client)
    family = found.family("Standard DSv2 Family")
    assert family is not None
    assert family.dedicated is not None
    assert (family.dedicated.limit, family.dedicated.used, family.dedicated.free) == (24, 8, 16)
    assert "standardDSv2Family" in str(found)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("user", {"identityType": "UserIdentity"}),
        ("managed", {"identityType": "Managed"}),
        (
            "managed:11111111-1111-1111-1111-111111111111",
            {"identityType": "Managed", "clientId": "11111111-1111-1111-1111-111111111111"},
        ),
        ("token", {"identityType": "AMLToken"}),
    ],
)
def test_identity_is_in_the_body(
    fake_aml: FakeAml, client: MLClient, identity: str, expected: dict[str, str]
) -> None:
    """Each of the words stands where the service reads it."""
    fake_aml.identity("mine", client_id="11111111-1111-1111-1111-111111111111")
    run = submit("echo", environment=ENVIRONMENT, identity=identity, client=client)
    assert sent(fake_aml, run.name)["identity"] == expected


def test_a_job_remembers_what_is_needed_to_go_on(fake_aml: FakeAml, client: MLClient) -> None:
    """Group, attempt, policy, plan and the very body, in properties within the service's limits."""
    run = submit("echo", environment=ENVIRONMENT, tier="spot", requeue=Requeue(preemptions=3), client=client)
    body = sent(fake_aml, run.name)
    properties = body.pop("properties")
    memory = Memory.from_properties(properties)
    assert memory is not None
    assert (memory.group, memory.attempt, memory.policy) == (run.name, 1, Requeue(preemptions=3))
    assert {**memory.body, "properties": None} == {**body, "properties": None}  # type: ignore[dict-item]
    assert all(len(value) <= 1000 for value in properties.values())


def test_a_warm_submit_makes_no_request_more_than_the_sdk(fake_aml: FakeAml, client: MLClient) -> None:
    """One PUT, for an environment by version and no code."""
    submit("echo", environment=ENVIRONMENT, client=client)
    before = len(fake_aml.calls)
    submit("echo", environment=ENVIRONMENT, client=client)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"]


def test_a_cold_plan_asks_once_for_each_thing(fake_aml: FakeAml, client: MLClient) -> None:
    """Workspace and computes; usages, sizes and the workspace's own limits."""
    fake_aml.cluster("cpu-cluster")
    plan("echo", environment=ENVIRONMENT, compute="cpu-cluster", client=client)
    last = [call.path.rpartition("/")[2] for call in fake_aml.calls]
    assert sorted(last) == sorted([fake_aml.scope.workspace, "computes", "usages", "vmSizes", "quotas"])


@pytest.mark.parametrize("several", [False, True])
def test_the_clients_own_policies_see_what_amlrun_sends(fake_aml: FakeAml, *, several: bool) -> None:
    """A client that the user made keeps its policies, for the PUT of the job too, and works as before."""
    from azure.core.pipeline.policies import HTTPPolicy

    seen: list[str] = []

    class Look(HTTPPolicy[Any, Any]):
        def send(self, request: Any) -> Any:
            seen.append(f"{request.http_request.method} {request.http_request.url.partition('?')[0]}")
            return self.next.send(request)

    client = fake_aml.client(per_call_policies=[Look()] if several else Look())
    for _ in range(2):
        run = submit("echo", environment=ENVIRONMENT, client=client)
        assert any(line.startswith("PUT") and line.endswith(f"/jobs/{run.name}") for line in seen)


def test_who_may_not_write_is_told(fake_aml: FakeAml, source: Path) -> None:
    """A refusal of an upload, met inside the SDK, and one of the job's own PUT."""
    from azure.core.exceptions import HttpResponseError
    from azure.core.pipeline.policies import SansIOHTTPPolicy

    class Refuse(SansIOHTTPPolicy[Any, Any]):
        what = "/codes/"

        def on_response(self, _request: Any, response: Any) -> None:
            if self.what in response.http_response.request.url:
                response.http_response.status_code = 403

    refuse = Refuse()
    client = fake_aml.client(per_call_policies=refuse)
    with pytest.raises((NotAuthorized, SubmissionFailed)) as caught:
        submit("python train.py", code=source, environment=ENVIRONMENT, client=client)
    assert isinstance(caught.value.__cause__, HttpResponseError)
    Refuse.what = "/jobs/"
    with pytest.raises(NotAuthorized) as refused:
        submit("echo", environment=ENVIRONMENT, client=client)
    assert "/jobs/" in refused.value.scope


def test_a_name_is_used_once(fake_aml: FakeAml, client: MLClient) -> None:
    """With the same job it gives the same run; with another it is an error; one job is there."""
    first = submit("echo one", environment=ENVIRONMENT, name="mine", client=client)
    again = submit("echo one", environment=ENVIRONMENT, name="mine", client=client)
    assert (first.name, again.name, fake_aml.jobs) == ("mine", "mine", ("mine",))
    with pytest.raises(SubmissionFailed, match="mine is there already"):
        submit("echo two", environment=ENVIRONMENT, name="mine", client=client)
    assert sent(fake_aml, "mine")["command"].endswith("echo one")


def test_a_name_of_somebody_elses_job_is_refused_before_an_upload(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """Their job and its tags stay as they are."""
    from azure.ai.ml import command

    client.jobs.create_or_update(
        command(command="ls", environment=ENVIRONMENT, name="theirs", tags={"a": "b"})
    )
    before = writes(fake_aml)
    with pytest.raises(InvalidRequest, match="theirs"):
        submit(
            "python train.py",
            code=source,
            environment=ENVIRONMENT,
            name="theirs",
            tags={"c": "d"},
            client=client,
        )
    assert writes(fake_aml) == before
    assert dict(fake_aml.job("theirs").tags) == {"a": "b"}


def test_what_the_service_refuses_leaves_no_job(fake_aml: FakeAml, client: MLClient) -> None:
    """The service's words come through, and the job that was given is as it was."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import VsCodeJobService

    job = command(command="ls", environment=ENVIRONMENT, services={"x": VsCodeJobService()})
    refusal = {"error": {"code": "UserError", "message": "Not this one."}}
    fake_aml.inject(Answer(400, refusal), on="PUT /jobs/{name}")
    with pytest.raises(SubmissionFailed, match="Not this one") as caught:
        submit(job, client=client)
    assert caught.value.status == 400
    assert fake_aml.jobs == ()
    assert (job.name, job.compute, job.environment) == (None, None, ENVIRONMENT)
