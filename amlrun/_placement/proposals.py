"""What would work instead, where a job can't have what it asked for: proposals, each looked up. Pure."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING

import attrs

from amlrun._catalogue import LIST_PRICES, list_prices
from amlrun._job_types import JobType
from amlrun._needs import SERVERLESS
from amlrun._offers import LimitKind, Source, Tier, gpu_model, limits_of
from amlrun._placement.fit import fit
from amlrun._placement.options import best_of_some, price_of
from amlrun._placement.serverless import in_one_tier, options, tiers_of
from amlrun._plan import Starts
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amlrun._needs import Ask, Needs
    from amlrun._offers import Market, Size
    from amlrun._placement.fit import Fit
    from amlrun._placement.options import Option

_OTHERS = 3
OWN_QUOTA = "That is Azure ML's own quota, not the subscription's VM quota (Microsoft.Compute)."
_RAISED: dict[LimitKind, str] = {
    LimitKind.FAMILY: "Ask for Azure ML quota of {name} in {location}, {needed} vCPUs at least: {page}.",
    LimitKind.TOTAL: (
        "Ask for more dedicated vCPUs of all families together ({name}) in {location}, {needed} at least:"
        " {page}."
    ),
    LimitKind.SPOT_POOL: (
        "Ask for more low-priority vCPUs ({name}, one pool over all families) in {location}, {needed} at"
        " least: {page}."
    ),
    LimitKind.WORKSPACE: (
        "This workspace has a limit of its own for {name}, below the subscription's: ask whoever administers"
        " the subscription to raise it to {needed} vCPUs at least, at {page} > Configure quotas."
    ),
}
"""Each kind of limit is raised in another way.

https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
"""


def priced(price: float | None) -> str:
    """A price beside the name of a size."""
    return "no known price" if price is None else f"{money(price)} USD/h"


def counted(count: int, starts: Starts | None, *, on: str = "") -> str:
    """A count of nodes as a proposal: what fits does so now, what would have to wait doesn't."""
    if starts is Starts.UNKNOWN:
        return f"instance_count={count} may fit{on}."
    if starts is Starts.NOW:
        return f"instance_count={count} fits{on}."
    return f"instance_count={count} can ever be had{on} (it would wait)."


def fewer(market: Market, nodes: int, tried: Sequence[Option]) -> list[str]:
    """The counts of nodes that could be had, now and ever, on the first of these options that holds any.

    Of two tiers that come into question, in the one that gives more. And the most that any option is known to
    hold now, with its price, where that is more.
    """
    held = [(option, option.fit or fit(option.size, nodes, option.tier, market.quota)) for option in tried]
    firsts = {option.tier: (option, whole) for option, whole in reversed(held) if whole.fits}
    if not firsts:
        return []
    option, whole = max(firsts.values(), key=lambda first: (first[1].fits, first[0].tier is tried[0].tier))
    now = min(whole.fits, whole.fits_now)
    counts = {whole.fits: Starts.QUEUED}
    if now:
        counts[now] = fit(option.size, now, option.tier, market.quota).starts or Starts.QUEUED
    on = "" if option is tried[0] else f" with instance_type={option.size.name!r}"
    if option.tier is not tried[0].tier:
        on += f" and tier={str(option.tier)!r}"
    told = [counted(count, counts[count], on=on) for count in sorted(counts)]
    return [" ".join([*told, *_most(market, held, whole.fits)])]


def _most(market: Market, held: Iterable[tuple[Option, Fit]], least: int) -> Iterator[str]:
    """The most nodes that fit now on any of these options, where they are more than that many."""
    counts = [(min(whole.fits, whole.fits_now), option) for option, whole in held]
    for count, option in sorted(counts, key=itemgetter(0), reverse=True):
        size, tier = option.size, option.tier
        if count > least and fit(size, count, tier, market.quota).starts is Starts.NOW:
            price = priced(price_of(size, count, tier))
            yield counted(count, Starts.NOW, on=f" with instance_type={size.name!r} as {tier} ({price})")
            return


def similar(ask: Ask, size: Size, *, named: bool) -> Needs:
    """What is asked of the nodes; where nothing is, what the size has: GPUs, or the rest if it was named."""
    needs = ask.needs
    if size.gpus:
        return attrs.evolve(needs, gpus=needs.gpus or size.gpus)
    if named:
        cpus, memory_gb = needs.cpus or size.cpus, needs.memory_gb or size.memory_gb
        return attrs.evolve(needs, cpus=cpus, memory_gb=memory_gb)
    return needs


def room(ask: Ask, market: Market, best: Option, tried: Sequence[Option]) -> list[str]:
    """Sizes that have room in the tier of the best, and those tried that have room in the other.

    What was asked of the nodes, or else named, holds for them, but for the GPU's model.
    """
    needs = attrs.evolve(similar(ask, best.size, named=bool(ask.instance_types)), gpu=())
    alike: Iterable[Option] = ()
    if ask.instance_types or needs != ask.needs:  # else these are the ones that were tried
        alike = options(attrs.evolve(ask, needs=needs, instance_types=()), market, market.sizes, best.tier)
    words = "With another GPU model there is room on" if ask.needs.gpu else "Sizes that have room"
    return [*_room(words, alike, tried), *across(ask, market, tried)]


