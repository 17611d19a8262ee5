"""`submit()` with no job: which script is running, and the command that runs it again inside a job."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import sysconfig
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._asking.folders import is_remote
from amlrun._errors import InvalidRequest
from amlrun._launch import launch_of
from amlrun._magics import first_magic
from amlrun._paths import whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from amlrun._launch import Launch

_log = logging.getLogger("amlrun")
_HOW = "Call submit() at the top of a script that is run as `python script.py`, or give submit a command."
_WITH_VALUE = "WX"
_NOT_IN_A_JOB = "ix"
_LAUNCHER_SETTINGS = ("ACCELERATE_", "FSDP_", "PYTHONPATH")
"""Beginnings of the variables by which a launcher, or a shell, tells a script how to run."""


@attrs.frozen
class Script:
    """The running script: the folder to send along and the command that runs it there.

    `file` is its path in the folder; None for a `module`, which `python -m` finds. `options` are Python's
    own. `launch` is by whom it was started as several processes, if it was.
    """

    folder: Path
    arguments: tuple[str, ...]
    file: Path | None = None
    module: str = ""
    options: tuple[str, ...] = ()
    launch: Launch | None = None

    @property
    def speaks(self) -> bool:
        """Whether this process is the one that submits: of several the first."""
        return self.launch is None or self.launch.rank == 0

    @property
    def command(self) -> str:
        """As a shell reads it."""
        return shlex.join(["python", *self.options, *self._what(), *self.arguments])

    def _what(self) -> tuple[str, ...]:
        if self.file is None:
            return "-m", self.module
        name = self.file.as_posix()
        return (f"./{name}" if name.startswith("-") else name,)

    def with_folder(self) -> Script:
        """The same script. Raises `InvalidRequest` where its own folder is no project's."""
        home = Path.home().resolve()
        if self.folder == home or self.folder in home.parents or self.folder == Path(self.folder.anchor):
            whose = "holds far more than a project"
        elif any(self.folder.is_relative_to(one) for one in _installed()):
            whose = "is where Python keeps what is installed"
        else:
            return self
        message = f"The folder of {' '.join(self._what())} would be sent along, and {self.folder} {whose}"
        alone = "" if self.file is None else f" or send it alone, code={str(self.folder / self.file)!r},"
        hint = f"Put it into a folder of its own,{alone} or give submit a command."
        raise InvalidRequest(message, argument="code", hint=hint)

    def inside(self, code: object) -> Script:
        """The same script, with another folder sent along. Raises `InvalidRequest` if it isn't in there."""
        if not isinstance(code, (str, Path)) or not str(code) or is_remote(str(code)):
            message = f"code={code!r}: without a job, it is a local folder that the running script is in"
            raise InvalidRequest(message, argument="code", hint=f"The script is in {self.folder}.")
        folder = whole(code)
        here = self.folder if self.file is None else self.folder / self.file
        if folder == here and self.file is not None:  # the script itself
            return attrs.evolve(self, folder=folder, file=Path(here.name))
        if not here.is_relative_to(folder) or (self.file is None and here != folder):
            message = (
                f"code={str(code)!r}: the running script is not in this folder: the job could not run it"
            )
            raise InvalidRequest(message, argument="code", hint=f"It is in {self.folder}.")
        return attrs.evolve(self, folder=folder, file=self.file and here.relative_to(folder))

    def left_behind(self, environment: Mapping[str, str]) -> Iterator[str]:
        """What this process has been started with and the job will not find, in words."""
        files = [one for one in self.arguments if self._is_left_behind(one)]
        if files:
            yield (
                f"{', '.join(files)}: on this machine, and not in the folder that is sent. inputs=… brings "
                "data to a job, and '${{inputs.<name>}}' as the argument is where it finds them"
            )
        settings = sorted(name for name in environment if name.startswith(_LAUNCHER_SETTINGS))
        if settings:
            yield f"{', '.join(settings)}: set here, and sent only if environment_variables=… says so"

    def _is_left_behind(self, argument: str) -> bool:
        path = Path(argument.partition("=")[2] if argument.startswith("-") else argument)
        try:
            sent = Path(os.path.normpath(self.folder / path))
            goes_along = not path.is_absolute() and sent.is_relative_to(self.folder) and sent.exists()
            return path != Path() and not goes_along and path.exists()
        except (OSError, ValueError):  # no path at all
            return False


def running_script(caller: Mapping[str, Any]) -> Script:
    """The script that called, as a job. `caller` are the globals of the calling code.

    Raises `InvalidRequest` in a REPL, a notebook, pytest, a worker, a thread, or an imported module: there is
    no script there that could be run again, or it would be submitted more than once.
    """
    _check_caller(caller)
    main = sys.modules["__main__"]
    path = _file_of(main)
    _check_content(path)
    launch = launch_of(os.environ)
    arguments, options = tuple(sys.argv[1:]), tuple(interpreter_options(sys.orig_argv))
    if launch is not None:
        arguments = launch.of_script(arguments)
    for word in (*arguments, path.name):
        _check_text(word)
    spec = getattr(main, "__spec__", None)  # a debugger leaves none
    if spec is None:
        return Script(path.parent, arguments, file=Path(path.name), options=options, launch=launch)
    parts = spec.name.split(".")
    folder = path.parents[len(parts) - 1]
    if path.with_suffix("") != folder.joinpath(*parts):
        message = f"submit() without a job can't tell a job where the module {spec.name} is"
        raise InvalidRequest(message, argument="job", hint=_HOW)
    module = ".".join(parts).removesuffix(".__main__")
    return Script(folder, arguments, module=module, options=options, launch=launch)


