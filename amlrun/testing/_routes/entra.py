"""Routes of Entra, for the fake's own tenant; and of a virtual machine's identity."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from amlrun._cloud import CLOUDS
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


@ENTRA("POST", "/{tenant}/oauth2/v2.0/token")
def token_of_app(backend: Backend, request: Request) -> Reply:
    """A token of an application, which proves itself by a secret or by a federated token."""
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    with backend.work() as (records, now):
        client_id = form.get("client_id", "").lower()
        found = next((app for app in apps.apps_of(records) if app.client_id == client_id), None)
        lifetime = apps.lifetime_of(records)
    try:
        app = apps.signed_in(found, form, request.args["tenant"], now)
        resource = apps.audience(form)
    except SignInRefused as refused:
        return Reply(refused.status, refused.body(now))
    # By the machine's clock: azure-identity looks at that one.
    expires = int(time.time()) + lifetime
    claims = {"oid": app.object_id, "appid": app.client_id, "idtyp": "app", "tid": app.tenant}
    body = {
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": token(resource, expires, **claims),
    }
    return Reply(200, {**body})


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
