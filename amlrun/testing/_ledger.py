"""The quota ledger: who may hold how many vCPUs, and who does. Pure.

A *row* is one limit that is counted: a family in a tier, or the total of a tier. A *hold* counts in its
family's row and in its tier's total. Spot families are counted and not capped; their total is the spot pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from amlrun._offers import Tier, family_key

if TYPE_CHECKING:
    from collections.abc import Mapping

TOTALS = {Tier.STANDARD: "TotalDedicatedCores", Tier.SPOT: "TotalLowPriorityCores"}


@attrs.frozen
class Hold:
    """vCPUs of one family in one tier."""

    family: str
    tier: Tier
    cores: int


@attrs.frozen
class Row:
    """One count: `limit` None is counted and not capped; `others` are held by nobody that we know."""

    limit: int | None = None
    others: int = 0
    held: int = 0


@attrs.frozen
class Shortage:
    """The row in which a hold doesn't fit, in vCPUs."""

    row: str
    needed: int
    limit: int
    used: int

    @property
    def free(self) -> int:
        """What is left in the row."""
        return max(0, self.limit - self.used)


@attrs.frozen
class Ledger:
    """All rows, by family and tier; a family without a row has no quota at all."""

    rows: Mapping[tuple[str, Tier], Row]

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
        for name in (hold.family, TOTALS[hold.tier]):
            limit = self._cap(name, hold.tier)
            if limit is not None and hold.cores > limit:
                return Shortage(name, hold.cores, limit, self.used(name, hold.tier))
        return None

    def short(self, hold: Hold) -> Shortage | None:
        """The first row that has no room for it now."""
        for name in (hold.family, TOTALS[hold.tier]):
            limit = self._cap(name, hold.tier)
            used = self.used(name, hold.tier)
            if limit is not None and used + hold.cores > limit:
                return Shortage(name, hold.cores, limit, used)
        return None

    def take(self, hold: Hold) -> Ledger:
        """The ledger with the hold in it. Raises ValueError where it doesn't fit."""
        if shortage := self.short(hold):
            raise ValueError(f"{hold} does not fit: {shortage}")
        return self._add(hold, hold.cores)

    def release(self, hold: Hold) -> Ledger:
        """The ledger without it. Raises ValueError where that much isn't held."""
        if self._row(hold.family, hold.tier).held < hold.cores:
            raise ValueError(f"{hold} is not held")
        return self._add(hold, -hold.cores)

    def with_row(self, name: str, tier: Tier, *, limit: int | None, others: int | None) -> Ledger:
        """The ledger with a row's limit and others' use changed; None leaves each as it is."""
        row = self._row(name, tier)
        changed = attrs.evolve(
            row,
            limit=row.limit if limit is None else limit,
            others=row.others if others is None else others,
        )
        return attrs.evolve(self, rows={**self.rows, (family_key(name), tier): changed})

    def _cap(self, name: str, tier: Tier) -> int | None:
        if tier is Tier.STANDARD and (family_key(name), tier) not in self.rows:
            return 0  # Assumed: a family that usages doesn't list can't be had at all.
        return self._row(name, tier).limit

    def _row(self, name: str, tier: Tier) -> Row:
        return self.rows.get((family_key(name), tier), Row())

    def _add(self, hold: Hold, cores: int) -> Ledger:
        row = self._row(hold.family, hold.tier)
        changed = attrs.evolve(row, held=row.held + cores)
        return attrs.evolve(self, rows={**self.rows, (family_key(hold.family), hold.tier): changed})

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "rows": [
                [key, tier.value, row.limit, row.others, row.held] for (key, tier), row in self.rows.items()
            ]
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Ledger:
        """As it was kept."""
        return cls(
            {(key, Tier(tier)): Row(limit, others, held) for key, tier, limit, others, held in body["rows"]}
        )
