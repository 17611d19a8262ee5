"""What can be had, as values: sizes, limits, quota, computes, and the market that holds them all. Pure.

Terms are Azure ML's: a *size* (VM size, `instance_type`) belongs to a *family*; a family has a *limit* in
vCPUs for each *tier*; a *node* is one VM. Read by `_market`, decided over by `_placement`.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tier(str, enum.Enum):
    """Dedicated or low-priority nodes; `AUTO` is a wish, never an answer."""

    STANDARD = "standard"
    SPOT = "spot"
    AUTO = "auto"

    __str__ = str.__str__


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


# GPU models are in no reply of the service: they stand in the sizes' names, the older ones only by series.
# Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview
_SPELT_OUT = {
    "RTXPRO6000BSE": "RTXPRO6000",
    **{
        model: model
        for model in (
            *("T4", "A10", "A100", "H100", "H200", "GB200", "GB300"),
            *("MI300X", "MI325X", "V620", "V710"),
        )
    },
}
_BY_SERIES = (
    (re.compile(r"NC\d+r?(_Promo)?", re.IGNORECASE), "K80"),
    (re.compile(r"NC\d+r?s_v2", re.IGNORECASE), "P100"),
    (re.compile(r"NC\d+r?s_v3", re.IGNORECASE), "V100"),
    (re.compile(r"ND\d+r?s", re.IGNORECASE), "P40"),
    (re.compile(r"ND\d+r?s_v2", re.IGNORECASE), "V100"),
    (re.compile(r"ND\d+asr_v4", re.IGNORECASE), "A100"),
    (re.compile(r"NV\d+(_Promo|s_v2|s_v3)?", re.IGNORECASE), "M60"),
    (re.compile(r"NV\d+as_v4", re.IGNORECASE), "MI25"),
)
GPU_MODELS = tuple(sorted({*_SPELT_OUT.values(), *(model for _, model in _BY_SERIES)}))
"""Every model that `gpu_model` can answer."""


def gpu_model(size_name: str) -> str | None:
    """The GPU model that a size's name tells (`Standard_NC4as_T4_v3`: T4), None where it tells none.

    Names alone: a size without GPUs is never asked about.
    """
    _, _, name = size_name.partition("_")
    for part in name.upper().split("_"):
        if part in _SPELT_OUT:
            return _SPELT_OUT[part]
    for pattern, model in _BY_SERIES:
        if pattern.fullmatch(name):
            return model
    return None


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
    def hardware(self) -> str:
        """What one node is, in words: `4 vCPUs, 28 GB, 1 x T4`."""
        words = f"{self.cpus} vCPU{'' if self.cpus == 1 else 's'}, {self.memory_gb:g} GB"
        return f"{words}, {self.gpus} x {self.gpu or 'GPU'}" if self.gpus else words


@attrs.frozen
class Limit:
    """One row of quota, in vCPUs, under the service's own name. `limit` None: counted, not capped."""

    name: str
    limit: int | None
    used: int

    @property
    def free(self) -> int | None:
        """What nobody holds now, in vCPUs; None where there is no cap."""
        return None if self.limit is None else max(0, self.limit - self.used)


@attrs.frozen
class FamilyQuota:
    """A family's two rows. None: the service has no such row, which is not the same as zero."""

    name: str
    dedicated: Limit | None = None
    spot: Limit | None = None

    @property
    def matters(self) -> bool:
        """Whether anything may be, or is, allocated in it: a limit or a use."""
        dedicated = self.dedicated is not None and (self.dedicated.limit != 0 or self.dedicated.used > 0)
        return dedicated or (self.spot is not None and self.spot.used > 0)


@attrs.frozen
class Quota:
    """Azure ML's own quota in one region, in vCPUs: what `quota()` answers. Prints as a table.

    A dedicated job must fit its family's `dedicated` limit and `dedicated_total`; a spot job must fit
    `spot_total`, one pool over all families.
    https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
    """

    location: str
    families: tuple[FamilyQuota, ...] = ()
    dedicated_total: Limit | None = None
    spot_total: Limit | None = None
    _by_key: Mapping[str, FamilyQuota] = attrs.field(init=False, repr=False, eq=False)

    @_by_key.default
    def _index(self) -> Mapping[str, FamilyQuota]:
        return {family_key(family.name): family for family in self.families}

    def family(self, name: str) -> FamilyQuota | None:
        """The family of that name in any of its spellings; None: no row, so unknown."""
        return self._by_key.get(family_key(name))

    def table(self, *, all: bool = False) -> str:  # noqa: A002 - the word that a person tries first
        """As `str(quota)`; with `all` the families that have neither limit nor use too."""
        rows = [
            (family.name, *_figures(family.dedicated), "-" if family.spot is None else str(family.spot.used))
            for family in sorted(self.families, key=lambda family: family_key(family.name))
            if all or family.matters
        ]
        rows += [
            ("all families, dedicated", *_figures(self.dedicated_total), ""),
            ("all families, spot (one pool)", *_figures(self.spot_total), ""),
        ]
        head = ("family", "used", "limit", "free", "spot in use")
        text = table((head, *rows), right=frozenset({1, 2, 3, 4}))
        hidden = len(self.families) + 2 - len(rows)
        more = f"\nNot shown: {hidden} with no limit and no use; quota.table(all=True) has them."
        where = f" in {self.location}" if self.location else ""
        title = f"Azure ML quota{where}, in vCPUs: Azure ML's own, not the subscription's VM quota."
        return f"{title}\n\n{text}{more if hidden else ''}"

    def __str__(self) -> str:
        return self.table()


def _figures(limit: Limit | None) -> tuple[str, str, str]:
    """Used, limit and free as they are shown."""
    if limit is None:
        return "-", "unknown", "unknown"
    if limit.limit is None:
        return str(limit.used), "no cap", "no cap"
    return str(limit.used), str(limit.limit), str(limit.free)


@attrs.frozen
class Problem:
    """An error that the service reports on a compute that it answers 200 for."""

    code: str
    message: str


@attrs.frozen(kw_only=True)
class Compute:
    """A compute of the workspace. `kind` is the service's `computeType` (`AmlCompute`: a cluster).

    `size` and `tier` are None where that kind has none; `size` is in the service's spelling, often capitals.
    `nodes` exist now, `idle_nodes` of them wait for work.
    """

    name: str
    kind: str
    size: str | None = None
    tier: Tier | None = None
    min_nodes: int = 0
    max_nodes: int = 0
    nodes: int = 0
    idle_nodes: int = 0
    state: str = "Succeeded"
    allocation_state: str = ""
    location: str = ""
    problems: tuple[Problem, ...] = ()


@attrs.frozen
class Market:
    """All that can be had in one region. `quota` None: it could not be read.

    `sizes` are the region's own, or (`source` PACKAGED) those of the tables that the package carries.
    """

    location: str
    sizes: tuple[Size, ...]
    quota: Quota | None
    source: Source = Source.SERVICE
    _by_name: Mapping[str, Size] = attrs.field(init=False, repr=False, eq=False)

    @_by_name.default
    def _index(self) -> Mapping[str, Size]:
        return {size.name.lower(): size for size in self.sizes}

    @property
    def verified(self) -> bool:
        """Whether quota is known."""
        return self.quota is not None

    def size(self, name: str) -> Size | None:
        """The size of that name in any case: clusters report theirs in capitals."""
        return self._by_name.get(name.lower())
