"""How requests of `requests` come to fakes: adapters, and the one patch of the process, shared by live fakes.

The patch is on `Session.get_adapter`: requests of a live fake's get an adapter that answers, whatever else is
patched. Two patches taken off out of order would leave the process patched, so there is one, counted: it goes
on with the first fake and off with the last. Where somebody else's patch came over it, it stays under it and
does nothing; where somebody has taken it off, it goes on again.

A request belongs to the fake whose workspace its URL names. One that belongs to none goes out if every live
fake lets strangers through. Else it goes to a user's own mock (`responses`, or a mock of unittest in the
place of `HTTPAdapter.send`), or, where there is none, it is an error.
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from amlrun.testing._api.exchange import Reply, Request
from amlrun.testing._wire import waits
from amlrun.testing._wire.backend import MANAGEMENT, Backend, UnknownHost
from amlrun.testing._wire.faults import Lost

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter

    from amlrun._clock import Clock

_MACHINE = "169.254.169.254"
"""Where azure-identity asks whether this is a virtual machine of Azure. With a fake live it is none."""

_MOCKS = {"responses", "unittest"}
"""Whose functions in the place of `HTTPAdapter.send` let nothing out."""
_OPENING = ("/listsecrets", "/startpendingupload")
"""What the SDK asks before it goes to storage with clients of its own."""
NOT_STARTED = (
    "This FakeAml is not started, so what the SDK sends by ways of its own would go to the real network. Use "
    "the fixture, `with`, or start()."
)

_lock = threading.RLock()
_live: list[Backend] = []
_patches: list[tuple[Callable[[Session, Any], BaseAdapter], Callable[[Session, Any], BaseAdapter]]] = []
"""Each of ours in the place of `Session.get_adapter`, and what was there before it."""


def install(backend: Backend) -> None:
    """Answer for this workspace from now on.

    Raises ValueError where a live fake of another state has the same scope.
    """
    with _lock:
        for other in _live:
            if other.scope == backend.scope and other.store.place != backend.store.place:
                raise ValueError(
                    f"Another fake is live as {backend.scope.path}: give one of them another name."
                )
        _live.append(backend)
        if backend.virtual:
            waits.install(_virtual_clocks)
    renew()


def uninstall(backend: Backend) -> None:
    """Take one `install` of this workspace back."""
    with _lock:
        index = max(place for place, live in enumerate(_live) if live is backend)
        del _live[index]
        if not _live:
            while _patches and Session.get_adapter is _patches[-1][0]:
                Session.get_adapter = _patches.pop()[1]  # type: ignore[method-assign,assignment]
            _patches.clear()
        if not any(live.virtual for live in _live):
            waits.uninstall()


def is_live(backend: Backend) -> bool:
    """Whether it answers whoever asks."""
    with _lock:
        return any(live is backend for live in _live)


def renew() -> None:
    """Be in the place of `Session.get_adapter`, where a fake is live and somebody has put another there."""
    with _lock:
        before = Session.get_adapter
        if not _live or (_patches and before is _patches[-1][0]):
            return

        def get_adapter(session: Session, url: Any) -> BaseAdapter:
            return _ADAPTER if fake_of(url) or not _open() else before(session, url)

        _patches.append((get_adapter, before))
        Session.get_adapter = get_adapter  # type: ignore[method-assign,assignment]


def _virtual_clocks() -> tuple[Clock, ...]:
    with _lock:
        return tuple({id(backend): backend.clock for backend in _live if backend.virtual}.values())


def _open(own: Backend | None = None) -> bool:
    """Whether a request that belongs to no fake may go its way."""
    with _lock:
        live = list(_live) if own is None else [*_live, own]
    mock = str(getattr(HTTPAdapter.send, "__module__", "")).partition(".")[0]
    return mock in _MOCKS or not any(backend.virtual for backend in live)


def fake_of(url: str | bytes | None, own: Backend | None = None) -> Backend | None:
    """The fake that a URL belongs to; `own` is asked first, live or not."""
    parts = urlsplit(url.decode() if isinstance(url, bytes) else str(url))
    host, path = parts.hostname or "", unquote(parts.path)
    with _lock:
        known = list(_live) if own is None else [own, *_live]
    # Outside of the lock: each looks into its state. Of several workspaces in one subscription, the one that
    # the path names; else the first.
    claiming = [backend for backend in known if backend.claims(host, path)]
    return next((backend for backend in claiming if backend.owns(path)), next(iter(claiming), None))


class OwnSession(Session):
    """A session whose requests come to one fake, whether it is live or not."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.trust_env = False
        self._backend = backend
        self._adapter = _Adapter(backend)

    def get_adapter(self, url: Any) -> BaseAdapter:
        """The fake's adapter, for all that may not go its way."""
        renew()
        mine = fake_of(url, self._backend) or not _open(self._backend)
        return self._adapter if mine else super().get_adapter(url)


class _Adapter(HTTPAdapter):
    """What answers for the live fakes, or for one."""

    def __init__(self, own: Backend | None = None) -> None:
        super().__init__()
        self._own = own

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 - the signature of requests
        timeout: Any = None,
        *_rest: Any,
        **_options: Any,
    ) -> Response:
        """The fake's reply. Raises UnknownHost for a URL that is no fake's."""
        backend = fake_of(request.url, self._own)
        if backend is None and urlsplit(str(request.url)).hostname == _MACHINE:
            raise _error(Lost("refused"), request)
        if backend is None:
            with _lock:
                live = [*_live, *([self._own] if self._own else [])]
            known = ", ".join(sorted({backend.scope.path for backend in live}))
            raise UnknownHost(
                f"{request.method} {request.url} belongs to no fake workspace, and nothing may leave for the "
                f"network while a fake is live. Live: {known} at {MANAGEMENT}, with run history and blobs."
            )
        if str(request.url).partition("?")[0].lower().endswith(_OPENING) and not is_live(backend):
            raise RuntimeError(NOT_STARTED)
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
