"""What stands between this machine and the service: proxies, and authorities that are trusted. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name files of certificates."""
_VARIABLES = (*_PROXIES, "NO_PROXY", *AUTHORITIES)
"""What `requests` reads, each of the proxies in small letters too."""
_SETTINGS = ("proxies", "connection_verify", "connection_cert")
"""What a client may have been given, which wins."""


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def in_between(environment: Mapping[str, str], connection: Mapping[str, Any]) -> dict[str, str]:
    """The variables and settings in use, without the name and password of a proxy; {}: there are none."""
    found = {spelt: _bare(name, value) for name, spelt, value in _said(environment, _VARIABLES)}
    for name in _SETTINGS:
        given = connection.get(name)
        if isinstance(given, dict):
            found |= {f"{name}[{key}]": _without_whom(str(value)) for key, value in given.items()}
        elif given is not None:
            found[name] = str(given)
    return found


def unreadable(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables whose URL nobody can read: a name or password holds bare what has a meaning in a URL."""
    said = _said(environment, _PROXIES)
    return tuple(spelt for _, spelt, value in said if re.search(r"[][/?#]", _whom(value)))


UNREADABLE = "%2F stands for /, %3F for ?, %23 for #, %5B and %5D for [ and ]"
"""What to do about them."""


def way_out(words: str, *, usual: str = "Is there a network, a proxy or a VPN?") -> str:
    """What to do where no connection came about, by what `requests` says of it."""
    if "TLS CA certificate bundle" in words:
        return f"Mend or unset {' or '.join(AUTHORITIES)}: it names a file that isn't there."
    if "TLS certificate file" in words or "TLS key file" in words:
        return "Mend the client's connection_cert: it names a file that isn't there."
    if "CERTIFICATE_VERIFY_FAILED" in words or "certificate verify failed" in words:
        return (
            f"Is a proxy in between that has certificates of its own? Its authority: {AUTHORITIES[0]}=<file>."
        )
    if "connect to proxy" in words:
        return f"Mend or unset {' or '.join(_PROXIES[:2])}, or name in NO_PROXY what is reached without it."
    return usual


def _said(environment: Mapping[str, str], names: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Each that is there: its name, how it is spelt, and its value."""
    for name in names:
        spellings = (name.lower(), name)  # requests looks at the small one first
        spelt = next((one for one in spellings if environment.get(one)), None)
        if spelt:
            yield name, spelt, environment[spelt]


def _bare(name: str, value: str) -> str:
    return _without_whom(value) if name in _PROXIES else value


def _without_whom(value: str) -> str:
    """A proxy's URL without whom it is for. It is not taken apart: one that is broken may hold a password."""
    whom = _whom(value)
    return value.replace(f"{whom}@", "…@", 1) if whom else value


def _whom(value: str) -> str:
    """All that stands before the last @ of a URL, without its scheme."""
    scheme = _SCHEME.match(value)
    return value[scheme.end() if scheme else 0 :].rpartition("@")[0]
