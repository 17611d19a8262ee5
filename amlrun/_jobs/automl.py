"""AutoML jobs: where a plan stands in the body. Pure: a body in, changed.

The body is definition `AutoMLJob`. https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._durations import iso
from amlrun._jobs.placing import place_fields, placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._jobs.dress import Dress
    from amlrun._plan import Plan


def dress_automl(job: dict[str, Any], dress: Dress) -> None:
    """Put placement, time-out and variables on the body of an AutoML job; the task stays as it is.

    What runs is the service's own: it is told nothing of attempts, and has no checkpoints.
    """
    placed(job, dress.plan, dress.workspace)
    if dress.environment_variables:
        job["environmentVariables"] = {
            **(job.get("environmentVariables") or {}),
            **dress.environment_variables,
        }
    if dress.timeout is not None:
        task = dict(job["taskDetails"])
        task["limitSettings"] = {**(task.get("limitSettings") or {}), "timeout": iso(dress.timeout)}
        job["taskDetails"] = task


def automl_fields(
    _body: Mapping[str, Any], plan: Plan, workspace: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the plan must stand in a body that leaves."""
    yield from place_fields(plan, workspace)
