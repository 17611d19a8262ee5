"""`Plan`: what was decided about a job's place, why, and how that is shown. Pure."""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._candidates import Candidate, Starts, listing, money, runners_up
from amlrun._cluster import Cluster
from amlrun._errors import InvalidRequest
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind, Size, Tier
from amlrun._order import Order
from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["VERSION", "Candidate", "Plan", "Starts"]

VERSION = 2
"""Of the form that `Plan.to_dict` writes."""
_RUNNERS_UP = 3
_HOUR, _MINUTE = 3600.0, 60.0


@attrs.frozen(kw_only=True)
class Plan:
    """Where a job goes, what that costs, and why. A plain value: compare it, keep it, send it.

    `compute` is `"serverless"` or a compute's name; `instance_type` None: the service chooses. Prices are for
    all nodes together, in `currency`, None where not known: `price_per_hour` of the tier chosen,
    `on_demand_per_hour` of the same nodes as standard. `starts` goes by quota, which is not capacity.
    `verified` is False where quota could not be read. `size` is what is known of one node. `timeout` is in
    seconds, of each attempt. `creates` is the cluster that has to be made first. `order` is what the plan was
    made for: `submit(plan)` sends that; plans of the same decision are equal, whatever they were made for.
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
    order: Order | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def most_per_attempt(self) -> float | None:
        """What an attempt costs if it runs until its `timeout`, in `currency`; None: not known."""
        if self.price_per_hour is None or self.timeout is None:
            return None
        return self.price_per_hour * self.timeout / _HOUR

    def __str__(self) -> str:
        lines = [table(self._rows())]
        lines += [f"  because  {reason}" for reason in self.reasons]
        lines += [f"  warning  {warning}" for warning in self.warnings]
        lines += [f"  or       {line}" for line in runners_up(self.candidates, self._chosen, _RUNNERS_UP)]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str]]:
        hardware = f" ({self.size.hardware})" if self.size else ""
        count = f"{self.instance_count} x " if self.instance_count > 1 else ""
        yield "place", self.compute
        if self.creates is not None:
            yield "makes", self._made(self.creates)
        yield "size", f"{count}{self.instance_type or 'left to the service'}{hardware}"
        if self.kind is not Kind.KUBERNETES:  # which has none
            yield "tier", str(self.tier)
        yield "price", self._price()
        yield "starts", _MADE_FIRST if self.creates is not None else _STARTS[self.starts]

    def _made(self, cluster: Cluster) -> str:
        if self.price_per_hour is None:
            return f"cluster {cluster}"
        each = money(self.price_per_hour / self.instance_count)
        return f"cluster {cluster}, {each} {self.currency} an hour each"

    def _price(self) -> str:
        if self.price_per_hour is None:
            return "not known"
        text = f"{money(self.price_per_hour)} {self.currency} an hour"
        if self.price_source and self.price_source != "service":
            text += f" ({self.price_source})"
        if self.tier is Tier.SPOT and self.on_demand_per_hour:
            saving = 1 - self.price_per_hour / self.on_demand_per_hour
            text += f", {saving:.0%} below {money(self.on_demand_per_hour)} on-demand"
        if self.most_per_attempt is not None and self.timeout is not None:
            text += f"; at most {money(self.most_per_attempt)} {self.currency} in {_span(self.timeout)}"
        return text

    def explain(self) -> str:
        """The plan, then every candidate and the first thing against it."""
        listed = listing(self.candidates, self._chosen, self.currency)
        return f"{self}\n\n{listed or 'No size was compared.'}"

    @property
    def _chosen(self) -> Candidate:
        return Candidate(compute=self.compute, instance_type=self.instance_type or "", tier=self.tier)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, for `from_dict`. Of environment variables it has the names, never the values."""
        return {
            "version": VERSION,
            **attrs.asdict(attrs.evolve(self, order=None), value_serializer=_plain),
            "order": self.order and self.order.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The plan again. Raises `InvalidRequest` for a form that this version does not know."""
        if data.get("version") != VERSION:
            raise InvalidRequest(
                f"This plan is of version {data.get('version')!r}; this amlrun reads version {VERSION}.",
                hint="Make the plan anew with plan(…).",
                argument="plan",
            )
        said = {name: value for name, value in data.items() if name != "version"}
        try:
            return cls(**{name: _READ[name](value) for name, value in said.items()})
        except (KeyError, TypeError, ValueError, AttributeError, InvalidRequest) as error:
            raise InvalidRequest(
                f"This is not a plan as Plan.to_dict writes it: {error}.",
                hint="Make the plan anew with plan(…).",
                argument="plan",
            ) from error

    def to_json(self) -> str:
        """As text, for `from_json`: keep it, look at it, submit it elsewhere."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan again. Raises `InvalidRequest` for what is no plan."""
        try:
            data = json.loads(text)
        except ValueError as error:
            message = f"This is not a plan as Plan.to_json writes it: {error}."
            hint = "Make the plan anew with plan(…)."
            raise InvalidRequest(message, hint=hint, argument="plan") from error
        return cls.from_dict(data if isinstance(data, dict) else {})

    def to_memo(self) -> dict[str, Any]:
        """As `to_dict`, without what explains it, what it was made for, and what is as it usually is.

        A job remembers it, in a property of 1,000 characters.
        """
        memo = attrs.evolve(self, reasons=(), warnings=(), candidates=(), creates=None, order=None).to_dict()
        usual = Plan().to_dict()
        return {name: value for name, value in memo.items() if name == "version" or value != usual[name]}


_STARTS = {
    Starts.NOW: "now, by quota (which is not capacity)",
    Starts.QUEUED: "queued, until there is room",
    Starts.UNKNOWN: "unknown",
}
_MADE_FIRST = "when the cluster is made and its nodes have come"


def _span(seconds: float) -> str:
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:.3g} h"
    return f"{seconds / _MINUTE:.3g} min" if seconds >= _MINUTE else f"{seconds:.3g} s"


def _a(*kinds: type) -> Callable[[Any], Any]:
    """Reads what must be of one of these types."""

    def read(value: Any) -> Any:
        if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
            return value
        raise TypeError(f"{value!r} is no {kinds[0].__name__}")

    return read


_NOTHING = type(None)
_READ: dict[str, Callable[[Any], Any]] = {
    "compute": _a(str),
    "instance_type": _a(str, _NOTHING),
    "instance_count": _a(int),
    "price_per_hour": _a(float, int, _NOTHING),
    "on_demand_per_hour": _a(float, int, _NOTHING),
    "currency": _a(str),
    "price_source": _a(str),
    "verified": _a(bool),
    "timeout": _a(float, int, _NOTHING),
    "tier": Tier,
    "kind": Kind,
    "starts": Starts,
    "reasons": tuple,
    "warnings": tuple,
    "candidates": lambda items: tuple(Candidate.from_dict(item) for item in items),
    "size": lambda data: data and Size(**data),
    "creates": lambda data: data and Cluster(**data),
    "order": lambda data: data and Order.from_dict(data),
}
"""How each field is read from JSON."""


def _plain(_instance: object, _field: object, value: Any) -> Any:
    """Enums as their values, tuples as JSON has them."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Cluster):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value
