"""Command jobs through the real client: what arrives, how it lives, how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, command
from azure.ai.ml.entities import UserIdentityConfiguration
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest

from amlrun._offers import Tier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def error_of(caught: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int, str, list[str]]:
    """Status, coarse code, and the chain of inner codes of the service's error body."""
    response: Any = caught.value.response
    error = json.loads(response.text())["error"]
    inner = [
        info["info"]["value"] for info in error.get("additionalInfo", []) if info["type"] == "InnerError"
    ]
    codes, link = [], inner[0] if inner else None
    while link:
        codes.append(link["code"])
        link = link["innerError"]
    return response.status_code, error["code"], codes


def put_raw(fake: FakeAml, name: str, properties: dict[str, Any]) -> Any:
    """A job PUT as it comes off the wire, past the SDK."""
    from tests.testing.wire import requests

    url = f"https://management.azure.com{fake.scope.path}/jobs/{name}?api-version=2025-01-01-preview"
    return requests.put(url, json={"properties": properties}, timeout=5)


def test_a_job_goes_through_its_states(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Starting, Preparing, Queued, Running, Completed, as time is advanced; the client sees each."""
    name = submit(instance_type="standard_ds3_v2", instance_count=2, name="train-1")
    seen = [client.jobs.get(name).status]
    for _ in range(20):
        fake_aml.advance(seconds=20)
        seen.append(client.jobs.get(name).status)
    assert list(dict.fromkeys(str(getattr(status, "value", status)) for status in seen)) == [
        "Starting", "Preparing", "Queued", "Running", "Completed",
    ]  # fmt: skip
    job = fake_aml.job(name)
    assert job.statuses == ("Starting", "Preparing", "Queued", "Running", "Completed")
    assert (job.tier, job.instance_type, job.nodes, job.error) == (Tier.STANDARD, "Standard_DS3_v2", 2, "")
    assert job.started is not None
    assert job.ended == job.started + 300


def test_the_same_put_again_is_the_same_job(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """200: it was there, runs on, and has the new tags; nothing starts twice."""
    submit(name="once", tags={"a": "1"})
    fake_aml.advance(minutes=2)
    submit(name="once", tags={"b": "2"})
    assert fake_aml.jobs == ("once",)
    assert fake_aml.job("once").status == "Running"
    assert client.jobs.get("once").tags == {"b": "2"}
    assert [
        call.status for call in fake_aml.calls if call.path.endswith("/jobs/once") and call.method == "PUT"
    ] == [201, 200]


def test_a_name_that_is_taken_is_refused(submit: Callable[..., str]) -> None:
    """Another job under the same name is `JobPropertyImmutable`, in the chain of inner codes."""
    submit(name="taken")
    with pytest.raises(HttpResponseError, match="already exists") as caught:
        submit(name="taken", command="python other.py")
    assert error_of(caught) == (400, "UserError", ["Immutable", "JobPropertyImmutable"])


def test_a_fetched_job_is_archived_and_restored(client: MLClient, submit: Callable[..., str]) -> None:
    """What a GET shows may be PUT again: archived jobs leave the list, and come back."""
    submit(name="old")
    client.jobs.archive("old")
    assert [job.name for job in client.jobs.list()] == []
    client.jobs.restore("old")
    assert [job.name for job in client.jobs.list()] == ["old"]


def test_jobs_are_listed_newest_first_and_filtered(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """The list knows `tag` (by key) and `properties` (name=value)."""
    from tests.testing.wire import requests

    submit(name="a", tags={"kind": "x"}, properties={"amlrun.group": "g"})
    submit(name="b")
    assert [job.name for job in client.jobs.list()] == ["b", "a"]
    assert [job.name for job in client.jobs.list(tag="kind")] == ["a"]
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs"
    found = requests.get(url, params={"properties": "amlrun.group=g"}, timeout=5).json()["value"]
    assert [job["name"] for job in found] == ["a"]


@pytest.mark.parametrize("minutes", [0, 2])
def test_a_job_is_canceled(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], minutes: int
) -> None:
    """Before and while it runs: CancelRequested, then Canceled; the poller's waits cost no time."""
    submit(name="stop", instance_type="Standard_DS3_v2")
    fake_aml.advance(minutes=minutes)
    client.jobs.begin_cancel("stop").result()
    assert fake_aml.job("stop").statuses[-2:] == ("CancelRequested", "Canceled")
    with pytest.raises(HttpResponseError) as caught:
        client.jobs.begin_cancel("stop").result()
    assert error_of(caught) == (400, "UserError", ["BadArgument", "CancelPipelineRunInTerminalStatus"])


def test_a_job_that_is_not_there(client: MLClient) -> None:
    """404 in the service's form."""
    with pytest.raises(ResourceNotFoundError) as caught:
        client.jobs.get("nobody")
    assert error_of(caught) == (404, "UserError", ["NotFound", "JobNotFound"])


def test_a_timeout_cancels(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """A job that outlives `limits.timeout` ends Canceled, at that instant after it began to run."""
    submit(name="slow", timeout=120)
    fake_aml.advance(hours=1)
    job = fake_aml.job("slow")
    assert job.started is not None
    assert (job.status, job.ended) == ("Canceled", job.started + 120)


def test_a_job_fails_as_told(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """`fail_next` is for the next job alone; `fail` strikes one that runs at once."""
    fake_aml.runtime(minutes=10)
    fake_aml.fail_next(exit_code=3)
    for name in ("first", "second"):
        submit(name=name)
    fake_aml.advance(minutes=8)
    assert fake_aml.job("first").status == "Failed"
    assert "exited with status code 3" in fake_aml.job("first").error
    assert fake_aml.job("second").status == "Running"
    fake_aml.fail("second", code="ServiceError", message="the region is on fire")
    assert (fake_aml.job("second").status, fake_aml.job("second").error) == (
        "Failed",
        "the region is on fire",
    )


def test_a_spot_job_is_preempted(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Running: at once. Not yet running: as soon as it does. With the error that users report."""
    for name in ("runs", "waits"):
        submit(name=name, instance_type="Standard_NC4as_T4_v3", job_tier="spot")
        if name == "runs":
            fake_aml.advance(minutes=3)
        fake_aml.preempt(name)
    assert fake_aml.job("runs").status == "Failed"
    assert fake_aml.job("waits").status == "Starting"
    fake_aml.advance(minutes=10)
    job = fake_aml.job("waits")
    assert job.statuses == ("Starting", "Queued", "Running", "Failed")
    assert job.error.startswith(
        "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted."
    )
    assert job.tier is Tier.SPOT


def test_what_cannot_be_preempted_is_said(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """No such job, a job that is over, a job on dedicated nodes: three errors that name it."""
    with pytest.raises(LookupError, match=r"no job nobody\. There are: none"):
        fake_aml.preempt("nobody")
    submit(name="dedicated")
    with pytest.raises(ValueError, match="dedicated is on dedicated nodes"):
        fake_aml.preempt("dedicated")
    submit(name="done", job_tier="spot", instance_type="Standard_DS3_v2")
    fake_aml.advance(hours=1)
    with pytest.raises(ValueError, match="done is over: Completed"):
        fake_aml.preempt("done")
    with pytest.raises(LookupError, match=r"no job other\. There are: dedicated, done"):
        fake_aml.job("other")


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"resources": {"instance_count": 1}}, "properties.resources.instance_count is no field of the API"),
        ({"resources": {"instanceCount": "2"}}, "must be of type integer, not string"),
        ({"resources": {"instanceCount": 0}}, "instanceCount must be at least 1"),
        ({"limits": {"jobLimitsType": "Command", "timeout": "1 hour"}}, "no ISO 8601 duration"),
        ({"computeId": "/computes/nope"}, "Compute nope was not found"),
        ({"tags": {"k" * 101: ""}}, "keys of 100"),
        ({"outputs": {"../x": {"jobOutputType": "uri_folder"}}}, "Names of outputs that are not valid: ../x"),
    ],
)
def test_what_the_service_would_refuse_is_refused(
    fake_aml: FakeAml, properties: dict[str, Any], words: str
) -> None:
    """400 in the service's error form, and no job."""
    good = {"jobType": "Command", "command": "x", "environmentId": "azureml:e:1"}
    reply = put_raw(fake_aml, "bad", {**good, **properties})
    assert reply.status_code == 400
    assert reply.headers["x-ms-request-id"]
    assert reply.json()["error"]["code"] == "UserError"
    assert words in reply.json()["error"]["message"]
    assert fake_aml.jobs == ()


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}"])
def test_a_body_that_is_no_job_is_refused(fake_aml: FakeAml, body: bytes) -> None:
    """Broken JSON, no object, no properties: 400."""
    from tests.testing.wire import requests

    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/x"
    assert requests.put(url, data=body, timeout=5).status_code == 400
    assert (
        put_raw(
            fake_aml, "bad name", {"jobType": "Command", "command": "x", "environmentId": "e"}
        ).status_code
        == 400
    )


def test_a_job_of_the_users_own_identity(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The SDK reads the token of such a job: the fake's credential gives one that can be read."""
    run = submit(identity=UserIdentityConfiguration())
    assert fake_aml.job(run).body["properties"]["identity"] == {"identityType": "UserIdentity"}


def test_inputs_and_outputs_arrive(fake_aml: FakeAml, client: MLClient) -> None:
    """Bindings are in the body as the SDK writes them, and read back through it."""
    job = command(
        command="python t.py ${{inputs.n}} ${{outputs.o}}",
        environment="azureml:train:1",
        inputs={
            "n": 3,
            "f": Input(type="uri_file", path="azureml://datastores/workspaceblobstore/paths/a.csv"),
        },
        outputs={
            "o": Output(
                type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/o/", mode="rw_mount"
            )
        },
    )
    run = client.jobs.create_or_update(job)
    assert (
        client.jobs.get(str(run.name)).outputs["o"].path == "azureml://datastores/workspaceblobstore/paths/o/"
    )
    assert fake_aml.job(str(run.name)).body["properties"]["inputs"]["n"]["value"] == "3"


def test_run_history_tells_what_the_job_does_not(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Error, warning, times, queue and logs come from run history; a PATCH merges tags."""
    host = "https://eastus.api.azureml.ms/history/v1.0"

    def call(method: str, path: str, **options: Any) -> Any:
        from tests.testing.wire import requests

        return requests.request(method, f"{host}{fake_aml.scope.path}/{path}", timeout=5, **options).json()

    submit(name="s", instance_type="Standard_DS3_v2", job_tier="spot", tags={"a": "1"}, experiment_name="exp")
    fake_aml.advance(seconds=70)
    assert call("GET", "runs/s")["queueingInfo"] == {"code": "Scheduling", "message": "Job is queued."}
    assert call("GET", "runs/s")["startTimeUtc"] is None
    fake_aml.advance(minutes=1)
    fake_aml.log("s", "epoch 1\n")
    fake_aml.log("s", "epoch 2\n")
    fake_aml.preempt("s")
    run = call("GET", "runs/s")
    assert (run["status"], run["startTimeUtc"]) == ("Failed", "2026-01-05T09:01:30.000000Z")
    assert "PreemptionError" in run["error"]["error"]["message"]
    assert [warning["message"] for warning in run["warnings"]] == [
        "Low priority compute preemption warning: a node has been preempted."
    ]
    details = call("GET", "runs/s/details")
    from tests.testing.wire import requests

    assert requests.get(details["logFiles"]["user_logs/std_log.txt"], timeout=5).text == "epoch 1\nepoch 2\n"
    assert call("PATCH", "experiments/exp/runs/s", json={"tags": {"b": "2"}, "displayName": "n"})["tags"] == {
        "a": "1",
        "b": "2",
    }
    assert client.jobs.get("s").tags == {"a": "1", "b": "2"}
    assert client.jobs.get("s").display_name == "n"
    assert call("GET", "runs/s/children")["value"] == []
    assert call("GET", "runs/nobody")["error"]["code"] == "UserError"


def test_logs_are_downloaded(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    """`jobs.download` finds the job's own files over run data, datastore and blobs."""
    submit(name="d")
    fake_aml.advance(hours=1)
    fake_aml.log("d", "done\n")
    client.jobs.download("d", download_path=tmp_path / "got")
    assert (tmp_path / "got" / "artifacts" / "user_logs" / "std_log.txt").read_text() == "done\n"


def test_calls_are_recorded(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Each request with its method, path, api-version, body, time and status."""
    fake_aml.advance(minutes=1)
    submit(name="seen")
    call = fake_aml.calls[-1]
    assert (call.method, call.api_version, call.status) == ("PUT", "2025-01-01-preview", 201)
    assert call.path == f"{fake_aml.scope.path}/jobs/seen"
    assert b'"command": "python train.py"' in call.body
    assert call.time == fake_aml.clock.now()


def test_a_client_through_its_own_transport_needs_no_start() -> None:
    """Management calls of `client()` and of `transport()` are answered even while the fake isn't started."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import HeadersPolicy

    from amlrun.testing import FakeAml

    fake = FakeAml(workspace="quiet")
    assert fake.client().workspaces.get().name == "quiet"
    host = "https://management.azure.com"
    signs = HeadersPolicy({"Authorization": "Bearer token"})
    pipeline: PipelineClient[Any, Any] = PipelineClient(host, policies=[signs], transport=fake.transport())
    reply = pipeline.send_request(
        HttpRequest("GET", f"{host}{fake.scope.path}", params={"api-version": "2024-04-01"})
    )
    assert reply.json()["properties"]["discoveryUrl"] == "https://eastus.api.azureml.ms/discovery"
