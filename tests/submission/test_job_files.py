"""Job files as users write them, from the service's public examples, submitted unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from amlrun import plan, submit
from amlrun.testing._api.contract import violations

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

EXAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "jobs"
BESIDE = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the example job files are not beside this checkout"
)
TYPES = {"command": "Command", "sweep": "Sweep", "automl": "AutoML", "pipeline": "Pipeline"}


def example_files() -> list[Path]:
    """All of them, or none."""
    return sorted(EXAMPLES.rglob("*.yml"))


@pytest.fixture
def examples(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> Path:
    """A copy of the examples, with the files and the data that they name, where they expect them."""
    from azure.ai.ml.entities import Data

    folder = tmp_path / "cli" / "jobs" / "basics"
    shutil.copytree(EXAMPLES, folder)
    for one in (folder, *folder.rglob("*")):  # whose originals may be read-only
        one.chmod(0o700)
    for name in (
        "src/main.py",
        "../../assets/model/mlflow-model/MLmodel",
        "hello-automl/training-mltable-folder/MLTable",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("paths: []\n")
    fake_aml.cluster("cpu-cluster")
    for name in ("local-folder-example", "sampledata"):
        place = f"azureml://datastores/workspaceblobstore/paths/{name}"
        client.data.create_or_update(Data(name=name, version="1", type="uri_folder", path=place))
    return folder


def places_of(wanted: dict[str, Any]) -> dict[str, str]:
    """By step, the compute that a file names; "": none, or serverless."""
    default = (wanted.get("settings") or {}).get("default_compute") or wanted.get("compute") or ""
    steps = wanted.get("jobs") or {"": wanted}
    named = {name: step.get("compute") or default for name, step in steps.items()}
    return {name: one.removeprefix("azureml:").replace("serverless", "") for name, one in named.items()}


def places_in(body: dict[str, Any]) -> dict[str, str]:
    """The same of a body."""
    nodes = body.get("jobs") or {"": body}
    named = {name: str(node.get("computeId") or "").rpartition("/")[2] for name, node in nodes.items()}
    return {name: one.replace("serverless", "") for name, one in named.items()}


@BESIDE
@pytest.mark.parametrize("path", example_files(), ids=lambda path: path.stem)
def test_an_example_submits_unchanged(
    fake_aml: FakeAml, client: MLClient, examples: Path, path: Path
) -> None:
    """It plans and is taken by the workspace, with its own program, data, experiment and computes."""
    copy = examples / path.relative_to(EXAMPLES)
    wanted = yaml.safe_load(path.read_text())
    told = plan(copy, client=client)
    run = submit(copy, client=client)
    body: dict[str, Any] = dict(fake_aml.job(run.name).body["properties"])
    assert run.plan == told
    assert not violations(body, "JobBase")
    assert body["jobType"] == TYPES[wanted.get("type", "command")]
    assert body["experimentName"] == wanted.get("experiment_name", body["experimentName"])
    assert body.get("command", "").strip() == (wanted.get("command") or "").strip()
    assert set(body.get("inputs") or {}) == set(wanted.get("inputs") or {})
    assert places_in(body) == places_of(wanted)
    assert copy.read_text() == path.read_text()


@BESIDE
def test_the_examples_are_of_every_type_that_they_are_said_to_be() -> None:
    """None is overlooked."""
    found = {yaml.safe_load(path.read_text()).get("type", "command") for path in example_files()}
    assert found == set(TYPES)
