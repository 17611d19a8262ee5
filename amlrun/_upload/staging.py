"""A folder with what goes along and nothing else, as azure-ai-ml takes it: links, in a place of their own.

The folder has the name of the real one, and azure-ai-ml reads what links lead to: for the same content the
snapshot has the same hash, whenever and wherever it was staged.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._upload.contents import CodeFile, Upload


@contextlib.contextmanager
def staged(upload: Upload) -> Iterator[Path]:
    """The path to give to azure-ai-ml; gone afterwards. One file is given as it is."""
    is_folder = upload.folder.is_dir()
    if not is_folder and not upload.included:
        yield upload.folder
        return
    with tempfile.TemporaryDirectory(prefix="amlrun-") as place:
        folder = Path(place, upload.folder.resolve().name if is_folder else "code")
        for name in {os.path.dirname(one.path) for one in upload.files}:  # noqa: PTH120  of many, quickly
            (folder / name).mkdir(parents=True, exist_ok=True)
        for one in upload.files:
            if one.members:
                _archive(one, folder / one.path)
            else:
                _link(one.source, folder / one.path)
        yield folder


def _archive(one: CodeFile, target: Path) -> None:
    """As azure-ai-ml writes it, so that the snapshot has the same hash."""
    folder = Path(one.source)
    with zipfile.ZipFile(target, "w") as archive:
        archive.write(folder, folder.name)
        for member in sorted(one.members, key=lambda member: member.source):
            archive.write(member.source, f"{folder.name}/{member.path}")


def _link(source: str, target: Path) -> None:
    """A link; where the system gives none to this account, as Windows does, another name or a copy."""
    for way in (os.symlink, os.link):
        try:
            way(source, target)
        except OSError:
            continue
        return
    shutil.copyfile(source, target)
