"""The policy applied: what follows an attempt that ended, or one that waits for too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun import Attempt, Plan, Requeue
from amlrun._decision import Moved, Retry, Stop, by_hand, count_for, next_attempt, queued_too_long
from amlrun._ending import Ending
from amlrun._offers import Tier
from amlrun._requeue import WhenQueued
from tests.core.policies import policies

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAN = Plan(instance_type="A", tier=Tier.SPOT, price_per_hour=2.0)
COUNTS = {
    Ending.PREEMPTED: "preemptions",
    Ending.PLATFORM_FAULT: "platform_faults",
    Ending.OUT_OF_CAPACITY: "capacity",
    Ending.QUEUED_TOO_LONG: "capacity",
    Ending.USER_ERROR: "user_errors",
}
"""What draws on which count, by docs/requeue.md."""


def ended(*endings: Ending, seconds: float = 0.0, plan: Plan = PLAN) -> list[Attempt]:
    """Attempts that ended so."""
    return [
        Attempt(name=f"run-{number}", number=number, status="Failed", plan=plan, ending=one, seconds=seconds)
        for number, one in enumerate(endings, start=1)
    ]


def followed(*endings: Ending, policy: Requeue, seconds: float = 0.0) -> Retry | Stop:
    """What follows them."""
    return next_attempt("run", ended(*endings, seconds=seconds), policy)


def retried(*endings: Ending, policy: Requeue) -> Retry:
    """The same, where an attempt does."""
    retry = followed(*endings, policy=policy)
    assert isinstance(retry, Retry)
    return retry


histories = st.lists(
    st.builds(
        Attempt,
        name=st.just("run"),
        number=st.just(1),
        status=st.just("Failed"),
        plan=st.builds(
            Plan,
            instance_type=st.sampled_from([None, "A", "B"]),
            tier=st.sampled_from([Tier.SPOT, Tier.STANDARD]),
            price_per_hour=st.none() | st.floats(0.1, 10),
        ),
        ending=st.sampled_from(list(Ending)),
        seconds=st.floats(0, 1e5),
    ),
    min_size=1,
    max_size=30,
)


def test_a_preemption_is_requeued_ten_times_and_no_more() -> None:
    """With the default policy the eleventh preemption ends the run, and says that the policy did."""
    history = [Ending.PREEMPTED] * 10
    assert isinstance(followed(*history, policy=Requeue()), Retry)
    assert followed(*history, Ending.PREEMPTED, policy=Requeue()) == Stop(
        "its node was preempted; the policy allows 10 further attempts for that", exhausted=True
    )


def test_user_code_that_fails_is_not_repeated_unless_asked() -> None:
    """A failed script stops the run at once; `user_errors=1` gives it one more attempt."""
    unasked = followed(Ending.USER_ERROR, policy=Requeue())
    assert unasked == Stop("the job's own code failed")
    assert isinstance(followed(Ending.USER_ERROR, policy=Requeue(user_errors=1)), Retry)


def test_waits_grow_and_the_last_one_repeats() -> None:
    """1, 5, 15 and again 15 minutes, each shortened or lengthened by at most a tenth."""
    for number, minutes in enumerate((1, 5, 15, 15), start=1):
        retry = retried(*[Ending.PREEMPTED] * number, policy=Requeue())
        assert retry.wait == pytest.approx(60 * minutes, rel=0.1)


def test_waits_of_many_runs_are_spread() -> None:
    """What was taken away together comes back one by one: evenly, from a tenth less to a tenth more."""
    history = ended(Ending.PREEMPTED)
    found = [next_attempt(f"run-{number}", history, Requeue(waits=(100,))) for number in range(200)]
    waits = sorted(one.wait for one in found if isinstance(one, Retry))
    assert len(waits) == len(found)
    assert 90 <= waits[0] < 92
    assert 108 < waits[-1] <= 110
    assert 98 < waits[100] < 102


@given(histories, policies)
def test_counts_are_kept(history: Sequence[Attempt], policy: Requeue) -> None:
    """However a run's attempts ended, no reason is given more further attempts than its count."""
    repeated: list[Attempt] = []
    for number, one in enumerate(history, start=1):
        if isinstance(next_attempt("run", history[:number], policy), Stop):
            break
        repeated.append(one)
    for name in ("preemptions", "platform_faults", "capacity", "user_errors"):
        drawn = [one for one in repeated if one.ending and COUNTS.get(one.ending) == name]
        assert len(drawn) <= getattr(policy, name)


@given(histories, policies)
def test_what_a_person_or_success_ended_stays_ended(history: Sequence[Attempt], policy: Requeue) -> None:
    """Completed, canceled by anybody, or timed out: never followed by another attempt."""
    final = {Ending.COMPLETED, Ending.CANCELED, Ending.CANCELED_BY_US, Ending.TIMED_OUT, Ending.UNKNOWN}
    if history[-1].ending in final:
        assert isinstance(next_attempt("run", history, policy), Stop)