def script_job(script: Script, options: Mapping[str, Any]) -> tuple[object, dict[str, Any]]:
    """The script as a job of `submit`, and the options for it. Raises `InvalidRequest`.

    A script that was started as several processes is a job of as many, which the service starts.
    """
    code, launch = options.get("code"), script.launch
    script = script.with_folder() if code is None else script.inside(code)
    said = options.get("environment_variables")
    said = said if isinstance(said, Mapping) else {}
    for line in script.left_behind({name: value for name, value in os.environ.items() if name not in said}):
        _log.warning("%s", line)
    settings = {**options, "code": script.folder}
    if launch is None:
        return script.command, settings
    from amlrun._sdk import build  # noqa: PLC0415  only a distributed job needs it

    if settings.get("instance_count") is None:
        settings["instance_count"] = launch.nodes
    return build(command=script.command, distribution=launch.distribution()), settings


def _check_caller(caller: Mapping[str, Any]) -> None:
    name = caller.get("__name__", "")
    if name == "__mp_main__":
        message = "submit() without a job was reached in a spawned worker, which runs the script once more"
        raise InvalidRequest(message, hint="Put the call under `if __name__ == '__main__':`.", argument="job")
    if _is_worker():
        message = "submit() without a job was reached in a child process of the script, which can't end it"
        hint = "Call it in the script's own process, before that starts others."
        raise InvalidRequest(message, hint=hint, argument="job")
    if name != "__main__":
        message = f"submit() without a job was called from the module {name}, not from the running script"
        raise InvalidRequest(message, hint=_HOW, argument="job")
    if hasattr(sys, "ps1") or _in_ipython():
        message = "submit() without a job needs a script, and this is an interactive session or a notebook"
        raise InvalidRequest(message, hint=_HOW, argument="job")
    if caller is not vars(sys.modules["__main__"]):
        message = "submit() without a job was called by code that isn't the script which this process runs"
        raise InvalidRequest(message, hint=_HOW, argument="job")
    if threading.current_thread() is not threading.main_thread():
        message = "submit() without a job ends this process, and only the main thread can"
        raise InvalidRequest(message, hint=_HOW, argument="job")


def _is_worker() -> bool:
    """Whether multiprocessing has started this process, in whichever way."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _in_ipython() -> bool:
    """Whether IPython runs this: a notebook, its terminal, or an editor's console."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython is not None and get_ipython() is not None


def _file_of(main: ModuleType) -> Path:
    """The script's file. Raises `InvalidRequest` where there is none that a job could run."""
    name = getattr(main, "__file__", None)
    if getattr(sys, "frozen", False):
        why = f"can't send {sys.executable}, a program that Python was built into"
    elif name is None or name.startswith("<"):
        why = "needs a script in a file: this is an interactive session, `python -c`, or standard input"
    elif getattr(getattr(main, "__spec__", None), "name", "") == "__main__":
        why = f"can't send {Path(name).resolve().parent}, a folder or an archive that is run"
    elif not Path(name).is_file():
        why = f"can't find its script any more: {name}"
    else:
        return Path(name).resolve()
    raise InvalidRequest(f"submit() without a job {why}", hint=_HOW, argument="job")


def _check_text(word: str) -> None:
    try:
        str.encode(word)
    except (UnicodeEncodeError, TypeError) as error:  # bytes in no encoding; what a script put in sys.argv
        message = f"The argument {word!r} is no text, and the command of a job is"
        raise InvalidRequest(message, argument="job", hint="Rename the file, or leave it out.") from error


def _check_content(path: Path) -> None:
    magic = first_magic(path.read_bytes())
    if magic is not None:
        line, text = magic
        message = f"{path.name}, line {line}: {text}: a notebook's magic, at which a job would fail"
        hint = "Take it out: what it installs belongs into environment=…, what it runs into subprocess."
        raise InvalidRequest(message, argument="job", hint=hint)


def interpreter_options(words: Sequence[str]) -> Iterator[str]:
    """Python's own options (-O, -u, -W …) in its command line, but for what keeps it open at the end."""
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("-") or word in {"-", "--"}:
            return
        if word.startswith("--"):
            yield from (word, next(rest, ""))
            continue
        for place, letter in enumerate(word[1:], start=2):
            if letter in "mc":
                return
            if letter in _WITH_VALUE:
                yield from (f"-{letter}", word[place:] or next(rest, ""))
                break
            if letter not in _NOT_IN_A_JOB:
                yield f"-{letter}"


def _installed() -> Iterator[Path]:
    """The folders of this Python's own."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts"):
        yield Path(sysconfig.get_path(name)).resolve()
