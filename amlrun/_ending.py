"""Why a job ended: one enum, with total mappings. Pure: evidence in, ending out.

The signs are those of real runs (the service's job states; run history's `error` and `warnings`); where they
are ambiguous, the rule and what it assumes stand beside it and in docs/assumptions.md.
https://learn.microsoft.com/azure/machine-learning/how-to-understand-job-states
"""

from __future__ import annotations

import enum
import re

import attrs

ENDS = frozenset({"Completed", "Failed", "Canceled"})
"""The only states that are ends: a job that is NotResponding can come back."""


class Ending(str, enum.Enum):
    """Why one attempt ended."""

    COMPLETED = "completed"
    USER_ERROR = "user-error"
    CANCELED_BY_US = "canceled-by-us"
    CANCELED = "canceled"
    TIMED_OUT = "timed-out"
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
    Ending.PREEMPTED: "its node was preempted",
    Ending.QUOTA: "quota",
    Ending.OUT_OF_CAPACITY: "the region had no capacity",
    Ending.PLATFORM_FAULT: "a fault of the platform",
    Ending.ENVIRONMENT: "its environment could not be built or pulled",
    Ending.POLICY: "a policy forbids it",
    Ending.UNKNOWN: "for an unknown reason",
}
"""What a person is told, to be read after "ended:"."""


@attrs.frozen(kw_only=True)
class Evidence:
    """All that is known about an attempt that ended. Times are in seconds."""

    status: str
    spot: bool = False
    error_code: str = ""
    error_message: str = ""
    warnings: tuple[str, ...] = ()
    canceled_by_us: bool = False
    cancel_requested_seen: bool = False
    timeout: float | None = None
    ran_for: float | None = None


_PREEMPTION_WARNING = re.compile(r"pre-?empt", re.IGNORECASE)
# The first that is found in code or message decides. A script that failed comes first: its own words may be
# in the message, and what they sound like is not what happened.
# Assumed: the names of capacity and of a lost node, and that a ServiceError of a job is the platform's fault:
# preemption, quota and images are reported or documented, these are not.
_FAILED: tuple[tuple[re.Pattern[str], Ending], ...] = (
    (re.compile(r"[Ee]xecution failed|exited with (status )?code"), Ending.USER_ERROR),
    (re.compile(r"PreemptionError"), Ending.PREEMPTED),
    (re.compile(r"CoreQuota|QuotaExceeded|quota limit"), Ending.QUOTA),
    (re.compile(r"OutOfCapacity|AllocationFailed|SkuNotAvailable"), Ending.OUT_OF_CAPACITY),
    (re.compile(r"RequestDisallowedByPolicy"), Ending.POLICY),
    (re.compile(r"ImageBuild|[Ff]ailed to pull Docker image|image build"), Ending.ENVIRONMENT),
    (re.compile(r"^(ServiceError|SystemError|TransientError|NodeLost)\b"), Ending.PLATFORM_FAULT),
    (re.compile(r"^UserError\b"), Ending.USER_ERROR),
)
NEARLY = 0.98
"""A job canceled after this much of its timeout was canceled by the timeout."""


def ending(evidence: Evidence) -> Ending | None:
    """Why it ended; None while its state is not an end."""
    if evidence.status not in ENDS:
        return None
    if evidence.status == "Completed":
        return Ending.COMPLETED
    if evidence.status == "Canceled":
        return _canceled(evidence)
    said = f"{evidence.error_code} {evidence.error_message}"
    return next((why for sign, why in _FAILED if sign.search(said)), Ending.UNKNOWN)


def _canceled(evidence: Evidence) -> Ending:
    """Four causes look alike; in this order nothing that a person canceled is ever called preempted.

    Assumed: a platform's cancel after a preemption leaves a warning that names it, and never shows
    CancelRequested. No recorded traffic shows one.
    """
    if evidence.canceled_by_us:
        return Ending.CANCELED_BY_US
    timeout, ran = evidence.timeout, evidence.ran_for
    if timeout is not None and ran is not None and ran >= NEARLY * timeout:
        return Ending.TIMED_OUT
    warned = any(_PREEMPTION_WARNING.search(text) for text in evidence.warnings)
    if evidence.spot and warned and not evidence.cancel_requested_seen:
        return Ending.PREEMPTED
    return Ending.CANCELED
