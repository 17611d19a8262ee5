"""The examples of docs/placement.md run as they stand there, and print what stands below them.

    python tests/placement/test_worked_examples.py

writes what they print now into the page; read the difference before it is kept.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "placement.md"
BLOCK = re.compile(r"^```(python|text|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(page: str) -> list[str]:
    """The page, cut before each heading of the second level."""
    return re.split(r"(?m)^(?=## )", page)


def title(section: str) -> str:
    """Its heading."""
    return section.partition("\n")[0].strip("# ")


FIRST, *REST = [section for section in sections(PAGE.read_text(encoding="utf-8")) if BLOCK.search(section)]
"""The first section with code sets up what the examples of all others use."""


@contextlib.contextmanager
def prepared() -> Iterator[dict[str, Any]]:
    """The names that a section begins with, and a workspace of its own."""
    names: dict[str, Any] = {"__name__": "example"}
    for _, code in BLOCK.findall(FIRST):
        exec(compile(code, "docs/placement.md", "exec"), names)  # noqa: S102 - the page's own examples
    try:
        yield names
    finally:
        names["fake"].stop()


def as_it_runs(section: str) -> str:
    """The section with what its examples print; a `toml` block is the team's file from there on."""
    with prepared() as names:
        printed = ""

        def run(block: re.Match[str]) -> str:
            nonlocal printed
            kind, text = block.groups()
            if kind == "text":
                return f"```text\n{printed}```"
            if kind == "toml":
                Path("amlrun.toml").write_text(text, encoding="utf-8")
                os.environ.pop("AMLRUN_CONFIG", None)
                return block.group()
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(text, title(section), "exec"), names)  # noqa: S102 - the page's own examples
            printed = out.getvalue()
            return block.group()

        return BLOCK.sub(run, section)


@pytest.mark.parametrize("section", REST, ids=title)
def test_examples_print_what_the_page_says(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures, words, and the order of candidates: a reader who copies an example sees the same."""
    monkeypatch.setenv("AMLRUN_CONFIG", os.devnull)  # put back, whatever an example does
    assert as_it_runs(section) == section


def test_every_example_shows_what_it_prints() -> None:
    """An example without its output would be held to nothing."""
    for section in REST:
        kinds = [kind for kind, _ in BLOCK.findall(section)]
        silent = [
            kind for kind, after in zip(kinds, [*kinds[1:], ""], strict=True) if kind == "python" != after
        ]
        assert kinds.count("python") == kinds.count("text"), title(section)
        assert "text" not in kinds[:1], title(section)
        assert len(silent) == kinds.count("python")


if __name__ == "__main__":
    whole = PAGE.read_text(encoding="utf-8")
    for one in REST:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            os.environ["AMLRUN_CONFIG"] = os.devnull
            whole = whole.replace(one, as_it_runs(one))
    PAGE.write_text(whole, encoding="utf-8")
