"""How runs stand in a line, what is said to who leaves them, and what of a log is new."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._attempts import Cost
from amlrun._progress import Progress, Sight, Tail, goes_on

COST = Cost(total=0.4213, on_demand=1.0, currency="USD")
RUNNING = Sight(name="train-1", attempt=1, status="Running", for_=725.0, cost=COST)


def line(*sights: Sight, elapsed: float = 3900.0, next_look: float | None = 47.0) -> str:
    """What is shown of them."""
    return str(Progress(sights=sights, elapsed=elapsed, next_look=next_look))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "train-1: Running for 12 min 5 s"),
        ({"attempt": 2}, "train-1, attempt 2: Running for 12 min 5 s"),
        ({"status": "Queued", "for_": 0.4}, "train-1: Queued for 0 s"),
        ({"restarts": 1}, "train-1: Running for 12 min 5 s, restarted by the service once"),
        ({"restarts": 2}, "train-1: Running for 12 min 5 s, restarted by the service twice"),
        ({"restarts": 3}, "train-1: Running for 12 min 5 s, restarted by the service 3 times"),
        (
            {"status": "Failed", "why": "its node was preempted", "next_in": 240.0},
            "train-1: ended (its node was preempted), attempt 2 follows in 4 min",
        ),
        ({"status": "Completed", "why": "completed", "over": True}, "train-1: Completed (completed)"),
    ],
)
def test_a_run_in_words(change: dict[str, Any], told: str) -> None:
    """The attempt, its state and for how long; what follows; or why it is over."""
    assert str(attrs.evolve(RUNNING, **change)) == told


def test_one_run_in_a_line() -> None:
    """With how long it was waited for here, what it cost so far, and the next look."""
    assert line(RUNNING) == (
        "train-1: Running for 12 min 5 s; 1 h 5 min of waiting; 0.42 USD so far; next look in 47 s"
    )


def test_what_is_not_known_is_left_out() -> None:
    """A price that nobody knows, and a next look that never comes."""
    unknown = attrs.evolve(RUNNING, cost=attrs.evolve(COST, total=None))
    assert line(unknown, next_look=None) == "train-1: Running for 12 min 5 s; 1 h 5 min of waiting"
    assert "so far" not in line(RUNNING, unknown)
    euros = attrs.evolve(RUNNING, cost=attrs.evolve(COST, currency="EUR"))
    assert "so far" not in line(RUNNING, euros)


def test_what_is_counted_as_the_most_is_told_so() -> None:
    """Steps and trials are priced as if all of them ran all the time."""
    most = attrs.evolve(RUNNING, cost=attrs.evolve(COST, at_most=True))
    assert "; at most 0.42 USD so far;" in line(most)


def test_many_runs_are_counted_by_their_states() -> None:
    """And cost what all of them cost."""
    queued = attrs.evolve(RUNNING, status="Queued")
    lost = attrs.evolve(RUNNING, status="Failed", next_in=60.0)
    over = attrs.evolve(RUNNING, status="Completed", over=True, next_in=None)
    assert line(queued, RUNNING, RUNNING, lost, over).startswith(
        "5 runs: 1 Queued, 2 Running, 1 between attempts, 1 Completed; 1 h 5 min of waiting; 2.11 USD so far;"
    )


def test_time_alone_is_no_change() -> None:
    """A log is told what changes; the clock is shown on a terminal."""
    progress = Progress(sights=(RUNNING,), elapsed=1.0)
    later = Progress(sights=(attrs.evolve(RUNNING, for_=900.0),), elapsed=600.0, next_look=5.0)
    assert progress.stage == later.stage
    for change in ({"attempt": 2}, {"status": "Queued"}, {"restarts": 1}, {"next_in": 5.0}, {"over": True}):
        other: dict[str, Any] = change
        assert Progress(sights=(attrs.evolve(RUNNING, **other),), elapsed=1.0).stage != progress.stage


def test_who_leaves_is_told_how_to_come_back() -> None:
    """By name, on the command line and in code; of many the first ten."""
    assert goes_on(["a"]) == (
        "a goes on, and nobody requeues now. Come back with `amlrun wait a`, or amlrun.attach('a').wait()"
    )
    many = goes_on([f"r{number}" for number in range(12)])
    assert many.startswith("These 12 runs go on")
    assert "`amlrun wait r9` and 2 more, or amlrun.attach(name).wait()" in many


def read(*texts: tuple[str, str, bool]) -> list[str]:
    """What is handed on of logs that were read one after the other: whose, its text, whether it is over."""
    tail, handed = Tail(), []
    for name, text, over in texts:
        (size, last), data = tail.of(name), text.encode()
        begin = size if data[:size].endswith(last) and len(data) >= size else 0
        tail, new = tail.more(name, begin, data[begin:], over=over)
        handed.append(new)
    return handed


def test_of_a_log_only_what_is_new_is_handed_on() -> None:
    """Whole lines; the rest when the job is over."""
    assert read(
        ("a", "", False), ("a", "one\ntw", False), ("a", "one\ntw", False), ("a", "one\ntwo", True)
    ) == [
        "",
        "==> a <==\none\n",
        "",
        "two",
    ]


def test_each_attempt_has_its_heading() -> None:
    """And begins at its beginning."""
    assert read(("a", "one\n", True), ("a-a2", "one\ntwo\n", False)) == [
        "==> a <==\none\n",
        "==> a-a2 <==\none\ntwo\n",
    ]


def test_a_log_that_was_started_anew_is_handed_on_from_its_beginning() -> None:
    """The service overwrites it when it restarts a job in place; until it is there, nothing is said."""
    assert read(
        ("a", "one\ntwo\n", False), ("a", "", False), ("a", "ONE\n", False), ("a", "ONE\nTWO\n", True)
    ) == [
        "==> a <==\none\ntwo\n",
        "",
        "==> a (restarted) <==\nONE\n",
        "TWO\n",
    ]


@given(st.text(alphabet="ab\n", max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_however_a_log_is_read_all_of_it_is_handed_on_once(text: str, cuts: list[int]) -> None:
    """In order, without a letter twice."""
    pieces = [("a", text[:cut], False) for cut in sorted(cuts)]
    handed = "".join(read(*pieces, ("a", text, True)))
    assert handed == (f"==> a <==\n{text}" if text else "")
