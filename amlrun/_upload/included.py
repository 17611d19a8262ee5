"""What a component says to be included in its code, beside what is in the folder of that.

As azure-ai-ml has it: each file or folder stands under its own name at the top of the code, and a folder `x`
as the archive that is named, `x.zip`. But what stays at home of any code stays at home of these, too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._paths import is_folder, is_there, whole
from amlrun._shown import a_kind, shown
from amlrun._upload.contents import CodeFile, Upload
from amlrun._upload.survey import left_out_of, survey

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARGUMENT = "job"


def included_in(folder: Path, said: Any) -> tuple[Path, ...]:
    """The places that are named, by paths that begin in `folder`.

    Raises `InvalidRequest` for what is no path, or isn't there.
    """
    if said is not None and not isinstance(said, (list, tuple)):
        raise _refused(f"this is {a_kind(said)}", "A list of paths is taken.")
    return tuple(_place(folder, value) for value in said or ())


def survey_with(code: Path | None, included: tuple[Path, ...]) -> Upload:
    """What goes along of the code, if there is any, and of what it includes. Raises `InvalidRequest`."""
    if code is not None and not included:
        return survey(code)
    own = Upload(included[0], ()) if code is None else survey(code)
    leaves_out = left_out_of(code)
    files = {one.path: one for one in own.files}
    others: dict[str, CodeFile] = {}
    for place in included:
        top = place.name
        taken = {path for path in files if path == top or path.startswith(f"{top}/")}
        if taken and (code is None or os.path.realpath(code / top) != os.path.realpath(place)):
            raise _refused(f"{top} is in the code already, {code}", "Give one of them another name.")
        others |= {one.path: one for one in _files(place) if not leaves_out(one.path)}
    return attrs.evolve(own, files=(*{**files, **others}.values(),), included=included)


def _files(place: Path) -> Iterator[CodeFile]:
    folder = _folder_of(place)
    if folder is not None:
        members = survey(folder).files
        yield CodeFile(place.name, str(folder), sum(one.size for one in members), members)
        return
    for one in survey(place).files:
        yield attrs.evolve(one, path=f"{place.name}/{one.path}") if place.is_dir() else one


def _folder_of(place: Path) -> Path | None:
    """The folder of which an archive is to be made; None: it is there itself."""
    folder = place.with_suffix("")
    return folder if place.suffix == ".zip" and not is_there(place) and is_folder(folder) else None


def _place(folder: Path, value: Any) -> Path:
    if not isinstance(value, (str, Path)) or not str(value).strip():
        raise _refused(f"holds {shown(value)}", "The paths of files and folders are taken.")
    path = Path(value)
    place = path if path.is_absolute() else whole(path, folder)
    if not is_there(place) and _folder_of(place) is None:
        link = folder / path
        if link.is_symlink():
            raise _refused(f"{value} is a link to {link.readlink()}, which isn't there", "Leave it out.")
        raise _refused(f"there is no {place}", "Paths begin in the folder of the component's file.")
    return place


def _refused(why: str, hint: str) -> InvalidRequest:
    return InvalidRequest(f"additional_includes: {why}", argument=_ARGUMENT, hint=hint)
