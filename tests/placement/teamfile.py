"""A team's file in the current folder, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from amlrun.testing import FakeAml

JOB: dict[str, Any] = {"environment": "azureml:train:1"}


def write(folder: Path, text: str) -> None:
    """Write the team's file."""
    (folder / "amlrun.toml").write_text(text)


def guard(folder: Path, rule: str) -> None:
    """Write a file with one rule, in line 2."""
    write(folder, f"[guard]\n{rule}\n")


def words(error: pytest.ExceptionInfo[Exception]) -> str:
    """What an error says, however its lines are broken."""
    return " ".join(str(error.value).split())


def sent(fake: FakeAml, name: str) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    body: dict[str, Any] = dict(fake.job(name).body["properties"])
    return body
