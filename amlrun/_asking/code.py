"""What runs: the `code` argument, and the folders that a job would upload, looked through before it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.settings import is_remote
from amlrun._errors import InvalidRequest
from amlrun._upload.survey import survey

if TYPE_CHECKING:
    from amlrun._asking.settings import JobSettings
    from amlrun._upload.contents import Upload


def code_of(value: Any) -> str | None:
    """The argument: an absolute path, or where the code is already. Raises `InvalidRequest`."""
    if value is None:
        return None
    if not isinstance(value, (str, Path)) or not str(value):
        raise InvalidRequest(f"code={value!r}: a folder, a file, or the id of a snapshot", argument="code")
    text = str(value)
    if text.startswith(
        "azureml:/subscriptions/"
    ):  # a job file's spelling: elsewhere it is taken for a folder
        text = text.removeprefix("azureml:")
    return text if is_remote(text) else str(Path(text).expanduser().resolve())


def uploads_of(code: str | None, settings: JobSettings) -> tuple[Upload, ...]:
    """What goes along: the argument's folder, else the job's and its steps'. Raises `InvalidRequest`."""
    if code is not None:
        return () if is_remote(code) else (survey(Path(code)),)
    folders = [folder for one in (settings, *settings.steps) for folder in one.code_folders]
    return tuple(map(survey, dict.fromkeys(folders)))


def check_command(command: str) -> None:
    """A file of the current folder that no upload would bring along is a mistake seen too often."""
    for word in command.split():
        plain = word.strip("'\"")
        if Path(plain).suffix in {".py", ".sh"} and not Path(plain).is_absolute() and Path(plain).is_file():
            message = f"The command names {plain}, a file of the current folder, and no code is sent along"
            raise InvalidRequest(message, argument="code", hint="Did you mean code='.'?")
