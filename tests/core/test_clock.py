"""Time: a sleep on a laptop that is closed meanwhile, clocks that are set back, several clocks at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._clock import RealClock, Timeline


class Machine:
    """A machine whose clocks a test sets. `sleeps` is what `time.sleep` was asked for."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000.0, 50.0
        self.sleeps: list[float] = []
        self.closed_for = 0.0
        self.set_back = 0.0

    def nap(self, seconds: float) -> None:
        """Both clocks go on; once, the lid is closed, or somebody sets the wall's clock back."""
        self.sleeps.append(seconds)
        self.wall += seconds + self.closed_for - self.set_back
        self.steady += seconds
        self.closed_for = self.set_back = 0.0

    def clock(self) -> RealClock:
        """The clock of this machine."""
        return RealClock(lambda: self.wall, lambda: self.steady, self.nap)


def test_a_sleep_lasts_as_long_as_it_says() -> None:
    """In naps, so that what happens meanwhile is seen."""
    machine = Machine()
    machine.clock().sleep(12.0)
    assert sum(machine.sleeps) == pytest.approx(12.0)
    assert max(machine.sleeps) <= 5.0


def test_a_laptop_that_was_asleep_is_late_by_seconds() -> None:
    """Closed for an hour in a sleep of a minute, it wakes within a nap."""
    machine = Machine()
    machine.closed_for = 3600.0
    machine.clock().sleep(60.0)
    assert sum(machine.sleeps) <= 5.0
    assert machine.clock().now() == machine.wall


def test_a_wall_clock_that_is_set_back_prolongs_no_sleep() -> None:
    """The steady clock has the last word then."""
    machine = Machine()
    machine.set_back = 3600.0
    machine.clock().sleep(60.0)
    assert sum(machine.sleeps) == pytest.approx(60.0)


def test_a_timeline_counts_the_time_in_which_a_laptop_slept_and_never_goes_back() -> None:
    """A clock that is set back stands still for it."""
    machine = Machine()
    timeline = Timeline([machine.clock()])
    machine.wall += 3600.0
    assert timeline.now() == 3600.0
    machine.wall -= 1800.0
    assert timeline.now() == 3600.0
    machine.wall += 60.0
    assert timeline.now() == 3660.0


def test_a_timeline_of_several_clocks_lets_each_come_to_the_same_moment() -> None:
    """Two that are one machine's sleep once; the one that is behind catches up."""
    here, there = Machine(), Machine()
    timeline = Timeline([here.clock(), here.clock(), there.clock()])
    here.wall += 2.0
    assert timeline.now() == 2.0
    timeline.sleep_until(6.0)
    assert timeline.now() == pytest.approx(6.0, abs=1e-3)
    assert timeline.now() >= 6.0
    assert [sum(here.sleeps), sum(there.sleeps)] == pytest.approx([4.0, 6.0], abs=1e-3)


@given(st.floats(0, 1e6), st.floats(0, 100.0))
def test_a_sleep_until_a_moment_comes_to_it(since: float, length: float) -> None:
    """Whatever the fractions: one that ends a hair before it would be slept again, and again."""
    machine = Machine()
    machine.wall = 1_767_603_600.0 + since
    timeline = Timeline([machine.clock()])
    moment = timeline.now() + length
    timeline.sleep_until(moment)
    assert timeline.now() >= moment
