"""JSON as replies have it, where any part may be missing, null, or of another type than expected. Pure."""

from __future__ import annotations

import math
from typing import Any


def object_in(value: object) -> dict[str, Any]:
    """A JSON object, empty where it is missing or null."""
    return value if isinstance(value, dict) else {}


def items_in(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON array, none where it is missing or null."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_in(value: object) -> str:
    """A text, empty where it is missing, null or none."""
    return value if isinstance(value, str) else ""


def number_in(value: object) -> float:
    """A number, 0 where it is missing, null or none."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number else 0.0  # type: ignore[arg-type]  # it is one
