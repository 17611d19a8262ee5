"""The code of an entity: whatever part of it has a local folder is given a staged one in its place."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.settings import is_entity, local_folder, read
from amlrun._entities.pipeline import leaves
from amlrun._job_types import TRAITS, JobType
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
    for _, part in parts_of(entity):
        base = read(part, "base_path") or read(entity, "base_path") or "."
        folder = local_folder(read(part, "code"), Path(base))
        if folder is not None:
            yield part, folder


def parts_of(entity: Any) -> Iterator[tuple[str, Any]]:
    """What may have code or an environment: the job or its trial, and a pipeline's steps' components.

    With the paths of the steps; "" where there are none.
    """
    if entity.type == TRAITS[JobType.PIPELINE].word:
        for path, node in leaves(entity):
            yield from (
                (path, part) for part in (read(node, "component"), read(node, "trial")) if is_entity(part)
            )
    else:
        yield "", entity
        yield "", getattr(entity, "trial", None)
