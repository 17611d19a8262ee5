"""Inside a job: what the running attempt may know of itself. Reads the environment and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from amlrun._launch import launch_of
from amlrun._names import (
    ATTEMPT_VARIABLE,
    CHECKPOINT_VARIABLE,
    GROUP_VARIABLE,
    LAST_ENDING_VARIABLE,
    attempt_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(kw_only=True)
class JobContext:
    """The job that this process runs in.

    `name` is the attempt's own, `group` the run's (its first attempt's). `checkpoint_dir` is a folder that
    the next attempt will find again; None where the job is not requeued, or has parts (sweeps, pipelines).
    `last_ending` is why the attempt before this one ended, in the words of `Attempt.ending`. `rank` is which
    process of a distributed job this is, from 0: the one that should write. All else is the same for each.
    """

    name: str
    group: str
    attempt: int = 1
    checkpoint_dir: Path | None = None
    last_ending: str | None = None
    rank: int = 0

    @property
    def resumed(self) -> bool:
        """Whether another attempt ran before this one."""
        return self.attempt > 1


def current() -> JobContext | None:
    """The job that this process runs in; None outside of one.

    In a job that amlrun didn't send, `attempt` is 1 and there is no `checkpoint_dir`. The folder of
    `checkpoint_dir` is made if it isn't there. Each process of a distributed job gets the same.
    """
    # Assumed: every process of a job sees the job's variables, on each of its nodes. Those that amlrun gives
    # to a job tell it too, where the service's own is missing: a script must never take a job for a laptop.
    group, attempt = os.environ.get(GROUP_VARIABLE), int(os.environ.get(ATTEMPT_VARIABLE, "1"))
    name = os.environ.get("AZUREML_RUN_ID") or (attempt_name(group, attempt) if group else None)
    if not name:
        return None
    folder = os.environ.get(CHECKPOINT_VARIABLE)
    path = Path(folder) if folder else None
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
    return JobContext(
        name=name,
        group=group or name,
        attempt=attempt,
        checkpoint_dir=path,
        last_ending=os.environ.get(LAST_ENDING_VARIABLE),
        rank=_rank(os.environ),
    )


def _rank(environment: Mapping[str, str]) -> int:
    """Which process this is, by the variables of whatever has started it; else by the node that it is on."""
    launch = launch_of(environment)
    if launch is not None:
        return launch.rank
    if "TF_CONFIG" in environment:
        return _rank_of_worker(environment["TF_CONFIG"])
    node = environment.get("AZUREML_CR_NODE_RANK", "")
    return int(node) if node.isascii() and node.isdigit() else 0


def _rank_of_worker(told: str) -> int:
    """TensorFlow's: the chief is the first; where there is none, the first worker is."""
    try:
        config = json.loads(told)
        kind, index = config["task"]["type"], int(config["task"]["index"])
        has_chief = bool(config.get("cluster", {}).get("chief"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0
    if kind in {"chief", "master"}:
        return 0
    return index + has_chief if kind == "worker" else index + 1
