"""One job as the fake keeps it, and the moves of its life. Pure: values in, values out.

A job goes Starting, Preparing, Queued, Running and ends. The *stage* is ours (a queued job either waits for
quota or has nodes on their way), the *status* is what the service shows. A pipeline, a sweep and an AutoML
job are *parents*: they hold no nodes and run while their children do.
"""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier
from amlrun._states import BEFORE_RUNNING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARENTS = {"pipeline", "sweep", "automl"}


class Stage(str, enum.Enum):
    """Where a job stands."""

    STARTING = "starting"
    PREPARING = "preparing"
    WAITING = "waiting"  # in the queue, for quota or a cluster's nodes
    ALLOCATING = "allocating"  # still Queued, its nodes on their way: it holds its cores from here
    RUNNING = "running"
    SILENT = "silent"  # it runs, and nothing is heard of it
    CANCELING = "canceling"
    ENDED = "ended"


STATUS: Mapping[Stage, str] = {
    Stage.STARTING: "Starting",
    Stage.PREPARING: "Preparing",
    Stage.WAITING: "Queued",
    Stage.ALLOCATING: "Queued",
    Stage.RUNNING: "Running",
    Stage.SILENT: "NotResponding",
    Stage.CANCELING: "CancelRequested",
}
"""What the service shows at each stage but the last, which shows how the job ended."""

# Assumed: the words beside the recorded code.
QUEUED = ("Scheduling", "Job is queued.")
"""Run history's queueingInfo of a job that nobody has looked at yet."""
PREEMPTION_ERROR = (
    "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted. Check if the run has "
    "failed or restarted. Reason: Received pre-emption warning signal"
)
PREEMPTION_WARNING = "Low priority compute preemption warning: a node has been preempted."


@attrs.frozen
class End:
    """How a job ends: `code` and `message` are run history's error, empty where there is none.

    `inner` is the code inside of that error. `lost`: the nodes are gone with the job.
    """

    status: str
    code: str = ""
    message: str = ""
    warning: str = ""
    inner: str = ""
    lost: bool = False


COMPLETED = End("Completed")
CANCELED = End("Canceled")
# Assumed: the code beside the reported message.
PREEMPTED = End("Failed", "JobPreempted", PREEMPTION_ERROR, PREEMPTION_WARNING, lost=True)
# Assumed: nobody has recorded what a lost node leaves behind.
NODE_LOST = End(
    "Failed",
    "ServiceError",
    "AzureMLCompute job failed. NodeLost: The node that ran this job is gone.",
    lost=True,
)


@attrs.frozen
class Demand:
    """What a job's body asks to be placed on. `cores` is of one node; 0 and "" until a size is known.

    `counted`: its nodes hold vCPUs of the workspace's quota. A parent has no nodes, Spark and the service's
    own fine-tuning have nodes that no quota here knows. `gpu`: where the size is the service's choice, it has
    one. `spark`: a compute that is named is a Spark pool.
    """

    tier: Tier
    instance_type: str | None
    nodes: int
    compute: str | None
    family: str = ""
    cores: int = 0
    counted: bool = True
    gpu: bool = False
    spark: bool = False


