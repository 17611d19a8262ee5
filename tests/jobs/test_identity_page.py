"""docs/identity.md: its examples print what stands below them, and its table is what is sent.

    python -m tests.jobs.test_identity_page

writes what they print, and what is sent, into the page.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version

import pytest

from tests.jobs.identity_table import table
from tests.pages import Page, title

PAGE = Page.named("identity.md")
_TABLE = re.compile(r"(?<=-->\n\n)(\|.*\n)*")


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_examples_print_what_the_page_says(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan's words: a reader who copies an example sees the same."""
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)  # put back, whatever an example does
    assert PAGE.as_it_runs(section) == section


@pytest.mark.parametrize("section", PAGE.rest, ids=title)
def test_every_example_shows_what_it_prints(section: str) -> None:
    """An example without its output would be held to nothing."""
    assert not PAGE.silent(section)


@pytest.mark.filterwarnings("ignore:Use list:DeprecationWarning")  # azure-ai-ml's use of msal
def test_the_table_is_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job, identity and target: the body, AZURE_CLIENT_ID, and as whom the code has written a blob."""
    if version("azure-ai-ml").startswith(("1.28.", "1.34.")):
        pytest.skip(
            "what older versions of azure-ai-ml send is in test_identity_sent; 1.34 has no fine-tuning"
        )
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)
    found = _TABLE.search(PAGE.path.read_text(encoding="utf-8"))
    assert found is not None
    assert found.group().splitlines() == table().splitlines()


if __name__ == "__main__":
    PAGE.rewrite()
    os.chdir(PAGE.path.parent)
    text = PAGE.path.read_text(encoding="utf-8")
    PAGE.path.write_text(_TABLE.sub(lambda _: f"{table()}\n", text, count=1), encoding="utf-8")
