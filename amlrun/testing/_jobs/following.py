"""What follows in a family: which child may start next, the job that it becomes, and how its parent ends."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from amlrun.testing._assets import ids
from amlrun.testing._jobs import pipelines, trials
from amlrun.testing._jobs.demands import kind_of, search_of
from amlrun.testing._jobs.job import COMPLETED, End
from amlrun.testing._jobs.nodes import child_of, located, spread
from amlrun.testing._jobs.pipelines import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing._jobs.job import Job
    from amlrun.testing._jobs.pipelines import Node, Progress
    from amlrun.testing._state.store import Records

# Assumed: the words; the code is recorded.
_STEP_FAILED = End(
    "Failed",
    "UserError",
    "Pipeline has some failed steps. See child run or execution logs for more details.",
    inner="PipelineHasStepJobFailed",
)
# Assumed: that a search fails only when none of its trials has completed, and the words.
_TRIALS_FAILED = End(
    "Failed", "UserError", "None of the trials has completed. See the child runs for details."
)


class Nodes:
    """What follows in a pipeline."""

    def __init__(self, records: Records, parent: Job) -> None:
        self._parent = parent
        self._properties = located(parent.sent, parent.name)
        self._steps = Steps(records, parent.name)
        settings = self._properties.get("settings") or {}
        self._goes_on = bool(settings.get("continue_on_step_failure"))

    def ending(self, progress: Progress) -> End | None:
        """How the pipeline ends, if it does now."""
        # Assumed: without continue_on_step_failure, a node that fails ends those that run beside it.
        goes_on = progress.live > 0 or self._steps.next() is not None
        if progress.failed and not (self._goes_on and goes_on):
            return _STEP_FAILED
        return None if goes_on else COMPLETED

    def key(self, _progress: Progress) -> str | None:
        """The next node that may start."""
        return self._steps.next()

    def child(self, key: str) -> tuple[str, Mapping[str, Any]]:
        """The job that it becomes: its name and the `properties` of its body. It counts as started."""
        self._steps.start(key)
        node = self._steps.node(key)
        needed = {need: self._steps.node(need) for need in node.needs}
        return child_name(self._parent.name, key), _resolved(
            self._properties, {**needed, key: node}, key, self._parent.name
        )


class Trials:
    """What follows in a search."""

    def __init__(self, parent: Job) -> None:
        self._parent = parent
        self._search = search_of(parent.sent, trials.combinations_of(parent.sent))

    def ending(self, progress: Progress) -> End | None:
        """How the search ends, if it does now."""
        if progress.live or progress.started < self._search.trials:
            return None
        return COMPLETED if progress.counts.get("Completed") else _TRIALS_FAILED

    def key(self, progress: Progress) -> str | None:
        """The next trial's number, if it may start."""
        more = progress.started < self._search.trials and progress.live < self._search.at_once
        return str(progress.started) if more else None

    def child(self, key: str) -> tuple[str, Mapping[str, Any]]:
        """The job that it is: its name and the `properties` of its body."""
        return f"{self._parent.name}_{key}", trials.trial_of(self._parent.sent, self._parent.name, int(key))


def child_called(parent: Job, key: str) -> str:
    """The name of a job's child, by the last name of its path."""
    return child_name(parent.name, key) if parent.kind == "pipeline" else f"{parent.name}_{key}"


def child_name(parent: str, node: str) -> str:
    """The name of the job that a pipeline's node becomes: nobody's choice, as the service's are."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{parent}/{node}"))


def parts_of(
    records: Records, properties: Mapping[str, Any], name: str, path: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The jobs that a job of that body would run, itself included, by path: what a PUT can check beforehand.

    Raises ValueError, TypeError for a body that can't be run, LookupError for a component that isn't there.
    """
    yield path or name, properties
    kind, path = kind_of(properties), path or name
    if kind == "pipeline":
        properties = located(properties, name)
        nodes = pipelines.graph_of(spread_nodes(records, properties))
        pipelines.check(nodes)
        for key in nodes:
            child = _resolved(properties, nodes, key, name)
            if not child.get("computeId") and kind_of(child) not in {"pipeline", "spark"}:
                # Assumed: that it is refused; the SDK refuses it before it is sent.
                raise ValueError(f"node {key} has no compute, and the pipeline no default_compute")
            yield from parts_of(records, child, child_name(name, key), f"{path}/{key}")
    elif kind in {"sweep", "automl"}:
        trials.trials_of(properties)
        yield f"{path}/0", trials.trial_of(properties, name, 0)


def _resolved(
    properties: Mapping[str, Any], nodes: Mapping[str, Node], key: str, parent: str
) -> Mapping[str, Any]:
    # What a node's outputs are depends on its own body and the pipeline's alone: no sibling need have run.
    siblings = {
        need: child_of(properties, nodes[need], child_name(parent, need), {})["outputs"]
        for need in nodes[key].needs
    }
    try:
        return child_of(properties, nodes[key], child_name(parent, key), siblings)
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"node {key} can't be read: {type(error).__name__} {error}") from error


def spread_nodes(records: Records, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A pipeline's nodes, each with what its component adds, and the names of those that it needs.

    A pipeline may be made of a component alone, which has its nodes.
    """

    def spec(component: str) -> Mapping[str, Any]:
        return _component(records, component)

    jobs, component = properties.get("jobs"), properties.get("componentId")
    if component:
        jobs = jobs or spec(component).get("jobs")
    return {
        name: {**spread(body, spec), "needs": pipelines.needs_of(body)} for name, body in (jobs or {}).items()
    }


def _component(records: Records, component: str) -> Mapping[str, Any]:
    spec = ids.component(records, component)
    if spec is None:
        raise LookupError(component)
    return spec
