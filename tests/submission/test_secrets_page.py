"""The examples of docs/secrets.md run as they stand there, and print what stands below them.

    python -m tests.submission.test_secrets_page

writes what they print now into the page.
"""

from __future__ import annotations

import pytest

from tests.pages import Page, title

PAGE = Page.named("secrets.md")


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_examples_print_what_the_page_says(section: str) -> None:
    """A reader who copies an example sees the same."""
    assert not PAGE.silent(section)
    assert PAGE.as_it_runs(section) == section


if __name__ == "__main__":
    PAGE.rewrite()
