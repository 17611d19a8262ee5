"""Print a command of the README: the block behind the comment of the name that is given (`tests`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

readme = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
found = re.search(rf"<!-- {re.escape(sys.argv[1])} -->\n```sh\n(.+?)\n```", readme, re.DOTALL)
if found is None:
    sys.exit(f"README.md has no command named {sys.argv[1]}")
print(found.group(1))  # noqa: T201  what it is for
