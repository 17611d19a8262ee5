"""Real processes that save checkpoints and are killed: by SIGKILL anywhere, or told to end by SIGTERM."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks, and POSIX signals")

LOOP = """
import logging, os, shutil, signal, sys, time
from pathlib import Path
from amlrun import checkpointing

FOLDER = Path(sys.argv[1])

def saving(step):
    def save(folder):
        for part in range(3):
            (folder / f"part{part}").write_text(f"{step} " * 5000)
    return save

def step_of(found):
    texts = {path.read_text() for path in found.path.iterdir()}
    assert len(list(found.path.iterdir())) == 3, "a part is missing"
    assert texts == {f"{found.step} " * 5000}, "torn"
    return found.step

logging.disable()
"""

EVERYWHERE = """
import amlrun._checkpoints, amlrun._checkpoint_names

OURS = {amlrun._checkpoints.__file__, amlrun._checkpoint_names.__file__, "<string>"}

def killed_at(line):
    \"\"\"Save twice more in a process that kills itself at its so-manieth line; whether it did.\"\"\"
    child = os.fork()
    if child == 0:
        seen = 0
        def trace(frame, event, arg):
            nonlocal seen
            if frame.f_code.co_filename not in OURS:
                return None
            seen += event == "line"
            if seen == line:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        checkpoints = checkpointing(1, elsewhere=FOLDER)
        found = checkpoints.last()
        done = step_of(found) if found else 0
        sys.settrace(trace)
        for step in (done + 1, done + 2):
            checkpoints.step(step, saving(step))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

line, last = 0, 0
while killed_at(line := line + int(sys.argv[2])):
    found = checkpointing(1, elsewhere=FOLDER).last()
    step = step_of(found) if found else 0
    assert step >= last, f"{last} was lost"
    last = step
    for path in FOLDER.iterdir():  # what is left over: else there are more lines each time
        if found is None or not path.name.startswith(found.path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
print("killed", line // int(sys.argv[2]) - 1, "times, at", last)
"""

TOGETHER = """
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        checkpoints = checkpointing(1, elsewhere=FOLDER)
        for step in range(1, 31):
            checkpoints.step(step, saving(step))
        os._exit(0)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
print("at", step_of(checkpointing(1, elsewhere=FOLDER).last()), len(list(FOLDER.iterdir())))
"""


def python(program: str, *arguments: object, job: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program, in a job if it says so."""
    folder = {"AZUREML_RUN_ID": "run", "AMLRUN_CHECKPOINT_DIR": str(arguments[0])} if job else {}
    return subprocess.run(
        [sys.executable, "-c", LOOP + program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **folder},
    )


def test_killed_at_any_line_it_goes_on_from_a_whole_checkpoint(tmp_path: Path) -> None:
    """Whatever was being written, removed or looked at: none is torn, and none that was whole is lost.

    At every seventh line, for the sake of time; with 1 for 7 it is every one.
    """
    done = python(EVERYWHERE, tmp_path, 7)
    assert done.returncode == 0, done.stderr
    times, last = (int(word) for word in done.stdout.split() if word.isdigit())
    assert times > 50
    assert last > 10


def test_processes_that_save_side_by_side_leave_a_whole_one(tmp_path: Path) -> None:
    """Where each process takes itself for the first: none fails, and what is left is whole."""
    done = python(TOGETHER, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("at 30 ")


def test_sigterm_saves_and_then_ends(tmp_path: Path) -> None:
    """In a job: the step that is being done is saved, though none is due, and the process ends by SIGTERM."""
    program = """
checkpoints = checkpointing(1000)
for step in range(1, 100):
    if step == 7:
        os.kill(os.getpid(), signal.SIGTERM)
        print("still here")
    checkpoints.step(step, saving(step))
"""
    done = python(program, tmp_path, job=True)
    assert done.stdout.strip() == "still here"
    assert done.returncode == -15
    found = python("print(step_of(checkpointing(1).last()))", tmp_path, job=True)
    assert found.stdout.strip() == "7"


def test_sigterm_of_a_users_own_is_theirs(tmp_path: Path) -> None:
    """A handler that was there runs at once, and decides; so does one that comes later. A step is saved."""
    program = """
def note(number, frame):
    print("theirs")
signal.signal(signal.SIGTERM, note)
checkpoints, second = checkpointing(1000), checkpointing(1000)
os.kill(os.getpid(), signal.SIGTERM)
print(checkpoints.step(1, saving(1)), checkpoints.step(2, saving(2)))
ours = signal.getsignal(signal.SIGTERM)
def later(number, frame):
    print("later")
    ours(number, frame)
signal.signal(signal.SIGTERM, later)
os.kill(os.getpid(), signal.SIGTERM)
print(checkpoints.step(3, saving(3)), checkpoints.step(4, saving(4)))
"""
    done = python(program, tmp_path, job=True)
    assert done.stdout.split() == ["theirs", "True", "False", "later", "theirs", "True", "False"], done.stderr
    assert done.returncode == 0


def test_sigterm_ends_workers_and_laptops_at_once(tmp_path: Path) -> None:
    """Forked workers end when they are told to, and so does a training that is no job's."""
    program = """
import multiprocessing, threading
checkpoints = checkpointing(1000)
forking = multiprocessing.get_context("fork")
ready = forking.Event()
def work():
    ready.set()
    time.sleep(30)
worker = forking.Process(target=work)
worker.start()
ready.wait(20)
worker.terminate()
worker.join(20)
print(worker.exitcode)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
thread = threading.Thread(target=checkpointing, args=(1000,))
thread.start()
thread.join()
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
checkpointing(1000)
print(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)
"""
    done = python(program, tmp_path, job=True)
    assert done.stdout.split() == ["-15", "True", "True"], done.stderr
    alone = python("checkpointing(1, elsewhere=FOLDER); os.kill(os.getpid(), signal.SIGTERM)", tmp_path)
    assert alone.returncode == -15
