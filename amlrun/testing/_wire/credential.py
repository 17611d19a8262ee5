"""A credential that needs nobody: tokens that can be decoded and open nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo

from amlrun.testing._access.principals import CALLER
from amlrun.testing._supply.tokens import LIFETIME, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from amlrun.testing._access.principals import Principal


class FakeCredential:
    """A `TokenCredential` whose tokens are JSON web tokens without a signature, of whoever it is.

    `ready` is called before each is given; it raises where the fake isn't there to be asked.
    """

    def __init__(self, ready: Callable[[], None] | None = None, who: Principal = CALLER) -> None:
        self._ready = ready
        self._who = who

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """A token for the scopes. It is valid by the machine's clock: azure-core looks at that one."""
        expires = self._expires()
        return AccessToken(self._token(scopes, expires), expires)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:  # noqa: ARG002 - the protocol's
        """The same in the newer form."""
        expires = self._expires()
        return AccessTokenInfo(self._token(scopes, expires), expires)

    def _expires(self) -> int:
        if self._ready is not None:
            self._ready()
        return int(time.time()) + LIFETIME

    def _token(self, scopes: tuple[str, ...], expires: int) -> str:
        resource = scopes[0].removesuffix("/.default") if scopes else ""
        who = self._who
        return token(resource, expires, oid=who.object_id, upn=who.name, tid=who.tenant)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
