"""Quota as a person reads it: two tables, of what is used and of what fits. Pure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from amlrun._offers.sizes import Tier, family_key
from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._offers.limits import FamilyQuota, GpuRoom, Limit, Quota

_NONE = "-"
_WIDTH = 100
_Row = tuple[str, ...]


def quota_table(quota: Quota, *, everything: bool) -> str:
    """Families with a limit or a use and who holds it, totals, and GPU sizes that can be had; or all of them.

    Of other regions the families that the workspace's computes are of.
    """
    parts = [_families(quota, everything=everything), _gpus(quota, everything=everything)]
    parts += [f"In {one.location}:\n\n{_families(one, everything=everything)}" for one in quota.elsewhere]
    parts += [
        textwrap.fill(f"Note: {note}.", _WIDTH, break_long_words=False, break_on_hyphens=False)
        for note in quota.notes
    ]
    where = f" in {quota.location}" if quota.location else ""
    title = f"Azure ML quota{where}, in vCPUs: Azure ML's own, not the subscription's VM quota."
    return "\n\n".join([title, *(part for part in parts if part)])


def _families(quota: Quota, *, everything: bool) -> str:
    shown = sorted(
        (
            family
            for family in quota.families
            if everything or (family.matters if quota.here else family.held)
        ),
        key=lambda family: family_key(family.name),
    )
    rows = [row for family in shown for row in _family(family)]
    rows.append(("all families, dedicated", *_figures(quota.dedicated_total), "", "", ""))
    rows.append(("all families, spot (one pool)", *_figures(quota.spot_total), "", "", ""))
    head = ("family", "in use", "sent", "coming", "limit", "free", "own limit", "own free", "spot in use")
    text = _lines((head, *rows), keep=frozenset({0, 1, 4, 5, 8}))
    hidden = len(quota.families) - len(shown)
    what = "with no limit and no use" if quota.here else "that no compute of the workspace is of"
    return text + _more(f"families {what}", hidden)


def _family(family: FamilyQuota) -> Iterator[_Row]:
    own, spot = family.workspace, family.spot
    of_own = (_NONE, _NONE) if own is None else (str(own.limit), str(own.free))
    yield (family.name, *_figures(family.dedicated), *of_own, _NONE if spot is None else str(spot.used))
    for holder in family.holders:
        nodes = "" if holder.nodes is None else f", {holder.nodes} node{'' if holder.nodes == 1 else 's'}"
        cores = ("", str(holder.cores)) if holder.tier is Tier.SPOT else (str(holder.cores), "")
        yield (f"  {holder.name}{nodes}", cores[0], "", "", "", "", "", "", cores[1])


def _figures(limit: Limit | None) -> _Row:
    """Used, sent, coming, limit and free as they are shown."""
    if limit is None:
        return _NONE, "", "", "unknown", "unknown"
    counts = (str(limit.used), str(limit.pending or ""), str(limit.coming or ""))
    if limit.limit is None:
        return *counts, "no cap", "no cap"
    return *counts, str(limit.limit), str(limit.free)


def _gpus(quota: Quota, *, everything: bool) -> str:
    shown = [room for room in quota.gpus if everything or room.ever or room.spot_now]
    more = _more("GPU sizes that can be had as spot alone, and not now", len(quota.gpus) - len(shown))
    if not shown:
        return more.strip()
    head = ("GPU size", "GPUs", "now", "ever", "USD/h", "spot now", "spot ever", "spot USD/h")
    text = table((head, *map(_room, shown)), right=frozenset(range(2, 8)))
    return f"Nodes that fit, by quota, which is not capacity; prices are those of one node:\n\n{text}{more}"


def _more(what: str, hidden: int) -> str:
    return f"\nNot shown: {what} ({hidden}): amlrun quota --all, or table(all=True)" if hidden else ""


def _room(room: GpuRoom) -> _Row:
    size = room.size
    prices = (_NONE if price is None else f"{price:.2f}" for price in (size.price, size.spot_price))
    price, spot_price = prices
    counts = (
        _NONE if nodes is None else str(nodes)
        for nodes in (room.now, room.ever, room.spot_now, room.spot_ever)
    )
    now, ever, spot_now, spot_ever = counts
    return (
        size.name,
        f"{size.gpus} x {size.gpu or 'GPU'}",
        now,
        ever,
        price,
        spot_now,
        spot_ever,
        spot_price,
    )


def _lines(rows: Sequence[_Row], *, keep: frozenset[int]) -> str:
    """A table without the columns that say nothing."""
    columns = [
        i for i in range(len(rows[0])) if i in keep or any(row[i] not in {"", _NONE} for row in rows[1:])
    ]
    some = [tuple(row[i] for i in columns) for row in rows]
    return table(some, right=frozenset(range(1, len(columns))))
