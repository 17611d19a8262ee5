"""What a team's rules allow, where they are against all that would do: looked up, never guessed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._guard import Guard
from amlrun._needs import SERVERLESS, Ask
from amlrun._placement.serverless import options, tiers_of
from amlrun._plan import Starts
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._offers import Market
    from amlrun._placement.options import Option

_SHOWN = 3
_BY_NAME = ("any of them",)
"""Of sizes that are asked for by name no hardware is asked."""


def allowed(ask: Ask, market: Market, tried: Sequence[Option]) -> list[str]:
    """Fewer nodes whose price is allowed; else sizes that are, whatever was asked of them."""
    return _fewer_nodes(ask, market, tried) or _sizes(ask, market)


def ruled_out(ask: Ask, market: Market, looked_at: Sequence[Option]) -> list[str]:
    """The cheapest that could be had were no rule against it, with that rule."""
    if ask.guard == Guard():
        return []
    unruled, sizes = attrs.evolve(ask, guard=Guard()), dict.fromkeys(option.size for option in looked_at)
    could = [
        (one.price is None, one.price or 0.0, one.size.name, rule)
        for tier in tiers_of(ask)
        for one in options(unruled, market, sizes, tier)
        if one.able and (rule := _rule(ask, one))
    ]
    return [f"{name} could be had, and {rule}." for _, _, name, rule in sorted(could)[:1]]


def _rule(ask: Ask, option: Option) -> str:
    return ask.guard.against(
        size=option.size.name, nodes=ask.most_nodes, price=option.price, compute=SERVERLESS
    )


def _fewer_nodes(ask: Ask, market: Market, tried: Sequence[Option]) -> list[str]:
    """The most nodes whose price is allowed, on the cheapest size that would do if it were."""
    guard = attrs.evolve(ask.guard, highest_price_per_hour=None)
    sizes = dict.fromkeys(option.size for option in tried)
    found = options(attrs.evolve(ask, guard=guard), market, sizes, tiers_of(ask)[0])
    would_do = {one.size.name: one for one in found if not one.miss and one.price is not None}
    if not would_do:
        return []
    name = min(would_do, key=lambda name: (would_do[name].price, name))
    size = would_do[name].size
    for count in range(ask.nodes - 1, 0, -1):
        (option,) = options(attrs.evolve(ask, nodes=count), market, [size], tiers_of(ask)[0])
        if option.able:
            price = money(option.price or 0.0)
            return [f"instance_count={count} of {name} is allowed, at {price} USD an hour."]
    return []


def _sizes(ask: Ask, market: Market) -> list[str]:
    """The cheapest that no rule is against and that have room."""
    anything = Ask(instance_types=_BY_NAME, nodes=ask.nodes, guard=ask.guard)
    found = [
        (bool(ask.needs.gpus) > bool(one.size.gpus), one.price is None, one.price or 0.0, one.size.name)
        for one in options(anything, market, market.sizes, tiers_of(ask)[0])
        if one.able and one.starts is not Starts.QUEUED
    ]
    names = [
        name if unpriced else f"{name} ({money(price)} USD/h)"
        for _, unpriced, price, name in sorted(found)[:_SHOWN]
    ]
    return [f"Allowed, by instance_type=…: {', '.join(names)}."] if names else []
