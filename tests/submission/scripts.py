"""Scripts as real processes of this interpreter, and the runs that they say they have submitted."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from amlrun import Run, attach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

runs_scripts = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None,
    reason="local runs jobs with bash, on POSIX systems",
)
SUBMIT = "import amlrun\namlrun.submit(environment='azureml:train:1', cpus=4)\n"
"""A script that submits itself, and does nothing more."""


def python(
    *arguments: str | bytes,
    cwd: Path,
    text: str = "",
    variables: Mapping[str, str] | None = None,
    executable: str = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """Run this interpreter, or another one."""
    return subprocess.run(
        [executable, *arguments],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **(variables or {})},
    )


def submitted(output: str) -> list[Run]:
    """The runs that were announced."""
    return [attach(name) for name in re.findall(r"amlrun\.attach\('([^']+)'\)", output)]


def the_run(done: subprocess.CompletedProcess[str]) -> Run:
    """The one run that a script has submitted before it ended as it should."""
    assert done.returncode == 0, done.stderr
    (run,) = submitted(done.stdout)
    return run


def words(text: str) -> str:
    """What is said, however its lines are broken."""
    return " ".join(text.split())


def write(folder: Path, files: Mapping[str, str] | Sequence[tuple[str, str]]) -> Path:
    """A folder with these files."""
    for name, content in dict(files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder
