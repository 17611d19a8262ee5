"""What jobs leave behind: files that a test puts there, logs, and the assets that named outputs become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import azure.ai.ml
import pytest
from azure.ai.ml import Input, Output
from azure.core.exceptions import ResourceNotFoundError

from tests.testing.kinds import pipeline_of, step, sweep_of
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

FOLDER = Output(type="uri_folder")
FINDS_DATA = tuple(map(int, azure.ai.ml.__version__.split(".")[:2])) < (1, 35)
"""azure-ai-ml 1.35 doesn't know run history's word for data: it finds an output whose name it is given at the
usual place, and others nowhere.
"""


def files(folder: Path) -> dict[str, str]:
    """What a download has brought, by path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def named(found: dict[str, str]) -> dict[str, str]:
    """What this SDK downloads of outputs that it must ask run history for."""
    return {f"named-outputs/{path}": text for path, text in found.items()} if FINDS_DATA else {}


def test_a_file_that_a_test_put_there_is_downloaded(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    """By its name, and with all there is: logs, the code's own `outputs/`, each named output."""
    submit(name="train", outputs={"model": FOLDER, "other": FOLDER, "report": Output(type="uri_file")})
    fake_aml.output("train", "w.bin", b"weights", output="model")
    fake_aml.output("train", "deep/er.txt", "text", output="other")
    fake_aml.output("train", "", "a,b", output="report")
    fake_aml.output("train", "outputs/scores.json", "{}")
    fake_aml.advance(hours=1)
    client.jobs.download("train", download_path=tmp_path / "one", output_name="model")
    assert files(tmp_path / "one") == {"named-outputs/model/w.bin": "weights"}
    client.jobs.download("train", download_path=tmp_path / "all", all=True)
    assert files(tmp_path / "all") == {
        "artifacts/outputs/scores.json": "{}",
        "artifacts/user_logs/std_log.txt": "",
        **named({"model/w.bin": "weights", "other/deep/er.txt": "text", "report/report": "a,b"}),
    }


def test_an_output_with_a_place_of_its_own(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    """A file in a datastore that was made, with the job's name in its path, is found where it was said."""
    from azure.ai.ml.entities import AzureBlobDatastore

    store = AzureBlobDatastore(name="mine", account_name="account", container_name="container")
    client.datastores.create_or_update(store)
    place = "azureml://datastores/mine/paths/runs/${{name}}/"
    submit(name="train", outputs={"model": Output(type="uri_folder", path=place)})
    fake_aml.output("train", "w.bin", b"weights", output="model")
    fake_aml.advance(hours=1)
    client.jobs.download("train", download_path=tmp_path, output_name="model")
    assert files(tmp_path) == named({"model/w.bin": "weights"})


def test_models_are_found_by_run_history(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """As `jobs.download` asks for them, which from azure-ai-ml 1.34 on fails before it asks."""
    submit(name="train", outputs={"model": Output(type="custom_model")})
    fake_aml.advance(hours=1)
    host, scope = f"https://{fake_aml.scope.location}.api.azureml.ms", fake_aml.scope.path
    run = requests.get(f"{host}/history/v1.0{scope}/runs/train", timeout=5).json()
    assert run["outputs"]["model"]["type"] == "CustomModel"
    asset = run["outputs"]["model"]["assetId"]
    url = f"{host}/modelregistry/v1.0{scope}/models/batchGetResolvedUris"
    found = requests.post(url, json={"values": [asset]}, timeout=5).json()["values"][asset]
    assert found["path"] == "azureml://datastores/workspaceblobstore/paths/azureml/train/model/"


def test_every_job_that_ran_has_a_log(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    """An empty one where nobody wrote."""
    submit(name="quiet")
    fake_aml.advance(hours=1)
    client.jobs.download("quiet", download_path=tmp_path / "quiet")
    client.jobs.stream("quiet")
    assert files(tmp_path / "quiet") == {"artifacts/user_logs/std_log.txt": ""}


def test_a_deleted_job_leaves_nothing_to_the_next_of_its_name(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    """Neither log nor metrics nor files."""
    submit(name="j")
    fake_aml.advance(hours=1)
    fake_aml.log("j", "old")
    fake_aml.metric("j", "loss", 1.0)
    fake_aml.output("j", "outputs/x", b"old")
    assert (
        requests.delete(f"https://management.azure.com{fake_aml.scope.path}/jobs/j", timeout=5).status_code
        == 200
    )
    submit(name="j")
    fake_aml.advance(hours=1)
    client.jobs.download("j", download_path=tmp_path / "got")
    assert files(tmp_path / "got") == {"artifacts/user_logs/std_log.txt": ""}
    url = f"https://{fake_aml.scope.location}.api.azureml.ms/metric/v2.0{fake_aml.scope.path}/runs/j/list"
    assert requests.post(url, json={}, timeout=5).json()["value"] == []


def test_outputs_that_are_not_there(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """What is wrong is said, with the outputs that there are."""
    submit(
        name="train",
        outputs={"model": FOLDER, "far": Output(type="uri_folder", path="https://x.invalid/there")},
    )
    with pytest.raises(LookupError, match=r"has no output modle\. It has: model, far\."):
        fake_aml.output("train", "w", b"", output="modle")
    with pytest.raises(ValueError, match=r"https://x\.invalid/there, which is in no datastore"):
        fake_aml.output("train", "w", b"", output="far")
    with pytest.raises(ValueError, match="no path of a file"):
        fake_aml.output("train", "", b"")


def test_named_outputs_become_assets(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    """A model and data, when the job completes and not before, with the bytes; the next version by itself."""
    outputs = {
        "m": Output(type="custom_model", name="net", version="7"),
        "d": Output(type="uri_folder", name="clean"),
        "f": Output(type="uri_file", name="table", version="1"),
    }
    submit(name="first", outputs=outputs)
    fake_aml.output("first", "w.bin", b"weights", output="m")
    fake_aml.output("first", "", "a,b", output="f")
    with pytest.raises(ResourceNotFoundError):
        client.models.get("net", version="7")
    fake_aml.advance(hours=1)
    model = client.models.get("net", version="7")
    assert (model.type, model.job_name) == ("custom_model", "first")
    client.models.download("net", version="7", download_path=str(tmp_path))
    assert list(files(tmp_path).values()) == ["weights"]
    assert client.data.get("clean", version="1").type == "uri_folder"
    assert client.data.get("table", version="1").path.endswith("paths/azureml/first/f")
    submit(name="second", outputs=outputs)
    fake_aml.advance(hours=1)
    assert fake_aml.job("second").status == "Completed"
    assert client.models.get("net", version="7").job_name == "first"
    assert client.data.get("clean", label="latest").version == "2"


def test_a_job_that_fails_registers_nothing(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """Its outputs stay files."""
    submit(name="train", outputs={"m": Output(type="custom_model", name="net", version="1")})
    fake_aml.fail("train")
    fake_aml.advance(hours=1)
    with pytest.raises(ResourceNotFoundError):
        client.models.get("net", version="1")


def test_a_pipelines_named_output_becomes_an_asset(fake_aml: FakeAml, client: MLClient) -> None:
    """It is where the node that it is bound to has written."""
    make = step("make", outputs={"made": Output(type="uri_folder")}, name="maker")

    def one() -> Any:
        node = make()
        node.name = "make"
        return {"final": node.outputs.made}

    job = pipeline_of(one, "pipe")
    job.outputs["final"] = Output(type="uri_folder", name="result", version="3")
    client.jobs.create_or_update(job)
    fake_aml.advance(hours=1)
    fake_aml.output("pipe/make", "x", b"1", output="made")
    place = client.data.get("result", version="3").path
    assert place.endswith("paths/azureml/pipe/final/")
    assert fake_aml.job("pipe/make").body["properties"]["outputs"]["made"]["uri"] in place


def test_an_output_is_the_next_jobs_input(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """What was registered can be named right away."""
    submit(name="first", outputs={"d": Output(type="uri_folder", name="clean", version="1")})
    fake_aml.advance(hours=1)
    submit(name="second", inputs={"d": Input(type="uri_folder", path="azureml:clean:1")})
    fake_aml.advance(hours=1)
    assert fake_aml.job("second").status == "Completed"
    assert client.data.get("clean", version="1").version == "1"


def test_the_best_trials_output_is_what_a_sweeps_download_brings(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Each trial has its own; the search's objective says which one comes."""
    sweep = sweep_of(tmp_path, limits={"max_total_trials": 3})
    sweep.outputs = {"model": FOLDER}
    client.jobs.create_or_update(sweep)
    fake_aml.advance(minutes=2)
    for number, value in enumerate([0.5, 0.9, 0.7]):
        fake_aml.metric(f"sweep/{number}", "accuracy", value)
        fake_aml.output(f"sweep/{number}", "w.bin", str(value), output="model")
    fake_aml.advance(hours=1)
    client.jobs.download("sweep", download_path=tmp_path / "got", output_name="model")
    assert files(tmp_path / "got") == {"named-outputs/model/w.bin": "0.9"}
