"""One fake workspace behind its routes: state, time and storage, and how a request finds its answer.

It knows no HTTP library: `_patcher` brings requests here as values and takes replies away as values.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import uuid
from contextlib import contextmanager
from email.utils import formatdate
from functools import cached_property, partial
from typing import TYPE_CHECKING

import attrs

from amlrun._cloud import HISTORY
from amlrun.testing._access import gate
from amlrun.testing._access.acting import unopened
from amlrun.testing._api.contract import misnamed, violations
from amlrun.testing._api.exchange import PROVIDER, Refusal, Reply, Request, Scope, bad_request
from amlrun.testing._assets import storage, vaults
from amlrun.testing._assets.assets import DATA_PLANE, DISCOVERY_PREFIX, find_registry
from amlrun.testing._routes import (
    OF_DISCOVERY,
    OF_ENTRA,
    OF_HISTORY,
    OF_IDENTITY,
    OF_LAKES,
    OF_MACHINE,
    OF_REGISTRIES,
    OF_STORAGE,
    OF_SUBSCRIPTION,
    OF_VAULTS,
    OF_WORKSPACE,
)
from amlrun.testing._state.clock import VirtualClock
from amlrun.testing._supply.apps import LOGIN_HOSTS, MACHINE_HOST, serves
from amlrun.testing._wire import admission
from amlrun.testing._wire.calls import Call, Calls
from amlrun.testing._wire.faults import Answer, Asked, Lost, Slow
from amlrun.testing._wire.injections import Injections, check_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun._clock import Clock
    from amlrun.testing._assets.blobs import Blobs
    from amlrun.testing._jobs.engine import Engine
    from amlrun.testing._routes.table import Route, Routes
    from amlrun.testing._state.store import Records, Store
    from amlrun.testing._wire.buckets import Limits
    from amlrun.testing._wire.faults import WireFault

MANAGEMENT = "management.azure.com"
_TOLD = 10
"""So many faults of a body are told."""
_OPEN = ("/discovery", DISCOVERY_PREFIX)
"""Paths that anybody may read: the SDK asks there without a token."""


watchers: list[Callable[[Route | None, Request, Reply], None]] = []
"""Who looks at every exchange: our own tests hold each reply against the API's definitions here."""


