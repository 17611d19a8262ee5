"""The example of docs/training.md, as it stands there: the script, the two commands, and what they print.

    python -m tests.submission.test_training_page

writes what they print now into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.submission.scripts import runs_scripts

pytestmark = runs_scripts
PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"
_BLOCK = re.compile(r"^```(python|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\btrain-[0-9a-f]{10}\b")


def as_it_runs(page: str, folder: Path) -> str:
    """The page with what its commands print now; its name of a run stands for the one that there is."""
    name, printed, found = "", "", _NAME.search(page)
    assert found is not None
    variables = {**os.environ, "AMLRUN_LOCAL_HOME": str(folder / "home"), "AMLRUN_CONFIG": os.devnull}
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    source = folder / "src"
    source.mkdir()

    def run(block: re.Match[str]) -> str:
        nonlocal name, printed
        kind, text = block.groups()
        if kind == "python":
            (source / "train.py").write_text(text, encoding="utf-8")
        elif kind == "sh":
            script = f"export AMLRUN_WORKSPACE=local\n{_NAME.sub(name, text)}"
            done = subprocess.run(
                ["bash", "-ec", script],  # noqa: S607  bash, wherever it is
                cwd=source,
                env=variables,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            name = name or _NAME.findall(done.stdout)[0]
            printed = done.stdout.replace(name, found.group())
        else:
            return f"```text\n{_settled(printed)}```"
        return block.group()

    return _BLOCK.sub(run, page)


def _settled(printed: str) -> str:
    """Without what is of this machine: the page of the job, the interpreter."""
    shown = [line.rstrip() for line in printed.splitlines() if line.strip()]
    shown = [re.sub(r"  https://\S+", "  https://ml.azure.com/…", line) for line in shown]
    return "".join(f"{line}\n" for line in shown if not line.startswith("local: runs in"))


def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    """A reader who copies it sees the same."""
    page = PAGE.read_text(encoding="utf-8")
    assert as_it_runs(page, tmp_path) == page


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        PAGE.write_text(as_it_runs(PAGE.read_text(encoding="utf-8"), Path(place)), encoding="utf-8")
