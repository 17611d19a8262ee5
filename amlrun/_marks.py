"""The mark of a cancel: a tag on a run's first attempt, by which it is stopped from any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._memory import CANCEL_TAG
from amlrun._sending import read_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._workspace import Workspace


def has_mark(job: Mapping[str, Any]) -> bool:
    """Whether somebody has canceled the run that this is the first attempt of."""
    return CANCEL_TAG in (job["properties"].get("tags") or {})


def marked(workspace: Workspace, group: str) -> bool:
    """Whether somebody has canceled the run."""
    return has_mark(read_job(workspace, group, workspace.rest.bounded()))
