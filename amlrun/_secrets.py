"""Settings that hold secrets, by their names and by the look of their values. Pure.

What is found here is told by its name, and never by its value.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_END = r"(_(value|\d+))*$"
_NAMES_ONE = re.compile(
    rf"(^|_)([a-z]*(secret|password|passwd)|secrets|pass(phrase|code)|pwd|credentials?|connection_?string|conn_?str"
    rf"|sas(_?url|_?token)?|pat|jwt|bearer){_END}"
)
_MAY_NAME_ONE = re.compile(
    rf"(^|_)((api|access|account|private|secret)?key|token|pass|pw|auth|authorization|cookie){_END}"
)
_WEAK = re.compile(r"(^|_)(key|token|auth|pass)$")
"""Options of programs are called so that take a name or a path: `--sort-key name`."""
_PLAIN_WORD = re.compile(r"[A-Za-z_]+([./][A-Za-z_]+)*")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_VALUE = re.compile(
    r"""
    (AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd)\s*=[^;\s]   # connection strings
    | [?&]sig=                                                          # shared access signatures
    | ^eyJ[\w-]+\.eyJ                                                   # JSON web tokens
    | ^(gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|AKIA|ASIA|AIza|dapi|npm_|pypi-|ya29\.)[\w-]{12,}
    | ^(Bearer|Basic)\s+[\w.~+/-]{8,}=*$
    | ^[A-Za-z0-9+/]{86}==$                                             # a storage account's key
    | ^[\w.~-]{3}[78]Q~[\w.~-]{31,34}$                                  # an Entra application's secret
    | ^https://hooks\.slack\.com/services/\w
    | ^https?://[^/\s:@]{16,}@                                          # a URL with a token for a user
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY
    | ^[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@                          # a URL with a password
    """,
    re.VERBOSE,
)
_IN_LINE = re.compile(
    r"""
    \bauthorization:\s*(bearer|basic|token)\s+[^\s'"$<]                  # curl -H 'Authorization: Bearer …'
    | \bcurl\b{own}\s(-u|--user)[\s=]+['"]?[^\s:$'"]+:[^\s$'"]           # curl -u user:password
    | \b(docker|podman|az|oras|helm)\b{own}\slogin\b{own}\s-p\s+['"]?[^\s$'"-]   # az acr login -p …
    """.replace("{own}", r"(?:[^|;&\n]|\\\n){0,200}"),  # of that command, and of none behind it
    re.VERBOSE | re.IGNORECASE,
)
_SEVERAL = re.compile(r"[\s=]")
_ELSEWHERE = ("-", "$", "<")
"""How the word behind an option begins that is no value: another option, a variable, a blank."""
_SETTING = re.compile(r"true|false|none|null|-?\d+(\.\d+)?", re.IGNORECASE)
"""What only sounds like a secret: `PAD_TOKEN=0`."""


def secret_names(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The names of those that look like secrets, in order."""
    return tuple(name for name, value in variables.items() if is_secret(name, value))


def told_secrets(where: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """What a plan warns of where some look so."""
    names = secret_names(variables)
    if not names:
        return ()
    look = "look" if names[1:] else "looks"
    return (f"{where}: {', '.join(names)} {look} like a secret: {_WHO_READS}",)


def told_in(where: str) -> str:
    """The same of a text that has one in it."""
    return f"{where}: something in it looks like a secret: {_WHO_READS}"


_WHO_READS = (
    "whoever may read the job can read it; the job's identity can read one from a key vault instead: "
    "amlrun.current().secret(…)"
)


def is_secret(name: str, value: str) -> bool:
    """Whether it is likely that nobody else should read this value."""
    if not value.strip():
        return False
    names_one, may_name_one = _told_by(name)
    if names_one or _VALUE.search(value):
        return True
    return may_name_one and not _SETTING.fullmatch(value.strip())


@lru_cache(maxsize=4096)
def _told_by(name: str) -> tuple[bool, bool]:
    """Whether a name says that it is of a secret, and whether it may."""
    said = list(itertools.accumulate(name.split("."), "{}.{}".format))  # fs.azure.account.key.<whose it is>
    words = ["_".join(_WORDS.findall(one)).lower() for one in said]
    return any(map(_NAMES_ONE.search, words)), any(map(_MAY_NAME_ONE.search, words))


def in_arguments(arguments: str | Sequence[str]) -> bool:
    """Whether a program's arguments hold one: `-e HF_TOKEN=…`, `--password …`."""
    text = arguments if isinstance(arguments, str) else " ".join(map(str, arguments))
    if _IN_LINE.search(text):
        return True
    before = ""
    for word in re.split(r"[\s'\"]+", text):
        name, is_named, value = word.partition("=")
        if not is_named:
            name, value = before, word
        plain = name.startswith("-") and _PLAIN_WORD.fullmatch(value) and _is_weak(name)
        if is_secret("" if plain or value.startswith(_ELSEWHERE) else name, value):
            return True
        before = "" if is_named or not word.startswith("-") else word
    return False


def _is_weak(name: str) -> bool:
    return _WEAK.search("_".join(_WORDS.findall(name)).lower()) is not None


def holds_one(name: str, value: Any) -> bool:
    """Whether a text of that name, or one of a list, is a secret or holds one: a command, a signed URL."""
    if isinstance(value, str):
        return is_secret(name, value) or (_SEVERAL.search(value) is not None and in_arguments(value))
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return False
    return any(is_secret(name, one) for one in value) or in_arguments(value)
