"""Random histories of one run: preemptions, failures, cancels, and watchers that come and go."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from amlrun import Requeue, Run, RunError, WaitTimeout, attach, submit
from amlrun._ending import ENDS
from amlrun.testing import FakeAml

POLICY = Requeue(preemptions=3, user_errors=1, waits=(30, 120))


class OneRun(RuleBasedStateMachine):
    """One run in one workspace, and two watchers who don't know of each other."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeAml().start()
        self.client = self.fake.client()
        self.canceled_at: int | None = None

    @initialize()
    def submitted(self) -> None:
        """A spot job."""
        run = submit(
            "train", environment="azureml:e:1", cpus=4, tier="spot", requeue=POLICY, client=self.client
        )
        self.watchers: list[Run] = [run, attach(run.name, client=self.fake.client())]
        self.name = run.name

    def teardown(self) -> None:
        """Nothing of it stays."""
        self.fake.stop(check=False)

    @property
    def live(self) -> list[str]:
        """Attempts that have not ended."""
        return [name for name in self.fake.jobs if self.fake.job(name).status not in ENDS]

    @rule(minutes=st.integers(1, 8))
    def time_passes(self, minutes: int) -> None:
        """Nobody looks."""
        self.fake.advance(minutes=minutes)

    @precondition(lambda self: self.live)
    @rule()
    def a_node_is_taken_away(self) -> None:
        """Of the attempt that lives."""
        self.fake.preempt(self.live[0])

    @precondition(lambda self: self.live)
    @rule()
    def the_script_fails(self) -> None:
        """Of the attempt that lives."""
        self.fake.fail(self.live[0])

    @rule(which=st.integers(0, 1), seconds=st.integers(1, 900))
    def somebody_waits_for_a_while(self, which: int, seconds: int) -> None:
        """And requeues what has to be."""
        with suppress(WaitTimeout, RunError):
            self.watchers[which].wait(timeout=seconds)

    @rule(which=st.integers(0, 1))
    def a_watcher_is_replaced(self, which: int) -> None:
        """By another machine, from the name of the last attempt."""
        self.watchers[which] = attach(self.fake.jobs[-1], client=self.client)

    @precondition(lambda self: self.canceled_at is None)
    @rule(which=st.integers(0, 1))
    def somebody_cancels(self, which: int) -> None:
        """From whatever they saw last."""
        self.watchers[which].cancel()
        self.canceled_at = len(self.fake.jobs)

    @invariant()
    def at_most_one_attempt_lives(self) -> None:
        """No time sees two."""
        assert len(self.live) <= 1, self.live

    @invariant()
    def attempts_are_named_in_order(self) -> None:
        """None is left out, and there are no others."""
        count = len(self.fake.jobs)
        names = [self.name, *(f"{self.name}-a{number}" for number in range(2, count + 1))]
        assert list(self.fake.jobs) == names[:count]
        assert count <= 1 + POLICY.preemptions + POLICY.user_errors

    @invariant()
    def nothing_follows_a_cancel(self) -> None:
        """Whoever watches."""
        assert self.canceled_at in (None, len(self.fake.jobs))

    @invariant()
    def a_completed_run_is_over(self) -> None:
        """Only the last attempt can have completed."""
        statuses = [self.fake.job(name).status for name in self.fake.jobs]
        assert "Completed" not in statuses[:-1]


OneRun.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestOneRun = OneRun.TestCase
TestOneRun.__doc__ = "Whatever happens, one run is one job at a time, and ends by its policy."
