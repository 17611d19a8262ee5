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
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    try:
        return float(value) if math.isfinite(value) else 0.0
    except OverflowError:  # a whole number of hundreds of digits
        return 0.0
