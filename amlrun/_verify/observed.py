"""What was seen while the tiny jobs ran, as values: replies as they came, and nothing concluded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from amlrun._durations import instant
from amlrun._states import BEFORE_RUNNING, CANCEL_REQUESTED, ENDS, RUNNING
from amlrun._verify.experiments import CHECKPOINT, SECOND

OK, CREATED = 200, 201


def at(value: Any, *path: str) -> Any:
    """What stands at that path of a reply; None: nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


@attrs.frozen
class Answer:
    """What came back of one request: `status` is HTTP's (0: nothing came), `code` the innermost of an error.

    `why` is what is said of an error in words.
    """

    status: int
    body: Any = None
    code: str = ""
    why: str = ""

    @property
    def fine(self) -> bool:
        """Whether it did what was asked."""
        return OK <= self.status < 300  # noqa: PLR2004  HTTP's

    @property
    def forbidden(self) -> bool:
        """Whether this account may not ask."""
        return self.status in (401, 403)

    @property
    def words(self) -> str:
        """`200`, `400 UserError/JobPropertyImmutable`, or why nothing came."""
        return f"{self.status} {self.code}".strip() if self.status else f"no answer ({self.why})"


@attrs.frozen(kw_only=True)
class Seen:
    """One job. `statuses` are those that were seen of it, each with its moment in seconds since 1970.

    `job` and `run` are the last replies of the service and of run history, `said` is what its program
    printed, `answers` are those to further requests about it, by what was asked. `ending` is how amlrun
    calls its end. `overdue`: it was canceled from here because it took longer than it may; `trouble` is why
    no more was seen of it.
    """

    name: str
    statuses: tuple[tuple[float, str], ...] = ()
    job: Mapping[str, Any] = attrs.field(factory=dict)
    run: Mapping[str, Any] = attrs.field(factory=dict)
    said: Mapping[str, Any] = attrs.field(factory=dict)
    answers: Mapping[str, Answer] = attrs.field(factory=dict)
    logs: tuple[str, ...] = ()
    ending: str = ""
    overdue: bool = False
    trouble: str = ""

    @property
    def status(self) -> str:
        """The last one that was seen; "": none was."""
        return self.statuses[-1][1] if self.statuses else ""

    @property
    def over(self) -> bool:
        """Whether it was seen to have ended."""
        return self.status in ENDS

    @property
    def there(self) -> bool:
        """Whether it was ever seen."""
        return bool(self.statuses)

    @property
    def lives(self) -> bool:
        """Whether it was seen, and not to have ended."""
        return self.there and not self.over

    @property
    def ran(self) -> bool:
        """Whether it was seen to run, or run history says so."""
        return self.first(RUNNING) is not None or self.started is not None

    @property
    def cancel_was_requested(self) -> bool:
        """Whether the state between was seen."""
        return self.first(CANCEL_REQUESTED) is not None

    def first(self, status: str) -> float | None:
        """The moment at which it was first seen so."""
        return next((moment for moment, one in self.statuses if one == status), None)

    @property
    def created(self) -> float | None:
        """When run history says that it was made."""
        return instant(self.run.get("createdUtc"))

    @property
    def started(self) -> float | None:
        """When run history says that it started."""
        return instant(self.run.get("startTimeUtc"))

    @property
    def ended(self) -> float | None:
        """When run history says that it ended."""
        return instant(self.run.get("endTimeUtc"))

    @property
    def whole(self) -> bool:
        """Whether all is told that comes after the end: when that was, and what was said, if it ran."""
        return self.ended is not None and (self.started is None or bool(self.said))

    @property
    def node_minutes(self) -> float:
        """For how long it ran, on all of its nodes; 0 where nobody says so."""
        if self.started is None or self.ended is None:
            return 0.0
        return (self.ended - self.started) / 60 * (self.shows("resources", "instanceCount") or 1)

    def shows(self, *path: str) -> Any:
        """What the job's own reply says at that path of its properties; None: nothing."""
        return at(self.job, "properties", *path)

    @property
    def why_not(self) -> str:
        """Why it tells less than it might."""
        if self.overdue and not self.ran:
            waited = next((one for _, one in reversed(self.statuses) if one in BEFORE_RUNNING), "waiting")
            return f"it was still {waited} when its time was up"
        if self.over:
            error = at(self.run, "error", "error") or {}
            told = ": ".join(str(error[key]) for key in ("code", "message") if error.get(key))
            return f"it ended {self.status}" + (f" ({told})" if told else "")
        return self.trouble or f"it was {self.status or 'never seen'}"


@attrs.frozen(kw_only=True)
class World:
    """All that was seen. `jobs` by what they are called here, `reads` and `lists` by what was read.

    `left_out` says why of each experiment that was not made. `identity` is what each job was sent with, in
    words; `spot`: the checkpoint's was sent as one; `credentials` is what opens the default datastore
    (`AccountKey`, `None`, …), `may_write` whether this account may write there itself (None: not known).
    """

    jobs: Mapping[str, Seen] = attrs.field(factory=dict)
    reads: Mapping[str, Answer] = attrs.field(factory=dict)
    lists: Mapping[str, Answer] = attrs.field(factory=dict)
    left_out: Mapping[str, str] = attrs.field(factory=dict)
    identity: Mapping[str, str] = attrs.field(factory=dict)
    spot: bool = False
    credentials: str = ""
    may_write: bool | None = None

    @property
    def none_sent(self) -> str:
        """Why no job at all could be sent; "": one was, or none was to be."""
        if any(seen.there for seen in self.jobs.values()):
            return ""
        return next((seen.trouble for seen in self.jobs.values() if seen.trouble), "")

    def job(self, name: str) -> Seen:
        """A job by what it is called here; one that was not sent is one of which nothing was seen."""
        first = self.jobs.get(CHECKPOINT) if name == SECOND else None
        why = self.left_out.get(name, "no such job was sent")
        if first is not None:
            why = f"there was no second attempt; of the first, {first.why_not}"
        return self.jobs.get(name) or Seen(name="", trouble=why)
