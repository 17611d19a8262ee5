"""Why a job ended: one enum, with total mappings. Pure: evidence in, ending out.

The signs are those of real runs (the service's job states; run history's `error` and `warnings`); where they
are ambiguous, the rule and what it assumes stand beside it and in docs/assumptions.md.
https://learn.microsoft.com/azure/machine-learning/how-to-understand-job-states
"""

from __future__ import annotations

import enum
import re

import attrs

from amlrun._states import CANCELED, COMPLETED, ENDS


class Ending(str, enum.Enum):
    """Why one attempt ended."""

    COMPLETED = "completed"
    USER_ERROR = "user-error"
    CANCELED_BY_US = "canceled-by-us"
    CANCELED = "canceled"
    TIMED_OUT = "timed-out"
    QUEUED_TOO_LONG = "queued-too-long"
    PREEMPTED = "preempted"
    QUOTA = "quota"
    OUT_OF_CAPACITY = "out-of-capacity"
    PLATFORM_FAULT = "platform-fault"
    ENVIRONMENT = "environment"
    POLICY = "policy"
    UNKNOWN = "unknown"

    __str__ = str.__str__


TOLD: dict[Ending, str] = {
    Ending.COMPLETED: "completed",
    Ending.USER_ERROR: "the job's own code failed",
    Ending.CANCELED_BY_US: "canceled through amlrun",
    Ending.CANCELED: "canceled, by whom is unknown",
    Ending.TIMED_OUT: "its timeout ran out",
    Ending.QUEUED_TOO_LONG: "it waited in the queue for too long",
    Ending.PREEMPTED: "its node was preempted",
    Ending.QUOTA: "quota",
    Ending.OUT_OF_CAPACITY: "the region had no capacity",
    Ending.PLATFORM_FAULT: "a fault of the platform",
    Ending.ENVIRONMENT: "its environment could not be built or pulled",
    Ending.POLICY: "a policy forbids it",
    Ending.UNKNOWN: "for an unknown reason",
}
"""What a person is told, to be read after "ended:"."""

ADVICE: dict[Ending, str] = {
    Ending.COMPLETED: "",
    Ending.USER_ERROR: "Its log says where; Requeue(user_errors=…) repeats what fails by chance.",
    Ending.CANCELED_BY_US: "",
    Ending.CANCELED: "Where nobody canceled it, a next attempt can be started by hand.",
    Ending.TIMED_OUT: "A longer timeout=…, or checkpoints and a job that goes on from them.",
    Ending.QUEUED_TOO_LONG: "A longer Requeue(max_queue_time=…), another size or tier, or another region.",
    Ending.PREEMPTED: 'Requeue(to_standard_after=…) goes to dedicated nodes, and so does tier="standard".',
    Ending.QUOTA: "Fewer nodes, another size, or more quota of Azure ML's own: amlrun.quota() shows it.",
    Ending.OUT_OF_CAPACITY: "Another size, tier or region; or later.",
    Ending.PLATFORM_FAULT: "Submit it again; where it comes back, the service's support wants its name.",
    Ending.ENVIRONMENT: "The build's log says why; a private registry needs a build compute or an identity.",
    Ending.POLICY: "The owner of the subscription can tell which policy it is.",
    Ending.UNKNOWN: "Its page in the studio may know more; a next attempt can be started by hand.",
}
"""What a person can do about it; "": nothing needs to be done."""


@attrs.frozen(kw_only=True)
class Evidence:
    """All that is known about an attempt that ended. Times are in seconds.

    `warnings` are run history's; `warned_before` of them were there when it was last seen to live on (a
    restart in place leaves them, too), and `outlived` is whether it may have lived on after one: nobody saw
    it alive since, or it was restarted unseen. `ran_for` is the time since it began to run, and
    `ran_without_queue` that without the queue of its restarts in place.
    `node_preempted`: a node on which it ran shows as preempted, and none could for another reason. `moved`:
    its wait in the queue was ended from here.
    """

    status: str
    spot: bool = False
    error_code: str = ""
    error_message: str = ""
    warnings: tuple[str, ...] = ()
    warned_before: int = 0
    outlived: bool = False
    node_preempted: bool = False
    canceled_by_us: bool = False
    moved: bool = False
    cancel_requested_seen: bool = False
    timeout: float | None = None
    ran_for: float | None = None
    ran_without_queue: float | None = None

    @property
    def preemption_warned(self) -> bool:
        """Whether a warning of a preemption came with the end: none that it may have lived on after."""
        fresh = () if self.outlived else self.warnings[self.warned_before :]
        return self.spot and any(_PREEMPTION_WARNING.search(text) for text in fresh)


