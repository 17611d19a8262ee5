"""The one patch of `requests` in the process, shared by all live fakes.

Two patchers stopped out of order would leave the process patched, so there is one, counted: it goes on with
the first fake and off with the last. A request belongs to the fake whose workspace its URL names. One that
belongs to none goes out if every live fake lets strangers through, and is an error otherwise.
"""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import responses
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from amlrun.testing import _stream
from amlrun.testing._backend import MANAGEMENT, Backend, UnknownHost
from amlrun.testing._exchange import Reply, Request

if TYPE_CHECKING:
    from requests import PreparedRequest

    from amlrun._clock import Clock

_lock = threading.RLock()
_live: list[tuple[Backend, bool]] = []
_mock: responses.RequestsMock | None = None


def install(backend: Backend, *, strangers: bool) -> None:
    """Answer for this workspace from now on. `strangers`: let requests to unknown hosts through.

    Raises ValueError where a live fake of another state has the same scope.
    """
    global _mock  # noqa: PLW0603 - the patch is of the process, and so is its count
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
        if _mock is None:
            # What `send` is now may be a patch of the user's own: strangers go to it.
            _mock = responses.RequestsMock(
                assert_all_requests_are_fired=False, real_adapter_send=HTTPAdapter.send
            )
            _mock.add(_Everything())
            _mock.add_passthru(re.compile(""))
            _mock.start()
        shim_stream()


def uninstall(backend: Backend) -> None:
    """Take one `install` of this workspace back."""
    global _mock  # noqa: PLW0603 - as above
    with _lock:
        index = max(place for place, (live, _) in enumerate(_live) if live is backend)
        del _live[index]
        if not _live and _mock is not None:
            _mock.stop()
            _mock = None
            _stream.shim(None)


def shim_stream() -> None:
    """`jobs.stream` waits in virtual time while a fake is live; again, once the SDK is imported."""
    with _lock:
        if _live:
            _stream.shim(_virtual_clocks)


def _virtual_clocks() -> list[Clock]:
    with _lock:
        return list({id(backend): backend.clock for backend, _ in _live if backend.virtual}.values())


class _Everything(responses.BaseResponse):
    """What `responses` asks about every request."""

    def __init__(self) -> None:
        super().__init__("GET", "https://amlrun.invalid")

    def matches(self, request: PreparedRequest) -> tuple[bool, str]:
        """Every request that may not go out."""
        if self._fake(request) is not None:
            return True, ""
        with _lock:
            refused = not all(strangers for _, strangers in _live)
        return refused, "it belongs to no live fake"

    def get_response(self, request: PreparedRequest) -> HTTPResponse:
        """The fake's reply. Raises UnknownHost for a URL that is no fake's."""
        # `responses` keeps every call for ever; the fake has a record of its own, with an end.
        self.calls.reset()
        mock = _mock
        if mock is not None:
            mock.calls.reset()
        backend = self._fake(request)
        url = str(request.url)
        if backend is None:
            with _lock:
                known = ", ".join(sorted({live.scope.path for live, _ in _live}))
            raise UnknownHost(
                f"{request.method} {url} belongs to no fake workspace, and nothing may leave for the network "
                f"while a fake is live. Live: {known} at {MANAGEMENT}, with run history and blobs."
            )
        return _http(request, backend.answer(_request(request)))

    @staticmethod
    def _fake(request: PreparedRequest) -> Backend | None:
        parts = urlsplit(str(request.url))
        host, path = parts.hostname or "", unquote(parts.path)
        with _lock:
            claiming = [backend for backend, _ in _live if backend.claims(host, path)]
        # Of several workspaces in one subscription, the one that the path names; else the first.
        return next(
            (backend for backend in claiming if backend.owns(path)), claiming[0] if claiming else None
        )


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
