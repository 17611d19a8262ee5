"""Parents and their children: pipelines and their nodes, searches and their trials.

A parent runs while its children do; a child is a job like any other, with nodes of its own, that tells its
parent when it is over. Each method runs inside a transaction of the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from amlrun.testing._assets.blobs import ARTIFACTS, artifact_prefix
from amlrun.testing._jobs import trials
from amlrun.testing._jobs.demands import demand_of
from amlrun.testing._jobs.following import Nodes, Trials, spread_nodes
from amlrun.testing._jobs.job import CANCELED, End, Job, Stage
from amlrun.testing._jobs.pipelines import Progress, Steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun.testing._assets.blobs import Blobs
    from amlrun.testing._state.store import Records

SUBMITTED = "submitted"
"""The kind of the documents that say which jobs came by a PUT, in order: children didn't."""
METRICS = "metrics"
"""The kind of the documents that hold what jobs have measured."""
_PROGRESS, _GRAPH = "progress", "graph"
_LIVE = "live"
_BEST = "best_child_run_id"
_AUTOML_BEST = "automl_best_child_run_id"


class Hand(Protocol):
    """What a family needs of the engine."""

    def job(self, records: Records, name: str) -> Job | None:
        """A job."""

    def keep(self, records: Records, job: Job) -> Job:
        """Write a job."""

    def submit(self, records: Records, job: Job, now: float) -> Job:
        """A new job enters."""

    def cancel(self, records: Records, job: Job, now: float) -> Job:
        """A job is to end."""

    def finish(self, records: Records, job: Job, ending: End, now: float) -> Job:
        """A job is over."""


