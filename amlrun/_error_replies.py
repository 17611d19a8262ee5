"""What an error reply says, as an error of ours: who may not, what forbids it, what can't be reached. Pure.

It knows HTTP, the service's error bodies and those of storage and key vaults; nothing of jobs.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import attrs

from amlrun._cloud import HISTORY, is_storage
from amlrun._denied import NO_KEYS, WITHOUT_KEYS, Lacking, is_of_network, lacking, policies, reasons
from amlrun._errors import NotAuthorized, ServiceError
from amlrun._proxies import way_out
from amlrun._readings.json_values import items_in, object_in
from amlrun._rights import BLOBS, action_of
from amlrun._roles import Role
from amlrun._shown import readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._errors import AmlrunError

_NO_TOKEN, _MAY_NOT = 401, 403
_TENANT = re.compile(r"must match the tenant '\w+://[^/]+/(?P<tenant>[^/']+)")
_XML = re.compile(r"<Code>(?P<code>[^<]*)</Code>\s*<Message>(?P<message>[^<\n]*)")
_OF_HISTORY = re.compile(
    rf"{re.escape(HISTORY)}(?P<workspace>/subscriptions/.*?/workspaces/[^/]+)", re.IGNORECASE
)


@attrs.frozen
class ErrorReply:
    """A reply that is an error, and the request that it answers.

    `code` is that of its headers (storage sends one where there is no body), `object_id` that of the account
    that is signed in. `signed`: no token went with it, a signature in its URL is the right to ask.
    """

    method: str
    url: str
    status: int
    text: str
    reason: str = ""
    code: str = ""
    request_id: str = ""
    object_id: str = ""
    signed: bool = False


def failure_of(reply: ErrorReply) -> AmlrunError:
    """The error that it is: `NotAuthorized` for what a role or a sign-in mends, else `ServiceError`."""
    error, code, message = _read(reply)
    what = f"{reply.method} {short(reply.url)}: {reply.status} {code}: {message}"
    if "RequestDisallowedByPolicy" in f"{code} {message}":
        return _by_policy(reply, error, what)
    if is_of_network(reply.status, code, message):
        host, path = urlsplit(reply.url)[1:3]
        whose = "The workspace" if path.lower().startswith("/subscriptions/") else ""
        return unreachable(host, what, status=reply.status, service_code=code, whose=whose)
    if reply.signed and reply.status in (_NO_TOKEN, _MAY_NOT):
        old = "The signature of this link isn't taken, and no role helps: it may be too old. Ask anew."
        hint = WITHOUT_KEYS if NO_KEYS in code else old
        return ServiceError(what, hint=hint, status=reply.status, service_code=code)
    if reply.status == _NO_TOKEN and "Registry" not in code:  # of a registry, it is a right
        return NotAuthorized(
            what, hint=_sign_in(message), scope=scope_of(reply.url), service_code=code, signed_in=False
        )
    if reply.status in (_NO_TOKEN, _MAY_NOT):
        return _without_right(reply, code, message, what)
    return ServiceError(what, status=reply.status, service_code=code, request_id=reply.request_id)


def odd_reply(what: str, *, status: int = 200) -> ServiceError:
    """For a reply, of whatever status, whose form isn't the service's: most often another has answered."""
    return ServiceError(what, hint="Is a proxy in between?", status=status)


def unreachable(
    host: str, what: str, *, status: int = 0, service_code: str = "", whose: str = ""
) -> ServiceError:
    """The error for a host that nothing can be got from here, while the resource manager answers.

    `whose`: it is what stands behind the resource manager itself that isn't open.
    """
    closed = f"{whose or host} isn't open to this network"
    closed += "" if whose else ", though the resource manager is"
    network = (
        f"{closed}: is a VPN or a jump host needed? "
        "(What has private endpoints answers within its own network.)"
    )
    hint = way_out(what, usual=network)  # or it isn't the network, but what stands in between
    return ServiceError(what, hint=hint, status=status, service_code=service_code, host=host)


def _by_policy(reply: ErrorReply, error: Mapping[str, Any], what: str) -> ServiceError:
    # What the message says of a policy is JSON as long as a page.
    named = "; ".join(map(str, policies(error)))
    where = f"{reply.method} {short(reply.url)}: {reply.status} RequestDisallowedByPolicy"
    said = reasons(str(error.get("message") or ""))
    who = f"whoever assigned it says: {said}" if said else "whoever assigned it can tell what it allows."
    hint = f"A policy of the subscription forbids it, no role helps: {who}"
    return ServiceError(
        f"{where}: {named}" if named else what,
        hint=hint,
        status=reply.status,
        service_code="RequestDisallowedByPolicy",
        request_id=reply.request_id,
    )


def tenant_asked_for(message: str) -> str:
    """The tenant of which a token must be, where a refusal says that it is of another; "": it doesn't."""
    found = _TENANT.search(message)
    return found["tenant"] if found else ""


