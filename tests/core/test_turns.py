"""When a run is looked at, and when it is asked what it waits for."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._turns import FIRST_LOOK, LONGEST_INTERVAL, Question, Turn, is_due, next_due

DAY = 86400.0


def looks(hours: float) -> list[float]:
    """The moments at which a run is looked at that stays as it is, from the first."""
    turn, moments = Turn(), [0.0]
    while (turn := turn.looked(moments[-1])).due <= hours * 3600:
        moments.append(turn.due)
    return moments


def test_looks_come_after_two_seconds_and_then_ever_more_rarely() -> None:
    """Up to a minute apart, so that a day of waiting costs 1,450 looks at most."""
    moments = looks(24)
    intervals = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert intervals[0] == FIRST_LOOK
    assert intervals == sorted(intervals)
    assert intervals[-1] == LONGEST_INTERVAL
    assert 1440 <= len(moments) <= 1450


@pytest.mark.parametrize(("left", "due"), [(1.0, 101.0), (50.0, 102.0), (0.0, 102.0), (-5.0, 102.0)])
def test_what_is_to_be_done_soon_brings_the_next_look_forward(left: float, due: float) -> None:
    """What is overdue was done, and is looked at as ever."""
    assert Turn().looked(100.0, left).due == due


@given(now=st.floats(0, DAY), moment=st.floats(0, DAY))
def test_a_run_between_two_attempts_is_asked_after_every_minute(now: float, moment: float) -> None:
    """Never later than its moment, never in the past."""
    turn = Turn().until(now, moment)
    assert now <= turn.due <= max(now, moment)
    assert turn.due <= now + LONGEST_INTERVAL
    assert turn.interval == FIRST_LOOK


def test_the_next_one_due_is_the_earliest() -> None:
    """And those that are due within half a second go with it."""
    assert next_due([Turn(7.0), Turn(3.0)]) == 3.0
    assert next_due([]) == math.inf
    assert [is_due(Turn(due), 3.0) for due in (3.0, 3.4, 4.0)] == [True, True, False]


def test_what_a_job_waits_for_is_asked_ever_more_rarely() -> None:
    """After two minutes in one state, and some fifty times a day."""
    question, moments = Question.since(1000.0), []
    while question.due <= 1000.0 + DAY:
        moments.append(question.due)
        question = question.asked(question.due)
    assert [moment - 1000.0 for moment in moments[:5]] == [120.0, 240.0, 480.0, 960.0, 1920.0]
    assert 45 <= len(moments) <= 55
