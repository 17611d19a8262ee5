"""Applications that sign in to the fake's tenant, and what Entra says to those that can't. Pure.

Shapes and codes: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._account import claims_of, expiry_of
from amlrun._cloud import CLOUDS
from amlrun.testing._access.principals import Principal
from amlrun.testing._supply.identities import TENANT
from amlrun.testing._supply.tokens import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records

LOGIN_HOSTS = frozenset(cloud.login.removeprefix("https://") for cloud in CLOUDS)
INSTANCES = "/common/discovery/instance"
"""Where it is asked which names a cloud's sign-in has, after a refusal."""
MACHINE_HOST = "169.254.169.254"
_USUAL = frozenset({"openid", "profile", "offline_access"})
_ISSUER = "https://token.actions.githubusercontent.com"
_AUDIENCES = {"https://storage.azure.com"} | {
    audience
    for cloud in CLOUDS
    for audience in (cloud.management, cloud.learning, cloud.vault_scope.removesuffix("/.default"))
}


@attrs.frozen
class App:
    """An application: of its secret only the digest is kept. `subject` may stand for it, by a token."""

    client_id: str
    object_id: str
    tenant: str = TENANT
    secret: str = ""
    subject: str = ""


REFRESH = "refresh_token"
OF_PERSONS = frozenset({REFRESH, "device_code", "urn:ietf:params:oauth:grant-type:device_code"})
"""Grants by which a person signs in, by the names that they have in a request."""


class SignInRefused(Exception):
    """Entra gives no token: `status`, the number of its code, OAuth's word, and what it says."""

    def __init__(self, status: int, number: int, error: str, words: str) -> None:
        super().__init__(words)
        self.status, self.number, self.error, self.words = status, number, error, words

    def body(self, now: float) -> dict[str, Any]:
        """The reply's JSON; `now` in seconds since 1970."""
        moment = dt.datetime.fromtimestamp(now, tz=dt.timezone.utc)
        trace, said = str(uuid.UUID(int=self.number)), f"{moment:%Y-%m-%d %H:%M:%SZ}"
        trail = f"Trace ID: {trace} Correlation ID: {trace} Timestamp: {said}"
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self.words} {trail}",
            "error_codes": [self.number],
            "timestamp": said,
            "trace_id": trace,
            "correlation_id": trace,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }


def app_named(name: str, tenant: str) -> App:
    """An application of that name: always the same ids."""
    key = f"{tenant}/apps/{name}"
    client_id, object_id = (
        str(uuid.uuid5(uuid.NAMESPACE_URL, f"{key}#{part}")) for part in ("app", "object")
    )
    return App(client_id, object_id, tenant)


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def keep_app(records: Records, app: App) -> None:
    """Write it."""
    records.put("app", app.client_id.lower(), attrs.asdict(app))


def apps_of(records: Records) -> list[App]:
    """All that there are."""
    return [App(**body) for body in records.all("app")]


def serves(records: Records, host: str, path: str, *, alone: bool) -> bool:
    """Whether a request for a token comes to this fake: by its tenant, or by the machine that it is on.

    `alone`: nothing is let out, so that it answers too what is the same for every tenant.
    """
    if host == MACHINE_HOST:
        return records.get("meta", "machine") is not None
    if path.rstrip("/").lower() == INSTANCES:
        return alone
    tenant = path.strip("/").partition("/")[0].lower()
    return tenant in {TENANT, *(app.tenant.lower() for app in apps_of(records))}


def lifetime_of(records: Records) -> int:
    """Seconds for which tokens are valid."""
    return int((records.get("meta", "tokens") or {"lifetime": LIFETIME})["lifetime"])


def assertion(app: App, until: float) -> str:
    """A federated token, as a pipeline has: without a signature, valid until then."""
    claims = {"iss": _ISSUER, "sub": app.subject, "aud": "api://AzureADTokenExchange", "exp": int(until)}
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def audience(form: Mapping[str, str]) -> str:
    """What a token is asked for. Raises SignInRefused for what the tenant doesn't know."""
    asked = [scope for scope in form.get("scope", "").split() if scope not in _USUAL]
    wanted = (asked or [""])[0].removesuffix("/.default")
    if wanted.rstrip("/") not in _AUDIENCES:
        words = f"The resource principal named {wanted} was not found in the tenant named {TENANT}."
        raise SignInRefused(400, 500011, "invalid_resource", words)
    return wanted


def signed_in(found: App | None, form: Mapping[str, str], tenant: str, now: float) -> App:
    """The application that a request for a token proves to be. Raises SignInRefused.

    `found` is the one of its client id, if there is one.
    """
    # Assumed: the statuses, and the words around those that are documented.
    if found is None or found.tenant != tenant:
        words = (
            f"Application with identifier '{form.get('client_id', '')}' was not found in the directory "
            f"'{tenant}'. This can happen if the application has not been installed by the administrator."
        )
        raise SignInRefused(400, 700016, "unauthorized_client", words)
    if "client_assertion" in form:
        return _by_assertion(found, form["client_assertion"], now)
    if not found.secret or digest(form.get("client_secret", "")) != found.secret:
        words = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client "
            f"secret value, not the client secret ID, for a secret added to app '{found.client_id}'."
        )
        raise SignInRefused(401, 7000215, "invalid_client", words)
    return found


def of_person(found: Principal | None, form: Mapping[str, str], now: float) -> Principal:
    """The person that a device's code, or a refresh token, stands for. Raises SignInRefused.

    `found` is who signs in, if somebody does.
    """
    if form["grant_type"] == REFRESH:
        object_id, until, name = form.get("refresh_token", "..").split(".", 2)
        if not until.isdigit() or int(until) <= now:
            words = "The refresh token has expired due to inactivity."
            raise SignInRefused(400, 700082, "invalid_grant", words)
        return Principal(object_id, name)
    if found is None:
        words = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        raise SignInRefused(400, 70016, "authorization_pending", words)
    return found


def scope_of(form: Mapping[str, str]) -> str:
    """What a person asks a token for: said with a refresh token; a device's code has it within."""
    return form.get("scope") or form.get("device_code", "").partition(" ")[2]


def refresh_token(who: Principal, until: float) -> str:
    """What gives a person further tokens until then, by the fake's clock; it opens nothing."""
    return f"{who.object_id}.{int(until)}.{who.name}"


def _by_assertion(found: App, proof: str, now: float) -> App:
    expires = expiry_of(proof)
    if expires is None:
        raise SignInRefused(401, 50027, "invalid_client", "Invalid JWT token: it can't be read.")
    if expires <= now:
        moments = [
            f"{dt.datetime.fromtimestamp(at, tz=dt.timezone.utc):%Y-%m-%dT%H:%M:%SZ}" for at in (now, expires)
        ]
        words = (
            "Client assertion is not within its valid time range. "
            f"Current time: {moments[0]}, expiry time of assertion {moments[1]}."
        )
        raise SignInRefused(401, 700024, "invalid_client", words)
    subject = str(claims_of(proof).get("sub", ""))
    if not found.subject or subject != found.subject:
        words = (
            "No matching federated identity record found for presented assertion subject "
            f"'{subject}'. Check your federated identity credential Subject, Audience and Issuer."
        )
        raise SignInRefused(401, 700213, "invalid_client", words)
    return found
