"""Bodies of the SDK's own: what its public entities send, unmodified, is taken, on each version."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, dsl, load_job
from azure.ai.ml.automl import regression
from azure.ai.ml.entities import (
    AmlCompute,
    ComputeInstance,
    ComputeSchedules,
    ComputeStartStopSchedule,
    CronTrigger,
    CustomApplications,
    Data,
    EndpointsSettings,
    Environment,
    ImageSettings,
    NetworkSettings,
    RecurrencePattern,
    RecurrenceTrigger,
)

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "jobs"
SDK = tuple(int(part) for part in importlib.metadata.version("azure-ai-ml").split(".")[:2])


def schedules(trigger: Any, action: Any = "stop") -> ComputeSchedules:
    """A compute instance that is stopped by a clock."""
    return ComputeSchedules(compute_start_stop=[ComputeStartStopSchedule(trigger=trigger, action=action)])


@pytest.mark.parametrize(
    "options",
    [
        {"schedules": schedules(CronTrigger(expression="0 18 * * *"))},
        {
            "schedules": schedules(
                RecurrenceTrigger(
                    frequency="week",
                    interval=1,
                    schedule=RecurrencePattern(hours=[5], minutes=[0], week_days=["monday"]),
                )
            )
        },
        {
            "custom_applications": [
                CustomApplications(
                    name="studio",
                    image=ImageSettings(reference="studio:1"),
                    endpoints=[EndpointsSettings(target=8787, published=8787)],
                )
            ]
        },
        {"idle_time_before_shutdown": "PT30M"},
    ],
    ids=["cron", "recurrence", "application", "idle"],
)
def test_compute_instances_with_all_they_can_have(
    fake_aml: FakeAml, client: MLClient, options: dict[str, Any]
) -> None:
    """What is sent of schedules and applications has fields beyond the contract's, and is taken."""
    made = ComputeInstance(name="desk", size="Standard_DS3_v2", **options)
    client.compute.begin_create_or_update(made).result()
    assert fake_aml.compute("desk").state == "Succeeded"


def test_a_cluster_in_a_network_can_be_updated(fake_aml: FakeAml, client: MLClient) -> None:
    """The SDK sends an empty subnet back where it read none."""
    cluster = AmlCompute(
        name="inside",
        size="Standard_DS3_v2",
        network_settings=NetworkSettings(vnet_name="v", subnet="s"),
        tags={"a": "1"},
    )
    client.compute.begin_create_or_update(cluster).result()
    client.compute.begin_update(client.compute.get("inside")).result()
    assert fake_aml.compute("inside").state == "Succeeded"


def test_an_automl_step_with_a_compute_of_its_own(fake_aml: FakeAml, client: MLClient) -> None:
    """Its compute leaves under another name than that of other steps, and is where its trials run."""
    fake_aml.cluster("cpu-cluster")

    @dsl.pipeline()  # type: ignore[call-overload, untyped-decorator]
    def steps() -> None:
        table = Input(type="mltable", path="azureml://datastores/workspaceblobstore/paths/t/")
        search: Any = regression(training_data=table, target_column_name="y", primary_metric="r2_score")
        search.set_limits(max_trials=1)
        search.compute = "cpu-cluster"

    name = str(client.jobs.create_or_update(steps()).name)
    fake_aml.advance(hours=2)
    (step,) = fake_aml.job(name).children
    assert fake_aml.job(step).compute == "cpu-cluster"
    assert fake_aml.job(name).status == "Completed"


def test_an_automl_step_with_an_identity_of_its_own(fake_aml: FakeAml, client: MLClient) -> None:
    """It leaves as a job file has it, and is what the step runs as."""
    from azure.ai.ml import UserIdentityConfiguration

    @dsl.pipeline(default_compute="serverless")  # type: ignore[call-overload, untyped-decorator]
    def steps() -> None:
        table = Input(type="mltable", path="azureml://datastores/workspaceblobstore/paths/t/")
        search: Any = regression(training_data=table, target_column_name="y", primary_metric="r2_score")
        search.set_limits(max_trials=1)
        search.identity = UserIdentityConfiguration()

    name = str(client.jobs.create_or_update(steps()).name)
    fake_aml.advance(hours=2)
    (step,) = fake_aml.job(name).children
    assert fake_aml.job(step).body["properties"]["identity"] == {"identityType": "UserIdentity"}
    assert fake_aml.job(name).status == "Completed"


@pytest.mark.skipif(SDK == (1, 34), reason="azure-ai-ml 1.34 can't serialize a fine-tuning job")
def test_a_fine_tuning_job_of_the_sdks_own(fake_aml: FakeAml, client: MLClient) -> None:
    """It goes to an api-version of its own, with instance types to choose from, and runs to its end."""
    from azure.ai.ml.finetuning import create_finetuning_job

    data = "azureml://datastores/workspaceblobstore/paths/t.jsonl"
    job = create_finetuning_job(
        task="ChatCompletion",
        training_data=data,
        validation_data=data,
        hyperparameters={"per_device_train_batch_size": "1"},
        model="azureml://registries/azureml-meta/models/Llama-2-7b/versions/9",
        name="tune",
        instance_types=["Standard_NC4as_T4_v3"],
        output_model_name_prefix="tuned",
    )
    client.jobs.create_or_update(job)
    fake_aml.advance(hours=3)
    assert (fake_aml.job("tune").type.lower(), fake_aml.job("tune").status) == ("finetuning", "Completed")


def example_files() -> list[Path]:
    """All of them, or none."""
    return sorted(EXAMPLES.glob("*.yml"))


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the example job files are not beside this checkout")
@pytest.mark.parametrize("path", example_files(), ids=lambda path: path.stem)
def test_example_files_run_as_they_are(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, path: Path
) -> None:
    """Job files as users write them, of every type: loaded, sent and carried to their ends."""
    folder = tmp_path / "cli" / "jobs" / "basics"
    shutil.copytree(EXAMPLES, folder)
    for one in (folder, *folder.rglob("*")):  # whose originals may be read-only
        one.chmod(0o700)
    for name in ("src/main.py", "src/hello.py", "../../assets/model/mlflow-model/MLmodel"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    fake_aml.cluster("cpu-cluster")
    fake_aml.cluster("gpu-cluster")
    for name in ("local-folder-example", "sampledata"):
        where = "azureml://datastores/workspaceblobstore/paths/x/"
        client.data.create_or_update(Data(name=name, version="1", path=where, type="uri_folder"))
    client.environments.create_or_update(Environment(name="e", version="1", image="ubuntu"))
    job = load_job(folder / path.name)
    name = str(client.jobs.create_or_update(job).name)
    fake_aml.advance(hours=48)
    assert fake_aml.job(name).status == "Completed"
