"""Policies beside the job that they are for: what can't be applied is refused, what can't be held is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, Plan, Requeue
from amlrun._asking.given import Arguments
from amlrun._asking.policies import check_policy, unheld
from amlrun._asking.request import parse
from amlrun._job_types import TRAITS, JobType
from amlrun._plan import StepPlan

if TYPE_CHECKING:
    from pathlib import Path

PLACES: list[dict[str, Any]] = [
    {"to_standard_after": 1},
    {"max_queue_time": 60, "when_queued": "other-tier"},
    {"avoid_evicted_size": True},
    {"max_queue_time": 60, "when_queued": "other-size"},
]
OF_TIER = PLACES[:2]


@pytest.mark.parametrize("said", PLACES)
@pytest.mark.parametrize("job_type", JobType)
def test_what_a_type_cannot_have_is_refused(job_type: JobType, said: dict[str, Any]) -> None:
    """A pipeline's steps keep their places; what has no spot nodes has no other tier."""
    refused = job_type is JobType.PIPELINE or (not TRAITS[job_type].has_spot and said in OF_TIER)
    if not refused:
        check_policy(job_type, Requeue(**said))
        return
    with pytest.raises(InvalidRequest) as caught:
        check_policy(job_type, Requeue(**said))
    assert caught.value.argument == f"requeue.{list(said)[-1]}"


@pytest.mark.parametrize("policy", [None, Requeue(), Requeue(max_queue_time=60, when_queued="cancel")])
@pytest.mark.parametrize("job_type", JobType)
def test_anything_else_is_for_all(job_type: JobType, policy: Requeue | None) -> None:
    """Counts, waits, limits."""
    check_policy(job_type, policy)


def test_a_limit_in_money_wants_a_price() -> None:
    """Where there is none, the plan says what comes of it."""
    (told,) = unheld(Requeue(max_cost=5), Plan())
    assert told == "its price isn't known, so max_cost=5.00 can't be held: no attempt follows one that ran"
    assert not list(unheld(Requeue(max_cost=5), Plan(price_per_hour=1.0)))
    assert not list(unheld(Requeue(), Plan()))


def test_a_pipeline_does_all_again() -> None:
    """Each further attempt is paid for whole, and the plan says so."""
    (told,) = unheld(Requeue(), Plan(steps=(StepPlan("prep", JobType.COMMAND, Plan()),)))
    assert "all steps again" in told


def test_it_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """As any other argument."""
    path = tmp_path / "pipeline.yml"
    path.write_text("type: pipeline\njobs:\n  a: {type: command, command: ls, environment: 'azureml:e:1'}\n")
    with pytest.raises(InvalidRequest, match="keep their places"):
        parse(path, Arguments(requeue=Requeue(to_standard_after=1)))
