"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def blocks() -> list[str]:
    """The README's Python."""
    return re.findall(r"```python\n(.+?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_readmes_test_passes(tmp_path: Path) -> None:
    """The test of a user's own submission code, in a folder of its own, with nothing but the plugin."""
    (example,) = [block for block in blocks() if "def test_" in block]
    (tmp_path / "test_example.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
