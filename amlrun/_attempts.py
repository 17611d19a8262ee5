"""Attempts of a run as values, and what they cost. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._ending import TOLD, Ending

if TYPE_CHECKING:
    from amlrun._plan import Plan

_HOUR = 3600
_CENTS, _LEAST = 0.1, 0.0001


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt, as it was when last looked at.

    `status` is the service's word; `ending` why it ended, None while it hasn't; `seconds` how long it ran so
    far. `error` holds what the service said, empty where it said nothing. `cancel_requested`: that state
    was seen; `unexplained`: how many looks found it over, and run history unreadable. `restarts`: how often
    it was seen to go back from running to the queue, as the service restarts a job in place; `warned`: how
    many warnings run history had then, None where that could not be read. `waiting_since`: since when it
    waits for nodes, None where it doesn't.
    """

    name: str
    number: int
    status: str
    plan: Plan
    url: str = ""
    ending: Ending | None = None
    started: float | None = None
    ended: float | None = None
    seconds: float = 0.0
    error: str = ""
    cancel_requested: bool = False
    unexplained: int = 0
    restarts: int = 0
    warned: int | None = 0
    waiting_since: float | None = None

    def __str__(self) -> str:
        told = self.status if self.ending is None else f"{self.status}: {TOLD[self.ending]}"
        return f"{self.name}  {told}  {self.seconds:.0f} s"


@attrs.frozen(kw_only=True)
class Cost:
    """What a run cost so far, by list prices and running times; not a bill.

    `total` and `on_demand` (the same node-hours at the standard price) are None where a price isn't known.
    Time in the queue and while nodes are prepared is not in it. `at_most`: its parts (steps of a pipeline,
    trials) are counted as if all of them had run all the time.
    """

    total: float | None
    on_demand: float | None
    currency: str
    at_most: bool = False

    def __str__(self) -> str:
        if self.total is None:
            return "cost unknown: no price for this size and tier"
        spent = f"{'at most ' if self.at_most else ''}{_money(self.total)} {self.currency}"
        if self.on_demand is None or self.on_demand <= self.total:
            return spent
        saved = 100 * (1 - self.total / self.on_demand)
        return f"{spent}, {saved:.0f} % less than {_money(self.on_demand)} {self.currency} on standard nodes"


def _money(amount: float) -> str:
    """Whole cents of what is worth it, else a hundredth of a cent."""
    if amount and amount < _LEAST:
        return f"under {_LEAST}"
    return f"{amount:.2f}" if amount >= _CENTS or not amount else f"{amount:.4f}"


def cost_of(attempts: tuple[Attempt, ...]) -> Cost:
    """Sum over attempts; each counts with its own plan's price."""
    total: float | None = 0.0
    on_demand: float | None = 0.0
    for attempt in attempts:
        hours = attempt.seconds / _HOUR
        total = _add(total, attempt.plan.price_per_hour, hours)
        on_demand = _add(on_demand, attempt.plan.on_demand_per_hour, hours)
    plan = attempts[-1].plan
    at_most = plan.at_once > 1 or len(plan.steps) > 1
    return Cost(total=total, on_demand=on_demand, currency=plan.currency, at_most=at_most)


def _add(total: float | None, price: float | None, hours: float) -> float | None:
    if hours == 0:
        return total
    return None if total is None or price is None else total + price * hours
