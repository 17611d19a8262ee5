"""What can go wrong, as one tree.

AmlrunError
├── NotConfigured           no workspace found, or a half-written configuration
├── NotAuthorized           signed in, but the right is missing (or not signed in)
├── InvalidRequest          an argument can't be applied; nothing was sent
├── ComputeNotFound         no compute of that name in the workspace
├── ComputeUnsuitable       it is there and can't take this job
├── QuotaError              Azure ML's quota can never hold what was asked for
│   ├── NoQuota             the limit is zero
│   └── NotEnoughQuota      there is a limit, and it is below the need
├── NothingFits             no size of the region meets the needs
├── OutputNotFound          a run has no output of that name, or nothing has come into it
├── PlanOutdated            the world has moved since the plan was made; nothing was sent
├── SubmissionFailed        the service refused the job, or nobody knows whether it took it
│   └── PlacementNotApplied what was about to leave was not what was planned; nothing was sent
├── RunError
│   ├── JobFailed           the job ended Failed, for a reason that is not requeued
│   ├── JobCanceled         the job ended Canceled
│   └── RequeueExhausted    the policy allows no further attempt
├── WaitTimeout             wait(timeout=…) is over; the job goes on (a TimeoutError too)
└── ServiceError            the service answered with an error that has no name above

Each has `code` (stable, kebab-case), `message`, `hint` (what to do), and its facts as attributes. This module
knows nothing else of the package, but for the type of a plan.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self

    from amlrun._attempts import Attempt
    from amlrun._plan import Plan

_WIDTH = 100
"""Columns of a terminal."""


class AmlrunError(Exception):
    """The root: whatever amlrun raises by intention is one of these."""

    code: ClassVar[str] = "amlrun-error"
    _wraps: ClassVar[bool] = False
    """Whether it is printed in lines of a terminal's width: words are, and what is to be copied is not."""
    uncertain = False
    """Whether an earlier call of the same request went unanswered: that one may have been taken."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def reworded(self, *, message: str | None = None, hint: str | None = None) -> Self:
        """The same error, with the same facts, in other words."""
        words = self.message if message is None else message
        again = type(self).__new__(type(self), words)
        vars(again).update(vars(self), message=words, hint=self.hint if hint is None else hint)
        return again

    def __str__(self) -> str:
        text = f"{self.message}\n{self.hint}" if self.hint else self.message
        return "\n".join(map(_in_lines, text.split("\n"))) if self._wraps else text


def _in_lines(line: str) -> str:
    """Lines that are short enough stay as they are, tables among them; so do commands, which are copied."""
    if len(line) <= _WIDTH or "az ml " in line:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    many = textwrap.wrap(
        line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(many)


class NotConfigured(AmlrunError):
    """No workspace was found; `looked_at` names every place, in order."""

    code = "not-configured"

    def __init__(self, message: str, *, hint: str = "", looked_at: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.looked_at = looked_at


class ServiceError(AmlrunError):
    """The service answered with an error.

    `status` is the HTTP status (0: no answer came), `service_code` the innermost code of the error body
    (`QuotaExceeded/TooManyRequests`), `request_id` what its support asks for. `host` is the host that isn't
    open to this network, though the resource manager is ("": that is not what is wrong).
    """

    code = "service-error"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int = 0,
        service_code: str = "",
        request_id: str = "",
        host: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.service_code = service_code
        self.request_id = request_id
        self.host = host

    @property
    def passing(self) -> bool:
        """Whether the same request may well work later: no answer, throttling, or a fault of the service."""
        passing = self.status in (0, 408, 429) or self.status >= 500  # noqa: PLR2004  HTTP's server errors
        return passing and not self.host


class NotAuthorized(AmlrunError):
    """A right is missing: `action` is the right, `scope` on what, `role` the built-in role that has it.

    They are "" where nobody says them. `service_code` is the service's own. `signed_in` is False where there
    is no token, or none that the service takes: no role helps there.
    """

    code = "not-authorized"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        action: str = "",
        role: str = "",
        scope: str = "",
        service_code: str = "",
        signed_in: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.action = action
        self.role = role
        self.scope = scope
        self.service_code = service_code
        self.signed_in = signed_in


class InvalidRequest(AmlrunError):
    """An argument can't be applied. Nothing was uploaded or sent. `argument` is its name."""

    code = "invalid-request"

    def __init__(self, message: str, *, hint: str = "", argument: str = "") -> None:
        super().__init__(message, hint=hint)
        self.argument = argument


