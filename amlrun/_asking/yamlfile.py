"""A YAML file as a mapping. What is wrong with it is told with its file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path


def read_yaml(path: Path) -> tuple[str, dict[str, Any]]:
    """A file's text and what it holds, a mapping. Raises `InvalidRequest` with the file and the line."""
    import yaml  # noqa: PLC0415  only a job file needs it

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # no UTF-8, or no path at all
        raise InvalidRequest(f"{path}: can't be read ({error})", argument="job") from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InvalidRequest(f"{path}{line}: not YAML: {problem}", argument="job") from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"{path}, line 1: a job file holds a mapping (command: …)", argument="job")
    return text, data


def line_of(text: str, key: str) -> int:
    """The line where a top-level key stands; the first where it doesn't."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(f"{key}:"):
            return number
    return 1
