"""What of a folder goes along, and what is said of it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE_BYTES = 50_000_000
LARGE_FILES = 1000
LIMIT_BYTES = 300_000_000
LIMIT_FILES = 2000
"""Documented for snapshots: https://learn.microsoft.com/azure/machine-learning/how-to-save-write-experiment-files"""
_SECRET = re.compile(
    r"(^|/)(\.env(\.(?!example$|sample$|template$)[^/]+)?|\.netrc|\.pypirc|\.git-credentials|credentials\.json|"
    r"id_(rsa|dsa|ecdsa|ed25519)|[^/]+\.(pfx|p12|ppk)|[^/]*key[^/]*\.pem)$"
)
_LARGEST = 3
_NAMED = 3


@attrs.frozen
class CodeFile:
    """A file that goes along: its path in the snapshot, where it is read (links and all), and its bytes.

    `members` are those of an archive that is made of a folder, by their paths in that.
    """

    path: str
    source: str
    size: int
    members: tuple[CodeFile, ...] = ()


@attrs.frozen
class LeftOut:
    """What an ignore file keeps at home that azure-ai-ml would have sent: it doesn't read that file."""

    path: str
    source: str


@attrs.frozen
class Upload:
    """The code of a job: the folder (or the one file), and what of it goes along.

    `included` are files and folders from elsewhere that go along with it.
    """

    folder: Path
    files: tuple[CodeFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    included: tuple[Path, ...] = ()

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(one.size for one in self.files)

    @property
    def is_large(self) -> bool:
        """Whether it takes a while to send, and is likely to hold what nobody meant to send."""
        return self.size > LARGE_BYTES or len(self.files) > LARGE_FILES

    def amount(self) -> str:
        """How much it is: `12 files, 3.4 MB`."""
        count = len(self.files)
        return f"{count} {'file' if count == 1 else 'files'}, {in_bytes(self.size)}"

    def reasons(self) -> Iterator[str]:
        """What a plan says of files that stay at home, and that one might miss in the job."""
        by_source: dict[str, list[str]] = {}
        for one in self.left_out:
            by_source.setdefault(one.source, []).append(one.path)
        for source, paths in by_source.items():
            more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
            yield f"left out of the code by {source}: {', '.join(paths[:_NAMED])}{more}"

    def warnings(self) -> Iterator[str]:
        """What a plan warns of: files that are likely to be secrets; a large upload, and what makes it so."""
        secrets = [one.path for one in self.files if _SECRET.search(one.path)]
        if secrets:
            more = f" and {len(secrets) - _NAMED} more" if len(secrets) > _NAMED else ""
            yield (
                f"the code holds {', '.join(secrets[:_NAMED])}{more}, by its name a secret: whoever may read "
                f"the workspace's storage can read it; a line in {self.folder.name}/.amlignore leaves it out"
            )
        if not self.is_large:
            return
        over = self.size > LIMIT_BYTES or len(self.files) > LIMIT_FILES
        limit = " (the documented limit is 300 MB or 2000 files)" if over else ""
        yield (
            f"the code is large: {self.amount()}{limit}; the largest of {self.folder.name}: "
            f"{', '.join(self._largest())}; an .amlignore there leaves out what the job doesn't need"
        )

    def _largest(self) -> Iterator[str]:
        """The folders and files at the top that hold the most, by bytes."""
        sizes: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for one in self.files:
            top, slash, _ = one.path.partition("/")
            sizes[top + slash] += one.size
            counts[top + slash] += 1
        for name, size in sizes.most_common(_LARGEST):
            files = f" in {counts[name]} files" if counts[name] > 1 else ""
            yield f"{name} {in_bytes(size)}{files}"


def in_bytes(size: float) -> str:
    """Bytes in words, by thousands: `3.4 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004  the next unit begins there
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"  # noqa: PLR2004  one digit says too little
        size /= 1000
    return f"{size:.1f} TB"