class UnknownRoute(NotImplementedError):
    """A request to a fake workspace that has no answer to it. `place` is its path below the workspace."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place


class UnknownHost(ConnectionError):
    """A request that would have left for the network while a fake forbids it."""


class Backend:
    """A workspace's state and everything that may look at it."""

    def __init__(self, scope: Scope, store: Store, blobs: Blobs, engine: Engine, clock: Clock | None) -> None:
        self.scope = scope
        self.store = store
        self.blobs = blobs
        self.engine = engine
        engine.blobs = blobs
        engine.unopened = partial(unopened, self)
        self.clock: Clock = VirtualClock(store, engine) if clock is None else clock
        self.virtual = clock is None
        self.calls = Calls(check_route)
        self.injections = Injections()
        self.limits: Limits | None = None
        """ARM's limits on the number of requests; None: there are none."""
        self.known: dict[object, object] = {}
        """What those who ask in this process keep of it, and what is gone with it."""
        self._lock = threading.Lock()
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

    @cached_property
    def account(self) -> str:
        """The storage account's name: letters and digits, one for each workspace."""
        digits = f"{self.scope.subscription_id}{self.scope.resource_group}{self.scope.workspace}".lower()
        return f"fakeaml{_fingerprint(digits)}"

    @property
    def blob_host(self) -> str:
        """The storage account's host."""
        return f"{self.account}.blob.core.windows.net"

    @property
    def vault_host(self) -> str:
        """The key vault's host."""
        return f"{self.account}{vaults.SUFFIX}"

    @property
    def history_host(self) -> str:
        """The host of run history: the one of the workspace's discoveryUrl."""
        return f"{self.scope.location}.api.azureml.ms"

    @property
    def registry_host(self) -> str:
        """The host of the registries that this fake has."""
        return f"cert-{self.scope.location}.experiments.azureml.net"

    @property
    def identity_host(self) -> str:
        """The host where the code of jobs gets tokens."""
        return f"{self.account}.identity.invalid"

    def claims(self, host: str, path: str) -> bool:
        """Whether a URL is this workspace's business."""
        if host in {self.blob_host, self.vault_host, self.identity_host}:
            return True
        if self._tables_of_host(host):
            with self.store.transaction() as records:
                return _is_there(records, host, path, alone=self.virtual)
        lower, mine = f"{path.lower()}/", f"/subscriptions/{self.scope.subscription_id.lower()}/"
        if lower.startswith(DISCOVERY_PREFIX) and host.endswith(".api.azureml.ms"):
            return True  # its host is the same for every region
        if host == self.registry_host:
            return lower.startswith(f"{DATA_PLANE}{mine}")
        if host == MANAGEMENT:
            return lower.startswith(mine)
        return host == self.history_host and (
            f"{self.scope.path.lower()}/" in lower or lower.startswith("/discovery")
        )

    def owns(self, path: str) -> bool:
        """Whether a management path is of this very workspace, not only of its subscription."""
        if path.lower().startswith(DISCOVERY_PREFIX):
            with self.store.transaction() as records:
                return find_registry(records, path[len(DISCOVERY_PREFIX) :].partition("/")[0]) is not None
        return f"{path.lower()}/".startswith(f"{self.scope.path.lower()}/")

    def answer(self, request: Request, *, patience: float | None = None) -> Reply:
        """The reply, which the client awaits for `patience` seconds.

        Raises UnknownRoute, naming it, for a route that the fake doesn't have; Lost where no reply comes.
        """
        refusal: Refusal | UnknownRoute | None = None
        try:
            route, place, found = self._find(request)
        except UnknownRoute as error:
            route, place, found, refusal = None, error.place, request, error
        except Refusal as error:
            route, place, found, refusal = None, request.path, request, error
        now = self.clock.now()
        call = Call(
            method=request.method,
            path=request.path,
            api_version=request.query.get("api-version", ""),
            body=b"" if self._tables_of_host(request.host) else request.body,
            time=now,
            status=0,
            route=route.template if route else "",
            place=place,
            args=found.args,
        )
        struck = self.injections.strike(call)
        fault = next((fault for fault in struck if fault.decides), None) or self._throttled(request, now)
        status = 0
        try:
            if fault is None or fault.after:
                if isinstance(refusal, UnknownRoute):
                    raise refusal
                reply = self._served(route, found, now, refusal)
            self._delay(struck, patience)
            if fault is not None:
                # What the service answered, if it did, never arrives.
                reply = fault.reply(Asked(request, self.scope, now))
                if not isinstance(fault, Answer):  # which may say anything
                    _show(route, request, reply)
            status = reply.status
        finally:
            self.calls.note(attrs.evolve(call, status=status, faults=struck))
        return attrs.evolve(reply, headers={**self._headers(request, now), **reply.headers})

    def _served(
        self, route: Route | None, request: Request, now: float, refusal: Refusal | None = None
    ) -> Reply:
        """What the service answers: first to who asks, then to what is asked."""
        reply = self._admitted(request, now) or self._allowed(route, request, now)
        if reply is None:
            try:
                if refusal is not None:
                    raise refusal
                assert route is not None  # noqa: S101 - or it was refused before
                _hold_to_contract(route, request)
                reply = route.handler(self, request)
            except Refusal as refused:
                reply = refused.reply(self.scope, now)
        _show(route, request, reply)
        if request.method not in {"GET", "HEAD"}:
            self.stir()
        return reply

    def _admitted(self, request: Request, now: float) -> Reply | None:
        if self._tables_of_host(request.host):
            return None  # these have their own ways to come in
        if request.path.lower().startswith(_OPEN):
            return None
        return admission.refused(request, self.scope, now, versioned=request.host == MANAGEMENT)

    def _allowed(self, route: Route | None, request: Request, now: float) -> Reply | None:
        """What is said to who may not; None: they may, or the route looks itself."""
        if self._tables_of_host(request.host) or request.path.lower().startswith(_OPEN):
            return None
        if route is not None and route.free:
            return gate.refused_by_tenant(request, self.scope, now)
        with self.store.transaction() as records:
            return gate.refused(records, request, self.scope, now)

    def _throttled(self, request: Request, now: float) -> WireFault | None:
        if request.host != MANAGEMENT:
            return None
        with self._lock:
            if self.limits is None:
                return None
            self.limits, refused = self.limits.ask(request.method, now)
        return refused

    def _delay(self, struck: tuple[WireFault, ...], patience: float | None) -> None:
        """Let pass what the reply takes. Raises Lost where the client doesn't wait for that long."""
        seconds = sum(fault.seconds for fault in struck if isinstance(fault, Slow))
        if patience is not None and seconds > patience:
            self.clock.sleep(patience)
            raise Lost("timeout", patience)
        if seconds:
            self.clock.sleep(seconds)

    def _headers(self, request: Request, now: float) -> dict[str, str]:
        """What every reply brings along."""
        number = str(uuid.UUID(int=next(self._numbers)))
        theirs = request.headers.get("x-ms-client-request-id")
        return {
            "Cache-Control": "no-cache",
            "Date": formatdate(now, usegmt=True),
            "x-ms-request-id": number,
            "x-ms-correlation-request-id": number,
            **({"x-ms-client-request-id": theirs} if theirs else {}),
        }

    def _find(self, request: Request) -> tuple[Route, str, Request]:
        tables, rest = self._tables(request)
        for routes in tables:
            if found := routes.find(request.method, rest):
                route, args = found
                return route, rest, attrs.evolve(request, args=args)
        near = sorted({method for routes in tables for method in routes.near(rest)})
        known = f" It has {', '.join(near)} there." if near else ""
        stub = f'inject(Answer(200, {{…}}), on="{request.method} {rest or "/"}")'
        raise UnknownRoute(
            f"The fake Azure ML has no route {request.method} {request.host}{request.path}.{known} "
            f"{stub} stubs it; docs/routes.md of amlrun lists all that there are.",
            rest,
        )

    def _tables_of_host(self, host: str) -> tuple[Routes, ...]:
        """The tables of a host that has the same ones everywhere."""
        if storage.account_of(host):
            return OF_LAKES if storage.is_lake(host) else OF_STORAGE
        if vaults.vault_of(host):
            return OF_VAULTS
        if host in LOGIN_HOSTS:
            return OF_ENTRA
        if host == MACHINE_HOST:
            return OF_MACHINE
        return OF_IDENTITY if host == self.identity_host else ()

    def _tables(self, request: Request) -> tuple[tuple[Routes, ...], str]:
        path = request.path.rstrip("/")
        if whole := self._tables_of_host(request.host):
            return whole, path
        if path.lower().startswith(DISCOVERY_PREFIX):
            return OF_DISCOVERY, path
        if request.host == self.registry_host:
            begin = f"{DATA_PLANE}/subscriptions/{self.scope.subscription_id}"
            return OF_REGISTRIES, path[len(begin) :]
        if request.host == self.history_host:
            # `/history/v1.0<the workspace's path>/…`: run history's routes begin behind the workspace.
            begin = f"{HISTORY}{self.scope.path}"
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


def _is_there(records: Records, host: str, path: str, *, alone: bool) -> bool:
    """Whether a host, of those that have the same routes everywhere, is of this state."""
    if host in LOGIN_HOSTS or host == MACHINE_HOST:
        return serves(records, host, path, alone=alone)
    vault, account = vaults.vault_of(host), storage.account_of(host)
    return vaults.known(records, vault) if vault else storage.known(records, account)


def _hold_to_contract(route: Route, request: Request) -> None:
    """Refuse a name or a body that the API doesn't have. Raises Refusal (400)."""
    if route.named and (why := misnamed(route.named, request.args["name"])):
        # Assumed: the words and the inner code.
        raise bad_request(f"The request is invalid: {why}.", "InvalidResourceName")
    if route.takes and (found := violations(request.json, route.takes)):
        # Assumed: the words and the inner code.
        raise bad_request(f"The request is invalid: {_told(found)}.", "InvalidRequestBody")


def _told(found: list[str]) -> str:
    more = [f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
    return "; ".join([*found[:_TOLD], *more])


def _show(route: Route | None, request: Request, reply: Reply) -> None:
    for watch in watchers:
        watch(route, request, reply)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
