"""What can be had, as values: sizes, limits, quota, computes, and the market that holds them all. Pure.

Terms are Azure ML's: a *size* (VM size, `instance_type`) belongs to a *family*; a family has a *limit* in
vCPUs for each *tier*; a *node* is one VM. Read by `_market`, decided over by `_placement`.
"""

from __future__ import annotations

import enum
import re

import attrs


class Tier(str, enum.Enum):
    """Dedicated or low-priority nodes; `AUTO` is a wish, never an answer."""

    STANDARD = "standard"
    SPOT = "spot"
    AUTO = "auto"

    __str__ = str.__str__


def family_key(name: str) -> str:
    """One key for a family's spellings: sizes and usages differ in case, spaces and underscores."""
    return re.sub(r"[\s_]", "", name).lower()


@attrs.frozen
class Size:
    """A VM size that jobs can use. Prices are USD per node-hour on Linux; None: not known."""

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

    def price_for(self, tier: Tier) -> float | None:
        """USD per node-hour of that tier."""
        return self.spot_price if tier is Tier.SPOT else self.price


@attrs.frozen
class Limit:
    """One row of quota, in vCPUs, under the service's own name. `limit` None: counted, not capped."""

    name: str
    limit: int | None
    used: int

    @property
    def free(self) -> int | None:
        """vCPUs that nobody holds now; None where there is no cap."""
        return None if self.limit is None else max(0, self.limit - self.used)
