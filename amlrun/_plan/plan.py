"""`Plan`: what was decided about a job's place, why, and how that is shown. Pure."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._cluster import Cluster
from amlrun._durations import told
from amlrun._errors import InvalidRequest
from amlrun._fields import WrongField, amount, fields, flag, maybe, several, text, value_of, whole, word
from amlrun._identity import CLIENT_ID_VARIABLE, Identity
from amlrun._needs import SERVERLESS
from amlrun._offers import LONGEST_RUN, Kind, Size, Tier
from amlrun._plan import steps as _steps
from amlrun._plan.candidates import Candidate, Starts, listing, runners_up
from amlrun._plan.order import Order
from amlrun._tables import in_a_notebook, money, table, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amlrun._plan.steps import StepPlan

__all__ = ["VERSION", "Candidate", "Plan", "Starts"]

VERSION = 2
"""Of the form that `Plan.to_dict` writes."""
_RUNNERS_UP = 3
_HOUR = 3600.0


@attrs.frozen(kw_only=True)
class Plan:
    """Where a job goes, what that costs, and why. A plain value: compare it, keep it, send it.

    `compute` is `"serverless"` or a compute's name; `instance_type` None: the service chooses.
    `instance_count` is how many nodes the job has, or each of the `at_once` trials of a sweep that run side
    by side. Prices are for all nodes together, in `currency`, None where not known: `price_per_hour` of the
    tier chosen, `on_demand_per_hour` of the same nodes as standard. `starts` goes by quota, which is not
    capacity.
    `verified` is False where quota could not be read. `size` is what is known of one node. `timeout` is in
    seconds, of each attempt; `requeued`: an attempt may be followed by another. `creates` is the cluster that
    has to be made first. `identity` is the job's as its body says it, None where nobody has said one;
    `client_id` what AZURE_CLIENT_ID says in the job, None where it isn't set. `steps` are those of a
    pipeline, each with a plan of its own. `order` is what the plan was made for: `submit(plan)` sends that;
    plans of the same decision are equal, whatever they were made for.
    """

    compute: str = SERVERLESS
    kind: Kind = Kind.SERVERLESS
    instance_type: str | None = None
    instance_count: int = 1
    at_once: int = 1
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
    requeued: bool = False
    creates: Cluster | None = None
    identity: Identity | None = None
    client_id: str | None = None
    steps: tuple[StepPlan, ...] = ()
    order: Order | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def leaves(self) -> tuple[Plan, ...]:
        """The plans of what runs: of a pipeline its steps', else this one."""
        return tuple(step.plan for step in self.steps) or (self,)

    @property
    def longest_attempt(self) -> float | None:
        """Seconds: its `timeout`, or what the service allows where that is less; None: no timeout."""
        return None if self.timeout is None else min(self.timeout, LONGEST_RUN[self.tier])

    @property
    def most_per_attempt(self) -> float | None:
        """What an attempt costs if it runs for `longest_attempt`, in `currency`; None: not known."""
        if self.price_per_hour is None or self.longest_attempt is None:
            return None
        return self.price_per_hour * self.longest_attempt / _HOUR

    def __str__(self) -> str:
        lines = [_steps.shown(self.steps, self.currency)] if self.steps else []
        lines.append(table(self._rows(), wraps=True))
        lines += [wrapped(reason, first="  because  ", then=" " * 11) for reason in self.reasons]
        lines += [wrapped(warning, first="  warning  ", then=" " * 11) for warning in self.warnings]
        lines += [f"  or       {line}" for line in runners_up(self.candidates, self._chosen, _RUNNERS_UP)]
        return "\n".join(lines)

    _repr_pretty_ = in_a_notebook

    def _rows(self) -> Iterator[tuple[str, str]]:
        if self.steps:
            all_steps = "" if self.price_per_hour is None else ", with all steps at once"
            yield from (("identity", words) for words in _steps.identities(self.steps))
            yield "price", self._price() + all_steps
            yield "starts", _STARTS[self.starts]
            return
        hardware = f" ({self.size.hardware})" if self.size else ""
        yield "place", self.compute
        if self.creates is not None:
            yield "makes", self._made(self.creates)
        yield "size", f"{self.nodes(self.instance_count)}{hardware}"
        if self.at_once > 1:
            yield "trials", f"{self.at_once} at once, each on nodes of its own; the price is that of all"
        if self.kind is not Kind.KUBERNETES:  # which has none
            yield "tier", str(self.tier)
        if self.identity_told:
            yield "identity", self.identity_told
        yield "price", self._price()
        yield "starts", _MADE_FIRST if self.creates is not None else _STARTS[self.starts]

    @property
    def identity_told(self) -> str:
        """Its identity in words; "": nobody has said one."""
        if self.identity is None:
            return ""
        return f"{self.identity}{f' ({CLIENT_ID_VARIABLE}={self.client_id})' if self.client_id else ''}"

    @property
    def most_nodes(self) -> int:
        """How many nodes run at once at most."""
        return self.instance_count * self.at_once

    def nodes(self, count: int) -> str:
        """So many of its size, in words."""
        unsaid = "left to the service" if self.kind is Kind.SERVERLESS else "not told"
        return f"{f'{count} x ' if count > 1 else ''}{self.instance_type or unsaid}"

    def _made(self, cluster: Cluster) -> str:
        if self.price_per_hour is None:
            return f"cluster {cluster}"
        each = money(self.price_per_hour / self.most_nodes)
        return f"cluster {cluster}, {each} {self.currency} an hour each"

    def _price(self) -> str:
        if self.price_per_hour is None:
            return "not known"
        text = f"{money(self.price_per_hour)} {self.currency} an hour"
        if self.price_source and self.price_source != "service":
            text += f" ({self.price_source})"
        if self.tier is Tier.SPOT and self.on_demand_per_hour:
            saving = 1 - self.price_per_hour / self.on_demand_per_hour
            text += f", {saving:.0%} below {money(self.on_demand_per_hour)} standard"
        most, longest = self.most_per_attempt, self.longest_attempt
        if most is not None and longest is not None:
            each = ", each attempt" if self.requeued else ""
            text += f"; at most {money(most)} {self.currency} in {told(longest)}{each}"
        return text

    def explain(self) -> str:
        """The plan, then every candidate and the first thing against it."""
        return "\n\n".join([str(self), *_steps.each(self.steps, Plan._compared), *self._own_compared()])

    def _own_compared(self) -> Iterator[str]:
        if not self.steps:
            yield self._compared()

    def _compared(self) -> str:
        return listing(self.candidates, self._chosen, self.currency) or "No size was compared."

    @property
    def _chosen(self) -> Candidate:
        return Candidate(compute=self.compute, instance_type=self.instance_type or "", tier=self.tier)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, for `from_dict`. Of environment variables it has the names, never the values."""
        steps = _steps.written(self.steps, Plan._written)
        order = self.order and self.order.to_dict()
        return {"version": VERSION, **self._written(), "steps": steps, "order": order}

    def _written(self) -> dict[str, Any]:
        return attrs.asdict(self, value_serializer=_plain, filter=_is_its_own)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The plan again. Raises `InvalidRequest` for a form that this version does not know.

        `argument` is the field that is wrong: `plan.size.cpus`.
        """
        if not isinstance(data, Mapping):
            raise _no_plan(f"{type(data).__name__} is no mapping of fields")
        if data.get("version") != VERSION:
            raise InvalidRequest(
                f"This plan is of version {data.get('version')!r}; this amlrun reads version {VERSION}.",
                hint="Make the plan anew with plan(…).",
                argument="plan",
            )
        said = {name: value for name, value in data.items() if name != "version"}
        try:
            return cls(**fields(said, _READ))
        except WrongField as wrong:
            raise _no_plan(str(wrong), wrong.name) from wrong

    def to_json(self) -> str:
        """As text, for `from_json`: keep it, look at it, submit it elsewhere."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan again. Raises `InvalidRequest` for what is no plan."""
        try:
            data = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise _no_plan(str(error)) from error
        return cls.from_dict(data)

    def to_memo(self) -> dict[str, Any]:
        """As `to_dict`, without what explains it, what it was made for, and what is as it usually is.

        A job remembers it, in a property of 1,000 characters.
        """
        return {"version": VERSION, **self._remembered()}

    def _remembered(self) -> dict[str, Any]:
        short = attrs.evolve(self, reasons=(), warnings=(), candidates=(), creates=None)
        usual = Plan()._written()  # noqa: SLF001 - its own
        memo = {name: value for name, value in short._written().items() if value != usual[name]}  # noqa: SLF001 - the same
        return {**memo, **({"steps": _steps.written(self.steps, Plan._remembered)} if self.steps else {})}


