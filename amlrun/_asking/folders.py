"""Where the code of a job is on this machine, if it is: beside its file, or where its component's is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlrun._asking.parts import read
from amlrun._errors import InvalidRequest
from amlrun._paths import whole
from amlrun._upload.included import included_in


def included_of(job: Any, folder: Path) -> tuple[Path, ...]:
    """What is included in its code, or in that of the component that it is made of."""
    component = read(job, "component")
    base = Path(read(component, "base_path") or folder)
    own = included_in(folder, read(job, "additional_includes"))
    return own or included_in(base, read(component, "additional_includes"))


def is_remote(code: str) -> bool:
    """Whether the code is somewhere else already: a snapshot's id, a repository."""
    return code.startswith(("azureml:", "/subscriptions/", "git+", "http://", "https://"))


def local_folders(beside: Path, *codes: Any) -> tuple[Path, ...]:
    """Those of the codes that are local, as they stand beside a job file."""
    found = (local_folder(code, beside) for code in codes)
    return tuple(folder for folder in found if folder is not None)


def local_folder(code: Any, beside: Path) -> Path | None:
    """The local folder that would be uploaded; None where the code is somewhere else already.

    Raises `InvalidRequest` for an empty text: the SDK would upload the whole folder that it stands in.
    """
    if isinstance(code, str) and not code.strip():
        message = "code is an empty text: all of the folder that it is said in would be uploaded"
        raise InvalidRequest(message, argument="code", hint="Leave it out, or name the folder: code='src'.")
    if not code or not isinstance(code, (str, Path)) or is_remote(str(code)):
        return None
    return whole(code, beside)
