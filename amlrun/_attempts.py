"""Attempts of a run as values, what they cost, and both as tables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._durations import told
from amlrun._ending import TOLD, Ending
from amlrun._tables import in_a_notebook, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._plan import Plan

_HOUR = 3600
_CENTS, _LEAST = 0.1, 0.0001
UNTIMED = "not known"
"""How long one ran that began, and of which run history tells nothing."""


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt, as it was when last looked at.

    `status` is the service's word; `ending` why it ended, None while it hasn't; `seconds` how long it ran so
    far, None where that isn't known: it began, and run history can't be read. `error` holds what the service
    said, empty where it said nothing, and `error_code` its code. Of a pipeline that failed both are those of
    its `failed_step` (`prep.clean`), which is the run `failed_run`. `outputs` are the URIs of its named
    outputs, and of `default`, its own files. `evidence` is the file in which the replies about its end are
    kept. `cancel_requested`: that state was seen; `unexplained`: how many looks found it over, and run
    history unreadable. `restarts`: how often it was seen to go back from running to the queue, as the service
    restarts a job in place; `warned`: how many warnings run history had when it was last seen to live, None
    where nobody has seen that. `waiting_since`: since when it waits for nodes, None where it doesn't.
    """

    name: str
    number: int
    status: str
    plan: Plan
    url: str = ""
    ending: Ending | None = None
    started: float | None = None
    ended: float | None = None
    seconds: float | None = 0.0
    error: str = ""
    error_code: str = ""
    failed_step: str = ""
    failed_run: str = ""
    outputs: Mapping[str, str] = attrs.field(factory=dict, eq=False)
    evidence: str = ""
    cancel_requested: bool = False
    unexplained: int = 0
    restarts: int = 0
    warned: int | None = 0
    waiting_since: float | None = None

    def __str__(self) -> str:
        told = self.status if self.ending is None else f"{self.status}: {TOLD[self.ending]}"
        ran = UNTIMED if self.seconds is None else f"{self.seconds:.0f} s"
        return f"{self.name}  {told}  {ran}"


class Attempts(tuple[Attempt, ...]):
    """The attempts of a run, oldest first. Prints as a table."""

    __slots__ = ()

    def __str__(self) -> str:
        head = ("attempt", "state", "ran", "on", "why it ended")
        return table([head, *map(_row, self)], wraps=True)

    _repr_pretty_ = in_a_notebook


def _row(attempt: Attempt) -> tuple[str, ...]:
    why = [] if attempt.ending is None else [TOLD[attempt.ending]]
    if attempt.failed_step:
        why.append(f"in {attempt.failed_step}")
    if attempt.restarts:
        why.append(f"restarted in place {attempt.restarts} x")
    return attempt.name, attempt.status, _ran(attempt.seconds), _on(attempt.plan), ", ".join(why)


def _ran(seconds: float | None) -> str:
    return UNTIMED if seconds is None else told(seconds)


def _on(plan: Plan) -> str:
    """The place of a plan, in a few words."""
    if plan.steps:
        return f"{len(plan.steps)} step{'s' * (len(plan.steps) > 1)}"
    return f"{plan.nodes(plan.most_nodes)} {plan.tier}"


@attrs.frozen
class Part:
    """A step or a trial that ran for itself: `name` within its attempt, for how long, on what."""

    name: str
    seconds: float | None
    on: str
    price_per_hour: float | None
    on_demand_per_hour: float | None

    @classmethod
    def of(cls, plan: Plan, name: str, seconds: float | None, *, trial: bool = False) -> Part:
        """What ran by this plan; `trial`: it was one of those that the plan has at once."""
        at_once = plan.at_once if trial else 1
        prices = (
            None if price is None else price / at_once
            for price in (plan.price_per_hour, plan.on_demand_per_hour)
        )
        nodes = plan.instance_count if trial else plan.most_nodes
        return cls(name, seconds, f"{plan.nodes(nodes)} {plan.tier}", *prices)

    @property
    def total(self) -> float | None:
        """What it cost; None: its price isn't known, or how long it ran."""
        return _cost(self.price_per_hour, self.seconds)

    @property
    def on_demand(self) -> float | None:
        """What it would have cost on standard nodes."""
        return _cost(self.on_demand_per_hour, self.seconds)


