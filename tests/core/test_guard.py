"""Guard rails: the first rule that a place would break, in words that name file and line."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun._guard import Guard
from amlrun._plan import Plan

FILE = "amlrun.toml, line 3"


def against(guard: Guard, **place: Any) -> str:
    """Against a place that nothing but these rules is against."""
    usual = {"size": "Standard_NC4as_T4_v3", "nodes": 1, "price": 0.53, "compute": "serverless"}
    return guard.against(**{**usual, **place})


def rails(**rules: Any) -> Guard:
    """With each rule in line 3."""
    return Guard(**rules, where=dict.fromkeys(rules, FILE))


def test_nothing_said_allows_everything() -> None:
    """A team without rules has none."""
    assert not against(Guard(), size=None, nodes=100, price=None, compute="gpu")
    assert not Guard().needs_size
    assert Guard().allows_compute("gpu")


@pytest.mark.parametrize(
    ("rules", "place", "said"),
    [
        ({"denied_sizes": ("Standard_ND*", "*T4*")}, {}, f'is refused by {FILE}: denied_sizes = "*T4*"'),
        ({"denied_sizes": ("nc*",)}, {}, f'is refused by {FILE}: denied_sizes = "nc*"'),
        ({"denied_sizes": ("Standard_NC*",)}, {"size": "STANDARD_NC6"}, "is refused by"),
        ({"denied_sizes": ("NC",)}, {}, ""),
        ({"denied_sizes": ("Standard_ND*",)}, {}, ""),
        ({"denied_sizes": ("Standard_ND*",)}, {"size": None}, "is of no known size, refused by"),
        ({"allowed_sizes": ("Standard_D*", "E*")}, {}, f'{FILE}: allowed_sizes = "Standard_D*", "E*"'),
        ({"allowed_sizes": ("D*",)}, {"size": "standard_d4_v3"}, ""),
        ({"allowed_sizes": ("D*",)}, {"size": ""}, "is of no known size, refused by"),
        ({"allowed_sizes": tuple("ABCDEFGH")}, {}, '"F", and 2 more'),
        ({"most_nodes": 2}, {"nodes": 2}, ""),
        ({"most_nodes": 2}, {"nodes": 4}, f"has 4 nodes, refused by {FILE}: most_nodes = 2"),
        ({"highest_price_per_hour": 0.53}, {}, ""),
        (
            {"highest_price_per_hour": 2.0},
            {"price": 7.345},
            f"costs 7.345 USD an hour, refused by {FILE}: highest_price_per_hour = 2",
        ),
        ({"highest_price_per_hour": 2.0}, {"price": None}, "has no known price, refused by"),
        ({"allowed_computes": ("gpu-*",)}, {"compute": "GPU-1"}, ""),
        ({"allowed_computes": ("gpu-*",)}, {}, f'is refused by {FILE}: allowed_computes = "gpu-*"'),
    ],
)
def test_the_first_rule_is_told_with_its_line(
    rules: dict[str, Any], place: dict[str, Any], said: str
) -> None:
    """Patterns go by any case, sizes with or without `Standard_`; what can't be shown to hold is refused."""
    told = against(rails(**rules), **place)
    assert said in told
    assert bool(said) is bool(told)


def test_the_service_may_not_choose_a_size_under_rules_about_sizes() -> None:
    """A rule about sizes or prices can't be held against a size that nobody knows."""
    sizes = [rails(allowed_sizes=("D*",)), rails(denied_sizes=("D*",)), rails(highest_price_per_hour=1.0)]
    assert all(guard.needs_size for guard in sizes)
    assert not rails(most_nodes=1, allowed_computes=("x",)).needs_size


def test_a_plan_is_held_against_rules_that_are_younger() -> None:
    """Its size, nodes, price and compute, as they were planned."""
    plan = Plan(instance_type="Standard_D4_v3", instance_count=2, price_per_hour=0.4)
    assert not rails(denied_sizes=("NC*",), most_nodes=2, highest_price_per_hour=0.4).against_plan(plan)
    assert "denied_sizes" in rails(denied_sizes=("D4*",)).against_plan(plan)
    assert "of no known size" in rails(denied_sizes=("NC*",)).against_plan(Plan())


def test_a_pattern_that_matches_no_size_is_told() -> None:
    """With its line; a star was forgotten, more often than not."""
    guard = rails(denied_sizes=("A100", "*A100*"), allowed_sizes=("NC*", "Standard_X*"))
    assert list(guard.useless({"Standard_NC24ads_A100_v4"})) == [
        f'{FILE}: allowed_sizes has "Standard_X*", and no size is called so',
        f'{FILE}: denied_sizes has "A100", and no size is called so',
    ]
    assert not list(Guard().useless(()))
