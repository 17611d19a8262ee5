"""`submit()` with no job: which script is running, and the command that runs it again inside a job."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from os import PathLike
    from types import ModuleType

_HOW = "Call submit() at the top of a script that is run as `python script.py`, or give submit a command."


@attrs.frozen
class Script:
    """The running script: the folder to send along and the command that runs it there.

    `file` is its path in the folder; None for a module, which `python -m` finds.
    """

    folder: Path
    arguments: tuple[str, ...]
    file: Path | None = None

    @property
    def command(self) -> str:
        """As a shell reads it."""
        words = () if self.file is None else (self.file.as_posix(),)
        return shlex.join(["python", *words, *self.arguments])

    def inside(self, code: str | PathLike[str]) -> Script:
        """The same script, with another folder sent along. Raises `InvalidRequest` if it isn't in there."""
        folder = Path(code).expanduser().resolve()
        here = self.folder if self.file is None else self.folder / self.file
        if folder == here and self.file is not None:  # the script itself
            return attrs.evolve(self, folder=folder, file=Path(here.name))
        if not here.is_relative_to(folder) or (self.file is None and here != folder):
            message = (
                f"code={str(code)!r}: the running script is not in this folder: the job could not run it"
            )
            raise InvalidRequest(message, argument="code", hint=f"It is in {self.folder}.")
        return attrs.evolve(self, folder=folder, file=self.file and here.relative_to(folder))


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
    if module == "__main__":
        message = f"submit() without a job can't send {path.parent}, a folder or an archive that is run"
        raise InvalidRequest(message, hint=_HOW, argument="job")
    if module is not None:
        return Script(Path.cwd(), ("-m", module.removesuffix(".__main__"), *sys.argv[1:]))
    return Script(path.parent, tuple(sys.argv[1:]), Path(path.name))


def _file_of(main: ModuleType) -> Path | None:
    """The script's file; None in a REPL, a notebook (whose cells have made-up names) or `python -c`."""
    name = getattr(main, "__file__", None)
    if name is None or hasattr(sys, "ps1") or "ipykernel" in sys.modules:
        return None
    path = Path(name).resolve()
    return path if path.is_file() else None
