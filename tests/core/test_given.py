"""The names of arguments: those that are typed, and what is said of others."""

from __future__ import annotations

import re

import pytest

from amlrun import InvalidRequest
from amlrun._arguments import Options
from amlrun._asking.given import OTHER_WORDS, Arguments, arguments


def test_every_typed_option_is_an_argument_and_the_reverse() -> None:
    """The names that a type checker accepts are the names that are read."""
    assert set(Options.__annotations__) == set(Arguments.__annotations__)


def test_an_argument_that_is_none_is_told_with_the_nearest() -> None:
    """All of them at once."""
    with pytest.raises(InvalidRequest, match="There is no argument gpuz, teir") as caught:
        arguments({"gpuz": 1, "teir": "spot"})
    assert "gpus" in caught.value.hint
    assert "tier" in caught.value.hint
    with pytest.raises(InvalidRequest) as caught:
        arguments({"zzzzzz": 1})
    assert "environment_variables" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("max_price_per_hour", "needs=Needs(max_price_per_hour=…)"),
        ("gpu_memory_gb", "needs=Needs(gpu_memory_gb=…)"),
        ("max_price", "needs=Needs(max_price_per_hour=…)"),
        ("nodes", "instance_count=…"),
        ("gpu_count", "gpus=…"),
        ("size", "instance_type=…"),
        ("instance_types", "instance_type=…"),
        ("spot", "tier='spot'"),
    ],
)
def test_what_has_another_name_elsewhere_is_told_the_one_here(name: str, meant: str) -> None:
    """It alone, and no list of names that happen to be spelt alike."""
    with pytest.raises(InvalidRequest) as caught:
        arguments({name: 1})
    assert caught.value.hint == f"Did you mean {meant}?"


def test_every_other_word_leads_to_an_argument() -> None:
    """No proposal names what isn't there, and no argument is taken for another."""
    names = set(Arguments.__annotations__)
    for word, meant in OTHER_WORDS.items():
        assert word not in names
        assert re.split(r"[=(]", meant)[0] in {*names, "submit"}