_STARTS = {
    Starts.NOW: "now, by quota (which is not capacity)",
    Starts.QUEUED: "queued, until there is room",
    Starts.UNKNOWN: "unknown",
}
_MADE_FIRST = "when the cluster is made and its nodes have come"


def _plan_of_step(data: Any) -> Plan:
    return Plan(**fields(data, {name: _READ[name] for name in _READ.keys() - _OF_WHOLE}))


def _no_plan(why: str, field: str = "") -> InvalidRequest:
    return InvalidRequest(
        f"This is not a plan as Plan.to_dict writes it: {why}.",
        hint="Make the plan anew with plan(…).",
        argument=f"plan.{field}" if field else "plan",
    )


_SIZE: dict[str, Callable[[Any], Any]] = {
    "name": text,
    "family": text,
    "cpus": whole(0),
    "memory_gb": amount,
    "gpus": whole(0),
    "gpu": maybe(text),
    "disk_gb": amount,
    "for_jobs": flag,
    "price": maybe(amount),
    "spot_price": maybe(amount),
    "price_source": text,
    "spot_hint": flag,
}
_READ: dict[str, Callable[[Any], Any]] = {
    "compute": text,
    "kind": word(*Kind),
    "instance_type": maybe(text),
    "instance_count": whole(1),
    "at_once": whole(1),
    "tier": word(Tier.STANDARD, Tier.SPOT),
    "price_per_hour": maybe(amount),
    "on_demand_per_hour": maybe(amount),
    "currency": text,
    "price_source": text,
    "starts": word(*Starts),
    "verified": flag,
    "reasons": several(text),
    "warnings": several(text),
    "candidates": several(Candidate.from_dict),
    "size": maybe(value_of(Size, _SIZE)),
    "timeout": maybe(amount),
    "requeued": flag,
    "creates": maybe(Cluster.from_dict),
    "identity": maybe(Identity.from_dict),
    "client_id": maybe(text),
    "steps": lambda data: _steps.read(data, _plan_of_step),
    "order": maybe(Order.from_dict),
}
"""How each field is read from JSON."""


_OF_WHOLE = frozenset({"steps", "order"})
"""The fields that a step's plan hasn't."""


def _is_its_own(field: attrs.Attribute[Any], _value: object) -> bool:
    return field.name not in _OF_WHOLE


def _plain(_instance: object, _field: object, value: Any) -> Any:
    """Enums as their values, tuples as JSON has them."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Cluster):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value
