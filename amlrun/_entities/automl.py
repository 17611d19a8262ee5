"""AutoML jobs, as entities of the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun import _sdk
from amlrun._asking.parts import read
from amlrun._asking.searches import AUTOML_DATA, beside
from amlrun._entities.own import text_variables

if TYPE_CHECKING:
    from amlrun._asking.request import Request
    from amlrun._plan import Plan


_PRIORITIES = {"low": 1, "medium": 2, "high": 3}
"""As the service has them: of an AutoML job the SDK writes the word."""


def automl_entity(request: Request, _plan: Plan) -> Any:
    """An AutoML job of the SDK, loaded from a file, or a copy of the user's."""
    if not isinstance(request.source, Path):
        job = _sdk.copied(request.source)
    else:
        job = _sdk.load(request.source, code=None, environment=None)
        find_data(job, request.source.parent)
    text_variables(job)
    priority = read(job, "queue_settings", "priority")
    job.queue_settings = _sdk.queue_settings(_PRIORITIES.get(str(priority).lower(), priority))
    return job


def find_data(job: Any, folder: Path) -> None:
    """Put whole paths to local data beside a file: the SDK looks for it under the current folder."""
    for name in AUTOML_DATA:
        data = read(job, name)
        path = beside(read(data, "path"), folder)
        if path is not None:
            data.path = str(path)


def automl_environment(request: Request, job: Any) -> Any:
    """The environment of its trials: one that was given, or the job's own; None: the service's.

    The SDK doesn't resolve it.
    """
    return request.environment or job.environment_id
