"""One workspace, held as one object with its sender, clock and kept look-ups: opened, and kept."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._account import account_of
from amlrun._clock import RealClock
from amlrun._cloud import PUBLIC, STORAGE_SCOPE, cloud_of
from amlrun._connect import LOCAL, Place, Scope, configured, named
from amlrun._credential import credential_of, name_of
from amlrun._errors import InvalidRequest, NotConfigured
from amlrun._federated import is_short, warning
from amlrun._pace import Pace
from amlrun._readings.lookups import Common, Lookups
from amlrun._readings.shelf import cache_folder
from amlrun._rest import Rest, Wire
from amlrun._sdk import make_client, storage_like, wire_of
from amlrun._shown import shown
from amlrun._tokens import Tokens
from amlrun._ways import JOB, OF_A_JOB, mark_of, way_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azure.ai.ml import MLClient

_log = logging.getLogger("amlrun")
_PROOF = "AZURE_FEDERATED_TOKEN_FILE"


class Workspace:
    """One workspace as one client reaches it, with its sender, clock and kept look-ups.

    `source` is where it is said that it is this one.
    """

    def __init__(
        self,
        scope: Scope,
        wire: Wire,
        *,
        source: str,
        client: MLClient | None = None,
        embedded: Any = None,
    ) -> None:
        self.scope, self.source = scope, source
        given = wire.credential
        ahead = (wire.cloud.learning_scope, STORAGE_SCOPE) if is_short(os.environ) else ()
        told = self._tell if embedded is None else None
        # The client of another workspace brings what that has fetched.
        tokens = given if isinstance(given, Tokens) else Tokens(given, ahead=ahead, told=told)
        self.rest = Rest(attrs.evolve(wire, credential=tokens))
        self.clock, self.service_clock = self.rest.clock, self.rest.service_clock
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
            source=source,
            studio=wire.cloud.studio,
        )
        self.pace = Pace(self.clock)
        # Weak, since this object is kept for as long as the user's client lives.
        self._theirs = None if client is None else weakref.ref(client)
        self._own: MLClient | None = None
        self._making = threading.Lock()
        self._told: set[str] = set()
        self.ends = ""
        """What is told of a sign-in that can't be renewed; "": nothing, or nobody has signed in yet."""
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

    def _tell(self, token: str, until: float) -> None:
        """Who works where, once: the account, never its token. And that it won't last, where it doesn't."""
        account = account_of(token)
        who = "an account that can't be told" if account is None else f"{account} of tenant {account.tenant}"
        _log.info("workspace %s (from %s), as %s, by %s", self.scope, self.source, who, self.rest.tokens.way)
        file, proof = os.environ.get(_PROOF), None
        if file:
            with contextlib.suppress(OSError, ValueError):
                proof = Path(file).read_text(encoding="utf-8")
        given_by = name_of(self.rest.tokens.credential)
        words = warning(os.environ, given_by, token, proof, until=until, now=time.time())
        if words:
            self.ends = words
            _log.warning("%s", words)

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
        with _building, storage_like(self.rest.wire), self.reaching_storage():
            yield

    def reaching_storage(self) -> contextlib.AbstractContextManager[Any]:
        """To be entered around whatever goes to storage: `local` answers for its own meanwhile."""
        return contextlib.nullcontext() if self._embedded is None else self._embedded.installed()

    @property
    def folder(self) -> Path | None:
        """Where `local` keeps itself; None of a workspace that is elsewhere."""
        return None if self._embedded is None else Path(self._embedded.folder)

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
    real = isinstance(rest.clock, RealClock)
    key = scope.path.lower(), wire.base_url.rstrip("/").lower(), real, os.getpid()
    return known.setdefault(key, Common(rest.clock))


_lock, _building = threading.Lock(), threading.RLock()
_of_client: weakref.WeakKeyDictionary[Any, Workspace] = weakref.WeakKeyDictionary()
_of_place: dict[object, Workspace] = {}


