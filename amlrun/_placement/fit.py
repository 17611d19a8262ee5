"""Whether nodes fit the quota: never, later, now; with the arithmetic. Pure.

The three answers are the service's own: a job above the limit is an error, a job within it that finds it in
use waits. https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from amlrun._offers import Limit, LimitKind, limits_of
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._offers import Quota, Size, Tier

NO_CAP = Limit("", None, 0)
_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@attrs.frozen
class Fit:
    """How `nodes` of `cpus` vCPUs stand to the rows of quota that bind them.

    `starts` is None where they can never fit. `row` is the row that binds most: the lowest limit where they
    never fit, else the one with least free; one without a cap or a name where nothing binds. `other` is the
    row that would bind most if `row` did not ask the question: the one with least free, or the lowest limit.
    `known` is False where a row that should bind is missing, so that the answer is about the others only.
    `headroom` is what stays free of the row that has least, in vCPUs; infinite where nothing is capped.
    """

    nodes: int
    cpus: int
    starts: Starts | None
    row: Limit
    known: bool
    other: Limit = NO_CAP
    headroom: float = math.inf

    @property
    def needed(self) -> int:
        """What all nodes take, in vCPUs."""
        return self.nodes * self.cpus

    @property
    def fits(self) -> int:
        """How many nodes the limits could ever hold; as many as asked where there is no cap."""
        return min(
            (_ever(row, self.cpus) for row in (self.row, self.other) if row.limit is not None),
            default=self.nodes,
        )

    @property
    def fits_now(self) -> int:
        """How many nodes fit what is free; as many as asked where there is no cap."""
        free = [row.free for row in (self.row, self.other) if row.free is not None]
        return min((room // self.cpus for room in free), default=self.nodes)

    def __str__(self) -> str:
        row = self.row
        if row.limit is None or row.free is None:
            return f"{self.nodes} x {self.cpus} = {self.needed} vCPUs, under no cap that is known"
        need = f"{self.nodes} x {self.cpus} = {self.needed}"
        if self.starts in {Starts.NOW, Starts.UNKNOWN}:
            return f"{need} of {self._free()}"
        needs = f"needs {need} vCPUs of {named(row)}; {figures(row)}"
        if row.limit == 0:
            return needs
        now, ever = row.free // self.cpus, _ever(row, self.cpus)
        return f"{needs}: {_nodes_fit(now)} now, {_word(ever)} ever{self._and_the_other(now, ever)}"

    def _free(self) -> str:
        """Of a workspace's own limit nobody tells the use."""
        row = self.row
        if row.kind is not LimitKind.WORKSPACE:
            return f"{row.free} free vCPUs of {named(row)}"
        doubt = ", whose whole use nobody tells" if self.starts is Starts.UNKNOWN else ""
        return f"at most {row.free} free vCPUs of {named(row)}{doubt}"

    def _and_the_other(self, now: int, ever: int) -> str:
        """What the other row takes away from these counts."""
        other, free = self.other, self.other.free or 0
        if self.starts is None and free // self.cpus < now:
            return f"; {named(other)} has {free} free: {_nodes_fit(free // self.cpus)} now"
        if self.starts is not None and _ever(other, self.cpus) < ever:
            return f"; {named(other)} has a limit of {other.limit}: {_word(_ever(other, self.cpus))} ever"
        return ""


def named(row: Limit) -> str:
    """The service's name of the row, and whose it is where the name doesn't tell."""
    return f"{row.name} in this workspace" if row.kind is LimitKind.WORKSPACE else row.name


def figures(row: Limit) -> str:
    """`limit 48, in use 24, free 24`: they add up, unless more is in use than the limit allows.

    Of a workspace's own limit nobody tells the use: at least what its clusters hold.
    """
    if row.limit == 0:
        return "limit 0"
    pending = f"sent and not running yet {row.pending}, " if row.pending else ""
    pending += f"coming to clusters {row.coming}, " if row.coming else ""
    if row.kind is LimitKind.WORKSPACE:
        return f"limit {row.limit}, in use at least {row.used}, {pending}free at most {row.free}"
    return f"limit {row.limit}, in use {row.used}, {pending}free {row.free}"


def _ever(row: Limit, cpus: int) -> int:
    return (row.limit or 0) // cpus


def _nodes_fit(count: int) -> str:
    return {0: "none fits", 1: "one node fits"}.get(count, f"{_word(count)} nodes fit")


def _word(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else str(count)


@attrs.frozen
class Binding:
    """The rows that bind nodes of one family in one tier, of any size and number.

    `lowest` has the lowest limit (`cap`), `tightest` has the least free (`free`): infinite where none caps.
    `told` is the limit of which nobody tells the whole use, `sure` what is free of it at least.
    """

    lowest: Limit
    cap: float
    tightest: Limit
    free: float
    known: bool
    told: Limit = NO_CAP
    sure: float = math.inf

    def fit(self, nodes: int, cpus: int) -> Fit:
        """Nodes of so many vCPUs each."""
        needed = nodes * cpus
        room = self.free - needed
        if self.cap < needed:
            return Fit(nodes, cpus, None, self.lowest, True, self.tightest, room)
        if room < 0:
            return Fit(nodes, cpus, Starts.QUEUED, self.tightest, self.known, self.lowest, room)
        if self.sure < needed:
            return Fit(nodes, cpus, Starts.UNKNOWN, self.told, self.known, NO_CAP, room)
        starts = Starts.NOW if self.known else Starts.UNKNOWN
        return Fit(nodes, cpus, starts, self.tightest, self.known, NO_CAP, room)


UNBOUND = Binding(NO_CAP, math.inf, NO_CAP, math.inf, known=False)
"""Where nothing is known."""


def bound(limits: Sequence[Limit], *, known: bool) -> Binding:
    """What these rows allow. Of rows that allow the same, the first is named."""
    if not limits:
        return UNBOUND
    lowest = tightest = limits[0]
    cap = free = sure = math.inf
    told = NO_CAP
    for row in limits:
        room = row.free
        if row.limit is None or room is None:
            continue
        if row.limit < cap:
            lowest, cap = row, row.limit
        if room < free:
            tightest, free = row, room
        if row.kind is LimitKind.WORKSPACE:
            told, sure = row, _at_least(row, limits)
    return Binding(lowest, cap, tightest, free, known, told, sure)


def _at_least(row: Limit, limits: Sequence[Limit]) -> int:
    """What is free of a workspace's own limit if all use of the family in the region is the workspace's."""
    whole = max(other.used for other in limits if other.kind is not LimitKind.TOTAL)
    return (row.limit or 0) - whole - row.pending - row.coming


def fit(size: Size, nodes: int, tier: Tier, quota: Quota | None) -> Fit:
    """Nodes of that size and tier against the quota of their region.

    No quota, or a size of which nothing but the name is known: the answer is unknown.
    """
    if not size.cpus:
        return UNBOUND.fit(nodes, 0)
    limits, known = limits_of(size.family, tier, quota)
    return bound(limits, known=known).fit(nodes, size.cpus)