@attrs.frozen
class Job:
    """One job. Instants are seconds since 1970; `body` is the PUT's, untouched (a child's is made for it)."""

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
    """When it first ran: it stays when the service restarts the job."""
    since: float | None = None
    """Since when this attempt runs."""
    ended: float | None = None
    ending: End | None = None
    attempt: int = 1
    warnings: tuple[str, ...] = ()
    strike: tuple[str, float] | None = None
    """A fault that is on its way: which of the scripted ones, and the instant."""
    parent: str | None = None
    path: str = ""
    """A child's place: the names from the root's to its own, with slashes."""
    is_step: bool = False
    """Whether it is a pipeline's node."""
    process: tuple[int, str] | None = None
    """Its supervisor's pid and start time, where it really runs."""
    group: tuple[int, str] | None = None
    """Its process group's leader, in the same way."""
    waits_for: tuple[str, str] | None = None
    """Run history's queueingInfo: a code and a message."""
    history: tuple[tuple[float, str], ...] = ()
    submitter: tuple[str, str] | None = None
    """Whose token for the job came with it: object id and name; None: none did."""

    @property
    def sent(self) -> Mapping[str, Any]:
        """The `properties` of its body."""
        properties: Mapping[str, Any] = self.body["properties"]
        return properties

    @property
    def kind(self) -> str:
        """Its type in small letters: `command`, `sweep`, `pipeline`, `automl`, `spark`, `finetuning`, …."""
        return str(self.sent.get("jobType")).lower()

    @property
    def has_children(self) -> bool:
        """Whether it runs by running others."""
        return self.kind in _PARENTS

    @property
    def label(self) -> str:
        """What tests may call it: its name, or a child's path."""
        return self.path or self.name

    @property
    def root_name(self) -> str:
        """The name of the job that was submitted, of which this one is a part."""
        return self.label.partition("/")[0]

    @property
    def status(self) -> str:
        """The service's word for where it stands."""
        return self.ending.status if self.ending else STATUS[self.stage]

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.stage is Stage.ENDED

    def ran(self, started: float, now: float) -> float:
        """For how many seconds it has run since it started, without the queue of a restart in place."""
        moments = [*self.history, (self.ended or now, "")]
        return sum(
            max(0.0, later - max(at, started))
            for (at, status), (later, _) in itertools.pairwise(moments)
            if status not in BEFORE_RUNNING
        )

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
        body["ending"] = attrs.asdict(self.ending) if self.ending else None
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Job:
        """As it was kept."""
        fields = dict(body)
        fields["demand"] = Demand(**{**body["demand"], "tier": Tier(body["demand"]["tier"])})
        fields["stage"] = Stage(body["stage"])
        fields["ending"] = End(**body["ending"]) if body["ending"] else None
        for name in ("process", "group", "waits_for", "strike"):
            fields[name] = tuple(body[name]) if body[name] else None
        fields["warnings"] = tuple(body["warnings"])
        fields["history"] = tuple((at, status) for at, status in body["history"])
        return cls(**fields)


def running(job: Job, now: float) -> Job:
    """The job from the moment an attempt of it runs."""
    started = now if job.started is None else job.started
    return job.at(Stage.RUNNING, now, started=started, since=now, waits_for=None)


def deadline_of(job: Job, timeout: float | None) -> float | None:
    """When the system cancels a job that has started; None: never."""
    # Assumed: a restart in place doesn't start the timeout anew.
    return None if timeout is None or job.started is None else job.started + timeout


def stop_of(job: Job, timeout: float | None) -> float | None:
    """When a running job stops by itself: done, or timed out. None: a parent that waits for its children."""
    assert job.since is not None  # noqa: S101 - it runs
    ends = [None if job.has_children else job.since + job.run_seconds, deadline_of(job, timeout)]
    return min((end for end in ends if end is not None), default=None)


def outcome(job: Job, now: float, timeout: float | None) -> End:
    """How a running job ends by itself. The system cancels a job that outlives its timeout."""
    deadline = deadline_of(job, timeout)
    return CANCELED if deadline is not None and now >= deadline else COMPLETED


def restarted(job: Job, now: float, warning: str) -> Job:
    """The job back in the queue, in place: same name, a new attempt. The caller gives its nodes back."""
    return job.at(
        Stage.WAITING,
        now,
        since=None,
        holding=False,
        attempt=job.attempt + 1,
        warnings=(*job.warnings, warning) if warning else job.warnings,
        strike=None,
        process=None,
        group=None,
        waits_for=QUEUED,
    )


def ended(job: Job, now: float, ending: End) -> Job:
    """The job when it is over. It holds nothing any more: the caller gives its cores back."""
    warnings = (*job.warnings, ending.warning) if ending.warning else job.warnings
    return job.at(
        Stage.ENDED,
        now,
        ending=ending,
        ended=now,
        holding=False,
        waits_for=None,
        strike=None,
        warnings=warnings,
    )


def exit_message(code: int) -> str:
    """The service's words for a command that ended with that status."""
    # Assumed: the words, from what users paste.
    return (
        f"Execution failed. User process '/bin/bash' exited with status code {code}. Please check log file "
        "'user_logs/std_log.txt' for error details."
    )
