"""Fine-tuning jobs, as entities of the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.parts import read
from amlrun._asking.searches import TUNING_DATA, beside
from amlrun._entities.own import own_job

if TYPE_CHECKING:
    from amlrun._asking.request import Request
    from amlrun._plan import Plan


def tuning_entity(request: Request, _plan: Plan) -> Any:
    """A fine-tuning job of the SDK: it has no program and no environment of the user's.

    The SDK looks for local data of a file under the current folder, hence the whole path.
    """
    job = own_job(request)
    if isinstance(request.source, Path):
        for name in TUNING_DATA:
            data = getattr(job, name)
            path = beside(read(data, "path"), request.source.parent)
            if path is not None:
                data.path = str(path)
    return job
