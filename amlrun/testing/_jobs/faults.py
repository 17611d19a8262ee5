"""What can be made to happen to a job, as values: aimed at a job with `FakeAml.inject`.

`after` is in seconds of running; not given, the fault strikes halfway through the run (at once where nobody
knows how long that is: of a pipeline or a search, and of a job that really runs). No preemption has been
recorded publicly: these are the forms that users report.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

from amlrun._offers import Tier
from amlrun.testing._jobs.job import (
    CANCELED,
    NODE_LOST,
    PREEMPTED,
    PREEMPTION_WARNING,
    End,
    Job,
    exit_message,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOW = ("failed", "restarted", "canceled", "queued")


class Moment(enum.Enum):
    """When in a job's life a fault strikes."""

    BUILDING = "building"  # while its image is made ready
    ALLOCATING = "allocating"  # while its nodes come up
    RUNNING = "running"


@attrs.frozen
class Restart:
    """What a fault does: the job goes back to the queue, under its name."""

    warning: str


@attrs.frozen
class Silence:
    """What a fault does: nothing is heard of the job for so many seconds; None: never again."""

    seconds: float | None


def _positive(_fault: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not value >= 0:
        raise ValueError(f"{attribute.name} is in seconds, a number from 0 up, not {value!r}.")


def _known(_fault: object, _attribute: attrs.Attribute[Any], value: Any) -> None:
    if value not in _HOW:
        raise ValueError(f"how is one of {', '.join(_HOW)}, not {value!r}.")


def _after() -> Any:
    return attrs.field(default=None, validator=_positive)


@attrs.frozen
class JobFault(ABC):
    """What all of them have in common."""

    of_any_job: ClassVar[bool] = False
    """Whether it happens to parents too, which have no nodes."""

    @property
    def moment(self) -> Moment:
        """When it strikes."""
        return Moment.RUNNING

    @property
    def delay(self) -> float | None:
        """Seconds of running until it strikes; None: halfway."""
        return getattr(self, "after", None)

    @abstractmethod
    def effect(self) -> End | Restart | Silence:
        """What it does to the job."""

    def misfit(self, job: Job) -> str:
        """Why it can't happen to such a job; "": it can."""
        return f"a {job.kind}, which has no nodes" if job.has_children and not self.of_any_job else ""


@attrs.frozen
class Preempted(JobFault):
    """A spot job's nodes are taken away; jobs on dedicated nodes are never struck.

    `how`: "failed", the job ends Failed with a PreemptionError; "restarted", it goes back to Queued and runs
    again under its name, with a warning; "canceled", the platform cancels it, with that warning; "queued",
    its nodes are gone before it ever runs, and it waits for others. Not `warned`, no warning tells of it.
    """

    how: Literal["failed", "restarted", "canceled", "queued"] = attrs.field(
        default="failed", validator=_known
    )
    after: float | None = _after()
    warned: bool = True

    @property
    def moment(self) -> Moment:
        """While its nodes come up, or while it runs."""
        return Moment.ALLOCATING if self.how == "queued" else Moment.RUNNING

    def effect(self) -> End | Restart | Silence:
        """By `how`."""
        warning = PREEMPTION_WARNING if self.warned else ""
        if self.how == "failed":
            return attrs.evolve(PREEMPTED, warning=warning)
        if self.how == "canceled":
            return End("Canceled", warning=warning, lost=True)
        return Restart(warning)

    def misfit(self, job: Job) -> str:
        """Spot jobs with nodes of their own are struck."""
        if job.has_children or (job.demand.counted and job.demand.tier is Tier.SPOT):
            return super().misfit(job)
        return "on dedicated nodes" if job.demand.counted else "on nodes that hold no quota"


@attrs.frozen
class CanceledByPlatform(JobFault):
    """The job ends Canceled, and nothing says why."""

    of_any_job: ClassVar[bool] = True
    after: float | None = _after()

    def effect(self) -> End | Restart | Silence:
        """Canceled, without CancelRequested before it."""
        return CANCELED


@attrs.frozen
class NodeLost(JobFault):
    """The node that runs the job is gone: it ends Failed, as by a fault of the platform."""

    after: float | None = _after()

    def effect(self) -> End | Restart | Silence:
        """Failed."""
        return NODE_LOST


@attrs.frozen
class NotResponding(JobFault):
    """Nothing is heard of the job for `seconds`; then it is Running again. None: nothing ever again."""

    seconds: float | None = attrs.field(default=300.0, validator=_positive)
    after: float | None = _after()

    def effect(self) -> End | Restart | Silence:
        """Silence."""
        return Silence(self.seconds)


@attrs.frozen
class Failed(JobFault):
    """The job ends Failed with that code and message in run history's error.

    Without a message it fails as a job does whose command ends with `exit_code`.
    """

    of_any_job: ClassVar[bool] = True
    code: str = "UserError"
    message: str | None = None
    exit_code: int = 1
    after: float | None = _after()

    def effect(self) -> End | Restart | Silence:
        """Failed."""
        return End("Failed", self.code, self.message or exit_message(self.exit_code))


@attrs.frozen
class ImageBuildFailed(JobFault):
    """The job's image can't be built: it ends Failed before it is queued."""

    # Assumed: the usual code and words; ImageBuildComputeNotValid is one that users report.
    code: str = "ImageBuildFailure"
    message: str = "Image build failed. For more details, check log file azureml-logs/20_image_build_log.txt."

    @property
    def moment(self) -> Moment:
        """While the job is Preparing."""
        return Moment.BUILDING

    def effect(self) -> End | Restart | Silence:
        """Failed."""
        return End("Failed", self.code, self.message)


@attrs.frozen
class OutOfCapacity(JobFault):
    """The region has no node for the job, whatever its quota: it ends Failed before it runs.

    With `size`, jobs of that instance type only are struck. (`FakeAml.capacity` takes a size away for longer,
    and lets jobs wait for it.)
    """

    size: str | None = None

    @property
    def moment(self) -> Moment:
        """When its nodes should come."""
        return Moment.ALLOCATING

    def effect(self) -> End | Restart | Silence:
        """Failed."""
        # Assumed: the words.
        of = f"nodes of {self.size}" if self.size else "its nodes"
        return End("Failed", "OutOfCapacity", f"There is no capacity for {of} in the region now.")

    def misfit(self, job: Job) -> str:
        """Jobs of another size are not struck."""
        size = job.demand.instance_type or ""
        if self.size is not None and size.lower() != self.size.lower():
            return f"of size {size or 'unknown'}"
        return super().misfit(job)


@attrs.frozen
class TimedOut(JobFault):
    """The system cancels the job as if its time were up: it ends Canceled."""

    of_any_job: ClassVar[bool] = True
    after: float | None = _after()

    def effect(self) -> End | Restart | Silence:
        """Canceled."""
        return CANCELED


_KINDS: Mapping[str, type[JobFault]] = {
    kind.__name__: kind
    for kind in (
        Preempted,
        CanceledByPlatform,
        NodeLost,
        NotResponding,
        Failed,
        ImageBuildFailed,
        OutOfCapacity,
        TimedOut,
    )
}


def to_json(fault: JobFault) -> dict[str, Any]:
    """As it is kept."""
    return {"kind": type(fault).__name__, **attrs.asdict(fault)}


def from_json(body: Mapping[str, Any]) -> JobFault:
    """As it was kept."""
    fields = dict(body)
    return _KINDS[fields.pop("kind")](**fields)