@given(histories, policies)
def test_two_watchers_agree(history: Sequence[Attempt], policy: Requeue) -> None:
    """The decision, its wait included, is the same whoever makes it."""
    assert next_attempt("run", history, policy) == next_attempt("run", list(history), policy)


@given(histories)
def test_without_a_policy_nothing_is_repeated(history: Sequence[Attempt]) -> None:
    """`requeue=False` stops after the first attempt, whatever ended it, and leaves it in the queue."""
    assert isinstance(next_attempt("run", history, None), Stop)
    assert queued_too_long(history, None, 1e9) is None


@given(histories, policies)
def test_limits_over_all_attempts_are_kept(history: Sequence[Attempt], policy: Requeue) -> None:
    """No attempt follows where all together ran or cost more, or nobody knows whether they did."""
    ran = sum(one.seconds or 0 for one in history)
    dear = any(one.seconds and one.plan.price_per_hour is None for one in history)
    cost = sum((one.seconds or 0) / 3600 * (one.plan.price_per_hour or 0) for one in history)
    if isinstance(next_attempt("run", history, policy), Retry):
        assert policy.max_total_time is None or ran < policy.max_total_time
        assert policy.max_cost is None or (not dear and cost < policy.max_cost * 1.000001)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Requeue(max_total_time=7200), "its attempts ran for 2 h, and max_total_time is 2 h"),
        (Requeue(max_cost=4), "its attempts cost 4.00 USD, and max_cost is 4.00"),
    ],
)
def test_a_limit_is_told_with_its_figures(policy: Requeue, words: str) -> None:
    """Of what was used, and of what was allowed."""
    stop = followed(Ending.PREEMPTED, Ending.PREEMPTED, policy=policy, seconds=3600)
    assert stop == Stop(f"its node was preempted; {words}", exhausted=True)
    assert isinstance(followed(Ending.PREEMPTED, policy=policy, seconds=3600), Retry)


def test_a_cost_that_nobody_knows_ends_a_run_with_a_limit_on_it() -> None:
    """What can't be held is not spent; an attempt that never ran has cost nothing."""
    unpriced = ended(Ending.PREEMPTED, seconds=60, plan=Plan(tier=Tier.SPOT))
    assert next_attempt("run", unpriced, Requeue(max_cost=5)) == Stop(
        "its node was preempted; what its attempts cost isn't known, and max_cost is 5.00 USD", exhausted=True
    )
    assert isinstance(next_attempt("run", unpriced, Requeue()), Retry)
    untimed = [attrs.evolve(unpriced[0], plan=PLAN, seconds=None)]
    for policy in (Requeue(max_cost=5), Requeue(max_total_time=7200)):
        stop = next_attempt("run", untimed, policy)
        assert isinstance(stop, Stop)
        assert "isn't known, and max_" in stop.why
    never_ran = [attrs.evolve(unpriced[0], seconds=0.0)]
    assert isinstance(next_attempt("run", never_ran, Requeue(max_cost=5)), Retry)


def test_after_so_many_preemptions_it_goes_to_standard_nodes() -> None:
    """From then on, also when something else ends an attempt there."""
    policy = Requeue(to_standard_after=2)
    assert retried(Ending.PREEMPTED, policy=policy).tier is None
    second = retried(Ending.PREEMPTED, Ending.PREEMPTED, policy=policy)
    assert (second.tier, second.why) == (Tier.STANDARD, "on standard nodes after 2 preemptions")
    third = retried(Ending.PREEMPTED, Ending.PREEMPTED, Ending.PLATFORM_FAULT, policy=policy)
    assert third.tier is Tier.STANDARD


def test_the_size_that_was_taken_away_is_left_alone_where_asked() -> None:
    """For the next try, and not for the one after a fault of the platform."""
    policy = Requeue(avoid_evicted_size=True)
    retry = retried(Ending.PREEMPTED, policy=policy)
    assert (retry.without_sizes, retry.why) == (("A",), "not on A")
    assert retried(Ending.PREEMPTED, policy=Requeue()).without_sizes == ()
    assert retried(Ending.PREEMPTED, Ending.PLATFORM_FAULT, policy=policy).without_sizes == ()


def test_a_size_without_capacity_is_left_alone() -> None:
    """Without being asked: quota says nothing of it. Where the service chose the size, nobody knows it."""
    assert retried(Ending.OUT_OF_CAPACITY, policy=Requeue()).without_sizes == ("A",)
    chosen = ended(Ending.OUT_OF_CAPACITY, plan=Plan(tier=Tier.SPOT))
    retry = next_attempt("run", chosen, Requeue())
    assert isinstance(retry, Retry)
    assert (retry.without_sizes, retry.why) == ((), "")


