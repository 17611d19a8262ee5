"""What jobs, data and models refer to: refused where it isn't there; what a job has left behind is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.ai.ml import Input, Output
from azure.ai.ml.entities import Data, Model
from azure.core.exceptions import ResourceNotFoundError

from amlrun.testing._assets.references import JobPath, job_path
from tests.testing.wire import register_code, requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

FULL = (
    "azureml://subscriptions/{0.subscription_id}/resourcegroups/{0.resource_group}"
    "/workspaces/{0.workspace}/datastores/{1}/paths/x"
)
ELSEWHERE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/other"

_PLACES = ("input", "node", "default datastore")


def put(fake: FakeAml, uri: str, kind: str = "uri_folder", *, way: str = "Input") -> tuple[int, str]:
    """Send a job with that input or output; the status, and the innermost code or ""."""
    body = {
        "jobType": "Command",
        "command": "x",
        "environmentId": "azureml:train:1",
        f"{way.lower()}s": {"data": {f"job{way}Type": kind, "uri": uri}},
    }
    url = f"https://management.azure.com{fake.scope.path}/jobs/job"
    answer = requests.put(url, json={"properties": body}, timeout=5)
    if answer.status_code < 400:
        return answer.status_code, ""
    (chain,) = [
        info["info"]["value"]
        for info in answer.json()["error"]["additionalInfo"]
        if info["type"] == "InnerError"
    ]
    while chain["innerError"]:
        chain = chain["innerError"]
    return answer.status_code, chain["code"]


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("azureml://datastores/nope/paths/x", "DataStoreNotFound"),
        ("azureml://jobs/nope/outputs/x", "JobNotFound"),
        ("runs:/nope/model", "JobNotFound"),
        ("azureml:nope:1", "DataNotFound"),
        ("azureml://registries/shared/data/nope/versions/1", "DataNotFound"),
        ("azureml://registries/shared/models/nope/versions/1", "ModelNotFound"),
    ],
)
def test_a_job_that_reads_what_is_not_there_is_refused(fake_aml: FakeAml, uri: str, code: str) -> None:
    """A datastore, a job, a version of data or of a model, here or in a registry of the fake's: 404."""
    fake_aml.registry("shared")
    assert put(fake_aml, uri) == (404, code)


def test_so_is_one_that_names_the_workspace(fake_aml: FakeAml) -> None:
    """The long forms: a datastore's with the subscription, an asset's ARM id; and where a job writes."""
    assert put(fake_aml, FULL.format(fake_aml.scope, "nope")) == (404, "DataStoreNotFound")
    assert put(fake_aml, f"{fake_aml.scope.path}/data/nope/versions/1") == (404, "DataNotFound")
    assert put(fake_aml, f"azureml:{fake_aml.scope.path}/models/m/versions/1") == (404, "ModelNotFound")
    assert put(fake_aml, "azureml://datastores/nope/paths/x", way="Output") == (404, "DataStoreNotFound")


@pytest.mark.parametrize(
    "uri",
    [
        "azureml://datastores/workspaceblobstore/paths/x",
        "azureml://subscriptions/s/resourcegroups/g/workspaces/other/datastores/theirs/paths/x",
        "azureml://registries/azureml/models/Phi-4/versions/1",
        "azureml://registries/HuggingFace/models/bert/versions/1",
        f"{ELSEWHERE}/data/theirs/versions/1",
        "https://example.com/iris.csv",
        "wasbs://c@a.blob.core.windows.net/d",
        "${{parent.inputs.data}}",
    ],
)
def test_what_the_fake_cannot_know_is_let_be(fake_aml: FakeAml, uri: str) -> None:
    """Other workspaces, registries that are not its own, addresses on the web; and what is there."""
    assert put(fake_aml, uri) == (201, "")


def test_code_that_nobody_made_is_refused(fake_aml: FakeAml) -> None:
    """A job's snapshot must be there; one that is there is taken."""
    body = {"jobType": "Command", "command": "x", "environmentId": "azureml:train:1"}
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/job"
    for code, status in ((f"{fake_aml.scope.path}/codes/nope/versions/1", 404), (None, 201)):
        made = code or register_code(fake_aml, "mine")
        answer = requests.put(url, json={"properties": {**body, "codeId": made}}, timeout=60)
        assert answer.status_code == status
    assert fake_aml.jobs == ("job",)


def test_a_compute_of_another_workspace_is_not_there(fake_aml: FakeAml) -> None:
    """Even where this one has a compute of that name."""
    fake_aml.cluster("cpu")
    body = {"jobType": "Command", "command": "x", "environmentId": "azureml:train:1"}
    for root, status in ((ELSEWHERE, 400), (fake_aml.scope.path, 201)):
        sent = {"properties": {**body, "computeId": f"{root}/computes/cpu"}}
        url = f"https://management.azure.com{fake_aml.scope.path}/jobs/job"
        assert requests.put(url, json=sent, timeout=5).status_code == status


