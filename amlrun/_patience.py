"""How often a request is repeated, and what is waited in between: what the reply asks for, within bounds."""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from amlrun._errors import AmlrunError, ServiceError

if TYPE_CHECKING:
    from azure.core.pipeline.transport import HttpResponse

    from amlrun._clock import Clock

ATTEMPTS = 4
"""Calls in all: as many as the SDK makes, so that raw MLClient and amlrun give up at the same point."""
LONGEST_WAIT = 60.0
"""Seconds: a longer Retry-After is for whoever asked, not for a loop to sit out."""
HURRIED_WAIT = 5.0
"""Seconds that what can be done without is waited for between two calls: asked to wait longer, it is not."""
HURRIED_READ = 20.0
"""Seconds without a byte, or without a connection, after which a call is given up that a plan waits for."""
HANGING = 2
"""Calls that may hang, of those that a plan waits for: who says nothing twice is not asked again."""

_WAIT_IN_TEXT = re.compile(r"[Rr]etry again after (\d+) second")


class Transient(Exception):
    """Not an error that anybody sees: it tells tenacity to go on."""

    def __init__(self, error: AmlrunError, wait: float | None, *, hung: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait = wait
        self.hung = hung

    @property
    def closed(self) -> bool:
        """Whether it is a host that isn't open to this network."""
        return isinstance(self.error, ServiceError) and bool(self.error.host)


def retrying(
    clock: Clock, attempts: int = ATTEMPTS, longest: float = math.inf, *, hanging: int = ATTEMPTS
) -> Retrying:
    """Repeats what raises `Transient`: so many calls in all, of which so many may hang.

    Not where the reply asks for a wait of more than `longest` seconds.
    """

    def over(state: RetryCallState) -> bool:
        failed = _failed(state)
        most = min(attempts, hanging) if failed and failed.hung else attempts
        most = min(most, HANGING) if failed and failed.closed else most
        return state.attempt_number >= most

    return Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, Transient) and (e.wait or 0.0) <= longest),
        stop=over,
        wait=_wait,
        sleep=clock.sleep,
        reraise=True,
    )


def asked_wait(response: HttpResponse, failure: AmlrunError) -> float | None:
    """Seconds that the reply asks to wait: its header, else its text (throttling often has no header)."""
    header = response.headers.get("Retry-After", "")
    if header.isascii() and header.isdigit():
        return float(header)
    if header:
        return _until(header, response.headers.get("Date", ""))
    in_text = _WAIT_IN_TEXT.search(failure.message)
    return float(in_text.group(1)) if in_text else None


def _until(moment: str, sent: str) -> float | None:
    """Seconds between two HTTP dates: the server's clock on both sides, so that ours may be wrong."""
    try:
        return max(0.0, (parsedate_to_datetime(moment) - parsedate_to_datetime(sent)).total_seconds())
    except (ValueError, TypeError):
        return None


_backoff = wait_exponential(multiplier=1, max=LONGEST_WAIT)


def _failed(state: RetryCallState) -> Transient | None:
    """How the last call failed, if it may pass."""
    failed = state.outcome.exception() if state.outcome else None
    return failed if isinstance(failed, Transient) else None


def _wait(state: RetryCallState) -> float:
    failed = _failed(state)
    asked = failed.wait if failed else None
    return _backoff(state) if asked is None else min(asked, LONGEST_WAIT)
