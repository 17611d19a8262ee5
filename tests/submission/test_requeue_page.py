"""The examples of docs/requeue.md run as they stand there, and print what stands below them.

    python -m tests.submission.test_requeue_page

writes what they print now into the page.
"""

from __future__ import annotations

import os
import re

import attrs
import pytest

from amlrun import Requeue
from tests.pages import Page, title

PAGE = Page.named("requeue.md")


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_examples_print_what_the_page_says(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies an example sees the same."""
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)  # put back, whatever an example does
    assert PAGE.as_it_runs(section) == section


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_every_example_shows_what_it_prints(section: str) -> None:
    """An example without its output would be held to nothing."""
    assert not PAGE.silent(section)


def test_the_page_has_every_field_of_the_policy() -> None:
    """In their order, with what they are by default."""
    (section,) = (section for section in PAGE.rest if title(section) == "The policy")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE)
    told = {name: default.strip(" `") for name, default in rows}
    fields = {field.name: getattr(Requeue(), field.name) for field in attrs.fields(Requeue)}
    assert list(told) == list(fields)
    fields["waits"], fields["when_queued"] = "(60, 300, 900)", '"wait"'
    assert told == {name: str(default) for name, default in fields.items()}


if __name__ == "__main__":
    PAGE.rewrite()