class ComputeNotFound(AmlrunError):
    """No compute of that name; `names` are the ones that are there."""

    code = "compute-not-found"
    _wraps = True

    def __init__(self, message: str, *, hint: str = "", name: str = "", names: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.names = names


class ComputeUnsuitable(AmlrunError):
    """The compute `name` is there and can't take this job."""

    code = "compute-unsuitable"
    _wraps = True

    def __init__(self, message: str, *, hint: str = "", name: str = "") -> None:
        super().__init__(message, hint=hint)
        self.name = name


class QuotaError(AmlrunError):
    """Azure ML's quota (not the subscription's VM quota) can never hold what was asked for.

    `limit_name` is the row that binds, in the service's spelling. `needed`, `limit`, `used`, `pending` (sent
    from here and not running yet), `coming` (to the workspace's clusters) and `free` are vCPUs; `fits` is the
    number of nodes that the limits could ever hold.
    """

    code = "quota"
    _wraps = True

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        limit_name: str = "",
        instance_type: str = "",
        needed: int = 0,
        limit: int = 0,
        used: int = 0,
        pending: int = 0,
        coming: int = 0,
        free: int = 0,
        fits: int = 0,
    ) -> None:
        super().__init__(message, hint=hint)
        self.limit_name = limit_name
        self.instance_type = instance_type
        self.needed = needed
        self.limit = limit
        self.used = used
        self.pending = pending
        self.coming = coming
        self.free = free
        self.fits = fits


class NoQuota(QuotaError):
    """The limit is zero."""

    code = "no-quota"


class NotEnoughQuota(QuotaError):
    """There is a limit, and it is below the need."""

    code = "not-enough-quota"


class NothingFits(AmlrunError):
    """No size of the region meets the needs; `against` maps each size to the first thing against it."""

    code = "nothing-fits"
    _wraps = True

    def __init__(self, message: str, *, hint: str = "", against: dict[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.against = against or {}


class OutputNotFound(AmlrunError):
    """A run has no output `name`, or there is no file in it (`uri`); `names` are those that it has."""

    code = "output-not-found"
    _wraps = True

    def __init__(
        self, message: str, *, hint: str = "", name: str = "", uri: str = "", names: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.uri = uri
        self.names = names


class PlanOutdated(AmlrunError):
    """The same place can't be had any more, would start later or costs more. Nothing was sent.

    `planned` is the plan that was submitted, `plan` the one that would be made now: `submit(error.plan)`.
    """

    code = "plan-outdated"

    def __init__(self, message: str, *, hint: str = "", planned: Plan, plan: Plan) -> None:
        super().__init__(message, hint=hint)
        self.planned = planned
        self.plan = plan


class SubmissionFailed(AmlrunError):
    """The service refused the job, its name is taken, or nobody knows whether it was taken: `hint` says it.

    `status` is the HTTP status, 0 if none.
    """

    code = "submission-failed"

    def __init__(self, message: str, *, hint: str = "", status: int = 0, service_code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.service_code = service_code


class PlacementNotApplied(SubmissionFailed):
    """What was about to leave was not what was planned, and nothing was sent.

    `field` is the JSON path, `planned` and `leaving` the two values.
    """

    code = "placement-not-applied"

    def __init__(
        self, message: str, *, hint: str = "", field: str = "", planned: object = None, leaving: object = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.field = field
        self.planned = planned
        self.leaving = leaving


class RunError(AmlrunError):
    """A run did not complete: `name` is the run's, `url` its last attempt's page, `attempts` are all of them.

    `reason` is why the last attempt ended, one word (`preempted`, `user-error`, `canceled`, …);
    `service_code` and `service_message` are what the service says of that. `step` is the step of a pipeline,
    or the trial, by which it failed ("": it has none); `log` are the last lines of its log; `evidence` is the
    file in which the service's replies are kept, where the reason isn't certain.
    """

    code = "run-error"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        name: str = "",
        reason: str = "",
        url: str = "",
        attempts: tuple[Attempt, ...] = (),
        service_code: str = "",
        service_message: str = "",
        step: str = "",
        log: tuple[str, ...] = (),
        evidence: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.reason = reason
        self.url = url
        self.attempts = attempts
        self.service_code = service_code
        self.service_message = service_message
        self.step = step
        self.log = log
        self.evidence = evidence


class JobFailed(RunError):
    """The job failed; the message holds the service's words and the end of the log."""

    code = "job-failed"


class JobCanceled(RunError):
    """The job was canceled: by somebody, or because its time was over."""

    code = "job-canceled"


class RequeueExhausted(RunError):
    """The policy allows no further attempt; the message lists those that were."""

    code = "requeue-exhausted"


class WaitTimeout(AmlrunError, TimeoutError):
    """`wait(timeout=…)` is over. The job goes on: `attach(name).wait()` goes on waiting."""

    code = "wait-timeout"

    def __init__(self, message: str, *, hint: str = "", name: str = "") -> None:
        super().__init__(message, hint=hint)
        self.name = name


REFUSALS = (QuotaError, NothingFits, ComputeNotFound, ComputeUnsuitable, InvalidRequest)
"""What is raised where a job can be placed nowhere."""
