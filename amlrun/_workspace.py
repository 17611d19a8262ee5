"""Which workspace: found in a fixed order, and held as one object with its sender, clock and kept look-ups.

Knows where configuration stands; asks the service nothing by itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.teamfile import FILE, read_team
from amlrun._clock import RealClock
from amlrun._errors import InvalidRequest, NotConfigured
from amlrun._pace import Pace
from amlrun._readings.lookups import Common, Lookups
from amlrun._readings.shelf import cache_folder
from amlrun._rest import Rest, Wire
from amlrun._sdk import make_client, wire_of
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azure.ai.ml import MLClient

LOCAL = "local"
_log = logging.getLogger("amlrun")
_VARIABLE = "AMLRUN_WORKSPACE"
# Assumed: on a compute instance they have the same names as in a job.
_IN_JOB = ("AZUREML_ARM_SUBSCRIPTION", "AZUREML_ARM_RESOURCEGROUP", "AZUREML_ARM_WORKSPACE_NAME")
_OWN = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_ML_WORKSPACE")
_CONFIG_KEYS = ("subscription_id", "resource_group", "workspace_name")
_CONFIG_FILES = ("config.json", ".azureml/config.json")


@attrs.frozen
class Scope:
    """The three names of a workspace."""

    subscription_id: str
    resource_group: str
    workspace: str

    @property
    def subscription_path(self) -> str:
        """The path of look-ups that are the subscription's: usages, sizes."""
        return f"/subscriptions/{self.subscription_id}"

    @property
    def path(self) -> str:
        """The workspace's ARM id."""
        provider = "providers/Microsoft.MachineLearningServices/workspaces"
        return f"{self.subscription_path}/resourceGroups/{self.resource_group}/{provider}/{self.workspace}"

    def __str__(self) -> str:
        return f"{self.subscription_id}/{self.resource_group}/{self.workspace}"


class Workspace:
    """One workspace as one client reaches it, with its sender, clock and kept look-ups."""

    def __init__(
        self, scope: Scope, wire: Wire, *, client: MLClient | None = None, embedded: Any = None
    ) -> None:
        self.scope = scope
        self.rest = Rest(wire)
        self.clock = self.rest.clock
        # What a fake says is no other process's business, nor is its time.
        self.cache = cache_folder(os.environ, sys.platform, usual=isinstance(self.clock, RealClock))
        self.lookups = Lookups(
            self.rest.bounded(),
            scope.subscription_path,
            scope.path,
            self.clock,
            self.cache,
            hurried=self.rest.hurried,
            common=_common(scope, self.rest),
        )
        self.pace = Pace(self.clock)
        # Weak, since this object is kept for as long as the user's client lives.
        self._theirs = None if client is None else weakref.ref(client)
        self._own: MLClient | None = None
        self._making = threading.Lock()
        self._told: set[str] = set()
        self._embedded = embedded

    def client(self) -> MLClient:
        """The `MLClient`; made at the first use, since its import takes over a second."""
        theirs = None if self._theirs is None else self._theirs()
        if theirs is not None:
            return theirs
        with self._making:
            if self._own is None:
                scope, wire = self.scope, self.rest.wire
                self._own = make_client(wire, scope.subscription_id, scope.resource_group, scope.workspace)
            return self._own

    def untold(self, warnings: Iterable[str]) -> list[str]:
        """Those that nobody was told of this workspace's jobs, and is told now: a batch says much alike."""
        new = [words for words in warnings if words not in self._told]
        self._told.update(new)
        return new

    @contextlib.contextmanager
    def uploading(self) -> Iterator[None]:
        """To be entered around whatever builds and uploads: one thread of this process at a time.

        azure-ai-ml looks whether a folder is there, and uploads it where it isn't: threads that did so at
        once would all upload the same one. It makes clients of its own for blobs.
        """
        with _building, self.reaching_storage():
            yield

    def reaching_storage(self) -> contextlib.AbstractContextManager[Any]:
        """To be entered around whatever goes to storage: `local` answers for its own meanwhile."""
        return contextlib.nullcontext() if self._embedded is None else self._embedded.installed()

    def __repr__(self) -> str:
        return f"Workspace({self.scope})"


_known: dict[object, Common] = {}


def _common(scope: Scope, rest: Rest) -> Common:
    """What this process knows of a workspace, by whichever clients: kept as long as it, or a fake, lives."""
    wire = rest.wire
    # Which fake answers can be asked only where somebody has made one.
    patcher = sys.modules.get("amlrun.testing._wire.patcher")
    own = getattr(wire.transport, "backend", None)
    fake = patcher.fake_of(f"{wire.base_url}{scope.path}", own) if patcher else None
    known = _known if fake is None else fake.known
    key = scope.path.lower(), wire.base_url.rstrip("/").lower(), isinstance(rest.clock, RealClock)
    return known.setdefault(key, Common(rest.clock))


_lock, _building = threading.Lock(), threading.RLock()
_of_client: weakref.WeakKeyDictionary[Any, Workspace] = weakref.WeakKeyDictionary()
_of_place: dict[object, Workspace] = {}


