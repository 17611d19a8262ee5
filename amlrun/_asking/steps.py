"""What is asked for each step of a pipeline. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from amlrun._job_types import JobType
    from amlrun._needs import Ask


@attrs.frozen
class Step:
    """A leaf of a pipeline. `path` is its name, within nested pipelines `"prep.clean"`."""

    path: str
    type: JobType
    ask: Ask
