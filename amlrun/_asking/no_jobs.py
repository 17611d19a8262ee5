"""What is handed over as a job and is none: components, schedules, assets, each refused by its name. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._errors import InvalidRequest
from amlrun._job_types import SUPPORTED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_COMPONENT = (
    "a component, of which a pipeline's steps are made",
    "Put it into a pipeline: submit the pipeline that a function under @dsl.pipeline makes of it.",
)
_SCHEDULE = (
    "a schedule, which starts jobs by the clock",
    "Submit the job that it starts; the schedule is made by MLClient.schedules.begin_create_or_update(…).",
)
_BATCH = (
    "a run of a batch endpoint",
    "It is started by MLClient.batch_endpoints.invoke(…).",
)
_TABLE = ("a table of data", "Give it to a job: inputs={'data': Input(type='mltable', path=…)}.")
_BY_CLASS = {"Component": _COMPONENT, "Schedule": _SCHEDULE, "BatchJob": _BATCH}
"""By how the names of the SDK's classes end."""
_BY_SCHEMA = {"component": _COMPONENT, "schedule": _SCHEDULE, "mltable": _TABLE}
"""By what the names of schemas hold."""
_BY_KEY = {"create_job": _SCHEDULE, "is_deterministic": _COMPONENT, "transformations": _TABLE}
"""By keys that no job file has."""


def refuse_entity(value: Any) -> None:
    """Raise `InvalidRequest` for an object of the SDK that is known to be no job."""
    name = type(value).__name__
    for ending, (what, way_out) in _BY_CLASS.items():
        if name.endswith(ending):
            raise InvalidRequest(
                f"This is no job but {what} ({name})", argument="job", hint=f"{way_out}\n{SUPPORTED}"
            )


def refuse_file(path: Path, data: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for a YAML file that is known to be no job file."""
    schema = str(data.get("$schema") or "").rpartition("/")[2].lower()
    by_schema = (found for word, found in _BY_SCHEMA.items() if word in schema)
    by_key = (found for key, found in _BY_KEY.items() if key in data)
    for what, way_out in (*by_schema, *by_key):
        raise InvalidRequest(
            f"{path} is no job file but {what}", argument="job", hint=f"{way_out}\n{SUPPORTED}"
        )
