"""Files of a datastore, brought to this machine: each whole or not at all, and never a quiet empty folder.

Not `MLClient.jobs.download`: azure-ai-ml 1.35 doesn't find folders that were given a place of their own, 1.34
and later fail on models, all versions leave an empty folder without a word, bring what only begins with the
same name along, and hold each file in memory.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from amlrun._denied import NO_KEYS, WITHOUT_KEYS, Lacking, is_of_network
from amlrun._error_replies import odd_reply, scope_of, unreachable
from amlrun._errors import AmlrunError, InvalidRequest, NotAuthorized, OutputNotFound, ServiceError
from amlrun._outputs import DEFAULT, OWN, Place
from amlrun._readings.json_values import object_in, text_in
from amlrun._rights import BLOBS
from amlrun._sdk.storage import PATIENCE
from amlrun._signing_in import gives_tokens, not_signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.exceptions import AzureError

    from amlrun._attempts import Attempt
    from amlrun._workspace import Workspace

_CONTAINERS = {"AzureBlob": "containerName", "AzureDataLakeGen2": "filesystem"}
_log = logging.getLogger("amlrun")


def download(workspace: Workspace, attempt: Attempt, name: str | None, to: Path) -> tuple[Path, ...]:
    """The files of an attempt's output, or its own `outputs/`, below `to`. Raises what `files_at` raises."""
    outputs = attempt.outputs
    names = tuple(sorted(outputs.keys() - {DEFAULT}))
    others = f"Its named outputs: {', '.join(names)}." if names else "It has no named outputs."
    if name is not None and name not in outputs:
        message = f"{attempt.name} has no output {name}"
        raise OutputNotFound(message, hint=others, name=name, names=names)
    uri = f"{outputs[DEFAULT].rstrip('/')}/{OWN}" if name is None else outputs[name]
    came = files_at(workspace, uri, to)
    if came:
        return came
    what = "its folder outputs/" if name is None else f"output {name}"
    message = f"Nothing is in {what} of {attempt.name}, which is {attempt.status}"
    raise OutputNotFound(message, hint=f"Looked at {uri}. {others}", name=name or "", uri=uri, names=names)


def files_at(workspace: Workspace, uri: str, to: Path) -> tuple[Path, ...]:
    """All files at a URI, below `to`; those that are there already, of that size and time, are left alone.

    A file keeps its place below the URI; a URI that is one file gives that file. Raises `NotAuthorized`,
    `ServiceError` with how many files have come, and OSError for what this machine can't write.
    """
    place = Place.of(uri)
    if place is None:
        hint = "Only what is in a datastore of the workspace can be brought: azcopy can bring it."
        raise InvalidRequest(f"{uri} is in no datastore", argument="name", hint=hint)
    there = next((one for one in (to, *to.parents) if one.exists()), to)
    if there.exists() and not there.is_dir():
        below = "" if there is to else f": {str(there)!r} is a file"
        raise InvalidRequest(f"to={str(to)!r} is no folder{below}", argument="to")
    came: list[Path] = []
    with workspace.reaching_storage(), _translated(workspace, uri, came):
        container = _container(workspace, place.datastore)
        for blob in _files(container, place.path):
            target = to.joinpath(*_below(place.path, blob.name))
            _bring(container, blob, target)
            came.append(target)
    _log.info("%d files of %s are in %s", len(came), uri, to)
    return tuple(came)


def _container(workspace: Workspace, datastore: str) -> Any:
    """The client of the datastore's container, with its own secret, else with the signed-in account."""
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential  # noqa: PLC0415  with the next
    from azure.storage.blob import ContainerClient  # noqa: PLC0415  who downloads pays for it

    path = f"{workspace.scope.path}/datastores/{datastore}"
    properties = object_in(workspace.rest.get(path).get("properties"))
    kind, account = text_in(properties.get("datastoreType")), text_in(properties.get("accountName"))
    if not kind or (kind in _CONTAINERS and not properties.get(_CONTAINERS[kind])):
        what = f"GET /datastores/{datastore}: a reply that is no datastore"
        raise odd_reply(what)
    if kind not in _CONTAINERS:
        hint = "Blob containers and data lakes can be read."
        raise InvalidRequest(f"Datastore {datastore} is of type {kind}", argument="name", hint=hint)
    wire = workspace.rest.wire
    credential: Any = wire.credential
    if object_in(properties.get("credentials")).get("credentialsType") in {"AccountKey", "Sas"}:
        with contextlib.suppress(NotAuthorized):  # who may not have the secret may still have a role
            secret = object_in(workspace.rest.send("POST", f"{path}/listSecrets", body={}).body)
            if secret.get("key"):
                credential = AzureNamedKeyCredential(account, secret["key"])
            elif secret.get("sasToken"):
                credential = AzureSasCredential(secret["sasToken"])
    host = f"{account}.blob.{properties.get('endpoint') or wire.cloud.storage}"
    extra: dict[str, Any] = {} if wire.transport is None else {"transport": wire.transport}
    return ContainerClient(
        f"{properties.get('protocol') or 'https'}://{host}",
        str(properties[_CONTAINERS[kind]]),
        credential=credential,
        **{**PATIENCE, **wire.connection},
        **extra,
    )


