"""Fine-tuning jobs: on nodes that the service chooses, on sizes of serverless with GPUs, or on a cluster."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import AmlrunError, ComputeUnsuitable, InvalidRequest, SubmissionFailed, plan, submit
from tests.jobs.every import tuning
from tests.jobs.test_files import FILES

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

SDK = tuple(int(part) for part in importlib.metadata.version("azure-ai-ml").split(".")[:2])
T4 = "Standard_NC4as_T4_v3"
writes = pytest.mark.skipif(SDK == (1, 34), reason="azure-ai-ml 1.34 can't write a fine-tuning job down")


@writes
@pytest.mark.parametrize(
    ("options", "sizes", "tier"),
    [
        ({}, None, "Standard"),
        ({"tier": "spot"}, None, "Spot"),
        ({"gpus": 1}, [T4], "Standard"),
        ({"gpu": "T4", "tier": "spot"}, [T4], "Spot"),
        ({"memory_gb": 100}, ["Standard_NC16as_T4_v3"], "Standard"),
        ({"instance_type": T4.lower()}, [T4], "Standard"),
    ],
)
def test_what_is_asked_for_is_what_it_runs_on(
    fake_aml: FakeAml, client: MLClient, options: dict[str, Any], sizes: list[str] | None, tier: str
) -> None:
    """Of nothing asked nothing is said: the service has nodes. Whatever is asked, a GPU is meant too."""
    run = submit(tuning(), client=client, **options)
    body: Any = fake_aml.job(run.name).body["properties"]
    assert (body.get("resources") or {}).get("instanceTypes") == sizes
    assert body["queueSettings"] == {"jobTier": tier}
    assert body["outputs"] == {"registered_model": {"jobOutputType": "mlflow_model", "assetName": "tuned"}}
    fake_aml.advance(hours=5)
    assert run.refresh().status == "Completed"


def test_nodes_of_the_services_own_have_no_known_price(client: MLClient) -> None:
    """And no known start; a price that must not be passed, or a rule about sizes, can't be held there."""
    told = plan(tuning(), client=client)
    assert (told.instance_type, told.price_per_hour, str(told.starts)) == (None, None, "unknown")
    assert "the service tunes on nodes that it chooses" in str(told)


@writes
def test_of_several_sizes_the_job_names_one_is_planned(fake_aml: FakeAml, client: MLClient) -> None:
    """The first that can start now, and that one alone leaves: nothing else would be what was planned."""
    fake_aml.quota("standardNCASv3_T4Family", limit=8)
    job = tuning(instance_types=["Standard_NC16as_T4_v3", "Standard_NC8as_T4_v3", T4])
    run = submit(job, client=client)
    body: Any = fake_aml.job(run.name).body["properties"]
    assert body["resources"] == {"instanceTypes": ["Standard_NC8as_T4_v3"]}
    assert job.resources.instance_types == ["Standard_NC16as_T4_v3", "Standard_NC8as_T4_v3", T4]


@writes
def test_a_cluster_that_is_named(fake_aml: FakeAml, client: MLClient) -> None:
    """Its nodes have a size and a tier; one without GPUs is told of."""
    fake_aml.cluster("gpus", size=T4)
    fake_aml.cluster("cpus", size="Standard_DS3_v2")
    run = submit(tuning(instance_types=[T4], job_tier="Standard"), compute="gpus", client=client)
    body: Any = fake_aml.job(run.name).body["properties"]
    assert body["computeId"].endswith("/computes/gpus")
    assert not body.get("resources")
    assert not body.get("queueSettings")
    assert not run.plan.warnings
    assert "has no GPU" in str(plan(tuning(compute="cpus"), client=client))


REFUSED: list[tuple[dict[str, Any], type[AmlrunError], str]] = [
    *(
        ({name: value}, InvalidRequest, f"{name}: a fine-tuning job has no such field")
        for name, value in {
            "instance_count": 2,
            "code": ".",
            "environment": "azureml:train:1",
            "environment_variables": {"A": "b"},
            "inputs": {"a": 1},
            "outputs": {"a": None},
        }.items()
    ),
    ({"timeout": 60}, InvalidRequest, "timeout"),
    ({"tier": "Premium"}, InvalidRequest, "tier='Premium'"),
    ({"compute": "pool"}, ComputeUnsuitable, "takes Spark jobs, and no others"),
    ({"compute": "desk"}, ComputeUnsuitable, "and fine-tuning goes to serverless"),
]


@pytest.mark.parametrize(("options", "error", "words"), REFUSED)
def test_what_a_fine_tuning_job_can_not_take(
    fake_aml: FakeAml, client: MLClient, options: dict[str, Any], error: type[AmlrunError], words: str
) -> None:
    """Refused with the way out."""
    fake_aml.synapse_spark("pool")
    fake_aml.compute_instance("desk")
    with pytest.raises(error, match=words) as refused:
        submit(tuning(), client=client, **options)
    assert refused.value.hint
    assert not fake_aml.jobs


@writes
def test_data_beside_a_job_file(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """It is found there, wherever one stands, and uploaded; what isn't there and local models are refused."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    text = (FILES / "fine-tuning.yml").read_text()
    path = folder / "job.yml"
    path.write_text(text.replace("azureml://datastores/workspaceblobstore/paths/", "./"))
    with pytest.raises(InvalidRequest, match="training_data: there is no"):
        submit(path, client=client)
    for name in ("train.jsonl", "check.jsonl"):
        (folder / name).write_text("{}\n")
    body: Any = fake_aml.job(submit(path, client=client).name).body["properties"]
    for part in ("trainingData", "validationData"):
        assert body["fineTuningDetails"][part]["uri"].startswith("azureml://")
    path.write_text(text.replace("custom", "azure_openai"))
    with pytest.raises(InvalidRequest, match="model_provider is 'azure_openai'"):
        submit(path, client=client)
    path.write_text(text.replace("azureml://registries/azureml-meta/models/Llama-2-7b/versions/9", "./model"))
    with pytest.raises(InvalidRequest, match=r"model: \./model is local") as refused:
        submit(path, client=client)
    assert "Register it" in refused.value.hint


def test_no_cluster_is_taken_unasked(fake_aml: FakeAml, client: MLClient) -> None:
    """Where serverless has nothing that would do."""
    fake_aml.quota("standardNCASv3_T4Family", limit=0)
    fake_aml.cluster("gpus", size=T4)
    with pytest.raises(AmlrunError, match="taken for fine-tuning only where it is named"):
        plan(tuning(), instance_type=T4, client=client)


@pytest.mark.skipif(SDK != (1, 34), reason="a defect of azure-ai-ml 1.34")
def test_a_version_that_can_not_write_it_down(fake_aml: FakeAml, client: MLClient) -> None:
    """It is told so, with the versions that can; planned it may be."""
    assert plan(tuning(), client=client).compute == "serverless"
    with pytest.raises(SubmissionFailed, match=r"azure-ai-ml 1\.34\.1 can't write this job down") as refused:
        submit(tuning(), client=client)
    assert "1.35" in refused.value.hint
    assert not fake_aml.jobs
