"""Routes of key vaults, in the form of their own API, which isn't ARM's.

https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from amlrun._account import claims_of
from amlrun.testing._access import tokens
from amlrun.testing._access.grants import may, scope_id
from amlrun.testing._access.principals import asking
from amlrun.testing._api.exchange import Reply, Request, paged
from amlrun.testing._assets import vaults
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply.identities import TENANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._wire.backend import Backend

VAULTS = Routes("key vaults")
NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
"""Of a secret."""
_PAGE = 25
_ISSUER = "https://sts.windows.net"
_GET, _SET, _LIST, _DELETE = (
    f"Microsoft.KeyVault/vaults/secrets/{action}"
    for action in ("getSecret/action", "setSecret/action", "readMetadata/action", "delete")
)


@VAULTS("GET", "/secrets")
def list_secrets(backend: Backend, request: Request) -> Reply:
    """The secrets of a vault, without their values."""
    if refused := _refused(backend, request, _LIST):
        return refused
    with backend.work() as (records, _now):
        found = vaults.all_of(records, vaults.vault_of(request.host))
    items, following = paged(found, request, _PAGE)
    shown = [_shown(request, body, body["versions"][-1], whole=False) for body in items]
    return _json(200, {"value": shown, "nextLink": following or None})


@VAULTS("GET", "/secrets/{name}")
def get_secret(backend: Backend, request: Request) -> Reply:
    """The newest version of a secret, with its value."""
    return _version(backend, request, "")


@VAULTS("GET", "/secrets/{name}/{version}")
def get_version(backend: Backend, request: Request) -> Reply:
    """One version of a secret, with its value."""
    return _version(backend, request, request.args["version"])


@VAULTS("PUT", "/secrets/{name}")
def put_secret(backend: Backend, request: Request) -> Reply:
    """Write a new version of a secret."""
    if refused := _refused(backend, request, _SET):
        return refused
    sent = request.json
    if not isinstance(sent.get("value"), str) or not NAME.fullmatch(request.args["name"]):
        # Assumed: the words.
        return _error(400, "BadParameter", "The request URI contains an invalid name, or there is no value.")
    with backend.work() as (records, now):
        body = vaults.put(records, vaults.vault_of(request.host), request.args["name"], sent, now)
    return _json(200, _shown(request, body, body["versions"][-1]))


@VAULTS("DELETE", "/secrets/{name}")
def delete_secret(backend: Backend, request: Request) -> Reply:
    """Forget a secret, with all its versions; there is no way to recover it."""
    if refused := _refused(backend, request, _DELETE):
        return refused
    vault, name = vaults.vault_of(request.host), request.args["name"]
    with backend.work() as (records, _now):
        body = vaults.find(records, vault, name)
        if body is None:
            return _not_found(name)
        vaults.remove(records, vault, name)
    return _json(200, _shown(request, body, body["versions"][-1], whole=False))


def _version(backend: Backend, request: Request, version: str) -> Reply:
    if refused := _refused(backend, request, _GET):
        return refused
    with backend.work() as (records, _now):
        body = vaults.find(records, vaults.vault_of(request.host), request.args["name"])
    found = [one for one in (body or {}).get("versions", ()) if version in ("", one["version"])]
    if body is None or not found:
        return _not_found(request.args["name"])
    if not found[-1]["enabled"]:
        message = "Operation get is not allowed on a disabled secret."
        return _error(403, "Forbidden", message, "SecretDisabled")
    return _json(200, _shown(request, body, found[-1]))


def _shown(
    request: Request, body: Mapping[str, Any], version: Mapping[str, Any], *, whole: bool = True
) -> dict[str, Any]:
    moment = int(version["created"])
    own = f"/{version['version']}" if whole else ""
    return {
        **({"value": version["value"]} if whole else {}),
        **{key: version[key] for key in ("contentType", "tags") if version[key] is not None},
        "id": f"https://{request.host}/secrets/{body['name']}{own}",
        "attributes": {"enabled": version["enabled"], "created": moment, "updated": moment},
    }


def _refused(backend: Backend, request: Request, action: str) -> Reply | None:
    """What a request is told that may not come in."""
    token = request.headers.get("authorization", "").partition(" ")[2]
    if not token:
        challenge = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", '
        headers = {"WWW-Authenticate": f'{challenge}resource="{vaults.AUDIENCE}"'}
        return _error(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.", **headers)
    claims = claims_of(token)
    found = tokens.doubt(token, (vaults.AUDIENCE,))
    if found is None and "aud" not in claims:
        found = tokens.Doubt(tokens.Wrong.AUDIENCE, "none")
    if found is not None:
        return _error(401, "Unauthorized", _untaken(found))
    if not request.query.get("api-version"):
        # Assumed: the words.
        return _error(400, "BadParameter", "api-version is not specified")
    vault = vaults.vault_of(request.host)
    place = f"{scope_id(backend.scope, 'vault', vault)}{request.path}"
    with backend.work() as (records, _now):
        allowed = may(records, asking(request.headers).object_id, action, place)
    return None if allowed else _forbidden(backend, vault, action, place, claims)


def _untaken(found: tokens.Doubt) -> str:
    # Assumed: the words.
    said = found.found
    if found.wrong is tokens.Wrong.AUDIENCE:
        return f"AKV10022: Invalid audience. Expected {vaults.AUDIENCE}, found: {said}."
    if found.wrong is tokens.Wrong.TENANT:
        own = f"{_ISSUER}/{TENANT}/"
        return f"AKV10032: Invalid issuer. Expected one of {own}, found {_ISSUER}/{said}/."
    return "Error validating token: it is expired."


def _forbidden(backend: Backend, vault: str, action: str, place: str, claims: Mapping[str, Any]) -> Reply:
    """The refusal of a vault that goes by roles, as it is reported."""
    wait, issuer = "please observe propagation time.", f"{_ISSUER}/{TENANT}/"
    message = "\r\n".join(
        [
            "Caller is not authorized to perform action on resource.",
            f"If role assignments, deny assignments or role definitions were changed recently, {wait}",
            f"Caller: appid={claims.get('appid', '')};oid={claims.get('oid', '')};iss={issuer}",
            f"Action: '{action}'",
            f"Resource: '{place.lower()}'",
            "Assignment: (not found)",
            "DenyAssignmentId: null",
            "DecisionReason: 'DeniedWithNoValidRBAC' ",
            f"Vault: {vault};location={backend.scope.location}",
            "",
        ]
    )
    return _error(403, "Forbidden", message, "ForbiddenByRbac")


def _not_found(name: str) -> Reply:
    message = (
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this "
        "secret you may be able to recover it using the correct recovery command. For help resolving this "
        "issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return _error(404, "SecretNotFound", message)


def _error(status: int, code: str, message: str, inner: str = "", **headers: str) -> Reply:
    error: dict[str, Any] = {"code": code, "message": message}
    return _json(status, {"error": error | ({"innererror": {"code": inner}} if inner else {})}, headers)


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """A reply in a form of its own: as bytes, so that nobody holds it against ARM's."""
    told = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Reply(status, json.dumps(body).encode(), told)
