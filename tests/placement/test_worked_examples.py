"""The examples of docs/placement.md run as they stand there, and print what stands below them.

    python -m tests.placement.test_worked_examples

writes what they print now into the page.
"""

from __future__ import annotations

import os

import pytest

from tests.pages import Page, title

PAGE = Page.named("placement.md")


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_examples_print_what_the_page_says(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures, words, and the order of candidates: a reader who copies an example sees the same."""
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)  # put back, whatever an example does
    assert PAGE.as_it_runs(section) == section


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_every_example_shows_what_it_prints(section: str) -> None:
    """An example without its output would be held to nothing."""
    assert not PAGE.silent(section)


if __name__ == "__main__":
    PAGE.rewrite()
