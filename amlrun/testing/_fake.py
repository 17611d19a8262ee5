"""The fake Azure ML, as a user holds it in hand."""

from __future__ import annotations

import datetime as dt
import itertools
import sys
import threading
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._catalogue import LOCATION
from amlrun.testing._api.exchange import Scope
from amlrun.testing._assets.blobs import CONTAINERS, FolderBlobs, MemoryBlobs
from amlrun.testing._controls.assets import AssetControls
from amlrun.testing._controls.jobs import JobControls
from amlrun.testing._controls.rights import RightsControls
from amlrun.testing._controls.signing_in import SigningInControls
from amlrun.testing._controls.supply import SupplyControls
from amlrun.testing._controls.wire import WireControls
from amlrun.testing._jobs.carrier import VirtualCarrier
from amlrun.testing._jobs.engine import Engine
from amlrun.testing._state.store import Store
from amlrun.testing._supply.places import Places
from amlrun.testing._supply.usages import default_ledger
from amlrun.testing._wire import waits
from amlrun.testing._wire.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.ai.ml import MLClient
    from typing_extensions import Self

    from amlrun._clock import Clock
    from amlrun.testing._state.store import Records
    from amlrun.testing._wire.credential import FakeCredential
    from amlrun.testing._wire.transport import FakeTransport

_numbers = itertools.count(1)
_OF_TRANSPORT = ("connection_timeout", "read_timeout")


