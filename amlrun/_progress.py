"""How runs stand that somebody waits for, as lines of text. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from amlrun._durations import told
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._attempts import Cost


@attrs.frozen(kw_only=True)
class Sight:
    """One run as it was when last looked at.

    `status` is the service's word for the last attempt, `for_` how many seconds it has been so: of one that
    runs, since Running. `restarts` is how often the service has put this attempt back into the queue. `why`
    is why the attempt ended; `over`: nothing follows. `next_in` are the seconds to the next attempt, while
    none lives.
    """

    name: str
    attempt: int
    status: str
    for_: float
    cost: Cost
    restarts: int = 0
    why: str = ""
    over: bool = False
    next_in: float | None = None

    def __str__(self) -> str:
        attempt = f", attempt {self.attempt}" if self.attempt > 1 else ""
        if self.over:
            return f"{self.name}{attempt}: {self.status} ({self.why})"
        if self.next_in is not None:
            follows = f"attempt {self.attempt + 1} follows in {told(self.next_in)}"
            return f"{self.name}{attempt}: ended ({self.why}), {follows}"
        again = f", restarted by the service {_times(self.restarts)}" if self.restarts else ""
        return f"{self.name}{attempt}: {self.status} for {told(int(self.for_))}{again}"


@attrs.frozen(kw_only=True)
class Progress:
    """All runs that are waited for.

    `elapsed`: seconds since this process began to wait, whatever ran before; `next_look`: None is never.
    """

    sights: tuple[Sight, ...]
    elapsed: float
    next_look: float | None = None

    @property
    def stage(self) -> tuple[object, ...]:
        """What doesn't change by time alone."""
        return tuple(
            (one.attempt, one.status, one.restarts, one.over, one.next_in is None) for one in self.sights
        )

    def __str__(self) -> str:
        one = self.sights[0]
        what = str(one) if len(self.sights) == 1 else _counted(self.sights)
        parts = [what, f"{told(int(self.elapsed))} of waiting", _spent([sight.cost for sight in self.sights])]
        if self.next_look is not None:
            parts.append(f"next look in {told(self.next_look)}")
        return "; ".join(part for part in parts if part)


def _counted(sights: Sequence[Sight]) -> str:
    """`12 runs: 3 Queued, 5 Running, 4 Completed`, in the order in which they were given."""
    words = Counter(
        "between attempts" if one.next_in is not None and not one.over else one.status for one in sights
    )
    return f"{len(sights)} runs: {', '.join(f'{count} {status}' for status, count in words.items())}"


def _spent(costs: Sequence[Cost]) -> str:
    """What all of them cost so far, where every price is known; "" where one isn't."""
    totals = [cost.total for cost in costs]
    currencies = {cost.currency for cost in costs}
    if None in totals or len(currencies) > 1:
        return ""
    total = sum(total for total in totals if total is not None)
    most = "at most " if any(cost.at_most for cost in costs) else ""
    return f"{most}{money(round(total, 4))} {costs[0].currency} so far"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def goes_on(names: Sequence[str]) -> str:
    """What is said to who stops waiting: that the jobs don't, and how to come back."""
    many = len(names) > 1
    back = ", ".join(f"`amlrun wait {name}`" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    subject = f"These {len(names)} runs go on" if many else f"{names[0]} goes on"
    code = "amlrun.attach(name).wait()" if many else f"amlrun.attach({names[0]!r}).wait()"
    return f"{subject}, and nobody requeues now. Come back with {back}{more}, or {code}"


_SHOWN = 10
"""Names in one line."""


@attrs.frozen
class Tail:
    """How far the log of a run was handed on: whose it is, how many bytes, and the last of them."""

    name: str = ""
    size: int = 0
    last: bytes = b""

    def of(self, name: str) -> tuple[int, bytes]:
        """What of that job's log was handed on: how many bytes, and the last of them."""
        return (self.size, self.last) if name == self.name else (0, b"")

    def more(self, name: str, begin: int, data: bytes, *, over: bool) -> tuple[Tail, str]:
        """The tail after `data` was read from `begin` on, and as text, under a heading where one is needed.

        Lines that are still being written are kept back until they are whole, or the job is `over`. A log
        that is read from its beginning again was started anew: by the service, which restarts jobs in place.
        """
        whole = data if over else data[: data.rfind(b"\n") + 1]
        if not whole:
            return self, ""
        another = name != self.name
        anew = not another and begin < self.size
        seen = b"" if another or anew else self.last
        heading = f"==> {name}{' (restarted)' if anew else ''} <==\n" if another or anew else ""
        tail = Tail(name, begin + len(whole), (seen + whole)[-_KNOWN:])
        return tail, heading + whole.decode("utf-8", "replace")


_KNOWN = 256
"""Bytes by which a log is known to be the same one: read once more with each look."""
