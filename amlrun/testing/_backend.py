"""One fake workspace behind its routes: state, time and storage, and how a request finds its answer.

It knows no HTTP library: `_patcher` brings requests here as values and takes replies away as values.
"""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from amlrun.testing._clock import VirtualClock
from amlrun.testing._contract import faults
from amlrun.testing._exchange import PROVIDER, Refusal, Reply, Request, Scope, bad_request
from amlrun.testing._routes import OF_HISTORY, OF_STORAGE, OF_SUBSCRIPTION, OF_WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun._clock import Clock
    from amlrun.testing._blobs import Blobs
    from amlrun.testing._engine import Engine
    from amlrun.testing._routes.table import Route, Routes
    from amlrun.testing._store import Records, Store

MANAGEMENT = "management.azure.com"
_KEPT_CALLS = 10_000
_HISTORY_PREFIX = "/history/v1.0"


watchers: list[Callable[[Route | None, Request, Reply], None]] = []
"""Who looks at every exchange: our own tests hold each reply against the API's definitions here."""


class UnknownRoute(NotImplementedError):
    """A request to a fake workspace that has no answer to it."""


class UnknownHost(ConnectionError):
    """A request that would have left for the network while a fake forbids it."""


@attrs.frozen
class Call:
    """One request that the fake has answered. `time` is on its clock, `body` what came (none of a blob)."""

    method: str
    path: str
    api_version: str
    body: bytes
    time: float
    status: int


class Backend:
    """A workspace's state and everything that may look at it."""

    def __init__(self, scope: Scope, store: Store, blobs: Blobs, engine: Engine, clock: Clock | None) -> None:
        self.scope = scope
        self.store = store
        self.blobs = blobs
        self.engine = engine
        self.clock: Clock = VirtualClock(store, engine) if clock is None else clock
        self.virtual = clock is None
        self.reads_quota = True
        """Whether the caller's role may read usages, sizes and quotas: subscription paths."""
        self.run_seconds = 300.0
        """How long a job that only pretends runs, for those submitted from now on."""
        self.calls: deque[Call] = deque(maxlen=_KEPT_CALLS)
        self._numbers = itertools.count(1)

    @contextmanager
    def work(self) -> Iterator[tuple[Records, float]]:
        """A transaction, all that was due before it done, and what time it is."""
        with self.store.transaction() as records:
            now = self.clock.now()
            if not self.virtual:
                self.engine.catch_up(records, now)
                self.engine.find_lost(records, now)
            yield records, now

    def stir(self) -> None:
        """Something changed from outside."""
        if isinstance(self.clock, VirtualClock):
            self.clock.stir()

    @property
    def account(self) -> str:
        """The storage account's name: letters and digits, one for each workspace."""
        digits = f"{self.scope.subscription_id}{self.scope.resource_group}{self.scope.workspace}".lower()
        return f"fakeaml{_fingerprint(digits)}"

    @property
    def blob_host(self) -> str:
        """The storage account's host."""
        return f"{self.account}.blob.core.windows.net"

    @property
    def history_host(self) -> str:
        """The host of run history: the one of the workspace's discoveryUrl."""
        return f"{self.scope.location}.api.azureml.ms"

    def claims(self, host: str, path: str) -> bool:
        """Whether a URL is this workspace's business."""
        if host == self.blob_host:
            return True
        lower = path.lower()
        if host == MANAGEMENT:
            mine = f"/subscriptions/{self.scope.subscription_id.lower()}"
            return lower == mine or lower.startswith(f"{mine}/")
        if host != self.history_host:
            return False
        return f"{self.scope.path.lower()}/" in f"{lower}/" or lower.startswith("/discovery")

    def owns(self, path: str) -> bool:
        """Whether a management path is of this very workspace, not only of its subscription."""
        return f"{path.lower()}/".startswith(f"{self.scope.path.lower()}/")

    def answer(self, request: Request) -> Reply:
        """The reply. Raises UnknownRoute, naming it, for a route that the fake doesn't have."""
        route = None
        try:
            route, found = self._find(request)
            _hold_to_contract(route, found)
            reply = route.handler(self, found)
        except Refusal as refusal:
            reply = refusal.reply(self.scope, self.clock.now())
        for watch in watchers:
            watch(route, request, reply)
        if request.method not in {"GET", "HEAD"}:
            self.stir()
        call = Call(
            request.method,
            request.path,
            request.query.get("api-version", ""),
            b"" if request.host == self.blob_host else request.body,
            self.clock.now(),
            reply.status,
        )
        self.calls.append(call)
        request_id = str(uuid.UUID(int=next(self._numbers)))
        return attrs.evolve(reply, headers={"x-ms-request-id": request_id, **reply.headers})

    def _find(self, request: Request) -> tuple[Route, Request]:
        tables, rest = self._tables(request)
        for routes in tables:
            if found := routes.find(request.method, rest):
                route, args = found
                return route, attrs.evolve(request, args=args)
        near = sorted({method for routes in tables for method in routes.near(rest)})
        known = f" It has {', '.join(near)} there." if near else ""
        names = ", ".join(routes.name for routes in tables)
        raise UnknownRoute(
            f"The fake Azure ML has no route {request.method} {request.host}{request.path} "
            f"({names}: {rest or 'itself'}).{known}"
        )

    def _tables(self, request: Request) -> tuple[tuple[Routes, ...], str]:
        path = request.path.rstrip("/")
        if request.host == self.blob_host:
            return OF_STORAGE, path
        if request.host == self.history_host:
            # `/history/v1.0<the workspace's path>/…`: run history's routes begin behind the workspace.
            begin = f"{_HISTORY_PREFIX}{self.scope.path}"
            mine = path.lower().startswith(begin.lower())
            return OF_HISTORY, path[len(begin) :] if mine else path
        if self.owns(path):
            return OF_WORKSPACE, path[len(self.scope.path) :]
        marker = f"/providers/{PROVIDER}/workspaces/".lower()
        if marker in path.lower():
            name = path[path.lower().index(marker) + len(marker) :].partition("/")[0]
            message = (
                f"The Resource '{PROVIDER}/workspaces/{name}' was not found. For more details please go to "
                "https://aka.ms/ARMResourceNotFoundFix"
            )
            raise Refusal(404, message, "ResourceNotFound")
        return OF_SUBSCRIPTION, path[len("/subscriptions/") + len(self.scope.subscription_id) :]


def _hold_to_contract(route: Route, request: Request) -> None:
    """Refuse a body that the API doesn't have. Raises Refusal (400)."""
    if route.takes and (found := faults(request.json, route.takes)):
        # Assumed: the words and the inner code.
        raise bad_request(f"The request is invalid: {'; '.join(found)}.", "InvalidRequestBody")


def _fingerprint(text: str) -> str:
    value = 0
    for character in text:
        value = (value * 131 + ord(character)) % 16**12
    return f"{value:012x}"
