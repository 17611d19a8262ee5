"""The places that were looked at for a job, and how they are listed. Pure."""

from __future__ import annotations

import enum
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._fields import amount, maybe, text, value_of, word
from amlrun._offers import Kind, Tier
from amlrun._tables import money, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

WIDTH = 100
"""Columns of a terminal."""
_MOST_ROWS = 40
_MOST_ALIKE = 5
"""What is against more candidates than these is told once, with their names."""
_NARROWEST = 34
"""Columns for what is against a candidate, at least."""


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
    price is known; `starts` is None for what can't be chosen. `behind` is why it ranks behind others whatever
    its price.
    """

    instance_type: str
    tier: Tier
    compute: str = Kind.SERVERLESS.value
    price_per_hour: float | None = None
    starts: Starts | None = None
    against: str = ""
    behind: str = ""

    @classmethod
    def from_dict(cls, data: Any) -> Candidate:
        """What `attrs.asdict` made plain. Raises `WrongField`."""
        return value_of(cls, _READ)(data)


_READ: dict[str, Callable[[Any], Any]] = {
    "instance_type": text,
    "tier": word(Tier.STANDARD, Tier.SPOT),
    "compute": text,
    "price_per_hour": maybe(amount),
    "starts": maybe(word(*Starts)),
    "against": text,
    "behind": text,
}


def runners_up(candidates: Iterable[Candidate], chosen: Candidate, most: int) -> list[str]:
    """The best of those that could be chosen too, a line for each."""
    others = [one for one in candidates if not one.against and not _same(one, chosen)][:most]
    rows, right = _rows(others, chosen)
    return table(rows, right=right).split("\n") if rows else []


def listing(candidates: Sequence[Candidate], chosen: Candidate, currency: str) -> str:
    """Every candidate and the first thing against it, those first that could be chosen; "": there are none.

    They stand in a table; those that many have the same thing against stand in groups below it, and so do
    those that are too many for a table.
    """
    ordered = sorted(candidates, key=lambda one: bool(one.against))
    alike = Counter(one.against for one in ordered if one.against)
    alone = [one for one in ordered if alike[one.against] <= _MOST_ALIKE]
    grouped = [*alone[_MOST_ROWS:], *(one for one in ordered if alike[one.against] > _MOST_ALIKE)]
    parts = [_table(alone[:_MOST_ROWS], chosen, currency)] if alone else []
    if grouped:
        more = f"And {len(grouped)} more:" if alone else f"{len(grouped)} candidates:"
        parts.append("\n".join([more, *_groups(grouped, chosen)]))
    return "\n\n".join(parts)


def _table(shown: Sequence[Candidate], chosen: Candidate, currency: str) -> str:
    rows, right = _rows(shown, chosen)
    head = ("place", "size", "tier", f"{currency}/h", "starts")[-len(rows[0]) :]
    plain = table((head, *rows), right=right)
    left = max(map(len, plain.split("\n"))) + 2
    width = max(_NARROWEST, WIDTH - left)
    lines = []
    against = ("against it", *(one.against or _against(one, chosen) for one in shown))
    for line, words in zip(plain.split("\n"), against, strict=True):
        first, *more = textwrap.wrap(words, width, break_long_words=False, break_on_hyphens=False)
        lines += [line.ljust(left) + first, *(" " * left + one for one in more)]
    return "\n".join(lines)


def _rows(shown: Sequence[Candidate], chosen: Candidate) -> tuple[list[Sequence[str]], frozenset[int]]:
    """A row for each, with its place where they have several; and which column holds figures."""
    rows = [
        (one.compute, one.instance_type or "-", str(one.tier), _price(one), _starts(one)) for one in shown
    ]
    if any(one.compute != chosen.compute for one in shown):
        return list(rows), frozenset({3})
    return [row[1:] for row in rows], frozenset({2})


def _groups(rest: Sequence[Candidate], chosen: Candidate) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in rest:
        key = (one.against or _against(one, chosen), one.compute, str(one.tier), _starts(one))
        name, priced = one.instance_type or "-", not one.against and one.price_per_hour is not None
        groups.setdefault(key, []).append(f"{name} {_price(one)}" if priced else name)
    for (against, compute, tier, starts), names in groups.items():
        where = "" if compute == Kind.SERVERLESS.value else f" on {compute}"
        when = "" if starts == "-" else f", starts {starts}"
        yield _wrapped(f"{against} ({len(names)} {tier}{where}{when}):", "  ")
        yield _wrapped(", ".join(names), "    ")


def _wrapped(text: str, indent: str) -> str:
    lines = textwrap.wrap(text, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    return "\n".join(indent + line for line in lines)


def _same(one: Candidate, other: Candidate) -> bool:
    return (one.compute, one.instance_type, one.tier) == (other.compute, other.instance_type, other.tier)


def _against(one: Candidate, chosen: Candidate) -> str:
    if _same(one, chosen):
        return "chosen"
    return f"nothing, but it ranks behind: {one.behind}" if one.behind else "nothing: it could be chosen"


def _price(one: Candidate) -> str:
    return "-" if one.price_per_hour is None else money(one.price_per_hour)


def _starts(one: Candidate) -> str:
    return "-" if one.starts is None else str(one.starts)
