"""Offers: every size in every tier at every place, with the limits that bind its nodes. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from amlrun._offers.computes import Kind
from amlrun._offers.sizes import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._offers.limits import Limit, Quota
    from amlrun._offers.sizes import Size

NOT_FOR_JOBS = "is not for jobs"
_NO_SPOT = "is burstable (B): there are no spot nodes of it"
_BURSTABLE = re.compile(r"Standard_B\d", re.IGNORECASE)
_UNKNOWN: tuple[tuple[Limit, ...], bool] = ((), False)


@attrs.define(kw_only=True)  # not frozen: thousands are made for one answer, and these are made faster
class Offer:
    """Nodes that can be had: of which size, in which tier, where.

    `compute` is `"serverless"` or a compute's name, `kind` what that is. `limits` are the rows of quota that
    bind nodes which must still be found, `known` whether all rows are there that should be. `against` is why
    no job can ever use it; "": one may. `location` is the region, "" the workspace's.
    """

    size: Size
    tier: Tier
    compute: str = Kind.SERVERLESS.value
    kind: Kind = Kind.SERVERLESS
    limits: tuple[Limit, ...] = ()
    known: bool = True
    against: str = ""
    location: str = ""

    @property
    def price(self) -> float | None:
        """USD per node-hour; None: not known."""
        return self.size.price_for(self.tier)


def serverless_offers(sizes: Iterable[Size], tier: Tier, quota: Quota | None) -> Iterator[Offer]:
    """These sizes as serverless nodes of that tier, in their order."""
    rows: dict[str, tuple[tuple[Limit, ...], bool]] = {}
    spot = tier is Tier.SPOT
    for size in sizes:
        found = rows.get(size.family) if size.cpus else _UNKNOWN
        if found is None:
            found = rows[size.family] = limits_of(size.family, tier, quota)
        limits, known = found
        against = "" if size.for_jobs else NOT_FOR_JOBS
        if spot and not against and _BURSTABLE.match(size.name):
            against = _NO_SPOT
        yield Offer(size=size, tier=tier, limits=limits, known=known, against=against)


def limits_of(family: str, tier: Tier, quota: Quota | None) -> tuple[tuple[Limit, ...], bool]:
    """The rows that bind nodes of that family and tier, and whether all are there that should be.

    Dedicated nodes must fit their family, the workspace's own limit where it has one, and the total of all
    families. Spot nodes must fit one pool over all families, whatever the families' own low-priority rows
    say: those count, and don't cap.
    https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
    """
    if quota is None:
        return (), False
    if tier is Tier.SPOT:
        return ((), False) if quota.spot_total is None else ((quota.spot_total,), True)
    found = quota.family(family)
    own, workspace = (None, None) if found is None else (found.dedicated, found.workspace)
    rows = tuple(row for row in (own, workspace, quota.dedicated_total) if row is not None)
    return rows, own is not None and quota.dedicated_total is not None
