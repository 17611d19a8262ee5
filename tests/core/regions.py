"""Small regions to place jobs in, for tests that name their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._needs import Needs
from amlrun._offers import FamilyQuota, Limit, LimitKind, Market, Quota, Size, Source

if TYPE_CHECKING:
    from collections.abc import Sequence


def size(name: str, cpus: int = 4, price: float | None = 1.0, **other: Any) -> Size:
    """One size, of a family of its own unless said."""
    gpus = other.pop("gpus", 0)
    facts = {
        "family": f"{name} Family",
        "memory_gb": 16.0,
        "gpu": None,
        "disk_gb": 100.0,
        "for_jobs": True,
        "spot_price": None,
        "price_source": "service",
        **other,
    }
    return Size(name=name, cpus=cpus, gpus=gpus, price=price, **facts)


def quota(total: int | None = 1000, spot: int | None = 0, **families: tuple[int | None, int]) -> Quota:
    """Families as limit and use, by the first word of their name."""
    return Quota(
        "eastus",
        tuple(
            FamilyQuota(f"{name}Family", Limit(f"{name}Family", *row), Limit(f"{name}Family", None, 0))
            for name, row in families.items()
        ),
        Limit("TotalDedicatedCores", total, 0, LimitKind.TOTAL),
        Limit("TotalLowPriorityCores", spot, 0, LimitKind.SPOT_POOL),
    )


def market(sizes: Sequence[Size], held: Quota | None, source: Source = Source.SERVICE) -> Market:
    """A region."""
    return Market("eastus", tuple(sizes), held, source)


CHEAP = size("cheap", 4, 1.0, spot_price=0.2)
DEAR = size("dear", 8, 1.25, spot_price=0.3)
DEARER = size("dearer", 16, 2.0, spot_price=0.5)
A100 = size("a100", 24, 3.67, gpus=1, gpu="A100", spot_price=0.74)
A100X2 = size("a100x2", 48, 7.35, gpus=2, gpu="A100", family="a100Family", spot_price=1.47)
T4 = size("t4", 4, 0.53, gpus=1, gpu="T4", spot_price=0.1)
ANY = Needs(cpus=1)
DS3 = size("Standard_DS3_v2", 4, 0.293, memory_gb=14.0, family="standardDSv2Family")
E4S = size("Standard_E4s_v3", 4, 0.25, memory_gb=32.0, family="standardESv3Family")
E8S = size("Standard_E8s_v3", 8, 0.5, memory_gb=64.0, family="standardESv3Family")
D2 = size("Standard_D2s_v3", 2, 0.1, memory_gb=8.0, family="standardDSv3Family")
CPU_MARKET = [DS3, E4S, E8S, D2, T4]
