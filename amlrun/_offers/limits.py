"""Quota as values: rows of limits, families, a region. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from amlrun._offers.quota_table import quota_table
from amlrun._offers.sizes import family_key
from amlrun._tables import in_a_notebook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._offers.sizes import Size, Tier


class LimitKind(str, enum.Enum):
    """Which of the limits a row is: each is asked for in another place."""

    FAMILY = "family"
    TOTAL = "total"
    SPOT_POOL = "spot pool"
    WORKSPACE = "workspace"
    CLUSTERS = "clusters"

    __str__ = str.__str__


@attrs.frozen
class Limit:
    """One row of quota, in vCPUs, under the service's own name. `limit` None: counted, not capped.

    `used` is what exists, as the service counts it. `pending` is what was sent from here after the reading
    and does not run yet, so that the service has not counted it. `coming` is what clusters of the workspace
    are getting, for others.
    """

    name: str
    limit: int | None
    used: int
    kind: LimitKind = LimitKind.FAMILY
    pending: int = 0
    coming: int = 0

    @property
    def free(self) -> int | None:
        """What nobody holds or is about to hold, in vCPUs; None where there is no cap."""
        return None if self.limit is None else max(0, self.limit - self.used - self.pending - self.coming)


@attrs.frozen
class Holder:
    """Who holds vCPUs of a family: a compute of this workspace by name, with its `nodes`, or the rest.

    The rest (`nodes` None) is what remains of the use: serverless jobs, by name where they are known, and
    other workspaces.
    """

    name: str
    tier: Tier
    cores: int
    nodes: int | None = None


@attrs.frozen
class GpuRoom:
    """How many nodes of a GPU size fit, by quota: `now`, and `ever`, when nobody else holds any.

    None: no cap, or not known; as spot, also where the service says that the size has no spot nodes. Prices
    per node-hour are the size's.
    """

    size: Size
    now: int | None
    ever: int | None
    spot_now: int | None
    spot_ever: int | None


@attrs.frozen
class FamilyQuota:
    """A family's rows. None: the service has no such row, which is not the same as zero.

    `workspace` is the limit that this workspace has of its own for dedicated nodes; its `used` is what the
    workspace's clusters are known to hold, so at least that. `holders` hold what is used, where `quota()` was
    asked.
    """

    name: str
    dedicated: Limit | None = None
    spot: Limit | None = None
    workspace: Limit | None = None
    holders: tuple[Holder, ...] = ()

    @property
    def held(self) -> bool:
        """Whether computes of the workspace are of it."""
        return any(holder.nodes is not None for holder in self.holders)

    @property
    def matters(self) -> bool:
        """Whether anything may be, or is, allocated in it: a limit or a use."""
        dedicated = self.dedicated is not None and (self.dedicated.limit != 0 or self.dedicated.used > 0)
        return dedicated or bool(self.workspace) or (self.spot is not None and self.spot.used > 0)


@attrs.frozen
class Quota:
    """Azure ML's own quota in one region, in vCPUs: what `quota()` answers. Prints as a table.

    A dedicated job must fit its family's `dedicated` limit and `dedicated_total`; a spot job must fit
    `spot_total`, one pool over all families; dedicated nodes of this workspace must fit its own limit, too,
    where it has one. `clusters` counts clusters, not vCPUs: those that the region may have. `gpus` is what
    fits on GPU sizes, `notes` what could not be read. `elsewhere` is the quota of other regions in which the
    workspace has clusters; of one of those, `here` is False.
    https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
    """

    location: str
    families: tuple[FamilyQuota, ...] = ()
    dedicated_total: Limit | None = None
    spot_total: Limit | None = None
    gpus: tuple[GpuRoom, ...] = ()
    notes: tuple[str, ...] = ()
    clusters: Limit | None = None
    elsewhere: tuple[Quota, ...] = ()
    here: bool = True
    _by_key: Mapping[str, FamilyQuota] = attrs.field(init=False, repr=False, eq=False)

    @_by_key.default
    def _index(self) -> Mapping[str, FamilyQuota]:
        return {family_key(family.name): family for family in self.families}

    def family(self, name: str) -> FamilyQuota | None:
        """The family of that name in any of its spellings; None: no row, so unknown."""
        return self._by_key.get(family_key(name))

    def table(self, *, all: bool = False) -> str:  # noqa: A002 - the word that a person tries first
        """As `str(quota)`; with `all` the families that have neither limit nor use, and all GPU sizes."""
        return quota_table(self, everything=all)

    def __str__(self) -> str:
        return self.table()

    _repr_pretty_ = in_a_notebook
