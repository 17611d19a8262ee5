"""Random histories of one run: what befalls its jobs and the wire, cancels, and watchers that die."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from amlrun import AmlrunError, Attempt, Requeue, Run, RunError, WaitTimeout, attach, submit
from amlrun._ending import Ending
from amlrun._states import ENDS
from amlrun.testing import (
    CanceledByPlatform,
    Failed,
    FakeAml,
    ImageBuildFailed,
    NodeLost,
    NotResponding,
    OutOfCapacity,
    Preempted,
)
from tests.submission.runs import ENVIRONMENT, Between
from tests.submission.storms import Storm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FULL = os.environ.get("AMLRUN_CHAOS") == "full"
NAME = "train"
WATCHERS = 3
T4 = "Standard_NC4as_T4_v3"
FAULTS = (
    *(Preempted(how=how) for how in ("failed", "restarted", "canceled", "queued")),
    NotResponding(),
    NodeLost(),
    OutOfCapacity(),
    Failed(),
    ImageBuildFailed(),
    CanceledByPlatform(),
)
USUAL = (*[Preempted()] * 5, *FAULTS[:8])
"""After these a run may go on, so they come more often: the others end its history."""
COUNTS = {
    Ending.PREEMPTED: "preemptions",
    Ending.PLATFORM_FAULT: "platform_faults",
    Ending.OUT_OF_CAPACITY: "capacity",
    Ending.QUEUED_TOO_LONG: "capacity",
    Ending.USER_ERROR: "user_errors",
}
MEANWHILE = ("dies", "dies", "other waits", "other waits", "preempted", "other cancels", "person cancels")
SELDOM = st.sampled_from([False, False, False, True])
"""A cancel ends a history: few are to end early."""


class Died(BaseException):
    """The machine of a watcher is switched off."""


@st.composite
def policies(draw: st.DrawFn) -> Requeue:
    """Any policy: few attempts or more, limits in time and money, something to do in the queue."""
    queue: dict[str, Any] = {}
    if draw(st.booleans()):
        when = draw(st.sampled_from(["wait", "other-size", "other-tier", "cancel"]))
        queue = {"max_queue_time": draw(st.sampled_from([300, 1800])), "when_queued": when}
    preemptions = draw(st.sampled_from([4, 3, 2, 1, 0]))
    return Requeue(
        preemptions=preemptions,
        platform_faults=draw(st.sampled_from([2, 1, 0])),
        capacity=draw(st.sampled_from([3, 1, 0])),
        user_errors=draw(st.sampled_from([1, 0])),
        waits=draw(st.sampled_from([(0,), (30, 120), (60, 300, 900)])),
        max_total_time=draw(st.none() | st.integers(100, 900)),
        max_cost=draw(st.none() | st.floats(0.005, 0.1)),
        to_standard_after=draw(st.none() | st.integers(1, preemptions)) if preemptions else None,
        avoid_evicted_size=draw(st.booleans()),
        **queue,
    )


def is_spent(policy: Requeue, attempts: Sequence[Attempt]) -> bool:
    """Whether the policy has no attempt left after these, the last of which has ended."""
    why = attempts[-1].ending or Ending.UNKNOWN
    count = COUNTS.get(why)
    if count is None or (why is Ending.QUEUED_TOO_LONG and policy.when_queued.value in {"wait", "cancel"}):
        return True
    used = [one for one in attempts if COUNTS.get(one.ending or Ending.UNKNOWN) == count]
    cost = sum((one.plan.price_per_hour or 0.0) * (one.seconds or 0) / 3600 for one in attempts)
    return (
        len(used) > getattr(policy, count)
        or (
            policy.max_total_time is not None
            and sum(one.seconds or 0 for one in attempts) >= policy.max_total_time
        )
        or (policy.max_cost is not None and cost >= policy.max_cost)
    )


class OneRun(RuleBasedStateMachine):
    """One run in one workspace, and watchers on three machines, who don't know of each other."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeAml().start()
        self.storm = Storm(0.0, seed=0).over(self.fake)
        self.wires = [Between() for _ in range(WATCHERS)]
        self.clients = [self.fake.client(per_call_policies=wire) for wire in self.wires]
        self.person = self.fake.client()
        self.canceled_at: int | None = None
        self.meeting = False
        self.policy = Requeue()

    @initialize(
        policy=policies(),
        timeout=st.sampled_from([None, None, 1200, 240]),
        faults=st.lists(st.sampled_from(USUAL), min_size=1, max_size=6),
    )
    def submitted(self, policy: Requeue, timeout: float | None, faults: list[Any]) -> None:
        """A spot job, which the first machine sends, and to which a lot is to happen."""
        self.policy = policy
        for fault in faults:
            self.something_befalls_an_attempt(fault)
        job: dict[str, Any] = {"environment": ENVIRONMENT, "gpus": 1, "tier": "spot", "timeout": timeout}
        submit("train", name=NAME, requeue=policy, client=self.clients[0], **job)
        self.watchers = [self.attached(which) for which in range(WATCHERS)]

    def teardown(self) -> None:
        """Whatever has happened, one more machine comes, and the run is over for a reason."""
        try:
            if self.fake.jobs:
                self.see_it_through()
        finally:
            self.fake.stop(check=False)

    def see_it_through(self) -> None:
        """Nothing goes wrong any more but what is still to befall its attempts."""
        self.storm.forget()
        self.fake.capacity(T4, nodes=None)
        run = attach(self.fake.jobs[-1], client=self.person)
        outcome: Run | RunError = run
        try:
            run.wait(progress=False)
        except RunError as error:
            outcome = error
        self.nothing_follows_a_cancel()
        self.none_begins_before_the_last_one_is_over()
        attempts = [self.fake.job(name) for name in self.fake.jobs]
        assert all(one.status in ENDS for one in attempts)
        assert (outcome is run) == (attempts[-1].status == "Completed")
        if isinstance(outcome, RunError):
            assert outcome.reason == run.attempts[-1].ending
            assert is_spent(self.policy, run.attempts), run.attempts
        for number in range(1, len(attempts)):
            # What a watcher saw of a platform's cancel, one that comes later can't know.
            if run.attempts[number - 1].ending in {Ending.CANCELED, Ending.CANCELED_BY_US}:
                assert any("preempted" in warning for warning in attempts[number - 1].warnings)
            else:
                assert not is_spent(self.policy, run.attempts[:number]), run.attempts
        if self.canceled_at is not None:
            assert attempts[-1].status in ("Canceled", "Completed", "Failed")

    @property
    def live(self) -> list[str]:
        """Attempts that have not ended."""
        return [name for name in self.fake.jobs if self.fake.job(name).status not in ENDS]

    def attached(self, which: int) -> Run:
        """A handle on that machine, from the name of the last attempt."""
        return repeated(lambda: attach(self.fake.jobs[-1], client=self.clients[which]))

    # -- what happens

    @rule(minutes=st.integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        """Nobody looks."""
        self.fake.advance(minutes=minutes)

    @rule(fault=st.sampled_from(USUAL + FAULTS))
    def something_befalls_an_attempt(self, fault: Any) -> None:
        """The one that lives, or one to come."""
        self.fake.inject(fault, job=f"{NAME}*")

    @precondition(lambda self: self.live and self.fake.job(self.live[0]).tier == "spot")
    @rule()
    def a_node_is_taken_away(self) -> None:
        """At once, if it runs."""
        self.fake.preempt(self.live[0])

    @rule(nodes=st.sampled_from([0, None]))
    def the_region_has_nodes_or_none(self, nodes: int | None) -> None:
        """Of the size that is wanted most."""
        self.fake.capacity(T4, nodes=nodes)

    @rule(share=st.sampled_from([0.0, 0.1, 0.3]))
    def the_wire_gets_worse_or_better(self, share: float) -> None:
        """For all machines."""
        self.storm.share = share

    # -- who acts

    @rule(which=st.integers(0, WATCHERS - 1), seconds=st.integers(1, 3000))
    def somebody_waits_for_a_while(self, which: int, seconds: int) -> None:
        """And requeues what has to be."""
        with suppress(WaitTimeout, RunError):
            self.watchers[which].wait(timeout=seconds, progress=False)

    @rule(
        which=st.integers(0, WATCHERS - 1),
        seconds=st.integers(300, 3000),
        at=st.just(0) | st.integers(1, 15),
        what=st.sampled_from(MEANWHILE),
        sent=st.booleans(),
    )
    def something_happens_while_somebody_waits(
        self, which: int, seconds: int, at: int, what: str, *, sent: bool
    ) -> None:
        """Just before its `at`-th request gets out, or (0) its first PUT; or just after it was done."""
        left, other = [at or 1], (which + 1) % WATCHERS

        def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
            # Readings of the market are done by one of a process at a time: no other could go on meanwhile.
            left[0] -= ("/jobs/" in path or "/history/" in path) if at else method == "PUT"
            if left[0]:
                return go_on()
            self.wires[which].act = None
            reply = go_on() if sent else None
            self.meanwhile(what, other)
            return go_on() if reply is None else reply

        self.wires[which].act = act
        try:
            self.somebody_waits_for_a_while(which, seconds)
        except Died:
            self.watchers[which] = self.attached(which)
        finally:
            self.wires[which].act = None

    def meanwhile(self, what: str, other: int) -> None:
        """While a watcher's request is on its way."""
        if what == "dies":
            raise Died
        if what == "other waits":
            self.somebody_waits_for_a_while(other, 1800)
        elif what == "other cancels" and self.canceled_at is None:
            self.meeting = True
            self.somebody_cancels(other, wanted=True)
        elif what == "person cancels" and self.canceled_at is None and self.live:
            self.a_person_cancels(wanted=True)
        elif what == "preempted" and self.live and self.fake.job(self.live[0]).tier == "spot":
            self.a_node_is_taken_away()

    @rule(which=st.integers(0, WATCHERS - 1))
    def a_watcher_is_replaced(self, which: int) -> None:
        """By another machine."""
        self.watchers[which] = self.attached(which)

    @precondition(lambda self: self.canceled_at is None)
    @rule(which=st.integers(0, WATCHERS - 1), wanted=SELDOM)
    def somebody_cancels(self, which: int, *, wanted: bool) -> None:
        """From whatever they saw last; again, where they are told to."""
        if not wanted:
            return
        repeated(self.watchers[which].cancel)
        self.canceled_at = len(self.fake.jobs)

    @precondition(lambda self: self.canceled_at is None and self.live)
    @rule(wanted=SELDOM)
    def a_person_cancels(self, *, wanted: bool) -> None:
        """In the studio, what lives; not what a watcher was canceling just now to send it elsewhere."""
        if not wanted:
            return
        share, self.storm.share = self.storm.share, 0.0
        self.person.jobs.begin_cancel(self.live[0])
        self.storm.share = share
        if "amlrun.queue" not in self.fake.job(self.fake.jobs[-1]).tags:
            self.canceled_at = len(self.fake.jobs)

    # -- what always holds

    @invariant()
    def none_begins_before_the_last_one_is_over(self) -> None:
        """No time has seen two of them alive."""
        attempts = [self.fake.job(name) for name in self.fake.jobs]
        for one, following in itertools.pairwise(attempts):
            assert one.ended is not None, one.name
            assert one.ended <= following.created, (one, following)

    @invariant()
    def attempts_are_named_in_order(self) -> None:
        """None is left out, and there are no others."""
        names = [NAME, *(f"{NAME}-a{number}" for number in range(2, 40))]
        assert list(self.fake.jobs) == names[: len(self.fake.jobs)]

    @invariant()
    def nothing_follows_a_cancel(self) -> None:
        """Whoever watches; and what was on its way to meet the cancel is canceled."""
        if self.canceled_at is None:
            return
        after = self.fake.jobs[self.canceled_at :]
        assert len(after) <= self.meeting
        assert all(self.fake.job(name).status in ("CancelRequested", "Canceled") for name in after)

    @invariant()
    def a_completed_run_is_over(self) -> None:
        """Only the last attempt can have completed."""
        statuses = [self.fake.job(name).status for name in self.fake.jobs]
        assert "Completed" not in statuses[:-1]


def repeated(act: Callable[[], Run]) -> Run:
    """As somebody does who is told that the service doesn't answer."""
    for _ in range(50):
        with suppress(AmlrunError):
            return act()
    return act()


OneRun.TestCase.settings = settings(
    max_examples=1000 if FULL else 30,
    stateful_step_count=30 if FULL else 15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestOneRun = OneRun.TestCase
TestOneRun.__doc__ = "Whatever happens, one run is one job at a time, and ends as its policy says."
