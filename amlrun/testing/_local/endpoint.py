"""Where a local job's code gets its tokens: the fake's own answers, at an address of this machine.

A job without an identity has none. The tokens are the fake's: they open nothing but a fake.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs

from amlrun.testing._access import acting
from amlrun.testing._api.exchange import Reply, Request
from amlrun.testing._routes import identity
from amlrun.testing._supply import msi

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing._api.exchange import Scope
    from amlrun.testing._jobs.engine import Engine
    from amlrun.testing._jobs.job import Job
    from amlrun.testing._state.store import Records, Store
    from amlrun.testing._wire.backend import Backend

_OBO = "/OBO/"


@attrs.frozen
class _Desk:
    """As much of a backend as the answers need: it starts no jobs, and looks for none that are lost."""

    scope: Scope
    store: Store
    engine: Engine

    @contextmanager
    def work(self) -> Iterator[tuple[Records, float]]:
        """A transaction, and what time it is."""
        with self.store.transaction() as records:
            yield records, time.time()


@contextmanager
def variables(job: Job, scope: Scope, store: Store, engine: Engine) -> Iterator[Mapping[str, str]]:
    """What a job's processes find in their environment, the job's own variables among it.

    Tokens are given out for as long as this lasts, to who has an identity.
    """
    desk = cast("Backend", _Desk(scope, store, engine))
    with desk.work() as (records, _now):
        identities = acting.identities_of(desk, records, job)
    if not identities and msi.on_behalf(job) is None:
        yield msi.variables(job, scope, "", ())
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(desk))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield msi.variables(job, scope, f"127.0.0.1:{server.server_port}", identities)
    finally:
        server.shutdown()
        server.server_close()


def _handler(desk: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = _answer(desk, self.path, {key.lower(): value for key, value in self.headers.items()})
            data = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: object) -> None:
            """Nothing: addresses hold what a job proves itself with."""

    return Handler


def _answer(desk: Backend, target: str, headers: Mapping[str, str]) -> Reply:
    parts = urlsplit(target)
    path = unquote(parts.path)
    request = Request("GET", "127.0.0.1", path, dict(parse_qsl(parts.query)), headers, b"")
    if path == "/MSI/auth":
        return identity.token_of_identity(desk, request)
    if path.startswith(_OBO):
        return identity.token_on_behalf(desk, attrs.evolve(request, args={"secret": path[len(_OBO) :]}))
    return Reply(404, {})