def _cost(price: float | None, seconds: float | None) -> float | None:
    if seconds == 0:
        return 0.0
    return None if price is None or seconds is None else price * seconds / _HOUR


@attrs.frozen
class AttemptCost:
    """What an attempt cost. `parts` are its steps and trials, as they ran; none where that isn't known."""

    attempt: Attempt
    parts: tuple[Part, ...] = ()

    @property
    def counted(self) -> tuple[Part, ...]:
        """What is counted: the parts, else the attempt as a whole."""
        whole = self.attempt
        return self.parts or (Part.of(whole.plan, whole.name, whole.seconds),)

    @property
    def total(self) -> float | None:
        """What it cost; None: a price isn't known, or how long it ran."""
        return _sum(part.total for part in self.counted)

    @property
    def on_demand(self) -> float | None:
        """What it would have cost on standard nodes."""
        return _sum(part.on_demand for part in self.counted)

    @property
    def at_most(self) -> bool:
        """Whether parts of it are counted as if all of them had run all the time."""
        plan = self.attempt.plan
        return not self.parts and (plan.at_once > 1 or len(plan.steps) > 1)


@attrs.frozen(kw_only=True)
class Cost:
    """What a run cost so far, by list prices and running times; not a bill. Prints as a table.

    `total` and `on_demand` (the same node-hours at the standard price) are None where a price isn't known, or
    how long an attempt ran.
    Time in the queue and while nodes are prepared is not in it. `at_most`: parts (steps of a pipeline,
    trials) are counted as if all of them had run all the time. `attempts` has a row for each attempt.
    """

    total: float | None
    on_demand: float | None
    currency: str
    at_most: bool = False
    attempts: tuple[AttemptCost, ...] = ()

    @property
    def summary(self) -> str:
        """The sum, in one line."""
        if self.total is None:
            untimed = [part.name for row in self.attempts for part in row.counted if part.seconds is None]
            if untimed:
                return f"cost unknown: run history, which knows how long {untimed[0]} ran, can't be read"
            return "cost unknown: no price for this size and tier"
        spent = f"{'at most ' if self.at_most else ''}{_money(self.total)} {self.currency}"
        if self.on_demand is None or self.on_demand <= self.total or self.on_demand < _LEAST:
            return spent
        saved = 100 * (1 - self.total / self.on_demand)
        return f"{spent}, {saved:.0f} % less than {_money(self.on_demand)} {self.currency} on standard nodes"

    def __str__(self) -> str:
        rows = list(self._rows())
        if len(rows) == 1:
            return self.summary
        head = ("attempt", "ran", "on", self.currency)
        return f"{table([head, *rows], right=frozenset({3}))}\n{self.summary}"

    _repr_pretty_ = in_a_notebook

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        for row in self.attempts:
            attempt = row.attempt
            yield attempt.name, _ran(attempt.seconds), _on(attempt.plan), _told_cost(row.total)
            for part in row.parts:
                yield f"  {part.name}", _ran(part.seconds), part.on, _told_cost(part.total)


def _told_cost(amount: float | None) -> str:
    return "-" if amount is None else _money(amount)


def _money(amount: float) -> str:
    """Whole cents of what is worth it, else a hundredth of a cent."""
    if amount and amount < _LEAST:
        return f"under {_LEAST}"
    return f"{amount:.2f}" if amount >= _CENTS or not amount else f"{amount:.4f}"


def cost_of(attempts: tuple[Attempt, ...], parts: Mapping[str, tuple[Part, ...]] | None = None) -> Cost:
    """The sum over attempts, each with its own plan's price; `parts` are attempts', by their names."""
    rows = tuple(AttemptCost(attempt, (parts or {}).get(attempt.name, ())) for attempt in attempts)
    return Cost(
        total=_sum(row.total for row in rows),
        on_demand=_sum(row.on_demand for row in rows),
        currency=attempts[-1].plan.currency,
        at_most=any(row.at_most for row in rows),
        attempts=rows,
    )


def _sum(amounts: Iterator[float | None]) -> float | None:
    total = 0.0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
