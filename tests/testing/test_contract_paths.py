"""The routes against the published contract: each takes and gives what the contract says of its path."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from amlrun.testing import _routes

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contract" / "2024-01-01-preview"
pytestmark = pytest.mark.skipif(
    not CONTRACT.exists(), reason="the service's contract is not beside this checkout"
)
PROVIDER = "/providers/Microsoft.MachineLearningServices"
WORKSPACE = f"/subscriptions/{{}}/resourceGroups/{{}}{PROVIDER}/workspaces/{{}}"
SUBSCRIPTION = "/subscriptions/{}"
NOT_THERE = re.compile(
    r"operation(Results|sStatus)/|/enableSso$|/registries(/\{\w+\})?$|/(tempdatarefs|datarefs|import)\b|/Microsoft\.Authorization/"
)
"""Paths of long-running operations, what the SDK asks though no document has it, and what has a document of
its own: registries themselves, and rights."""


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """The contract's operations by method and path, names of parameters left out."""
    found = {}
    for document in ("mfe", "machineLearningServices", "workspaceRP"):
        paths = json.loads((CONTRACT / f"{document}.json").read_text(encoding="utf-8"))["paths"]
        for path, methods in paths.items():
            for method, operation in methods.items():
                found[method.upper(), plain(path)] = operation
    return found


def plain(path: str) -> str:
    """A template without the names of its parameters."""
    chosen = re.sub(r"\{\w+:(\w+)\}", r"\1", path)
    return re.sub(r"\{[^}]*\}", "{}", chosen).lower()


def named(schema: dict[str, Any] | None) -> str:
    """The definition that a schema refers to."""
    return str((schema or {}).get("$ref", "")).rpartition("/")[2]


ROUTES = [
    (route.method, f"{prefix}{route.template}", route)
    for prefix, tables in ((WORKSPACE, _routes.OF_WORKSPACE), (SUBSCRIPTION, _routes.OF_SUBSCRIPTION))
    for table in tables
    for route in table.routes
    if not NOT_THERE.search(route.template)
]


@pytest.mark.parametrize(
    ("method", "path", "route"), ROUTES, ids=[f"{method} {path}" for method, path, _ in ROUTES]
)
def test_a_route_takes_and_gives_what_the_contract_says(method: str, path: str, route: Any) -> None:
    """The path is in the contract, with that method; its body and its reply have the definitions declared."""
    operation = operations().get((method, plain(path)))
    assert operation is not None, "no such operation in the contract"
    bodies = [part for part in operation.get("parameters", []) if part.get("in") == "body"]
    takes = {named(part["schema"]) for part in bodies} - {""}
    gives = {
        named(reply.get("schema")) for code, reply in operation["responses"].items() if code in {"200", "201"}
    }
    if takes:
        assert {route.takes} == takes
    assert route.gives in (gives or {""})
