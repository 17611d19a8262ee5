"""The account that a token speaks for, as a value: read from the token's claims, the token itself never kept.

Claims: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import base64
import enum
import json
from typing import Any

import attrs


class Kind(enum.Enum):
    """What sort of account it is."""

    PERSON = "person"
    APP = "app"
    MANAGED = "managed identity"


@attrs.frozen
class Account:
    """Who is signed in: `tenant` and `object_id` are GUIDs; `name` is a person's user principal name.

    Of an app, and of a managed identity, `name` is the client id. `str()` of it is one line for people.
    """

    tenant: str
    object_id: str
    kind: Kind
    name: str

    def __str__(self) -> str:
        return self.name if self.kind is Kind.PERSON else f"{self.kind.value} {self.name}"


def account_of(token: str) -> Account | None:
    """Whose token it is; None where it can't be told: Entra promises nobody that tokens can be read."""
    claims = claims_of(token)
    tenant, object_id = _text(claims, "tid"), _text(claims, "oid")
    if not tenant or not object_id:
        return None
    # Version 1 of the tokens says appid and upn (guests: unique_name), version 2 azp and preferred_username.
    # A person's names the app, too, by which they signed in.
    app = _text(claims, "appid", "azp")
    person = _text(claims, "upn", "preferred_username", "unique_name", "email")
    if not person and (_text(claims, "idtyp") == "app" or (app and "scp" not in claims)):
        # Of a managed identity, the id of its resource stands there, too.
        kind = Kind.MANAGED if "xms_mirid" in claims else Kind.APP
        return Account(tenant, object_id, kind, app or object_id)
    # Guests who sign in with an account from elsewhere: `live.com#ada@example.org`.
    return Account(tenant, object_id, Kind.PERSON, person.removeprefix("live.com#") or object_id)


_ASSERTION = "2"


def by_assertion(token: str) -> bool | None:
    """Whether an app proved itself by a certificate or a federated token; None: its token doesn't say."""
    found = claims_of(token)
    # Assumed: what is documented of a certificate holds for a federated token, which is an assertion, too.
    proved = _text(found, "appidacr", "azpacr")
    return None if not proved else proved == _ASSERTION and "scp" not in found


def expiry_of(token: str) -> float | None:
    """When a JSON web token expires, in seconds since 1970; None where it doesn't say."""
    moment = claims_of(token).get("exp")
    return float(moment) if isinstance(moment, (int, float)) and not isinstance(moment, bool) else None


def claims_of(token: str) -> dict[str, Any]:
    """What a JSON web token says; {}: it is none, or can't be read. Nobody has checked its signature."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - head, claims, signature
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:  # no base64, no UTF-8 or no JSON
        return {}
    return claims if isinstance(claims, dict) else {}


def _text(claims: dict[str, Any], *names: str) -> str:
    found = (claims.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), "")
