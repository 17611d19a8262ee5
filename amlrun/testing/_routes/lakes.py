"""Routes of storage accounts as data lakes: as much of them as the SDK's uploads and downloads use.

What is in a container is the same as by the routes of blobs; directories are notes of their names.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from amlrun.testing._api.exchange import Reply, Request
from amlrun.testing._assets.blobs import Stat
from amlrun.testing._routes.blobs import UNCOMMITTED, Refused, guarded_route, stat
from amlrun.testing._routes.table import Routes

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

LAKES = Routes("data lakes")


@guarded_route(LAKES, "PUT", "/{container}/{+name}")
def create_path(backend: Backend, request: Request, place: str) -> Reply:
    """A directory, or a file with nothing in it yet; with the directories above it."""
    _check_there(place)
    name = request.args["name"].rstrip("/")
    if request.headers.get("if-none-match") == "*" and stat(backend, request, place):
        raise Refused(409, "PathAlreadyExists")
    *above, last = name.split("/")
    if request.query.get("resource") == "directory":
        above.append(last)
    else:
        backend.blobs.write(place, name, b"")
    with backend.work() as (records, now):
        for depth in range(1, len(above) + 1):
            key = f"{place}/{'/'.join(above[:depth])}"
            before = records.get("blob", key) or {"metadata": {}, "modified": now}
            records.put("blob", key, {**before, "directory": True})
    return Reply(201, b"", _headers(backend, request, place))


@guarded_route(LAKES, "PATCH", "/{container}/{+name}")
def write_path(backend: Backend, request: Request, place: str) -> Reply:
    """Bytes at a position of a file; `flush` puts them together, if they reach the position that it names."""
    _check_there(place)
    name, position = request.args["name"], int(request.query.get("position") or 0)
    if stat(backend, request, place) is None:
        raise Refused(404, "PathNotFound")
    pending = f"{place}/{name}/"
    if request.query.get("action") == "append":
        backend.blobs.write(UNCOMMITTED, f"{pending}{position:020}", request.body)
        if request.query.get("flush") != "true":
            return Reply(202)
        position += len(request.body)
    data = backend.blobs.read(place, name) or b""
    for piece in backend.blobs.names(UNCOMMITTED, pending):
        if int(piece.rpartition("/")[2]) == len(data):
            data += backend.blobs.read(UNCOMMITTED, piece) or b""
        backend.blobs.remove(UNCOMMITTED, piece)
    if position != len(data):
        raise Refused(400, "InvalidFlushPosition")
    backend.blobs.write(place, name, data)
    return Reply(200, b"", _headers(backend, request, place))


@guarded_route(LAKES, "GET", "/{container}")
def list_paths(backend: Backend, request: Request, place: str) -> Reply:
    """The files below a directory, all in one page."""
    _check_there(place)
    inside = (request.query.get("directory") or "").strip("/")
    names = backend.blobs.names(place, f"{inside}/" if inside else "")
    paths = [
        {"name": name, "contentLength": str((backend.blobs.stat(place, name) or Stat(0, 0)).size)}
        for name in names
    ]
    return Reply(200, json.dumps({"paths": paths}).encode(), {"Content-Type": "application/json"})


def _check_there(place: str) -> None:
    if not place:
        raise Refused(404, "FilesystemNotFound")


def _headers(backend: Backend, request: Request, place: str) -> dict[str, str]:
    found = stat(backend, request, place) or Stat(0, 0)
    return {"ETag": f'"0x{found.mark:X}-{found.size:X}"'}