def workspace_of(client: MLClient | None) -> Workspace:
    """The workspace of this client, or the one that the configuration names. Kept for the process."""
    with _lock:
        if client is None:
            return _configured()
        if isinstance(client, str) or not hasattr(client, "workspace_name"):
            hint = "amlrun.connect(…) gives one."
            raise InvalidRequest(f"client={shown(client)} is no MLClient", argument="client", hint=hint)
        if client not in _of_client:
            names = (client.subscription_id, client.resource_group_name, client.workspace_name)
            if not all(names):
                hint = "MLClient(credential, subscription_id, resource_group_name, workspace_name)"
                raise NotConfigured("This MLClient has no workspace", hint=hint)
            scope = Scope(*(str(name) for name in names))
            _of_client[client] = Workspace(scope, wire_of(client), client=client)
        return _of_client[client]


def connect(workspace: str | None = None) -> MLClient:
    """The `MLClient` that everything uses by default.

    `workspace` is `"subscription/resource-group/workspace"` or `"local"`; with nothing, the first of:
    `AMLRUN_WORKSPACE`; the variables that Azure ML sets inside a job; `workspace` in `amlrun.toml`, here or
    above; `config.json` here or above, `.azureml/` too; `AZURE_SUBSCRIPTION_ID`, `AZURE_RESOURCE_GROUP` and
    `AZURE_ML_WORKSPACE`.

    Raises `NotConfigured`.
    """
    with _lock:
        found = _configured() if workspace is None else _open(_parse(workspace, "connect()"), "connect()")
        client = found.client()
        _of_client[client] = found
        return client


def _configured() -> Workspace:
    for scope, where in _places():
        return _open(scope, where)
    looked_at = (
        _VARIABLE,
        "+".join(_IN_JOB),
        f"workspace in {read_team().path or FILE + ' here and above'}",
        f"{' and '.join(_CONFIG_FILES)} in {Path.cwd()} and above",
        "+".join(_OWN),
    )
    message = "No workspace is configured. Looked at: " + "; ".join(looked_at) + "."
    hint = (
        f"Set {_VARIABLE}=<subscription>/<resource group>/<workspace>, "
        f"or {_VARIABLE}={LOCAL} to run jobs on this machine, offline."
    )
    raise NotConfigured(message, hint=hint, looked_at=looked_at)


def _places() -> Iterator[tuple[Scope | str, str]]:
    """Where a workspace is named, in order. A config.json that is half filled in is an error, not a miss."""
    if os.environ.get(_VARIABLE):
        yield _parse(os.environ[_VARIABLE], _VARIABLE), _VARIABLE
    if all(os.environ.get(name) for name in _IN_JOB):
        yield Scope(*(os.environ[name] for name in _IN_JOB)), "the job's own variables"
    team = read_team()
    if team.workspace is not None:
        yield _parse(team.workspace, team.where["workspace"]), team.where["workspace"]
    for folder in (Path.cwd(), *Path.cwd().parents):
        for name in _CONFIG_FILES:
            scope = _config(folder / name)
            if scope is not None:
                yield scope, str(folder / name)
    named = [name for name in _OWN if os.environ.get(name)]
    if named == list(_OWN):
        yield Scope(*(os.environ[name] for name in _OWN)), "+".join(_OWN)


def _parse(text: str, where: str) -> Scope | str:
    if text.strip().lower() == LOCAL:
        return LOCAL
    parts = text.strip().strip("/").split("/")
    if len(parts) != len(_CONFIG_KEYS) or not all(parts):
        hint = f'"<subscription>/<resource group>/<workspace>", or "{LOCAL}".'
        raise NotConfigured(f"{where}: {text!r} is not a workspace", hint=hint, looked_at=(where,))
    return Scope(*parts)


def _config(path: Path) -> Scope | None:
    """A config.json as the studio offers it; None where there is none, or it is some other tool's."""
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{path}: can't be read as JSON ({error})", looked_at=(str(path),)) from error
    given = {key: data.get(key) for key in _CONFIG_KEYS} if isinstance(data, dict) else {}
    missing = [key for key in _CONFIG_KEYS if not given.get(key)]
    if len(missing) == len(_CONFIG_KEYS):
        return None
    if missing:
        hint = "Download it again from the studio, or fill it in."
        raise NotConfigured(f"{path}: {', '.join(missing)} missing", hint=hint, looked_at=(str(path),))
    return Scope(*(str(given[key]) for key in _CONFIG_KEYS))


def _open(place: Scope | str, where: str) -> Workspace:
    key: object = (place, os.environ.get("AMLRUN_LOCAL_HOME")) if place == LOCAL else place
    if key not in _of_place:
        opened = _open_local() if not isinstance(place, Scope) else _open_real(place)
        _log.info("workspace %s (from %s)", place, where)
        _of_place[key] = opened
    return _of_place[key]


def _open_real(scope: Scope) -> Workspace:
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415  it takes 0.2 s to import

    return Workspace(scope, Wire(DefaultAzureCredential()))


def _open_local() -> Workspace:
    from amlrun.testing import local  # noqa: PLC0415  only who asks for it pays for it

    fake = local()
    scope = Scope(fake.scope.subscription_id, fake.scope.resource_group, fake.scope.workspace)
    return Workspace(scope, Wire(fake.credential, transport=fake.transport()), embedded=fake)
