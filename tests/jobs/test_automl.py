"""AutoML jobs: what leaves of each task, as a file and as an object, and what is asked for their trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, UserIdentityConfiguration, automl
from azure.ai.ml.entities import Environment, ResourceConfiguration

from amlrun import InvalidRequest, NoQuota, Requeue, plan, submit
from tests.jobs import every

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun import Run
    from amlrun.testing import FakeAml

SIZE, GPU = "Standard_DS3_v2", "Standard_NC4as_T4_v3"
TABLE = Input(type="mltable", path="azureml://datastores/workspaceblobstore/paths/table/")
SAYS: dict[str, Any] = {"training_data": TABLE, "target_column_name": "y"}
TASKS: dict[str, tuple[Callable[..., Any], str]] = {
    "classification": (automl.classification, "Classification"),
    "regression": (automl.regression, "Regression"),
    "forecasting": (automl.forecasting, "Forecasting"),
    "image_classification": (automl.image_classification, "ImageClassification"),
    "image_classification_multilabel": (
        automl.image_classification_multilabel,
        "ImageClassificationMultilabel",
    ),
    "image_object_detection": (automl.image_object_detection, "ImageObjectDetection"),
    "image_instance_segmentation": (automl.image_instance_segmentation, "ImageInstanceSegmentation"),
    "text_classification": (automl.text_classification, "TextClassification"),
    "text_classification_multilabel": (automl.text_classification_multilabel, "TextClassificationMultilabel"),
    "text_ner": (automl.text_ner, "TextNER"),
}
FILE = """\
type: automl
task: {task}
target_column_name: y
training_data: {{path: ./data/table, type: mltable}}
validation_data: {{path: ./data/table, type: mltable}}
experiment_name: models
"""


def made(task: str, **more: Any) -> Any:
    """A job of that task, as a builder makes it."""
    data = {"validation_data": TABLE} if task.startswith("text") else {}
    settings = {"time_column_name": "t", "forecast_horizon": 2} if task == "forecasting" else {}
    job = TASKS[task][0](**{**SAYS, **data, **more})
    if settings:
        job.set_forecast_settings(**settings)
    return job


def sent(fake: FakeAml, run: Run) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    return dict(fake.job(run.name).body["properties"])


@pytest.fixture
def file(table: Path) -> Path:
    """Where a job file stands whose data is beside it."""
    return table.parents[1] / "job.yml"


@pytest.mark.parametrize("task", TASKS)
def test_every_task_leaves_with_its_place(fake_aml: FakeAml, client: MLClient, task: str) -> None:
    """Size, count, tier and limits under the service's names, whatever the SDK makes of them."""
    job = made(task)
    job.set_limits(max_trials=4, max_concurrent_trials=2, timeout_minutes=90)
    job.resources = ResourceConfiguration(instance_type=GPU)
    job.queue_settings = {"job_tier": "spot", "priority": "low"}
    body = sent(fake_aml, submit(job, client=client))
    nodes = 1 if task.startswith("text") else 2  # whose max_nodes is 1 where nobody says it
    details = body["taskDetails"]
    assert body["resources"].items() >= {"instanceType": GPU, "instanceCount": nodes}.items()
    assert not body["resources"].keys() & {"instance_type", "instance_count", "shm_size"}
    assert body["queueSettings"] == {"jobTier": "Spot", "priority": 1}
    assert "computeId" not in body
    assert details["taskType"] == TASKS[task][1]
    limits = {"maxTrials": 4, "maxConcurrentTrials": 2, "timeout": "PT5400S"}
    assert details["limitSettings"].items() >= limits.items()
    assert details["trainingData"]["uri"] == TABLE.path


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_read_from_a_file(
    fake_aml: FakeAml, client: MLClient, file: Path, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its data is found beside it, wherever the caller is; `resources:` are taken."""
    settings = "forecasting: {time_column_name: t, forecast_horizon: 2}\n" if task == "forecasting" else ""
    text = FILE.format(task=task) + settings
    file.write_text(f"{text}resources: {{instance_type: {GPU}, shm_size: 9g}}\n")
    (file.parent / "elsewhere").mkdir()
    monkeypatch.chdir(file.parent / "elsewhere")
    body = sent(fake_aml, submit(f"../{file.name}", tier="spot", client=client))
    assert body["resources"] == {"instanceType": GPU, "instanceCount": 1, "shmSize": "9g"}
    assert body["queueSettings"] == {"jobTier": "Spot"}
    details = body["taskDetails"]
    assert details["trainingData"]["uri"].endswith("/table")
    assert details["validationData"] == details["trainingData"]
    assert body["experimentName"] == "models"


def test_all_arguments_are_applied(fake_aml: FakeAml, client: MLClient) -> None:
    """The environment by its id, where the SDK would leave it as it was typed; variables beside its own."""
    client.environments.create_or_update(Environment(name="other", version="7", image="python:3.11"))
    job = made("classification", environment_variables={"A": "job", "B": "job"})
    run = submit(
        job,
        instance_type=SIZE,
        timeout=1200,
        identity="user",
        environment="azureml:other@latest",
        outputs={"best_model": {"type": "mlflow_model"}},
        environment_variables={"A": "argument"},
        name="mine",
        display_name="Mine",
        experiment_name="others",
        tags={"team": "vision"},
        client=client,
    )
    body = sent(fake_aml, run)
    assert body["environmentId"].startswith("/subscriptions/")
    assert body["environmentId"].endswith("/environments/other/versions/7")
    assert body["environmentVariables"] == {"A": "argument", "B": "job"}
    assert body["taskDetails"]["limitSettings"]["timeout"] == "PT1200S"
    assert body["identity"] == {"identityType": "UserIdentity"}
    assert body["outputs"]["best_model"]["jobOutputType"] == "mlflow_model"
    assert "inputs" not in body
    assert (run.name, body["displayName"], body["experimentName"]) == ("mine", "Mine", "others")
    assert body["tags"] == {"team": "vision"}


@pytest.mark.parametrize("source", ["builder", "file"])
def test_a_model_leaves_as_a_model(fake_aml: FakeAml, client: MLClient, file: Path, source: str) -> None:
    """Where the SDK makes a folder of each output; one that is given besides is added."""
    file.write_text(FILE.format(task="regression") + "outputs: {best_model: {type: mlflow_model}}\n")
    job = made("regression", outputs={"best_model": Output(type="mlflow_model")})
    run = submit(file if source == "file" else job, outputs={"more": {"type": "uri_file"}}, client=client)
    outputs = sent(fake_aml, run)["outputs"]
    kinds = {name: output["jobOutputType"] for name, output in outputs.items()}
    assert kinds == {"best_model": "mlflow_model", "more": "uri_file"}
    alone = sent(fake_aml, submit(job, client=client))["outputs"]
    assert alone["best_model"]["jobOutputType"] == "mlflow_model"


def test_what_the_job_says_of_itself_stays(fake_aml: FakeAml, client: MLClient) -> None:
    """Its identity and its own environment, which is resolved; nothing is added that it doesn't have."""
    job = made("regression", environment_id="azureml:train:1", identity=UserIdentityConfiguration())
    said = (job.environment_id, job.training_data.path, job.resources, job.queue_settings)
    body = sent(fake_aml, submit(job, client=client))
    assert body["identity"] == {"identityType": "UserIdentity"}
    assert body["environmentId"].endswith("/environments/train/versions/1")
    assert said == (job.environment_id, job.training_data.path, job.resources, job.queue_settings)
    plain = sent(fake_aml, submit(made("regression"), client=client))
    assert not plain.keys() & {"environmentId", "environmentVariables", "identity", "inputs"}


@pytest.mark.parametrize("task", [task for task in TASKS if task.startswith(("image", "text"))])
def test_images_and_texts_get_a_gpu(client: MLClient, task: str) -> None:
    """Where nothing is said of the nodes, and the plan says why."""
    found = plan(made(task), client=client)
    assert found.size is not None
    assert found.size.gpus
    assert any(words.startswith(f"{TASKS[task][1]} needs a GPU") for words in found.reasons)


def test_what_is_said_of_the_nodes_counts(fake_aml: FakeAml, client: MLClient) -> None:
    """No GPU is asked for beside a size, a cluster, a need, or no GPU at all; nor for a table."""
    fake_aml.cluster("cpus", size=SIZE)
    for options in ({"instance_type": SIZE}, {"compute": "cpus"}, {"cpus": 4}, {"gpus": 0}):
        found = plan(made("image_classification"), client=client, **options)
        assert found.size is not None
        assert not found.size.gpus, options
    assert not [words for words in plan(made("regression"), client=client).reasons if "GPU" in words]


def test_a_gpu_that_cannot_be_had_is_told_with_the_task(fake_aml: FakeAml, client: MLClient) -> None:
    """Nobody has typed it."""
    fake_aml.quota("Standard NCASv3_T4 Family", limit=0)
    with pytest.raises(NoQuota) as error:
        plan(made("text_ner"), client=client)
    told = " ".join(str(error.value).split())
    assert told.endswith(
        "The job itself says instance_count=1 (the job's limits), gpus=1 (its task is TextNER)."
    )


@pytest.mark.parametrize(
    ("task", "limits", "nodes"),
    [
        ("classification", {}, 1),
        ("classification", {"max_concurrent_trials": 3}, 3),
        ("classification", {"max_concurrent_trials": 3, "max_nodes": 2}, 2),
        ("image_classification", {"max_concurrent_trials": 2}, 2),
        ("text_classification", {"max_concurrent_trials": 2}, 1),
        ("text_classification", {"max_concurrent_trials": 2, "max_nodes": 4}, 4),
    ],
)
def test_nodes_are_counted_from_trials(
    fake_aml: FakeAml, task: str, limits: dict[str, int], nodes: int
) -> None:
    """By the job's own limits; the body says the same."""
    job = made(task)
    job.set_limits(**limits)
    run = submit(job, instance_type=GPU, client=fake_aml.client())
    body = sent(fake_aml, run)
    assert run.plan.instance_count == body["resources"]["instanceCount"] == nodes
    assert body["taskDetails"]["limitSettings"].get("maxNodes", nodes) == nodes


def test_a_count_that_the_limits_contradict(client: MLClient) -> None:
    """Refused as an argument; of the job's own it is said. Where no limit counts them, it holds."""
    job = made("classification")
    assert plan(job, instance_count=2, client=client).instance_count == 2
    job.set_limits(max_concurrent_trials=3)
    with pytest.raises(InvalidRequest, match="instance_count=2: the limits of this job say that it has 3"):
        plan(job, instance_count=2, client=client)
    job.resources = {"instance_type": SIZE, "instance_count": 5}
    found = plan(job, client=client)
    assert found.instance_count == 3
    assert any(words.startswith("resources.instance_count=5 counts for nothing") for words in found.warnings)


def test_clusters_and_kubernetes_take_automl(fake_aml: FakeAml, client: MLClient) -> None:
    """A cluster has its own size and tier; Kubernetes is told its instance type."""
    fake_aml.cluster("cpus", size=SIZE)
    body = sent(fake_aml, submit(made("regression"), compute="cpus", client=client))
    assert body["computeId"].endswith("/computes/cpus")
    assert body["resources"] == {"instanceCount": 1}
    assert "queueSettings" not in body
    fake_aml.kubernetes("k8s")
    run = submit(made("regression"), compute="k8s", client=client)
    body = sent(fake_aml, run)
    assert body["resources"].get("instanceType") == run.plan.instance_type


def test_a_warm_submit_is_one_request(fake_aml: FakeAml, client: MLClient) -> None:
    """With readings kept, nothing to upload and nothing to look up."""
    submit(made("regression", environment_id="azureml:train:1"), client=client)
    before = len(list(fake_aml.calls))
    run = submit(made("regression", environment_id="azureml:train:1"), client=client)
    (call,) = list(fake_aml.calls)[before:]
    assert (call.method, call.path.rpartition("/")[2]) == ("PUT", run.name)


def test_trials_carry_what_the_job_was_given(fake_aml: FakeAml, client: MLClient) -> None:
    """On the planned nodes, in its environment, with its variables."""
    run = submit(
        made("regression"),
        instance_type=SIZE,
        environment="azureml:train:1",
        environment_variables={"A": "x"},
        client=client,
    )
    fake_aml.advance(minutes=2)
    trial = fake_aml.job(f"{run.name}_0").body["properties"]
    assert trial["resources"]["instanceType"] == SIZE
    assert trial["environmentId"] == sent(fake_aml, run)["environmentId"]
    assert trial["environmentVariables"] == {"A": "x"}


def test_automl_is_repeated_only_when_asked(fake_aml: FakeAml, client: MLClient) -> None:
    """Another attempt would run all trials again."""
    run = submit(made("regression"), tier="spot", client=client)
    assert not run.plan.requeued
    asked = submit(made("regression"), tier="spot", requeue=Requeue(user_errors=1), client=client)
    fake_aml.advance(seconds=1)
    fake_aml.fail(asked.name)
    asked.wait()
    assert (asked.plan.requeued, asked.attempt) == (True, 2)
    first, second = (fake_aml.job(one.name).body["properties"] for one in asked.attempts)
    assert first["taskDetails"] == second["taskDetails"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inputs": {"a": 1}}, "inputs: an AutoML job has no such field"),
        ({"code": "."}, "code: an AutoML job has no such field"),
        ({"environment": "nonsense"}, "has neither version nor label"),
        ({"environment_variables": {"A": "${{inputs.x}}"}}, "environment variable A"),
    ],
)
def test_what_automl_has_no_place_for_is_refused(
    fake_aml: FakeAml, options: dict[str, Any], words: str
) -> None:
    """By the name of the argument, with nothing sent."""
    with pytest.raises(InvalidRequest, match=words.replace("$", r"\$")):
        submit(made("regression"), client=fake_aml.client(), **options)
    assert not fake_aml.jobs


def test_data_that_is_not_there_is_refused(fake_aml: FakeAml, client: MLClient, file: Path) -> None:
    """With the whole path, before anything is uploaded."""
    file.write_text(FILE.format(task="classification").replace("./data/table", "./nowhere"))
    with pytest.raises(InvalidRequest, match=r"training_data: there is no .*nowhere"):
        submit(file, client=client)
    with pytest.raises(InvalidRequest, match="validation_data: there is no"):
        submit(made("text_ner", validation_data=Input(type="mltable", path="./nowhere")), client=client)
    assert not [call for call in fake_aml.calls if call.method not in {"GET", "HEAD"}]


def test_images_without_a_gpu_are_told(client: MLClient) -> None:
    """Where something else is said of the nodes, that is what they are."""
    job = every.learned("text_classification")
    told = [words for words in plan(job, cpus=4, client=client).warnings if "no GPU" in words]
    assert len(told) == 1
    assert told[0].startswith("TextClassification on ")
    assert "no GPU" not in str(plan(job, gpus=1, client=client).warnings)
