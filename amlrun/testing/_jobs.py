"""One job as the fake keeps it, and the moves of its life. Pure: values in, values out.

A job goes Starting, Preparing, Queued, Running and ends. The *stage* is ours (a queued job either waits for
quota or has nodes on their way), the *status* is what the service shows.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(str, enum.Enum):
    """Where a job stands."""

    STARTING = "starting"
    PREPARING = "preparing"
    WAITING = "waiting"  # in the queue, for quota or a cluster's nodes
    ALLOCATING = "allocating"  # still Queued, its nodes on their way: it holds its cores from here
    RUNNING = "running"
    CANCELING = "canceling"
    ENDED = "ended"


STATUS: Mapping[Stage, str] = {
    Stage.STARTING: "Starting",
    Stage.PREPARING: "Preparing",
    Stage.WAITING: "Queued",
    Stage.ALLOCATING: "Queued",
    Stage.RUNNING: "Running",
    Stage.CANCELING: "CancelRequested",
}
"""What the service shows at each stage but the last, which shows how the job ended."""

PREEMPTION_ERROR = (
    "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted. Check if the run has "
    "failed or restarted. Reason: Received pre-emption warning signal"
)
PREEMPTION_WARNING = "Low priority compute preemption warning: a node has been preempted."


@attrs.frozen
class End:
    """How a job ends: `code` and `message` are run history's error, empty where there is none."""

    status: str
    code: str = ""
    message: str = ""
    warning: str = ""


COMPLETED = End("Completed")
CANCELED = End("Canceled")
# Assumed: the code beside the reported message.
PREEMPTED = End("Failed", "JobPreempted", PREEMPTION_ERROR, PREEMPTION_WARNING)
# Assumed: nobody has recorded what a lost node leaves behind.
NODE_LOST = End(
    "Failed", "ServiceError", "AzureMLCompute job failed. NodeLost: The node that ran this job is gone."
)


@attrs.frozen
class Demand:
    """What a job's body asks to be placed on. `cores` is of one node; 0 and "" until a size is known."""

    tier: Tier
    instance_type: str | None
    nodes: int
    compute: str | None
    family: str = ""
    cores: int = 0


@attrs.frozen
class Job:
    """One job. Instants are seconds since 1970; `body` is the PUT's, untouched."""

    name: str
    body: Mapping[str, Any]
    api_version: str
    created: float
    demand: Demand
    experiment: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    run_seconds: float
    stage: Stage = Stage.STARTING
    due: float | None = None
    holding: bool = False
    started: float | None = None
    ended: float | None = None
    ending: End | None = None
    doom: End | None = None
    """An ending that waits for the job to run."""
    process: tuple[int, str] | None = None
    """Its supervisor's pid and start time, where it really runs."""
    group: tuple[int, str] | None = None
    """Its process group's leader, in the same way."""
    waits_for: tuple[str, str] | None = None
    """Run history's queueingInfo: a code and a message."""
    history: tuple[tuple[float, str], ...] = ()

    @property
    def status(self) -> str:
        """The service's word for where it stands."""
        return self.ending.status if self.ending else STATUS[self.stage]

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.stage is Stage.ENDED

    def at(self, stage: Stage, now: float, *, due: float | None = None, **changes: Any) -> Job:
        """The job at another stage. A status that is new goes to its history."""
        job = attrs.evolve(self, stage=stage, due=due, **changes)
        if not self.history or self.history[-1][1] != job.status:
            job = attrs.evolve(job, history=(*self.history, (now, job.status)))
        return job

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        body: dict[str, Any] = attrs.asdict(self, recurse=False)
        body["demand"] = {**attrs.asdict(self.demand), "tier": self.demand.tier.value}
        body["stage"] = self.stage.value
        for name in ("ending", "doom"):
            body[name] = attrs.asdict(body[name]) if body[name] else None
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Job:
        """As it was kept."""
        fields = dict(body)
        fields["demand"] = Demand(**{**body["demand"], "tier": Tier(body["demand"]["tier"])})
        fields["stage"] = Stage(body["stage"])
        for name in ("ending", "doom"):
            fields[name] = End(**body[name]) if body[name] else None
        for name in ("process", "group", "waits_for"):
            fields[name] = tuple(body[name]) if body[name] else None
        fields["history"] = tuple((at, status) for at, status in body["history"])
        return cls(**fields)


def running(job: Job, now: float, timeout: float | None) -> Job:
    """The job from the moment it runs, with the instant at which it stops by itself.

    A doom strikes halfway. The system cancels a job that outlives its timeout.
    """
    span = job.run_seconds / 2 if job.doom else job.run_seconds
    if timeout is not None:
        span = min(span, timeout)
    return job.at(Stage.RUNNING, now, due=now + span, started=now, waits_for=None)


def outcome(job: Job, now: float, timeout: float | None) -> End:
    """How a running job ends at the instant that `running` gave."""
    assert job.started is not None  # noqa: S101 - it runs, so it has started
    if timeout is not None and now - job.started >= timeout:
        return CANCELED
    return job.doom or COMPLETED


def ended(job: Job, now: float, ending: End) -> Job:
    """The job when it is over. It holds nothing any more: the caller gives its cores back."""
    return job.at(Stage.ENDED, now, ending=ending, ended=now, holding=False, waits_for=None)


def demand_of(properties: Mapping[str, Any]) -> Demand:
    """What a job's `properties` ask for: serverless with its own tier, or a named compute."""
    resources = properties.get("resources") or {}
    queue = properties.get("queueSettings") or {}
    compute = (properties.get("computeId") or "").rstrip("/").rpartition("/")[2]
    nodes = resources.get("instanceCount")
    spot = str(queue.get("jobTier") or "").lower() == "spot"
    return Demand(
        tier=Tier.SPOT if spot else Tier.STANDARD,
        instance_type=resources.get("instanceType") or None,
        nodes=1 if nodes is None else int(nodes),
        compute=None if compute.lower() in {"", "serverless"} else compute,
    )


def exit_message(code: int) -> str:
    """The service's words for a command that ended with that status."""
    # Assumed: the words, from what users paste.
    return (
        f"Execution failed. User process '/bin/bash' exited with status code {code}. Please check log file "
        "'user_logs/std_log.txt' for error details."
    )
