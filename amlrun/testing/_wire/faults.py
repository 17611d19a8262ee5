"""What can go wrong between a client and the service, as values. Pure.

A fault either decides what becomes of a call (an error instead of the reply, or no reply at all), or only
delays it. Those that decide know whether the service has *taken* the call before it went wrong: done what it
asks.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs.validators import optional

from amlrun.testing._api.exchange import Refusal, Reply, forbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlrun.testing._api.exchange import Request, Scope


def _check(wanted: str, fits: Callable[[Any], bool]) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """A validator: ValueError, in words, for what doesn't fit."""

    def check(_fault: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not fits(value):
            raise ValueError(f"{attribute.name} must be {wanted}, not {value!r}.")

    return check


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


_BOOL = _check("True or False", lambda value: isinstance(value, bool))
_SECONDS = _check("a number of seconds, 0 or more", _is_seconds)
_TEXT = _check("a text", lambda value: isinstance(value, str))
_STATUS = _check("an HTTP status", lambda value: isinstance(value, int) and 100 <= value <= 599)  # noqa: PLR2004
_BODY = _check("a dict or list (JSON), or bytes", lambda value: isinstance(value, (dict, list, bytes)))


class Lost(Exception):
    """No reply comes: `how` is `refused`, `reset` or `timeout` (after `seconds`, which the client gave)."""

    def __init__(self, how: str, seconds: float = 0.0) -> None:
        super().__init__(how)
        self.how = how
        self.seconds = seconds


@attrs.frozen
class Asked:
    """What an answer is made for."""

    request: Request
    scope: Scope
    now: float


@attrs.frozen
class WireFault:
    """Something that goes wrong on the way of one call; `FakeAml.inject` says on whose."""

    decides: ClassVar[bool] = True
    """Whether it decides what becomes of the call. Of those there is one for a call."""

    @property
    def after(self) -> bool:
        """Whether the service has taken the call before this decides."""
        return bool(getattr(self, "taken", False))

    def reply(self, asked: Asked) -> Reply:
        """What comes instead of the service's answer. Raises Lost where nothing comes."""
        # Those that decide nothing are never asked, so this is not abstract.
        raise NotImplementedError


@attrs.frozen
class Slow(WireFault):
    """The reply comes so many seconds later, on the fake's clock.

    The service takes the call at once. A client whose read time-out is shorter gets a time-out error when
    that has passed, and can't tell whether the call was taken.
    """

    decides: ClassVar[bool] = False
    seconds: float = attrs.field(validator=_SECONDS)


@attrs.frozen
class ConnectionLost(WireFault):
    """The connection is reset: after the service has taken the call, or (`taken=False`) before.

    The client can't tell which: azure-core raises ServiceResponseError for both.
    """

    taken: bool = attrs.field(default=True, validator=_BOOL)

    def reply(self, _asked: Asked) -> Reply:
        """Nothing comes."""
        raise Lost("reset")


@attrs.frozen
class NoConnection(WireFault):
    """There is no way to the service: the connection is refused. azure-core raises ServiceRequestError."""

    def reply(self, _asked: Asked) -> Reply:
        """Nothing comes."""
        raise Lost("refused")


@attrs.frozen
class Throttled(WireFault):
    """429: too many requests. It has nothing to do with quota for vCPUs, for all that its code says so.

    The wait is told in the text, and in a Retry-After header unless `header=False`: often there is none.
    """

    retry_after: int = attrs.field(default=20, validator=_SECONDS)
    header: bool = attrs.field(default=True, validator=_BOOL)

    def reply(self, asked: Asked) -> Reply:
        """The reply, as it was recorded."""
        message = (
            "Received too many requests in a short amount of time. "
            f"Retry again after {self.retry_after} seconds."
        )
        # Assumed: the coarse code on top.
        reply = Refusal(429, message, "UserError", "QuotaExceeded", "TooManyRequests").reply(
            asked.scope, asked.now
        )
        return attrs.evolve(reply, headers={"Retry-After": str(self.retry_after)} if self.header else {})


@attrs.frozen
class InternalError(WireFault):
    """500, with the code `InternalServerError` or `ServiceError`."""

    code: str = attrs.field(
        default="InternalServerError",
        validator=_check(
            "one of InternalServerError, ServiceError",
            lambda value: value in ("InternalServerError", "ServiceError"),
        ),
    )
    taken: bool = attrs.field(default=False, validator=_BOOL)

    def reply(self, asked: Asked) -> Reply:
        """The reply."""
        # Assumed: the words beside `InternalServerError`; those beside `ServiceError` are recorded.
        words = {
            "InternalServerError": "An internal server error occurred. Try again.",
            "ServiceError": "Received 503 from a service request",
        }
        return Refusal(500, words[self.code], self.code).reply(asked.scope, asked.now)


@attrs.frozen
class BadGateway(WireFault):
    """502: `BadGatewayConnection`, or a page of HTML."""

    html: bool = attrs.field(default=False, validator=_BOOL)
    taken: bool = attrs.field(default=False, validator=_BOOL)

    def reply(self, asked: Asked) -> Reply:
        """The reply."""
        if self.html:
            return _page(502, "Bad Gateway")
        # Assumed: the words.
        message = "The connection to the resource provider could not be made; cannot fulfill the request."
        return Refusal(502, message, "BadGatewayConnection").reply(asked.scope, asked.now)


@attrs.frozen
class GatewayTimeout(WireFault):
    """504: `TransientError`, or a page of HTML."""

    html: bool = attrs.field(default=False, validator=_BOOL)
    taken: bool = attrs.field(default=False, validator=_BOOL)

    def reply(self, asked: Asked) -> Reply:
        """The reply."""
        if self.html:
            return _page(504, "Gateway Time-out")
        return Refusal(504, "Service invocation timed out.", "TransientError").reply(asked.scope, asked.now)


@attrs.frozen
class ExpiredToken(WireFault):
    """401: the token's time is over, with the challenge that ARM sends along."""

    def reply(self, asked: Asked) -> Reply:
        """The reply."""
        message = expired_words(asked.now)
        # Assumed: the words of the challenge.
        challenge = challenge_of(error="invalid_token", description=message)
        reply = Refusal(401, message, "ExpiredAuthenticationToken").reply(asked.scope, asked.now)
        return attrs.evolve(reply, headers={"WWW-Authenticate": challenge})


@attrs.frozen
class Forbidden(WireFault):
    """403 `AuthorizationFailed`: the caller's role lacks an action.

    `action` is the one that is named, as in `Microsoft.MachineLearningServices/workspaces/jobs/write`; not
    given, it is one that fits the call.
    """

    action: str | None = attrs.field(default=None, validator=optional(_TEXT))

    def reply(self, asked: Asked) -> Reply:
        """The reply, as ARM words it."""
        action = self.action or _action(asked.request)
        return forbidden(action, asked.request.path).reply(asked.scope, asked.now)


@attrs.frozen
class NoReadAccess(WireFault):
    """403: the caller may not read what the call refers to, such as the workspace's storage."""

    def reply(self, asked: Asked) -> Reply:
        """The reply."""
        # Assumed: the codes, and the words around those that are recorded.
        message = "The request failed due to the caller not having read access to specified resources."
        return Refusal(403, message, "UserError", "AuthorizationFailed").reply(asked.scope, asked.now)


@attrs.frozen
class NetworkDenied(WireFault):
    """The host takes no requests from this network, whoever asks: 403, of the workspace 502; no role helps.

    A host that can't be connected to at all is `NoConnection`.
    """

    def reply(self, asked: Asked) -> Reply:
        """The reply, as the host's kind words it."""
        host = asked.request.host
        if host.endswith((".blob.core.windows.net", ".dfs.core.windows.net")):
            code, words = "AuthorizationFailure", "This request is not authorized to perform this operation."
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message></Error>"
            headers = {"x-ms-error-code": code, "Content-Type": "application/xml"}
            return Reply(403, text.encode(), headers)
        if ".vault." in host:
            words = "Public network access is disabled and request is not from a trusted service."
            inner = {"code": "ForbiddenByConnection"}
            body = {"error": {"code": "Forbidden", "message": words, "innererror": inner}}
            return Reply(403, json.dumps(body).encode(), {"Content-Type": "application/json"})
        # Assumed: run history says it as a workspace does, of which these words are reported.
        words = "Access to workspace was denied based on workspace private link configuration."
        return Refusal(502, words, "UserError").reply(asked.scope, asked.now)


@attrs.frozen
class DisallowedByPolicy(WireFault):
    """403 `RequestDisallowedByPolicy`: a policy of the subscription forbids it; no role helps."""

    policy: str = attrs.field(default="Allowed sizes", validator=_TEXT)
    assignment: str = attrs.field(default="allowed-sizes", validator=_TEXT)

    def reply(self, asked: Asked) -> Reply:
        """The reply."""
        # Assumed: its whole shape.
        name = asked.request.path.rpartition("/")[2]
        message = (
            f"Resource '{name}' was disallowed by policy. "
            f"Policy: '{self.policy}', assignment: '{self.assignment}'."
        )
        shown = {"policyDefinitionDisplayName": self.policy, "policyAssignmentDisplayName": self.assignment}
        error = {
            "code": "RequestDisallowedByPolicy",
            "target": name,
            "message": message,
            "additionalInfo": [{"type": "PolicyViolation", "info": shown}],
        }
        return Reply(403, {"error": error})


@attrs.frozen
class NoRegistryAccess(WireFault):
    """401 `UnAuthorizedRegistryAccess`: the caller may not read a registry that the call refers to."""

    def reply(self, asked: Asked) -> Reply:
        """The reply."""
        # Assumed: the words; the code is recorded.
        message = "The caller is not authorized to access the registry."
        return Refusal(401, message, "UserError", "UnAuthorizedRegistryAccess").reply(asked.scope, asked.now)


@attrs.frozen
class Answer(WireFault):
    """Any reply that is not among the others: `body` is JSON, or bytes.

    It may answer for a route that the fake doesn't have.
    """

    status: int = attrs.field(validator=_STATUS)
    body: dict[str, Any] | list[Any] | bytes = attrs.field(default=b"", validator=_BODY)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    taken: bool = attrs.field(default=False, validator=_BOOL)

    def reply(self, _asked: Asked) -> Reply:
        """The reply."""
        return Reply(self.status, self.body, self.headers)


def expired_words(now: float) -> str:
    """What the resource manager says to a token whose time is over."""
    before, at = _moment(now - 60), _moment(now)
    return f"The access token expiry UTC time '{before}' is earlier than current UTC time '{at}'."


def challenge_of(*, error: str, description: str) -> str:
    """The header WWW-Authenticate, as ARM asks for a token."""
    return f'Bearer authorization_uri="{_LOGIN}", error="{error}", error_description="{description}"'


_LOGIN = "https://login.windows.net/00000000-0000-0000-0000-000000000003"


def _moment(at: float) -> str:
    return dt.datetime.fromtimestamp(at, tz=dt.timezone.utc).strftime("%m/%d/%Y %I:%M:%S %p")


def _page(status: int, title: str) -> Reply:
    # Assumed: what the page says.
    text = (
        f"<html>\n<head><title>{status} {title}</title></head>\n"
        f"<body><center><h1>{status} {title}</h1></center></body>\n</html>\n"
    )
    return Reply(status, text.encode(), {"Content-Type": "text/html"})


def _action(request: Request) -> str:
    """The action of a management call: its types, and what the method does."""
    provider, _, rest = request.path.partition("/providers/")[2].partition("/")
    kinds = rest.split("/")[::2]
    verbs = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
    return "/".join([provider or "Microsoft.Resources", *kinds, verbs.get(request.method, "action")])
