"""What the service answered, as it came: kept in memory for as long as somebody wants it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs
from azure.core.pipeline.policies import SansIOHTTPPolicy

from amlrun._error_replies import innermost
from amlrun._verify.observed import Answer

if TYPE_CHECKING:
    from azure.core.pipeline import PipelineRequest, PipelineResponse

    from amlrun._rest import Wire


class Recorder(SansIOHTTPPolicy[Any, Any]):
    """A policy that keeps the last answer to each request that is expected, and nothing of the request."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: dict[tuple[str, str], Answer | None] = {}
        self._lock = threading.Lock()

    def expect(self, method: str, url: str) -> None:
        """From now on, keep the answer to such a request; its query doesn't matter."""
        with self._lock:
            self._answers[_key(method, url)] = None

    def take(self, method: str, url: str) -> Answer | None:
        """The last answer to it, which is expected no longer; None: there was none."""
        with self._lock:
            return self._answers.pop(_key(method, url), None)

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        """Keep it where it is expected."""
        asked, reply = request.http_request, response.http_response
        key = _key(asked.method, asked.url)
        with self._lock:
            if key in self._answers:
                self._answers[key] = _answer(reply.status_code, reply.text())

    def on(self, wire: Wire) -> Wire:
        """The same way to the service, past this."""
        return attrs.evolve(wire, per_call_policies=(*wire.per_call_policies, self))


def _key(method: str, url: str) -> tuple[str, str]:
    return method.upper(), urlsplit(url).path.lower()


def _answer(status: int, text: str) -> Answer:
    try:
        body = json.loads(text) if text.strip() else None
    except ValueError:  # a page of a gateway
        return Answer(status, None, why="no JSON")
    error = body.get("error") if isinstance(body, dict) else None
    code, why = innermost(error) if isinstance(error, dict) else ("", "")
    return Answer(status, body, code, why)
