"""What follows an attempt that ended, or one that waits for too long: the policy applied. Pure.

The decision, its wait included, is the same whoever makes it: two watchers of one run agree without talking.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs

from amlrun._attempts import cost_of
from amlrun._durations import told
from amlrun._ending import TOLD, Ending
from amlrun._offers import Tier
from amlrun._requeue import Requeue, WhenQueued
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._attempts import Attempt


@attrs.frozen
class Retry:
    """Send the next attempt after `wait` seconds, placed anew.

    `tier`: on nodes of that tier; None: as it was asked for. `without_sizes` are left alone where there are
    others. `why` is what changes, in words; "": nothing that was decided here.
    """

    wait: float
    tier: Tier | None = None
    without_sizes: tuple[str, ...] = ()
    why: str = ""


@attrs.frozen
class Stop:
    """No further attempt. `exhausted`: the policy had allowed some for this reason, and they are used up."""

    why: str
    exhausted: bool = False


@attrs.frozen
class Moved:
    """The attempt has waited in the queue for as long as the policy lets it: it is to be canceled.

    `when` is what the policy says, and what is told of the attempt; `retry` what then follows, None: nothing.
    """

    when: WhenQueued
    retry: Retry | None
    why: str


_COUNT: dict[Ending, str | None] = {
    Ending.COMPLETED: None,
    Ending.USER_ERROR: "user_errors",
    Ending.CANCELED_BY_US: None,
    Ending.CANCELED: None,
    Ending.TIMED_OUT: None,
    Ending.QUEUED_TOO_LONG: "capacity",
    Ending.PREEMPTED: "preemptions",
    Ending.QUOTA: None,
    Ending.OUT_OF_CAPACITY: "capacity",
    Ending.PLATFORM_FAULT: "platform_faults",
    Ending.ENVIRONMENT: None,
    Ending.POLICY: None,
    Ending.UNKNOWN: None,
}
"""Which count of `Requeue` a reason draws on; None: what ended so is never repeated."""


def count_for(ending: Ending) -> str | None:
    """The field of `Requeue` that says how often what ended so is repeated; None: never."""
    return _COUNT[ending]


def next_attempt(group: str, attempts: Sequence[Attempt], policy: Requeue | None) -> Retry | Stop:
    """What follows the last of `attempts`, which are all of `group`'s that ended, oldest first.

    No policy means no requeue.
    """
    last = _ending(attempts[-1])
    words = TOLD[last]
    count = _COUNT[last]
    if count is None:
        return Stop(words)
    if policy is None:
        usually = int(getattr(Requeue(), count))
        return Stop(f"{words}; requeue is off" if usually else words)
    if last is Ending.QUEUED_TOO_LONG and not _moves(policy):
        return Stop(words)
    allowed = int(getattr(policy, count))
    if _used(attempts, count) > allowed:
        spent = f"; the policy allows {allowed} further attempt{'s' * (allowed != 1)} for that"
        unsaid = not allowed and not getattr(Requeue(), count)  # as for anybody who has said nothing
        return Stop(words if unsaid else words + spent, exhausted=allowed > 0)
    limit = _reached(attempts, policy)
    if limit:
        return Stop(f"{words}; {limit}", exhausted=True)
    number = len(attempts)
    wait = policy.waits[min(number, len(policy.waits)) - 1] * (0.9 + 0.2 * _fraction(group, number))
    at_once = by_hand(attempts, policy)
    return at_once if last is Ending.QUEUED_TOO_LONG else attrs.evolve(at_once, wait=wait)


def by_hand(attempts: Sequence[Attempt], policy: Requeue | None) -> Retry:
    """The attempt after the last one, whatever the policy says of that: sent now, where it says it goes."""
    if policy is None:
        return Retry(0.0)
    (tier, on), (sizes, without) = _tier(attempts, policy), _left_alone(attempts, policy)
    return Retry(0.0, tier, sizes, ", and ".join(filter(None, (on, without))))


def queued_too_long(attempts: Sequence[Attempt], policy: Requeue | None, queued: float) -> Moved | None:
    """What to do with the last of `attempts`, which has waited for nodes for `queued` seconds; None: nothing.

    It goes elsewhere only as often as the policy allows attempts for want of capacity.
    """
    if policy is None or policy.max_queue_time is None or queued < policy.max_queue_time:
        return None
    when = policy.when_queued
    why = f"it has waited for nodes for {told(queued)}, and the policy's max_queue_time is"
    why = f"{why} {told(policy.max_queue_time)}"
    if when is WhenQueued.CANCEL:
        return Moved(when, None, why)
    given_up = [*attempts[:-1], attrs.evolve(attempts[-1], ending=Ending.QUEUED_TOO_LONG)]
    following = next_attempt("", given_up, policy)
    return Moved(when, following, why) if isinstance(following, Retry) else None


def _ending(attempt: Attempt) -> Ending:
    return attempt.ending or Ending.UNKNOWN


def _moves(policy: Requeue) -> bool:
    return policy.when_queued in {WhenQueued.OTHER_SIZE, WhenQueued.OTHER_TIER}


def _used(attempts: Sequence[Attempt], count: str) -> int:
    return sum(_COUNT[_ending(one)] == count for one in attempts)


def _reached(attempts: Sequence[Attempt], policy: Requeue) -> str:
    """The limit over all attempts that they have reached, in words; "": none."""
    ran = sum(one.seconds or 0.0 for one in attempts)
    if policy.max_total_time is not None and any(one.seconds is None for one in attempts):
        return f"how long its attempts ran isn't known, and max_total_time is {told(policy.max_total_time)}"
    if policy.max_total_time is not None and ran >= policy.max_total_time:
        return f"its attempts ran for {told(ran)}, and max_total_time is {told(policy.max_total_time)}"
    if policy.max_cost is None:
        return ""
    cost = cost_of(tuple(attempts)).total
    if cost is None:
        return f"what its attempts cost isn't known, and max_cost is {money(policy.max_cost)} USD"
    if cost >= policy.max_cost:
        return f"its attempts cost {money(cost)} USD, and max_cost is {money(policy.max_cost)}"
    return ""


def _tier(attempts: Sequence[Attempt], policy: Requeue) -> tuple[Tier | None, str]:
    """The tier of the next attempt, where the policy says one, and that in words."""
    last = attempts[-1]
    preempted = sum(_ending(one) is Ending.PREEMPTED for one in attempts)
    if policy.to_standard_after is not None and preempted >= policy.to_standard_after:
        times = f"{preempted} preemption{'s' * (preempted != 1)}"
        return Tier.STANDARD, f"on standard nodes after {times}"
    if policy.when_queued is WhenQueued.OTHER_TIER:
        if _ending(last) is Ending.QUEUED_TOO_LONG:
            other = Tier.STANDARD if last.plan.tier is Tier.SPOT else Tier.SPOT
            return other, f"on {other} nodes, having waited for {last.plan.tier} ones"
        if any(_ending(one) is Ending.QUEUED_TOO_LONG for one in attempts):
            return last.plan.tier, f"on {last.plan.tier} nodes"
    return None, ""


def _left_alone(attempts: Sequence[Attempt], policy: Requeue) -> tuple[tuple[str, ...], str]:
    """The sizes that the next attempt leaves alone, and that in words."""
    last = attempts[-1]
    gone = {Ending.OUT_OF_CAPACITY, *([Ending.PREEMPTED] if policy.avoid_evicted_size else [])}
    sizes = [last.plan.instance_type] if _ending(last) in gone else []
    if policy.when_queued is WhenQueued.OTHER_SIZE:  # none that was waited for before: no going in circles
        waited = [one for one in attempts if _ending(one) is Ending.QUEUED_TOO_LONG]
        sizes += [one.plan.instance_type for one in waited]
    named = tuple(dict.fromkeys(size for size in sizes if size))
    return named, f"not on {' or '.join(named)}" if named else ""


def _fraction(group: str, number: int) -> float:
    """A number in [0, 1) that is this run's and attempt's own."""
    digest = hashlib.sha256(f"{group}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
