"""What the service said of sizes and prices, kept on disk for the next process.

One file for each region of a subscription. It only ever saves a request: a file that can't be read is as if
it weren't there, and a folder that can't be written is no error.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._readings.json_values import items_in, object_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VARIABLE = "AMLRUN_CACHE"
"""Names the folder, in the place of the platform's."""
VERSION = 1
"""Of the form of the files."""
_log = logging.getLogger("amlrun")


def cache_folder(environment: Mapping[str, str], platform: str, *, usual: bool) -> Path | None:
    """Where amlrun keeps what can be read again: the folder that is named, or the platform's `usual` one.

    None: nowhere. There may be no home to have it in.
    """
    named = environment.get(VARIABLE)
    if named or not usual:
        return Path(named) if named else None
    windows = platform == "win32"
    given = environment.get("LOCALAPPDATA" if windows else "XDG_CACHE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "amlrun"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home / ("AppData/Local" if windows else ".cache") / "amlrun"


@attrs.frozen
class Shelf:
    """One file of rows, for one region of one subscription."""

    path: Path

    @classmethod
    def of(cls, folder: Path, subscription: str, region: str) -> Shelf:
        """The shelf in that folder. Its name tells nobody which subscription it is of."""
        name = hashlib.sha256(f"{subscription}/{region}".lower().encode()).hexdigest()[:32]
        return cls(folder / f"sizes-{name}.json")

    def take(self, now: float, lasts: float) -> tuple[Sequence[dict[str, Any]], float] | None:
        """The rows, and how old they are in seconds: less than `lasts`. None: none are to be trusted."""
        try:
            kept = object_in(json.loads(self.path.read_text(encoding="utf-8")))
            age = now - float(kept["at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if kept.get("version") != VERSION or not 0 <= age < lasts:
            return None
        return items_in(kept.get("rows")), age

    def put(self, rows: Sequence[Mapping[str, Any]], now: float) -> None:
        """Keep them: whoever reads meanwhile finds the old file or the new one, whole."""
        text = json.dumps({"version": VERSION, "at": now, "rows": rows}, separators=(",", ":"))
        folder, new = self.path.parent, self.path.with_suffix(f".{secrets.token_hex(4)}")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            new.replace(self.path)
        except OSError as error:
            _log.debug("sizes are not kept in %s: %s", folder, error)
            with contextlib.suppress(OSError):
                new.unlink()
