"""What a plan says of a job of its type: where it may do less well, or not as the user hopes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._job_types import JobType
from amlrun._jobs.shared_memory import gigabytes
from amlrun._needs import SERVERLESS
from amlrun._offers import Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._asking.settings import JobSettings
    from amlrun._offers import Size
    from amlrun._plan import Plan

_MOST_MPI_NODES = 100
"""Documented, for a run over MPI: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas"""


def remarks(settings: JobSettings, plan: Plan) -> Iterator[str]:
    """What is to be told of this job in this place."""
    nodes = plan.instance_count
    if settings.distribution == "mpi" and nodes > 1 and plan.tier is Tier.SPOT:
        yield f"MPI over {nodes} spot nodes: when one of them is taken away, the whole run is lost"
    if settings.distribution == "mpi" and nodes > _MOST_MPI_NODES:
        yield f"a run over MPI has {_MOST_MPI_NODES} nodes at most, and {nodes} were asked for"
    if settings.type is JobType.FINE_TUNING and plan.size is not None and not plan.size.gpus:
        yield f"fine-tuning on {plan.size.name}, which has no GPU"
    if plan.size is not None:
        yield from _of_size(settings, plan.size)
    if settings.services and plan.compute == SERVERLESS:
        services = ", ".join(settings.services)
        yield (
            f"interactive services ({services}) are documented for clusters and Kubernetes: whether they come"
            " up on serverless is not certain"
        )


def _of_size(settings: JobSettings, size: Size) -> Iterator[str]:
    """What of the job one node of this size may not do."""
    processes, shared = settings.processes or 0, gigabytes(settings.shm_size)
    if processes > size.gpus > 0:
        yield (
            f"{processes} processes on each node, and {size.name} has {size.gpus} GPU{'s'[: size.gpus - 1]}: "
            "NCCL takes one process for each GPU"
        )
    if settings.needs_gpu and not size.gpus:
        yield f"{settings.needs_gpu} on {size.name}, which has no GPU: images and texts are learned on GPUs"
    if shared is not None and shared > size.memory_gb:
        yield f"shm_size={settings.shm_size} is more than the {size.memory_gb:g} GB that {size.name} has"
