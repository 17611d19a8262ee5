"""A cluster of nodes (AmlCompute) as the fake keeps it. Pure: how its nodes come, work, idle and leave.

A node that is to come *prepares*, then idles until a job takes it, and leaves when it has idled long enough.
It holds its cores from the first moment on; one that was preempted holds none, and tries to come back.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier
from amlrun.testing._supply.ledger import Hold

if TYPE_CHECKING:
    from collections.abc import Mapping

# Assumed: how long a node takes to come, to leave, and to try again after a preemption.
PREPARE_SECONDS = 30.0
LEAVE_SECONDS = 10.0
RETRY_SECONDS = 60.0


class NodeState(str, enum.Enum):
    """The service's words for how a node stands."""

    PREPARING = "preparing"
    IDLE = "idle"
    RUNNING = "running"
    LEAVING = "leaving"
    PREEMPTED = "preempted"
    UNUSABLE = "unusable"


_ALIVE = (NodeState.PREPARING, NodeState.IDLE, NodeState.RUNNING)
"""Nodes that work, or are about to."""
_HIT_FIRST = (NodeState.RUNNING, NodeState.IDLE, NodeState.PREPARING)
_OUT = frozenset({NodeState.PREEMPTED, NodeState.UNUSABLE})
"""Nodes that no job can use for now, though they are still shown."""


@attrs.frozen
class Node:
    """One node: its state, since when, and the job that runs there, or ran when it was lost.

    `lost_by` is the job that it was taken from, when that is over.
    """

    number: int
    state: NodeState
    since: float
    job: str | None = None
    lost_by: str | None = None

    def to(self, state: NodeState, now: float, job: str | None = None) -> Node:
        """The node in another state."""
        return attrs.evolve(self, state=state, since=now, job=job, lost_by=None)


