"""Routes of Entra, for the fake's own tenant; and of a virtual machine's identity."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from amlrun._cloud import CLOUDS
from amlrun.testing._access.principals import Principal
from amlrun.testing._api.exchange import Reply, Request
from amlrun.testing._routes.table import Routes
from amlrun.testing._supply import apps
from amlrun.testing._supply.apps import SignInRefused
from amlrun.testing._supply.identities import TENANT
from amlrun.testing._supply.tokens import token

if TYPE_CHECKING:
    from amlrun.testing._wire.backend import Backend

ENTRA = Routes("Entra")
MACHINE = Routes("virtual machine")


@ENTRA("GET", "/{tenant}/v2.0/.well-known/openid-configuration")
def configuration(_backend: Backend, request: Request) -> Reply:
    """Where a tenant gives tokens."""
    base = f"https://{request.host}/{request.args['tenant']}"
    body = {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
    }
    return Reply(200, {**body})


@ENTRA("GET", apps.INSTANCES)
def names_of_clouds(_backend: Backend, request: Request) -> Reply:
    """By which names the sign-in of a cloud is known: its own."""
    names = [[cloud.login.removeprefix("https://")] for cloud in CLOUDS]
    known = [{"preferred_network": one[0], "preferred_cache": one[0], "aliases": one} for one in names]
    tenant = f"https://{request.host}/{TENANT}/v2.0/.well-known/openid-configuration"
    return Reply(200, {"tenant_discovery_endpoint": tenant, "api-version": "1.1", "metadata": known})


@ENTRA("POST", "/{tenant}/oauth2/v2.0/devicecode")
def device_code(_backend: Backend, request: Request) -> Reply:
    """A code to be typed into a browser: whoever signs in there is signed in here."""
    form = _form(request)
    body = {
        "device_code": f"fake {form.get('scope', '')}",
        "user_code": "FAKECODE",
        "verification_uri": "https://microsoft.com/devicelogin",
        "expires_in": 900,
        "interval": 1,
        "message": f"Nobody has to sign in for {form.get('client_id')}: this is a fake.",
    }
    return Reply(200, {**body})


@ENTRA("POST", "/{tenant}/oauth2/v2.0/token")
def give_token(backend: Backend, request: Request) -> Reply:
    """A token of an application (a secret, a federated token), or of a person (a code, a refresh token)."""
    form = _form(request)
    with backend.work() as (records, now):
        client_id = form.get("client_id", "").lower()
        found = next((app for app in apps.apps_of(records) if app.client_id == client_id), None)
        lifetime, person = apps.lifetime_of(records), records.get("meta", "signs in")
    try:
        if form.get("grant_type") in apps.OF_PERSONS:
            return _of_person(request, form, person, lifetime, now)
        app = apps.signed_in(found, form, request.args["tenant"], now)
        resource = apps.audience(form)
    except SignInRefused as refused:
        return Reply(refused.status, refused.body(now))
    claims = {"oid": app.object_id, "appid": app.client_id, "idtyp": "app", "tid": app.tenant}
    return Reply(200, _given(resource, lifetime, claims))


def _of_person(
    request: Request, form: dict[str, str], person: dict[str, Any] | None, lifetime: int, now: float
) -> Reply:
    who = apps.of_person(None if person is None else Principal(**person["who"]), form, now)
    tenant, scope = request.args["tenant"], apps.scope_of(form)
    resource = apps.audience({"scope": scope})
    claims = {"oid": who.object_id, "upn": who.name, "tid": tenant, "appid": form.get("client_id", "")}
    until = now + (person["until"] if person else 0.0)
    about = {"uid": who.object_id, "utid": tenant}
    own = {
        "iss": f"https://{request.host}/{tenant}/v2.0",
        "sub": who.object_id,
        "preferred_username": who.name,
    }
    body = {
        **_given(resource, lifetime, {**claims, "scp": "user_impersonation"}),
        "scope": scope,
        "refresh_token": apps.refresh_token(who, until),
        "id_token": token(form.get("client_id", ""), int(time.time()) + lifetime, **claims, **own),
        "client_info": base64.urlsafe_b64encode(json.dumps(about).encode()).decode(),
    }
    return Reply(200, body)


def _given(resource: str, lifetime: int, claims: dict[str, str]) -> dict[str, Any]:
    # By the machine's clock: azure-identity looks at that one.
    expires = int(time.time()) + lifetime
    return {
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": token(resource, expires, **claims),
    }


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


@MACHINE("GET", "/metadata/identity/oauth2/token")
def token_of_machine(backend: Backend, request: Request) -> Reply:
    """A token of the identity of the machine that this process is said to run on."""
    with backend.work() as (records, _now):
        mine, lifetime = records.get("meta", "machine"), apps.lifetime_of(records)
    if request.headers.get("metadata", "").lower() != "true":
        return _refusal("Required metadata header not specified")
    asked = request.query.get("client_id")
    if mine is None or (asked and asked.lower() != mine["clientId"].lower()):
        return _refusal("Identity not found")
    expires = int(time.time()) + lifetime
    resource = request.query.get("resource", "")
    claims = {"oid": mine["principalId"], "appid": mine["clientId"], "idtyp": "app", "xms_mirid": mine["id"]}
    body = {
        "access_token": token(resource, expires, **claims),
        "client_id": mine["clientId"],
        "expires_in": str(lifetime),
        "expires_on": str(expires),
        "resource": resource,
        "token_type": "Bearer",
    }
    return Reply(200, {**body})


def _refusal(words: str) -> Reply:
    return Reply(400, {"error": "invalid_request", "error_description": words})
