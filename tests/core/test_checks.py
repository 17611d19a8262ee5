"""Checks as values."""

from amlrun._checks import Check, Level, worst


def test_a_check_is_one_line_with_its_cause_and_the_way_out() -> None:
    """What, why and what to do; what is empty leaves no stop behind."""
    assert Check("a", Level.WARNING, "it may fail", "there is no route", "Give it one.").words == (
        "it may fail: there is no route. Give it one"
    )
    assert Check("a", Level.OK, "it is fine").words == "it is fine"


def test_the_worst_of_many_counts() -> None:
    """What is not known is less than a warning, and of nothing there is nothing to say."""
    checks = tuple(Check(str(level), level, "…") for level in (Level.UNKNOWN, Level.WARNING, Level.NOTE))
    assert worst(checks) is Level.WARNING
    assert worst(()) is Level.OK


def test_a_check_is_json() -> None:
    """With its level as a word."""
    check = Check("right-to-submit", Level.FAILS, "no")
    assert check.to_dict() == {
        "name": "right-to-submit",
        "level": "fails",
        "what": "no",
        "why": "",
        "todo": "",
    }