@attrs.frozen
class Cluster:
    """The nodes of one AmlCompute and the bounds that they keep. Instants are seconds since 1970."""

    name: str
    size: str
    family: str
    cores: int
    tier: Tier
    min_nodes: int
    max_nodes: int
    idle_seconds: float
    nodes: tuple[Node, ...] = ()
    made: int = 0
    """How many nodes there ever were: the next one's number."""
    stuck: bool = False
    """Resizing for ever: no node comes."""
    problem: tuple[str, str] | None = None
    """Why it can't grow: a code and a message."""
    resized: float = 0.0
    """When it last began or ended to resize."""
    pace: float = 1.0
    """1: nodes take their time; 0: they come and leave at once."""

    # -- how it stands

    def count(self, *states: NodeState) -> int:
        """Nodes in these states."""
        return sum(node.state in states for node in self.nodes)

    @property
    def idle(self) -> int:
        """Nodes that a job could take now."""
        return self.count(NodeState.IDLE)

    @property
    def holding(self) -> int:
        """Nodes that hold their cores."""
        return len(self.nodes) - self.count(NodeState.PREEMPTED)

    @property
    def one(self) -> Hold:
        """The cores of one node."""
        return Hold(self.family, self.tier, self.cores, self.size, 1)

    @property
    def resizing(self) -> bool:
        """Whether nodes come or leave."""
        return self.stuck or self.count(NodeState.PREPARING, NodeState.LEAVING) > 0

    @property
    def target(self) -> int:
        """How many nodes there are to be, once those that leave have left."""
        return len(self.nodes) - self.count(NodeState.LEAVING)

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that have nodes here."""
        found = (node.job for node in self.nodes if node.state is NodeState.RUNNING)
        return tuple(dict.fromkeys(job for job in found if job is not None))

    @property
    def due(self) -> float | None:
        """When the next node comes to another state by itself."""
        spare = self._has_spare
        return min((at for node in self.nodes if (at := self._until(node, spare)) is not None), default=None)

    @property
    def _has_spare(self) -> bool:
        """Whether a node may leave."""
        return self.count(*_ALIVE) > self.min_nodes

    def missing(self, wanted: int) -> int:
        """How many more nodes are to come where the jobs that wait want so many."""
        to_come = self._stay(wanted) - self.count(*_ALIVE, NodeState.PREEMPTED)
        return max(0, min(to_come, self.max_nodes - len(self.nodes)))

    def returning(self, now: float) -> int:
        """How many preempted nodes would come back now."""
        return sum(self._would_return(node, now) for node in self.nodes)

    def _stay(self, wanted: int) -> int:
        """How many nodes there should be."""
        return max(self.min_nodes, min(self.max_nodes, self.count(NodeState.RUNNING) + wanted))

    # -- what happens to it

    def grow(self, count: int, now: float) -> Cluster:
        """So many nodes begin to come."""
        fresh = [Node(number, NodeState.PREPARING, now) for number in range(self.made, self.made + count)]
        return self._with([*self.nodes, *fresh], now, made=self.made + count)

    def come_back(self, count: int, now: float) -> Cluster:
        """So many of the preempted nodes begin to come back."""
        back = [node.number for node in self.nodes if self._would_return(node, now)][:count]
        nodes = [node.to(NodeState.PREPARING, now) if node.number in back else node for node in self.nodes]
        return self._with(nodes, now)

    def seat(self, job: str, count: int, now: float) -> Cluster:
        """A job takes so many idle nodes: those that have idled longest."""
        idle = sorted((node for node in self.nodes if node.state is NodeState.IDLE), key=lambda at: at.since)
        taken = {node.number for node in idle[:count]}
        nodes = [
            node.to(NodeState.RUNNING, now, job) if node.number in taken else node for node in self.nodes
        ]
        return self._with(nodes, now, problem=None)

    def leave(self, job: str, now: float) -> Cluster:
        """A job is over: its nodes idle; those that were lost under it stay so."""
        nodes = []
        for node in self.nodes:
            if node.job != job:
                nodes.append(node)
            elif node.state is NodeState.RUNNING:
                nodes.append(node.to(NodeState.IDLE, now))
            else:
                nodes.append(attrs.evolve(node, job=None, lost_by=job))
        return self._with(nodes, now)

    def lose(self, job: str, now: float) -> Cluster:
        """A job is over because its nodes are gone: preempted where they can be, else no longer there.

        Where some of them are known to be lost, the others were not.
        """
        if any(node.job == job and node.state in _OUT for node in self.nodes):
            return self.leave(job, now)
        if self.tier is not Tier.SPOT:
            return self._with([node for node in self.nodes if node.job != job], now)
        gone = (attrs.evolve(node.to(NodeState.PREEMPTED, now), lost_by=node.job) for node in self.nodes)
        nodes = [lost if node.job == job else node for node, lost in zip(self.nodes, gone, strict=True)]
        return self._with(nodes, now)

    def hit(self, state: NodeState, count: int, now: float) -> tuple[Cluster, tuple[str, ...]]:
        """So many nodes are lost, those that run first; returns the jobs that ran on them."""
        alive = [node for node in self.nodes if node.state in _ALIVE]
        alive.sort(key=lambda node: _HIT_FIRST.index(node.state))
        lost = {node.number: node.job for node in alive[:count]}
        nodes = [node.to(state, now, node.job) if node.number in lost else node for node in self.nodes]
        jobs = dict.fromkeys(job for job in lost.values() if job is not None)
        return self._with(nodes, now), tuple(jobs)

    def step(self, now: float, wanted: int) -> Cluster:
        """Every node that is due comes to its next state.

        Idle nodes leave when their time is over and nobody wants them; those above the maximum, at once.
        """
        spare = self.count(*_ALIVE) - self._stay(wanted)
        above = self.count(*_ALIVE) - self.max_nodes
        nodes, has_spare = [], self._has_spare
        for node in self.nodes:
            until = self._until(node, has_spare)
            over = until is not None and until <= now
            if node.state is NodeState.IDLE and (above > 0 or (over and spare > 0)):
                nodes.append(node.to(NodeState.LEAVING, now))
                spare, above = spare - 1, above - 1
            elif not over:
                nodes.append(node)
            elif node.state in {NodeState.PREPARING, NodeState.IDLE}:
                nodes.append(node.to(NodeState.IDLE, now))
            elif node.state is NodeState.UNUSABLE:
                nodes.append(node.to(NodeState.LEAVING, now))
            elif node.state is NodeState.PREEMPTED and spare < 0:
                nodes.append(node)  # the caller lets it come back
                spare += 1
        return self._with(nodes, now)

    def bounded(self, min_nodes: int, max_nodes: int, idle_seconds: float) -> Cluster:
        """The cluster with other scale settings. Nodes follow at the next step."""
        return attrs.evolve(self, min_nodes=min_nodes, max_nodes=max_nodes, idle_seconds=idle_seconds)

    def _would_return(self, node: Node, now: float) -> bool:
        return node.state is NodeState.PREEMPTED and node.job is None and node.since + RETRY_SECONDS <= now

    def _until(self, node: Node, has_spare: bool) -> float | None:  # noqa: FBT001 - asked for once for all
        """When a node comes to another state by itself."""
        if node.state is NodeState.IDLE:
            # never 0: a node that is wanted idles again when its time is over
            return node.since + max(1.0, self.idle_seconds) if has_spare else None
        # A job that runs ends by itself; where no node can come, one comes back when somebody makes it so.
        if node.job is not None:
            return None
        if node.state is NodeState.PREEMPTED and (self.stuck or self.problem is not None):
            return None
        times = {
            NodeState.PREPARING: PREPARE_SECONDS * self.pace,
            NodeState.LEAVING: LEAVE_SECONDS * self.pace,
            NodeState.PREEMPTED: RETRY_SECONDS,
            NodeState.UNUSABLE: max(1.0, self.idle_seconds),
        }
        return node.since + times[node.state]

    def _with(self, nodes: list[Node], now: float, **changes: Any) -> Cluster:
        after = attrs.evolve(self, nodes=tuple(nodes), **changes)
        return attrs.evolve(after, resized=now) if after.resizing != self.resizing else after

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        body: dict[str, Any] = attrs.asdict(self, recurse=False)
        nodes = [[node.number, node.state.value, node.since, node.job, node.lost_by] for node in self.nodes]
        return {**body, "tier": self.tier.value, "nodes": nodes}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Cluster:
        """As it was kept."""
        nodes = tuple(
            Node(number, NodeState(state), since, *jobs) for number, state, since, *jobs in body["nodes"]
        )
        problem = tuple(body["problem"]) if body["problem"] else None
        return cls(**{**body, "tier": Tier(body["tier"]), "nodes": nodes, "problem": problem})
