"""The graph of a pipeline's nodes: who waits for whom, and who may start. Pure."""

from __future__ import annotations

import json
import re
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEED = re.compile(r"\$\{\{\s*parent\.jobs\.([^.}\s]+)")
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
    """How far a parent's children are.

    `live` holds the names of those that live, by key; `ended` how a pipeline's nodes ended, by key; `counts`
    how many ended how; `best` the name of the best trial that completed, `score` how good it is (more is
    better; None: nobody measured it).
    """

    live: Mapping[str, str] = attrs.field(factory=dict)
    ended: Mapping[str, str] = attrs.field(factory=dict)
    counts: Mapping[str, int] = attrs.field(factory=dict)
    started: int = 0
    best: str | None = None
    score: float | None = None

    def start(self, key: str, child: str) -> Progress:
        """A child was made."""
        return attrs.evolve(self, live={**self.live, key: child}, started=self.started + 1)

    def end(self, key: str, status: str, *, remember: bool) -> Progress:
        """A child is over. Thousands of trials are only counted; a pipeline remembers each node."""
        return attrs.evolve(
            self,
            live={other: child for other, child in self.live.items() if other != key},
            ended={**self.ended, key: status} if remember else self.ended,
            counts={**self.counts, status: self.counts.get(status, 0) + 1},
        )

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
    return {
        name: Node(name, str(body.get("type")).lower(), body, frozenset(body["needs"]))
        for name, body in jobs.items()
    }


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


def ready(nodes: Mapping[str, Node], progress: Progress) -> list[Node]:
    """Nodes that may start: all they need has completed."""
    done = {name for name, status in progress.ended.items() if status == "Completed"}
    return [
        node
        for node in nodes.values()
        if node.name not in progress.live and node.name not in progress.ended and node.needs <= done
    ]
