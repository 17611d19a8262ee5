"""Spark, fine-tuning, and what is no job of its own: through the real client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError

from amlrun._offers import Tier
from tests.testing.kinds import automl_of, spark_of, sweep_of, two_steps
from tests.testing.wire import register_code, requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def put(fake: FakeAml, name: str, properties: dict[str, Any], version: str) -> Any:
    """A job PUT as it comes off the wire, past the SDK."""
    url = f"https://management.azure.com{fake.scope.path}/jobs/{name}?api-version={version}"
    return requests.put(url, json={"properties": properties}, timeout=5)


def test_serverless_spark_holds_no_quota(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """It may use a shared pool: no family is counted, and none keeps it from running."""
    fake_aml.quota("TotalDedicatedCores", limit=0)
    client.jobs.create_or_update(spark_of(tmp_path / "src"))
    fake_aml.advance(hours=1)
    job: Any = client.jobs.get("sparks")
    assert type(job).__name__ == "Spark"
    assert job.resources.instance_type == "Standard_E4s_v3"
    assert fake_aml.job("sparks").statuses == ("Starting", "Preparing", "Queued", "Running", "Completed")


def test_spark_on_an_attached_pool(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """A pool that is attached takes it; one that isn't there doesn't."""
    fake_aml.synapse_spark("pool")
    client.jobs.create_or_update(spark_of(tmp_path / "src", compute="pool"))
    fake_aml.advance(hours=1)
    assert (fake_aml.job("sparks").status, fake_aml.job("sparks").compute) == ("Completed", "pool")
    with pytest.raises(HttpResponseError):
        client.jobs.create_or_update(spark_of(tmp_path / "src", "other", compute="nope"))


def test_serverless_spark_has_few_sizes(fake_aml: FakeAml) -> None:
    """E4s_v3 to E64s_v3, and no other."""
    body = {
        "jobType": "Spark",
        "codeId": register_code(fake_aml, "c"),
        "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "x.py"},
    }
    for size, status in (("standard_e64s_v3", 201), ("Standard_DS3_v2", 400)):
        resources = {"instanceType": size, "runtimeVersion": "3.4"}
        reply = put(fake_aml, size.replace("_", "-"), {**body, "resources": resources}, "2023-04-01-preview")
        assert reply.status_code == status
    assert "serverless Spark has no instance type Standard_DS3_v2" in reply.json()["error"]["message"]


DETAILS = {
    "taskType": "chatCompletion",
    "modelProvider": "Custom",
    "model": {"jobInputType": "mlflow_model", "uri": "azureml://registries/azureml/models/llama/versions/1"},
    "trainingData": {
        "jobInputType": "uri_file",
        "uri": "azureml://datastores/workspaceblobstore/paths/t.jsonl",
    },
}


def test_a_fine_tuning_job(fake_aml: FakeAml, client: MLClient) -> None:
    """It has the first of its sizes, or nodes of the service's own, and reads back as what it is.

    Sent raw: azure-ai-ml 1.34.1 can't serialize one.
    """
    body = {
        "jobType": "FineTuning",
        "fineTuningDetails": DETAILS,
        "outputs": {"registered_model": {"jobOutputType": "mlflow_model", "assetName": "tuned"}},
        "displayName": "tune",
        "experimentName": "tuning",
    }
    sized = {**body, "resources": {"instanceTypes": ["Standard_DS3_v2"]}}
    for name, properties in (("own", body), ("sized", sized)):
        assert put(fake_aml, name, properties, "2024-10-01-preview").status_code == 201
    fake_aml.advance(hours=1)
    assert [fake_aml.job(name).status for name in ("own", "sized")] == ["Completed"] * 2
    assert fake_aml.job("sized").instance_type == "Standard_DS3_v2"
    job: Any = client.jobs.get("sized")
    assert type(job).__name__ == "CustomModelFineTuningJob"
    assert (job.display_name, list(job.outputs)) == ("tune", ["registered_model"])


def test_parallel_is_a_pipelines_alone(fake_aml: FakeAml) -> None:
    """A standalone job of that type is refused: the API has none."""
    reply = put(fake_aml, "p", {"jobType": "Parallel"}, "2024-01-01-preview")
    assert reply.status_code == 400
    assert "jobType must be one of" in reply.json()["error"]["message"]


def test_a_job_is_deleted_when_it_is_over(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Its name is nobody's then; one that lives stays."""
    submit(name="gone")
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/gone"
    assert requests.delete(url, timeout=5).status_code == 409
    fake_aml.advance(hours=1)
    assert [requests.delete(url, timeout=5).status_code for _ in range(2)] == [200, 204]
    assert fake_aml.jobs == ()
    assert list(client.jobs.list()) == []


def test_a_size_that_a_tier_does_not_have(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """A job's tier and size stand in its body's own fields."""
    submit(name="s", instance_type="Standard_NC4as_T4_v3", job_tier="Spot", instance_count=1)
    assert (fake_aml.job("s").tier, fake_aml.job("s").type) == (Tier.SPOT, "command")


def test_download_waits_for_the_end(client: MLClient, submit: Callable[..., str], tmp_path: Path) -> None:
    """The SDK itself says that a job has to be over."""
    submit(name="live")
    with pytest.raises(JobException, match="Download is allowed only in states"):
        client.jobs.download("live", download_path=tmp_path)


def test_named_outputs_are_downloaded(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Run history has a job's outputs, and the data plane says where each of them is.

    azure-ai-ml 1.35 doesn't know run history's words for what outputs are, and finds nothing.
    """
    from azure.ai.ml import Output, command

    place = "azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.out/user_logs/"
    job = command(
        command="x", environment="azureml:train:1", outputs={"model": Output(type="uri_folder", path=place)}
    )
    job.name = "out"
    client.jobs.create_or_update(job)
    fake_aml.advance(hours=1)
    fake_aml.log("out", "weights")
    client.jobs.download("out", download_path=tmp_path / "got", output_name="model")
    asked = [call.path for call in fake_aml.calls if "batchGetResolvedUris" in call.path]
    found = [path.read_text() for path in (tmp_path / "got").rglob("std_log.txt")]
    assert found == ["weights"] * len(asked)


@pytest.mark.parametrize("kind", ["pipeline", "sweep", "automl", "spark", "command"])
def test_jobs_of_every_type_are_archived_and_tagged(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, kind: str
) -> None:
    """Archive and restore send what a GET showed (before 1.35, as a PUT); nothing starts, nothing is lost."""
    from azure.ai.ml import command

    fake_aml.cluster("cpu-cluster")
    make: dict[str, Callable[[], Any]] = {
        "pipeline": lambda: two_steps("it"),
        "sweep": lambda: sweep_of(tmp_path, name="it", limits={"max_total_trials": 1}),
        "automl": lambda: automl_of("it", max_trials=1),
        "spark": lambda: spark_of(tmp_path / "src", "it"),
        "command": lambda: command(
            command="x",
            name="it",
            environment="azureml:train:1",
            docker_args=["--ipc=host"],
            locations=["eastus"],
        ),
    }
    job: Any = make[kind]()
    job.tags = {"mine": "1"}
    client.jobs.create_or_update(job)
    fake_aml.advance(hours=1)
    before = fake_aml.job("it")
    client.jobs.archive("it")
    assert list(client.jobs.list()) == []
    client.jobs.restore("it")
    assert [found.name for found in client.jobs.list() if found] == ["it"]
    after = fake_aml.job("it")
    assert (after.statuses, after.tags, after.children) == (before.statuses, before.tags, before.children)
    assert after.tags["mine"] == "1"