_PREEMPTION_WARNING = re.compile(r"pre-?empt", re.IGNORECASE)
# The first that is found in code or message decides. A script that failed comes first: its own words may be
# in the message, and what they sound like is not what happened.
# Assumed: the names of capacity and of a lost node, and that a ServiceError of a job is the platform's fault:
# preemption, quota, images and what fails in a container are reported or documented, these are not.
_FAILED: tuple[tuple[re.Pattern[str], Ending], ...] = (
    (
        re.compile(
            r"[Ee]xecution failed|exited with (status )?code|non-zero exit code|User program failed"
            r"|failed with status code"
        ),
        Ending.USER_ERROR,
    ),
    (re.compile(r"PreemptionError"), Ending.PREEMPTED),
    # Throttling calls itself QuotaExceeded, too.
    (re.compile(r"TooManyRequests"), Ending.PLATFORM_FAULT),
    (re.compile(r"CoreQuota|QuotaExceeded|quota limit"), Ending.QUOTA),
    (
        re.compile(r"OutOfCapacity|AllocationFailed|SkuNotAvailable|VMSizeForLowPriority|VmSizeNotSupported"),
        Ending.OUT_OF_CAPACITY,
    ),
    (re.compile(r"RequestDisallowedByPolicy"), Ending.POLICY),
    (
        re.compile(
            r"ImageBuild|[Ii]mage build|EnvironmentBuild|[Ff]ailed to pull Docker image|UnAuthorizedRegistry"
            r"|JobContainerConfigFailed|[Ee]nvironment preparation failed"
        ),
        Ending.ENVIRONMENT,
    ),
    (
        re.compile(r"^(ServiceError|SystemError|TransientError|InternalServerError|NodeLost)\b"),
        Ending.PLATFORM_FAULT,
    ),
    (re.compile(r"^UserError\b"), Ending.USER_ERROR),
)
_REPEATED = frozenset({Ending.OUT_OF_CAPACITY, Ending.PLATFORM_FAULT})
_OF_PLATFORM = "AzureMLCompute job failed"
"""How what a user's code didn't say begins."""
NEARLY = 0.98
"""A job canceled after this much of its timeout was canceled by the timeout."""
_STILL_MOVED = 60.0
"""Seconds that a job may have run when the cancel of its wait in the queue came through."""


def ending(evidence: Evidence) -> Ending | None:
    """Why it ended; None while its state is not an end."""
    if evidence.status not in ENDS:
        return None
    if evidence.status == COMPLETED:
        return Ending.COMPLETED
    if evidence.status == CANCELED:
        return _canceled(evidence)
    why = _why(evidence.error_code, evidence.error_message)
    if why in _REPEATED and _is_of_script(evidence):  # what that happens to say is nothing to repeat it for
        why = _why(evidence.error_code, evidence.error_message.partition(" ")[0])
    # Assumed: the platform's fault, or one without a name, that comes with a warning of a preemption is that.
    if evidence.preemption_warned and why in {Ending.PLATFORM_FAULT, Ending.UNKNOWN}:
        return Ending.PREEMPTED
    return why


def _why(code: str, message: str) -> Ending:
    said = f"{code} {message}"
    return next((why for sign, why in _FAILED if sign.search(said)), Ending.UNKNOWN)


def _is_of_script(evidence: Evidence) -> bool:
    """Whether the message may be the words of the job's own code."""
    platforms = evidence.error_message.startswith(_OF_PLATFORM)
    return evidence.error_code.startswith("UserError") and not platforms


def _canceled(evidence: Evidence) -> Ending:
    """Several causes look alike; in this order nothing that a person canceled is ever called preempted.

    Assumed: a platform's cancel after a preemption leaves a warning that names it, or a preempted node, and
    never shows CancelRequested. No recorded traffic shows one.
    """
    if evidence.canceled_by_us:
        return Ending.CANCELED_BY_US
    ran = evidence.ran_for
    if evidence.moved and (ran is None or ran <= _STILL_MOVED):
        return Ending.QUEUED_TOO_LONG
    lost = evidence.preemption_warned or (evidence.spot and evidence.node_preempted)
    # Nobody knows whether a timeout counts the queue of a restart in place: only what can be no time-out is
    # called preempted.
    running = ran if evidence.ran_without_queue is None else evidence.ran_without_queue
    if _is_over(evidence.timeout, running if lost else ran):
        return Ending.TIMED_OUT
    if lost and not evidence.cancel_requested_seen:
        return Ending.PREEMPTED
    return Ending.CANCELED


def _is_over(timeout: float | None, ran: float | None) -> bool:
    return timeout is not None and ran is not None and ran >= NEARLY * timeout
