"""Components through the real client: of every type, from YAML with code, in versions, in pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, command, load_component
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from amlrun.testing._assets import ids

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
COMMAND = f"""
$schema: {SCHEMAS}/commandComponent.schema.json
name: train
type: command
inputs:
  data: {{type: uri_folder}}
  rate: {{type: number, default: 0.1}}
outputs:
  model: {{type: uri_folder}}
code: ./src
environment: azureml:train:1
command: python train.py ${{{{inputs.data}}}} ${{{{inputs.rate}}}} ${{{{outputs.model}}}}
"""
PARALLEL = f"""
$schema: {SCHEMAS}/parallelComponent.schema.json
name: score
version: "1"
type: parallel
inputs:
  data: {{type: uri_folder}}
outputs:
  out: {{type: uri_folder}}
input_data: ${{{{inputs.data}}}}
mini_batch_size: "1"
task:
  type: run_function
  code: ./src
  entry_script: train.py
  environment: azureml:train:1
"""
SPARK = f"""
$schema: {SCHEMAS}/sparkComponent.schema.json
name: count
version: "1"
type: spark
code: ./src
entry: {{file: train.py}}
conf:
  spark.driver.cores: 1
  spark.driver.memory: 2g
  spark.executor.cores: 2
  spark.executor.memory: 2g
  spark.executor.instances: 2
"""
PIPELINE = f"""
$schema: {SCHEMAS}/pipelineComponent.schema.json
name: both
version: "1"
type: pipeline
inputs:
  data: {{type: uri_folder}}
jobs:
  first:
    type: command
    component: ./train.yml
    inputs:
      data: ${{{{parent.inputs.data}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a component of each type, and the code of them all."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print(1)\n")
    for name, text in (("train", COMMAND), ("score", PARALLEL), ("count", SPARK), ("both", PIPELINE)):
        (tmp_path / f"{name}.yml").write_text(text)
    return tmp_path


def spec_of(fake: FakeAml, component_id: str) -> dict[str, Any] | None:
    """What a pipeline's node finds under an id."""
    with fake._backend.work() as (records, _now):  # the engine's way in
        return ids.component(records, component_id)


@pytest.mark.parametrize("name", ["train", "score", "count", "both"])
def test_a_component_goes_there_and_back(
    fake_aml: FakeAml, client: MLClient, folder: Path, name: str
) -> None:
    """From a file with its code to the service, and as an object from there; its code is a snapshot."""
    made = client.components.create_or_update(load_component(folder / f"{name}.yml"))
    assert made.id == f"{fake_aml.scope.path}/components/{name}/versions/1"
    found: Any = client.components.get(name, version="1")
    assert (found.name, found.version, found.type) == (name, "1", made.type)
    assert [listed.name for listed in client.components.list()] == [name]
    spec = spec_of(fake_aml, made.id)
    assert spec is not None
    assert spec["type"] == found.type
    code = {"train": spec.get("code"), "score": spec.get("task", {}).get("code"), "count": spec.get("code")}
    if name != "both":
        assert str(code[name]).startswith(f"azureml:{fake_aml.scope.path}/codes/")


def test_versions_are_given_in_order(client: MLClient, folder: Path) -> None:
    """Who names none gets the next one; `latest`, `default` and no name at all are the last."""
    for _ in range(2):
        client.components.create_or_update(load_component(folder / "train.yml"))
    client.components.create_or_update(load_component(folder / "train.yml"), version="7")
    assert [found.version for found in client.components.list(name="train")] == ["7", "2", "1"]
    assert client.components.get("train", label="latest").version == "7"
    assert client.components.get("train", label="default").version == "7"
    assert client.components.get("train").version == "7"
    client.components.archive("train", version="7")
    assert client.components.get("train").version == "2"
    client.components.archive("train")
    assert list(client.components.list()) == []
    client.components.restore("train")
    assert [found.latest_version for found in client.components.list()] == ["2"]


def test_a_version_of_a_component_does_not_change(client: MLClient, folder: Path) -> None:
    """The same again is welcome, another command is refused, a new description is not."""
    client.components.create_or_update(load_component(folder / "train.yml"), version="1")
    client.components.create_or_update(load_component(folder / "train.yml"), version="1")
    other = [{"command": "ls"}]
    with pytest.raises(ResourceExistsError, match="already registered and cannot be changed"):
        client.components.create_or_update(
            load_component(folder / "train.yml", params_override=other), version="1"
        )
    words = [{"description": "of iris"}]
    client.components.create_or_update(
        load_component(folder / "train.yml", params_override=words), version="1"
    )
    assert client.components.get("train", version="1").description == "of iris"


def test_a_component_of_python(fake_aml: FakeAml, client: MLClient) -> None:
    """What `command()` makes is a component too."""
    job = command(
        name="py",
        command="python train.py ${{inputs.data}}",
        environment="azureml:train:1",
        inputs={"data": Input(type="uri_folder")},
        outputs={"model": Output(type="uri_folder")},
    )
    made = client.components.create_or_update(job.component)
    spec = spec_of(fake_aml, made.id)
    assert spec is not None
    assert (spec["command"], sorted(spec["inputs"])) == ("python train.py ${{inputs.data}}", ["data"])


def test_components_without_a_name_are_found_but_not_shown(
    fake_aml: FakeAml, client: MLClient, folder: Path
) -> None:
    """A pipeline's own steps are written under a name of the SDK's making, once each."""
    for version in ("1", "2"):
        client.components.create_or_update(load_component(folder / "both.yml"), version=version)
    assert [found.name for found in client.components.list()] == ["both"]
    spec = spec_of(fake_aml, f"{fake_aml.scope.path}/components/both/versions/1")
    assert spec is not None
    step = spec["jobs"]["first"]["componentId"]
    assert "/components/azureml_anonymous/versions/" in step
    assert (spec_of(fake_aml, step) or {}).get("type") == "command"
    puts = [call for call in fake_aml.calls if call.method == "PUT" and "azureml_anonymous" in call.path]
    assert [call.status for call in puts] == [201, 200]


def test_an_id_is_read_in_every_form(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """By ARM id, by short name, by label; of another workspace or kind, or of nothing, there is none."""
    client.components.create_or_update(load_component(folder / "train.yml"), version="1")
    path = fake_aml.scope.path
    for known in (
        f"{path}/components/train/versions/1",
        f"azureml:{path}/components/train/labels/latest",
        "azureml:train:1",
        "azureml:train@latest",
        f"azureml:/{path.lower()}/components/train/versions/1",
    ):
        assert spec_of(fake_aml, known) is not None, known
    for unknown in (
        f"{path}/components/train/versions/2",
        f"{path}x/components/train/versions/1",
        f"{path}/environments/train/versions/1",
        "azureml://registries/nope/components/train/versions/1",
        "azureml:train@best",
        "",
    ):
        assert spec_of(fake_aml, unknown) is None, unknown


def test_a_component_that_is_not_there(client: MLClient) -> None:
    """404 in the service's form, by version and by default."""
    with pytest.raises(ResourceNotFoundError, match="Component nobody:1 was not found"):
        client.components.get("nobody", version="1")
    with pytest.raises(ResourceNotFoundError, match="Component nobody"):
        client.components.get("nobody")