class Families:
    """All moves between parents and children."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._served: set[str] = set()
        """Parents whose children are being made: a child that ends at once must not begin that anew."""

    def begin(self, records: Records, parent: Job, now: float) -> None:
        """A parent runs: its first children are made."""
        self._keep(records, parent, Progress())
        if parent.kind == "pipeline":
            # Its components as they are now. Assumed: no node takes over what an earlier run has made, as if
            # force_rerun were always set.
            Steps(records, parent.name).lay(spread_nodes(records, whole(records, parent).sent))
        self._go_on(records, parent, now)

    def child_over(self, records: Records, child: Job, now: float) -> None:
        """A child has ended: others may start, or the parent is over too."""
        parent = self._hand.job(records, child.parent or "")
        if parent is None:
            return
        progress = self._progress(records, parent).end(child.status)
        self._keep(records, parent, _judged(records, parent, progress, child))
        records.put(f"children of {parent.name}", child.name, {"name": child.name})
        if parent.kind == "pipeline" and child.status == "Completed":
            Steps(records, parent.name).complete(child.path.rpartition("/")[2])
        if parent.stage is Stage.CANCELING:
            if not progress.live:
                self._hand.finish(records, parent, CANCELED, now)
        elif not parent.over:
            self._go_on(records, parent, now)

    def measured(self, records: Records, child: Job) -> None:
        """A job has another value of a metric: its search, over or not, may have another best trial."""
        parent = self._hand.job(records, child.parent or "")
        if parent is None or not child.over:
            return
        before = self._progress(records, parent)
        progress = _judged(records, parent, before, child)
        if progress != before:
            self._keep(records, parent, progress)
            if parent.over:
                self._hand.keep(records, _with_best(parent, progress))

    def cancel_children(self, records: Records, parent: Job, now: float) -> bool:
        """Ask for the end of all that live. Returns whether there are any."""
        for live in records.on_shelf(f"children of {parent.name}", _LIVE):
            child = self._hand.job(records, live["name"])
            if child is not None and not child.over:
                self._hand.cancel(records, child, now)
        return self._progress(records, parent).live > 0

    def _go_on(self, records: Records, parent: Job, now: float) -> None:
        """Make the children that can be made, or end the parent. A child may end as soon as it is made."""
        if parent.name in self._served:
            return
        self._served.add(parent.name)
        try:
            self._serve(records, parent, now)
        finally:
            self._served.discard(parent.name)

    def _serve(self, records: Records, parent: Job, now: float) -> None:
        following = Nodes(records, parent) if parent.kind == "pipeline" else Trials(parent)
        while True:
            progress = self._progress(records, parent)
            current = self._hand.job(records, parent.name)
            if current is None or current.over or current.stage is Stage.CANCELING:
                return
            if ending := following.ending(progress):
                self._hand.finish(records, _with_best(current, progress), ending, now)
                return
            if (key := following.key(progress)) is None:
                return
            name, properties = following.child(key)
            self._keep(records, parent, progress.start())
            records.put(f"children of {parent.name}", name, {"name": name}, shelf=_LIVE)
            self._hand.submit(records, _child(current, key, name, properties, now), now)

    def _keep(self, records: Records, parent: Job, progress: Progress) -> None:
        records.put(_PROGRESS, parent.name, attrs.asdict(progress))

    def _progress(self, records: Records, parent: Job) -> Progress:
        return Progress(**(records.get(_PROGRESS, parent.name) or {}))


def _child(parent: Job, key: str, name: str, properties: Mapping[str, Any], now: float) -> Job:
    return Job(
        name=name,
        body={"properties": properties},
        api_version=parent.api_version,
        created=now,
        demand=attrs.evolve(demand_of(properties), gpu=parent.demand.gpu),
        experiment=parent.experiment,
        tags=properties.get("tags") or {},
        properties=properties.get("properties") or {},
        run_seconds=parent.run_seconds,
        parent=parent.name,
        path=f"{parent.label}/{key}",
        is_step=parent.kind == "pipeline",
        submitter=parent.submitter,
    )


def aside(records: Records, job: Job) -> Job:
    """A pipeline without its nodes, which are kept beside it: it is read at each step, and they are many."""
    if job.kind != "pipeline" or "jobs" not in job.sent:
        return job
    records.put(_GRAPH, job.name, {"jobs": job.sent["jobs"]})
    sent = {key: value for key, value in job.sent.items() if key != "jobs"}
    return attrs.evolve(job, body={**job.body, "properties": sent})


def whole(records: Records, job: Job) -> Job:
    """A job with its body as it was sent."""
    kept = records.get(_GRAPH, job.name) if job.kind == "pipeline" else None
    return job if kept is None else attrs.evolve(job, body={**job.body, "properties": {**job.sent, **kept}})


def children_of(records: Records, name: str) -> list[str]:
    """The names of a job's children, in the order in which they were made."""
    return records.names(f"children of {name}")


def forget(records: Records, blobs: Blobs, name: str) -> None:
    """Remove a job that is over, its children, and their own files."""
    for child in children_of(records, name):
        forget(records, blobs, child)
        records.remove(f"children of {name}", child)
    Steps(records, name).forget()
    for kind in ("job", _PROGRESS, _GRAPH, METRICS, "log"):
        records.remove(kind, name)
    for path in blobs.names(ARTIFACTS, artifact_prefix(name)):
        blobs.remove(ARTIFACTS, path)


def metrics_of(records: Records, name: str) -> dict[str, list[list[float]]]:
    """A job's metrics by name: each value with its instant and step before it."""
    kept: dict[str, list[list[float]]] = (records.get(METRICS, name) or {}).get("metrics", {})
    return kept


def _judged(records: Records, parent: Job, progress: Progress, child: Job) -> Progress:
    """With a trial that is over taken into account."""
    # Assumed: one that failed is never the best, however good it was.
    if parent.kind == "pipeline" or child.status != "Completed":
        return progress
    return progress.judge(child.name, trials.score_of(parent.sent, metrics_of(records, child.name)))


def _with_best(parent: Job, progress: Progress) -> Job:
    if parent.kind == "pipeline" or progress.best is None:
        return parent
    if parent.kind == "automl":
        return attrs.evolve(parent, tags={**parent.tags, _AUTOML_BEST: progress.best})
    return attrs.evolve(parent, properties={**parent.properties, _BEST: progress.best})
