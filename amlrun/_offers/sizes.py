"""Sizes, their families and tiers, as values. Pure.

Terms are Azure ML's: a *size* (VM size, `instance_type`) belongs to a *family*; a family has a *limit* in
vCPUs for each *tier*; a *node* is one VM.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache

import attrs

from amlrun._offers.gpus import gpu_memory_gb


class Tier(str, enum.Enum):
    """Dedicated or low-priority nodes; `AUTO` is a wish, never an answer."""

    STANDARD = "standard"
    SPOT = "spot"
    AUTO = "auto"

    __str__ = str.__str__


_DAY = 86400.0
LONGEST_RUN: dict[Tier, float] = {Tier.STANDARD: 21 * _DAY, Tier.SPOT: 7 * _DAY, Tier.AUTO: 21 * _DAY}
"""Seconds for which the service lets a job run at most, whatever its timeout."""


class Source(str, enum.Enum):
    """Who told the sizes: the service, or the tables that the package carries."""

    SERVICE = "service"
    PACKAGED = "packaged"

    __str__ = str.__str__


@lru_cache(maxsize=1024)
def family_key(name: str) -> str:
    """One key for a family's spellings: sizes and usages differ in case, spaces and underscores."""
    return re.sub(r"[\s_]", "", name).lower()


def region_key(name: str) -> str:
    """One key for a region's spellings: `East US` and `eastus`."""
    return re.sub(r"\s", "", name).lower()


@attrs.frozen
class Size:
    """A VM size of the region. Prices are USD per node-hour on Linux; None: not known.

    `for_jobs` is False for sizes that only other things than jobs may use. `spot_hint` False is the service's
    word that spot nodes of it can't be had: a hint, wrong both ways.
    """

    name: str
    family: str
    cpus: int
    memory_gb: float
    gpus: int
    gpu: str | None
    disk_gb: float
    for_jobs: bool
    price: float | None
    spot_price: float | None
    price_source: str
    """`"service"`, or what the list price is called (region and date)."""
    spot_hint: bool = True

    def price_for(self, tier: Tier) -> float | None:
        """USD per node-hour of that tier."""
        return self.spot_price if tier is Tier.SPOT else self.price

    @property
    def gpu_memory_gb(self) -> float | None:
        """GB of memory of each GPU (or of the part of one that a node has); None: no GPU, or not known."""
        return gpu_memory_gb(self.name) if self.gpus else None

    @property
    def hardware(self) -> str:
        """What one node is, in words: `4 vCPUs, 28 GB, 1 x T4 (16 GB)`."""
        words = f"{self.cpus} vCPU{'' if self.cpus == 1 else 's'}, {self.memory_gb:g} GB"
        if not self.gpus:
            return words
        memory = (
            f" ({self.gpu_memory_gb:g} GB{' each' if self.gpus > 1 else ''})" if self.gpu_memory_gb else ""
        )
        return f"{words}, {self.gpus} x {self.gpu or 'GPU'}{memory}"
