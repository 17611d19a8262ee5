"""JSON as replies have it, where any part may be missing, null, or of another type than expected. Pure."""

from __future__ import annotations

from typing import Any


def object_in(value: object) -> dict[str, Any]:
    """A JSON object, empty where it is missing or null."""
    return value if isinstance(value, dict) else {}


def items_in(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON array, none where it is missing or null."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
