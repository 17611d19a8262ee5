"""The Markdown keeps its promises.

Links lead somewhere, every assumption in the code is listed, the lists of routes and of names are the code's
own, the examples of the page on testing are tests, and so are the rows on azure-ai-ml.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import make_pages

ROOT = Path(__file__).resolve().parent.parent


def pages() -> list[Path]:
    """The project's own Markdown."""
    hidden = (
        path
        for path in ROOT.rglob("*.md")
        if any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    )
    return sorted(set(ROOT.rglob("*.md")) - set(hidden))


def broken_links() -> list[str]:
    """The relative links that lead nowhere."""
    found = []
    for page in pages():
        targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        lost = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
        found += [f"{page.relative_to(ROOT)} links to {target}, which is not there" for target in lost]
    return found


def unlisted_assumptions() -> list[str]:
    """Modules whose assumptions are not those of docs/assumptions.md, by their number."""
    listed = Counter(
        re.findall(r"^\| `(amlrun/[^`]+)`", (ROOT / "docs/assumptions.md").read_text(), re.MULTILINE)
    )
    marked = Counter(
        {
            str(module.relative_to(ROOT)): module.read_text(encoding="utf-8").count("Assumed:")
            for module in ROOT.glob("amlrun/**/*.py")
        }
    )
    return [
        f"{module} marks {marked[module]} assumptions, docs/assumptions.md lists {listed[module]}"
        for module in sorted(listed | +marked)
        if listed[module] != marked[module]
    ]


def old_pages() -> list[str]:
    """The pages that are not those which the code makes."""
    return [
        f"docs/{name} is not what .ci/make_pages.py makes"
        for name, text in make_pages.PAGES.items()
        if (ROOT / "docs" / name).read_text(encoding="utf-8") != text()
    ]


def untested_examples() -> list[str]:
    """The examples of docs/testing.md that stand in no file of tests/users, by their first lines."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("tests/users/*.py")))
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return [
        f"docs/testing.md has an example that no test has: {example.splitlines()[0]}"
        for example in examples
        if example.strip() not in tests
    ]


def unknown_tests() -> list[str]:
    """The tests that docs/azure-ai-ml.md names and that aren't there, and its rows that name none."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/*/*.py"))
    rows = (ROOT / "docs" / "azure-ai-ml.md").read_text(encoding="utf-8").splitlines()
    named = {row: re.findall(r"`(test_\w+)`", row) for row in rows if row.startswith("| ")}
    lost = [name for names in named.values() for name in names if f"def {name}(" not in tests]
    bare = [row for row, names in [*named.items()][2:] if not names]
    return [f"docs/azure-ai-ml.md names {name}, which is not there" for name in lost] + [
        f"docs/azure-ai-ml.md names no test for: {row}" for row in bare
    ]


if __name__ == "__main__":
    wrong = broken_links() + unlisted_assumptions() + old_pages() + untested_examples() + unknown_tests()
    sys.exit("\n".join(wrong) if wrong else 0)
