"""How the SDK comes to storage: with clients of its own making, which know nothing of the user's."""

from __future__ import annotations

import contextlib
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from amlrun._cloud import SDK_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._rest import Wire

PATIENCE: Mapping[str, int] = {"retry_connect": 1}
"""Settings of storage's clients: a host that takes no connection is tried twice, as by `_rest`, and no more.

It is that of a network that isn't let in, as a rule.
"""
_given: ContextVar[Mapping[str, Any]] = ContextVar("_given")


@contextlib.contextmanager
def storage_like(wire: Wire) -> Iterator[None]:
    """To be entered around uploads, by one thread at a time: they go the way of this wire.

    Of a client's proxies and authorities the SDK's clients for storage know nothing (all versions), and the
    cloud is the one of whichever client was made last: it stands in a variable of the process.
    """
    before = os.environ.get(SDK_VARIABLE)
    if before is not None:
        os.environ[SDK_VARIABLE] = wire.cloud.name
    try:
        with _connected({**PATIENCE, **wire.connection}):
            yield
    finally:
        if before is not None:
            os.environ[SDK_VARIABLE] = before


@contextlib.contextmanager
def _connected(connection: Mapping[str, Any]) -> Iterator[None]:
    """The SDK's names for classes of storage stand for ours meanwhile, which do the same in other threads."""
    from azure.ai.ml._artifacts import _blob_storage_helper, _gen2_storage_helper

    blobs: Any = _blob_storage_helper
    lakes: Any = _gen2_storage_helper
    names = [(blobs, "BlobServiceClient"), (blobs, "ContainerClient"), (lakes, "DataLakeServiceClient")]
    theirs = [getattr(module, name) for module, name in names]
    mark = _given.set(connection)
    for (module, name), kind in zip(names, theirs, strict=True):
        setattr(module, name, _with_settings(kind))
    try:
        yield
    finally:
        for (module, name), kind in zip(names, theirs, strict=True):
            setattr(module, name, kind)
        _given.reset(mark)


def _with_settings(kind: Any) -> Any:
    """A class of clients that have the connection's settings, unless they are given their own."""

    def begin(self: Any, *args: Any, **options: Any) -> None:
        kind.__init__(self, *args, **{**_given.get({}), **options})

    return type(kind.__name__, (kind,), {"__init__": begin})
