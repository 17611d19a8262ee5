"""A script that was started as several processes: by whom, which of them this is, and what job it is. Pure.

Launchers tell each process so in its environment: torchrun (`python -m torch.distributed.run`, accelerate and
deepspeed set the same variables), horovodrun, the mpirun of each MPI, srun. Which of them it was isn't told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PYTORCH, MPI = "pytorch", "mpi"
_HOW = "Or give submit() a job: command(…, distribution=…), whose processes the service starts."
_LOCAL_RANK = re.compile(r"--local[_-]rank(=-?\d+)?")


@attrs.frozen
class _Launcher:
    """The distribution of a job that a launcher comes to, and its variables."""

    distribution: str
    rank: tuple[str, ...]
    size: str
    local_size: tuple[str, ...]


_LAUNCHERS = (
    _Launcher(PYTORCH, ("RANK",), "WORLD_SIZE", ("LOCAL_WORLD_SIZE", "LOCAL_SIZE")),
    _Launcher(MPI, ("HOROVOD_RANK",), "HOROVOD_SIZE", ("HOROVOD_LOCAL_SIZE",)),
    _Launcher(MPI, ("OMPI_COMM_WORLD_RANK",), "OMPI_COMM_WORLD_SIZE", ("OMPI_COMM_WORLD_LOCAL_SIZE",)),
    _Launcher(MPI, ("MV2_COMM_WORLD_RANK",), "MV2_COMM_WORLD_SIZE", ("MV2_COMM_WORLD_LOCAL_SIZE",)),
    _Launcher(MPI, ("PMI_RANK",), "PMI_SIZE", ("MPI_LOCALNRANKS",)),
    # Which library its processes will speak through isn't known, so it comes to no job of ours. Of an
    # allocation without a step (`salloc`, `sbatch`) there is one process, whatever SLURM_NTASKS says.
    _Launcher("", ("SLURM_PROCID",), "SLURM_STEP_NUM_TASKS", ()),
    # Workers that a library has started by itself, before it tells them their rank.
    _Launcher("", ("LOCAL_RANK", "NODE_RANK"), "WORLD_SIZE", ()),
)


@attrs.frozen
class Launch:
    """One process of several: its `rank` from 0, how many there are, and how many of them on each node.

    `per_node` is None where the launcher doesn't say. `variables` are those that tell rank and number, and
    `unsaid` those of which one would tell `per_node`.
    """

    kind: str
    rank: int
    processes: int
    per_node: int | None
    variables: tuple[str, ...]
    unsaid: tuple[str, ...]

    def distribution(self) -> dict[str, str | int]:
        """The same as a job's distribution, in the words of azure-ai-ml. Raises `InvalidRequest`."""
        if not self.kind or self.per_node is None or self.processes % self.per_node:
            raise InvalidRequest(self._refusal(), argument="job", hint=self._way_out())
        return {"type": self.kind, "process_count_per_instance": self.per_node}

    def _refusal(self) -> str:
        here = f", {self.per_node} on this node" if self.per_node else ""
        why = ": that can't be told to a job"
        if self.kind and not self.per_node:
            why = f", and how many of them run on each node is not said ({' or '.join(self.unsaid)})"
        said = " and ".join(self.variables)
        return f"submit() without a job: {said} say that this is one of {self.processes} processes{here}{why}"

    def _way_out(self) -> str:
        hint = f"Start it with torchrun or mpirun, the same number of processes on each node. {_HOW}"
        return f"Where it was started by itself, unset {' and '.join(self.variables)}. {hint}"

    @property
    def nodes(self) -> int:
        """How many nodes it was started on."""
        return self.processes // (self.per_node or self.processes)

    def of_script(self, arguments: Iterable[str]) -> tuple[str, ...]:
        """A process's arguments without the rank that older launchers write among them."""
        kept: list[str] = []
        words = iter(arguments)
        for word in words:
            found = _LOCAL_RANK.fullmatch(word) if self.kind == PYTORCH else None
            if found is None:
                kept.append(word)
            elif found.group(1) is None:
                next(words, None)
        return tuple(kept)

    def __str__(self) -> str:
        return f"{self.per_node} processes on each node, as were started here"


def launch_of(environment: Mapping[str, str]) -> Launch | None:
    """The launch that these variables tell of; None for a process that is by itself."""
    for launcher in _LAUNCHERS:
        ranks = [rank for name in launcher.rank if (rank := _number(environment, name)) is not None]
        size = _number(environment, launcher.size)
        if ranks and size is not None and size > 1:
            sizes = (_number(environment, name) for name in launcher.local_size)
            per_node = next((one for one in sizes if one), None)
            told = next(name for name in launcher.rank if _number(environment, name) is not None)
            return Launch(
                kind=launcher.distribution,
                rank=max(ranks),
                processes=size,
                per_node=per_node,
                variables=(told, launcher.size),
                unsaid=launcher.local_size,
            )
    return None


def _number(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() else None
