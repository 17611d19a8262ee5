"""A user's value in a message: what it is, and never what is in it, for that may be a secret. Pure."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import PurePath
from typing import Any

_LONGEST = 80
_MOST = 6


def shown(value: Any) -> str:
    """Texts, numbers and short lists of them as they are written; anything else by its kind: `a Command`."""
    if value is None or isinstance(value, (str, int, float, PurePath, dt.timedelta)):
        text = repr(value)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    if isinstance(value, (list, tuple)) and len(value) <= _MOST:
        inner = ", ".join(map(shown, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    return a_kind(value)


def a_kind(value: Any) -> str:
    """What kind of thing it is, with its article: `an object`."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


_KEY_TO_IT = re.compile(r"(?<=://)[^/\s?#]*@|(?<=\?)\S*")
"""What stands in a URL before its host, and behind its path: passwords, signatures."""


def bare(url: str) -> str:
    """A URL as it may be shown: without what opens it."""
    return _KEY_TO_IT.sub("…", url) if "://" in url else url
