"""Where `submit()` with no job refuses: each in a real process, and each says what to do instead."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipapp
from typing import TYPE_CHECKING

import pytest

from amlrun import InvalidRequest, submit
from tests.submission.scripts import SUBMIT, python, runs_scripts, words, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [runs_scripts, pytest.mark.usefixtures("home")]


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """What a process was refused with; nothing is submitted."""
    assert "Submitted" not in done.stdout
    assert "InvalidRequest" in done.stderr, done.stderr
    return words(done.stderr.rpartition("InvalidRequest:")[2])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["-c", SUBMIT], ""), (["-i"], SUBMIT), (["-"], SUBMIT), ([], SUBMIT)],
)
def test_without_a_script_there_is_nothing_to_submit(tmp_path: Path, arguments: list[str], text: str) -> None:
    """`python -c`, a REPL and standard input."""
    assert "interactive session" in refusal(python(*arguments, cwd=tmp_path, text=text))


def test_a_terminal(tmp_path: Path) -> None:
    """The REPL as people have it, on a terminal."""
    import pty

    ours, theirs = pty.openpty()
    variables = {**os.environ, "TERM": "dumb"}
    with subprocess.Popen(
        [sys.executable, "-q"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=variables
    ) as shell:
        os.close(theirs)
        os.write(ours, f"{SUBMIT}exit()\n".encode())
        told = b""
        try:
            while piece := os.read(ours, 4096):
                told += piece
        except OSError:  # how a terminal ends whose other side is gone
            pass
    os.close(ours)
    assert shell.returncode == 0
    assert "interactive session or a notebook" in words(told.decode())


@pytest.mark.parametrize("asks", ["object()", "None"])
def test_a_notebook(tmp_path: Path, asks: str) -> None:
    """Code that IPython runs is refused; IPython that a script has imported runs nothing.

    The module is a stand-in for the real one, which answers `get_ipython()` so.
    """
    write(tmp_path, {"IPython.py": f"def get_ipython():\n    return {asks}\n"})
    write(tmp_path, {"train.py": "import IPython, amlrun\namlrun.submit()\n"})
    told = refusal(python("train.py", cwd=tmp_path))
    assert ("notebook" in told) == (asks == "object()")
    assert ("environment" in told) == (asks == "None")


def test_pytest(tmp_path: Path) -> None:
    """`python -m pytest`: a test that forgets the job is told, whether it runs here or by itself."""
    write(tmp_path, {"test_it.py": "import amlrun\ndef test_it():\n    amlrun.submit()\n"})
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "called from the module test_it" in done.stdout
    with pytest.raises(InvalidRequest, match="not from the running script"):
        submit()


def test_an_imported_module_is_no_script(tmp_path: Path) -> None:
    """The module that called is named."""
    write(tmp_path, {"inner.py": SUBMIT, "outer.py": "import inner\n"})
    assert "from the module inner" in refusal(python("outer.py", cwd=tmp_path))


WORKERS = """
import multiprocessing, amlrun
if __name__ == "__mp_main__":
    amlrun.submit()
def work():
    amlrun.submit()
if __name__ == "__main__":
    worker = multiprocessing.get_context("{way}").Process(target=work)
    worker.start()
    worker.join()
"""


@pytest.mark.parametrize(
    ("way", "what", "way_out"),
    [
        ("spawn", "spawned worker", "if __name__ == '__main__'"),
        ("fork", "child process", "before that starts others"),
        ("forkserver", "spawned worker", "if __name__ == '__main__'"),
    ],
)
def test_a_worker_does_not_submit_again(tmp_path: Path, way: str, what: str, way_out: str) -> None:
    """A data loader's workers run the script once more, as `__mp_main__`, or go on as copies of it."""
    write(tmp_path, {"workers.py": WORKERS.format(way=way)})
    told = refusal(python("workers.py", cwd=tmp_path))
    assert what in told
    assert way_out in told


def test_a_thread_cant_end_the_process(tmp_path: Path) -> None:
    """The rest of the script would go on here."""
    source = "import threading, amlrun\nthreading.Thread(target=lambda: amlrun.submit()).start()\n"
    write(tmp_path, {"train.py": source})
    assert "only the main thread can" in refusal(python("train.py", cwd=tmp_path))


