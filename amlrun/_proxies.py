"""What stands between this machine and the service: proxies, and authorities that are trusted. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""What `requests` reads, each of the proxies in small letters too."""
_SETTINGS = ("proxies", "connection_verify", "connection_cert")
"""What a client may have been given, which wins."""


def in_between(environment: Mapping[str, str], connection: Mapping[str, Any]) -> dict[str, str]:
    """The variables and settings in use, without the name and password of a proxy; {}: there are none."""
    found = {}
    for name in _VARIABLES:
        for spelt in (name.lower(), name):  # requests looks at the small one first
            if environment.get(spelt):
                found[spelt] = _bare(environment[spelt])
                break
    for name in _SETTINGS:
        given = connection.get(name)
        if isinstance(given, dict):
            found |= {f"{name}[{key}]": _bare(str(value)) for key, value in given.items()}
        elif given is not None:
            found[name] = str(given)
    return found


def _bare(value: str) -> str:
    """A URL without whom it is for; anything else as it is."""
    parts = urlsplit(value if "//" in value else f"//{value}")
    if "@" not in parts.netloc:
        return value
    bare = urlunsplit(parts._replace(netloc=f"…@{parts.netloc.rpartition('@')[2]}"))
    return bare if "//" in value else bare.removeprefix("//")
