"""`submit()` with no job: which script is running, and the command that runs it again inside a job."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from types import ModuleType

_HOW = "Call submit() at the top of a script that is run as `python script.py`, or give submit a command."


@attrs.frozen
class Script:
    """The running script: the folder to send along and the command that runs it there."""

    folder: Path
    command: str


def running_script(caller: str) -> Script:
    """The script that called, as a job. `caller` is the calling module's `__name__`.

    Raises `InvalidRequest` in a REPL, a notebook, pytest, a spawned worker (`__mp_main__`), or an imported
    module: there is no script there that could be run again.
    """
    if caller == "__mp_main__":
        message = "submit() without a job was reached in a spawned worker, which runs the script once more"
        raise InvalidRequest(message, hint="Put the call under `if __name__ == '__main__':`.", argument="job")
    if caller != "__main__":
        message = f"submit() without a job was called from the module {caller}, not from the running script"
        raise InvalidRequest(message, hint=_HOW, argument="job")
    main = sys.modules["__main__"]
    path = _file_of(main)
    if path is None:
        message = "submit() without a job needs a script, and this is an interactive session"
        raise InvalidRequest(message, hint=_HOW, argument="job")
    module = main.__spec__.name if main.__spec__ is not None else None
    if module is not None:
        folder = Path.cwd()
        return Script(folder, shlex.join(["python", "-m", module.removesuffix(".__main__"), *sys.argv[1:]]))
    return Script(path.parent, shlex.join(["python", path.name, *sys.argv[1:]]))


def _file_of(main: ModuleType) -> Path | None:
    """The script's file; None in a REPL, a notebook (whose cells have made-up names) or `python -c`."""
    name = getattr(main, "__file__", None)
    if name is None or hasattr(sys, "ps1") or "ipykernel" in sys.modules:
        return None
    path = Path(name).resolve()
    return path if path.is_file() else None
