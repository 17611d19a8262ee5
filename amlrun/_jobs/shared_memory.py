"""Shared memory of a node's container: the service's 2 GB end data loaders with a bus error. Pure.

https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amlrun._offers import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._plan import Plan

_USUAL_GB = 2
_OF_VMS = frozenset({Kind.SERVERLESS, Kind.CLUSTER, Kind.INSTANCE})
"""Where a job has the whole VM: on Kubernetes it shares a machine, and its instance type has the memory."""
_UNITS = {"": 3, "b": 3, "k": 2, "m": 1, "g": 0}
_SAYS = re.compile(r"--(shm-size|ipc)\b")


def gigabytes(said: object) -> float | None:
    """An amount as Docker has it, `2g`, `512m`; None for anything else."""
    found = re.fullmatch(r"(\d+)([bkmg]?)", str(said).lower())
    return None if found is None else int(found[1]) / 1024 ** _UNITS[found[2]]


def shared_memory(plan: Plan) -> str | None:
    """Half of the node's memory, as Linux has it by default, `14g`; None: the service's own will do.

    For nodes with GPUs whose memory is known. It is a limit, and takes no memory that nobody writes to.
    """
    if plan.kind not in _OF_VMS or plan.size is None or not plan.size.gpus:
        return None
    half = int(plan.size.memory_gb // 2)
    return f"{half}g" if half > _USUAL_GB else None


def with_shared_memory(resources: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """`resources` of a body, with shared memory where the job itself says nothing of it."""
    return _with(resources, plan, "shmSize", ("dockerArgs", "dockerArgsList"))


def without_shared_memory(job: dict[str, Any], former: Plan) -> None:
    """Take from a body what `former` had put there, for another plan to put there its own.

    Who has said the very amount themselves gets that of the new plan, too: nobody can tell the two apart.
    """
    amount = shared_memory(former)
    for part in (job, job.get("trial") or {}):
        resources = part.get("resources") or {}
        if amount is not None and resources.get("shmSize") == amount:
            part["resources"] = {name: value for name, value in resources.items() if name != "shmSize"}


def step_with_shared_memory(resources: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """The same for `resources` of a pipeline's step, whose names are spelt in another way."""
    return _with(resources, plan, "shm_size", ("docker_args", "docker_args_list"))


def _with(resources: Mapping[str, Any], plan: Plan, field: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    amount = shared_memory(plan)
    said = resources.get(field) or any(_SAYS.search(str(resources.get(name) or "")) for name in arguments)
    return {**resources, **({} if said or amount is None else {field: amount})}