def _sign_in(message: str) -> str:
    tenant = tenant_asked_for(message)
    if not tenant:
        return "The token is not taken: sign in again (`az login`)."
    return (
        f"The subscription is of the tenant {tenant}: `az login --tenant {tenant}`, or set AZURE_TENANT_ID."
    )


_REFERRED = "not having read access to specified resources"


def _without_right(reply: ErrorReply, code: str, message: str, what: str) -> NotAuthorized:
    if NO_KEYS in code:
        return NotAuthorized(what, hint=WITHOUT_KEYS, scope=scope_of(reply.url), service_code=code)
    lack = lacking(message)
    if lack is None and "Registry" in code:
        hint = (
            "What the request names is in a registry that this account may not read: the role "
            f"{Role.REGISTRY_USER} on that registry has the right."
        )
        return NotAuthorized(
            what,
            hint=hint,
            action="Microsoft.MachineLearningServices/registries/assets/read",
            role=str(Role.REGISTRY_USER),
            service_code=code,
        )
    if lack is None and _REFERRED in message:
        hint = (
            "What the request names can't be read by this account: the role "
            f"{Role.BLOB_READER} on the storage has the right, where a datastore has no credentials."
        )
        return NotAuthorized(
            what,
            hint=hint,
            action=f"{BLOBS}/read",
            role=str(Role.BLOB_READER),
            service_code=code,
        )
    if lack is None:
        lack = Lacking(action_of(reply.method, reply.url), scope_of(reply.url), reply.object_id)
    if not lack.action:
        hint = "The signed-in account lacks this right, or is signed in to another tenant."
        return NotAuthorized(what, hint=hint, scope=lack.scope, service_code=code)
    return NotAuthorized(
        what, hint=lack.way_out, action=lack.action, role=lack.role, scope=lack.scope, service_code=code
    )


def _read(reply: ErrorReply) -> tuple[Mapping[str, Any], str, str]:
    """The body's error, its innermost code and its message; of storage, which writes XML, the last two.

    As they may be shown: who can't read a request may quote it, with its token.
    """
    try:
        body = json.loads(reply.text)
    except (ValueError, RecursionError):  # what stands between answers whatever it likes
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        code, message = innermost(error)
        return error, readable(code), readable(message)
    found = _XML.search(reply.text)
    code, message = (found["code"], found["message"].strip()) if found else (reply.code, reply.reason)
    return {}, readable(code), readable(message)


def innermost(error: Mapping[str, Any]) -> tuple[str, str]:
    """The useful code of an error body, as `Outer/Inner` of its InnerError chain, and its message.

    The top-level code is coarse (`UserError`); the chain stands in `additionalInfo` (recorded traffic), that
    of key vaults in `innererror`.
    """
    codes: list[str] = []
    for info in items_in(error.get("additionalInfo")):
        if info.get("type") == "InnerError":
            inner = object_in(info.get("info")).get("value")
            while isinstance(inner, dict) and inner.get("code"):
                codes.append(str(inner["code"]))
                inner = inner.get("innerError")
    outer, inner = str(error.get("code") or ""), error.get("innererror")
    if not codes and isinstance(inner, dict) and inner.get("code"):
        codes = [outer, str(inner["code"])]
    return "/".join(codes) or outer, str(error.get("message") or "").strip()


def scope_of(url: str) -> str:
    """On what a right is asked for by a request: an ARM id; of storage, the container with its host."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if found := _OF_HISTORY.match(path):
        return found["workspace"]
    if is_storage(parts.netloc):
        return f"{parts.netloc}/{path.lstrip('/').partition('/')[0]}"
    return path if path.lower().startswith("/subscriptions/") else f"{parts.netloc}{path}"


def short(url: str) -> str:
    """The part of a URL that tells which resource; never its query, which may hold a signature."""
    parts = urlsplit(url)
    provider = "/providers/Microsoft.MachineLearningServices"
    return parts.path.rpartition(provider)[2] if provider in parts.path else parts.netloc + parts.path
