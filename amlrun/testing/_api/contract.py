"""Bodies held against the API's definitions: what it doesn't have is found. Pure.

Three tables: `contract.json` from the service's published contract, `history.json` from the SDK's models of
run history, and `assumed.json`, written by hand: what neither has and real bodies do. Values of enums compare
without case, and null is absent: so the service does it, or the SDK's own bodies would be refused.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import attrs

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
def definitions() -> Mapping[str, Any]:
    """Every definition by its name: a row of fields, or an enum."""
    rows: dict[str, Any] = {}
    for name in ("contract", "history", "assumed"):
        table = json.loads((files("amlrun.testing") / "_data" / f"{name}.json").read_text(encoding="utf-8"))
        rows |= table["definitions"]
        for known, fields in table.get("added", {}).items():
            rows[known] = {**rows[known], "fields": {**rows[known]["fields"], **fields}}
    return rows


@cache
def _names() -> Mapping[str, str]:
    table = json.loads((files("amlrun.testing") / "_data" / "contract.json").read_text(encoding="utf-8"))
    names: dict[str, str] = table["names"]
    return names


def misnamed(collection: str, name: str) -> str:
    """Why the API makes nothing of that name in a collection (`computes`, `data`, …); "": it does."""
    pattern = _names()[collection]
    if re.fullmatch(pattern, name):
        return ""
    return f"{name!r} is no name for {collection}: it must match {pattern}"


def violations(body: Any, definition: str, *, reply: bool = False) -> list[str]:
    """What a body has that the API doesn't, in words that name the place; empty: all is well.

    Read-only fields may stand in a reply only, secrets in a request only.
    """
    found = _Reading(reply).object(body, definition, "")
    return [one.removeprefix(".") for one in found]


def without_secrets(value: Any, definition: str) -> Any:
    """A body without what opens something: passwords, keys, tokens."""
    row = definitions()[definition]
    if "by" in row and isinstance(value, dict):
        kinds = {kind.lower(): child for kind, child in row["kinds"].items()}
        if child := kinds.get(str(value.get(row["by"])).lower()):
            return without_secrets(value, child)
    return _without(value, row)


def _without(value: Any, field: Mapping[str, Any]) -> Any:
    """A value of a field, or of a row of fields, without its secrets."""
    if "ref" in field:
        return without_secrets(value, field["ref"])
    if isinstance(value, list) and "items" in field:
        return [_without(item, field["items"]) for item in value]
    if isinstance(value, dict) and "values" in field:
        return {key: _without(item, field["values"]) for key, item in value.items()}
    if isinstance(value, dict) and "fields" in field:
        known = {key: field["fields"].get(key, {}) for key in value}
        return {
            key: _without(item, known[key]) for key, item in value.items() if not known[key].get("secret")
        }
    return value


@attrs.frozen
class _Reading:
    """One body on its way through the tables."""

    reply: bool

    def object(self, value: Any, name: str, path: str) -> Iterator[str]:
        """A value where a definition is due."""
        row = definitions()[name]
        if "enum" in row:
            yield from _enum(value, row["enum"], path)
        elif "by" in row and isinstance(value, dict):
            given = value.get(row["by"])
            kinds = {kind.lower(): child for kind, child in row["kinds"].items()}
            if child := kinds.get(str(given).lower()):
                yield from self.object(value, child, path)
            else:
                yield f"{path}.{row['by']} must be one of {', '.join(row['kinds'])}, not {given!r}"
        else:
            yield from self.fields(value, row, path)

    def fields(self, value: Any, row: Mapping[str, Any], path: str) -> Iterator[str]:
        """A value where a row of fields is due."""
        if not isinstance(value, dict):
            yield f"{path} must be an object, not {_kind_of(value)}"
            return
        for key in row["required"]:
            secret = self.reply and row["fields"].get(key, {}).get("writeOnly")
            if value.get(key) is None and not secret:
                yield f"{path}.{key} is required"
        for key, item in value.items():
            field = row["fields"].get(key)
            where = f"{path}.{key}"
            if field is None:
                yield f"{where} is no field of the API"
            elif item is not None and field.get("readOnly") and not self.reply:
                yield f"{where} is read-only"
            elif item is not None and field.get("writeOnly") and self.reply:
                yield f"{where} is never shown"
            elif item is not None:
                yield from self.field(item, field, where)

    def field(self, value: Any, field: Mapping[str, Any], path: str) -> Iterator[str]:
        """A field's value."""
        if "ref" in field:
            yield from self.object(value, field["ref"], path)
        elif "fields" in field:
            yield from self.fields(value, field, path)
        elif "enum" in field:
            yield from _enum(value, field["enum"], path)
        elif _fits(value, field["type"]):
            yield from self.items(value, field, path)
        else:
            yield f"{path} must be of type {field['type']}, not {_kind_of(value)}"

    def items(self, value: Any, field: Mapping[str, Any], path: str) -> Iterator[str]:
        """What an array or a map holds."""
        if field["type"] == "array":
            for index, item in enumerate(value):
                yield from self.field(item, field["items"], f"{path}[{index}]")
        elif field["type"] == "map":
            for key, item in value.items():
                if item is not None:
                    yield from self.field(item, field["values"], f"{path}.{key}")


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
