"""Blob storage through the real storage client, and on the wire: bytes, conditions, pages, credentials."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobClient, ContainerClient, ContentSettings

from amlrun.testing import FakeAml
from amlrun.testing._api.exchange import Refusal
from amlrun.testing._assets.blobs import CONTAINERS, FolderBlobs, MemoryBlobs
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient

SMALL: dict[str, Any] = {
    "max_single_put_size": 1024,
    "max_block_size": 1000,
    "max_single_get_size": 1024,
    "retry_total": 0,
}


def code_of(caught: pytest.ExceptionInfo[HttpResponseError]) -> str:
    """The storage's own code for an error."""
    error: Any = caught.value
    return str(getattr(error.error_code, "value", error.error_code))


@pytest.fixture
def url(client: MLClient) -> str:
    """The default datastore's container, and the SAS that opens it."""
    store = client.datastores.get_default(include_secrets=True)
    root = f"https://{store.account_name}.blob.core.windows.net/{store.container_name}"
    return f"{root}?{store.credentials.sas_token}"


@pytest.fixture
def container(url: str) -> Iterator[ContainerClient]:
    """The same, in the hands of the real storage client."""
    with ContainerClient.from_container_url(url, **SMALL) as client:
        yield client


def test_a_snapshot_arrives_byte_for_byte(
    fake_aml: FakeAml, submit: Callable[..., str], tmp_path: Path
) -> None:
    """Code is uploaded as it is, once: the second submission finds it by its content."""
    folder = tmp_path / "src"
    (folder / "deep").mkdir(parents=True)
    (folder / "train.py").write_bytes(b"print('\xc3\xa9')\r\n")
    (folder / "deep" / "data.bin").write_bytes(bytes(range(256)))
    first = submit(code=str(folder))
    guid = fake_aml.job(first).body["properties"]["codeId"].split("/")[-3]
    code = requests.get(
        f"https://management.azure.com{fake_aml.scope.path}/codes/{guid}/versions/1", timeout=5
    ).json()
    root = code["properties"]["codeUri"]
    assert requests.get(f"{root}/train.py", timeout=5).content == b"print('\xc3\xa9')\r\n"
    assert requests.get(f"{root}/deep/data.bin", timeout=5).content == bytes(range(256))
    uploads = [call for call in fake_aml.calls if call.method == "PUT" and "train.py" in call.path]
    submit(code=str(folder))
    assert [call for call in fake_aml.calls if call.method == "PUT" and "train.py" in call.path] == uploads


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 10_240])
def test_bytes_come_back(container: ContainerClient, size: int) -> None:
    """Whole or in blocks, an empty one too; with its metadata, its type and its checksum."""
    data = bytes(range(256)) * 40
    blob = container.get_blob_client("deep/blob é.bin")
    kind = ContentSettings(content_type="text/plain")
    blob.upload_blob(data[:size], metadata={"a": "b"}, content_settings=kind)
    assert blob.download_blob().readall() == data[:size]
    found = blob.get_blob_properties()
    assert (found.size, found.metadata, found.content_settings.content_type) == (
        size,
        {"a": "b"},
        "text/plain",
    )
    if size:
        some = blob.download_blob(offset=size // 2, length=10).readall()
        assert some == data[:size][size // 2 :][:10]
    if size <= 1024:
        md5 = hashlib.md5(data[:size], usedforsecurity=False).digest()
        assert bytes(found.content_settings.content_md5 or b"") == md5
    blob.set_blob_metadata({"c": "d"})
    again = blob.get_blob_properties()
    assert (again.metadata, again.content_settings.content_type) == ({"c": "d"}, "text/plain")


def test_what_is_deleted_is_gone(container: ContainerClient) -> None:
    """It no longer exists, and is refused by name."""
    blob = container.get_blob_client("x")
    assert not blob.exists()
    blob.upload_blob(b"1")
    assert blob.exists()
    blob.delete_blob()
    assert not blob.exists()
    for ask in (blob.download_blob, blob.delete_blob, lambda: blob.set_blob_metadata({"a": "b"})):
        with pytest.raises(ResourceNotFoundError) as caught:
            ask()
        assert code_of(caught) == "BlobNotFound"


def test_conditions_are_kept(container: ContainerClient) -> None:
    """Nothing is overwritten that is there; a blob that changed is not taken for the one that was read."""
    blob = container.get_blob_client("x")
    blob.upload_blob(b"1")
    with pytest.raises(ResourceExistsError) as exists:
        blob.upload_blob(b"2")
    assert code_of(exists) == "BlobAlreadyExists"
    before = blob.get_blob_properties().etag
    blob.upload_blob(b"2", overwrite=True)
    assert blob.get_blob_properties().etag != before
    for ask in (
        lambda: blob.download_blob(etag=before, match_condition=MatchConditions.IfNotModified),
        lambda: blob.upload_blob(
            b"3", overwrite=True, etag=before, match_condition=MatchConditions.IfNotModified
        ),
    ):
        with pytest.raises(ResourceModifiedError) as modified:
            ask()
        assert code_of(modified) == "ConditionNotMet"
    assert blob.download_blob().readall() == b"2"


def test_a_list_of_blocks_must_be_there(container: ContainerClient) -> None:
    """Blocks that nobody sent make no blob, nor do those of another; before the list, it isn't there."""
    blob, other = container.get_blob_client("x"), container.get_blob_client("y")
    blob.stage_block("a/b", b"1")
    blob.stage_block("c", b"2")
    assert list(container.list_blob_names()) == []
    for client, names in ((blob, ["a/b", "z"]), (other, ["c"])):
        with pytest.raises(HttpResponseError) as caught:
            client.commit_block_list([BlobBlock(name) for name in names])
        assert code_of(caught) == "InvalidBlockList"
    blob.commit_block_list([BlobBlock("c"), BlobBlock("a/b")])
    assert blob.download_blob().readall() == b"21"


def test_lists_know_prefixes_folders_and_pages(container: ContainerClient) -> None:
    """All names in order, those below a prefix, the folders of one, page by page; with sizes and metadata."""
    names = ["a", "b/1", "b/2", "b/c/3", "d&e"]
    for name in names:
        container.get_blob_client(name).upload_blob(name.encode(), metadata={"of": "it"})
    assert list(container.list_blob_names()) == names
    assert list(container.list_blob_names(name_starts_with="b/")) == names[1:4]
    assert {found.name for found in container.walk_blobs()} == {"a", "b/", "d&e"}
    assert {found.name for found in container.walk_blobs(name_starts_with="b/")} == {"b/1", "b/2", "b/c/"}
    pages = [[found.name for found in page] for page in container.list_blobs(results_per_page=2).by_page()]
    assert pages == [names[:2], names[2:4], names[4:]]
    last = list(container.list_blobs(include=["metadata"]))[-1]
    assert (last.size, last.metadata) == (3, {"of": "it"})


def test_containers_are_made_once(container: ContainerClient) -> None:
    """What is made twice, or isn't there, is refused by name."""
    assert container.exists()
    other = ContainerClient.from_container_url(container.url.replace(container.container_name, "other"))
    assert not other.exists()
    with pytest.raises(ResourceNotFoundError) as missing:
        other.upload_blob("x", b"1")
    assert code_of(missing) == "ContainerNotFound"
    other.create_container()
    other.upload_blob("x", b"1")
    assert list(other.list_blob_names()) == ["x"]
    with pytest.raises(ResourceExistsError) as twice:
        other.create_container()
    assert code_of(twice) == "ContainerAlreadyExists"


def test_a_checksum_that_does_not_fit_is_refused(url: str) -> None:
    """What arrived isn't what was sent: 400, and nothing is written."""
    at = url.replace("?", "/x?")
    wrong = base64.b64encode(bytes(16)).decode()
    reply = requests.put(
        at, data=b"1", headers={"Content-MD5": wrong, "x-ms-blob-type": "BlockBlob"}, timeout=5
    )
    assert (reply.status_code, reply.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    assert ET.fromstring(reply.content).findtext("Code") == "Md5Mismatch"  # noqa: S314 - our own
    assert requests.get(at, timeout=5).status_code == 404


def test_a_range_beyond_the_end_is_refused(url: str) -> None:
    """416, with how long it is; up to the end is what there is."""
    at = url.replace("?", "/x?")
    requests.put(at, data=b"0123456789", timeout=5)
    reply = requests.get(at, headers={"x-ms-range": "bytes=10-20"}, timeout=5)
    assert (reply.status_code, reply.headers["Content-Range"]) == (416, "bytes */10")
    reply = requests.get(at, headers={"Range": "bytes=8-20"}, timeout=5)
    assert (reply.status_code, reply.content, reply.headers["Content-Range"]) == (206, b"89", "bytes 8-9/10")
    same = requests.get(at, headers={"If-None-Match": reply.headers["ETag"]}, timeout=5)
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("container", ["azureml", "datastores/mine", "other"])
def test_files_and_memory_agree(tmp_path: Path, container: str) -> None:
    """What is kept in a folder reads as what is kept in memory: whole, in part, by prefix, and once gone."""
    stores = (MemoryBlobs(), FolderBlobs(tmp_path, CONTAINERS))
    for blobs in stores:
        assert blobs.names(container) == []
        blobs.write(container, "a/b", b"0123456789")
        blobs.write(container, "a/c", b"")
        blobs.write(container, "ab", b"x")
        assert blobs.names(container, "a/") == ["a/b", "a/c"]
        assert blobs.names(container, "a") == ["a/b", "a/c", "ab"]
        assert blobs.read(container, "a/b", 2, 5) == b"234"
        assert blobs.read(container, "a/b", 8) == b"89"
        assert blobs.read(container, "a/b", 20, 30) == b""
        assert blobs.read(container, "a") is None
        before = blobs.stat(container, "a/b")
        blobs.write(container, "a/b", b"012345678x")
        after = blobs.stat(container, "a/b")
        assert before is not None
        assert after is not None
        assert (before.size, after.size) == (10, 10)
        assert before.mark != after.mark
        for name in ("a/b", "a/b", "nothing"):
            blobs.remove(container, name)
        assert blobs.stat(container, "a/b") is None


@pytest.mark.parametrize(
    ("container", "name"), [("azureml", "../x"), ("azureml", "/x"), ("..", "x"), ("datastores/..", "x")]
)
def test_no_name_leads_out_of_its_folder(tmp_path: Path, container: str, name: str) -> None:
    """Such a name is refused, whoever sends it."""
    with pytest.raises(Refusal, match="leads out of its container"):
        FolderBlobs(tmp_path, CONTAINERS).path(container, name)


def test_a_file_is_no_folder_too(tmp_path: Path) -> None:
    """In a folder a blob can't be below another one's name, nor above it: refused, and nothing is left."""
    blobs = FolderBlobs(tmp_path, CONTAINERS)
    blobs.write("own", "a", b"1")
    blobs.write("own", "b/c", b"2")
    for name in ("a/x", "a/x/y", "b"):
        with pytest.raises(Refusal, match="can't be beside"):
            blobs.write("own", name, b"3")
    assert blobs.names("own") == ["a", "b/c"]


def test_what_a_query_must_have(url: str) -> None:
    """A block has an id, a page a size: 400 in the storage's words."""
    place, _, sas = url.partition("?")
    block = requests.put(f"{place}/blob?comp=block&{sas}", data=b"x", timeout=5)
    page = requests.get(f"{url}&restype=container&comp=list&maxresults=many", timeout=5)
    codes = [answer.headers["x-ms-error-code"] for answer in (block, page)]
    assert codes == ["MissingRequiredQueryParameter", "OutOfRangeQueryParameterValue"]
    assert (block.status_code, page.status_code) == (400, 400)


def test_a_datastores_bytes_are_where_its_jobs_look(tmp_path: Path) -> None:
    """In a folder of the datastore's name, whosever account it is in."""
    with FakeAml(tmp_path / "kept") as fake:
        fake.datastore("mine", account="acme", container="files")
        url = "https://acme.blob.core.windows.net/files/deep/x.csv"
        assert requests.put(url, data=b"1", timeout=5).status_code == 201
        assert (tmp_path / "kept" / "datastores" / "mine" / "deep" / "x.csv").read_bytes() == b"1"


def test_nobody_enters_without_a_credential(client: MLClient, url: str) -> None:
    """A SAS that nobody gave out is refused, and another account's key; a token and its own are not."""
    store = client.datastores.get_default()
    account = f"https://{store.account_name}.blob.core.windows.net"
    where: dict[str, Any] = {"account_url": account, "container_name": store.container_name, "blob_name": "x"}
    BlobClient.from_blob_url(url.replace("?", "/x?")).upload_blob(b"1")
    key = base64.b64encode(b"any").decode()
    own = BlobClient(**where, credential=AzureNamedKeyCredential(str(store.account_name), key))
    assert own.download_blob().readall() == b"1"
    refused: dict[str, list[Any]] = {
        "AuthenticationFailed": ["sv=1&sig=x", AzureNamedKeyCredential("other", key)],
        "NoAuthenticationInformation": [None],
    }
    for code, credential in ((code, each) for code, credentials in refused.items() for each in credentials):
        with pytest.raises(ClientAuthenticationError) as caught:
            BlobClient(**where, credential=credential).download_blob()
        assert code_of(caught) == code
    assert requests.get(f"{account}/{store.container_name}/x", timeout=5).content == b"1"
