"""Make the table of run history's bodies from the models of azure-ai-ml: nobody publishes a contract of it.

    python .ci/make_history.py        where azure-ai-ml 1.28.1 is installed: its models name their fields

Writes amlrun/testing/_data/history.json, in the form of contract.json; names begin with `history.`.
"""

from __future__ import annotations

import importlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "amlrun" / "testing" / "_data" / "history.json"
MODELS = "azure.ai.ml._restclient.runhistory.models"
ROOTS = (
    "Run",
    "CreateRun",
    "RunDetails",
    "PaginatedRunList",
    "GetRunDataRequest",
    "GetRunDataResult",
    "BatchRequest1",
    "BatchResult1",
    "PaginatedMetricDefinitionList",
    "RetrieveFullFidelityMetricRequest",
    "MetricV2",
    "ListMetrics",
)
SIMPLE = {
    "str": "string",
    "iso-8601": "string",
    "duration": "string",
    "int": "integer",
    "long": "integer",
    "float": "number",
    "bool": "boolean",
    "object": "any",
}


class Models:
    """The definitions that the roots reach."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.table: dict[str, Any] = {}

    def reach(self, name: str) -> str:
        """Put a model into the table; returns the name that it has there."""
        known = f"history.{name}"
        if known in self.table:
            return known
        model = getattr(self.module, name)
        self.table[known] = row = {"fields": {}, "required": []}
        if not hasattr(model, "_attribute_map"):
            self.table[known] = {"enum": [member.value for member in model]}
            return known
        # SLF001: how msrest's models say it, and only this script reads it
        for field in model._attribute_map.values():  # noqa: SLF001
            row["fields"][field["key"]] = self.kind(field["type"])
        row["fields"] = dict(sorted(row["fields"].items()))
        return known

    def kind(self, type_: str) -> dict[str, Any]:
        """What a field may hold, from the SDK's way to write it: `[x]`, `{x}`, a simple type, a model."""
        if match := re.fullmatch(r"\[(.+)\]", type_):
            return {"type": "array", "items": self.kind(match[1])}
        if match := re.fullmatch(r"\{(.+)\}", type_):
            return {"type": "map", "values": self.kind(match[1])}
        return {"type": SIMPLE[type_]} if type_ in SIMPLE else {"ref": self.reach(type_)}


def main() -> None:
    """Read the models and write the table."""
    models = Models(importlib.import_module(MODELS))
    missing = [name for name in ROOTS if not hasattr(models.module, name)]
    if missing:
        raise SystemExit(f"The SDK has no {', '.join(missing)}.")
    for name in ROOTS:
        models.reach(name)
    source = f"the models of run history in azure-ai-ml {version('azure-ai-ml')}"
    lines = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(models.table.items())]
    head = f'{{"source": {json.dumps(source)}, "made by": ".ci/make_history.py", "definitions": {{\n'
    TABLE.write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
