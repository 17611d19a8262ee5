"""What checkpoints are called, which of them is the last, and which may go. Pure.

A checkpoint is a folder, and beside it a marker: a file that is written when the folder is complete, and says
what is in it. What has no marker, or isn't what its marker says, does not exist. Nothing is ever renamed or
written over: on blob storage neither happens at once.
https://learn.microsoft.com/azure/storage/blobs/blobfuse2-compare-linux-file-system
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MARKER = ".done"
_NAME = re.compile(r"checkpoint-(?P<number>\d{6,})-step-(?P<step>\d+)-(?P<token>[0-9a-f]+)", re.ASCII)


@attrs.frozen(order=True)
class Name:
    """The name of a checkpoint's folder. They are ordered as they were begun.

    `number` counts the checkpoints of a folder, and not the steps: a training may go back to an earlier step.
    `token` tells two processes apart that save at once.
    """

    number: int
    step: int
    token: str

    def __str__(self) -> str:
        return f"checkpoint-{self.number:06d}-step-{self.step}-{self.token}"

    @property
    def marker(self) -> str:
        """The name of its marker."""
        return f"{self}{MARKER}"

    @classmethod
    def of(cls, text: str) -> Name | None:
        """The name that a folder has; None for what is no checkpoint's."""
        found = _NAME.fullmatch(text)
        return None if found is None else cls(int(found["number"]), int(found["step"]), found["token"])


def folders(entries: Iterable[str]) -> list[Name]:
    """The checkpoints' folders among the names in a folder, finished or not."""
    return [name for entry in entries if (name := Name.of(entry)) is not None]


def marked(entries: Iterable[str]) -> list[Name]:
    """Those that have a marker, the last first."""
    return sorted(folders(one[: -len(MARKER)] for one in entries if one.endswith(MARKER)), reverse=True)


def next_name(entries: Iterable[str], step: int, token: str) -> Name:
    """The name of the checkpoint that follows those that are there, whatever became of them."""
    bare = (entry.removesuffix(MARKER) for entry in entries)
    return Name(max((name.number for name in folders(bare)), default=0) + 1, step, token)


def superseded(entries: Iterable[str], keep: int, is_whole: Callable[[Name], bool]) -> list[Name]:
    """Those with a marker that may go: all that are older than the last `keep` whole ones."""
    whole = 0
    found = marked(entries)
    for place, name in enumerate(found):
        whole += is_whole(name)
        if whole == keep:
            return found[place + 1 :]
    return []


def manifest(files: Mapping[str, int]) -> str:
    """What a marker says: the files of a checkpoint, by path from its folder, and their sizes in bytes."""
    return json.dumps({"files": dict(files)})


def files_of(text: str) -> dict[str, int] | None:
    """The files that a marker tells of; None for one that isn't whole itself."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    files = said.get("files") if isinstance(said, dict) else None
    sound = isinstance(files, dict) and files and all(type(size) is int for size in files.values())
    return files if sound else None


def is_due(every: int, before: int, step: int) -> bool:
    """Whether a multiple of `every` steps was reached or passed since `before`."""
    return step // every != before // every
