"""What is said where no place can take the job: what was asked, and what is against each place. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._errors import ComputeNotFound
from amlrun._needs import SERVERLESS
from amlrun._placement.computes import refusal
from amlrun._placement.elsewhere import elsewhere
from amlrun._placement.obstacles import CANT_TAKE, obstacles
from amlrun._placement.other_settings import cannot_be_made
from amlrun._placement.refusal import no_quota, nothing_fits
from amlrun._placement.serverless import tiers_of
from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._errors import AmlrunError
    from amlrun._needs import Ask
    from amlrun._offers import Market
    from amlrun._placement.places import Place

_SHOWN = 8


def verdict(ask: Ask, market: Market, places: Sequence[Place]) -> AmlrunError:
    """The error of one place, then what is against the others.

    That of a name that isn't there, which may be a slip; else serverless' where that was looked at; else the
    first place's.
    """
    main = next((place for place in places if isinstance(place.error, ComputeNotFound)), None) or next(
        (place for place in places if place.name.lower() == SERVERLESS), places[0]
    )
    others = [place for place in places if place is not main]
    error = _of(ask, market, main)
    hints = [elsewhere(ask, market, ask.computes) if ask.computes else "", error.hint]
    lines = [error.message]
    if others:
        whose = "the other places" if ask.computes else "a compute of the workspace"
        lines += [f"Nor can {whose}:", _against(ask, market, others)]
    return error.reworded(message="\n".join(lines), hint="\n".join(filter(None, hints)))


def serverless_cannot(ask: Ask, market: Market, places: Sequence[Place]) -> str:
    """Why a compute that nobody named is taken instead of serverless."""
    main = next(place for place in places if place.name == SERVERLESS)
    if main.contenders:
        doubt = next(obstacle for obstacle in obstacles(ask, market) if obstacle.avoidable)
        return f"serverless may fail: {doubt.reason}"
    return f"serverless can't take it: {_head(_of(ask, market, main))}"


def _head(error: AmlrunError) -> str:
    """What it says first, whole."""
    first, *more = error.message.splitlines()
    lines = [first, *more[:1]] if first.endswith(":") else [first]
    return " ".join(" ".join(lines).split()).removeprefix(CANT_TAKE)


def _of(ask: Ask, market: Market, place: Place) -> AmlrunError:
    """What is against one place."""
    if place.error is not None:
        return place.error
    if place.name.lower() != SERVERLESS:
        wanted = next((one for one in ask.creates if one.name.lower() == place.name.lower()), None)
        if wanted is not None and place.options[0].creates is not None:
            return cannot_be_made(ask, market, wanted, place.options[0])
        return refusal(market, place.options)
    meeting = [option for option in place.options if not option.miss]
    if meeting:
        return no_quota(ask, market, meeting, place.options)
    surer = tiers_of(ask)[0]
    return nothing_fits(ask, market, [option for option in place.options if option.tier is surer])


def _against(ask: Ask, market: Market, places: Sequence[Place]) -> str:
    """A line for each place, with the first thing against it."""
    rows = [(f"  {place.name}", _first(ask, market, place)) for place in places[:_SHOWN]]
    more = f"\n  and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return table(rows, wraps=True) + more


def _first(ask: Ask, market: Market, place: Place) -> str:
    """The first thing against each of its options; of serverless, which has hundreds, the refusal."""
    if place.name.lower() == SERVERLESS and place.error is None:
        return _head(_of(ask, market, place))
    return "; ".join(dict.fromkeys(option.against for option in place.options))
