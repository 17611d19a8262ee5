"""A script that is started as several processes, here and inside a job. torchrun and mpirun are stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from amlrun.testing import local
from tests.submission.scripts import python, runs_scripts, submitted, words, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = runs_scripts

TRAIN = """
import amlrun
job = amlrun.submit(environment="azureml:train:1", gpus=1)
print("in", job.name, "attempt", job.attempt)
"""


def torchrun(rank: int) -> dict[str, str]:
    """What torchrun tells a process, of three on this machine."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 3, "LOCAL_WORLD_SIZE": 3, "GROUP_RANK": 0}
    return {name: str(value) for name, value in told.items()}


def mpirun(rank: int) -> dict[str, str]:
    """What Open MPI's mpirun tells a process, of two on this machine."""
    told = {"RANK": rank, "SIZE": 2, "LOCAL_RANK": rank, "LOCAL_SIZE": 2}
    return {f"OMPI_COMM_WORLD_{name}": str(value) for name, value in told.items()}


def launched(folder: Path, ranks: list[Mapping[str, str]], *arguments: str) -> list[tuple[int, str, str]]:
    """All of a launch's processes at once: how each ended, and what it said."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-u", "train.py", *arguments],
            cwd=folder,
            env={**os.environ, **rank},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ranks
    ]
    told = [process.communicate(timeout=120) for process in processes]
    return [(process.returncode, *said) for process, said in zip(processes, told, strict=True)]


@pytest.mark.parametrize(
    ("ranks", "kind"),
    [([torchrun(rank) for rank in range(3)], "PyTorch"), ([mpirun(0), mpirun(1)], "Mpi")],
)
@pytest.mark.usefixtures("home")
def test_a_launch_is_one_job_that_the_service_launches(
    tmp_path: Path, ranks: list[Mapping[str, str]], kind: str
) -> None:
    """The first process submits as many; the others end quietly, so that the launcher is content."""
    write(tmp_path / "src", {"train.py": TRAIN})
    first, *others = launched(tmp_path / "src", ranks, "--local_rank=0", "--lr", "0.1")
    assert first[0] == 0, first[2]
    assert others == [(0, "", "")] * len(others)
    (run,) = submitted(first[1])
    assert f"{len(ranks)} processes on each node" in first[1]
    assert local().jobs == (run.name,)
    body = local().job(run.name).body["properties"]
    assert body["distribution"]["distributionType"] == kind
    assert body["distribution"]["processCountPerInstance"] == len(ranks)
    assert body["resources"]["instanceCount"] == 1
    rank = " --local_rank=0" if kind == "Mpi" else ""
    assert body["command"].endswith(f"python -u train.py{rank} --lr 0.1")


@pytest.mark.usefixtures("home")
def test_a_launch_that_comes_to_no_job_is_refused_once(tmp_path: Path) -> None:
    """The first process tells why, and the others say nothing."""
    write(tmp_path / "src", {"train.py": TRAIN})
    ranks = [{"SLURM_PROCID": str(rank), "SLURM_STEP_NUM_TASKS": "2"} for rank in range(2)]
    first, second = launched(tmp_path / "src", list(ranks))
    assert first[0] == 1
    assert "SLURM_PROCID and SLURM_STEP_NUM_TASKS say that this is one of 2 processes" in words(first[2])
    assert second == (0, "", "")


@pytest.mark.parametrize(
    "job",
    [
        {"AZUREML_RUN_ID": "train-a2", "AMLRUN_GROUP": "train", "AMLRUN_ATTEMPT": "2"},
        {"AMLRUN_GROUP": "train", "AMLRUN_ATTEMPT": "2"},
    ],
)
def test_inside_the_job_every_process_goes_on(tmp_path: Path, job: dict[str, str]) -> None:
    """At once, each with the job; also where a launcher has kept the service's own variables from it."""
    write(tmp_path / "src", {"train.py": TRAIN})
    told = launched(tmp_path / "src", [{**job, **torchrun(rank)} for rank in range(3)])
    assert told == [(0, "in train-a2 attempt 2\n", "")] * 3


def test_one_process_is_no_launch(tmp_path: Path) -> None:
    """`torchrun --nproc-per-node 1`: the script by itself, which is told what it lacks."""
    write(tmp_path / "src", {"train.py": TRAIN})
    done = python("train.py", cwd=tmp_path / "src", variables={"RANK": "0", "WORLD_SIZE": "1"})
    assert "NotConfigured" in done.stderr
