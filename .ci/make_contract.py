"""Make the table of fields that the fake holds job bodies against, from the service's published contract.

    python .ci/make_contract.py FOLDER        FOLDER holds mfe.json of api-version 2024-01-01-preview

Writes amlrun/testing/_data/contract.json: the definitions that a job of one of JOB_TYPES can reach, each with
its fields: their types, what is read-only, what is required. What command jobs of 2025-01-01-preview have
beyond the contract, and the SDK's own bodies need, is in ASSUMED.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "amlrun" / "testing" / "_data" / "contract.json"
JOB_TYPES = ("Command",)
SOURCE = "Azure Machine Learning management plane, mfe.json, api-version 2024-01-01-preview"
# Assumed: fields of 2025-01-01-preview, whose contract is not published with the one above, as the SDK's own
# models have them.
ASSUMED: dict[str, dict[str, dict[str, Any]]] = {
    "CommandJob": {"parentJobName": {"type": "string"}},
    "JobResourceConfiguration": {"dockerArgsList": {"type": "array", "items": {"type": "string"}}},
}
SIMPLE = {"string", "integer", "number", "boolean"}


class Contract:
    """The definitions of one document, flattened as they are reached."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.table: dict[str, Any] = {}

    def reach(self, name: str) -> None:
        """Put a definition, and all that it reaches, into the table."""
        if name in self.table:
            return
        definition = self.definitions[name]
        row: dict[str, Any] = {}
        self.table[name] = row
        if "enum" in definition:
            row["enum"] = definition["enum"]
            return
        fields: dict[str, Any] = {}
        required: set[str] = set()
        closed = self._collect(name, fields, required)
        row["fields"] = {key: self.kind(value) for key, value in sorted(fields.items())}
        for key, value in ASSUMED.get(name, {}).items():
            row["fields"][key] = {**value, "assumed": True}
        row["required"] = sorted(required)
        if definition.get("discriminator"):
            by = definition["discriminator"]
            row["by"] = by
            row["kinds"] = {value: child for value, child in self._children(name) if self._wanted(by, value)}
            for child in row["kinds"].values():
                self.reach(child)
        elif not closed and not fields:
            row["open"] = True

    def kind(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a field may hold."""
        made: dict[str, Any] = {"readOnly": True} if schema.get("readOnly") else {}
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name not in self.definitions:
                return {**made, "type": "any"}
            self.reach(name)
            return {**made, "ref": name}
        kind = schema.get("type", "any")
        if kind == "array":
            return {**made, "type": "array", "items": self.kind(schema.get("items", {}))}
        more = schema.get("additionalProperties")
        if kind == "object" and isinstance(more, dict):
            return {**made, "type": "map", "values": self.kind(more)}
        if "enum" in schema:
            return {**made, "enum": schema["enum"]}
        return {**made, "type": kind if kind in SIMPLE else "any"}

    def _collect(self, name: str, fields: dict[str, Any], required: set[str]) -> bool:
        definition = self.definitions[name]
        closed = definition.get("additionalProperties") is False
        for parent in definition.get("allOf", []):
            closed |= self._collect(parent["$ref"].rpartition("/")[2], fields, required)
        fields.update(definition.get("properties", {}))
        required.update(definition.get("required", []))
        return closed

    def _children(self, name: str) -> list[tuple[str, str]]:
        found = []
        for child, definition in self.definitions.items():
            value = definition.get("x-ms-discriminator-value")
            if value and self._descends(child, name):
                found.append((value, child))
        return sorted(found)

    def _descends(self, child: str, name: str) -> bool:
        parents = [parent["$ref"].rpartition("/")[2] for parent in self.definitions[child].get("allOf", [])]
        known = [parent for parent in parents if parent in self.definitions]
        return name in known or any(self._descends(parent, name) for parent in known)

    @staticmethod
    def _wanted(by: str, value: str) -> bool:
        return by != "jobType" or value in JOB_TYPES


def main(folder: Path) -> None:
    """Read the contract and write the table."""
    document = json.loads((folder / "mfe.json").read_text(encoding="utf-8"))
    contract = Contract(document["definitions"])
    contract.reach("JobBase")
    lines = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(contract.table.items())]
    head = f'{{"source": {json.dumps(SOURCE)}, "made by": ".ci/make_contract.py", "definitions": {{\n'
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
