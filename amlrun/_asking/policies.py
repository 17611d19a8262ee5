"""What of a policy a job can't have, refused; and what of it can't be held, told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._errors import InvalidRequest
from amlrun._job_types import TRAITS, JobType
from amlrun._requeue import WhenQueued
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._plan import Plan
    from amlrun._requeue import Requeue


def check_policy(job_type: JobType, policy: Requeue | None) -> None:
    """Raise `InvalidRequest` for what can't be applied to a job of that type."""
    for said, of_tier in _of_place(policy):
        if job_type is JobType.PIPELINE:
            why, hint = "the steps of a pipeline keep their places", "Submit the step as a job of its own."
        elif of_tier and not TRAITS[job_type].has_spot:
            why, hint = f"{TRAITS[job_type].words} has no spot nodes", ""
        else:
            continue
        message = f"Requeue({said}): {why}"
        raise InvalidRequest(message, argument=f"requeue.{said.partition('=')[0]}", hint=hint)


def _of_place(policy: Requeue | None) -> Iterator[tuple[str, bool]]:
    """What it says of the next attempt's place, and whether that is its tier."""
    if policy is None:
        return
    if policy.to_standard_after is not None:
        yield f"to_standard_after={policy.to_standard_after}", True
    if policy.avoid_evicted_size:
        yield "avoid_evicted_size=True", False
    if policy.when_queued in {WhenQueued.OTHER_SIZE, WhenQueued.OTHER_TIER}:
        yield f"when_queued={policy.when_queued.value!r}", policy.when_queued is WhenQueued.OTHER_TIER


def unheld(policy: Requeue, plan: Plan) -> Iterator[str]:
    """What the plan warns of: a limit in money where there is no price, and what is done and paid twice."""
    if plan.steps:
        yield "a further attempt runs all steps again, and pays for them, also for those that were done"
    if policy.max_cost is not None and plan.price_per_hour is None:
        most = money(policy.max_cost)
        yield f"its price isn't known, so max_cost={most} can't be held: no attempt follows one that ran"
