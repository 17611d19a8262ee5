"""A folder with what goes along and nothing else, as azure-ai-ml takes it: links, in a place of their own.

The folder has the name of the real one, and azure-ai-ml reads what links lead to: for the same content the
snapshot has the same hash, whenever and wherever it was staged.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._upload.contents import Upload


@contextlib.contextmanager
def staged(upload: Upload) -> Iterator[Path]:
    """The path to give to azure-ai-ml; gone afterwards. One file is given as it is."""
    if not upload.folder.is_dir():
        yield upload.folder
        return
    with tempfile.TemporaryDirectory(prefix="amlrun-") as place:
        folder = Path(place, upload.folder.resolve().name)
        for name in {os.path.dirname(one.path) for one in upload.files}:  # noqa: PTH120  of many, quickly
            (folder / name).mkdir(parents=True, exist_ok=True)
        for one in upload.files:
            _link(one.source, folder / one.path)
        yield folder


def _link(source: str, target: Path) -> None:
    """A link; where the system gives none to this account, as Windows does, another name or a copy."""
    for way in (os.symlink, os.link):
        try:
            way(source, target)
        except OSError:
            continue
        return
    shutil.copyfile(source, target)
