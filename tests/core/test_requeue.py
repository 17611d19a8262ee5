"""The policy as a value: what it takes, what it refuses, how it is kept."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given

import amlrun
from amlrun import Requeue
from amlrun._memory import LONGEST
from amlrun._requeue import LONGEST_PLACE, MOST_WAITS, WhenQueued
from tests.core.policies import policies


@given(policies)
def test_a_policy_is_kept_as_plain_json(policy: Requeue) -> None:
    """A stored policy reads back equal; a field of a later version is no obstacle."""
    stored = json.loads(json.dumps(policy.to_dict()))
    assert Requeue.from_dict({**stored, "of_a_later_version": 1}) == policy


def test_a_word_of_a_later_version_is_no_obstacle() -> None:
    """What it says isn't known here, so nothing is done."""
    stored = {**Requeue(max_queue_time=60).to_dict(), "when_queued": "other-region"}
    assert Requeue.from_dict(stored) == Requeue(max_queue_time=60)


def test_what_is_off_takes_no_room() -> None:
    """Counts and waits are always said, zeros too: they outlive the defaults of a version."""
    names = ["preemptions", "platform_faults", "capacity", "user_errors", "waits"]
    assert list(Requeue(preemptions=0, capacity=0).to_dict()) == names
    assert Requeue.from_dict(Requeue(preemptions=0).to_dict()).preemptions == 0


def test_the_longest_policy_fits_into_a_property() -> None:
    """Every field said, and all of them long."""
    place = "azureml://datastores/scratch/paths/"
    policy = Requeue(
        preemptions=1000,
        platform_faults=1000,
        capacity=1000,
        user_errors=1000,
        waits=(86399.999,) * MOST_WAITS,
        max_total_time=2591999.999,
        max_cost=123456.789012345,
        max_queue_time=2591999.999,
        when_queued="other-size",
        to_standard_after=1000,
        avoid_evicted_size=True,
        enforce_timeout=True,
        checkpoint=place + "x" * (LONGEST_PLACE - len(place)),
        checkpoint_as_is=True,
    )
    assert len(json.dumps(policy.to_dict(), separators=(",", ":"))) <= LONGEST


def test_durations_are_seconds_or_timedeltas() -> None:
    """Both say the same."""
    hours = dt.timedelta(hours=2)
    assert Requeue(max_total_time=hours, max_queue_time=hours) == Requeue(
        max_total_time=7200, max_queue_time=7200.0
    )


@pytest.mark.parametrize("word", ["cancel", "Cancel ", WhenQueued.CANCEL])
def test_what_to_do_in_the_queue_is_a_word(word: Any) -> None:
    """Or the enum's member."""
    assert Requeue(max_queue_time=1, when_queued=word).when_queued is WhenQueued.CANCEL


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("preemptions", -1),
        ("preemptions", 1.5),
        ("capacity", True),
        ("waits", ()),
        ("waits", (-1,)),
        ("waits", 5),
        ("waits", None),
        ("waits", (float("inf"),)),
        ("waits", (float("nan"),)),
        ("waits", (1,) * 21),
        ("waits", ("1",)),
        ("waits", (31 * 86400,)),
        ("preemptions", 1001),
        ("max_total_time", 0),
        ("max_total_time", "1 h"),
        ("max_total_time", dt.timedelta(days=31)),
        ("max_queue_time", -1),
        ("max_queue_time", True),
        ("max_cost", 0),
        ("max_cost", float("nan")),
        ("max_cost", "10 USD"),
        ("when_queued", "now and then"),
        ("when_queued", None),
        ("when_queued", "cancel"),
        ("to_standard_after", 0),
        ("to_standard_after", 11),
        ("to_standard_after", "never"),
        ("avoid_evicted_size", 1),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(field: str, value: Any) -> None:
    """The error names the argument and the valid values."""
    with pytest.raises(amlrun.InvalidRequest, match=field) as caught:
        Requeue(**{field: value})
    assert caught.value.argument == f"requeue.{field}"


IN_SCRATCH = "azureml://datastores/scratch/paths/churn/"
LONG = (
    "azureml://subscriptions/s/resourcegroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/datastores/scratch/paths/churn"
)


@pytest.mark.parametrize("place", [IN_SCRATCH, IN_SCRATCH + "v1.2/a-b_c", LONG])
def test_a_place_for_checkpoints_is_part_of_the_policy(place: str) -> None:
    """A path of a datastore, in the short form or the long one; stored like the rest."""
    for policy in (Requeue(checkpoint=place), Requeue(checkpoint=place, checkpoint_as_is=True)):
        assert Requeue.from_dict(policy.to_dict()) == policy


@pytest.mark.parametrize(
    "place",
    [
        "scratch",
        "azureml://datastores/scratch",
        "azureml://datastores/scratch/paths/",
        IN_SCRATCH + "..",
        IN_SCRATCH + "../other/",
        IN_SCRATCH + "$(rm)",
        IN_SCRATCH + "${{name}}",
        IN_SCRATCH + "a b",
        IN_SCRATCH + "/a",
        IN_SCRATCH + "\n",
        IN_SCRATCH + "x" * 400,
        "https://account.blob.core.windows.net/c/p?sig=secret",
        b"azureml://datastores/scratch/paths/churn/",
    ],
)
def test_no_place_for_checkpoints(place: Any) -> None:
    """Anything else is refused, before it could stand unquoted in a command."""
    with pytest.raises(amlrun.InvalidRequest, match="checkpoint") as caught:
        Requeue(checkpoint=place)
    assert caught.value.argument == "requeue.checkpoint"


@pytest.mark.parametrize("value", [True, "yes"])
def test_as_it_is_needs_a_place(value: Any) -> None:
    """The flag says nothing by itself, and is one."""
    with pytest.raises(amlrun.InvalidRequest, match="checkpoint_as_is"):
        Requeue(checkpoint_as_is=value)


def test_who_keeps_a_timeout_is_a_yes_or_a_no() -> None:
    """And survives the job's properties."""
    with pytest.raises(amlrun.InvalidRequest) as caught:
        Requeue(enforce_timeout=1)  # type: ignore[arg-type]
    assert caught.value.argument == "requeue.enforce_timeout"
    assert Requeue.from_dict(Requeue(enforce_timeout=True).to_dict()).enforce_timeout
