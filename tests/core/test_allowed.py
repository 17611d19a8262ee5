"""What the rules allow is proposed where they are against all that would do."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun._errors import NothingFits
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
