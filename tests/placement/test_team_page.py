"""The examples of docs/team.md run as they stand there, and print what stands below them.

    python -m tests.placement.test_team_page

writes what they print now into the page.
"""

from __future__ import annotations

import os
import re

import attrs
import pytest

from amlrun import Cluster
from amlrun._asking.team import Defaults
from amlrun._asking.teamfile import parse_team
from amlrun._guard import Guard
from tests.pages import Page, title

PAGE = Page.named("team.md")
WHOLE, *EXAMPLES = PAGE.rest


@pytest.mark.parametrize("section", EXAMPLES, ids=title)
def test_examples_print_what_the_page_says(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies an example sees the same."""
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)  # put back, whatever an example does
    assert not PAGE.silent(section)
    assert PAGE.as_it_runs(section) == section


def names_of(cls: type, *without: str) -> set[str]:
    """What can be said of it."""
    fields = (field.name for field in attrs.fields(cls) if field.init)
    return {name.lstrip("_") for name in fields} - {"where", *without}


def test_the_page_has_every_key() -> None:
    """In its whole file, which can be read, and in its tables."""
    (text,) = re.findall(r"^```toml\n(.*?)^```$", WHOLE, re.MULTILINE | re.DOTALL)
    said = parse_team(text, "amlrun.toml")
    defaults = names_of(Defaults, "allowed_computes") | {"workspace"}
    guard = names_of(Guard) | {"required_tags"}
    assert set(said.where) == defaults | guard | {"clusters.gpu-nodes"}
    told = [{*re.findall(r"`(\w+)`", row)} for row in re.findall(r"^\| (`[^|]+`) \|", WHOLE, re.MULTILINE)]
    assert set().union(*told) == defaults | guard | names_of(Cluster, "name")


if __name__ == "__main__":
    PAGE.rewrite()
