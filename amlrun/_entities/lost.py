"""What the SDK leaves out of a job's resources, put back: public fields of the entity, in the API's names."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from amlrun._asking.parts import read

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOST = {"locations": "locations", "maxInstanceCount": "max_instance_count"}
"""Beside a list of `docker_args` both are left out, beside a text one is."""


def with_lost(body: Mapping[str, Any], entity: Any) -> dict[str, Any]:
    """The body of a command job, or of a sweep, with all that its resources say, or those of its trial."""
    parts = (entity, read(entity, "trial"))
    said = {
        field: next((value for part in parts if (value := read(part, "resources", name)) is not None), None)
        for field, name in _LOST.items()
    }
    found = {field: value for field, value in said.items() if value is not None}
    return {**body, "resources": {**found, **(body.get("resources") or {})}} if found else dict(body)


def join_docker_args(part: Any) -> None:
    """Write a list of arguments of a step, or of its component, as a text: a step's body has no list."""
    resources = read(part, "resources")
    arguments = read(resources, "docker_args")
    if not isinstance(arguments, list):
        return
    text = shlex.join(map(str, arguments))
    if isinstance(resources, dict):
        resources["docker_args"] = text
    else:
        resources.docker_args = text
