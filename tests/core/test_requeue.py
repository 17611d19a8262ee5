"""The policy: what follows an attempt that ended."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import amlrun
from amlrun import Requeue
from amlrun._ending import Ending
from amlrun._requeue import _BUDGET, Retry, Stop, next_attempt

endings = st.lists(st.sampled_from(list(Ending)), min_size=1, max_size=30)
policies = st.builds(
    Requeue,
    preemptions=st.integers(0, 12),
    platform_faults=st.integers(0, 4),
    capacity=st.integers(0, 4),
    user_errors=st.integers(0, 2),
    waits=st.lists(st.floats(0, 1000), min_size=1, max_size=4).map(tuple),
)


def test_a_preemption_is_requeued_ten_times_and_no_more() -> None:
    """With the default policy the eleventh preemption ends the run, and says that the policy did."""
    history = [Ending.PREEMPTED] * 10
    assert isinstance(next_attempt("run", history, Requeue()), Retry)
    stop = next_attempt("run", [*history, Ending.PREEMPTED], Requeue())
    assert stop == Stop(
        "its node was preempted; the policy allows 10 further attempts for that", exhausted=True
    )


def test_user_code_that_fails_is_not_repeated_unless_asked() -> None:
    """A failed script stops the run at once; `user_errors=1` gives it one more attempt."""
    assert isinstance(next_attempt("run", [Ending.USER_ERROR], Requeue()), Stop)
    assert isinstance(next_attempt("run", [Ending.USER_ERROR], Requeue(user_errors=1)), Retry)


def test_waits_grow_and_the_last_one_repeats() -> None:
    """1, 5, 15 and again 15 minutes, each shortened or lengthened by at most a tenth."""
    for number, minutes in enumerate((1, 5, 15, 15), start=1):
        retry = next_attempt("run", [Ending.PREEMPTED] * number, Requeue())
        assert isinstance(retry, Retry)
        assert retry.wait == pytest.approx(60 * minutes, rel=0.1)


@given(endings, policies)
def test_budgets_are_kept(history: list[Ending], policy: Requeue) -> None:
    """However a run's attempts ended, no reason is given more further attempts than its count."""
    retried: list[Ending] = []
    seen: list[Ending] = []
    for one in history:
        seen.append(one)
        if isinstance(next_attempt("run", seen, policy), Stop):
            break
        retried.append(one)
    for name in ("preemptions", "platform_faults", "capacity", "user_errors"):
        assert sum(_BUDGET[one] == name for one in retried) <= getattr(policy, name)


@given(endings, policies)
def test_what_a_person_or_success_ended_stays_ended(history: list[Ending], policy: Requeue) -> None:
    """Completed, canceled by anybody, or timed out: never followed by another attempt."""
    final = {Ending.COMPLETED, Ending.CANCELED, Ending.CANCELED_BY_US, Ending.TIMED_OUT}
    if history[-1] in final:
        assert isinstance(next_attempt("run", history, policy), Stop)


@given(endings, policies)
def test_two_watchers_agree(history: list[Ending], policy: Requeue) -> None:
    """The decision, its wait included, is the same whoever makes it."""
    assert next_attempt("run", history, policy) == next_attempt("run", history, policy)


@given(endings)
def test_without_a_policy_nothing_is_repeated(history: list[Ending]) -> None:
    """`requeue=False` stops after the first attempt, whatever ended it."""
    assert isinstance(next_attempt("run", history, None), Stop)


@given(policies)
def test_a_policy_is_kept_as_plain_json(policy: Requeue) -> None:
    """A stored policy reads back equal; a field of a later version is no obstacle."""
    assert Requeue.from_dict({**policy.to_dict(), "of_a_later_version": 1}) == policy


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


def test_the_budgets_are_total() -> None:
    """Each ending has an answer."""
    assert set(_BUDGET) == set(Ending)


def test_who_keeps_a_timeout_is_a_yes_or_a_no() -> None:
    """And survives the job's properties."""
    with pytest.raises(amlrun.InvalidRequest) as caught:
        Requeue(enforce_timeout=1)  # type: ignore[arg-type]
    assert caught.value.argument == "requeue.enforce_timeout"
    assert Requeue.from_dict(Requeue(enforce_timeout=True).to_dict()).enforce_timeout
