"""The one patch of `requests` in the process, shared by all live fakes.

It is on `Session.get_adapter`: requests of a live fake's get an adapter that answers, whatever else is
patched. Two patches taken off out of order would leave the process patched, so there is one, counted: it goes
on with the first fake and off with the last; under somebody else's patch it stays, and does nothing.

A request belongs to the fake whose workspace its URL names. One that belongs to none goes out if every live
fake lets strangers through. Else it goes to a user's own mock (of `HTTPAdapter.send`, as `responses` has it),
or, where there is none, it is an error.
"""

from __future__ import annotations

import io
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from amlrun.testing._wire import waits
from amlrun.testing._wire.backend import MANAGEMENT, Backend, UnknownHost
from amlrun.testing._wire.exchange import Reply, Request
from amlrun.testing._wire.faults import Lost

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response, Session
    from requests.adapters import BaseAdapter

    from amlrun._clock import Clock

_MACHINE = "169.254.169.254"
"""Where azure-identity asks whether this is a virtual machine of Azure. With a fake live it is none."""

_lock = threading.RLock()
_live: list[tuple[Backend, bool]] = []
_before: list[Callable[..., BaseAdapter]] = []
"""`Session.get_adapter` as it was before ours; empty while ours is not on."""
asking: ContextVar[Backend | None] = ContextVar("asking", default=None)
"""The fake whose own transport is sending: where several could answer, it does."""


def install(backend: Backend, *, strangers: bool) -> None:
    """Answer for this workspace from now on. `strangers`: let requests to unknown hosts through.

    Raises ValueError where a live fake of another state has the same scope.
    """
    with _lock:
        for other, _ in _live:
            if (
                other.scope == backend.scope
                and other is not backend
                and other.store.place != backend.store.place
            ):
                raise ValueError(
                    f"Another fake is live as {backend.scope.path}: give one of them another name."
                )
        _live.append((backend, strangers))
        if not _before:
            _before.append(requests.Session.get_adapter)
            requests.Session.get_adapter = _get_adapter  # type: ignore[assignment,method-assign]
        if backend.virtual:
            waits.install(_virtual_clocks)


def uninstall(backend: Backend) -> None:
    """Take one `install` of this workspace back."""
    with _lock:
        index = max(place for place, (live, _) in enumerate(_live) if live is backend)
        del _live[index]
        if not _live and requests.Session.get_adapter is _get_adapter:
            requests.Session.get_adapter = _before.pop()  # type: ignore[method-assign]
        if not any(live.virtual for live, _ in _live):
            waits.uninstall()


def _virtual_clocks() -> tuple[Clock, ...]:
    with _lock:
        return tuple({id(backend): backend.clock for backend, _ in _live if backend.virtual}.values())


def _get_adapter(session: Session, url: str | bytes) -> BaseAdapter:
    """In the place of `Session.get_adapter`."""
    with _lock:
        free = all(strangers for _, strangers in _live)
    # What a user has put there decides for itself what may go out.
    mocked = HTTPAdapter.send.__module__ != HTTPAdapter.__module__
    return _before[0](session, url) if _fake(url) is None and (free or mocked) else _ADAPTER


def _fake(url: str | bytes | None) -> Backend | None:
    parts = urlsplit(url.decode() if isinstance(url, bytes) else str(url))
    host, path = parts.hostname or "", unquote(parts.path)
    with _lock:
        claiming = [backend for backend, _ in _live if backend.claims(host, path)]
    # Of several workspaces in one subscription, the one that the path names; else the first.
    able = [backend for backend in claiming if backend.owns(path)] or claiming
    mine = asking.get()
    return mine if mine in able else next(iter(able), None)


class _Adapter(HTTPAdapter):
    """What answers for the live fakes."""

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 - the signature of requests
        timeout: Any = None,
        *_rest: Any,
        **_options: Any,
    ) -> Response:
        """The fake's reply. Raises UnknownHost for a URL that is no fake's."""
        backend = _fake(request.url)
        if backend is None and urlsplit(str(request.url)).hostname == _MACHINE:
            raise _error(Lost("refused"), request)
        if backend is None:
            with _lock:
                known = ", ".join(sorted({live.scope.path for live, _ in _live}))
            raise UnknownHost(
                f"{request.method} {request.url} belongs to no fake workspace, and nothing may leave for the "
                f"network while a fake is live. Live: {known} at {MANAGEMENT}, with run history and blobs."
            )
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        waits.answered(backend.clock, virtual=backend.virtual)
        try:
            reply = backend.answer(_request(request), patience=patience)
        except Lost as lost:
            raise _error(lost, request) from lost
        return self.build_response(request, _http(request, reply))


_ADAPTER = _Adapter()


def _request(request: PreparedRequest) -> Request:
    parts = urlsplit(str(request.url))
    body: Any = request.body
    if body is None:
        body = b""
    elif isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = b"".join(body)
    return Request(
        method=str(request.method),
        host=parts.hostname or "",
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={key.lower(): value for key, value in request.headers.items()},
        body=body,
    )


def _http(request: PreparedRequest, reply: Reply) -> HTTPResponse:
    content = reply.content
    headers = {"Content-Type": reply.content_type, "Content-Length": str(len(content)), **reply.headers}
    return HTTPResponse(
        status=reply.status,
        headers=headers,
        body=io.BytesIO(b"" if request.method == "HEAD" else content),
        preload_content=False,
        request_method=request.method,
    )


def _error(lost: Lost, request: PreparedRequest) -> requests.RequestException:
    """What `requests` raises where no reply comes."""
    where = f"HTTPSConnectionPool(host={urlsplit(str(request.url)).hostname!r}, port=443)"
    if lost.how == "timeout":
        message = f"{where}: Read timed out. (read timeout={lost.seconds})"
        return requests.ReadTimeout(message, request=request)
    if lost.how == "reset":
        reset = ConnectionResetError(104, "Connection reset by peer")
        return requests.ConnectionError(ProtocolError("Connection aborted.", reset), request=request)
    message = f"{where}: Max retries exceeded: [Errno 111] Connection refused"
    return requests.ConnectionError(message, request=request)
