"""The tokens of one credential, kept for as long as they are valid.

azure-core keeps a token in each of its clients, of which one submission makes a dozen; the credential of the
Azure command line starts a process for each. Here they are fetched once, by one thread at a time.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    ServiceRequestError,
    ServiceResponseError,
)

from amlrun._account import account_of
from amlrun._credential import asking, name_of
from amlrun._signing_in import way_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import TokenCredential

    from amlrun._account import Account

EARLY = 300.0
"""Seconds before its end that a token is renewed: azure-core's own."""
FAILED_FOR = 5.0
"""Seconds for which a failure stands: look-ups that go out side by side would each try every way again."""
UNANSWERED = (ServiceRequestError, ServiceResponseError)
_FAULT = re.compile(r"HTTP Error: (429|5\d\d)")
"""As msal says it."""
_log = logging.getLogger("amlrun")
_Key = tuple[tuple[str, ...], str, bool]


class Tokens:
    """A `TokenCredential` that asks another one, and keeps what it answers.

    `ahead` are scopes whose tokens are fetched together with the first one: what is signed in by a proof that
    soon expires can't fetch them later. `told` is called once, with the first token and the moment until
    which those that were fetched are valid.
    """

    def __init__(
        self,
        credential: TokenCredential,
        *,
        ahead: tuple[str, ...] = (),
        told: Callable[[str, float], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.credential = credential
        self._ahead, self._told, self._now = ahead, told, now
        self._kept: dict[_Key, AccessTokenInfo] = {}
        self._failed: dict[_Key, tuple[float, AzureError]] = {}
        self._lock = threading.Lock()
        self._asking: dict[_Key, threading.Lock] = {}

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for the scopes: the kept one, unless the options ask for another than the usual."""
        found = self.get_token_info(*scopes, options=options)
        return AccessToken(found.token, found.expires_on)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """The same in the newer form."""
        wanted = {name: value for name, value in (options or {}).items() if value}
        key = scopes, str(wanted.get("tenant_id", "")), bool(wanted.get("enable_cae"))
        with self._lock:
            kept = self._kept.get(key)
            turn = self._asking.setdefault(key, threading.Lock())
        # Claims are asked for where the kept one is not taken any more.
        if kept is not None and "claims" not in wanted and not self._is_due(kept):
            return kept
        with turn:  # who asks for another audience doesn't wait for this one
            found = self._renewed(key, wanted)
        self._first(found)  # it may ask for this one again
        return found

    def _renewed(self, key: _Key, wanted: dict[str, Any]) -> AccessTokenInfo:
        kept = self._kept.get(key)  # somebody may have fetched it meanwhile
        if kept is not None and "claims" not in wanted and not self._is_due(kept):
            return kept
        lasts = kept is not None and "claims" not in wanted and kept.expires_on > self._now()
        since, failure = self._failed.get(key, (0.0, None))
        if failure is not None and 0 <= self._now() - since < FAILED_FOR:
            if kept is not None and lasts:
                return kept
            raise failure.with_traceback(None)  # it would grow by the stack of each who is told
        try:
            fresh = self._ask(key[0], wanted)
        except AzureError as error:
            self._failed[key] = (self._now(), error)
            if kept is None or not lasts:
                raise
            _log.info("a token can't be renewed, and is used to its end: %s", str(error).partition("\n")[0])
            return kept
        with self._lock:
            self._kept[key] = fresh
        return fresh

    def forget(self, *scopes: str) -> None:
        """Ask anew the next time: the service didn't take it, and somebody may have signed in again since.

        Where there is no other, it is used on until its end.
        """
        with self._lock:
            for key in [key for key in self._kept if key[0] == scopes]:
                self._kept[key] = _due_now(self._kept[key])

    @property
    def way(self) -> str:
        """How somebody is signed in, in words; of a chain: by which of it, once there was a token."""
        return way_of(name_of(self.credential))

    def account(self, *scopes: str) -> Account | None:
        """Who the token for these scopes speaks for, if that can be told."""
        return account_of(self.get_token(*scopes).token)

    def _first(self, token: AccessTokenInfo) -> None:
        with self._lock:
            ahead, self._ahead = self._ahead, ()
            told, self._told = self._told, None
        for scope in ahead:
            with contextlib.suppress(Exception):  # whatever a user's own raises: who needs it is told then
                self.get_token(scope)
        if told is not None:
            with self._lock:
                until = min(kept.expires_on for kept in self._kept.values())
            told(token.token, float(until))

    def _is_due(self, kept: AccessTokenInfo) -> bool:
        now = self._now()
        return kept.expires_on - now < EARLY or (kept.refresh_on is not None and kept.refresh_on <= now)

    def _ask(self, scopes: tuple[str, ...], options: dict[str, Any]) -> AccessTokenInfo:
        newer: Any = getattr(self.credential, "get_token_info", None)
        try:
            with asking():
                if newer is not None:
                    fresh: AccessTokenInfo = newer(*scopes, options=options)
                    return fresh
                token = self.credential.get_token(*scopes, **options)
        except DecodeError as error:  # what it says of the reply may be half a token
            raise ClientAuthenticationError(message=str(error.message)) from None
        except (*UNANSWERED, OSError, ValueError) as error:
            # A file that is nowhere, a tenant that is none; and where nobody answered, which azure-core would
            # take for a fault of the request's own, and repeat.
            raise ClientAuthenticationError(message=str(error)) from error
        return AccessTokenInfo(token.token, token.expires_on)


def _due_now(token: AccessTokenInfo) -> AccessTokenInfo:
    return AccessTokenInfo(token.token, token.expires_on, token_type=token.token_type, refresh_on=1)


def fault_of(error: ClientAuthenticationError) -> int | None:
    """The status of a passing fault for which there is no token (0: nobody answered); None: it is another."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UNANSWERED):
            return 0
        cause = cause.__cause__
    status, said = error.status_code or 0, _FAULT.search(str(error.message))
    if said:
        return int(said[1])
    return status if status == 429 or status >= 500 else None  # noqa: PLR2004 - throttled, or HTTP's faults
