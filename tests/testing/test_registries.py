"""Registries through the real client: found by name, filled, shared into, referred to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command, load_component
from azure.ai.ml.entities import BuildContext, Data, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from amlrun.testing import FakeAml
from amlrun.testing._assets import ids

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient


@pytest.fixture
def shared(fake_aml: FakeAml) -> MLClient:
    """The real client of a registry."""
    fake_aml.registry("shared")
    return fake_aml.client(registry_name="shared")


def test_environments_of_a_registry(shared: MLClient, tmp_path: Path) -> None:
    """They are made, with a build context too; got by version and label; listed; archived."""
    made = shared.environments.create_or_update(Environment(name="train", version="1", image="ubuntu"))
    assert made.id == "azureml://registries/shared/environments/train/versions/1"
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text("FROM ubuntu\n")
    context = BuildContext(path=str(tmp_path / "context"))
    for _ in range(2):
        shared.environments.create_or_update(Environment(name="built", build=context))
    assert shared.environments.get("train", version="1").image == "ubuntu"
    assert shared.environments.get("built", label="latest").version == "2"
    assert [found.name for found in shared.environments.list()] == ["train", "built"]
    shared.environments.archive("built", version="2")
    assert [found.version for found in shared.environments.list(name="built")] == ["1"]


def test_a_version_in_a_registry_does_not_change(shared: MLClient) -> None:
    """Another image is refused, new tags are not."""
    shared.environments.create_or_update(Environment(name="train", version="1", image="ubuntu"))
    shared.environments.create_or_update(
        Environment(name="train", version="1", image="ubuntu", tags={"a": "b"})
    )
    assert shared.environments.get("train", version="1").tags == {"a": "b"}
    with pytest.raises(HttpResponseError, match="cannot be changed"):  # 1.35 doesn't say which one
        shared.environments.create_or_update(Environment(name="train", version="1", image="debian"))


def test_components_data_and_models_of_a_registry(
    fake_aml: FakeAml, shared: MLClient, tmp_path: Path
) -> None:
    """With what is uploaded for them, which comes back byte for byte."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_bytes(b"print(1)\r\n")
    (tmp_path / "train.yml").write_text(
        "$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json\n"
        "name: train\nversion: '1'\ntype: command\ncode: ./src\ncommand: python train.py\n"
        "environment: azureml://registries/azureml/environments/sklearn-1.5/versions/3\n"
    )
    shared.components.create_or_update(load_component(tmp_path / "train.yml"))
    found: Any = shared.components.get("train", label="latest")
    assert found.id == "azureml://registries/shared/components/train/versions/1"
    assert found.code.startswith("azureml://registries/shared/codes/")
    source = str(tmp_path / "src")
    shared.data.create_or_update(Data(name="iris", version="1", type="uri_folder", path=source))
    assert shared.data.get("iris", label="latest").version == "1"
    shared.models.create_or_update(Model(name="net", type="custom_model", path=source))
    assert [(model.name, model.latest_version) for model in shared.models.list()] == [("net", "1")]
    shared.models.download("net", version="1", download_path=str(tmp_path / "down"))
    (copy,) = (tmp_path / "down").rglob("train.py")
    assert copy.read_bytes() == b"print(1)\r\n"
    with fake_aml._backend.work() as (records, _now):
        assert ids.component(records, found.id) is not None
        assert ids.component(records, "azureml://registries/shared/components/train/labels/latest")
        assert ids.component(records, "azureml:train:1") is None


def test_assets_are_shared_into_a_registry(client: MLClient, shared: MLClient) -> None:
    """An environment, data and a model of the workspace are in the registry, as what they are given as."""
    to: dict[str, Any] = {"share_with_name": "ours", "share_with_version": "5", "registry_name": "shared"}
    path = "azureml://datastores/workspaceblobstore/paths/x/"
    client.environments.create_or_update(Environment(name="mine", version="1", image="debian"))
    client.environments.share("mine", "1", **to)
    client.data.create_or_update(Data(name="mine", version="1", type="uri_folder", path=path))
    client.data.share("mine", "1", **to)
    client.models.create_or_update(Model(name="mine", version="1", type="custom_model", path=path))
    client.models.share("mine", "1", **to)
    assert shared.environments.get("ours", version="5").image == "debian"
    assert shared.data.get("ours", version="5").type == "uri_folder"
    assert shared.models.get("ours", version="5").type == "custom_model"


def test_the_registry_that_everybody_has(fake_aml: FakeAml) -> None:
    """Its curated environments are there, in every version; components are those that a test puts there."""
    curated = fake_aml.client(registry_name="azureml")
    assert curated.environments.get("sklearn-1.5", label="latest").version == "1"
    assert curated.environments.get("sklearn-1.5", version="33").image
    assert list(curated.components.list()) == []
    with pytest.raises(ResourceNotFoundError):
        curated.components.get("train", version="1")


def test_registries_are_found_and_listed(fake_aml: FakeAml, client: MLClient, shared: MLClient) -> None:
    """By name and in a list; one that isn't there is refused where it is looked for."""
    assert client.registries.get("shared").location == "eastus"
    assert [found.name for found in client.registries.list()] == ["shared"]
    with pytest.raises(ResourceNotFoundError, match="registries/nope"):
        client.registries.get("nope")
    with pytest.raises(ResourceNotFoundError, match="Registry nope was not found"):
        fake_aml.client(registry_name="nope")
    with pytest.raises(LookupError, match=r"say fake.registry\('nope'\)"):
        fake_aml.environment("x", registry="nope")
    fake_aml.environment("x", registry="shared")
    assert shared.environments.get("x", version="1").image == "ubuntu"


def test_each_registry_is_in_its_own_fake() -> None:
    """Of several fakes, the one that has a registry answers for it, whichever was started first."""
    with FakeAml() as first, FakeAml() as second:
        first.registry("one")
        second.registry("two")
        for fake, name in ((first, "one"), (second, "two")):
            fake.environment("of", image=name, registry=name)
            found = fake.client(registry_name=name).environments.get("of", version="1")
            assert found.image == name


def test_a_job_may_name_a_registrys_environment(
    fake_aml: FakeAml, client: MLClient, shared: MLClient
) -> None:
    """By version or by label, as it is written."""
    shared.environments.create_or_update(Environment(name="train", version="1", image="ubuntu"))
    for which in ("versions/1", "labels/latest"):
        environment = f"azureml://registries/shared/environments/train/{which}"
        made = client.jobs.create_or_update(command(command="ls", environment=environment))
        assert fake_aml.job(str(made.name)).body["properties"]["environmentId"] == environment
        with fake_aml._backend.work() as (records, _now):
            assert ids.environment_exists(records, environment)
            assert not ids.environment_exists(records, environment.replace("train", "other"))
