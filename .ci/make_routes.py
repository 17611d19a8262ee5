"""Make docs/routes.md, the list of what the fake answers to, from the tables of routes themselves.

python .ci/make_routes.py
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from amlrun.testing import _routes

PAGE = Path(__file__).resolve().parent.parent / "docs" / "routes.md"
WORKSPACE = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.MachineLearningServices/workspaces/{w}"
HEAD = """# What the fake answers to

Made from the code's own tables by `.ci/make_routes.py`. A request to anything else is an `UnknownRoute` that
names it. *Takes* and *gives* are the definitions that bodies and replies are held against; those named
`history.…` are the SDK's models of run history. Words of a path match in any case.
"""
PLACES = {
    "Below the workspace": _routes.OF_WORKSPACE,
    "Below the subscription": _routes.OF_SUBSCRIPTION,
    "Run history, on the host that the workspace names": _routes.OF_HISTORY,
    "Where registries are": _routes.OF_DISCOVERY,
    "Storage accounts": _routes.OF_STORAGE,
    "Inside a job": _routes.OF_IDENTITY,
}


def text() -> str:
    """The page."""
    parts = [HEAD.strip()]
    for place, tables in PLACES.items():
        parts.append(f"## {place}")
        for table in tables:
            rows = [
                f"| `{route.method}` | `{_path(route.template)}` | {_line(route.handler)} "
                f"| {_name(route.takes)} | {_name(route.gives)} |"
                for route in table.routes
            ]
            head = ["| method | path | what it answers | takes | gives |", "| --- | --- | --- | --- | --- |"]
            parts += [f"### {table.name[0].upper()}{table.name[1:]}", "\n".join([*head, *rows])]
    return "\n\n".join(parts) + "\n"


def _path(template: str) -> str:
    """A template as a reader takes it in: the choice instead of its name, the provider shortened."""
    chosen = re.sub(r"\{\w+:([\w|]+)\}", r"\1", template).replace("|", "\\|")
    return chosen.replace("/providers/Microsoft.MachineLearningServices", "/…") or "/"


def _line(handler: object) -> str:
    """A handler's docstring as one line."""
    return " ".join((inspect.getdoc(handler) or "").partition("\n\n")[0].split()).replace("|", "\\|")


def _name(definition: str) -> str:
    return f"`{definition}`" if definition else ""


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
