"""What a plan says about itself: why this one, and what to know before it is sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._candidates import money
from amlrun._durations import told as in_words
from amlrun._offers import LONGEST_RUN, Source, Tier
from amlrun._placement.options import WORTH_OF_NOW
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Market, Size
    from amlrun._placement.options import Option


_PACKAGED = "packaged tables, East US, November 2025"


def price_source(market: Market, size: Size, tier: Tier) -> str:
    """Where the price comes from: `"service"`, or the name of a table with its date and region."""
    told = "service" if tier is Tier.SPOT else size.price_source
    if size.price_for(tier) is None:
        return ""
    return _PACKAGED if told == "service" and market.source is Source.PACKAGED else told


def first_of(asked: Sequence[str], what: str, chosen: Option) -> str:
    """Why the chosen one of several that were asked for in an order of preference."""
    when = "that starts now" if chosen.starts is Starts.NOW else "that can be had at all: none starts now"
    return f"the first of {len(asked)} {what} asked for {when}"


def reasons_for(ask: Ask, chosen: Option, options: Sequence[Option]) -> tuple[str, ...]:
    """Why this option of serverless, among those of its tier that stand alike in the orders asked for."""
    if not chosen.size.name:
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
            if option.able and option.tier is chosen.tier and option.order == chosen.order
        ]
        reasons = [*_of_models(ask, chosen), _met(ask, chosen, len(rivals)), *_traded(chosen, rivals)]
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
    if count == 1:
        return f"the only size that can be had and meets {needs}"
    return f"by price, of {count} sizes that can be had and meet {needs}"


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
        return []
    price, name = min(others)
    if wanted is Starts.QUEUED:
        words = f"it starts now: {name} at {price:.2f} USD an hour would have to wait"
        return [words] if price < chosen.price else []
    words = f"{name} would start now at {price:.2f} USD an hour: more than {WORTH_OF_NOW:g} times as much"
    return [words] if price > chosen.price * WORTH_OF_NOW else []


def warnings_for(market: Market, size: Size, tier: Tier, *, known: bool) -> tuple[str, ...]:
    """What may turn out otherwise. `known`: whether the quota that should bind has a row."""
    return (*quota_warnings(market, size, tier, known=known), *size_warnings(market, size, tier))


def quota_warnings(market: Market, size: Size, tier: Tier, *, known: bool) -> tuple[str, ...]:
    """Of nodes that must still be found: what is not known of their quota."""
    if not market.verified:
        return ("quota can't be read: the job may have to wait, or be refused for lack of quota",)
    if known or not size.cpus:
        return ()
    row = "spot nodes" if tier is Tier.SPOT else f"the family {size.family}"
    return (f"there is no row of quota for {row}: whether there is room is not known",)


def size_warnings(market: Market, size: Size, tier: Tier) -> tuple[str, ...]:
    """What is not known of the size, or is doubted."""
    warnings = []
    if not size.cpus:
        warnings.append(f"{size.name} is not in the packaged catalogue: it is sent as it was written")
    elif market.source is Source.PACKAGED:
        warnings.append(
            f"the sizes of {market.location} can't be read: figures and prices are those of the {_PACKAGED}"
        )
    if not size.for_jobs:
        warnings.append(f"{size.name} is not for jobs in East US; whether it is here can't be read")
    if tier is Tier.SPOT and not size.spot_hint:
        warnings.append(f"the service says {size.name} has no spot nodes: that has been wrong both ways")
    if size.price_for(tier) is None:
        warnings.append(f"no {tier} price of {size.name} is known")
    return tuple(warnings)


def lost_work(ask: Ask, chosen: Option) -> Iterator[str]:
    """What it may cost that spot nodes can be taken away, where nothing is kept for another attempt."""
    if chosen.tier is not Tier.SPOT or ask.requeued:
        return
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
