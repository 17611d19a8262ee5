"""A script that was started as several processes: who speaks for them, and what job they come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import InvalidRequest
from amlrun._launch import launch_of


def torchrun(rank: int, size: int, local: int) -> dict[str, str]:
    """As torchrun tells a process; the rank on its node doesn't matter."""
    return {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(local), "LOCAL_RANK": "0"}


@pytest.mark.parametrize(
    ("variables", "distribution"),
    [
        (torchrun(0, 4, 2), {"type": "pytorch", "process_count_per_instance": 2}),
        (
            {"RANK": "0", "WORLD_SIZE": "4", "LOCAL_SIZE": "2"},
            {"type": "pytorch", "process_count_per_instance": 2},
        ),
        (
            {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"},
            {"type": "mpi", "process_count_per_instance": 2},
        ),
        (
            {"PMI_RANK": "0", "PMI_SIZE": "4", "MPI_LOCALNRANKS": "2"},
            {"type": "mpi", "process_count_per_instance": 2},
        ),
        (
            {"HOROVOD_RANK": "0", "HOROVOD_SIZE": "4", "HOROVOD_LOCAL_SIZE": "2"},
            {"type": "mpi", "process_count_per_instance": 2},
        ),
    ],
)
def test_a_launch_is_a_job_of_as_many_processes(variables: dict[str, str], distribution: object) -> None:
    """The same number on each of as many nodes, in the SDK's words."""
    launch = launch_of(variables)
    assert launch is not None
    assert (launch.rank, launch.nodes, launch.distribution()) == (0, 2, distribution)
    assert "2 processes on each node" in str(launch)


@given(
    nodes=st.integers(1, 64),
    per_node=st.integers(1, 16),
    others=st.dictionaries(st.sampled_from(["PATH", "HOME", "SLURM_NTASKS"]), st.text()),
)
def test_one_process_of_all_speaks(nodes: int, per_node: int, others: dict[str, str]) -> None:
    """Whatever the numbers: exactly one has rank 0, and one process alone is no launch."""
    size = nodes * per_node
    launches = [launch_of({**others, **torchrun(rank, size, per_node)}) for rank in range(size)]
    if size == 1:
        assert launches == [None]
        return
    assert [launch.rank for launch in launches if launch is not None] == list(range(size))
    assert {launch.nodes for launch in launches if launch is not None} == {nodes}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RANK": "0", "WORLD_SIZE": "1"},
        {"RANK": "", "WORLD_SIZE": "2"},
        {"RANK": "first", "WORLD_SIZE": "2"},
        {"LOCAL_RANK": "1"},
        {"WORLD_SIZE": "8"},
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "8"},
    ],
)
def test_what_is_no_launch(variables: dict[str, str]) -> None:
    """A process by itself; what a shell has left over; an allocation in which nothing was launched."""
    assert launch_of(variables) is None


@pytest.mark.parametrize(
    ("variables", "rank", "told"),
    [
        (
            {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "8"},
            0,
            "SLURM_PROCID and SLURM_STEP_NUM_TASKS say that this is one of 8 processes: that",
        ),
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "8"}, 3, "SLURM_PROCID"),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0", "WORLD_SIZE": "2"}, 1, "LOCAL_RANK and WORLD_SIZE"),
        (torchrun(0, 3, 2), 0, "one of 3 processes, 2 on this node: that can"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, 0, "RANK and WORLD_SIZE say .* not said .LOCAL_WORLD_SIZE or"),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, 0, "on each node is not said .MPI_LOCALNRANKS."),
    ],
)
def test_what_comes_to_no_job_is_refused_once(variables: dict[str, str], rank: int, told: str) -> None:
    """Ranks are known all the same: only the first says what is wrong, and by which variables.

    They may be another launcher's than torchrun, or left over.
    """
    launch = launch_of(variables)
    assert launch is not None
    assert launch.rank == rank
    with pytest.raises(InvalidRequest, match=told) as caught:
        launch.distribution()
    assert "unset" in caught.value.hint


def test_the_innermost_launcher_counts() -> None:
    """With torchrun under srun, the processes are torchrun's."""
    launch = launch_of({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", **torchrun(2, 4, 2)})
    assert launch is not None
    assert (launch.variables, launch.rank) == (("RANK", "WORLD_SIZE"), 2)


def test_a_rank_among_the_arguments_is_the_launchers() -> None:
    """The service's processes are told theirs in another way."""
    launch = launch_of(torchrun(0, 2, 2))
    assert launch is not None
    given = ["--local_rank=0", "--lr", "0.1", "--local-rank", "0", "--local_ranks=3"]
    assert launch.of_script(given) == ("--lr", "0.1", "--local_ranks=3")
    mpi = launch_of({"PMI_RANK": "0", "PMI_SIZE": "2"})
    assert mpi is not None
    assert mpi.of_script(given) == tuple(given)
