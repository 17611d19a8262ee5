"""Make the pages of docs/ that list what the code has.

routes.md is made from the tables of routes, fake.md from docstrings, and the table of reasons in requeue.md
from the mappings of endings; `amlrun` must be importable.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from amlrun import Requeue, testing
from amlrun._decision import count_for
from amlrun._ending import ADVICE, TOLD, Ending
from amlrun._rights import RIGHTS
from amlrun.testing import _routes

DOCS = Path(__file__).resolve().parent.parent / "docs"
ROUTES = """# What the fake answers to

Made from the code's own tables by `.ci/make_pages.py`. A request to anything else is an `UnknownRoute` that
names it. *Takes* and *gives* are the definitions that bodies and replies are held against; those named
`history.…` are the SDK's models of run history. Words of a path match in any case.
"""
FAKE = """# What a fake can be told

Made from the code's docstrings by `.ci/make_pages.py`; `help(FakeAml)` has them whole. How to use them is in
[testing.md](testing.md).
"""
PLACES = {
    "Below the workspace": _routes.OF_WORKSPACE,
    "Below the subscription": _routes.OF_SUBSCRIPTION,
    "Run history, on the host that the workspace names": _routes.OF_HISTORY,
    "Where registries are": _routes.OF_DISCOVERY,
    "A registry's own host": _routes.OF_REGISTRIES[:1],
    "Storage accounts": _routes.OF_STORAGE,
    "Storage accounts as data lakes": _routes.OF_LAKES[:1],
    "Key vaults": _routes.OF_VAULTS,
    "Inside a job": _routes.OF_IDENTITY,
    "Entra, for the fake's own tenant": _routes.OF_ENTRA,
    "A virtual machine": _routes.OF_MACHINE,
}


def routes() -> str:
    """The list of routes."""
    listed = {id(table) for tables in PLACES.values() for table in tables}
    all_tables = [
        table for name, tables in vars(_routes).items() if name.startswith("OF_") for table in tables
    ]
    if unlisted := [table.name for table in all_tables if id(table) not in listed]:
        raise SystemExit(f"These tables of routes have no place in PLACES: {', '.join(unlisted)}.")
    parts = [ROUTES.strip()]
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


def fake() -> str:
    """The list of what `FakeAml` can be told and asked, and of the values that it takes."""
    parts = [FAKE.strip()]
    rooms = [room for room in testing.FakeAml.__mro__ if room.__module__.startswith("amlrun.testing")]
    for room in rooms:
        names = [name for name in vars(room) if not name.startswith("_")]
        if names:
            rows = [f"| `{_signature(room, name)}` | {_line(getattr(room, name))} |" for name in names]
            parts += [
                f"## {_line(room).rstrip('.')}",
                "\n".join(["| name | what it does |", "| --- | --- |", *rows]),
            ]
    values = [name for name in testing.__all__ if inspect.isclass(getattr(testing, name))]
    rows = [f"| `{name}` | {_line(getattr(testing, name))} |" for name in values]
    parts += [
        "## Everything else in `amlrun.testing`",
        "\n".join(["| name | what it is |", "| --- | --- |", *rows]),
    ]
    return "\n\n".join(parts) + "\n"


def _signature(room: type, name: str) -> str:
    """A member as it is written: a method with the names of its parameters."""
    member = inspect.getattr_static(room, name)
    if not inspect.isfunction(member):
        return name
    given = list(inspect.signature(member).parameters.values())[1:]
    return f"{name}({', '.join(map(_parameter, given))})"


def _parameter(part: inspect.Parameter) -> str:
    stars = "*" if part.kind is part.VAR_POSITIONAL else "**" if part.kind is part.VAR_KEYWORD else ""
    return f"{stars}{part.name}{'=' if part.default is not part.empty else ''}"


def requeue() -> str:
    """The page as it is, with the table of reasons."""
    page = (DOCS / "requeue.md").read_text(encoding="utf-8")
    rows = [f"| `{one}` | {TOLD[one]} | {_done(one)} | {ADVICE[one]} |" for one in Ending]
    head = ["| reason | what is told | what is done | what helps |", "| --- | --- | --- | --- |"]
    table = "\n".join([*head, *rows])
    made, count = re.subn(r"(?s)(?<=<!-- reasons).*?(?=<!-- end -->)", lambda _: f"{MADE}{table}\n", page)
    if count != 1:
        raise SystemExit("docs/requeue.md has no place for the table of reasons.")
    return made


def _done(ending: Ending) -> str:
    """What the policy does, by default and where it says so."""
    count = count_for(ending)
    if count is None:
        return "the run is over"
    if ending is Ending.QUEUED_TOO_LONG:
        return f"as `when_queued` says: over, or another attempt elsewhere (`{count}`)"
    allowed = getattr(Requeue(), count)
    if allowed == 0:
        return f"the run is over, unless the policy allows more (`{count}`)"
    return f"another attempt, {allowed} times at most (`{count}`)"


def rights() -> str:
    """The page as it is, with the table of rights."""
    page = (DOCS / "rights.md").read_text(encoding="utf-8")
    rows = [f"| {one.purpose.value} | {one.what} | `{one.action}` | {one.role} |" for one in RIGHTS]
    head = ["| to … | one may | right | role that has it |", "| --- | --- | --- | --- |"]
    table = "\n".join([*head, *rows])
    made, count = re.subn(r"(?s)(?<=<!-- rights).*?(?=<!-- end -->)", lambda _: f"{MADE}{table}\n", page)
    if count != 1:
        raise SystemExit("docs/rights.md has no place for the table of rights.")
    return made


MADE = ": made from the code by .ci/make_pages.py -->\n"
PAGES = {"routes.md": routes, "fake.md": fake, "requeue.md": requeue, "rights.md": rights}

if __name__ == "__main__":
    for name, text in PAGES.items():
        (DOCS / name).write_text(text(), encoding="utf-8")
