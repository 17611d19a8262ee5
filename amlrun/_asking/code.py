"""What runs: the `code` argument, and the folders that a job would upload, looked through before it does."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.folders import is_remote
from amlrun._asking.parts import told_of
from amlrun._durations import told as in_words
from amlrun._errors import InvalidRequest
from amlrun._paths import is_file, whole
from amlrun._shown import shown
from amlrun._upload.included import survey_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._asking.settings import JobSettings
    from amlrun._upload.contents import Upload


_RUNS = re.compile(r"(?<![\w/.-])python[0-9.]*\s+(?!/)([\w./-]+\.py)\b")
_MODULES = re.compile(r"(?<![\w/.-])python[0-9.]*\s+-m\s+([A-Za-z_][\w.]*)")
_ENDS = (".py", "/__main__.py")
_CHANGES = re.compile(r"^\s*cd\s+(?![./~-])([\w./-]+)\s*(?=&&|;)")
"""A folder that the job would have to find beside it."""
_ELSEWHERE = re.compile(r"(?<![\w-])(cd|pushd|git|wget|curl|cp|mv|unzip|tar)\s")
"""Commands after which a script may be where nobody can see it from here."""


_SAVES = re.compile(rb"AMLRUN_CHECKPOINT_DIR|checkpoint_dir|checkpointing|amlrun_checkpoints")
_TEXTS = frozenset({".py", ".sh", ".ipynb", ".yml", ".yaml", ".json", ".toml", ".cfg", ".ini"})
_SNAPSHOT = re.compile(r"/subscriptions/.+/codes/[^/]+/versions/[^/]+", re.IGNORECASE)
_URL = re.compile(r"https?://[^/\s]+/\S")
"""Of a folder in a storage: azure-ai-ml registers it as a snapshot."""
_LONGEST_TEXT = 1_000_000
"""Bytes: what is longer is data."""
_LONG = 3600
"""Seconds: shorter work is soon done again."""


def code_of(value: Any) -> str | None:
    """The argument: an absolute path, or where the code is already. Raises `InvalidRequest`."""
    if value is None:
        return None
    said = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(said, str) or not said:
        message = f"code={shown(value)}: a folder, a file, or the id of a snapshot"
        raise InvalidRequest(message, argument="code")
    text: str = said
    if text.startswith("azureml:/subscriptions/"):  # as job files have it; the SDK takes it for a folder
        text = text.removeprefix("azureml:")
    if text.startswith("git+"):
        message = f"code={shown(text)}: azure-ai-ml sends no repositories"
        raise InvalidRequest(message, argument="code", hint="Clone it, and give the folder.")
    if is_remote(text) and not (_SNAPSHOT.fullmatch(text) or _URL.match(text)):
        message = f"code={shown(text)}: no folder, and not the id of a snapshot"
        hint = "A folder, a file, or /subscriptions/…/workspaces/…/codes/<name>/versions/<version>."
        raise InvalidRequest(message, argument="code", hint=hint)
    return text if is_remote(text) else str(whole(text))


def uploads_of(code: str | None, settings: JobSettings) -> tuple[Upload, ...]:
    """What goes along: the argument's folder, else the job's and its steps'. Raises `InvalidRequest`."""
    if code is not None:
        return () if is_remote(code) else (survey_with(Path(code), settings.included),)
    codes = (
        (next(iter(one.code_folders), None), one.included)
        for one in (settings, *settings.steps)
        if one.code_folders or one.included
    )
    return tuple(survey_with(folder, included) for folder, included in dict.fromkeys(codes))


def check_entries(code: str | None, settings: JobSettings, uploads: Iterable[Upload]) -> None:
    """What Spark or a parallel step runs is in its code: azure-ai-ml looks in a copy, or not at all."""
    by_folder = {upload.folder: upload for upload in uploads}
    for one in (settings, *settings.steps):
        folder = next(iter(one.code_folders), None) if code is None else Path(code)
        upload = None if folder is None else by_folder.get(folder)
        if not one.entry or upload is None:
            continue
        if Path(one.entry).as_posix() not in {file.path for file in upload.files}:
            message = f"There is no {one.entry} in the code that is sent along, {upload.folder}"
            with told_of(one.path):
                raise InvalidRequest(message, argument="job" if code is None else "code")


def check_command(command: str, folder: Path) -> None:
    """A file that no upload would bring along is a mistake seen too often: one beside where it is said."""
    start = _CHANGES.search(command)
    inside = folder if start is None else folder / start[1]
    if _ELSEWHERE.search(command if start is None else command[start.end() :]):
        return
    words = [word.strip("'\"") for word in command.split()]
    words += [f"{module.replace('.', '/')}{end}" for module in _MODULES.findall(command) for end in _ENDS]
    for plain in map(Path, words):
        if plain.suffix in {".py", ".sh"} and not plain.is_absolute() and is_file(inside / plain):
            is_here = whole(folder) == Path.cwd()
            place = "the current folder" if is_here else str(folder)
            message = (
                f"The command names {plain if start is None else Path(start[1], plain)}, a file of {place}"
            )
            message = f"{message}, and no code is sent along"
            hint = "Did you mean code='.'?" if is_here else "Did you mean code: . in the file of that folder?"
            raise InvalidRequest(message, argument="code", hint=hint)


def missing_scripts(command: str, uploads: Iterable[Upload]) -> Iterator[str]:
    """What a plan warns of: scripts that the command runs, and that the code doesn't hold."""
    paths = {one.path for upload in uploads for one in upload.files}
    if not paths or _ELSEWHERE.search(command):
        return
    for name in dict.fromkeys(_RUNS.findall(command)):
        if Path(name).as_posix() not in paths:
            yield f"the command runs {name}, and the code that is sent along has no such file"


def no_checkpoints(command: str, uploads: Iterable[Upload], timeout: float | None) -> Iterator[str]:
    """What a plan warns of that may be long on spot nodes: nothing names the place for checkpoints.

    Without a timeout a job may take days.
    """
    uploads = tuple(uploads)
    # Code that isn't sent along can't be looked at, and nothing is said of it.
    if (timeout is None or timeout > _LONG) and uploads and not _names_checkpoints(command, uploads):
        long = "no timeout" if timeout is None else f"up to {in_words(timeout)}"
        yield (
            f"{long} on spot nodes, and neither the command nor the code names the place for checkpoints "
            "(amlrun.checkpointing(), current().checkpoint_dir, AMLRUN_CHECKPOINT_DIR): each further attempt "
            "would begin from the start"
        )


def _names_checkpoints(command: str, uploads: Iterable[Upload]) -> bool:
    if _SAVES.search(command.encode()):
        return True
    files = (one for upload in uploads for one in upload.files)
    texts = (one for one in files if Path(one.path).suffix in _TEXTS and one.size <= _LONGEST_TEXT)
    return any(_SAVES.search(Path(one.source).read_bytes()) for one in texts)
