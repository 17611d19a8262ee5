"""Routes of the storage account: as much of blob storage as the SDK's uploads and downloads use."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from amlrun.testing._exchange import Reply, Request
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._backend import Backend

BLOBS = Routes("blobs")
_META = "x-ms-meta-"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@BLOBS("PUT", "/{container}/{+name}")
def put_blob(backend: Backend, request: Request) -> Reply:
    """A blob whole, a block of one, the list of its blocks, or its metadata."""
    container, name = request.args["container"], request.args["name"]
    part = request.query.get("comp")
    if part == "metadata":
        if backend.blobs.read(container, name) is None:
            return _missing()
        _keep_metadata(backend, request)
        return Reply(200, b"", _tag(backend, b""))
    if part == "block":
        backend.blobs.write(container, _block(name, request.query["blockid"]), request.body)
        return Reply(201, b"", _tag(backend, request.body))
    if part == "blocklist":
        blocks = [
            _block(name, found) for found in re.findall(r"<Latest>(.+?)</Latest>", request.body.decode())
        ]
        data = b"".join(backend.blobs.read(container, block) or b"" for block in blocks)
        for block in blocks:
            backend.blobs.remove(container, block)
    else:
        data = request.body
        if request.headers.get("if-none-match") == "*" and backend.blobs.read(container, name) is not None:
            return Reply(409, b"", {"x-ms-error-code": "BlobAlreadyExists"})
    backend.blobs.write(container, name, data)
    _keep_metadata(backend, request)
    return Reply(201, b"", _tag(backend, data))


@BLOBS("HEAD", "/{container}/{+name}")
def head_blob(backend: Backend, request: Request) -> Reply:
    """What a blob is, without it."""
    data = backend.blobs.read(request.args["container"], request.args["name"])
    if data is None:
        return _missing()
    return Reply(200, b"", {**_properties(backend, request, data), "Content-Length": str(len(data))})


@BLOBS("GET", "/{container}/{+name}")
def get_blob(backend: Backend, request: Request) -> Reply:
    """A blob, or the range of it that is asked for."""
    data = backend.blobs.read(request.args["container"], request.args["name"])
    if data is None:
        return _missing()
    headers = _properties(backend, request, data)
    wanted = request.headers.get("x-ms-range") or request.headers.get("range") or ""
    match = _RANGE.fullmatch(wanted)
    if match is None:
        return Reply(200, data, headers)
    first = int(match[1])
    if first >= len(data):
        return Reply(416, b"", {"x-ms-error-code": "InvalidRange", "Content-Range": f"bytes */{len(data)}"})
    piece = data[first : int(match[2]) + 1 if match[2] else None]
    return Reply(
        206, piece, {**headers, "Content-Range": f"bytes {first}-{first + len(piece) - 1}/{len(data)}"}
    )


@BLOBS("DELETE", "/{container}/{+name}")
def delete_blob(backend: Backend, request: Request) -> Reply:
    """Forget a blob."""
    backend.blobs.remove(request.args["container"], request.args["name"])
    return Reply(202)


@BLOBS("GET", "/{container}")
def list_blobs(backend: Backend, request: Request) -> Reply:
    """The names in a container that begin with a prefix."""
    container, prefix = request.args["container"], request.query.get("prefix", "")
    delimiter = request.query.get("delimiter")
    entries, folders = [], set()
    for name in backend.blobs.names(container, prefix):
        rest = name[len(prefix) :]
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            continue
        size = len(backend.blobs.read(container, name) or b"")
        entries.append(
            f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{_date(backend)}</Last-Modified>"
            f"<Etag>0x1</Etag><Content-Length>{size}</Content-Length>"
            "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType></Properties>"
            "<Metadata /></Blob>"
        )
    prefixes = "".join(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>" for name in sorted(folders))
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<EnumerationResults ServiceEndpoint="https://{backend.blob_host}/" ContainerName="{container}">'
        f"<Prefix>{escape(prefix)}</Prefix><Blobs>{''.join(entries)}{prefixes}</Blobs><NextMarker />"
        "</EnumerationResults>"
    )
    return Reply(200, text.encode(), {"Content-Type": "application/xml"})


@BLOBS("PUT", "/{container}")
def create_container(_backend: Backend, _request: Request) -> Reply:
    """Containers are there when something is put in them."""
    return Reply(201)


@BLOBS("HEAD", "/{container}")
def head_container(backend: Backend, _request: Request) -> Reply:
    """Every container exists."""
    return Reply(200, b"", _tag(backend, b""))


def _missing() -> Reply:
    text = (
        '<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code>'
        "<Message>The specified blob does not exist.</Message></Error>"
    )
    return Reply(404, text.encode(), {"x-ms-error-code": "BlobNotFound", "Content-Type": "application/xml"})


def _block(name: str, block_id: str) -> str:
    # An id may hold a slash; a file's name may not.
    return f".blocks/{name}/{base64.urlsafe_b64encode(block_id.encode()).decode()}"


def _metadata_name(request: Request) -> str:
    return f"{request.args['container']}/{request.args['name']}"


def _keep_metadata(backend: Backend, request: Request) -> None:
    found = {key[len(_META) :]: value for key, value in request.headers.items() if key.startswith(_META)}
    with backend.work() as (records, _now):
        records.put("blob metadata", _metadata_name(request), found)


def _properties(backend: Backend, request: Request, data: bytes) -> Mapping[str, str]:
    with backend.work() as (records, _now):
        found = records.get("blob metadata", _metadata_name(request)) or {}
    return {
        **_tag(backend, data),
        **{f"{_META}{key}": value for key, value in found.items()},
        "Content-Type": "application/octet-stream",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": _date(backend),
        "Accept-Ranges": "bytes",
    }


def _tag(backend: Backend, data: bytes) -> dict[str, str]:
    # S324: an ETag tells one content from another; nobody trusts it for more
    tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return {"ETag": f'"{tag}"', "Last-Modified": _date(backend)}


def _date(backend: Backend) -> str:
    return email.utils.formatdate(backend.clock.now(), usegmt=True)
