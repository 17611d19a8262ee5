"""Bodies held against the service's published contract, by another reader than the package's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PUBLISHED = (
    Path(__file__).resolve().parents[2].parent / "shared" / "contract" / "2024-01-01-preview" / "mfe.json"
)
LATER = {"JobResourceConfiguration": {"dockerArgsList"}, "FineTuningJob": {"resources", "queueSettings"}}
"""Fields of the later versions that the SDK sends command and fine-tuning jobs to."""
_TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


@cache
def _definitions() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))["definitions"]
    return found


def faults(body: Any, name: str = "JobBase", path: str = "") -> Iterator[str]:
    """What a body has that the contract doesn't allow, and lacks that it asks for."""
    definition = _definitions()[name]
    by = definition.get("discriminator")
    if by and isinstance(body, dict) and definition.get("x-ms-discriminator-value") is None:
        kinds = {
            value.lower(): child
            for child, one in _definitions().items()
            if (value := one.get("x-ms-discriminator-value")) and name in _ancestors(child)
        }
        child = kinds.get(str(body.get(by)).lower())
        if child is None:
            yield f"{path}.{by}: {body.get(by)!r}"
        else:
            yield from faults(body, child, path)
        return
    properties, required = _whole(name)
    yield from (f"{path}.{key} is missing" for key in required if body.get(key) is None)
    for key, value in body.items():
        if key not in properties:
            if key not in LATER.get(name, ()):
                yield f"{path}.{key} is unknown to {name}"
        elif value is not None:
            yield from _field(value, properties[key], f"{path}.{key}")


def _field(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if schema.get("readOnly"):
        yield f"{path} is read-only"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = _definitions().get(name, {})
        known = {"properties", "discriminator", "allOf"} & set(target)
        yield from faults(value, name, path) if known else _field(value, target, path)
    elif "enum" in schema:
        if str(value).lower() not in {choice.lower() for choice in schema["enum"]}:
            yield f"{path}: {value!r} is not one of {schema['enum']}"
    elif isinstance(schema.get("additionalProperties"), dict):
        for key, one in value.items():
            yield from _field(one, schema["additionalProperties"], f"{path}.{key}") if one is not None else ()
    else:
        yield from _simple(value, schema, path)


def _simple(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    kind: Any = _TYPES.get(schema.get("type", ""), object)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind not in {bool, object}):
        yield f"{path}: {value!r} is no {schema['type']}"
    for one in value if kind is list else ():
        yield from _field(one, schema["items"], path)


def _ancestors(name: str) -> set[str]:
    above = {one["$ref"].rpartition("/")[2] for one in _definitions().get(name, {}).get("allOf", ())}
    return above.union(*(_ancestors(one) for one in above))


def _whole(name: str) -> tuple[dict[str, Any], set[str]]:
    """The fields of a definition and of those that it extends, and which of them are required."""
    properties, required = dict[str, Any](), set[str]()
    for one in (*_ancestors(name), name):
        definition = _definitions().get(one, {})
        properties |= definition.get("properties", {})
        required |= {*definition.get("required", ())}
    return properties, required
