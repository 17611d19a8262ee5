"""Whether a token is one that a service takes: for whom it was given, by which tenant, and until when.

What is no JSON web token is taken for the caller's, but at key vaults: a test may bring a credential of its
own, which says "token". Of what is one only the claims that it has are looked at. Nobody looks at signatures.
"""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING

import attrs

from amlrun._account import claims_of
from amlrun._cloud import CLOUDS, STORAGE_SCOPE
from amlrun.testing._api.exchange import Refusal, Reply
from amlrun.testing._supply.identities import TENANT
from amlrun.testing._wire.faults import challenge_of, expired_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amlrun.testing._api.exchange import Scope

_SKEW = 300
"""Seconds that a service's clock and the one that gave a token may be apart."""
_MANAGEMENT = tuple(
    f"https://management.{name}{slash}" for name in ("core.windows.net", "azure.com") for slash in ("/", "")
)
_LEARNING = tuple(cloud.learning for cloud in CLOUDS)
OF_MANAGEMENT = (*_MANAGEMENT, *(cloud.management for cloud in CLOUDS))
"""What the resource manager takes."""
OF_LEARNING = _LEARNING
"""What a token is for that travels with a job."""
OF_HISTORY = (*OF_MANAGEMENT, *_LEARNING)
"""What run history takes, and the services beside it."""
OF_STORAGE = (STORAGE_SCOPE.removesuffix("/.default"),)
"""What storage takes of any account; an account's own host beside it."""


class Wrong(enum.Enum):
    """What is wrong with a token."""

    AUDIENCE = "audience"
    TENANT = "tenant"
    EXPIRED = "expired"


@attrs.frozen
class Doubt:
    """Why a token isn't taken: `found` is what it says of that."""

    wrong: Wrong
    found: str


def doubt(token: str, audiences: Iterable[str], tenant: str | None = TENANT) -> Doubt | None:
    """Why a service that takes these audiences doesn't take the token; None: it does.

    `tenant` None: it is somebody else's to look at that.
    """
    claims = claims_of(token)
    audience, given, ends = str(claims.get("aud") or ""), str(claims.get("tid") or ""), claims.get("exp")
    if audience and audience.rstrip("/").lower() not in {one.rstrip("/").lower() for one in audiences}:
        return Doubt(Wrong.AUDIENCE, audience)
    if tenant is not None and given and given.lower() != tenant:
        return Doubt(Wrong.TENANT, given)
    # By the machine's clock: whoever gives tokens goes by it, since azure-core and azure-identity do.
    # Assumed: so far may clocks be apart.
    if isinstance(ends, (int, float)) and ends + _SKEW < time.time():
        return Doubt(Wrong.EXPIRED, str(ends))
    return None


def refusal(found: Doubt, scope: Scope, now: float) -> Reply:
    """What the resource manager says to it, in words that are reported."""
    message, code = expired_words(now), "ExpiredAuthenticationToken"
    if found.wrong is Wrong.AUDIENCE:
        allowed = ",".join(f"'{one}'" for one in _MANAGEMENT)
        message = (
            f"The access token has been obtained for wrong audience or resource '{found.found}'. It should "
            f"exactly match with one of the allowed audiences {allowed}."
        )
        code = "InvalidAuthenticationTokenAudience"
    challenge = challenge_of(error="invalid_token", description=message)
    return attrs.evolve(
        Refusal(401, message, code).reply(scope, now), headers={"WWW-Authenticate": challenge}
    )
