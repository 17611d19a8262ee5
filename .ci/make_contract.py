"""Make the table of the API's bodies that the fake is held against, from the service's published contract.

    python .ci/make_contract.py FOLDER        FOLDER holds 2024-01-01-preview/ and common-types/

Writes amlrun/testing/_data/contract.json: every definition that the operations of ROOMS can reach, in
requests and in replies, each with its fields: their types, what is read-only or write-only, what is required;
and which names a PUT takes, by collection: `computes`, `jobs`, ….
What the real SDK and the real service have beyond that document is in _data/assumed.json, written by hand.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "amlrun" / "testing" / "_data" / "contract.json"
VERSION = "2024-01-01-preview"
DOCUMENTS = ("mfe.json", "machineLearningServices.json", "workspaceRP.json")
COMMON = ("types.json", "managedidentity.json")
SOURCE = f"Azure Machine Learning management plane, api-version {VERSION}: {', '.join(DOCUMENTS)}"
ROOMS = re.compile(
    r"/providers/Microsoft\.MachineLearningServices/"
    r"((workspaces|registries)/\{\w+\}/(jobs|codes|components|environments|data|models|datastores|computes|listKeys)"
    r"|workspaces/\{\w+\}$|(workspaces|registries)$|registries/\{\w+\}$|locations/)"
)
WORKSPACE_PATH = "/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
COLLECTION = re.compile(re.escape(WORKSPACE_PATH) + r"/(?P<collection>\w+)/\{(?P<name>\w+)\}$")
NOT_OURS = {"Labeling", "Schedule"}
SIMPLE = {"string", "integer", "number", "boolean"}


class Contract:
    """The definitions of all documents, flattened as they are reached."""

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
        self._collect(name, fields, required)
        row["fields"] = {key: self.kind(value) for key, value in sorted(fields.items())}
        row["required"] = sorted(required)
        by = self.definitions[name].get("discriminator")
        children = self._children(name) if by else []
        if children:
            row["by"] = by
            row["kinds"] = dict(children)
            for child in row["kinds"].values():
                self.reach(child)

    def kind(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a field may hold."""
        made: dict[str, Any] = {"readOnly": True} if schema.get("readOnly") else {}
        if "read" not in schema.get("x-ms-mutability", ["read"]):
            made["writeOnly"] = True
        if schema.get("x-ms-secret"):
            made["secret"] = True
        return {**made, **(self._named(schema["$ref"]) if "$ref" in schema else self._plain(schema))}

    def _named(self, reference: str) -> dict[str, Any]:
        name = reference.rpartition("/")[2]
        target = self.definitions.get(name)
        if target is None:
            return {"type": "any"}
        is_map = "properties" not in target and isinstance(target.get("additionalProperties"), dict)
        if "enum" not in target and (target.get("type", "object") != "object" or is_map):
            return self._plain({"type": "object", **target})
        self.reach(name)
        return {"ref": name}

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        kind = schema.get("type", "any")
        if kind == "array":
            return {"type": "array", "items": self.kind(schema.get("items", {}))}
        if kind == "object" and "properties" in schema:
            fields = {key: self.kind(value) for key, value in sorted(schema["properties"].items())}
            return {"fields": fields, "required": sorted(schema.get("required", []))}
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return {"type": "map", "values": self.kind(schema["additionalProperties"])}
        if "enum" in schema:
            return {"enum": schema["enum"]}
        return {"type": kind if kind in SIMPLE else "any"}

    def _collect(self, name: str, fields: dict[str, Any], required: set[str]) -> None:
        definition = self.definitions[name]
        for parent in definition.get("allOf", []):
            above = parent["$ref"].rpartition("/")[2]
            if above in self.definitions:
                self._collect(above, fields, required)
        fields.update(definition.get("properties", {}))
        required.update(definition.get("required", []))

    def _children(self, name: str) -> list[tuple[str, str]]:
        found = []
        for child, definition in self.definitions.items():
            value = definition.get("x-ms-discriminator-value")
            if value and value not in NOT_OURS and self._descends(child, name):
                found.append((value, child))
        return sorted(found)

    def _descends(self, child: str, name: str) -> bool:
        parents = [parent["$ref"].rpartition("/")[2] for parent in self.definitions[child].get("allOf", [])]
        known = [parent for parent in parents if parent in self.definitions]
        return name in known or any(self._descends(parent, name) for parent in known)


def roots(document: dict[str, Any]) -> set[str]:
    """The definitions that a document's operations take and give."""
    found: set[str] = set()
    for path, operations in document["paths"].items():
        if not ROOMS.search(path):
            continue
        for operation in operations.values():
            schemas = [part.get("schema", {}) for part in operation.get("parameters", [])]
            schemas += [reply.get("schema", {}) for reply in operation["responses"].values()]
            found |= {schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema}
    return found


def names(documents: list[dict[str, Any]]) -> dict[str, str]:
    """The patterns of the names that the workspace's collections take."""
    found: dict[str, str] = {}
    shared = {key: value for document in documents for key, value in document.get("parameters", {}).items()}
    for document in documents:
        for path, operations in document.get("paths", {}).items():
            match = COLLECTION.search(path)
            for part in operations.get("put", {}).get("parameters", []) if match else ():
                parameter = shared.get(part["$ref"].rpartition("/")[2], {}) if "$ref" in part else part
                if match and parameter.get("name") == match["name"] and "pattern" in parameter:
                    found[match["collection"]] = parameter["pattern"]
    return {key: value for key, value in sorted(found.items()) if ROOMS.search(f"{WORKSPACE_PATH}/{key}")}


def main(folder: Path) -> None:
    """Read the contract and write the table."""
    places = [folder / "common-types" / "v3" / name for name in COMMON]
    places += [folder / VERSION / name for name in reversed(DOCUMENTS)]
    documents = [json.loads(place.read_text(encoding="utf-8")) for place in places]
    definitions: dict[str, Any] = {}
    for document in documents:
        definitions |= document["definitions"]
    contract = Contract(definitions)
    for document in documents:
        for name in sorted(roots(document) if "paths" in document else ()):
            if name in definitions:
                contract.reach(name)
    lines = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(contract.table.items())]
    head = f'{{"source": {json.dumps(SOURCE)}, "made by": ".ci/make_contract.py",\n'
    head += f'"names": {json.dumps(names(documents))},\n"definitions": {{\n'
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
