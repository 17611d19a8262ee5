"""Local paths, as users type them: looked at without failing at what can't be one, or can't be looked at.

The methods of `Path` raise for a name that is too long, a home of nobody's, a null character or links in a
circle: an error of another kind than the one that there is nothing there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike


def is_there(path: str | PathLike[str]) -> bool:
    """Whether it is."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def is_file(path: str | PathLike[str]) -> bool:
    """Whether it is, and a file."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: str | PathLike[str]) -> bool:
    """Whether it is, and a folder."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def at_home(said: str | PathLike[str]) -> Path:
    """With the home that a `~` in front stands for; of somebody who isn't there, as it is said."""
    try:
        return Path(os.path.expanduser(said))  # noqa: PTH111 - see above
    except ValueError:  # a null character in the name of who is at home
        return Path(said)


def whole(said: str | PathLike[str], beside: Path = Path()) -> Path:
    """From the root of the disk, without links; whether it is there or not."""
    path = beside / at_home(said)
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # what no path can have in it
        return path.absolute()
