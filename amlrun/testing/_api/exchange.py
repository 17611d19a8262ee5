"""What comes over the wire and what goes back, as values; and errors in the service's own form. Pure."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "Microsoft.MachineLearningServices"


def instant(at: float) -> str:
    """Seconds since 1970 as the service writes an instant."""
    return dt.datetime.fromtimestamp(at, tz=dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def system_data(created: float, modified: float | None = None) -> dict[str, Any]:
    """Who made a thing, and when; the older SDKs don't do without it."""
    return {
        "createdAt": instant(created),
        "createdBy": "fake-user",
        "createdByType": "User",
        "lastModifiedAt": instant(created if modified is None else modified),
        "lastModifiedBy": "fake-user",
        "lastModifiedByType": "User",
    }


@attrs.frozen
class Scope:
    """Which workspace: what stands in every path, and the names that hang on it."""

    subscription_id: str
    resource_group: str
    workspace: str
    location: str

    @property
    def path(self) -> str:
        """The workspace's ARM id."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/{PROVIDER}/workspaces/{self.workspace}"
        )


@attrs.frozen
class Request:
    """One request. `path` is decoded, `args` are the parts of it that the route names."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    args: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object. Raises Refusal (400) where it isn't."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            # Assumed: the words and the inner code.
            raise bad_request("The request body is not a JSON object.", "InvalidJson")
        return value


@attrs.frozen
class Reply:
    """One reply: JSON where `body` is a dict or a list, else bytes."""

    status: int = 200
    body: dict[str, Any] | list[Any] | bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def content(self) -> bytes:
        """The bytes that go out."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @property
    def content_type(self) -> str:
        """What the bytes are."""
        return (
            "application/octet-stream" if isinstance(self.body, bytes) else "application/json; charset=utf-8"
        )


class Refusal(Exception):
    """The service's answer is an error: `codes` from the top (coarse) to the innermost."""

    def __init__(self, status: int, message: str, *codes: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.codes = codes

    def reply(self, scope: Scope, now: float) -> Reply:
        """The error body: a coarse code on top, the useful ones in a chain of inner errors."""
        top, *inner = self.codes
        error: dict[str, Any] = {"code": top, "message": self.message}
        if inner:
            chain: dict[str, Any] | None = None
            for code in reversed(inner):
                chain = {"code": code, "innerError": chain}
            error["details"] = []
            # Assumed: the component's name; the other entries, and the chain of inner errors, are recorded.
            error["additionalInfo"] = [
                {"type": "ComponentName", "info": {"value": "managementfrontend"}},
                {"type": "Environment", "info": {"value": scope.location}},
                {"type": "Location", "info": {"value": scope.location}},
                {"type": "Time", "info": {"value": instant(now)}},
                {"type": "InnerError", "info": {"value": chain}},
            ]
        return Reply(self.status, {"error": error})


def paged(items: list[Any], request: Request, size: int) -> tuple[list[Any], str]:
    """A page of a list, and the address of the next one ("" behind the last).

    `$skip` is the service's: the token that the address of the next page brings back. Raises Refusal (400)
    for one that isn't.
    """
    token = request.query.get("$skip") or "0"
    if not token.isdigit():
        # Assumed: the words and the inner code.
        raise bad_request(f"The continuation token {token!r} is not valid.", "InvalidContinuationToken")
    begin, end = int(token), int(token) + size
    if end >= len(items):
        return items[begin:], ""
    query = urlencode({**request.query, "$skip": end}, quote_via=quote)
    return items[begin:end], f"https://{request.host}{quote(request.path)}?{query}"


def bad_request(message: str, *codes: str) -> Refusal:
    """400: what was asked can't be."""
    return Refusal(400, message, "UserError", "BadArgument", *codes)


def not_found(kind: str, name: str) -> Refusal:
    """404: `JobNotFound`, `EnvironmentNotFound`, …."""
    # Assumed: the words, and the codes of all kinds but jobs, which are recorded.
    return Refusal(404, f"{kind} {name} was not found.", "UserError", "NotFound", f"{kind}NotFound")


def forbidden(
    action: str,
    scope: str,
    *,
    name: str = "fake-user",
    object_id: str = "00000000-0000-0000-0000-000000000001",
) -> Refusal:
    """403, as ARM says it when a role lacks an action."""
    message = (
        f"The client '{name}' with object id '{object_id}' does not have "
        f"authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access "
        "was recently granted, please refresh your credentials."
    )
    return Refusal(403, message, "AuthorizationFailed")
