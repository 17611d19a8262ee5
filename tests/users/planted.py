"""Secrets wherever a user can put one, each with a mark in it, and where the marks are looked for."""

from __future__ import annotations

import json
import re
import traceback
import zlib
from base64 import b85decode
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.core.credentials import TokenCredential

_MARK = re.compile(r"c4nary-?\w*")
VARIABLES = {
    "HF_TOKEN": "c4nary-token",
    "DB_PASSWORD": "c4nary-password",
    "DATABASE": "Server=tcp:db;User=me;Password=c4nary-database;",
    "SEED": "7",
}
COMMAND = "python train.py --db 'Endpoint=sb://x;SharedAccessKey=c4nary-connection=' --api-key c4nary-option"
INPUTS = {
    "rows": {
        "type": "uri_file",
        "path": "https://a.blob.core.windows.net/c/x.csv?sv=1&sig=c4nary-signature",
        "mode": "download",
    },
    "api_key": "c4nary-literal",
}
DOCKER_ARGS = "--ipc=host -e REGISTRY_PASSWORD=c4nary-docker"
PROXIES = {"https": "http://me:c4nary-proxy@proxy.example.org:8080"}
ACCOUNT_KEY = "c4naryaccountkey" + "A" * 70 + "=="
SAS = "?sv=2024&sp=rwl&sig=c4nary-sas"
OF_THE_JOB = {
    *("c4nary-token", "c4nary-password", "c4nary-database", "c4nary-connection", "c4nary-option"),
    *("c4nary-signature", "c4nary-literal", "c4nary-docker"),
}
"""Those that the job itself must carry, or it doesn't get them."""


class Marked:
    """A credential whose tokens have a mark, each of them."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """The other one's, marked where a signature stands."""
        token = self._credential.get_token(*scopes, **options)
        return AccessToken(f"{token.token.rpartition('.')[0]}.c4nary-bearer", token.expires_on)


def marks(*things: Any) -> set[str]:
    """The marks in texts, in bytes, and in what is packed."""
    return {
        mark for thing in things for mark in _MARK.findall(thing if isinstance(thing, str) else repr(thing))
    }


def marks_below(folder: Path) -> set[str]:
    """Those in the names and the bytes of all files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return marks(*map(str, files), *(path.read_bytes().decode("latin-1") for path in files))


def marks_of(error: BaseException) -> set[str]:
    """All that an error says, or has, and those that it came of."""
    return marks(*_told(error), "".join(traceback.format_exception(error)))


def _told(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        yield from (str(error), repr(error), error.args, getattr(error, "hint", ""), vars(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def unpacked(properties: dict[str, str]) -> str:
    """What a job remembers, as text."""
    whole: dict[str, str] = {}
    for name, value in properties.items():
        stem = re.sub(r"(?<=body|plan)\.\d+$", "", name)
        whole[stem] = whole.get(stem, "") + value
    for name in ("amlrun.body", "amlrun.plan"):
        text = whole.get(name, "{")
        if not text.startswith("{"):
            whole[name] = zlib.decompress(b85decode(text)).decode()
    assert "amlrun.body" in whole
    return json.dumps(whole)
