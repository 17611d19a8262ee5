"""What every request must bring before anybody looks at what it asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from amlrun.testing._access import tokens
from amlrun.testing._api.exchange import Refusal, Reply
from amlrun.testing._wire.faults import challenge_of

if TYPE_CHECKING:
    from amlrun.testing._api.exchange import Request, Scope

_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-[a-z]+)?")


def refused(request: Request, scope: Scope, now: float, *, versioned: bool) -> Reply | None:
    """What is said to a request without a token, or without the api-version that ARM asks for."""
    if not request.headers.get("authorization"):
        # Assumed: the words of run history; these are ARM's.
        message = "Authentication failed. The 'Authorization' header is missing."
        reply = Refusal(401, message, "AuthenticationFailed").reply(scope, now)
        challenge = challenge_of(error="invalid_token", description=message)
        return attrs.evolve(reply, headers={"WWW-Authenticate": challenge})
    kind, _, token = request.headers["authorization"].partition(" ")
    if kind.lower() != "bearer":
        # Reported of the resource manager.
        message = "Authentication failed. The 'Authorization' header is provided in an invalid format."
        return Refusal(401, message, "AuthenticationFailedInvalidHeader").reply(scope, now)
    # Assumed: run history takes those for the resource manager and for Azure ML; others, in these words, not.
    found = tokens.doubt(token, tokens.OF_MANAGEMENT if versioned else tokens.OF_HISTORY, tenant=None)
    if found is not None:
        return tokens.refusal(found, scope, now)
    if versioned and not request.query.get("api-version"):
        message = "The api-version query parameter (?api-version=) is required for all requests."
        return Refusal(400, message, "MissingApiVersionParameter").reply(scope, now)
    if versioned and not _VERSION.fullmatch(request.query["api-version"]):
        # Assumed: the words, and that nothing else about a version is looked at.
        message = (
            f"The api-version '{request.query['api-version']}' is invalid: it must be YYYY-MM-DD(-preview)."
        )
        return Refusal(400, message, "InvalidApiVersionParameter").reply(scope, now)
    return None
