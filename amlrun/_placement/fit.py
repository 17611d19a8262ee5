"""Whether nodes fit the quota: never, later, now; with the arithmetic. Pure.

The three answers are the service's own: a job above the limit is an error, a job within it that finds it in
use waits. https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from amlrun._offers import Limit, Tier
from amlrun._plan import Starts

if TYPE_CHECKING:
    from amlrun._offers import Quota, Size

NO_CAP = Limit("", None, 0)
_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@attrs.frozen
class Fit:
    """How `nodes` of `cpus` vCPUs stand to the rows of quota that bind them.

    `starts` is None where they can never fit. `row` is the row that binds most: the lowest limit where they
    never fit, else the one with least free; one without a cap or a name where nothing binds. `known` is
    False where the row that should bind is missing, so that the answer is about the others only.
    """

    nodes: int
    cpus: int
    starts: Starts | None
    row: Limit
    known: bool

    @property
    def needed(self) -> int:
        """What all nodes take, in vCPUs."""
        return self.nodes * self.cpus

    @property
    def fits(self) -> int:
        """How many nodes the limit could ever hold; as many as asked where there is no cap."""
        return self.nodes if self.row.limit is None else self.row.limit // self.cpus

    @property
    def headroom(self) -> float:
        """What stays free of the row that binds, in vCPUs; infinite where nothing is capped."""
        free = self.row.free
        return math.inf if free is None else free - self.needed

    def __str__(self) -> str:
        row = self.row
        if row.limit is None or row.free is None:
            return f"{self.nodes} x {self.cpus} = {self.needed} vCPUs, under no cap that is known"
        need = f"{self.nodes} x {self.cpus} = {self.needed}"
        if self.starts in {Starts.NOW, Starts.UNKNOWN}:
            return f"{need} of {row.free} free vCPUs of {row.name}"
        if row.limit == 0:
            return f"needs {need} vCPUs of {row.name}; limit 0"
        now = row.free // self.cpus
        nodes = {0: "none fits", 1: "one node fits"}.get(now, f"{_word(now)} nodes fit")
        return (
            f"needs {need} vCPUs of {row.name}; limit {row.limit}, in use {row.used}, free {row.free}: "
            f"{nodes} now, {_word(self.fits)} ever"
        )


def _word(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else str(count)


@attrs.frozen
class Binding:
    """The rows that bind nodes of one family in one tier, of any size and number.

    `lowest` has the lowest limit (`cap`), `tightest` has the least free (`free`): infinite where none caps.
    """

    lowest: Limit
    cap: float
    tightest: Limit
    free: float
    known: bool

    def fit(self, nodes: int, cpus: int) -> Fit:
        """Nodes of so many vCPUs each."""
        needed = nodes * cpus
        if self.cap < needed:
            return Fit(nodes, cpus, None, self.lowest, known=True)
        if self.free < needed:
            return Fit(nodes, cpus, Starts.QUEUED, self.tightest, self.known)
        return Fit(nodes, cpus, Starts.NOW if self.known else Starts.UNKNOWN, self.tightest, self.known)


UNBOUND = Binding(NO_CAP, math.inf, NO_CAP, math.inf, known=False)
"""Where nothing is known."""


def binding(family: str, tier: Tier, quota: Quota | None) -> Binding:
    """What binds nodes of that family and tier.

    Dedicated nodes must fit their family and the total of all families; spot nodes must fit one pool over all
    families, whatever the families' own low-priority rows say.
    """
    if quota is None:
        return UNBOUND
    own: Limit | None
    total: Limit | None
    if tier is Tier.SPOT:
        own, total = quota.spot_total, None
    else:
        found = quota.family(family)
        own, total = (None if found is None else found.dedicated), quota.dedicated_total
    rows = [row for row in (own, total) if row is not None] or [NO_CAP]
    lowest, tightest = min(rows, key=_cap), min(rows, key=_free)
    return Binding(lowest, _cap(lowest), tightest, _free(tightest), known=own is not None)


def fit(size: Size, nodes: int, tier: Tier, quota: Quota | None) -> Fit:
    """Nodes of that size and tier against the quota of their region.

    No quota, or a size of which nothing but the name is known: the answer is unknown.
    """
    bound = binding(size.family, tier, quota) if size.cpus else UNBOUND
    return bound.fit(nodes, size.cpus)


def _cap(row: Limit) -> float:
    return math.inf if row.limit is None else row.limit


def _free(row: Limit) -> float:
    return math.inf if row.free is None else row.free
