"""The tokens of one credential, kept for as long as they are valid.

azure-core keeps a token in each of its clients, of which one submission makes a dozen; the credential of the
Azure command line starts a process for each. Here they are fetched once, by one thread at a time.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo

from amlrun._account import account_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import TokenCredential

    from amlrun._account import Account

EARLY = 300.0
"""Seconds before its end that a token is renewed: azure-core's own."""


class Tokens:
    """A `TokenCredential` that asks another one, and keeps what it answers."""

    def __init__(self, credential: TokenCredential, *, now: Callable[[], float] = time.time) -> None:
        self.credential = credential
        self._now = now
        self._kept: dict[tuple[str, ...], AccessTokenInfo] = {}
        self._lock = threading.RLock()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for the scopes: the kept one, unless the options ask for another than the usual."""
        found = self.get_token_info(*scopes, options=options)
        return AccessToken(found.token, found.expires_on)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """The same in the newer form."""
        wanted = {name: value for name, value in (options or {}).items() if value}
        with self._lock:
            kept = self._kept.get(scopes)
            if kept is not None and not wanted and not self._due(kept):
                return kept
            fresh = self._ask(scopes, wanted)
            if "tenant_id" not in wanted:  # claims are asked for where the kept one is not taken any more
                self._kept[scopes] = fresh
            return fresh

    def account(self, *scopes: str) -> Account | None:
        """Who the token for these scopes speaks for, if that can be told."""
        return account_of(self.get_token(*scopes).token)

    def _due(self, kept: AccessTokenInfo) -> bool:
        now = self._now()
        return kept.expires_on - now < EARLY or (kept.refresh_on is not None and kept.refresh_on <= now)

    def _ask(self, scopes: tuple[str, ...], options: dict[str, Any]) -> AccessTokenInfo:
        newer: Any = getattr(self.credential, "get_token_info", None)
        if newer is not None:
            fresh: AccessTokenInfo = newer(*scopes, options=options)
            return fresh
        token = self.credential.get_token(*scopes, **options)
        return AccessTokenInfo(token.token, token.expires_on)
