"""A cluster of nodes (AmlCompute) as the fake keeps it. Pure: how its nodes come, work, idle and leave.

Simple for now: nodes come when a job needs them and leave when they have idled long enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier
from amlrun.testing._ledger import Hold

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Cluster:
    """One AmlCompute. `idle` holds, node by node, the instant since when it idles."""

    name: str
    size: str
    family: str
    cores: int
    tier: Tier
    min_nodes: int
    max_nodes: int
    idle_seconds: float
    created: float
    busy: int = 0
    idle: tuple[float, ...] = ()
    quota_error: str = ""

    @property
    def nodes(self) -> int:
        """Nodes that exist: each holds its cores."""
        return self.busy + len(self.idle)

    @property
    def due(self) -> float | None:
        """When the next idle node leaves."""
        if not self.idle or self.nodes <= self.min_nodes:
            return None
        return min(self.idle) + self.idle_seconds

    def hold(self, nodes: int) -> Hold:
        """The cores of so many nodes."""
        return Hold(self.family, self.tier, nodes * self.cores)

    def grows_by(self, nodes: int) -> int | None:
        """How many nodes must come before a job of that many can start; None: it would pass the maximum."""
        missing = max(0, nodes - len(self.idle))
        return None if self.nodes + missing > self.max_nodes else missing

    def seat(self, nodes: int) -> Cluster:
        """A job takes its nodes: those that have idled longest first, then new ones."""
        idle = tuple(sorted(self.idle))[nodes:]
        return attrs.evolve(self, busy=self.busy + nodes, idle=idle, quota_error="")

    def leave(self, nodes: int, now: float) -> Cluster:
        """A job gives its nodes back."""
        return attrs.evolve(self, busy=self.busy - nodes, idle=(*self.idle, *[now] * nodes))

    def shrink(self, now: float) -> Cluster:
        """Nodes that have idled long enough leave, down to the minimum."""
        stay = sorted(self.idle, reverse=True)
        while stay and len(stay) + self.busy > self.min_nodes and stay[-1] + self.idle_seconds <= now:
            stay.pop()
        return attrs.evolve(self, idle=tuple(reversed(stay)))

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {**attrs.asdict(self), "tier": self.tier.value, "idle": list(self.idle)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Cluster:
        """As it was kept."""
        return cls(**{**body, "tier": Tier(body["tier"]), "idle": tuple(body["idle"])})
