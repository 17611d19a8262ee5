"""What a plan says about itself: why this one, and what to know before it is sent. Pure."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import attrs

from amlrun._catalogue import gpu_sizes
from amlrun._durations import told as in_words
from amlrun._job_types import TRAITS, JobType
from amlrun._offers import LONGEST_RUN, Source, Tier
from amlrun._placement.options import WORTH_OF_NOW, by_preference
from amlrun._plan import Starts
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Market, Size
    from amlrun._placement.options import Option
    from amlrun._placement.places import Place


_PACKAGED = "packaged tables, East US, November 2025"
_MAY_WAIT = "the job may have to wait, or be refused for lack of quota"
_FIGURES = f"figures are those of the {_PACKAGED}"
_PRICES = f"figures and prices are those of the {_PACKAGED}"
_BY_PAGE = "figures are those of the page of its series, November 2026"
_OF_UNREAD = (_MAY_WAIT, _FIGURES, _PRICES, _BY_PAGE)
"""What follows from what could not be read."""


def price_source(market: Market, size: Size, tier: Tier, location: str = "") -> str:
    """Where the price comes from: `"service"`, another region, or a table with its date and region."""
    if market.location and location not in {"", market.location} and size.price_for(tier) is not None:
        return f"as in {market.location}; that of {location} is not known"
    told = "service" if tier is Tier.SPOT else size.price_source
    if size.price_for(tier) is None:
        return ""
    return _PACKAGED if told == "service" and market.source is Source.PACKAGED else told


def first_of(asked: Sequence[str], what: str, chosen: Option) -> str:
    """Why the chosen one of several that were asked for in an order of preference."""
    return f"the first of {len(asked)} {what} asked for {_FIRST[chosen.starts or Starts.UNKNOWN]}"


_FIRST = {
    Starts.NOW: "that starts now",
    Starts.QUEUED: "that can be had at all: none starts now",
    Starts.UNKNOWN: "that may be had: of none is it known that it starts now",
}


def passed_over(places: Iterable[Place], chosen: Option) -> Iterator[str]:
    """Why the places that were asked for before the chosen one were not taken: the best of each.

    Nothing of those that are warned of.
    """
    taken = chosen.offer.compute.lower()
    for place in takewhile(lambda place: place.name.lower() != taken, places):
        best = min(place.options, key=lambda option: (not option.able, by_preference(option)))
        if not (place.error and place.warnings):
            yield f"{place.name}: {best.against or best.why or best.fit}"


def reasons_for(ask: Ask, chosen: Option, options: Sequence[Option]) -> tuple[str, ...]:
    """Why this option of serverless, among those of its tier that stand alike in the orders asked for."""
    if chosen.why:
        return (chosen.why,)
    if ask.planned:
        reasons = []
    elif len(ask.instance_types) == 1:
        reasons = ["the size was asked for by name"]
    elif ask.instance_types:
        reasons = [first_of(ask.instance_types, "sizes", chosen)]
    else:
        rivals = [
            option
            for option in options
            if option.able and option.tier is chosen.tier and option.preference == chosen.preference
        ]
        reasons = [
            *_of_models(ask, chosen),
            _met(ask, chosen, len(rivals)),
            *_traded(chosen, rivals),
            *_doubted(chosen, rivals),
        ]
    if chosen.fit is not None and chosen.fit.row.name:
        reasons.append(str(chosen.fit))
    return tuple(reasons)


def _of_models(ask: Ask, chosen: Option) -> list[str]:
    """Where its GPU model stands among those asked for."""
    if len(ask.needs.gpu) < 2:  # noqa: PLR2004  one is no order
        return []
    return [f"{chosen.size.gpu}: {first_of(ask.needs.gpu, 'GPU models', chosen)}"]


def _met(ask: Ask, chosen: Option, count: int) -> str:
    needs = attrs.evolve(ask.needs, gpu=chosen.size.gpu) if len(ask.needs.gpu) > 1 else ask.needs
    if ask.needs.shapeless:
        return f"nothing was asked of the nodes{_default(ask, chosen)}"
    had = "" if chosen.starts is Starts.UNKNOWN else "can be had and "
    if count == 1:
        return f"the only size that {had}meets {needs}"
    if chosen.price is None:
        return f"of {count} sizes that {had}meet {needs}, none with a known price is as certain to be had"
    return f"by price, of {count} sizes that {had}meet {needs}"


def _default(ask: Ask, chosen: Option) -> str:
    """How it stands to the size that is meant where nothing is asked."""
    most = "" if ask.needs.nothing else f" for {ask.needs}"
    if chosen.smaller:
        return f"; no size of at least 4 vCPUs and 14 GB can be had{most}: the nearest"
    if chosen.off:
        return f"; no general-purpose size of 4 vCPUs can be had{most}: the next best"
    return ": a general-purpose size of 4 vCPUs and at least 14 GB"


def _traded(chosen: Option, rivals: Sequence[Option]) -> list[str]:
    """What was given up: a lower price for a start now, or a start now for a lower price."""
    wanted = {Starts.NOW: Starts.QUEUED, Starts.QUEUED: Starts.NOW}.get(chosen.starts or Starts.UNKNOWN)
    others = [
        (option.price, option.size.name)
        for option in rivals
        if option.starts is wanted and option.price is not None and option.off == chosen.off
    ]
    if not others or chosen.price is None:
        return _unpriced(chosen, rivals)
    price, name = min(others)
    if wanted is Starts.QUEUED:
        words = f"it starts now: {name} at {price:.2f} USD an hour would have to wait"
        return [words] if price < chosen.price else []
    words = f"{name} would start now at {price:.2f} USD an hour: more than {WORTH_OF_NOW:g} times as much"
    return [words] if price > chosen.price * WORTH_OF_NOW else []


def _unpriced(chosen: Option, rivals: Sequence[Option]) -> list[str]:
    """What starts now, where the chosen one doesn't, and has no known price."""
    names = sorted(one.size.name for one in rivals if one.price is None and one.starts is Starts.NOW)
    if not names or chosen.starts is Starts.NOW:
        return []
    return [f"{names[0]} starts now: its price isn't known"]