def _files(container: Any, path: str) -> Iterator[Any]:
    """The blobs at a path and below it, not those whose names only begin so; a lake's folders are none."""
    listed = iter(container.list_blobs(name_starts_with=path, include=["metadata"]))
    while (blob := _next(listed, path)) is not None:
        inside = blob.name == path or blob.name.startswith(f"{path}/")
        if inside and (blob.metadata or {}).get("hdi_isfolder") != "true":
            yield blob


def _next(listed: Iterator[Any], path: str) -> Any:
    """The next blob of a list; None: that was all."""
    try:
        return next(listed, None)
    except (AttributeError, ValueError) as error:  # azure-storage-blob, of what is no list
        raise odd_reply(f"{path}: a reply that is no list of files") from error


def _below(path: str, name: str) -> tuple[str, ...]:
    """The parts of a blob's name below a path; its own name, where it is the path."""
    inside = PurePosixPath(name[len(path) :].lstrip("/") or name.rpartition("/")[2])
    outside = ("\\", ":") if os.name == "nt" else ()
    if ".." in inside.parts or inside.is_absolute() or any(mark in str(inside) for mark in outside):
        raise ServiceError(f"The file {name} has a name that leads out of its folder")
    return inside.parts


def _bring(container: Any, blob: Any, target: Path) -> None:
    """One file: whoever looks meanwhile finds none, the old one, or the new one, whole."""
    at = blob.last_modified.timestamp()
    if target.is_file() and (target.stat().st_size, target.stat().st_mtime) == (blob.size, at):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            container.download_blob(blob.name).readinto(file)
        os.utime(part, (at, at))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


_HOST = re.compile(r"host='([^']+)'")


def _asked(error: AzureError) -> str:
    """The URL whose reply an error is; "": it is none."""
    request = getattr(getattr(error, "response", None), "request", None)
    return str(getattr(request, "url", "") or "")


def _own_words(error: AzureError) -> str:
    """Of who gives no token: the storage's client takes the reply for the storage's, and loses its words."""
    try:
        said = json.loads(getattr(error, "response").text())["error_description"]  # noqa: B009 - not of all
    except (AttributeError, TypeError, ValueError, KeyError):
        said = error.message
    return str(said)


def _object_id(workspace: Workspace) -> str:
    """Of who asks, where that can be told."""
    with contextlib.suppress(AmlrunError):
        account = workspace.rest.account()
        return account.object_id if account else ""
    return ""


@contextlib.contextmanager
def _translated(workspace: Workspace, uri: str, came: list[Path]) -> Iterator[None]:
    from azure.core.exceptions import (  # noqa: PLC0415  who downloads pays for it
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
    )

    try:
        yield
    except AzureError as error:
        url = _asked(error)
        if isinstance(error, ClientAuthenticationError) and (not url or gives_tokens(url)):
            raise not_signed_in(_own_words(error)) from error
        status = error.status_code or 0 if isinstance(error, HttpResponseError) else 0
        code = getattr(error, "error_code", "") or ""
        code = str(getattr(code, "value", code))  # an enum, where the storage's client knows it
        first = (error.message or type(error).__name__).strip().splitlines()[0]
        what = f"{uri}: {f'{status} {code}' if status else 'no answer'}: {first}"
        if is_of_network(status, code, first) or not (status or came):
            host = urlsplit(url).netloc or next(iter(_HOST.findall(first)), "")
            whose = "" if host else "The storage"
            raise unreachable(host, what, status=status, service_code=code, whose=whose) from error
        if code == NO_KEYS:
            raise NotAuthorized(what, hint=WITHOUT_KEYS, scope=uri, service_code=code) from error
        if status in (401, 403):
            lack = Lacking(f"{BLOBS}/read", scope_of(url) if url else uri, _object_id(workspace))
            raise NotAuthorized(
                what,
                hint=f"{lack.way_out}\nThe storage must let this network in, too.",
                action=lack.action,
                role=lack.role,
                scope=lack.scope,
                service_code=code,
            ) from error
        hint = f"{len(came)} files have come; the same call brings the others."
        raise ServiceError(what, hint=hint, status=status, service_code=code) from error
