"""Bodies held against the service's published contract: what it doesn't have is found. Pure.

The table is made by `.ci/make_contract.py`. Values of enums compare without case, and null is absent: so the
service does it, or the SDK's own bodies would be refused.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "map": (dict,),
    "any": (object,),
}


@cache
def _definitions() -> Mapping[str, Any]:
    text = (files("amlrun.testing") / "_data" / "contract.json").read_text(encoding="utf-8")
    table: Mapping[str, Any] = json.loads(text)["definitions"]
    return table


def faults(body: Any, definition: str, path: str) -> list[str]:
    """What a body has that the contract doesn't allow, in words that name the place; empty: all is well."""
    return list(_object(body, definition, path))


def _object(value: Any, name: str, path: str) -> Iterator[str]:
    row = _definitions()[name]
    if "enum" in row:
        yield from _enum(value, row["enum"], path)
    elif not isinstance(value, dict):
        yield f"{path} must be an object, not {_kind_of(value)}"
    elif "by" in row:
        given = value.get(row["by"])
        kinds = {kind.lower(): child for kind, child in row["kinds"].items()}
        if child := kinds.get(str(given).lower()):
            yield from _object(value, child, path)
        else:
            yield f"{path}.{row['by']} must be one of {', '.join(row['kinds'])}, not {given!r}"
    else:
        yield from _fields(value, row, path)


def _fields(value: Mapping[str, Any], row: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in row["required"]:
        if value.get(key) is None:
            yield f"{path}.{key} is required"
    for key, item in value.items():
        field = row["fields"].get(key)
        where = f"{path}.{key}"
        if field is None:
            yield f"{where} is no field of the API"
        elif item is not None and field.get("readOnly"):
            yield f"{where} is read-only"
        elif item is not None:
            yield from _value(item, field, where)


def _value(value: Any, field: Mapping[str, Any], path: str) -> Iterator[str]:
    if "ref" in field:
        yield from _object(value, field["ref"], path)
    elif "enum" in field:
        yield from _enum(value, field["enum"], path)
    elif not _fits(value, field["type"]):
        yield f"{path} must be of type {field['type']}, not {_kind_of(value)}"
    elif field["type"] == "array":
        for index, item in enumerate(value):
            yield from _value(item, field["items"], f"{path}[{index}]")
    elif field["type"] == "map":
        for key, item in value.items():
            if item is not None:
                yield from _value(item, field["values"], f"{path}.{key}")


def _fits(value: Any, kind: str) -> bool:
    # To Python a bool is an int; to JSON it isn't.
    return isinstance(value, _TYPES[kind]) and (kind in {"boolean", "any"} or not isinstance(value, bool))


def _enum(value: Any, choices: list[str], path: str) -> Iterator[str]:
    if str(value).lower() not in {choice.lower() for choice in choices}:
        yield f"{path} must be one of {', '.join(choices)}, not {value!r}"


def _kind_of(value: Any) -> str:
    return {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}.get(
        type(value), "number"
    )
