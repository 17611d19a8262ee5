"""What the rules allow is proposed where they are against all that would do."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._errors import NothingFits, QuotaError
from amlrun._guard import Guard
from amlrun._needs import Ask, Needs
from amlrun._offers import FamilyQuota, Limit, Market, Quota, Size
from amlrun._placement import place


def size(name: str, *, price: float | None, gpus: int = 0, cpus: int = 4) -> Size:
    """A size of the only family."""
    return Size(
        name=name,
        family="any",
        cpus=cpus,
        memory_gb=16.0,
        gpus=gpus,
        gpu="T4" if gpus else None,
        disk_gb=10.0,
        for_jobs=True,
        price=price,
        spot_price=None,
        price_source="service",
    )


SIZES = (
    size("Standard_D4", price=0.2),
    size("Standard_D8", price=None, cpus=8),
    size("Standard_N4", price=0.5, gpus=1),
    size("Standard_N8", price=0.8, gpus=1, cpus=8),
)


def hints(guard: Guard, *, limit: int = 100, **asked: Any) -> list[str]:
    """The proposals of the refusal."""
    quota = Quota("eastus", (FamilyQuota("any", Limit("any", limit, 0)),), Limit("total", 1000, 0))
    with pytest.raises(NothingFits) as caught:
        place(Ask(guard=guard, **asked), Market("eastus", SIZES, quota))
    return [line for line in caught.value.hint.splitlines() if "llowed" in line]


GPU = Needs(gpus=1)


@pytest.mark.parametrize(
    ("guard", "asked", "said"),
    [
        (
            Guard(highest_price_per_hour=1.6),
            {"needs": GPU, "nodes": 6},
            ["instance_count=3 of Standard_N4 is allowed, at 1.50 USD an hour."],
        ),
        (
            Guard(highest_price_per_hour=0.3),
            {"needs": GPU, "nodes": 1},
            ["Allowed, by instance_type=…: Standard_D4 (0.20 USD/h)."],
        ),
        (
            Guard(allowed_sizes=("N*",)),
            {},
            ["Allowed, by instance_type=…: Standard_N4 (0.50 USD/h), Standard_N8 (0.80 USD/h)."],
        ),
        (
            Guard(denied_sizes=("N4",)),
            {"instance_types": ("Standard_N4",), "needs": GPU},
            ["Allowed, by instance_type=…: Standard_N8 (0.80 USD/h), Standard_D4 (0.20 USD/h), Standard_D8."],
        ),
        (Guard(denied_sizes=("*",)), {"needs": GPU}, []),
        (Guard(highest_price_per_hour=0.1), {"needs": GPU, "nodes": 2}, []),
    ],
)
def test_what_is_allowed_is_proposed(guard: Guard, asked: dict[str, Any], said: list[str]) -> None:
    """Fewer nodes where that is enough; else the cheapest sizes, GPUs first where GPUs were asked for."""
    assert [line for line in hints(guard, **asked) if "Guard rails" not in line] == said


def test_what_has_no_room_is_not_proposed() -> None:
    """A proposal that must wait, or can never be had, is none."""
    told = hints(Guard(allowed_sizes=("N*",)), limit=4)
    assert "Allowed, by instance_type=…: Standard_N4 (0.50 USD/h)." in told


def test_a_count_that_is_allowed_can_be_had() -> None:
    """Of what the rule allows, as many nodes as quota can ever hold."""
    guard = Guard(highest_price_per_hour=1.6)
    assert hints(guard, limit=8, needs=GPU, nodes=6)[0].startswith("instance_count=2 of Standard_N4")
    assert not any("instance_count" in line for line in hints(guard, limit=2, needs=GPU, nodes=6))


def test_what_only_a_rule_is_against_is_told_where_quota_refuses_the_rest() -> None:
    """Else the way out would be more quota, where a word with the team is."""
    families = (FamilyQuota("any", Limit("any", 4, 0)),)
    quota = Quota("eastus", families, Limit("total", 1000, 0))
    where = {"denied_sizes": 'amlrun.toml, line 2: denied_sizes = ["N4"]'}

    def refused(guard: Guard) -> str:
        with pytest.raises(QuotaError) as caught:
            place(Ask(guard=guard, needs=GPU, nodes=1), Market("eastus", SIZES, quota))
        return str(caught.value)

    told = refused(Guard(denied_sizes=("N4",), where=where))
    assert "Standard_N4 could be had, and is refused by amlrun.toml, line 2" in " ".join(told.split())
    dear = size("Standard_N2", price=9.0, gpus=1, cpus=2)
    with pytest.raises(QuotaError) as caught:
        place(
            Ask(needs=Needs(gpus=1, max_price_per_hour=1), instance_types=("Standard_N8", "Standard_N2")),
            Market("eastus", (*SIZES, dear), quota),
        )
    assert "max_price_per_hour=9 would take Standard_N2." in caught.value.hint


def test_a_count_that_nobody_can_vouch_for_may_fit() -> None:
    """Where a row that should bind isn't told, "fits" would be a promise."""
    known = Quota("eastus", (FamilyQuota("any", Limit("any", 8, 0)),), Limit("total", 1000, 0))
    for quota, words in (
        (known, "instance_count=2 fits."),
        (attrs.evolve(known, dedicated_total=None), "instance_count=2 may fit."),
    ):
        with pytest.raises(QuotaError) as caught:
            place(Ask(needs=GPU, nodes=3), Market("eastus", SIZES, quota))
        assert caught.value.hint.startswith(words)


def test_who_asks_for_nothing_is_told_of_the_rules_alone() -> None:
    """There is nothing that a size would have to meet."""
    with pytest.raises(NothingFits, match=r"^No size .* is allowed\. The nearest") as caught:
        place(Ask(guard=Guard(allowed_sizes=("Z*",))), Market("eastus", SIZES, None))
    assert "nothing in particular" not in caught.value.message
