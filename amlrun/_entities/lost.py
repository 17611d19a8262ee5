"""What the SDK leaves out of a job's resources, put back: public fields of the entity, in the API's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._asking.settings import read

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOST = {"locations": "locations", "maxInstanceCount": "max_instance_count"}
"""Beside a list of `docker_args` both are left out, beside a text one is."""


def with_lost(body: Mapping[str, Any], entity: Any) -> dict[str, Any]:
    """The body of a command job with all that its resources say."""
    said = {field: read(entity, "resources", name) for field, name in _LOST.items()}
    found = {field: value for field, value in said.items() if value is not None}
    return {**body, "resources": {**found, **(body.get("resources") or {})}} if found else dict(body)
