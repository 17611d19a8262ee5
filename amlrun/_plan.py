"""`Plan`: what was decided about a job's place, why, and how that is shown. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._cluster import Cluster
from amlrun._errors import InvalidRequest
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind, Size, Tier
from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION = 2
"""Of the form that `Plan.to_dict` writes."""


class Starts(str, enum.Enum):
    """When a job would start, by quota (which is not capacity)."""

    NOW = "now"
    QUEUED = "queued"
    UNKNOWN = "unknown"

    __str__ = str.__str__


@attrs.frozen(kw_only=True)
class Candidate:
    """One place that was looked at. `against`: the first thing against it; "": it could be chosen.

    `compute` is `"serverless"` or a compute's name. `price_per_hour` is USD for all nodes, None where no
    price is known; `starts` is None for what can't be chosen.
    """

    instance_type: str
    tier: Tier
    compute: str = SERVERLESS
    price_per_hour: float | None = None
    starts: Starts | None = None
    against: str = ""


@attrs.frozen(kw_only=True)
class Plan:
    """Where a job goes, what that costs, and why. A plain value: compare it, keep it, send it.

    `compute` is `"serverless"` or a cluster's name; `instance_type` None: the service chooses. Prices are for
    all nodes together, in `currency`, None where not known: `price_per_hour` of the tier chosen,
    `on_demand_per_hour` of the same nodes as standard. `starts` goes by quota, which is not capacity.
    `verified` is False where quota could not be read. `size` is what is known of one node. `timeout` is in
    seconds, of each attempt. `creates` is the cluster that has to be made first.
    """

    compute: str = SERVERLESS
    kind: Kind = Kind.SERVERLESS
    instance_type: str | None = None
    instance_count: int = 1
    tier: Tier = Tier.STANDARD
    price_per_hour: float | None = None
    on_demand_per_hour: float | None = None
    currency: str = "USD"
    price_source: str = ""
    starts: Starts = Starts.UNKNOWN
    verified: bool = False
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    size: Size | None = None
    timeout: float | None = None
    creates: Cluster | None = None

    def __str__(self) -> str:
        lines = [table(self._rows())]
        lines += [f"  because  {reason}" for reason in self.reasons]
        lines += [f"  warning  {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _rows(self) -> Sequence[tuple[str, str]]:
        hardware = f" ({self.size.hardware})" if self.size else ""
        count = f"{self.instance_count} x " if self.instance_count > 1 else ""
        return (
            ("place", self.compute),
            ("size", f"{count}{self.instance_type or 'left to the service'}{hardware}"),
            ("tier", str(self.tier)),
            ("price", self._price()),
            ("starts", _STARTS[self.starts]),
        )

    def _price(self) -> str:
        if self.price_per_hour is None:
            return "not known"
        text = f"{self.price_per_hour:.2f} {self.currency} an hour"
        if self.price_source and self.price_source != "service":
            text += f" ({self.price_source})"
        if self.tier is Tier.SPOT and self.on_demand_per_hour:
            saving = 1 - self.price_per_hour / self.on_demand_per_hour
            text += f", {saving:.0%} below {self.on_demand_per_hour:.2f} on-demand"
        return text

    def explain(self) -> str:
        """The plan, then every candidate and the first thing against it."""
        rows = [
            (
                candidate.instance_type,
                str(candidate.tier),
                "-" if candidate.price_per_hour is None else f"{candidate.price_per_hour:.2f}",
                str(candidate.starts or "-"),
                candidate.against or self._standing(candidate),
            )
            for candidate in self.candidates
        ]
        head = ("size", "tier", f"{self.currency}/h", "starts", "against it")
        listing = table((head, *rows), right=frozenset({2})) if rows else "No size was compared."
        return f"{self}\n\n{listing}"

    def _standing(self, candidate: Candidate) -> str:
        there = (candidate.compute, candidate.instance_type, candidate.tier)
        chosen = there == (self.compute, self.instance_type, self.tier)
        return "chosen" if chosen else "nothing: it could be chosen"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, for `from_dict`."""
        return {"version": VERSION, **attrs.asdict(self, value_serializer=_plain)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The plan again. Raises `InvalidRequest` for a form that this version does not know."""
        if data.get("version") != VERSION:
            raise InvalidRequest(
                f"This plan is of version {data.get('version')!r}; this amlrun reads version {VERSION}.",
                hint="Make the plan anew with plan(…).",
                argument="plan",
            )
        try:
            return cls(
                **{
                    **{key: value for key, value in data.items() if key != "version"},
                    "tier": Tier(data["tier"]),
                    "kind": Kind(data["kind"]),
                    "creates": data["creates"] and Cluster(**data["creates"]),
                    "starts": Starts(data["starts"]),
                    "reasons": tuple(data["reasons"]),
                    "warnings": tuple(data["warnings"]),
                    "candidates": tuple(_candidate(item) for item in data["candidates"]),
                    "size": data["size"] and Size(**data["size"]),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequest(
                f"This is not a plan as Plan.to_dict writes it: {error}.",
                hint="Make the plan anew with plan(…).",
                argument="plan",
            ) from error


_STARTS = {
    Starts.NOW: "now, by quota (which is not capacity)",
    Starts.QUEUED: "queued, until quota is free",
    Starts.UNKNOWN: "unknown",
}


def _candidate(data: Mapping[str, Any]) -> Candidate:
    starts = data["starts"]
    return Candidate(**{**data, "tier": Tier(data["tier"]), "starts": starts and Starts(starts)})


def _plain(_instance: object, _field: object, value: Any) -> Any:
    """Enums as their values, tuples as JSON has them."""
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
