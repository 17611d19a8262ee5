"""What a job says of itself: the settings that a plan needs, read from a job file or an SDK entity.

Reads YAML with no import of `azure.ai.ml`, so that planning a job file stays light; the SDK reads the same
file again when the job is built. An entity is read through its public attributes only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from amlrun._errors import InvalidRequest


@attrs.frozen(kw_only=True)
class JobSettings:
    """The job's own settings. Values are as written: checked where the arguments are."""

    kind: str
    command: str = ""
    name: str | None = None
    compute: str | None = None
    instance_type: Any = None
    instance_count: Any = None
    tier: Any = None
    timeout: float | None = None
    identity: Any = None
    experiment_name: Any = None
    tags: dict[str, str] = attrs.field(factory=dict)
    code_folder: Path | None = None
    has_environment: bool = False
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    environment_variables: dict[str, str] = attrs.field(factory=dict)


_MAPPINGS = ("resources", "queue_settings", "limits", "inputs", "outputs", "environment_variables", "tags")


def settings_of_file(path: Path) -> JobSettings:
    """Read a job file. Raises `InvalidRequest` with the file and the line."""
    import yaml  # noqa: PLC0415  only a job file needs it

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: can't be read ({error})", argument="job") from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InvalidRequest(f"{path}{line}: not YAML: {problem}", argument="job") from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"{path}, line 1: a job file holds a mapping (command: …)", argument="job")
    return _settings_of_mapping(path, text, data)


def _settings_of_mapping(path: Path, text: str, data: dict[str, Any]) -> JobSettings:
    kind = str(data.get("type") or "command")
    command = data.get("command")
    if kind == "command" and not (isinstance(command, str) and command.strip()):
        message = f"{path}, line {_line_of(text, 'command')}: a command job needs a command"
        raise InvalidRequest(message, argument="job")
    parts = {}
    for key in _MAPPINGS:
        parts[key] = data.get(key) or {}
        if not isinstance(parts[key], dict):
            message = f"{path}, line {_line_of(text, key)}: {key} holds a mapping"
            raise InvalidRequest(message, argument="job")
    code = data.get("code")
    return JobSettings(
        kind=kind,
        command=command if isinstance(command, str) else "",
        name=data.get("name"),
        compute=data.get("compute"),
        instance_type=parts["resources"].get("instance_type"),
        instance_count=parts["resources"].get("instance_count"),
        tier=parts["queue_settings"].get("job_tier"),
        timeout=_seconds(parts["limits"].get("timeout")),
        identity=data.get("identity"),
        experiment_name=data.get("experiment_name"),
        tags=_texts(parts["tags"]),
        code_folder=_folder(code, path.parent),
        has_environment=bool(data.get("environment")),
        inputs=frozenset(map(str, parts["inputs"])),
        outputs=frozenset(map(str, parts["outputs"])),
        environment_variables=_texts(parts["environment_variables"]),
    )


def settings_of_entity(job: Any) -> JobSettings:
    """Read an `azure.ai.ml` job or builder. Raises `InvalidRequest` for anything else."""
    kind = getattr(job, "type", None)
    if not isinstance(kind, str) or not type(job).__module__.startswith("azure.ai.ml"):
        message = f"job={job!r} is not one"
        hint = "A command line, the path of a job file, or a job of azure.ai.ml."
        raise InvalidRequest(message, argument="job", hint=hint)
    if getattr(job, "id", None):
        message = f"This job is a run that was fetched, {job.name}: its outputs and services go along"
        hint = "Build it anew, or give the job file that it was made from."
        raise InvalidRequest(message, argument="job", hint=hint)
    resources, queue, limits = (
        getattr(job, part, None) for part in ("resources", "queue_settings", "limits")
    )
    compute = getattr(job, "compute", None)
    return JobSettings(
        kind=kind,
        command=str(getattr(job, "command", None) or ""),
        name=getattr(job, "name", None),
        compute=compute if isinstance(compute, str) else getattr(compute, "name", None),
        instance_type=_read(resources, "instance_type"),
        instance_count=_read(resources, "instance_count"),
        tier=_read(queue, "job_tier"),
        timeout=_seconds(_read(limits, "timeout")),
        identity=getattr(job, "identity", None),
        experiment_name=getattr(job, "experiment_name", None),
        tags=_texts(getattr(job, "tags", None) or {}),
        code_folder=_folder(getattr(job, "code", None), Path(getattr(job, "base_path", None) or ".")),
        has_environment=getattr(job, "environment", None) is not None,
        inputs=frozenset(getattr(job, "inputs", None) or ()),
        outputs=frozenset(getattr(job, "outputs", None) or ()),
        environment_variables=_texts(getattr(job, "environment_variables", None) or {}),
    )


def _read(part: Any, name: str) -> Any:
    """A setting of a part that is an object, or a dict where the user gave one."""
    return part.get(name) if isinstance(part, dict) else getattr(part, name, None)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {str(key): "" if value is None else str(value) for key, value in values.items()}


def _seconds(value: Any) -> float | None:
    """A number, in quotes too: the SDK takes both."""
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None


def is_remote(code: str) -> bool:
    """Whether the code is somewhere else already: a snapshot's id, a repository."""
    return code.startswith(("azureml:", "/subscriptions/", "git+", "http://", "https://"))


def _folder(code: Any, beside: Path) -> Path | None:
    """The local folder that would be uploaded; None where the code is somewhere else already."""
    if not code or not isinstance(code, (str, Path)) or is_remote(str(code)):
        return None
    return (beside / Path(code).expanduser()).resolve()


def _line_of(text: str, key: str) -> int:
    """The line where a top-level key stands; the first where it doesn't."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(f"{key}:"):
            return number
    return 1
