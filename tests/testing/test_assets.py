"""Environments, data and models through the real client: versions, labels, lists, archives, uploads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import load_job
from azure.ai.ml.entities import BuildContext, Data, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from hypothesis import given
from hypothesis import strategies as st

from amlrun.testing._assets.assets import bare, next_version, visible
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

FILES = "azureml://datastores/workspaceblobstore/paths/iris/"


def codes_of(caught: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int, list[str]]:
    """Status, and the chain of inner codes of the service's error body."""
    response: Any = caught.value.response
    told = json.loads(response.text())["error"]["additionalInfo"]
    link, codes = next(info["info"]["value"] for info in told if info["type"] == "InnerError"), []
    while link:
        codes.append(link["code"])
        link = link["innerError"]
    return response.status_code, codes


def get(fake: FakeAml, path: str) -> Any:
    """What a GET below the workspace shows."""
    url = f"https://management.azure.com{fake.scope.path}/{path}"
    sep = "&" if "?" in path else "?"
    return requests.get(f"{url}{sep}api-version=2024-04-01", timeout=5).json()


def test_environments_are_versioned(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """A version is written and read, the latest is found, and a missing one is the service's 404."""
    made = client.environments.create_or_update(Environment(name="train", version="3", image="ubuntu"))
    assert made.id == f"{fake_aml.scope.path}/environments/train/versions/3"
    assert client.environments.get("train", version="3").image == "ubuntu"
    assert client.environments.get("train", label="latest").version == "3"
    assert [found.name for found in client.environments.list()] == ["train"]
    with pytest.raises(ResourceNotFoundError) as caught:
        client.environments.get("train", version="4")
    assert codes_of(caught) == (404, ["NotFound", "EnvironmentNotFound"])
    inline = submit(environment=Environment(image="library/python:latest"))
    environment = fake_aml.job(inline).body["properties"]["environmentId"]
    assert "/environments/CliV2AnonymousEnvironment/versions/" in environment
    assert [found.name for found in client.environments.list()] == ["train"]
    assert client.environments.get("AzureML-any", label="latest").version == "1"


def test_an_environment_without_a_version_gets_one(client: MLClient) -> None:
    """The first is 1; what changes nothing stays there; a new image is the next version."""
    environments = client.environments
    made = [
        environments.create_or_update(Environment(name="auto", image=image, description=image)).version
        for image in ("ubuntu:22.04", "ubuntu:22.04", "ubuntu:24.04")
    ]
    assert made == ["1", "1", "2"]
    assert [found.version for found in environments.list(name="auto")] == ["2", "1"]
    assert environments.get("auto", label="latest").image == "ubuntu:24.04"


def test_a_version_of_an_environment_does_not_change(client: MLClient) -> None:
    """Another image under the same version is 409; tags and description may change."""
    client.environments.create_or_update(Environment(name="fixed", version="1", image="ubuntu"))
    words = "Environment fixed with version 1 is already registered and cannot be changed"
    with pytest.raises(ResourceExistsError, match=words) as caught:
        client.environments.create_or_update(Environment(name="fixed", version="1", image="debian"))
    assert codes_of(caught)[0] == 409
    client.environments.create_or_update(
        Environment(name="fixed", version="1", image="ubuntu", tags={"a": "b"}, description="d")
    )
    found = client.environments.get("fixed", version="1")
    assert (found.image, found.tags, found.description) == ("ubuntu", {"a": "b"}, "d")


def test_a_build_context_and_a_conda_file_arrive(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The folder of a Dockerfile is uploaded byte for byte, the conda file is part of the environment."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_bytes(b"FROM ubuntu\nRUN true\n")
    (tmp_path / "conda.yml").write_text("name: x\ndependencies:\n- python=3.11\n")
    client.environments.create_or_update(
        Environment(name="built", version="1", build=BuildContext(path=str(context)))
    )
    build = client.environments.get("built", version="1").build
    assert build is not None
    assert build.dockerfile_path == "Dockerfile"
    sas = client.datastores.get_default(include_secrets=True).credentials.sas_token
    assert requests.get(f"{build.path}Dockerfile?{sas}", timeout=5).content == b"FROM ubuntu\nRUN true\n"
    client.environments.create_or_update(
        Environment(name="conda", version="1", image="ubuntu", conda_file=str(tmp_path / "conda.yml"))
    )
    assert client.environments.get("conda", version="1").conda_file == {
        "name": "x",
        "dependencies": ["python=3.11"],
    }
    assert get(fake_aml, "environments/conda/versions/1")["properties"]["environmentType"] == "UserCreated"


def test_what_is_archived_is_not_listed(client: MLClient) -> None:
    """A version leaves the list of versions and is no latest any more; a name leaves the list of names."""
    for version in ("1", "2"):
        client.environments.create_or_update(Environment(name="old", version=version, image="ubuntu"))
    client.environments.archive("old", version="2")
    assert [found.version for found in client.environments.list(name="old")] == ["1"]
    assert client.environments.get("old", label="latest").version == "1"
    assert len(list(client.environments.list(name="old", list_view_type="ALL"))) == 2
    client.environments.restore("old", version="2")
    client.environments.archive("old")
    assert list(client.environments.list()) == []
    archived = client.environments.list(list_view_type="ARCHIVED_ONLY")
    assert [(found.name, found.latest_version) for found in archived] == [("old", "2")]
    client.environments.restore("old")
    assert [found.name for found in client.environments.list()] == ["old"]


def test_a_job_with_an_environment_that_nobody_registered(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """It is taken, until a test asks for more: then it is 404, and what is registered or curated is taken."""
    assert submit(environment="azureml:nobody:1")
    fake_aml.require_environments()
    with pytest.raises(ResourceNotFoundError, match="Environment nobody:1 was not found") as caught:
        submit(environment="azureml:nobody:1")
    assert codes_of(caught) == (404, ["NotFound", "EnvironmentNotFound"])
    fake_aml.environment("somebody", "2")
    known = ("somebody:2", "AzureML-any:3", "//registries/azureml/environments/any/versions/1")
    assert all(submit(environment=f"azureml:{name}") for name in known)
    assert submit(environment=Environment(image="ubuntu"))


def test_environments_of_a_test(fake_aml: FakeAml, client: MLClient) -> None:
    """One line registers one, and the same line again changes nothing; another image is an error."""
    for _ in range(2):
        fake_aml.environment("somebody", "2")
    assert client.environments.get("somebody", version="2").image == "ubuntu"
    with pytest.raises(ValueError, match="cannot be changed"):
        fake_aml.environment("somebody", "2", image="debian")


def test_local_data_is_uploaded(client: MLClient, tmp_path: Path) -> None:
    """A file and a folder arrive in the default datastore, and are found there by the asset's path."""
    (tmp_path / "iris").mkdir()
    (tmp_path / "iris" / "iris.csv").write_bytes(b"1,2\r\n")
    for kind, path in (("uri_folder", tmp_path / "iris"), ("uri_file", tmp_path / "iris" / "iris.csv")):
        client.data.create_or_update(Data(name=kind, version="1", type=kind, path=str(path)))
    store = client.datastores.get_default(include_secrets=True)
    root = f"https://{store.account_name}.blob.core.windows.net/{store.container_name}"
    for kind, inside in (("uri_folder", "/iris.csv"), ("uri_file", "")):
        found = client.data.get(kind, version="1")
        assert found.type == kind
        path = found.path.partition("/paths/")[2].rstrip("/")
        url = f"{root}/{path}{inside}?{store.credentials.sas_token}"
        assert requests.get(url, timeout=5).content == b"1,2\r\n"


def test_data_is_versioned(client: MLClient) -> None:
    """Versions are given in order, `latest` is the last one, the path of a version does not change."""
    for _ in range(3):
        client.data.create_or_update(Data(name="iris", type="uri_folder", path=FILES, tags={"a": "b"}))
    assert [found.version for found in client.data.list(name="iris")] == ["3", "2", "1"]
    assert client.data.get("iris", label="latest").version == "3"
    assert [(found.name, found.latest_version) for found in client.data.list()] == [("iris", "3")]
    with pytest.raises(HttpResponseError, match="Asset paths cannot be updated") as caught:
        client.data.create_or_update(
            Data(name="iris", version="3", type="uri_folder", path=f"{FILES}elsewhere/")
        )
    assert codes_of(caught)[0] == 400
    client.data.archive("iris", version="3")
    assert client.data.get("iris", label="latest").version == "2"


def test_a_job_file_with_data_by_label_is_submitted(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """`@latest` of a data asset is resolved against the workspace's versions."""
    for version in ("1", "2"):
        client.data.create_or_update(Data(name="iris", version=version, type="uri_folder", path=FILES))
    (tmp_path / "job.yml").write_text(
        "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\n"
        "command: ls ${{inputs.data}}\n"
        "environment: azureml://registries/azureml/environments/sklearn-1.5/labels/latest\n"
        "inputs:\n  data:\n    type: uri_folder\n    path: azureml:iris@latest\n"
    )
    run = client.jobs.create_or_update(load_job(tmp_path / "job.yml"))
    body = fake_aml.job(str(run.name)).body["properties"]
    assert body["inputs"]["data"]["uri"].endswith("/data/iris/versions/2")


def test_a_model_goes_there_and_back(client: MLClient, tmp_path: Path) -> None:
    """A local folder is registered, listed, found by its label, and downloaded byte for byte."""
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "deep" / "weights.bin").write_bytes(bytes(range(256)))
    for _ in range(2):
        client.models.create_or_update(
            Model(name="net", path=str(tmp_path / "model"), type="custom_model", tags={"a": "b"})
        )
    assert [found.version for found in client.models.list(name="net")] == ["2", "1"]
    found = client.models.get("net", label="latest")
    assert (found.version, found.type, found.tags) == ("2", "custom_model", {"a": "b"})
    client.models.download("net", version="2", download_path=str(tmp_path / "down"))
    (copy,) = (tmp_path / "down").rglob("weights.bin")
    assert copy.read_bytes() == bytes(range(256))
    client.models.archive("net", version="2")
    assert [found.version for found in client.models.list(name="net")] == ["1"]


def test_long_lists_come_in_pages(fake_aml: FakeAml, client: MLClient) -> None:
    """A page names the next one until all have been seen, whichever end comes first; `$top` ends a list."""
    for number in range(1, 66):
        fake_aml.environment("many", str(number))
    before = len(fake_aml.calls)
    assert [int(str(found.version)) for found in client.environments.list(name="many")] == [*range(65, 0, -1)]
    assert len(fake_aml.calls) - before == 3
    upwards = get(fake_aml, "environments/many/versions?$orderBy=createdtime asc&$top=2")
    assert [found["name"] for found in upwards["value"]] == ["1", "2"]
    assert upwards["nextLink"] is None
    wrong = get(fake_aml, "environments/many/versions?$skip=x")["error"]
    assert wrong["message"] == "The continuation token 'x' is not valid."


def test_versions_are_filtered_by_tags(fake_aml: FakeAml, client: MLClient) -> None:
    """By key, or by key and value; several must all be there."""
    for version, labels in (("1", {"a": "b"}), ("2", {"a": "c", "d": "e"})):
        client.data.create_or_update(
            Data(name="iris", version=version, type="uri_folder", path=FILES, tags=labels)
        )
    for tags, found in (("a", ["2", "1"]), ("a=b", ["1"]), ("a=c,d", ["2"]), ("x", [])):
        listed = get(fake_aml, f"data/iris/versions?$tags={tags}")["value"]
        assert [version["name"] for version in listed] == found


def test_an_environment_that_nobody_registered(fake_aml: FakeAml) -> None:
    """It is there for jobs, and for who looks for a version, until a version of that name is registered."""
    assert get(fake_aml, "environments/x/versions/7")["name"] == "7"
    fake_aml.environment("x", version="1")
    assert get(fake_aml, "environments/x/versions/1")["name"] == "1"
    assert get(fake_aml, "environments/x/versions/7")["error"]


@pytest.mark.parametrize("kind", ["environments", "components", "data"])
def test_what_is_not_there(fake_aml: FakeAml, kind: str) -> None:
    """A name, its versions, one of them: 404 in the service's form."""
    fake_aml.require_environments()
    for path in (f"{kind}/x", f"{kind}/x/versions", f"{kind}/x/versions/1"):
        error = get(fake_aml, path)["error"]
        assert error["code"] == "UserError"
        assert "was not found" in error["message"]


def test_assets_are_deleted(fake_aml: FakeAml, client: MLClient) -> None:
    """A version, or a name with all of its versions; what isn't there is 204."""
    for version in ("1", "2"):
        fake_aml.environment("gone", version)
    url = f"https://management.azure.com{fake_aml.scope.path}/environments/gone"

    def delete(path: str) -> int:
        return requests.delete(f"{url}{path}?api-version=2024-04-01", timeout=5).status_code

    assert [delete("/versions/2"), delete("/versions/2")] == [200, 204]
    assert [found.version for found in client.environments.list(name="gone")] == ["1"]
    assert [delete(""), delete("")] == [200, 204]
    assert list(client.environments.list()) == []


@given(st.lists(st.integers(0, 10**6).map(str) | st.text("abc.-", min_size=1), max_size=8))
def test_the_next_version_is_higher_than_all(found: list[str]) -> None:
    """Whatever versions there are, the next one is a number that none of them has."""
    number = next_version([{"version": version} for version in found])
    assert all(int(number) > int(version) for version in found if version.isdigit())


@given(st.recursive(st.none() | st.integers(), lambda inner: st.dictionaries(st.text(max_size=2), inner)))
def test_null_is_absent(value: Any) -> None:
    """What is null leaves a value, and once it is gone, nothing else does."""
    once = bare({"x": value})
    assert "null" not in json.dumps(once)
    assert bare(once) == once


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("ActiveOnly", {False}),
        ("ArchivedOnly", {True}),
        ("All", {True, False}),
        ("ListViewType.ALL", {True, False}),
    ],
)
def test_a_view_shows_what_it_says(view: str, shown: set[bool]) -> None:
    """Active ones, archived ones, or all; also as the SDK spells it towards registries."""
    assert {archived for archived in (True, False) if visible({"isArchived": archived}, view)} == shown
