"""What a job says itself where no argument does, refused by name before SDK and service see it. Pure."""

from __future__ import annotations

import math
import re
from typing import Any

from amlrun._durations import LONGEST
from amlrun._errors import InvalidRequest
from amlrun._shown import a_kind, shown

_PRIORITIES = ("low", "medium", "high")
_MEMORY = re.compile(r"0*[1-9]\d*[bkmg]", re.IGNORECASE)
_PROVIDERS = ("custom", "azure-openai")
_BINDING = "${{"


MAPPINGS = (
    *("resources", "queue_settings", "limits", "inputs", "outputs", "environment_variables", "tags"),
    *("settings", "search_space", "conf", "services", "distribution"),
)
"""What a job file, its trial and its steps have as mappings, or not at all."""


def check_mappings(part: Any) -> None:
    """Raise `InvalidRequest` for a part of a job file that holds something else where it has a mapping."""
    if type(part) is not dict:  # of the SDK's own mappings nobody has typed the keys
        return
    for key in MAPPINGS:
        if part.get(key) and not isinstance(part[key], dict):
            raise InvalidRequest(f"{key} holds a mapping, and not {shown(part[key])}", argument="job")
    for name, value in (part.get("environment_variables") or {}).items():
        if isinstance(value, (dict, list, bytes)):
            message = f"environment variable {name} is {a_kind(value)}: a text"
            raise InvalidRequest(message, argument="environment_variables")


def check_queue(priority: Any) -> None:
    """Of `queue_settings`: azure-ai-ml knows three words."""
    if priority is None or _BINDING in str(priority) or str(priority).lower() in _PRIORITIES:
        return
    message = f"the job's queue_settings.priority is {shown(priority)}"
    raise InvalidRequest(message, argument="job", hint=f"Valid: {', '.join(_PRIORITIES)}.")


def check_memory(shm_size: Any) -> None:
    """Of `resources`: what the service hands to Docker."""
    if not shm_size or _BINDING in str(shm_size) or _MEMORY.fullmatch(str(shm_size)):
        return
    message = f"the job's resources.shm_size is {shown(shm_size)}"
    hint = "A number and its unit, b, k, m or g: 16g. Left out, it is half of the memory of nodes with GPUs."
    raise InvalidRequest(message, argument="job", hint=hint)


def check_seconds(timeout: Any, *, in_quotes: bool, name: str = "timeout") -> None:
    """Of `limits`: a file may say it in quotes; azure-ai-ml fails at a text, and drops a 0."""
    if timeout is None or _BINDING in str(timeout):
        return
    try:
        seconds = math.nan if isinstance(timeout, bool) else float(timeout)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if (in_quotes or not isinstance(timeout, str)) and 1 <= seconds <= LONGEST:
        return
    message = f"timeout: the job's limits.{name} is {shown(timeout)}: seconds, 1 or more and at most a year"
    raise InvalidRequest(message, argument="timeout" if name == "timeout" else "job")


def check_tuned(provider: Any, model: Any) -> None:
    """Of a fine-tuning file: whose model, and that it is named with its type."""
    if provider not in _PROVIDERS:
        message = f"model_provider is {shown(provider)}"
        raise InvalidRequest(message, argument="job", hint=f"Valid: {', '.join(_PROVIDERS)}.")
    if isinstance(model, str):
        message = f"model is the text {shown(model)}: in a job file it is a mapping"
        raise InvalidRequest(message, argument="job", hint=f"model: {{type: mlflow_model, path: {model}}}")


def check_words(command: Any) -> None:
    """Of a command: a shell that is given nothing ends well, and nothing was done."""
    if isinstance(command, str) and not command.strip():
        raise InvalidRequest("The job's command is empty", argument="job")
