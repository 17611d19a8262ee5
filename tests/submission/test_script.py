"""`submit()` with no job, in real processes on the embedded workspace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command

from amlrun import JobFailed, attach, submit
from amlrun.testing import local
from tests.submission.scripts import python, runs_scripts, the_run, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = runs_scripts

TRAIN = """
import sys
from amlrun import submit

job = submit(environment="azureml:train:1", cpus=4)
import helper
print("attempt", job.attempt, "of", job.group == job.name, "with", sys.argv[1:], helper.WORD)
print(f"asserts: {__debug__}, dev: {sys.flags.dev_mode}")
"""


@pytest.mark.usefixtures("home")
def test_a_script_submits_itself_and_goes_on_inside_the_job(tmp_path: Path) -> None:
    """Outside it ends with the plan and a name; inside it has its folder, its arguments, a context.

    Python's own options go along. Started by a link, from another folder, with names that a shell splits.
    A module of Jupyter's that some library has imported makes no notebook of it.
    """
    folder = write(tmp_path / "my säck", {"train it.py": TRAIN, "helper.py": "WORD = 'together'\n"})
    write(tmp_path / "stubs", {"ipykernel.py": "", "sitecustomize.py": "import ipykernel\n"})
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(folder / "train it.py")
    done = python(
        *("-OXdev", "-W", "ignore", "../elsewhere/link", "--rate", "0.1 x", "größe=$HOME;'"),
        cwd=link.parent,
        variables={"PYTHONPATH": str(tmp_path / "stubs")},
    )
    assert "attempt" not in done.stdout
    assert "PYTHONPATH: set here" in done.stderr
    run = the_run(done)
    run.wait(timeout=120)
    assert """attempt 1 of True with ['--rate', '0.1 x', "größe=$HOME;'"] together""" in run.logs()
    assert "asserts: False, dev: True" in run.logs()


@pytest.mark.usefixtures("home")
def test_a_module_submits_the_folder_that_it_is_found_in(tmp_path: Path) -> None:
    """`python -m package.train` from a project whose sources stand elsewhere; an input is where it says."""
    source = (
        "import pathlib, sys\n"
        "from amlrun import submit\n"
        "data = {'type': 'uri_file', 'path': 'data.csv'}\n"
        "submit(environment='azureml:train:1', cpus=4, inputs={'data': data})\n"
        "from package.helper import WORD\n"
        "print(WORD, pathlib.Path(sys.argv[1]).read_text())\n"
    )
    helper = "WORD = 'together'\n"
    write(tmp_path, {"src/package/train.py": source, "src/package/helper.py": helper, "data.csv": "1,2\n"})
    done = python(
        *("-m", "package.train", "${{inputs.data}}", "--also=data.csv"),
        cwd=tmp_path,
        variables={"PYTHONPATH": str(tmp_path / "src")},
    )
    assert "--also=data.csv: on this machine, and not in the folder that is sent" in done.stderr
    assert "together 1,2" in the_run(done).wait(timeout=120).logs()


@pytest.mark.usefixtures("home")
def test_another_folder_can_be_sent_if_the_script_is_in_it(tmp_path: Path) -> None:
    """Its path in there is what the job runs; the script can go alone; a folder without it is refused."""
    source = (
        "import os, sys, amlrun\n"
        "said = {'PYTHONPATH': 'lib'}\n"
        "amlrun.submit(environment='azureml:e:1', cpus=4, code=sys.argv[1], environment_variables=said)\n"
        "print('ran beside', sorted(os.listdir('.')))\n"
    )
    write(tmp_path, {"app/jobs/train.py": source, "app/jobs/other.txt": "x", "other/x": "x"})
    script = tmp_path / "app" / "jobs" / "train.py"
    done = python(str(script), "..", cwd=script.parent, variables={"PYTHONPATH": "."})
    assert "PYTHONPATH" not in done.stderr  # which is said
    run = the_run(done)
    assert "'jobs'" in run.wait(timeout=120).logs()
    alone = the_run(python(str(script), str(script), cwd=tmp_path))
    assert "ran beside ['outputs', 'train.py']" in alone.wait(timeout=120).logs()
    assert "is not in this folder" in python(str(script), str(tmp_path / "other"), cwd=tmp_path).stderr
    assert "it is a local folder" in python(str(script), "azureml:code:1", cwd=tmp_path).stderr


NESTED = """
import subprocess, sys
from amlrun import submit
job = submit(environment="azureml:train:1", cpus=4)
print("outer:", job)
subprocess.run([sys.executable, "inner.py"], check=True)
"""


@pytest.mark.parametrize("by", ["amlrun", "azure-ai-ml"])
def test_anywhere_inside_a_job_it_returns(home: Path, tmp_path: Path, by: str) -> None:
    """In a job that amlrun didn't send, and in whatever a job's script starts: nothing is submitted there."""
    inner = "import amlrun\nprint('inner:', amlrun.submit(gpus=8).name)\n"
    source = write(tmp_path / "src", {"train.py": NESTED, "inner.py": inner})
    if by == "amlrun":
        name = submit("python train.py", code=source, environment="azureml:train:1").name
    else:
        fake = local()
        entity: Any = command(command="python train.py", code=source, environment="azureml:train:1")
        with fake.installed():
            name = str(fake.client().jobs.create_or_update(entity).name)
    for _ in range(2400):
        if local().job(name).status in {"Completed", "Failed"}:
            break
        local().clock.sleep(0.05)
    (log,) = (path.read_text() for path in home.rglob("std_log.txt"))
    assert f"outer: JobContext(name='{name}', group='{name}', attempt=1" in log
    assert f"inner: {name}" in log
    assert local().jobs == (name,)


@pytest.mark.usefixtures("home")
def test_a_path_of_the_jobs_own_is_its_own() -> None:
    """`local` finds its bash all the same, and what the job can't find is told in its log."""
    run = submit(
        "echo here; no-such-program", environment="azureml:e:1", environment_variables={"PATH": "/nowhere"}
    )
    with pytest.raises(JobFailed) as caught:
        run.wait(timeout=120)
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
    for _ in range(2400):
        if "written" in run.logs():
            break
        local().clock.sleep(0.05)
    local().preempt("survivor")
    run.wait(timeout=120)
    assert (run.attempt, run.status) == (2, "Completed")
    assert "found the checkpoint after preempted" in run.logs()
    assert "written" in run.logs(attempt=1)
    assert str(home) in os.environ["AMLRUN_LOCAL_HOME"]
