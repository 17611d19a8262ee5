"""Quota as values: rows of limits, families, a region. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from amlrun._offers.sizes import family_key
from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping


class LimitKind(str, enum.Enum):
    """Which of the limits a row is: each is asked for in another place."""

    FAMILY = "family"
    TOTAL = "total"
    SPOT_POOL = "spot pool"
    WORKSPACE = "workspace"

    __str__ = str.__str__


@attrs.frozen
class Limit:
    """One row of quota, in vCPUs, under the service's own name. `limit` None: counted, not capped.

    `used` is what exists, as the service counts it. `pending` is what was sent from here after the reading
    and does not run yet, so that the service has not counted it.
    """

    name: str
    limit: int | None
    used: int
    kind: LimitKind = LimitKind.FAMILY
    pending: int = 0

    @property
    def free(self) -> int | None:
        """What nobody holds or is about to hold, in vCPUs; None where there is no cap."""
        return None if self.limit is None else max(0, self.limit - self.used - self.pending)


@attrs.frozen
class FamilyQuota:
    """A family's rows. None: the service has no such row, which is not the same as zero.

    `workspace` is the limit that this workspace has of its own for dedicated nodes; its `used` is what the
    workspace's clusters are known to hold, so at least that.
    """

    name: str
    dedicated: Limit | None = None
    spot: Limit | None = None
    workspace: Limit | None = None

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
