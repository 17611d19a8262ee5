"""Inside a job: what the running attempt may know of itself. Reads the environment and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

from amlrun._jobs.dress import ATTEMPT_VARIABLE, CHECKPOINT_VARIABLE, GROUP_VARIABLE, LAST_ENDING_VARIABLE
from amlrun._memory import attempt_name


@attrs.frozen(kw_only=True)
class JobContext:
    """The job that this process runs in.

    `name` is the attempt's own, `group` the run's (its first attempt's). `checkpoint_dir` is a folder that
    the next attempt will find again; None where the job is not requeued. `last_ending` is why the attempt
    before this one ended, in the words of `Attempt.ending`.
    """

    name: str
    group: str
    attempt: int = 1
    checkpoint_dir: Path | None = None
    last_ending: str | None = None

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
    )
