"""Sweeps: where a plan stands in the body. Pure: a body in, changed.

The body is definition `SweepJob`. Each of its trials runs on nodes of its own: the plan is that of a
trial. https://learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._durations import iso
from amlrun._jobs.placing import place_fields, placed, size_fields, sized, spelt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun._jobs.dress import Dress
    from amlrun._plan import Plan


def dress_sweep(job: dict[str, Any], dress: Dress) -> None:
    """Put placement, time-out and variables on the body of a sweep.

    The time-out is that of the whole sweep: `trialTimeout` stays as the job has it. There is no place for
    checkpoints: trials that run side by side would write into one folder.
    """
    # Assumed: the trial's resources count where both are said, or both (older versions of the API have none
    # but the trial's, newer ones both); so both are the same.
    trial = dict(job["trial"])
    job["resources"] = {**spelt(trial.get("resources")), **spelt(job.get("resources"))}
    placed(job, dress.plan, dress.workspace)
    trial["resources"] = sized(job["resources"], dress.plan)
    trial["environmentVariables"] = dress.variables(trial.get("environmentVariables"))
    job["trial"] = trial
    if dress.timeout is not None:
        limits = {**(job.get("limits") or {}), "jobLimitsType": "Sweep", "timeout": iso(dress.timeout)}
        job["limits"] = limits


def sweep_fields(
    _body: Mapping[str, Any], plan: Plan, workspace: str
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the plan must stand in a body that leaves."""
    yield from place_fields(plan, workspace)
    yield from size_fields(("trial", "resources"), plan)
