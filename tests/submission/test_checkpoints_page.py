"""The examples of docs/checkpoints.md, as they stand there: the script, the commands, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.submission.scripts import runs_scripts

pytestmark = runs_scripts
PAGE = Path(__file__).resolve().parents[2] / "docs" / "checkpoints.md"


def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    """A reader who copies it sees the same."""
    blocks = re.findall(
        r"^```(python|sh|text)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert [kind for kind, _ in blocks] == ["python", "sh", "text", "sh", "text"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for (kind, text), (_, printed) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "python":
            (tmp_path / "train.py").write_text(text, encoding="utf-8")
        elif kind == "sh":
            done = subprocess.run(
                ["bash", "-ec", text],  # noqa: S607  bash, wherever it is
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            assert done.stdout == printed
