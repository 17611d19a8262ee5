"""Every relative link in the project's Markdown leads to a file that is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {".venv", ".git", ".hypothesis", ".pytest_cache"}


def broken() -> list[str]:
    """The links that lead nowhere, as `file: target`."""
    found = []
    for page in sorted(ROOT.rglob("*.md")):
        if any(part in SKIPPED or part.startswith(".venv") for part in page.relative_to(ROOT).parts):
            continue
        targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        lost = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
        found += [f"{page.relative_to(ROOT)}: {target}" for target in lost]
    return found


if __name__ == "__main__":
    missing = broken()
    sys.exit("\n".join(missing) if missing else 0)
