"""The quota ledger: who may hold how many vCPUs, and who does; and how many nodes there are to hold. Pure.

A *row* is one limit that is counted: a family in a tier, or the total of a tier. A *hold* counts in its
family's row and in its tier's total. Spot families are counted and not capped; their total is the spot pool.
A workspace may have limits of its own, for families on dedicated nodes: what it holds itself counts there.

Quota is not capacity: a size may have run out in the region whatever the limits say (a `Stock`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier, family_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOTALS = {Tier.STANDARD: "TotalDedicatedCores", Tier.SPOT: "TotalLowPriorityCores"}


@attrs.frozen
class Hold:
    """vCPUs of one family in one tier: so many nodes of a size, where the size is known."""

    family: str
    tier: Tier
    cores: int
    size: str = ""
    nodes: int = 0

    def times(self, count: int) -> Hold:
        """The same, so many times over."""
        return attrs.evolve(self, cores=self.cores * count, nodes=self.nodes * count)


@attrs.frozen
class Row:
    """One count: `limit` None is counted and not capped; `others` are held by nobody that we know."""

    limit: int | None = None
    others: int = 0
    held: int = 0


@attrs.frozen
class Stock:
    """Nodes of one size that the workspace holds, and of how many the region has room for (None: enough)."""

    held: int = 0
    capacity: int | None = None
    fails: bool = False
    """Whether a job that finds none fails, instead of waiting."""


@attrs.frozen
class Shortage:
    """The row in which a hold doesn't fit, in vCPUs."""

    row: str
    needed: int
    limit: int
    used: int
    of_workspace: bool = False

    @property
    def free(self) -> int:
        """What is left in the row."""
        return max(0, self.limit - self.used)


