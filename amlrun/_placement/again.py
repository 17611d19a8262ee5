"""`place_again()`: where the next attempt of a job goes. Pure.

It is placed as the first one was, on what can be had now. Where nothing else can take it, or nobody can tell,
it goes where it was: that was possible once, and the service knows best whether it still is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._errors import (
    REFUSALS,
)
from amlrun._needs import SERVERLESS
from amlrun._offers import Kind
from amlrun._placement.place import place
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._needs import Ask
    from amlrun._offers import Market, Tier
    from amlrun._plan import Plan


def place_again(
    ask: Ask, market: Market, former: Plan, *, tier: Tier | None = None, without_sizes: tuple[str, ...] = ()
) -> Plan:
    """A plan for the next attempt, which was at `former`.

    `tier` is the one to go to, `without_sizes` are left alone: both as far as there is such a place.
    """
    for wish in _wishes(ask, market, former, tier, without_sizes):
        try:
            plan = place(wish, market)
        except REFUSALS:
            continue
        return attrs.evolve(plan, requeued=former.requeued)
    return former


def is_elsewhere(plan: Plan, former: Plan) -> bool:
    """Whether a job that waits would gain by going to `plan`: another place, where it need not queue."""
    places = [(one.compute, one.instance_type, one.tier) for one in (plan, former)]
    return places[0] != places[1] and plan.starts is not Starts.QUEUED


def _wishes(
    ask: Ask, market: Market, former: Plan, tier: Tier | None, without_sizes: tuple[str, ...]
) -> Iterator[Ask]:
    """What would be best, then what would do."""
    others = _without(ask, without_sizes)
    if tier is not None:
        if market.quota is None and not without_sizes and former.kind is Kind.SERVERLESS:
            # Nobody knows what else could be had: on the size that it had.
            size = (former.instance_type,) if former.instance_type else ask.instance_types
            yield attrs.evolve(ask, computes=(SERVERLESS,), instance_types=size, tier=tier)
        yield attrs.evolve(others, tier=tier)
        yield attrs.evolve(ask, tier=tier)
    if without_sizes:
        yield others
    if market.quota is not None:
        yield ask


def _without(ask: Ask, sizes: tuple[str, ...]) -> Ask:
    """As if a rule forbade those sizes."""
    guard = attrs.evolve(ask.guard, denied_sizes=(*ask.guard.denied_sizes, *sizes))
    return attrs.evolve(ask, guard=guard)