class FakeAml(AssetControls, JobControls, SupplyControls, RightsControls, SigningInControls, WireControls):
    """One workspace that isn't there, for the real `MLClient` to work against.

    In memory, or in `folder`, where a second process sees the same workspace. Time is virtual: it passes by
    `advance()` and by whoever sleeps on `clock`, and jobs pretend to run.

    Raises NotConfigured for a folder that holds something else, another version's state, or a damaged one.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace: str | None = None,
        location: str | None = None,
    ) -> None:
        wanted = {
            "subscription_id": subscription_id,
            "resource_group": resource_group,
            "workspace": workspace,
            "location": location,
        }
        kept_in = None if folder is None else Path(folder)
        number = f"00000000-0000-0000-0000-{next(_numbers):012d}"
        if kept_in is not None:  # another process may have as many, of other folders
            number = str(uuid.uuid5(uuid.NAMESPACE_URL, kept_in.resolve().as_uri()))
        usual = Scope(number, "fake-group", "fake-workspace", LOCATION)
        self._set_up(kept_in, wanted, usual, Engine(VirtualCarrier(), Places()), clock=None)

    def _set_up(
        self,
        folder: Path | None,
        wanted: Mapping[str, str | None],
        usual: Scope,
        engine: Engine,
        *,
        clock: Clock | None,
    ) -> None:
        store = Store(folder)
        if folder is not None:
            store.check()
        with store.transaction() as records:
            scope = _scope(records, wanted, usual)
            if records.get("meta", "ledger") is None:
                engine.places.keep_ledger(records, default_ledger())
        blobs = MemoryBlobs() if folder is None else FolderBlobs(folder, CONTAINERS)
        self.folder = folder
        self._backend = Backend(scope, store, blobs, engine, clock)
        self._lock = threading.RLock()
        self._started = 0
        self._transport: FakeTransport | None = None
        self._credential: FakeCredential | None = None

    def __repr__(self) -> str:
        scope = f"{self.scope.subscription_id}/{self.scope.resource_group}/{self.scope.workspace}"
        now = dt.datetime.fromtimestamp(self.clock.now(), tz=dt.timezone.utc)
        there = "started" if self._started else "not started"
        return f"<{type(self).__name__} {scope} at {now:%Y-%m-%dT%H:%M:%SZ}, {len(self.jobs)} jobs, {there}>"

    # -- being there

    @property
    def scope(self) -> Scope:
        """`subscription_id`, `resource_group`, `workspace`, `location`."""
        return self._backend.scope

    @property
    def clock(self) -> Clock:
        """The workspace's time: `now()` and `sleep(seconds)`."""
        return self._backend.clock

    def start(self) -> Self:
        """Answer every request of the process that belongs to this workspace, and let no other out.

        A user's own mock of `requests` (such as `responses`) goes on answering what belongs to no fake.
        """
        from amlrun.testing._wire import patcher  # noqa: PLC0415 - `requests` only when needed

        patcher.install(self._backend)
        with self._lock:
            self._started += 1
        waits.take_up(self.clock)
        return self

    def stop(self, *, check: bool = True) -> None:
        """Take one `start()` back. One more than there were is no error.

        The last one raises AssertionError where a scripted fault never struck: not with `check=False`, and
        not while another error is on its way.
        """
        from amlrun.testing._wire import patcher  # noqa: PLC0415 - as above

        with self._lock:
            if not self._started:
                return
            self._started -= 1
            last = not self._started
        if last:
            waits.abandon(self.clock)
        patcher.uninstall(self._backend)
        if last and check and sys.exc_info()[0] is None:
            self.check_faults()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """Stop. Raises AssertionError where a scripted fault never struck, but hides no other error."""
        self.stop(check=False)
        if kind is None and not self._started:
            self.check_faults()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Answer for as long as this lasts."""
        from amlrun.testing._wire import patcher  # noqa: PLC0415 - as above

        patcher.install(self._backend)
        try:
            yield
        finally:
            patcher.uninstall(self._backend)

    @property
    def credential(self) -> FakeCredential:
        """A `TokenCredential` that asks nobody, for clients of your own while the fake is started.

        Its tokens raise RuntimeError while that isn't: the client would be asking the real network.
        """
        from amlrun.testing._wire.credential import FakeCredential  # noqa: PLC0415 - it needs azure-core

        with self._lock:
            if self._credential is None:
                self._credential = FakeCredential(self._ready if self._backend.virtual else None)
            return self._credential

    def _ready(self) -> None:
        from amlrun.testing._wire import patcher  # noqa: PLC0415 - as above

        if not patcher.is_live(self._backend):
            raise RuntimeError(patcher.NOT_STARTED)
        patcher.renew()

    def transport(self, **options: Any) -> FakeTransport:
        """An azure-core transport to this workspace, on its clock. It works even while not started.

        But uploads and downloads don't: the SDK makes clients of its own for them. They raise RuntimeError.

        `options` are those of azure-core's own, such as `read_timeout`; without any it is always the same.
        """
        from amlrun.testing._wire.transport import FakeTransport  # noqa: PLC0415 - it needs azure-core

        if options:
            return FakeTransport(self._backend, **options)
        with self._lock:
            if self._transport is None:
                self._transport = FakeTransport(self._backend)
            return self._transport

    def client(self, **options: Any) -> MLClient:
        """The real `MLClient` of this workspace; `options` are MLClient's own and win over these."""
        from azure.ai.ml import MLClient  # noqa: PLC0415 - over a second

        from amlrun.testing._wire.credential import FakeCredential  # noqa: PLC0415 - as above

        settings: dict[str, Any] = {
            "credential": self.credential if "transport" in options else FakeCredential(),
            "subscription_id": self.scope.subscription_id,
            "resource_group_name": self.scope.resource_group,
            "workspace_name": self.scope.workspace,
            "enable_telemetry": False,
            "show_progress": False,
            "transport": self.transport(**{key: options[key] for key in _OF_TRANSPORT if key in options}),
        }
        if "registry_name" in options:  # a client is of a workspace or of a registry
            del settings["workspace_name"]
        return MLClient(**{**settings, **options})


def _scope(records: Records, wanted: Mapping[str, str | None], usual: Scope) -> Scope:
    """The scope that the state was made with, or, where it is new, the one that is wanted.

    Raises ValueError where the two differ.
    """
    kept = records.get("meta", "scope")
    if kept is None:
        kept = {**attrs.asdict(usual), **{key: value for key, value in wanted.items() if value is not None}}
        records.put("meta", "scope", kept)
    for key, value in wanted.items():
        if value is not None and value != kept[key]:
            raise ValueError(f"This folder holds a workspace with {key} {kept[key]!r}, not {value!r}.")
    return Scope(**kept)