def _begin_anew() -> None:
    """In a process that was forked: what threads of the other one had begun there, nobody ends here.

    Nor may both use one connection.
    """
    global _lock, _building
    _lock, _building = threading.Lock(), threading.RLock()
    _known.clear()
    _of_client.clear()
    _of_place.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which forks nothing
    os.register_at_fork(after_in_child=_begin_anew)


def workspace_of(client: MLClient | None) -> Workspace:
    """The workspace of this client, or the one that the configuration names. Kept for the process."""
    with _lock:
        if client is None:
            return _open(configured())
        if isinstance(client, str) or not hasattr(client, "workspace_name"):
            hint = "amlrun.connect(…) gives one."
            raise InvalidRequest(f"client={shown(client)} is no MLClient", argument="client", hint=hint)
        if client not in _of_client:
            names = (client.subscription_id, client.resource_group_name, client.workspace_name)
            if not all(names):
                hint = "MLClient(credential, subscription_id, resource_group_name, workspace_name)"
                raise NotConfigured("This MLClient has no workspace", hint=hint)
            scope = Scope(*(str(name) for name in names))
            _of_client[client] = Workspace(scope, wire_of(client), source="the client", client=client)
        return _of_client[client]


def connect(workspace: str | None = None) -> MLClient:
    """The `MLClient` that everything uses by default.

    `workspace` is `"subscription/resource-group/workspace"`, its ARM id, the address of any of its pages in
    the studio, or `"local"`; with nothing, the first of: `AMLRUN_WORKSPACE`; the variables that Azure ML sets
    inside a job; `workspace` in `amlrun.toml`, here or above; `config.json` here or above, `.azureml/` too;
    `AZURE_SUBSCRIPTION_ID`, `AZURE_RESOURCE_GROUP` and `AZURE_ML_WORKSPACE`.

    Nothing is sent yet. The credential is the shortest chain that the environment allows (docs/connect.md);
    the cloud is the one of `AZURE_CLOUD`, `AZURE_AUTHORITY_HOST` or `AZUREML_CURRENT_CLOUD`. azure-ai-ml
    sends no telemetry, unless `AMLRUN_TELEMETRY=1` asks for it.

    Raises `NotConfigured`.
    """
    with _lock:
        found = _open(configured() if workspace is None else named(workspace, "connect()"))
    client = found.client()  # azure-ai-ml takes over a second to import: nobody else waits for that
    with _lock:
        _of_client[client] = found
    return client


def _open(place: Place) -> Workspace:
    key: object = (LOCAL, os.environ.get("AMLRUN_LOCAL_HOME"))
    if place.scope is not None:  # who signs in by other variables than before means another account
        key = (place.scope, cloud_of(os.environ), mark_of(os.environ))
    if key not in _of_place:
        opened = _open_local(place.source) if place.scope is None else _open_real(place.scope, place.source)
        _log.debug("workspace %s (from %s)", place.scope or LOCAL, place.source)
        _of_place[key] = opened
    return _of_place[key]


def _open_real(scope: Scope, source: str) -> Workspace:
    cloud = cloud_of(os.environ)
    management = (f"{cloud.management}/.default",)
    wire = Wire(credential_of(os.environ, cloud), cloud.management, management, cloud=cloud)
    return Workspace(scope, wire, source=source)


def _open_local(source: str) -> Workspace:
    from amlrun.testing import local  # noqa: PLC0415  only who asks for it pays for it

    fake = local()
    scope = Scope(fake.scope.subscription_id, fake.scope.resource_group, fake.scope.workspace)
    # In one of its jobs that has an identity, it is that which asks; not in one of Azure's.
    own = way_in(os.environ) in OF_A_JOB and _has(fake, os.environ.get(JOB, ""))
    credential = credential_of(os.environ, PUBLIC) if own else fake.credential
    wire = Wire(credential, transport=fake.transport())
    return Workspace(scope, wire, source=source, embedded=fake)


def _has(fake: Any, job: str) -> bool:
    with contextlib.suppress(LookupError):
        return fake.job(job) is not None
    return False