@attrs.frozen
class Ledger:
    """All rows, by family and tier; a family without a row has no quota at all."""

    rows: Mapping[tuple[str, Tier], Row]
    workspace: Mapping[str, int] = attrs.field(factory=dict)
    """The workspace's own limits, by family."""
    stocks: Mapping[str, Stock] = attrs.field(factory=dict)
    """By size, in small letters."""

    def used(self, name: str, tier: Tier) -> int:
        """VCPUs that count in a row: a family's own, or all families' in a total."""
        row = self._row(name, tier)
        if name != TOTALS[tier]:
            return row.others + row.held
        total = family_key(name)
        return row.others + sum(
            other.others + other.held for (key, of), other in self.rows.items() if of is tier and key != total
        )

    def limit(self, name: str, tier: Tier) -> int | None:
        """A row's limit; None where it is only counted."""
        return self._row(name, tier).limit

    def never(self, hold: Hold) -> Shortage | None:
        """The first limit that could not hold it even if nobody else held anything."""
        return next((row for row in self._caps(hold) if hold.cores > row.limit), None)

    def short(self, hold: Hold) -> Shortage | None:
        """The first row that has no room for it now."""
        return next((row for row in self._caps(hold) if row.used + hold.cores > row.limit), None)

    def fits(self, one: Hold, count: int) -> int:
        """How many of so many holds have room together, by quota and by capacity; of no known size: none."""
        if not one.cores:
            return 0
        rooms = [row.free // one.cores for row in self._caps(one)]
        stock = self.stock(one.size)
        if stock.capacity is not None:
            rooms.append(max(0, stock.capacity - stock.held))
        return min(count, *rooms) if rooms else count

    def stock(self, size: str) -> Stock:
        """How a size stands in the region."""
        return self.stocks.get(size.lower(), Stock())

    def lacks(self, hold: Hold) -> bool:
        """Whether the region has no nodes for it, whatever the quota says."""
        stock = self.stock(hold.size)
        return stock.capacity is not None and stock.held + hold.nodes > stock.capacity

    def take(self, hold: Hold) -> Ledger:
        """The ledger with the hold in it. Raises ValueError where it doesn't fit."""
        if shortage := self.short(hold):
            raise ValueError(f"{hold} does not fit: {shortage}")
        return self._add(hold, 1)

    def release(self, hold: Hold) -> Ledger:
        """The ledger without it. Raises ValueError where that much isn't held."""
        if self._row(hold.family, hold.tier).held < hold.cores:
            raise ValueError(f"{hold} is not held")
        return self._add(hold, -1)

    def has_freed(self, before: Ledger) -> bool:
        """Whether somebody holds less than before."""
        return any(row.held < before.rows.get(key, row).held for key, row in self.rows.items())

    def with_row(self, name: str, tier: Tier, *, limit: int | None, others: int | None) -> Ledger:
        """The ledger with a row's limit and others' use changed; None leaves each as it is."""
        row = self._row(name, tier)
        changed = attrs.evolve(
            row,
            limit=row.limit if limit is None else limit,
            others=row.others if others is None else others,
        )
        return attrs.evolve(self, rows={**self.rows, (family_key(name), tier): changed})

    def with_workspace_limit(self, name: str, limit: int | None) -> Ledger:
        """The ledger with the workspace's own limit of a family; None or less than 0 takes it away."""
        limits = {key: value for key, value in self.workspace.items() if key != family_key(name)}
        if limit is not None and limit >= 0:
            limits[family_key(name)] = limit
        return attrs.evolve(self, workspace=limits)

    def with_capacity(self, size: str, capacity: int | None, *, fails: bool = False) -> Ledger:
        """The ledger with room for so many nodes of a size in all; None: for as many as may be."""
        stock = attrs.evolve(self.stock(size), capacity=capacity, fails=fails)
        return attrs.evolve(self, stocks={**self.stocks, size.lower(): stock})

    def held(self, name: str, tier: Tier) -> int:
        """VCPUs of a family that this workspace itself holds."""
        return self._row(name, tier).held

    def _caps(self, hold: Hold) -> Iterator[Shortage]:
        """Every limit that counts for a hold, and how it stands."""
        for name in (hold.family, TOTALS[hold.tier]):
            limit = self._cap(name, hold.tier)
            if limit is not None:
                yield Shortage(name, hold.cores, limit, self.used(name, hold.tier))
        own = self.workspace.get(family_key(hold.family))
        if own is not None and hold.tier is Tier.STANDARD:
            yield Shortage(hold.family, hold.cores, own, self.held(hold.family, hold.tier), of_workspace=True)

    def _cap(self, name: str, tier: Tier) -> int | None:
        if tier is Tier.STANDARD and (family_key(name), tier) not in self.rows:
            return 0  # Assumed: a family that usages doesn't list can't be had at all.
        return self._row(name, tier).limit

    def _row(self, name: str, tier: Tier) -> Row:
        return self.rows.get((family_key(name), tier), Row())

    def _add(self, hold: Hold, sign: int) -> Ledger:
        row = self._row(hold.family, hold.tier)
        rows = {
            **self.rows,
            (family_key(hold.family), hold.tier): attrs.evolve(row, held=row.held + sign * hold.cores),
        }
        if not hold.size:
            return attrs.evolve(self, rows=rows)
        stock = self.stock(hold.size)
        stocks = {
            **self.stocks,
            hold.size.lower(): attrs.evolve(stock, held=stock.held + sign * hold.nodes),
        }
        return attrs.evolve(self, rows=rows, stocks=stocks)

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "rows": [
                [key, tier.value, row.limit, row.others, row.held] for (key, tier), row in self.rows.items()
            ],
            "workspace": dict(self.workspace),
            "stocks": {size: attrs.astuple(stock) for size, stock in self.stocks.items()},
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Ledger:
        """As it was kept."""
        rows = {
            (key, Tier(tier)): Row(limit, others, held) for key, tier, limit, others, held in body["rows"]
        }
        stocks = {size: Stock(*fields) for size, fields in body.get("stocks", {}).items()}
        return cls(rows, body.get("workspace", {}), stocks)
