"""ISO 8601 durations, as far as the service uses them. Pure."""

from __future__ import annotations

import re

_PATTERN = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def seconds(text: str) -> float:
    """`PT1H30M` -> 5400.0. Raises ValueError for what is no duration."""
    match = _PATTERN.fullmatch(text)
    if match is None or text in {"P", "PT"}:
        raise ValueError(f"{text!r} is no ISO 8601 duration")
    parts = {name: float(value or 0) for name, value in match.groupdict().items()}
    return parts["days"] * 86400 + parts["hours"] * 3600 + parts["minutes"] * 60 + parts["seconds"]
