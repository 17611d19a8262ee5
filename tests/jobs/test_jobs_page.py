"""The examples of docs/jobs.md run as they stand there, and print what stands below them.

    python -m tests.jobs.test_jobs_page

writes what they print now into the page.
"""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest

from tests.pages import Page, title

PAGE = Page.named("jobs.md")
UNWRITTEN = {"Fine-tuning": "1.34."}
"""Types that a version of azure-ai-ml can't write down, as the page says."""


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_examples_print_what_the_page_says(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan, and what leaves: a reader who copies an example sees the same."""
    if version("azure-ai-ml").startswith(UNWRITTEN.get(title(section), "none")):
        pytest.skip(f"azure-ai-ml {version('azure-ai-ml')} can't write this type down")
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)  # put back, whatever an example does
    assert PAGE.as_it_runs(section) == section


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_every_example_shows_what_it_prints(section: str) -> None:
    """An example without its output would be held to nothing."""
    assert not PAGE.silent(section)


if __name__ == "__main__":
    PAGE.rewrite()
