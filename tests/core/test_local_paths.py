"""Paths that are none, or that can't be looked at: refused like those where nothing is, or no matter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, NotConfigured
from amlrun._asking.given import Arguments
from amlrun._asking.request import Request, parse
from amlrun._asking.teamfile import read_team

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "x" * 300
"""Longer than the name of a file can be."""
NOBODYS = "~nobody-of-this-name/x"
NO_PATHS = (LONG, NOBODYS, "a\0b", "~a\0b/x", "\ud800", "circle", "circle/x")


@pytest.fixture(autouse=True)
def circle(tmp_path: Path) -> None:
    """A link to itself, in the current folder."""
    (tmp_path / "circle").symlink_to("circle")


def ask(job: Any = "echo", **options: Any) -> Request:
    """Parse a request for a command."""
    return parse(job, Arguments(environment="azureml:train:1", **options))


@pytest.mark.parametrize("path", NO_PATHS)
@pytest.mark.parametrize(
    ("argument", "asked"),
    [
        ("code", lambda path: ask(code=path)),
        ("inputs", lambda path: ask(inputs={"a": {"type": "uri_folder", "path": path}})),
        ("job", lambda path: ask(Path(f"{path}.yml"))),
    ],
)
def test_what_cannot_be_looked_at_is_not_there(argument: str, asked: Callable[[str], Any], path: str) -> None:
    """By the argument's name, as where the path is one and nothing is there."""
    with pytest.raises(InvalidRequest) as caught:
        asked(path)
    assert caught.value.argument == argument


@pytest.mark.parametrize("path", [path for path in NO_PATHS if "\0" not in path and path != "\ud800"])
def test_paths_in_job_files(tmp_path: Path, path: str) -> None:
    """Of code, and of what an AutoML job reads."""
    (tmp_path / "job.yml").write_text(f"command: ls\ncode: {path}\n")
    with pytest.raises(InvalidRequest, match="no such folder"):
        ask(tmp_path / "job.yml")
    (tmp_path / "job.yml").write_text(
        "type: automl\ntask: regression\ntarget_column_name: y\nprimary_metric: r2_score\n"
        f"training_data: {{type: mltable, path: {path}}}\n"
    )
    with pytest.raises(InvalidRequest, match="training_data"):
        parse(tmp_path / "job.yml", Arguments())


@pytest.mark.parametrize(
    "command",
    [
        f"python train.py --note {LONG} --config conf.yaml",
        f"python {LONG}.py",
        f"cd {LONG} && python train.py",
        f"cd {'a/' * 3000} && python train.py",
    ],
)
def test_a_long_command_is_one(command: str) -> None:
    """Whether it ends like a job file, or names what looks like a script."""
    assert ask(command).source == command


@pytest.mark.parametrize("text", [LONG, NOBODYS, "circle"])
def test_a_text_that_is_no_path_is_a_text(text: str) -> None:
    """It is no doubt about what is meant."""
    found = ask(inputs={"a": text})
    assert found.inputs == {"a": text}
    assert not [told for told in found.warnings if "inputs" in told]


class _Like(os.PathLike[str]):
    def __fspath__(self) -> str:
        return "src"


def test_whatever_stands_for_a_path_is_one(tmp_path: Path) -> None:
    """As the type of the argument says."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").touch()
    assert ask(code=_Like()).code == ask(code="src").code == str((tmp_path / "src").resolve())


def test_a_link_to_itself_in_the_code(tmp_path: Path) -> None:
    """It leads to nowhere, like one whose target is gone."""
    with pytest.raises(InvalidRequest, match="this link leads to circle, which isn't there"):
        ask(code=tmp_path)


@pytest.mark.parametrize("path", [LONG, NOBODYS])
def test_a_teams_file(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The variable is told that names it."""
    monkeypatch.setenv("AMLRUN_CONFIG", path)
    with pytest.raises(NotConfigured, match="AMLRUN_CONFIG"):
        read_team()