def _doubted(chosen: Option, rivals: Sequence[Option]) -> list[str]:
    """The cheapest of what is cheaper, and comes after it because it is less certain."""
    if chosen.price is None or _doubt(chosen):
        return []
    cheaper = [
        (one.price, one.size.name, _doubt(one))
        for one in rivals
        if one.price is not None and one.price < chosen.price and one.off == chosen.off and _doubt(one)
    ]
    return [f"{name} would be {money(price)} USD an hour: {why}" for price, name, why in sorted(cheaper)[:1]]


def _doubt(option: Option) -> str:
    if option.tier is Tier.SPOT and not option.size.spot_hint:
        return "the service says that it has no spot nodes"
    known = option.fit is None or option.fit.known
    return "" if known else "there is no row of quota for it"


def warnings_for(ask: Ask, market: Market, chosen: Option) -> tuple[str, ...]:
    """What may turn out otherwise with nodes of serverless."""
    size, tier = chosen.size, chosen.tier
    known = chosen.fit is None or chosen.fit.known
    return (*quota_warnings(market, size, tier, known=known), *size_warnings(ask, market, size, tier))


def with_causes(market: Market, warnings: Sequence[str]) -> Iterator[str]:
    """The warnings, and before them what could not be read, with all that follows from it: one fact."""
    follows = [warning for warning in _OF_UNREAD if warning in warnings]
    if follows:
        unread = [*([] if market.verified else ["quota"]), *(["sizes"] if _packaged(market) else [])]
        cause = "; ".join(market.unread) or f"{' and '.join(unread)} can't be read"
        yield f"{cause}: {'; '.join(follows)}"
    else:
        yield from market.unread
    yield from (warning for warning in warnings if warning not in follows)


def _packaged(market: Market) -> bool:
    return market.source is Source.PACKAGED


def quota_warnings(market: Market, size: Size, tier: Tier, *, known: bool) -> tuple[str, ...]:
    """Of nodes that must still be found: what is not known of their quota."""
    if not market.verified:
        return (_MAY_WAIT,)
    if known or not size.cpus:
        return ()
    return (
        f"there is no row of quota for {_unknown(market, size, tier)}: whether there is room is not known",
    )


def _unknown(market: Market, size: Size, tier: Tier) -> str:
    """Whose row is missing."""
    found = market.quota and market.quota.family(size.family)
    if tier is Tier.SPOT:
        return "spot nodes"
    return "all families together" if found and found.dedicated else f"the family {size.family}"


def _figures(market: Market, size: Size, tier: Tier) -> str:
    """Where they come from, where the region's own can't be read."""
    if any(row["name"] == size.name for row in gpu_sizes()):
        return _BY_PAGE
    return _PRICES if price_source(market, size, tier) == _PACKAGED else _FIGURES


def size_warnings(ask: Ask, market: Market, size: Size, tier: Tier) -> tuple[str, ...]:
    """What is not known of the size, or is doubted."""
    warnings = []
    if not size.cpus:
        unmet = "" if ask.needs.shapeless else f", and whether it meets {ask.needs} is not known"
        warnings.append(f"{size.name} is not in the packaged catalogue: it is sent as it was written{unmet}")
    elif market.source is Source.PACKAGED:
        warnings.append(_figures(market, size, tier))
    if not size.for_jobs:
        warnings.append(f"{size.name} is not for jobs in East US; whether it is here can't be read")
    if tier is Tier.SPOT and not size.spot_hint:
        warnings.append(f"the service says {size.name} has no spot nodes: that has been wrong both ways")
    if size.price_for(tier) is None:
        warnings.append(f"no {tier} price of {size.name} is known")
    return tuple(warnings)


def lost_work(ask: Ask, chosen: Option) -> Iterator[str]:
    """What it may cost that spot nodes can be taken away, where nothing is kept for another attempt."""
    if chosen.tier is not Tier.SPOT or (ask.requeued and ask.job is JobType.COMMAND):
        return
    if ask.requeued:
        told = "spot without checkpoints: the next attempt does all again that was done before it"
    elif TRAITS[ask.job].has_parts:
        told = "spot without requeue: when a node is taken away, what ran on it is lost"
    else:
        told = "spot without requeue: when a node is taken away, the job is over and all its work is lost"
    if chosen.price is not None:
        told += f": {money(chosen.price)} USD for each hour of it"
        if ask.timeout is not None:
            longest = min(ask.timeout, LONGEST_RUN[Tier.SPOT])
            told += f", at most {money(chosen.price * longest / 3600)} USD in {in_words(longest)}"
    yield told


def cut_short(ask: Ask, chosen: Option) -> Iterator[str]:
    """That the service ends a job before its timeout."""
    longest = LONGEST_RUN[chosen.tier]
    if ask.timeout is not None and ask.timeout > longest:
        nodes = " on spot nodes" if chosen.tier is Tier.SPOT else ""
        yield f"a job runs {in_words(longest)} at most{nodes}, and its timeout is {in_words(ask.timeout)}"
