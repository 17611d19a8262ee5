"""Routes of storage accounts: as much of blob storage as the SDK's uploads and downloads use."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from amlrun.testing._access import gate
from amlrun.testing._api.exchange import Reply, Request
from amlrun.testing._assets import storage
from amlrun.testing._assets.blobs import Stat
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from amlrun.testing._routes.table import Handler
    from amlrun.testing._wire.backend import Backend

    BlobHandler = Callable[[Backend, Request, str], Reply]

BLOBS = Routes("blobs")
_META = "x-ms-meta-"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_BLOCKS = re.compile(r"<(?:Latest|Uncommitted)>(.+?)</(?:Latest|Uncommitted)>")
UNCOMMITTED = ".uncommitted"
"""The container of blocks that belong to no blob yet."""
_PAGE = 5000
_NOT_MODIFIED = 304


def guarded_route(routes: Routes, method: str, template: str) -> Callable[[BlobHandler], Handler]:
    """Register a handler, which is told where the container's bytes are; "" if there is none."""

    def register(handler: BlobHandler) -> Handler:
        def guarded(backend: Backend, request: Request) -> Reply:
            try:
                return handler(backend, request, _entered(backend, request))
            except Refused as refused:
                return refused.reply

        guarded.__doc__ = handler.__doc__
        routes(method, template)(guarded)
        return guarded

    return register


def _entered(backend: Backend, request: Request) -> str:
    """Where the bytes of the container of a request are. Raises Refused for one that may not come in."""
    account = storage.account_of(request.host)
    with backend.work() as (records, _now):
        if no := storage.refused(records, request, backend.account):
            raise Refused(*no)
        with_token = request.headers.get("authorization", "").startswith("Bearer")
        if with_token and gate.refused_by_storage(records, request, backend.scope, account):
            raise Refused(403, "AuthorizationPermissionMismatch")
        return storage.place(records, account, backend.account, request.args["container"]) or ""


@guarded_route(BLOBS, "PUT", "/{container}/{+name}")
def put_blob(backend: Backend, request: Request, place: str) -> Reply:
    """A blob whole, a block of one, the list of its blocks, or its metadata."""
    name, part, data = request.args["name"], request.query.get("comp"), request.body
    if not place:
        raise Refused(404, "ContainerNotFound")
    if (sent := request.headers.get("content-md5")) and sent != _md5(data):
        raise Refused(400, "Md5Mismatch")
    found = stat(backend, request, place)
    _check_conditions(request, found)
    if part == "metadata":
        if found is None:
            raise Refused(404, "BlobNotFound")
        return Reply(200, b"", _note(backend, request, place, found, before=_notes(backend, request, place)))
    if part == "block":
        if not (block := request.query.get("blockid")):
            raise Refused(400, "MissingRequiredQueryParameter")
        backend.blobs.write(UNCOMMITTED, _block(place, name, block), data)
        return Reply(201, b"", {"Content-MD5": _md5(data)})
    md5: str | None = _md5(data)
    if part == "blocklist":
        blocks = [_block(place, name, block) for block in _BLOCKS.findall(data.decode())]
        pieces = [backend.blobs.read(UNCOMMITTED, block) for block in blocks]
        if None in pieces:
            raise Refused(400, "InvalidBlockList")
        data = b"".join(piece for piece in pieces if piece is not None)
        for block in blocks:
            backend.blobs.remove(UNCOMMITTED, block)
        md5 = request.headers.get("x-ms-blob-content-md5")
    backend.blobs.write(place, name, data)
    written = backend.blobs.stat(place, name) or Stat(0, 0)
    return Reply(201, b"", _note(backend, request, place, written, before={"md5": md5}))


@guarded_route(BLOBS, "HEAD", "/{container}/{+name}")
def head_blob(backend: Backend, request: Request, place: str) -> Reply:
    """What a blob is, without it."""
    found = _existing(backend, request, place)
    headers = _headers(backend, found, _notes(backend, request, place))
    return Reply(200, b"", {**headers, "Content-Length": str(found.size)})


@guarded_route(BLOBS, "GET", "/{container}/{+name}")
def get_blob(backend: Backend, request: Request, place: str) -> Reply:
    """A blob, or the range of it that is asked for."""
    name = request.args["name"]
    found = _existing(backend, request, place)
    headers = _headers(backend, found, _notes(backend, request, place))
    match = _RANGE.fullmatch(request.headers.get("x-ms-range") or request.headers.get("range") or "")
    if match is None:
        return Reply(200, backend.blobs.read(place, name) or b"", headers)
    first, size = int(match[1]), found.size
    if first >= size:
        raise Refused(416, "InvalidRange", {"Content-Range": f"bytes */{size}"})
    end = min(int(match[2]) + 1, size) if match[2] else size
    piece = backend.blobs.read(place, name, first, end) or b""
    headers.pop("Content-MD5", None)  # it is the whole blob's
    return Reply(206, piece, {**headers, "Content-Range": f"bytes {first}-{end - 1}/{size}"})


