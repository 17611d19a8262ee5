"""Tokens that can be decoded and open nothing. Pure."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from amlrun.testing._supply.identities import TENANT

if TYPE_CHECKING:
    from collections.abc import Mapping

LIFETIME = 24 * 3600
"""Seconds."""


def token(resource: str, expires: int, **claims: str) -> str:
    """A JSON web token for a resource, without a signature; `claims` say whose it is."""
    body: Mapping[str, object] = {"aud": resource, "exp": expires, "tid": TENANT, **claims}
    parts = ({"alg": "none", "typ": "JWT"}, body)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])
