"""Inside a job: what the running attempt may know of itself. Reads the environment; `secret` alone asks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from amlrun._connect import own_workspace
from amlrun._errors import InvalidRequest
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
    `workspace` is the one that the job is in, as `connect` takes it; None where the job doesn't say. `submit`
    uses it too, unless `AMLRUN_WORKSPACE` names another, and signs in with the identity that the job has.
    """

    name: str
    group: str
    attempt: int = 1
    checkpoint_dir: Path | None = None
    last_ending: str | None = None
    rank: int = 0
    workspace: str | None = None

    @property
    def resumed(self) -> bool:
        """Whether another attempt ran before this one."""
        return self.attempt > 1

    def secret(self, name: str) -> str:
        """A secret of the workspace's key vault, read now, with the identity that the job has.

        That identity needs the role Key Vault Secrets User on the vault. `AMLRUN_KEY_VAULT` in the job's
        environment variables names another vault. It is kept nowhere: keep it out of logs, metrics, outputs
        and the environment of other processes, where others read it.

        Raises `InvalidRequest` outside of a job and for what is no name, `NotAuthorized` where the identity
        may not read it, `ServiceError` where there is none of that name.

        https://learn.microsoft.com/azure/machine-learning/how-to-use-secrets-in-runs
        """
        from amlrun._vault import check_name, read_secret  # noqa: PLC0415 - for who asks for one
        from amlrun._workspace import workspace_of  # noqa: PLC0415 - the same

        check_name(name)
        if own_name(os.environ) is None:
            hint = f"Your own account reads it: az keyvault secret show --vault-name <vault> --name {name}"
            raise InvalidRequest(f"secret({name!r}): this process runs in no job", hint=hint, argument="name")
        return read_secret(workspace_of(None), name, os.environ)


def current() -> JobContext | None:
    """The job that this process runs in; None outside of one.

    In a job that amlrun didn't send, `attempt` is 1 and there is no `checkpoint_dir`. The folder of
    `checkpoint_dir` is made if it isn't there. Each process of a distributed job gets the same.
    """
    group, attempt = os.environ.get(GROUP_VARIABLE), _attempt(os.environ)
    name = own_name(os.environ)
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
        workspace=own_workspace(os.environ),
    )


def own_name(environment: Mapping[str, str]) -> str | None:
    """The name of the job that a process runs in; None: in none."""
    # Assumed: every process of a job sees the job's variables, on each of its nodes. Those that amlrun gives
    # to a job tell it too, where the service's own is missing: a script must never take a job for a laptop.
    group, attempt = environment.get(GROUP_VARIABLE), _attempt(environment)
    return environment.get("AZUREML_RUN_ID") or (attempt_name(group, attempt) if group else None)


def _attempt(environment: Mapping[str, str]) -> int:
    """The number of the attempt; 1 where it isn't said, or somebody has said something else."""
    said = environment.get(ATTEMPT_VARIABLE, "")
    return int(said) if said.isdecimal() else 1


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
