"""A credential that needs nobody: tokens that can be decoded and open nothing."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo

if TYPE_CHECKING:
    from typing_extensions import Self

_LIFETIME = 24 * 3600


class FakeCredential:
    """A `TokenCredential` whose tokens are JSON web tokens without a signature."""

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """A token for the scopes. It is valid by the machine's clock: azure-core looks at that one."""
        expires = int(time.time()) + _LIFETIME
        return AccessToken(_jwt(scopes, expires), expires)

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:  # noqa: ARG002 - the protocol's
        """The same in the newer form."""
        expires = int(time.time()) + _LIFETIME
        return AccessTokenInfo(_jwt(scopes, expires), expires)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _jwt(scopes: tuple[str, ...], expires: int) -> str:
    claims = {
        "aud": scopes[0].removesuffix("/.default") if scopes else "",
        "exp": expires,
        "tid": "00000000-0000-0000-0000-000000000003",
        "oid": "00000000-0000-0000-0000-000000000001",
        "upn": "fake-user",
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])
