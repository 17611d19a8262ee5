"""ISO 8601 durations and instants, as far as the service uses them. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re

LONGEST = 366 * 86400.0
"""Seconds: longer than any job lives, on whatever compute. A greater limit is a mistake, or none."""
_PATTERN = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def seconds(text: str) -> float:
    """`PT1H30M` as 5400.0. Raises ValueError for what is no duration."""
    match = _PATTERN.fullmatch(text)
    if match is None or text in {"P", "PT"}:
        raise ValueError(f"{text!r} is no ISO 8601 duration")
    parts = {name: float(value or 0) for name, value in match.groupdict().items()}
    return parts["days"] * 86400 + parts["hours"] * 3600 + parts["minutes"] * 60 + parts["seconds"]


def iso(duration: float) -> str:
    """Seconds as the service writes them, `PT3600S`, rounded up to whole ones."""
    return f"PT{math.ceil(duration)}S"


_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def told(duration: float) -> str:
    """Seconds in words, by their two greatest units: `10 d`, `1 h 30 min`."""
    rest, parts = math.ceil(duration), []
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


_SPAN = re.compile(r"(?:(\d+)\.)?(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def span(text: object) -> float | None:
    """A span of time as run history writes it, `1.02:30:00.5`, in seconds; None: it is none."""
    match = _SPAN.fullmatch(str(text or ""))
    if match is None:
        return None
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?")


def instant(moment: object) -> float | None:
    """A time of the service (any number of fraction digits) as seconds since 1970; None: it is none."""
    match = _INSTANT.fullmatch(str(moment or ""))
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    offset = "+0000" if zone in (None, "Z") else zone.replace(":", "")
    try:
        parsed = dt.datetime.strptime(f"{whole}{offset}", "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:  # the thirteenth month
        return None
    return parsed.timestamp() + float(f"0.{fraction or 0}")
