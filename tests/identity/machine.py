"""What stands on a machine: a stand-in for the Azure command line, which counts how often it was started."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from amlrun.testing._supply.tokens import token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ARM = "https://management.azure.com"


class Az:
    """A program `az` in a folder of its own. Nobody is logged in until somebody is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._started = folder / "started"
        self.fails("ERROR: Please run 'az login' to setup account.")

    @property
    def started(self) -> int:
        """How often it was."""
        return len(self._started.read_text().splitlines()) if self._started.exists() else 0

    def fails(self, words: str) -> None:
        """From now on it says this and ends with 1."""
        (self.folder / "says").write_text(words)
        self._write("cat $HERE/says >&2; exit 1")

    def gives(self, claims: Mapping[str, str], *, lifetime: float = 3600.0) -> None:
        """From now on it gives a token with these claims."""
        expires = int(time.time() + lifetime)
        said = {"accessToken": token(ARM, expires, **claims), "expires_on": expires, "tokenType": "Bearer"}
        (self.folder / "says").write_text(json.dumps(said))
        self._write("cat $HERE/says")

    def _write(self, last: str) -> None:
        program = self.folder / "az"
        program.write_text(f"#!/bin/sh\nHERE={self.folder}\necho started >>$HERE/started\n{last}\n")
        program.chmod(0o755)
