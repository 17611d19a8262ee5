"""ARM and run history over azure-core: the one sender, and the one owner of retries.

It knows HTTP, nothing of jobs; what error bodies say is in `_error_replies`. The SDK's own clients retry too,
but only what they send: requests that leave here pass no other retry policy.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs
from azure.core import PipelineClient
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    HTTPPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from requests import Timeout

from amlrun._clock import Clock, RealClock, ServiceClock
from amlrun._cloud import PUBLIC, Cloud
from amlrun._credential import name_of
from amlrun._error_replies import ErrorReply, failure_of, odd_reply, short, unreachable
from amlrun._errors import AmlrunError, ServiceError
from amlrun._patience import HANGING, HURRIED_READ, HURRIED_WAIT, Transient, asked_wait, retrying
from amlrun._proxies import way_out
from amlrun._readings.json_values import text_in
from amlrun._shown import readable
from amlrun._signing_in import not_signed_in, unanswered
from amlrun._tokens import Tokens, fault_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpResponse, HttpTransport
    from tenacity import Retrying

    from amlrun._account import Account

_NO_TOKEN = 401
_PARTIAL, _SHORTER = 206, 416
"""Of a part of what is there; and where there is not so much."""
API_VERSION = "2024-04-01"
"""Serves workspaces, computes, sizes, usages, jobs and datastores alike."""
_OF_RIGHTS = (401, 403)


@attrs.frozen
class Wire:
    """How one `MLClient` reaches the service: what a sender needs to go the same way."""

    credential: TokenCredential
    base_url: str = "https://management.azure.com"
    scopes: tuple[str, ...] = ("https://management.azure.com/.default",)
    transport: HttpTransport[Any, Any] | None = None
    per_call_policies: tuple[Any, ...] = ()
    per_retry_policies: tuple[Any, ...] = ()
    connection: Mapping[str, Any] = attrs.field(factory=dict, repr=False)  # proxies may have passwords
    """Settings of the connection (proxies, connection_verify, …) as the client was given them."""
    cloud: Cloud = PUBLIC


@attrs.frozen
class Reply:
    """A reply that is not an error: `body` is the JSON, or None where there was none."""

    status: int
    body: Any


class Rest:
    """Sends requests as one client would, repeats what may be repeated, and parses what comes back.

    Paths start with `/subscriptions/`; a full URL goes to its own host (run history) with the same token.
    Raises `NotAuthorized` for 401 and 403, `ServiceError` for any other error (status 0: no answer at all).
    429, 408 and 5xx are repeated (`_patience`), waiting what the reply asks for: all that is sent from here
    is idempotent (a job is PUT under a fixed name; a cancel is harmless when repeated). A host that never
    answered, though the resource manager did, is tried twice, and told as one behind a network.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        transport = wire.transport or RequestsTransport(**wire.connection)
        self.clock: Clock = transport if hasattr(transport, "now") else RealClock()
        self.service_clock = ServiceClock(self.clock)
        given = wire.credential
        self.tokens = given if isinstance(given, Tokens) else Tokens(given)
        auth = BearerTokenCredentialPolicy(self.tokens, *wire.scopes)
        ends = (RequestIdPolicy(), HeadersPolicy(), UserAgentPolicy("amlrun"), ProxyPolicy(**wire.connection))
        policies = [*ends, *map(_own, wire.per_call_policies), auth, *map(_own, wire.per_retry_policies)]
        self._transport = transport
        self._client = PipelineClient[Any, Any](wire.base_url, policies=policies, transport=transport)
        self._open = PipelineClient[Any, Any](wire.base_url, policies=list(ends), transport=transport)
        self._retrying = retrying(self.clock)
        self._timeouts: dict[str, Any] = {}
        self._reached: set[str] = set()
        """Hosts that have answered, whatever it was."""

    def elsewhere(self, scope: str) -> Rest:
        """The same sender for hosts that take tokens of another audience: full URLs."""
        wire = attrs.evolve(self.wire, credential=self.tokens, scopes=(scope,), transport=self._transport)
        one = Rest(wire)
        one._reached = self._reached
        return one

    def hurried(self, attempts: int) -> Rest:
        """The same sender for what can be done without: so many calls, and no wait of more than seconds."""
        return self._impatient(retrying(self.clock, attempts, HURRIED_WAIT))

    def bounded(self) -> Rest:
        """The same sender for what a plan can go on without in need: as many calls, unless they hang."""
        return self._impatient(retrying(self.clock, hanging=HANGING))

    def _impatient(self, patience: Retrying) -> Rest:
        one = copy.copy(self)
        one._retrying = patience  # noqa: SLF001 - its own, before anybody has it
        one._timeouts = self._short_of_patience("connection_timeout", "read_timeout")  # noqa: SLF001 - the same
        return one

    def _short_of_patience(self, *names: str) -> dict[str, float]:
        given = self.wire.connection
        return {name: min(float(given.get(name) or HURRIED_READ), HURRIED_READ) for name in names}

    def get(
        self, path: str, *, api_version: str = API_VERSION, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """GET one resource."""
        reply = self.send("GET", path, api_version=api_version, params=params)
        if not isinstance(reply.body, dict):
            what = f"GET {short(path)}: an empty reply"
            raise odd_reply(what, status=reply.status)
        return reply.body

    def list(self, path: str, *, api_version: str = API_VERSION) -> list[dict[str, Any]]:
        """GET a collection, page after page (`nextLink`)."""
        page = self.get(path, api_version=api_version)
        rows, read = _rows(path, page), {""}
        while (further := text_in(page.get("nextLink"))) not in read:  # or it would never end
            read.add(further)
            page = self.get(further, api_version="")
            rows += _rows(path, page)
        return rows

    def text(self, url: str) -> str:
        """GET a signed URL as text, without a token: the signature in it is the right to read it."""
        response = self._attempts(HttpRequest("GET", url), self._open)
        return _text_of(response)

    def try_reading(self, url: str, headers: Mapping[str, str]) -> None:
        """GET what is no JSON, with a token, for whether it may be had."""
        self._attempts(HttpRequest("GET", url, headers=dict(headers)), self._client)

    def since(self, url: str, first: int) -> tuple[int, bytes]:
        """GET a signed URL from that byte on: where what came begins, which may be at 0, and its bytes."""
        headers = {"Range": f"bytes={first}-"} if first else {}
        try:
            response = self._attempts(HttpRequest("GET", url, headers=headers), self._open)
        except ServiceError as error:
            if error.status != _SHORTER:
                raise
            return first, b""
        return (first if response.status_code == _PARTIAL else 0), bytes(response.content)

    def send(
        self,
        method: str,
        path: str,
        *,
        api_version: str = API_VERSION,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request; `api_version` empty: the URL has its own, or the host takes none."""
        query = {**(params or {}), **({"api-version": api_version} if api_version else {})}
        url = path if path.startswith("https://") else self.wire.base_url.rstrip("/") + path
        sent = {"Accept": "application/json", **(headers or {})}
        extra: dict[str, Any] = {} if body is None else {"json": body}
        request = HttpRequest(method, url, params=query or None, headers=sent, **extra)
        response = self._attempts(request, self._client)
        text = _text_of(response).strip()
        try:
            return Reply(response.status_code, json.loads(text) if text else None)
        except (ValueError, RecursionError):
            # A page says who is in between. What isn't one may be half a secret.
            said = f": {readable(text[:80])!r}" if text.startswith("<") else f", of {len(text)} characters"
            what = f"{method} {short(url)}: {response.status_code} with what is no JSON{said}"
            hint = "Is a proxy or a sign-in page in between?"
            raise ServiceError(what, hint=hint, status=response.status_code) from None

    def token(self, scope: str) -> str:
        """A token of the same account for another audience."""
        try:
            return self.tokens.get_token(scope).token
        except ClientAuthenticationError as error:
            raise self._no_token(error) from None  # one line, no page of stack

    def account(self) -> Account | None:
        """Who is signed in, by the token that all requests need anyway; None where it doesn't say."""
        try:
            return self.tokens.account(*self.wire.scopes)
        except ClientAuthenticationError as error:
            raise self._no_token(error) from None  # one line, no page of stack

    def _no_token(self, error: ClientAuthenticationError) -> AmlrunError:
        text, status = str(error.message or error), fault_of(error)
        credential = name_of(self.tokens.credential)
        if status is None:
            return not_signed_in(text, credential=credential, environment=os.environ)
        # azure-identity has repeated it.
        return unanswered(text, status, login=self.wire.cloud.login, credential=credential)

    def _attempts(self, request: HttpRequest, client: PipelineClient[Any, Any]) -> Any:
        passed: list[Transient] = []

        def once() -> Any:
            try:
                return self._once(request, client)
            except Transient as transient:
                passed.append(transient)
                raise

        try:
            return self._retrying(once)
        except Transient as transient:
            error = transient.error
            error.hint = error.hint or f"Such a fault passes; calls made: {len(passed)}. Try again later."
            raise error from transient.__cause__
        except AmlrunError as refusal:
            refusal.uncertain = bool(passed)
            raise

    def _once(self, request: HttpRequest, client: PipelineClient[Any, Any]) -> Any:
        host = urlsplit(request.url).netloc
        closed = self._closed(host)
        patience = {**self._timeouts, **(self._short_of_patience("connection_timeout") if closed else {})}
        try:
            response = client.send_request(request, **patience)
            response.read()
        except ClientAuthenticationError as error:
            raise self._no_token(error) from None  # one line, no page of stack
        except (ServiceRequestError, ServiceResponseError) as error:
            what = f"{request.method} {host} got no answer: {error.message}"
            hung = isinstance(error.inner_exception, Timeout)
            if closed and isinstance(error, ServiceRequestError):  # no connection, so nothing was sent
                raise Transient(unreachable(host, what), None, hung=hung) from error
            raise Transient(ServiceError(what, hint=way_out(what)), None, hung=hung) from error
        except (AzureError, ValueError) as error:  # azure-core wraps no challenge that nobody can read
            said = getattr(error, "message", error)
            raise ServiceError(f"{request.method} {short(request.url)}: {said}") from error
        except OSError as error:  # a file of certificates that is nowhere: `requests` doesn't wrap it
            if not (hint := way_out(str(error), usual="")):
                raise
            raise ServiceError(f"{request.method} {host}: {error}", hint=hint) from error
        self._reached.add(host)
        if response.status_code < 400:  # noqa: PLR2004  where HTTP's errors begin
            with contextlib.suppress(ValueError, TypeError):  # none, or in other words
                self.service_clock.told(parsedate_to_datetime(response.headers.get("Date", "")).timestamp())
            return response
        signed = client is self._open
        failure = self._failure(request, response, signed=signed)
        if response.status_code == _NO_TOKEN and not signed:
            self.tokens.forget(*self.wire.scopes)
        if isinstance(failure, ServiceError) and failure.passing:
            raise Transient(failure, asked_wait(response, failure))
        raise failure

    def _failure(self, request: HttpRequest, response: HttpResponse, *, signed: bool) -> AmlrunError:
        return failure_of(
            ErrorReply(
                method=request.method,
                url=request.url,
                status=response.status_code,
                text=_text_of(response),
                reason=response.reason or "",
                code=response.headers.get("x-ms-error-code", ""),
                request_id=response.headers.get("x-ms-request-id", ""),
                object_id=self._object_id() if response.status_code in _OF_RIGHTS and not signed else "",
                signed=signed,
            )
        )

    def _object_id(self) -> str:
        with contextlib.suppress(AzureError):  # by now there may be no token any more
            account = self.tokens.account(*self.wire.scopes)
            return account.object_id if account else ""
        return ""

    def _closed(self, host: str) -> bool:
        """Whether a host has never answered from here, though the resource manager has."""
        return host not in self._reached and urlsplit(self.wire.base_url).netloc in self._reached


def _own(policy: Any) -> Any:
    """A chain's own copy of a client's policy: it holds which one is next."""
    return copy.copy(policy) if isinstance(policy, HTTPPolicy) else policy


def _text_of(response: HttpResponse) -> str:
    """What it says, whatever bytes are in it: a script writes what it likes to its log."""
    said = str(response.encoding or "utf-8").lower()  # type: ignore[attr-defined]  # of azure.core.rest
    encoding = "utf-8-sig" if said in {"utf-8", "utf8"} else said
    return bytes(response.content or b"").decode(encoding, errors="replace")  # type: ignore[attr-defined]  # the same


def _rows(path: str, page: Mapping[str, Any]) -> list[Any]:
    rows = page.get("value") or []
    if not isinstance(rows, list):
        what = f"GET {short(path)}: a reply that is no list"
        raise odd_reply(what)
    return rows