def waiting(*before: Ending, tier: Tier = Tier.SPOT) -> list[Attempt]:
    """The same, and one attempt more, which waits for nodes."""
    plan = attrs.evolve(PLAN, tier=tier, instance_type="B")
    live = Attempt(name="live", number=len(before) + 1, status="Queued", plan=plan)
    return [*ended(*before), live]


@given(policies, st.floats(0, 1e6))
def test_nothing_is_done_before_its_time(policy: Requeue, queued: float) -> None:
    """Where there is no limit, or it hasn't come, or the policy is to wait."""
    done = queued_too_long(waiting(), policy, queued)
    if policy.max_queue_time is None or queued < policy.max_queue_time:
        assert done is None
    if policy.when_queued is WhenQueued.WAIT:
        assert done is None


def test_what_waits_for_too_long_is_canceled() -> None:
    """Where the policy says so; then nothing follows."""
    policy = Requeue(max_queue_time=3600, when_queued="cancel")
    why = "it has waited for nodes for 1 h 10 min, and the policy's max_queue_time is 1 h"
    assert queued_too_long(waiting(), policy, 4200) == Moved(WhenQueued.CANCEL, None, why)
    assert followed(Ending.QUEUED_TOO_LONG, policy=policy) == Stop("it waited in the queue for too long")


def test_what_waits_for_too_long_goes_to_another_size() -> None:
    """At once, to none that was waited for in vain; so often as the policy allows for want of capacity."""
    policy = Requeue(max_queue_time=3600, when_queued="other-size", capacity=2)
    moved = queued_too_long(waiting(Ending.QUEUED_TOO_LONG), policy, 3600)
    assert moved is not None
    assert moved.retry == Retry(0.0, without_sizes=("A", "B"), why="not on A or B")
    assert retried(Ending.QUEUED_TOO_LONG, policy=policy) == Retry(0.0, without_sizes=("A",), why="not on A")
    often = waiting(Ending.QUEUED_TOO_LONG, Ending.OUT_OF_CAPACITY)
    assert queued_too_long(often, policy, 3600) is None
    assert isinstance(followed(*[Ending.QUEUED_TOO_LONG] * 3, policy=policy), Stop)


@pytest.mark.parametrize(("tier", "other"), [(Tier.SPOT, Tier.STANDARD), (Tier.STANDARD, Tier.SPOT)])
def test_what_waits_for_too_long_goes_to_the_other_tier(tier: Tier, other: Tier) -> None:
    """And stays there, whatever comes next."""
    policy = Requeue(max_queue_time=3600, when_queued="other-tier")
    moved = queued_too_long(waiting(tier=tier), policy, 3600)
    assert moved is not None
    assert moved.retry == Retry(0.0, other, why=f"on {other} nodes, having waited for {tier} ones")
    later = [
        *ended(Ending.QUEUED_TOO_LONG),
        *ended(Ending.PLATFORM_FAULT, plan=attrs.evolve(PLAN, tier=Tier.STANDARD)),
    ]
    retry = next_attempt("run", later, policy)
    assert isinstance(retry, Retry)
    assert (retry.tier, retry.why) == (Tier.STANDARD, "on standard nodes")
    assert retried(Ending.PREEMPTED, policy=policy).tier is None


def test_every_reason_has_an_answer() -> None:
    """With a policy that allows all it can, what draws on a count is repeated, and nothing else is."""
    eager = Requeue(
        preemptions=1,
        platform_faults=1,
        capacity=1,
        user_errors=1,
        max_queue_time=60,
        when_queued="other-size",
    )
    repeated = {one for one in Ending if isinstance(next_attempt("run", ended(one), eager), Retry)}
    assert repeated == set(COUNTS)
    assert {one: count_for(one) for one in Ending if count_for(one)} == COUNTS


def test_by_hand_an_attempt_goes_where_the_policy_says() -> None:
    """At once, whatever it says of further attempts; without a policy, as it was asked for."""
    policy = Requeue(preemptions=1, to_standard_after=1, avoid_evicted_size=True)
    gone = ended(Ending.PREEMPTED, Ending.PREEMPTED)
    retry = by_hand(gone, policy)
    assert (retry.wait, retry.tier, retry.without_sizes) == (0.0, Tier.STANDARD, (PLAN.instance_type,))
    assert by_hand(gone, None) == Retry(0.0)


def test_what_failed_by_itself_says_nothing_of_a_policy_that_nobody_set() -> None:
    """But of one that was set to nothing it does."""
    failed = next_attempt("run", ended(Ending.USER_ERROR), Requeue())
    assert failed == Stop("the job's own code failed")
    gone = next_attempt("run", ended(Ending.PREEMPTED), Requeue(preemptions=0))
    assert gone == Stop("its node was preempted; the policy allows 0 further attempts for that")
