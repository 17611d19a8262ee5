"""The Markdown keeps its promises: links lead somewhere, every assumption in the code is listed."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

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


if __name__ == "__main__":
    wrong = broken_links() + unlisted_assumptions()
    sys.exit("\n".join(wrong) if wrong else 0)