def test_what_is_there_may_be_read(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """A datastore that a test made, data and models by version, another job's outputs."""
    fake_aml.datastore("lake", kind="gen2")
    client.data.create_or_update(Data(name="iris", version="1", path="azureml://datastores/lake/paths/i"))
    client.models.create_or_update(Model(name="net", version="1", path="azureml://datastores/lake/paths/m"))
    first = submit(
        inputs={"iris": Input(path="azureml:iris:1"), "net": Input(type="custom_model", path="azureml:net:1")}
    )
    submit(inputs={"out": Input(path=f"azureml://jobs/{first}/outputs/default")})
    with pytest.raises(ResourceNotFoundError, match="Data iris:2 was not found"):
        submit(inputs={"iris": Input(path="azureml:iris:2")})
    with pytest.raises(ResourceNotFoundError, match="Model net:2 was not found"):
        submit(inputs={"net": Input(type="custom_model", path="azureml:net:2")})


@pytest.mark.parametrize("place", _PLACES)
def test_a_pipelines_parts_are_looked_at_too(fake_aml: FakeAml, place: str) -> None:
    """An input of the pipeline, of one of its nodes, and its default datastore."""
    stores = {word: "nope" if word == place else "workspaceblobstore" for word in _PLACES}
    read = {word: f"azureml://datastores/{stores[word]}/paths/x" for word in _PLACES}
    step = {
        "type": "command",
        "componentId": "azureml:cat:1",
        "computeId": "serverless",
        "inputs": {"data": {"job_input_type": "uri_file", "uri": read["node"]}},
    }
    body = {
        "jobType": "Pipeline",
        "inputs": {"data": {"jobInputType": "uri_file", "uri": read["input"]}},
        "jobs": {"step": step},
        "settings": {"default_datastore": f"{fake_aml.scope.path}/datastores/{stores['default datastore']}"},
    }
    url = f"https://management.azure.com{fake_aml.scope.path}/jobs/pipe"
    answer = requests.put(url, json={"properties": body}, timeout=5)
    assert answer.json()["error"]["message"] == "Could not find datastore: nope"
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("azureml://datastores/nope/paths/x", "Could not find datastore: nope"),
        ("azureml://jobs/nope/outputs/model", "Job nope was not found"),
        ("azureml://jobs/train/outputs/nope", "Output nope of job train was not found"),
        ("runs:/nope/model", "Job nope was not found"),
    ],
)
def test_assets_of_what_is_not_there_are_refused(
    client: MLClient, submit: Callable[..., str], path: str, words: str
) -> None:
    """Data and models alike."""
    submit(name="train", outputs={"model": Output(type="custom_model")})
    with pytest.raises(ResourceNotFoundError, match=words):
        client.models.create_or_update(Model(name="net", version="1", path=path, type="mlflow_model"))
    if not path.startswith("runs:"):
        with pytest.raises(ResourceNotFoundError, match=words):
            client.data.create_or_update(Data(name="rows", version="1", path=path))


@pytest.mark.parametrize(
    "case",
    [
        ("azureml://jobs/train/outputs/model", "model", "w.bin"),
        ("azureml://jobs/train/outputs/model/paths/best/", "model", "best/w.bin"),
        ("azureml://jobs/train/outputs/artifacts/paths/outputs/model/", None, "outputs/model/w.bin"),
        ("runs:/train/model", None, "model/w.bin"),
    ],
)
def test_a_model_of_a_job(
    fake_aml: FakeAml,
    client: MLClient,
    submit: Callable[..., str],
    tmp_path: Path,
    case: tuple[str, str | None, str],
) -> None:
    """What a job left behind is registered by its path, downloaded byte for byte, and knows its job."""
    path, output, file = case
    submit(name="train", outputs={"model": Output(type="custom_model")})
    fake_aml.output("train", file, b"weights", output=output)
    for _ in range(2):  # the same again changes nothing
        client.models.create_or_update(Model(name="net", version="7", path=path, type="custom_model"))
    found = client.models.get("net", version="7")
    assert (found.job_name, "/datastores/workspace" in str(found.path)) == ("train", True)
    client.models.download("net", version="7", download_path=str(tmp_path))
    (copy,) = tmp_path.rglob("w.bin")
    assert copy.read_bytes() == b"weights"


def test_data_of_a_job(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """An output becomes data under the path where it is."""
    submit(name="train", outputs={"rows": Output(type="uri_folder")})
    made = client.data.create_or_update(
        Data(name="rows", version="1", path="azureml://jobs/train/outputs/rows", type="uri_folder")
    )
    assert (
        made.path
        == FULL.format(fake_aml.scope, "workspaceblobstore").removesuffix("x") + "azureml/train/rows/"
    )


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("azureml://jobs/j/outputs/model", JobPath("j", "model", "")),
        ("azureml://jobs/j/outputs/model/paths/a/b", JobPath("j", "model", "a/b")),
        ("azureml://jobs/j/outputs/artifacts/paths/model/", JobPath("j", "", "model/")),
        ("runs:/j/model", JobPath("j", "", "model")),
        ("azureml://datastores/jobs/paths/x", None),
    ],
)
def test_a_path_into_a_job_is_read(uri: str, meant: JobPath | None) -> None:
    """The job, its output, and what is below; MLflow's form too."""
    assert job_path(uri) == meant
