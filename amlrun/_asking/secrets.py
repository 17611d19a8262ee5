"""Environment variables that hold secrets, by their names and by the look of their values. Pure.

What is found here is told by its name, and never by its value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_END = r"(_(value|\d+))*$"
_NAMES_ONE = re.compile(
    rf"(^|_)([a-z]*(secret|password|passwd)|passphrase|pwd|credentials?|connection_?string|conn_?str|sas|pat){_END}"
)
_MAY_NAME_ONE = re.compile(rf"(^|_)((api|access|account|private|secret)?key|token){_END}")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_VALUE = re.compile(
    r"""
    (AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd)\s*=[^;\s]   # connection strings
    | [?&]sig=                                                          # shared access signatures
    | ^eyJ[\w-]+\.eyJ                                                   # JSON web tokens
    | ^(gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|AKIA|ASIA|AIza|dapi)[\w-]{12,}
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY
    | ^[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@                          # a URL with a password
    """,
    re.VERBOSE,
)
_SETTING = re.compile(r"true|false|none|null|-?\d+(\.\d+)?", re.IGNORECASE)
"""What only sounds like a secret: `PAD_TOKEN=0`."""


def secret_names(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The names of those that look like secrets, in order."""
    return tuple(name for name, value in variables.items() if is_secret(name, value))


def is_secret(name: str, value: str) -> bool:
    """Whether it is likely that nobody else should read this value."""
    words = "_".join(_WORDS.findall(name)).lower()
    if not value.strip():
        return False
    if _VALUE.search(value) or _NAMES_ONE.search(words):
        return True
    return _MAY_NAME_ONE.search(words) is not None and not _SETTING.fullmatch(value.strip())
