"""Where a job's settings are read: a job file, with no import of `azure.ai.ml`, or an entity of the SDK.

Planning a job file stays light so; the SDK reads the same file again when the job is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlrun._asking.bindings import check_names
from amlrun._asking.fields import MAPPINGS, check_mappings
from amlrun._asking.no_jobs import refuse_entity, refuse_file
from amlrun._asking.pipelines import pipeline_settings
from amlrun._asking.settings import settings_of
from amlrun._asking.wiring import check_there
from amlrun._asking.yamlfile import line_of, read_yaml
from amlrun._errors import InvalidRequest
from amlrun._job_types import JobType, job_type
from amlrun._shown import shown

if TYPE_CHECKING:
    from amlrun._asking.settings import JobSettings

_MAPPINGS = (*MAPPINGS, "trial", "jobs")


def settings_of_file(path: Path) -> JobSettings:
    """Read a job file. Raises `InvalidRequest` with the file and the line."""
    text, data = read_yaml(path)
    refuse_file(path, data)
    kind = job_type(str(data.get("type") or "command"))
    command = data.get("command")
    if kind is JobType.COMMAND and not (isinstance(command, str) and command.strip()):
        message = f"{path}, line {line_of(text, 'command')}: a command job needs a command"
        raise InvalidRequest(message, argument="job")
    for key in _MAPPINGS:
        if not isinstance(data.get(key) or {}, dict):
            message = f"{path}, line {line_of(text, key)}: {key} holds a mapping"
            raise InvalidRequest(message, argument="job")
    for part in (data, data.get("trial")):
        check_mappings(part)
    return _settings(kind, data, path.parent)


def settings_of_entity(job: Any) -> JobSettings:
    """Read an `azure.ai.ml` job or builder. Raises `InvalidRequest` for anything else."""
    refuse_entity(job)
    kind = getattr(job, "type", None)
    if not isinstance(kind, str) or not type(job).__module__.startswith("azure.ai.ml"):
        message = f"job={shown(job)} is not one"
        hint = "A command line, the path of a job file, or a job of azure.ai.ml."
        if isinstance(job, (list, tuple)):
            hint = "submit_many([…]) takes many jobs at once."
        raise InvalidRequest(message, argument="job", hint=hint)
    if getattr(job, "id", None):
        message = f"This job is a run that was fetched, {job.name}: its outputs and services go along"
        hint = "Build it anew, or give the job file that it was made from."
        raise InvalidRequest(message, argument="job", hint=hint)
    return _settings(job_type(kind), job, Path(getattr(job, "base_path", None) or "."))


def _settings(kind: JobType, job: Any, folder: Path) -> JobSettings:
    if kind is JobType.PIPELINE:
        return pipeline_settings(job, folder)
    found = settings_of(kind, job, folder)
    check_names("inputs", found.inputs)
    check_names("outputs", found.outputs)
    check_there(job, folder)
    return found