@guarded_route(BLOBS, "DELETE", "/{container}/{+name}")
def delete_blob(backend: Backend, request: Request, place: str) -> Reply:
    """Forget a blob."""
    name = request.args["name"]
    _existing(backend, request, place)
    backend.blobs.remove(place, name)
    with backend.work() as (records, _now):
        records.remove("blob", f"{place}/{name}")
    return Reply(202)


@guarded_route(BLOBS, "GET", "/{container}")
def list_blobs(backend: Backend, request: Request, place: str) -> Reply:
    """The names in a container that begin with a prefix, page by page; or the container itself."""
    if not place:
        raise Refused(404, "ContainerNotFound")
    query = request.query
    if query.get("comp") != "list":
        return Reply(200, b"", _container_headers(backend))
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    names = _folded(backend.blobs.names(place, prefix), prefix, delimiter)
    marker = query.get("marker") or ""
    rest = [name for name in names if name >= marker]
    asked = query.get("maxresults") or str(_PAGE)
    if not asked.isdigit() or not (most := int(asked)):
        raise Refused(400, "OutOfRangeQueryParameterValue")
    entries = "".join(
        _entry(backend, place, name)
        if names[name]
        else f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
        for name in rest[:most]
    )
    following = rest[most] if len(rest) > most else ""
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<EnumerationResults ServiceEndpoint="https://{request.host}/"'
        f' ContainerName="{request.args["container"]}">'
        f"<Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker><MaxResults>{most}</MaxResults>"
        f"<Blobs>{entries}</Blobs><NextMarker>{escape(following)}</NextMarker></EnumerationResults>"
    )
    return Reply(200, text.encode(), {"Content-Type": "application/xml"})


@guarded_route(BLOBS, "PUT", "/{container}")
def create_container(backend: Backend, request: Request, place: str) -> Reply:
    """A container is made, once."""
    if place:
        raise Refused(409, "ContainerAlreadyExists")
    with backend.work() as (records, _now):
        storage.put_container(records, storage.account_of(request.host), request.args["container"])
    return Reply(201, b"", _container_headers(backend))


@guarded_route(BLOBS, "HEAD", "/{container}")
def head_container(backend: Backend, _request: Request, place: str) -> Reply:
    """Whether a container is there."""
    if not place:
        raise Refused(404, "ContainerNotFound")
    return Reply(200, b"", _container_headers(backend))


class Refused(Exception):
    """An error as storage says it: XML, and its code in a header."""

    def __init__(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code>'
            f"<Message>{_WORDS[code]}</Message></Error>"
        )
        self.reply = Reply(
            status,
            b"" if status == _NOT_MODIFIED else text.encode(),
            {"x-ms-error-code": code, "Content-Type": "application/xml", **(headers or {})},
        )


_WORDS: Mapping[str, str] = {
    "AuthenticationFailed": "The server failed to authenticate the request.",
    "AuthorizationPermissionMismatch": (
        "This request is not authorized to perform this operation using this permission."
    ),
    "BlobAlreadyExists": "The specified blob already exists.",
    "BlobNotFound": "The specified blob does not exist.",
    "ConditionNotMet": "The condition specified using HTTP conditional header(s) is not met.",
    "ContainerAlreadyExists": "The specified container already exists.",
    "ContainerNotFound": "The specified container does not exist.",
    "InvalidAuthenticationInfo": (
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate"
        " header."
    ),
    "InvalidBlockList": "The specified block list is invalid.",
    "InvalidRange": "The range specified is invalid for the current size of the resource.",
    "FilesystemNotFound": "The specified filesystem does not exist.",
    "InvalidFlushPosition": "The uploaded data is not contiguous up to the position of the flush.",
    "Md5Mismatch": "The MD5 value specified in the request did not match the one of what arrived.",
    "MissingRequiredQueryParameter": "A query parameter that's mandatory for this request is not specified.",
    "OutOfRangeQueryParameterValue": "A query parameter is outside the permissible range.",
    "NoAuthenticationInformation": "Server failed to authenticate the request: no credential came with it.",
    "PathAlreadyExists": "The specified path already exists.",
    "PathNotFound": "The specified path does not exist.",
}


def stat(backend: Backend, request: Request, place: str) -> Stat | None:
    """What the blob that a request names is: a directory of a data lake is one too, without bytes."""
    found = backend.blobs.stat(place, request.args["name"])
    return found or (Stat(0, 0) if _notes(backend, request, place).get("directory") else None)


