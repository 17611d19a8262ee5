"""Durations as the service writes them, and in words."""

from __future__ import annotations

import pytest

from amlrun._durations import told


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0, "0 s"),
        (0.5, "1 s"),
        (90, "1 min 30 s"),
        (45 * 60, "45 min"),
        (6 * 3600, "6 h"),
        (5400, "1 h 30 min"),
        (10 * 86400, "10 d"),
        (86400 + 3600 + 60 + 1, "1 d 1 h"),
        (1e9, "11574 d 1 h"),
    ],
)
def test_a_duration_is_told_by_its_two_greatest_units(duration: float, words: str) -> None:
    """Days, hours, minutes, seconds, in whole numbers."""
    assert told(duration) == words
