"""A user's value in a message: what it is, and never what is in it, for that may be a secret. Pure."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import PurePath
from typing import Any

from amlrun._secrets import holds_one

_LONGEST = 80
_MOST = 6


def shown(value: Any) -> str:
    """Texts, numbers and short lists of them as they are written; anything else by its kind: `a Command`."""
    if value is None or isinstance(value, (str, int, float, PurePath, dt.timedelta)):
        text = readable(repr(value))
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    if isinstance(value, (list, tuple)) and len(value) <= _MOST:
        inner = ", ".join(map(shown, value))
        if _HIDDEN not in inner and holds_one("", list(value)):  # behind an option that names it
            inner = _HIDDEN
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    return a_kind(value)


def a_kind(value: Any) -> str:
    """What kind of thing it is, with its article: `an object`."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def readable(text: str) -> str:
    """A text as it may be shown: its URLs bare, without words that look like secrets; or nothing of it."""
    told = bare(text)
    if not holds_one("", told.strip("'\"")):
        return told
    told = _WORD.sub(lambda word: _HIDDEN if holds_one("", word[0]) else word[0], told)
    return _HIDDEN if holds_one("", told) else told


_HIDDEN = "(what looks like a secret)"
_WORD = re.compile(r"[^\s'\"]+")
_KEY_TO_IT = re.compile(r"(?<=://)[^/\s?#]*@|(?<=\?)[^\s'\"]+")
"""What stands in a URL before its host, and behind its path: passwords, signatures."""


def bare(url: str) -> str:
    """A URL as it may be shown: without what opens it."""
    return _KEY_TO_IT.sub("…", url) if "://" in url else url
