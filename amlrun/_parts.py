"""How long the steps of a pipeline and the trials of a search ran: what the cost of an attempt is made of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from amlrun._attempts import Part
from amlrun._errors import AmlrunError
from amlrun._history import DEEPEST, children
from amlrun._job_types import TRAITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._attempts import Attempt
    from amlrun._history import RunRecord
    from amlrun._plan import Plan, StepPlan
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
_REUSED = "azureml.isreused"
"""The property of a step whose results are an earlier run's (azure-ai-ml's word for it)."""


def parts_of(workspace: Workspace, attempt: Attempt) -> tuple[Part, ...]:
    """The parts of an attempt as they ran so far; none where it has none, or one of them isn't in its plan.

    Reads run history once for each pipeline and search in it; none, too, where that can't be read.
    """
    plan = attempt.plan
    try:
        if plan.steps:
            return tuple(_steps(workspace, {step.path: step for step in plan.steps}, attempt.name))
        return tuple(_trials(workspace, plan, attempt.name)) if plan.at_once > 1 else ()
    except LookupError:
        return ()
    except AmlrunError as error:
        _log.warning("%s: how long its parts ran can't be read: %s", attempt.name, error.message)
        return ()


# Assumed: the run of a step is called by the step's name; its times are those of its running.
def _steps(
    workspace: Workspace, steps: Mapping[str, StepPlan], run: str, above: tuple[str, ...] = ()
) -> Iterator[Part]:
    """Raises LookupError for a step that no plan is known of."""
    for child in children(workspace, run):
        names = (*above, child.title)
        path = ".".join(names)
        step = steps.get(path)
        if step is None and len(names) < DEEPEST and any(known.startswith(f"{path}.") for known in steps):
            yield from _steps(workspace, steps, child.name, names)
        elif step is None:
            raise LookupError(path)
        elif TRAITS[step.type].has_parts:
            yield from _trials(workspace, step.plan, child.name, f"{path} ")
        else:
            yield Part.of(step.plan, path, _ran(workspace, child))


def _trials(workspace: Workspace, plan: Plan, run: str, above: str = "") -> Iterator[Part]:
    for number, child in enumerate(children(workspace, run), start=1):
        yield Part.of(plan, f"{above}trial {number}", _ran(workspace, child), trial=True)


def _ran(workspace: Workspace, child: RunRecord) -> float:
    if child.started is None or str((child.raw.get("properties") or {}).get(_REUSED)).lower() == "true":
        return 0.0
    end = workspace.service_clock.now() if child.ended is None else child.ended
    return max(0.0, end - child.started)
