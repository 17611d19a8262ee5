"""Where else a job could go, whose place was named and can't take it: looked up, never guessed. Pure."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import attrs

from amlrun._needs import SERVERLESS
from amlrun._offers import Kind, Tier
from amlrun._placement.options import best_of, by_preference
from amlrun._placement.places import asked_place
from amlrun._placement.proposals import priced
from amlrun._placement.serverless import tiers_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Market
    from amlrun._placement.options import Option

_SHOWN = 3
_SOMEBODYS = frozenset({Kind.INSTANCE, Kind.VM})
"""Kinds that are never proposed: they belong to people."""


def elsewhere(ask: Ask, market: Market, tried: Iterable[str]) -> str:
    """Where the job could go but for the places that were tried; "": nowhere.

    Serverless; else computes, and serverless in the tier that was not asked for.
    """
    names = {name.lower() for name in tried}
    gpus = _gpus_named(ask, market)
    if gpus:
        ask = attrs.evolve(ask, needs=attrs.evolve(ask.needs, gpus=gpus))
    said = [f"gpus={gpus}"] if gpus else []
    told = [] if SERVERLESS in names else _serverless(ask, market, said)
    if not told:
        others = sorted(_computes(ask, market, names), key=by_preference)
        told = [_told(f"compute={one.offer.compute!r}", one) for one in others]
        if SERVERLESS not in names and len(tiers_of(ask)) == 1:
            tier = Tier.STANDARD if ask.serverless_tier is Tier.SPOT else Tier.SPOT
            told += _serverless(attrs.evolve(ask, tier=tier), market, [*said, f"tier={str(tier)!r}"])
    return f"The job could go to {' or '.join(told[:_SHOWN])}." if told else ""


def _gpus_named(ask: Ask, market: Market) -> int:
    """What the compute has that was named first, where nothing is asked: it was meant as it is."""
    named = {one.name.lower(): one.size for one in market.computes or ()}
    named |= {one.name.lower(): one.size for one in ask.creates}
    size = market.size(named.get(ask.computes[0].lower()) or "")
    return size.gpus if size and ask.needs.shapeless and not ask.instance_types else 0


def _serverless(ask: Ask, market: Market, said: Sequence[str]) -> list[str]:
    best = _best(ask, market, SERVERLESS)
    beside = f" with {', '.join(said)}" if said else ""
    return [] if best is None else [_told(f"compute={SERVERLESS!r}{beside}", best)]


def _computes(ask: Ask, market: Market, tried: Container[str]) -> Iterator[Option]:
    for compute in sorted(market.computes or (), key=attrgetter("name")):
        if compute.name.lower() in tried or compute.kind in _SOMEBODYS:
            continue
        best = _best(ask, market, compute.name)
        if best is not None and (ask.needs.gpus or ask.instance_types or not best.size.gpus):
            yield best


def _best(ask: Ask, market: Market, name: str) -> Option | None:
    """What a job that names that place alone would get there."""
    alone = attrs.evolve(ask, computes=(name,), creates=())
    return best_of(alone, asked_place(alone, market, name).contenders)


def _told(place: str, option: Option) -> str:
    facts = [option.instance_type or option.size.name, f"starts {option.starts}"]
    if option.price is not None:
        facts.insert(1, priced(option.price))
    return f"{place} ({', '.join(filter(None, facts))})"
