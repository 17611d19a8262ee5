"""What is read of a script and of the command line that started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amlrun._magics import first_magic
from amlrun._script import Script, interpreter_options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["train.py", "-O"], []),
        (["-u", "train.py"], ["-u"]),
        (["-OO", "-Xdev", "-W", "error", "-m", "train", "-v"], ["-O", "-O", "-X", "dev", "-W", "error"]),
        (["-iBm", "train"], ["-B"]),
        (
            ["-Ximporttime", "-x", "--check-hash-based-pycs", "never", "t.py"],
            ["-X", "importtime", "--check-hash-based-pycs", "never"],
        ),
        (["-Werror", "-c", "pass"], ["-W", "error"]),
        (["-E", "-"], ["-E"]),
        ([], []),
    ],
)
def test_pythons_own_options_are_kept(words: list[str], options: list[str]) -> None:
    """Those before the script, whichever way they are written, but for `-i`: nobody types into a job."""
    assert list(interpreter_options(["python", *words])) == options


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            "x = 1\nget_ipython().run_line_magic('matplotlib', 'inline')\n",
            (2, "get_ipython().run_line_magic("),
        ),
        ("if x:\n    files = get_ipython().getoutput('ls')\n", (2, "get_ipython().getoutput('ls')")),
        (
            "for x in get_ipython().getoutput('ls'): pass\nget_ipython().system('ls')\n",
            (1, "get_ipython().getout"),
        ),
        ("with open('x'):\n    print(get_ipython().getoutput('ls'))\n", (2, "get_ipython()")),
        ("print(1)\n", None),
        ("# get_ipython().system('ls')\n", None),
        ("try:\n    get_ipython().system('ls')\nexcept NameError:\n    pass\n", None),
        ("if 'get_ipython' in globals():\n    get_ipython().system('ls')\n", None),
        ("if hasattr(builtins, '__IPYTHON__'):\n    get_ipython().system('ls')\n", None),
        ("if get_ipython().getoutput('ipython'):\n    pass\n", (1, "get_ipython()")),
        ("def install():\n    get_ipython().system('ls')\n", None),
        ("class A:\n    def f(self): get_ipython().system('ls')\n", None),
        ("from IPython import get_ipython\nget_ipython().system('ls')\n", None),
        ("import x as get_ipython\nget_ipython().system('ls')\n", None),
        ("def get_ipython(): return x\nget_ipython().system('ls')\n", None),
        ("get_ipython = None\nget_ipython().system('ls')\n", None),
        ("is_notebook = 'get_ipython' in globals()\n", None),
        ("get_ipython()\n", None),
        ("x.get_ipython().system('ls')\n", None),
        ("get_ipython() is no Python\n", None),
    ],
)
def test_magics_are_found_where_they_would_fail(source: str, found: tuple[int, str] | None) -> None:
    """By their line; what a script guards against, or defines for itself, is its own business."""
    magic = first_magic(source.encode())
    assert (magic and (magic[0], magic[1][: len(found[1])] if found else "")) == found


def test_a_long_magic_is_cut() -> None:
    """An error is no listing."""
    magic = first_magic(
        b"# -*- coding: latin-1 -*-\nget_ipython().run_cell_magic('bash', '', 'echo \xe4"
        + b"x" * 99
        + b"')\n"
    )
    assert magic is not None
    assert len(magic[1]) == 61


def test_files_that_do_not_go_along_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beside the folder that is sent, by whichever path, and none that lies in it or isn't there."""
    folder = tmp_path / "src"
    (folder / "data").mkdir(parents=True)
    for name in ("outside.csv", "src/inside.csv"):
        (tmp_path / name).touch()
    monkeypatch.chdir(folder)
    whole = str(tmp_path / "outside.csv")
    arguments = (
        "../outside.csv",
        "--a=../outside.csv",
        whole,
        "inside.csv",
        "data",
        "../src/inside.csv",
        "../no",
    )
    (told,) = Script(folder, arguments).left_behind({})
    assert told.startswith(f"../outside.csv, --a=../outside.csv, {whole}: on this machine")
