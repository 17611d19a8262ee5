"""Which of a run's log files tell what its code said. Pure: names in, names out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG = "user_logs/std_log.txt"
"""Stdout and stderr of a job of one process."""
# Assumed: these names. Stdout and stderr are one log but for Spark; that of an image's build is read where
# there is no other.
_KINDS = tuple(
    re.compile(pattern)
    for pattern in (
        re.escape(LOG),
        r"user_logs/std_log_process_\d+\.txt",
        r"user_logs/std_log.*\.txt",
        r"user_logs/.*",
        r"logs/azureml/driver/stderr.*",
        r"logs/azureml/driver/stdout.*",
        r"azureml-logs/70_driver_log.*",
        r"azureml-logs/20_image_build_log.*",
    )
)


def preferred(names: Iterable[str]) -> list[str]:
    """Those that may tell what happened: by their kinds, the first says most, and by their numbers."""
    found = [(_kind(name), _numbers(name), name) for name in names]
    return [name for kind, _, name in sorted(found) if kind < len(_KINDS)]


def _kind(name: str) -> int:
    return next((rank for rank, kind in enumerate(_KINDS) if kind.fullmatch(name)), len(_KINDS))


def _numbers(name: str) -> list[int]:
    """By which process 2 comes before process 10."""
    return [int(number) for number in re.findall(r"\d+", name)]
