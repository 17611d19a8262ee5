"""What a notebook leaves in the script that it is exported to, and plain Python can't run. Pure."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "get_ipython"
_SHOWN = 60


def first_magic(source: bytes) -> tuple[int, str] | None:
    """Line and text of the first `%magic` or `!command` of an exported notebook, as nbconvert writes them.

    None: there is none, it stands where its failure is expected (`try`), in a function, or under an `if` that
    asks for IPython; or the script has a `get_ipython` of its own.
    """
    if _NAME.encode() not in source:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # it runs, so it isn't this
        return None
    if any(_binds(node) for node in ast.walk(tree)):
        return None
    found = min(
        (node for node in _at_once(tree) if _is_call(node)), key=lambda node: node.lineno, default=None
    )
    if found is None:
        return None
    text = " ".join((ast.get_source_segment(source.decode("utf-8", "replace"), found) or _NAME).split())
    return found.lineno, text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _at_once(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that are evaluated when the script runs, but for those under a `try` or a guard."""
    if isinstance(node, ast.If) and _asks_for_ipython(node.test):
        yield node.test
        yield from _at_once(node.test)
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Try)):
            continue
        if isinstance(child, ast.expr):
            yield child
        yield from _at_once(child)


def _asks_for_ipython(test: ast.expr) -> bool:
    """`"get_ipython" in globals()`, `"ipykernel" in sys.modules`, `hasattr(builtins, "__IPYTHON__")`."""
    texts = (node.value for node in ast.walk(test) if isinstance(node, ast.Constant))
    return any(
        isinstance(text, str) and re.search("ipython|ipykernel", text, re.IGNORECASE) for text in texts
    )


def _is_call(node: ast.expr) -> bool:
    """`get_ipython().run_line_magic(…)`, `.system(…)`, ….

    A bare `get_ipython()` asks whether this is a notebook.
    """
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == _NAME
    )


def _binds(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == _NAME and isinstance(node.ctx, ast.Store)
    if isinstance(node, ast.alias):
        return (node.asname or node.name) == _NAME
    return isinstance(node, ast.FunctionDef) and node.name == _NAME
