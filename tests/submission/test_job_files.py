"""Job files as users write them, from the service's public examples, submitted unchanged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from amlrun import plan, submit

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

EXAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "jobs"


def command_files() -> list[Path]:
    """Those without a `type`: command jobs."""
    return [path for path in sorted(EXAMPLES.glob("*.yml")) if "type" not in yaml.safe_load(path.read_text())]


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the example job files are not beside this checkout")
def test_the_command_jobs_among_the_examples_submit_unchanged(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Each plans and is taken by the workspace, with its own command, experiment and compute."""
    from azure.ai.ml.entities import Data

    folder = tmp_path / "cli" / "jobs" / "basics"
    shutil.copytree(EXAMPLES, folder)
    for name in ("src/main.py", "../../assets/model/mlflow-model/MLmodel"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    fake_aml.cluster("cpu-cluster")
    for name in ("local-folder-example", "sampledata"):
        place = f"azureml://datastores/workspaceblobstore/paths/{name}"
        client.data.create_or_update(Data(name=name, version="1", type="uri_folder", path=place))
    files = command_files()
    assert len(files) == 21
    for original in files:
        path = folder / original.name
        wanted = yaml.safe_load(path.read_text())
        assert plan(path, client=client).instance_count == 1, path.name
        run = submit(path, client=client)
        body = fake_aml.job(run.name).body["properties"]
        assert body["command"].strip() == wanted["command"].strip(), path.name
        assert body["experimentName"] == wanted.get("experiment_name", body["experimentName"])
        assert ("computeId" in body) == ("compute" in wanted), path.name
        assert set(body["inputs"]) == set(wanted.get("inputs") or {}), path.name
        assert path.read_text() == original.read_text()
