"""`submit()` with no job, in real processes on the embedded workspace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from amlrun import InvalidRequest, JobFailed, attach, submit
from amlrun.testing import local

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None,
    reason="local runs jobs with bash, on POSIX systems",
)

TRAIN = """
import sys
from amlrun import submit

job = submit(environment="azureml:train:1", cpus=4)
import helper
print("attempt", job.attempt, "of", job.group == job.name, "with", sys.argv[1:], helper.WORD)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An embedded workspace of this test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("AMLRUN_WORKSPACE", "local")
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(folder))
    return folder


def python(*arguments: str, cwd: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run this interpreter."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("how", ["file", "module"])
@pytest.mark.usefixtures("home")
def test_a_script_submits_itself_and_goes_on_inside_the_job(tmp_path: Path, how: str) -> None:
    """Outside it ends with the plan and a name; inside it has its folder, its arguments, a context."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "helper.py").write_text("WORD = 'together'\n")
    script = ["train.py"] if how == "file" else ["-m", "train"]
    done = python(*script, "--rate", "0.1 x", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "attempt" not in done.stdout
    found = re.search(r"attach\('([^']+)'\)", done.stdout)
    assert found is not None
    run = attach(found.group(1)).wait(timeout=60)
    assert "attempt 1 of True with ['--rate', '0.1 x'] together" in run.logs()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-c", "import amlrun; amlrun.submit()"], ""),
        (["-i"], "import amlrun\namlrun.submit()\n"),
        (["-"], "import amlrun\namlrun.submit()\n"),
    ],
)
@pytest.mark.usefixtures("home")
def test_without_a_script_there_is_nothing_to_submit(tmp_path: Path, arguments: list[str], text: str) -> None:
    """`python -c`, a REPL and standard input are refused."""
    done = python(*arguments, cwd=tmp_path, text=text)
    assert "InvalidRequest" in done.stderr
    assert "interactive session" in done.stderr


@pytest.mark.usefixtures("home")
def test_a_folder_that_is_run_is_refused(tmp_path: Path) -> None:
    """`python folder/` can't be told to a job."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text("import amlrun; amlrun.submit()\n")
    assert "a folder or an archive that is run" in python("app", cwd=tmp_path).stderr


@pytest.mark.usefixtures("home")
def test_another_folder_can_be_sent_if_the_script_is_in_it(tmp_path: Path) -> None:
    """Its path in there is what the job runs; a folder without it is refused."""
    (tmp_path / "app" / "jobs").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    script = tmp_path / "app" / "jobs" / "train.py"
    script.write_text(
        "import os, sys, amlrun\n"
        "amlrun.submit(environment='azureml:e:1', cpus=4, code=sys.argv[1])\n"
        "print('ran beside', os.listdir('.'))\n"
    )
    done = python(str(script), "..", cwd=script.parent)
    found = re.search(r"attach\('([^']+)'\)", done.stdout)
    assert found is not None, done.stderr
    run = attach(found.group(1)).wait(timeout=60)
    assert "'jobs'" in run.logs()
    alone = re.search(r"attach\('([^']+)'\)", python(str(script), str(script), cwd=tmp_path).stdout)
    assert alone is not None
    assert "ran beside" in attach(alone.group(1)).wait(timeout=60).logs()
    assert "is not in this folder" in python(str(script), str(tmp_path / "other"), cwd=tmp_path).stderr


@pytest.mark.usefixtures("home")
def test_an_imported_module_is_no_script(tmp_path: Path) -> None:
    """The module that called is named."""
    (tmp_path / "inner.py").write_text("import amlrun; amlrun.submit()\n")
    (tmp_path / "outer.py").write_text("import inner\n")
    done = python("outer.py", cwd=tmp_path)
    assert "from the module inner" in done.stderr


@pytest.mark.usefixtures("home")
def test_a_spawned_worker_does_not_submit_again(tmp_path: Path) -> None:
    """A worker runs the script once more, as `__mp_main__`; that is told, and how to avoid it."""
    (tmp_path / "workers.py").write_text(
        "import multiprocessing, amlrun\n"
        "if __name__ == '__mp_main__':\n    amlrun.submit()\n"
        "def nothing(): pass\n"
        "if __name__ == '__main__':\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=nothing)\n"
        "    worker.start(); worker.join()\n"
    )
    done = python("workers.py", cwd=tmp_path)
    assert "spawned worker" in done.stderr


def test_under_pytest_there_is_no_script() -> None:
    """A test that forgets the job is told."""
    with pytest.raises(InvalidRequest, match="not from the running script"):
        submit()


@pytest.mark.usefixtures("home")
def test_a_path_of_the_jobs_own_is_its_own() -> None:
    """`local` finds its bash all the same, and what the job can't find is told in its log."""
    run = submit(
        "echo here; no-such-program", environment="azureml:e:1", environment_variables={"PATH": "/nowhere"}
    )
    with pytest.raises(JobFailed) as caught:
        run.wait(timeout=60)
    assert caught.value.reason == "user-error"
    assert "here" in str(caught.value)


def test_local_really_runs_and_outlives_who_submitted(home: Path, tmp_path: Path) -> None:
    """A checkpoint that the first attempt wrote is there for the second, after a preemption on demand."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "train.py").write_text(
        "import time\n"
        "from amlrun import current\n"
        "job = current()\n"
        "mark = job.checkpoint_dir / 'mark'\n"
        "if job.resumed:\n"
        "    print('found', mark.read_text(), 'after', job.last_ending)\n"
        "else:\n"
        "    mark.write_text('the checkpoint')\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    program = (
        "from amlrun import submit, Requeue\n"
        f"run = submit('python train.py', code={str(source)!r}, environment='azureml:train:1', tier='spot',\n"
        "             cpus=4, requeue=Requeue(waits=(0,)), name='survivor')\n"
    )
    assert python("-c", program, cwd=tmp_path).returncode == 0
    run = attach("survivor")
    for _ in range(600):
        if "written" in run.logs():
            break
        local().clock.sleep(0.05)
    local().preempt("survivor")
    run.wait(timeout=60)
    assert (run.attempt, run.status) == (2, "Completed")
    assert "found the checkpoint after preempted" in run.logs()
    assert "written" in run.logs(attempt=1)
    assert str(home) in os.environ["AMLRUN_LOCAL_HOME"]
