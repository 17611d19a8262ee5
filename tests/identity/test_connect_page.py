"""The example and the tables of docs/connect.md say what the code does.

    python -m tests.identity.test_connect_page

writes what the example prints now, and the codes that there are, into the page.
"""

from __future__ import annotations

import re

import pytest

from amlrun._signing_in import CODES
from tests.pages import Page, title

PAGE = Page.named("connect.md")
_TABLE = re.compile(r"(?m)^\| code \| what it means \|\n\| --- \| --- \|\n((?:\|.*\n)*)")


def table() -> str:
    """Each code, in words."""
    rows = [f"| `AADSTS{code}` | {cause.words} |\n" for code, cause in sorted(CODES.items())]
    return f"| code | what it means |\n| --- | --- |\n{''.join(rows)}"


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_the_example_prints_what_the_page_says(section: str) -> None:
    """A reader who copies it sees the same."""
    assert PAGE.as_it_runs(section) == section
    assert not PAGE.silent(section)


def test_every_code_that_is_explained_is_listed() -> None:
    """With the words that an error has."""
    found = _TABLE.search(PAGE.path.read_text(encoding="utf-8"))
    assert found is not None
    assert found.group() == table()


if __name__ == "__main__":
    PAGE.rewrite()
    PAGE.path.write_text(_TABLE.sub(table(), PAGE.path.read_text(encoding="utf-8")), encoding="utf-8")
