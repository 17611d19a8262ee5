"""A team's guard rails, as a value: what no placement may pass, whatever its arguments say. Pure.

They stand in `amlrun.toml`, which `_teamfile` reads.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from amlrun._plan import Plan

_SHOWN = 6
_PREFIX = "(?:standard_)?"
_CLUSTER = "clusters."
_SOMEWHERE = "the guard rails"


@attrs.frozen(kw_only=True)
class Guard:
    """What a team allows. Nothing said: everything.

    Sizes and computes are patterns, any case, sizes with or without `Standard_` (`NC*_T4_v3`). An instance
    type of Kubernetes is held against the sizes by its name. `highest_price_per_hour` is USD for all nodes of
    a job. `where` maps each of these names to the file and the line that says it; and each cluster of the
    team's, by `cluster_key`.
    """

    allowed_sizes: tuple[str, ...] = ()
    denied_sizes: tuple[str, ...] = ()
    allowed_computes: tuple[str, ...] = ()
    most_nodes: int | None = None
    highest_price_per_hour: float | None = None
    where: Mapping[str, str] = attrs.field(factory=dict)
    _sizes: re.Pattern[str] = attrs.field(init=False, repr=False, eq=False)
    _denied: re.Pattern[str] = attrs.field(init=False, repr=False, eq=False)
    _computes: re.Pattern[str] = attrs.field(init=False, repr=False, eq=False)

    @_sizes.default
    def _compile_sizes(self) -> re.Pattern[str]:
        return _any_of(self.allowed_sizes, prefix=_PREFIX)

    @_denied.default
    def _compile_denied(self) -> re.Pattern[str]:
        return _any_of(self.denied_sizes, prefix=_PREFIX)

    @_computes.default
    def _compile_computes(self) -> re.Pattern[str]:
        return _any_of(self.allowed_computes)

    @property
    def needs_size(self) -> bool:
        """Whether the rules can be held only where the size is known: the service may not choose it."""
        return bool(self.allowed_sizes or self.denied_sizes) or self.highest_price_per_hour is not None

    def against(self, *, size: str | None, nodes: int, price: float | None, compute: str) -> str:
        """The first rule that a place would break, with its file and line; "": none.

        `size` is None or empty where nobody knows it, `price` USD an hour for all nodes, `compute`
        `"serverless"` or a name.
        """
        if self.allowed_computes and not self._computes.match(compute):
            return f"is refused by {self._rule('allowed_computes')}"
        if self.most_nodes is not None and nodes > self.most_nodes:
            return f"has {nodes} nodes, refused by {self._rule('most_nodes')}"
        return self._against_size(size or "") or self._against_price(price)

    def against_plan(self, plan: Plan) -> str:
        """The same of a place that was chosen before: the rules may be younger than the plan."""
        return self.against(
            size=plan.instance_type,
            nodes=plan.most_nodes,
            price=plan.price_per_hour,
            compute=plan.compute,
        )

    def _against_size(self, size: str) -> str:
        if self.denied_sizes and (not size or self._denied.match(size)):
            return f"is {'' if size else 'of no known size, '}refused by {self._rule('denied_sizes', size)}"
        if self.allowed_sizes and not self._sizes.match(size):
            return f"is {'' if size else 'of no known size, '}refused by {self._rule('allowed_sizes')}"
        return ""

    def _against_price(self, price: float | None) -> str:
        most = self.highest_price_per_hour
        if most is None or (price is not None and price <= most):
            return ""
        costs = "has no known price" if price is None else f"costs {price:g} USD an hour"
        return f"{costs}, refused by {self._rule('highest_price_per_hour')}"

    def allows_compute(self, name: str) -> bool:
        """Whether jobs may go there at all."""
        return not self.allowed_computes or self._computes.match(name) is not None

    def useless(self, sizes: Collection[str]) -> Iterator[str]:
        """The patterns that none of these sizes matches, with file and line: a rule that rules nothing."""
        for name in ("allowed_sizes", "denied_sizes"):
            for pattern in getattr(self, name):
                matches = _any_of((pattern,), prefix=_PREFIX).match
                if not any(map(matches, sizes)):
                    line = self.where.get(name, _SOMEWHERE)
                    yield f'{line}: {name} has "{pattern}", and no size is called so'

    def with_clusters(self, names: Iterable[str]) -> Guard:
        """The same, with the lines of these clusters of the team's alone: no other's settings count."""
        kept = {*map(cluster_key, names)}
        where = {key: line for key, line in self.where.items() if key in kept or not key.startswith(_CLUSTER)}
        return attrs.evolve(self, where=where)

    def line_of_cluster(self, name: str) -> str:
        """The file and line that gives a cluster's settings; "": none does."""
        return self.where.get(cluster_key(name), "")

    @property
    def named_computes(self) -> tuple[str, ...]:
        """The computes that are allowed by their name, patterns aside."""
        return tuple(name for name in self.allowed_computes if not re.search(r"[*?[]", name))

    def _rule(self, name: str, size: str = "") -> str:
        """The rule as it stands in the file; of denied sizes the one that strikes."""
        value = getattr(self, name)
        if size:
            value = tuple(one for one in value if _any_of((one,), prefix=_PREFIX).match(size))
        shown = _listed(value) if isinstance(value, tuple) else f"{value:g}"
        return f"{self.where.get(name, _SOMEWHERE)}: {name} = {shown}"


def cluster_key(name: str) -> str:
    """The table that a cluster has in the file."""
    return f"{_CLUSTER}{name.lower()}"


def _listed(values: tuple[str, ...]) -> str:
    more = f", and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(f'"{value}"' for value in values[:_SHOWN]) + more


@lru_cache(maxsize=256)
def _any_of(patterns: tuple[str, ...], *, prefix: str = "") -> re.Pattern[str]:
    """One expression for all patterns: it runs once for each of hundreds of sizes."""
    return re.compile("|".join(f"{prefix}{fnmatch.translate(one)}" for one in patterns), re.IGNORECASE)
