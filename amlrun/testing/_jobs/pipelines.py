"""The graph of a pipeline's nodes: who waits for whom, and who may start."""

from __future__ import annotations

import json
import re
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._state.store import Records

_NEED = re.compile(r"\$\{\{\s*parent\.jobs\.([^.}\s]+)")
_READY = "ready"
NODE_KINDS = ("command", "sweep", "automl", "parallel", "spark", "pipeline")


@attrs.frozen
class Node:
    """One node: its body as it came, with what its component adds, and the nodes whose outputs it reads."""

    name: str
    kind: str
    body: Mapping[str, Any]
    needs: frozenset[str]


@attrs.frozen
class Progress:
    """How far a parent's children are: how many were made, how many of them live, how many ended how.

    `best` is the name of the best trial that completed, `score` how good it is (more is better; None: nobody
    measured it).
    """

    started: int = 0
    live: int = 0
    counts: Mapping[str, int] = attrs.field(factory=dict)
    best: str | None = None
    score: float | None = None

    def start(self) -> Progress:
        """A child was made."""
        return attrs.evolve(self, started=self.started + 1, live=self.live + 1)

    def end(self, status: str) -> Progress:
        """A child is over."""
        counts = {**self.counts, status: self.counts.get(status, 0) + 1}
        return attrs.evolve(self, live=self.live - 1, counts=counts)

    def judge(self, name: str, score: float | None) -> Progress:
        """A trial has completed, or was measured since: it may be the best one."""
        # Assumed: where nobody measures anything, the first that completes is the best.
        better = score is not None and (self.score is None or score > self.score)
        return attrs.evolve(self, best=name, score=score) if better or self.best is None else self

    @property
    def failed(self) -> int:
        """How many did not complete."""
        return sum(count for status, count in self.counts.items() if status != "Completed")


def needs_of(body: Mapping[str, Any]) -> list[str]:
    """The nodes whose outputs a node reads."""
    return sorted(set(_NEED.findall(json.dumps(body))))


def graph_of(jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Node]:
    """The nodes by name; each body has its `needs`."""
    return {name: node_of(name, body) for name, body in jobs.items()}


def node_of(name: str, body: Mapping[str, Any]) -> Node:
    """One node; its body has its `needs`."""
    return Node(name, str(body.get("type")).lower(), body, frozenset(body["needs"]))


def check(nodes: Mapping[str, Node]) -> None:
    """Raises ValueError for nodes that can't be run, in words that name them."""
    if not nodes:
        raise ValueError("the pipeline has no jobs")
    for node in nodes.values():
        if node.kind not in NODE_KINDS:
            runs = ", ".join(NODE_KINDS)
            raise ValueError(f"node {node.name} is of type {node.body.get('type')!r}; the fake runs {runs}")
        if missing := sorted(node.needs - set(nodes)):
            raise ValueError(f"node {node.name} reads the output of {', '.join(missing)}, which isn't there")
    try:
        TopologicalSorter({node.name: node.needs for node in nodes.values()}).prepare()
    except CycleError as error:
        raise ValueError(f"nodes wait for each other: {', '.join(error.args[1][1:])}") from error


@attrs.frozen
class Steps:
    """A pipeline's nodes in the store, a document each: how many nodes each still needs, and who needs it.

    However many there are, what a node's end changes are the nodes that read its outputs.
    """

    records: Records
    parent: str

    @property
    def _kind(self) -> str:
        return f"nodes of {self.parent}"

    def lay(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        """Write them; those that need nothing are ready, in their order."""
        readers: dict[str, list[str]] = {name: [] for name in jobs}
        for name, body in jobs.items():
            for need in body["needs"]:
                readers[need].append(name)
        for name, body in jobs.items():
            self._keep({"name": name, "body": body, "readers": readers[name], "left": len(body["needs"])})

    def next(self) -> str | None:
        """The first node that may start: all that it needs has completed."""
        found = self.records.head(self._kind, _READY)
        return None if found is None else str(found["name"])

    def node(self, name: str) -> Node:
        """One node."""
        return node_of(name, self._get(name)["body"])

    def start(self, name: str) -> None:
        """A node was started."""
        self.records.put(self._kind, name, self._get(name))

    def complete(self, name: str) -> None:
        """A node has completed: others need one less."""
        for reader in self._get(name)["readers"]:
            found = self._get(reader)
            self._keep({**found, "left": found["left"] - 1})

    def forget(self) -> None:
        """Remove them."""
        for name in self.records.names(self._kind):
            self.records.remove(self._kind, name)

    def _get(self, name: str) -> dict[str, Any]:
        found = self.records.get(self._kind, name)
        assert found is not None  # noqa: S101 - it was laid
        return found

    def _keep(self, found: dict[str, Any]) -> None:
        shelf = None if found["left"] else _READY
        self.records.put(self._kind, found["name"], found, shelf=shelf)
