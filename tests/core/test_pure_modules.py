"""What is called pure imports nothing that is not."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[2]
VALUES = {"amlrun", "amlrun._errors", "amlrun._catalogue"}
"""The package, which loads nothing by itself, the tree of errors, and the packaged tables."""
EFFECTS = {"asyncio", "logging", "os", "random", "shutil", "socket", "subprocess", "threading", "time"}
OTHERS = {"attrs"}
"""What is no part of Python's own library."""


def pure() -> dict[str, Path]:
    """The modules of `.ci/run`, by their names."""
    said = re.findall(r"^pure\+?=,?(.+)$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    paths = {path for line in said for pattern in line.split(",") for path in ROOT.glob(pattern)}
    return {name_of(path): path for path in paths if path.suffix == ".py"}


def name_of(path: Path) -> str:
    """As it is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def read(path: Path) -> Iterator[str]:
    """What a module imports."""
    return imported(ast.parse(path.read_text(encoding="utf-8")).body)


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What is imported when the module is: not for types alone, nor inside functions."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from () if inside else imported(ast.iter_child_nodes(node))


def test_pure_modules_import_pure_ones() -> None:
    """Values, each other and the errors: neither files nor network, neither clock nor log."""
    modules = pure()
    own = {name_of(path): path for path in ROOT.glob("amlrun/**/*.py")}
    empty = {name for name, path in own.items() if path.name == "__init__.py" and not [*read(path)]}
    wrong = []
    for name, path in modules.items():
        for other in read(path):
            ours = other in own and other not in {*modules, *VALUES, *empty}
            top = other.partition(".")[0]
            theirs = top in EFFECTS or top not in {*sys.stdlib_module_names, *OTHERS, "amlrun"}
            if ours or theirs:
                wrong.append(f"{name} imports {other}")
    assert len(modules) > 100
    assert wrong == []