def _existing(backend: Backend, request: Request, place: str) -> Stat:
    """The blob that a request names. Raises Refused where it isn't there, or not as the request wants it."""
    found = stat(backend, request, place) if place else None
    if found is None:
        raise Refused(404, "BlobNotFound" if place else "ContainerNotFound")
    _check_conditions(request, found)
    return found


def _check_conditions(request: Request, found: Stat | None) -> None:
    """Raise Refused where a request's conditions are not met."""
    none_of, one_of = request.headers.get("if-none-match"), request.headers.get("if-match")
    tag = found and _tag(found)
    if found is not None and none_of in {"*", tag}:
        if request.method in {"GET", "HEAD"}:
            raise Refused(_NOT_MODIFIED, "ConditionNotMet")
        raise Refused(409, "BlobAlreadyExists") if none_of == "*" else Refused(412, "ConditionNotMet")
    if one_of is not None and one_of not in ({"*", tag} if found else set()):
        raise Refused(412, "ConditionNotMet")


def _folded(names: Iterable[str], prefix: str, delimiter: str | None) -> dict[str, bool]:
    """Names as a list shows them, in order; True for a blob, False for all that is behind a delimiter."""
    found: dict[str, bool] = {}
    for name in names:
        before, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        found.setdefault(prefix + before + cut if cut else name, not cut)
    return dict(sorted(found.items()))


def _entry(backend: Backend, place: str, name: str) -> str:
    found = backend.blobs.stat(place, name) or Stat(0, 0)
    with backend.work() as (records, _now):
        notes = records.get("blob", f"{place}/{name}") or {}
    said = _headers(backend, found, notes)
    md5 = f"<Content-MD5>{said['Content-MD5']}</Content-MD5>" if "Content-MD5" in said else ""
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in notes.get("metadata", {}).items())
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{said['Last-Modified']}</Last-Modified>"
        f"<Etag>{_tag(found)}</Etag><Content-Length>{found.size}</Content-Length>"
        f"<Content-Type>{escape(said['Content-Type'])}</Content-Type>{md5}<BlobType>BlockBlob</BlobType>"
        f"</Properties><Metadata>{metadata}</Metadata></Blob>"
    )


def _block(place: str, name: str, block_id: str) -> str:
    # An id may hold a slash; a file's name may not.
    return f"{place}/{name}/{base64.urlsafe_b64encode(block_id.encode()).decode()}"


def _notes(backend: Backend, request: Request, place: str) -> dict[str, Any]:
    """What is known of a blob besides its bytes."""
    with backend.work() as (records, _now):
        return records.get("blob", f"{place}/{request.args['name']}") or {}


def _note(
    backend: Backend, request: Request, place: str, found: Stat, *, before: Mapping[str, Any]
) -> dict[str, str]:
    """Write down what a request says of a blob; the headers of the reply to it."""
    headers = request.headers
    metadata = {key[len(_META) :]: value for key, value in headers.items() if key.startswith(_META)}
    kind = headers.get("x-ms-blob-content-type") or before.get("type") or "application/octet-stream"
    with backend.work() as (records, now):
        body = {
            "directory": bool(before.get("directory")),
            "md5": before.get("md5"),
            "type": kind,
            "metadata": metadata,
            "modified": now,
            "mark": found.mark,
        }
        records.put("blob", f"{place}/{request.args['name']}", body)
    said = _headers(backend, found, body)
    return {key: said[key] for key in ("ETag", "Last-Modified", "Content-MD5") if key in said}


def _headers(backend: Backend, found: Stat, notes: Mapping[str, Any]) -> dict[str, str]:
    at = notes.get("modified")
    date = email.utils.formatdate(backend.clock.now() if at is None else at, usegmt=True)
    headers = {
        "ETag": _tag(found),
        "Last-Modified": date,
        "x-ms-creation-time": date,
        "Content-Type": notes.get("type") or "application/octet-stream",
        "x-ms-blob-type": "BlockBlob",
        "Accept-Ranges": "bytes",
        **{f"{_META}{key}": value for key, value in notes.get("metadata", {}).items()},
        **({f"{_META}hdi_isfolder": "true"} if notes.get("directory") else {}),
    }
    if notes.get("md5") and notes.get("mark") == found.mark:  # a job may have written it anew
        headers["Content-MD5"] = notes["md5"]
    return headers


def _container_headers(backend: Backend) -> dict[str, str]:
    return {"ETag": '"0x1"', "Last-Modified": email.utils.formatdate(backend.clock.now(), usegmt=True)}


def _tag(found: Stat) -> str:
    return f'"0x{found.mark:X}-{found.size:X}"'


def _md5(data: bytes) -> str:
    # S324: the protocol's own checksum
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
