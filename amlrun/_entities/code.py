"""The code of an entity: whatever part of it has a local folder is given a staged one in its place."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.settings import local_folder
from amlrun._upload.staging import staged
from amlrun._upload.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._upload.contents import Upload


@contextlib.contextmanager
def staged_code(entity: Any, uploads: Iterable[Upload]) -> Iterator[None]:
    """While it lasts, the entity uploads what `uploads` hold of its folders, and nothing else."""
    known = {upload.folder: upload for upload in uploads}
    stages: dict[Path, Path] = {}
    with contextlib.ExitStack() as stack:
        for part, folder in list(_codes(entity)):
            if folder not in stages:
                stages[folder] = stack.enter_context(staged(known.get(folder) or survey(folder)))
            part.code = str(stages[folder])
        yield


def _codes(entity: Any) -> Iterator[tuple[Any, Path]]:
    """Each part that has code of its own, and the local folder or file that it would upload."""
    for part in (entity, getattr(entity, "trial", None)):
        base = getattr(part, "base_path", None) or getattr(entity, "base_path", None) or "."
        folder = local_folder(getattr(part, "code", None), Path(base))
        if folder is not None:
            yield part, folder