def test_code_that_only_looks_like_the_script(tmp_path: Path) -> None:
    """Run as `__main__` by another script, which is what would be sent."""
    source = f"exec({SUBMIT!r}, {{'__name__': '__main__', '__file__': 'other.py'}})\n"
    write(tmp_path, {"runner.py": source})
    assert "isn't the script which this process runs" in refusal(python("runner.py", cwd=tmp_path))


def test_a_folder_or_an_archive_that_is_run(tmp_path: Path) -> None:
    """`python folder/` and `python app.pyz` can't be told to a job."""
    write(tmp_path / "app", {"__main__.py": SUBMIT})
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    for what in ("app", "app.pyz"):
        assert "a folder or an archive that is run" in refusal(python(what, cwd=tmp_path))


def test_a_script_that_is_gone(tmp_path: Path) -> None:
    """Nothing is left to send."""
    write(tmp_path, {"train.py": f"import os\nos.unlink(__file__)\n{SUBMIT}"})
    assert "can't find its script any more" in refusal(python("train.py", cwd=tmp_path))


@pytest.mark.parametrize("place", [".", "home/me"])
def test_a_folder_that_holds_far_more(tmp_path: Path, place: str) -> None:
    """The home folder, and any that it is in; the script alone, or a folder of its own, would do."""
    me = tmp_path / "home" / "me"
    me.mkdir(parents=True)
    write(tmp_path / place, {"train.py": SUBMIT})
    told = refusal(python("train.py", cwd=tmp_path / place, variables={"HOME": str(me)}))
    assert f"{(tmp_path / place).resolve()} holds far more than a project" in told
    assert "train.py'" in told.partition("send it alone, code=")[2]


def test_what_is_installed_is_no_project(tmp_path: Path) -> None:
    """A script in an environment's bin, or a module in its site-packages: all of that would be sent."""
    venv.create(tmp_path / "venv", symlinks=True)
    executable = str(tmp_path / "venv" / "bin" / "python")
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    write(tmp_path / "venv" / "bin", {"train.py": SUBMIT})
    write(packages, {"trainer/__main__.py": SUBMIT, "trainer/__init__.py": ""})
    variables = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for arguments in ([str(tmp_path / "venv" / "bin" / "train.py")], ["-m", "trainer"]):
        done = python(*arguments, cwd=tmp_path, executable=executable, variables=variables)
        assert "is where Python keeps what is installed" in refusal(done)


EXPORTED = """#!/usr/bin/env python
# coding: utf-8

# In[1]:


import amlrun
amlrun.submit(environment='azureml:train:1')


# In[2]:


{cell}
"""


@pytest.mark.parametrize(
    "cell", ["get_ipython().system('pip install rich')", "if True:\n    x = get_ipython().getoutput('ls')"]
)
def test_an_exported_notebook_with_magics(tmp_path: Path, cell: str) -> None:
    """As `jupyter nbconvert --to script` writes them: plain Python in the job would fail there."""
    write(tmp_path, {"notebook.py": EXPORTED.format(cell=cell)})
    told = refusal(python("notebook.py", cwd=tmp_path))
    assert f"notebook.py, line {14 + cell.count(chr(10))}: get_ipython()." in told


def test_an_environment_must_be_said(tmp_path: Path) -> None:
    """That of this process is not sent."""
    write(tmp_path, {"train.py": "import amlrun\namlrun.submit(cpus=4)\n"})
    assert "environment" in refusal(python("train.py", cwd=tmp_path))


def test_an_argument_that_is_no_text(tmp_path: Path) -> None:
    """Bytes that no job's command can hold."""
    write(tmp_path, {"train.py": SUBMIT})
    assert "is no text" in refusal(python("train.py", b"--name=\xff", cwd=tmp_path))


@pytest.mark.parametrize("word", ["5", "None", "b'x'"])
def test_arguments_that_a_script_has_made_up(tmp_path: Path, word: str) -> None:
    """What it has put into `sys.argv` itself, and no shell could."""
    write(tmp_path, {"train.py": f"import sys\nsys.argv = ['train.py', {word}]\n{SUBMIT}"})
    assert f"The argument {word} is no text" in refusal(python("train.py", cwd=tmp_path))


def test_under_a_debugger(tmp_path: Path) -> None:
    """`python -m pdb` runs the script, as which it is told what it lacks."""
    write(tmp_path, {"train.py": "import amlrun\namlrun.submit()\n"})
    done = python("-m", "pdb", "-c", "continue", "train.py", cwd=tmp_path, text="quit\n")
    assert "The job needs an environment" in words(done.stdout + done.stderr)