def across(ask: Ask, market: Market, tried: Sequence[Option]) -> list[str]:
    """Those tried that have room in the tier that was not asked for."""
    if len(tiers_of(ask)) > 1:
        return []
    other = Tier.STANDARD if ask.serverless_tier is Tier.SPOT else Tier.SPOT
    sizes = dict.fromkeys(option.size for option in tried)
    enough = (size for size in sizes if next(ask.needs.misses(size), None) is None)
    crossing = options(ask, market, enough, other)
    return _room(f"With tier={str(other)!r} there is room on", crossing, tried)


def _room(words: str, found: Iterable[Option], tried: Sequence[Option]) -> list[str]:
    """The cheapest that start now, those whose spot is doubted only where there is nothing else."""
    taken = {(option.size.name, option.tier) for option in tried}
    free = [
        option
        for option in found
        if option.able and option.starts is Starts.NOW and (option.size.name, option.tier) not in taken
    ]
    sure = [option for option in free if option.tier is not Tier.SPOT or option.size.spot_hint]
    cheapest = sorted(sure or free, key=lambda o: (o.off, o.price is None, o.price or 0.0, o.size.name))
    names = [f"{option.size.name} ({priced(option.price)})" for option in cheapest[:_OTHERS]]
    return [f"{words}: {', '.join(names)}."] if names else []


def dearer(ask: Ask, market: Market, tried: Sequence[Option]) -> Iterator[str]:
    """The lowest price at which something would do, in the tiers that were asked for, and what that is."""
    most = ask.needs.max_price_per_hour
    if most is None:
        return
    beyond = [
        one
        for one in _costing(ask, market, (option.size for option in tried), None)
        if one.able and one.price is not None and one.price > most
    ]
    if beyond:
        enough = _in_cents(min(one.price or 0.0 for one in beyond))
        best = _taken(ask, _costing(ask, market, (one.size for one in beyond), enough))
        tier = f" ({best.tier})" if len(tiers_of(ask)) > 1 else ""
        yield f"max_price_per_hour={enough:g} would take {best.size.name}{tier}."


def _costing(ask: Ask, market: Market, sizes: Iterable[Size], most: float | None) -> list[Option]:
    """These sizes where the nodes may cost so much."""
    asked = attrs.evolve(ask, needs=attrs.evolve(ask.needs, max_price_per_hour=most))
    distinct = dict.fromkeys(sizes)
    return [one for tier in tiers_of(ask) for one in options(asked, market, distinct, tier)]


def _taken(ask: Ask, found: Sequence[Option]) -> Option:
    """The one of these that is chosen, of which some could be."""
    able = [option for option in found if option.able]
    return in_one_tier(ask, found, able)[0] if len(tiers_of(ask)) > 1 else best_of_some(ask, able)


def _in_cents(price: float) -> float:
    """Rounded up, and never below the price itself."""
    cents = math.ceil(round(price * 100, 4)) / 100
    return cents if cents >= price else round(cents + 0.01, 2)


def unnamed(ask: Ask, market: Market) -> str:
    """What would be taken if no size were named; "": nothing could be."""
    if ask.job is JobType.SPARK:  # whose sizes are others
        return ""
    asked = attrs.evolve(ask, instance_types=())
    found = _costing(asked, market, market.sizes, ask.needs.max_price_per_hour)
    if not any(option.able for option in found):
        return ""
    best = _taken(asked, found)
    return f"Leave instance_type out: {best.size.name} ({priced(best.price)}, {best.tier}) would be taken."


def models(market: Market) -> list[str]:
    """The GPU models that the region (or the packaged table) has for jobs."""
    return sorted({size.gpu for size in market.sizes if size.gpu and size.for_jobs})


def to_be_named(ask: Ask, market: Market) -> list[str]:
    """Where the region's own sizes aren't known: what can be named, though no table here has it for jobs."""
    if market.source is not Source.PACKAGED:
        return []
    known = {size.name for size in market.sizes if size.for_jobs}
    carrying = [
        f"{name} ({money(price)} USD/h)"
        for name, price in sorted(list_prices().items(), key=lambda item: item[1])
        if gpu_model(name) in ask.needs.gpu
        and name not in known
        and not ask.guard.against(
            size=name, nodes=ask.most_nodes, price=price * ask.most_nodes, compute=SERVERLESS
        )
    ]
    if not carrying:
        return ["A size that is not in the packaged table can be named, too: instance_type=…"]
    named = ", ".join(carrying[:_OTHERS])
    asked = " or ".join(ask.needs.gpu)
    return [
        f"Sizes that have {asked} can be named by instance_type=…: {named}; {LIST_PRICES}, for each node.",
        f"Whether {market.region} has them is not known.",
    ]


def raised(size: Size, tier: Tier, whole: Fit, market: Market) -> list[str]:
    """Which limits must be raised, of all that refuse the nodes, and where that is asked for."""
    rows, _ = limits_of(size.family, tier, market.quota)
    low = [row for row in rows if row.limit is not None and row.limit < whole.needed]
    return [
        _RAISED[row.kind].format(
            name=row.name, location=market.location, needed=whole.needed, page=f"{market.studio}/quota"
        )
        for row in (low if whole.row in low else [whole.row])
    ]
