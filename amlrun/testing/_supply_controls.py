"""The part of `FakeAml` that says what there is to be had: quota and clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._offers import Tier
from amlrun.testing._clusters import Cluster
from amlrun.testing._places import size_of
from amlrun.testing._usages import row_name

if TYPE_CHECKING:
    from amlrun.testing._backend import Backend


class SupplyControls:
    """What the workspace's jobs can be placed on."""

    _backend: Backend

    def quota(
        self, name: str, *, limit: int | None = None, used: int | None = None, spot_used: int | None = None
    ) -> None:
        """Set a limit, and how much of it others use, in vCPUs.

        `name` is a family in any of its spellings, `TotalDedicatedCores` or `TotalLowPriorityCores` (the one
        pool of spot). Families have no limit of their own for spot: `spot_used` is only counted.

        Raises ValueError for a name that is neither.
        """
        name, total = row_name(name)
        with self._backend.work() as (records, now):
            places = self._backend.engine.places
            ledger = places.ledger(records).with_row(name, total or Tier.STANDARD, limit=limit, others=used)
            if total is None:
                ledger = ledger.with_row(name, Tier.SPOT, limit=None, others=spot_used)
            elif spot_used is not None:
                raise ValueError(f"{name} is one row: give what others use of it as used={spot_used}.")
            places.keep_ledger(records, ledger)
            self._backend.engine.dispatch(records, now)
        self._backend.stir()

    def cluster(
        self,
        name: str,
        *,
        size: str = "Standard_DS3_v2",
        min_nodes: int = 0,
        max_nodes: int = 4,
        tier: str = "standard",
        idle_seconds: float = 120.0,
    ) -> None:
        """Put a cluster (AmlCompute) into the workspace; its minimum of nodes is there at once.

        Raises ValueError for a size that the catalogue doesn't have, and where the minimum exceeds quota.
        """
        row = size_of(size)
        if row is None:
            raise ValueError(f"{size!r} is no size of the catalogue.")
        with self._backend.work() as (records, now):
            places = self._backend.engine.places
            made = Cluster(
                name=name,
                size=row["name"],
                family=row["family"],
                cores=row["vCPUs"],
                tier=Tier(tier),
                min_nodes=min_nodes,
                max_nodes=max_nodes,
                idle_seconds=idle_seconds,
                created=now,
                idle=(now,) * min_nodes,
            )
            places.keep_ledger(records, places.ledger(records).take(made.hold(min_nodes)))
            places.keep_cluster(records, made)
        self._backend.stir()

    def as_data_scientist(self) -> None:
        """From now on the caller's role ends at the workspace: usages, sizes and quotas are 403."""
        self._backend.reads_quota = False
