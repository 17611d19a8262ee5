"""The code of an entity: whatever part of it has a local folder is given a staged one in its place."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.folders import included_of, local_folder
from amlrun._asking.parts import is_entity, read
from amlrun._entities.pipeline import leaves
from amlrun._job_types import TRAITS, JobType
from amlrun._upload.included import survey_with
from amlrun._upload.staging import staged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._upload.contents import Upload


@contextlib.contextmanager
def staged_code(entity: Any, uploads: Iterable[Upload]) -> Iterator[None]:
    """While it lasts, the entity uploads what `uploads` hold of its folders, and nothing else."""
    known = {upload.folder: upload for upload in uploads if not upload.included}
    stages: dict[_Code, Path] = {}
    with contextlib.ExitStack() as stack:
        for part, code in list(_codes(entity)):
            folder, included = code
            if code not in stages:
                upload = None if folder is None or included else known.get(folder)
                stages[code] = stack.enter_context(staged(upload or survey_with(folder, included)))
            part.code = str(stages[code])
            for one in (part, read(part, "component")):
                if read(one, "additional_includes"):
                    one.additional_includes = []
        yield


_Code = tuple[Path | None, tuple[Path, ...]]


def _codes(entity: Any) -> Iterator[tuple[Any, _Code]]:
    """Each part that has code of its own, the local folder or file that it would upload, and what with it."""
    for _, part in parts_of(entity):
        base = Path(read(part, "base_path") or read(entity, "base_path") or ".")
        code = (local_folder(read(part, "code"), base), included_of(part, base))
        if any(code):
            yield part, code


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
