"""The bytes of the workspace's storage account: in memory, or as plain files in the workspace's folder.

Kept as files, a datastore's container is the folder `datastores/<datastore>`, so that what a job writes there
and what the SDK reads over the wire are one thing; other containers are under `blobs/`. A container goes by
its name in the workspace's own account, or by where it is: `datastores/<datastore>`.
"""

from __future__ import annotations

import base64
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs

from amlrun.testing._api.exchange import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOB_STORE = "workspaceblobstore"
ARTIFACT_STORE = "workspaceartifactstore"
CONTAINERS: Mapping[str, str] = {
    "azureml-blobstore-00000000-0000-0000-0000-000000000004": BLOB_STORE,
    "azureml": ARTIFACT_STORE,
}
"""The containers of the workspace's own datastores."""
ARTIFACTS = "azureml"
"""The container of what jobs leave behind."""
LOG = "user_logs/std_log.txt"
"""A job's log, among its own files."""
ACCOUNT_KEY = base64.b64encode(b"this key opens nothing" + bytes(42)).decode()
SAS = "sv=2024-11-04&sr=c&sp=rwl&se=2099-01-01T00%3A00%3A00Z&sig=fake"


def artifact_prefix(name: str) -> str:
    """Where in that container a job's own files are."""
    return f"ExperimentRun/dcid.{name}/"


@attrs.frozen
class Stat:
    """A blob's size in bytes, and a mark that every write changes."""

    size: int
    mark: int


class Blobs(Protocol):
    """Bytes by container and name."""

    def read(self, container: str, name: str, first: int = 0, end: int | None = None) -> bytes | None:
        """A blob's bytes from `first` to before `end`, or None."""

    def stat(self, container: str, name: str) -> Stat | None:
        """What a blob is, without reading it, or None."""

    def write(self, container: str, name: str, data: bytes) -> None:
        """Write a blob whole."""

    def remove(self, container: str, name: str) -> None:
        """Forget a blob; one that isn't there is no error."""

    def names(self, container: str, prefix: str = "") -> list[str]:
        """The names that begin with a prefix, sorted."""


class MemoryBlobs:
    """Bytes in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._containers: dict[str, dict[str, tuple[bytes, int]]] = {}
        self._writes = 0

    def read(self, container: str, name: str, first: int = 0, end: int | None = None) -> bytes | None:
        """A blob's bytes, or None."""
        with self._lock:
            found = self._containers.get(container, {}).get(name)
        return None if found is None else found[0][first:end]

    def stat(self, container: str, name: str) -> Stat | None:
        """What a blob is, or None."""
        with self._lock:
            found = self._containers.get(container, {}).get(name)
        return None if found is None else Stat(len(found[0]), found[1])

    def write(self, container: str, name: str, data: bytes) -> None:
        """Write a blob whole."""
        with self._lock:
            self._writes += 1
            self._containers.setdefault(container, {})[name] = (data, self._writes)

    def remove(self, container: str, name: str) -> None:
        """Forget a blob."""
        with self._lock:
            self._containers.get(container, {}).pop(name, None)

    def names(self, container: str, prefix: str = "") -> list[str]:
        """The names that begin with a prefix, sorted."""
        with self._lock:
            return sorted(name for name in self._containers.get(container, {}) if name.startswith(prefix))


class FolderBlobs:
    """Bytes as files."""

    def __init__(self, folder: Path, datastores: Mapping[str, str]) -> None:
        self.folder = folder
        self._datastores = datastores

    def path(self, container: str, name: str = "") -> Path:
        """Where a blob is a file. Raises Refusal (400) for a name that leads out of its container."""
        if datastore := self._datastores.get(container):
            container = f"datastores/{datastore}"
        inside = container if container.startswith("datastores/") else f"blobs/{container}"
        parts = Path(name).parts
        if ".." in {*parts, *Path(inside).parts} or Path(name).is_absolute() or container == ".":
            raise Refusal(400, "The blob's name leads out of its container.", "InvalidUri")
        return self.folder.joinpath(inside, *parts)

    def read(self, container: str, name: str, first: int = 0, end: int | None = None) -> bytes | None:
        """A blob's bytes, or None."""
        path = self.path(container, name)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            file.seek(first)
            return file.read(-1 if end is None else max(end - first, 0))

    def stat(self, container: str, name: str) -> Stat | None:
        """What a blob is, or None."""
        path = self.path(container, name)
        if not path.is_file():
            return None
        found = path.stat()
        return Stat(found.st_size, found.st_mtime_ns)

    def write(self, container: str, name: str, data: bytes) -> None:
        """Write a blob whole: whoever reads it meanwhile sees the old one or the new one.

        Raises Refusal (409) for a name below another blob, or above one: a file is no folder too.
        """
        path = self.path(container, name)
        with suppress(FileExistsError, NotADirectoryError):
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() or not path.parent.is_dir():
            message = (
                f"Kept in a folder, {name} can't be beside a blob whose name is a part of it, or it of that."
            )
            raise Refusal(409, message, "UserError", "Conflict", "PathConflict")
        part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        part.write_bytes(data)
        part.replace(path)

    def remove(self, container: str, name: str) -> None:
        """Forget a blob."""
        self.path(container, name).unlink(missing_ok=True)

    def names(self, container: str, prefix: str = "") -> list[str]:
        """The names that begin with a prefix, sorted."""
        root = self.path(container)
        start = self.path(container, prefix.rpartition("/")[0])
        found = (path.relative_to(root).as_posix() for path in start.rglob("*") if path.is_file())
        return sorted(name for name in found if name.startswith(prefix))
