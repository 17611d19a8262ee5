"""What is said when no place can be found: figures, what comes nearest, what would work. Pure."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import InvalidRequest, NoQuota, NotEnoughQuota, NothingFits
from amlrun._needs import SERVERLESS, Ask, Needs
from amlrun._offers import LimitKind, Source, Tier, limits_of
from amlrun._placement.allowed import allowed
from amlrun._placement.fit import fit
from amlrun._placement.options import best_first, rank
from amlrun._placement.serverless import options, shortfalls
from amlrun._plan import Starts
from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amlrun._errors import QuotaError
    from amlrun._offers import Market, Size
    from amlrun._placement.fit import Fit
    from amlrun._placement.options import Option

_SHOWN = 8
_OTHERS = 3
_QUOTA_PAGE = "https://ml.azure.com/quota"
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


def unknown_size(name: str, market: Market) -> InvalidRequest:
    """A name that the region does not have."""
    names = {_tail(size.name): size.name for size in market.sizes if size.for_jobs}
    near = (
        difflib.get_close_matches(_tail(name), names, n=3) or [key for key in names if _tail(name) in key][:3]
    )
    meant = f" Did you mean {' or '.join(names[match] for match in near)}?" if near else ""
    return InvalidRequest(
        f"instance_type={name!r}: {market.location} has no size of that name.{meant}",
        hint="Leave instance_type out and say what the job needs: cpus=…, memory_gb=…, gpus=…",
        argument="instance_type",
    )


def _tail(name: str) -> str:
    """What tells sizes apart, so that a forgotten or misspelt `Standard_` is no difference."""
    return re.sub(r"^stan[a-z]*_", "", name.lower())


def not_for_jobs(size: Size, market: Market) -> InvalidRequest:
    """A size that the region has for other things."""
    return InvalidRequest(
        f"instance_type={size.name!r}: {market.location} does not offer this size to jobs, only to other"
        " things, such as endpoints.",
        hint="Leave instance_type out and say what the job needs: cpus=…, memory_gb=…, gpus=…",
        argument="instance_type",
    )


def nothing_fits(ask: Ask, market: Market, tried: Sequence[Option]) -> NothingFits:
    """No size meets the needs, or a rule of the team is against those that do: the nearest misses first."""
    graded = sorted(
        (_distance(ask, option, lacks), index)
        for index, (option, lacks) in enumerate(zip(tried, shortfalls(ask, market, tried), strict=True))
    )
    nearest = [tried[index] for _, index in graded]
    ruled_out = any(not more for (more, *_), _ in graded)
    hint = "Guard rails bind every placement: ask for what they allow, or talk to whoever keeps them."
    if not ruled_out:
        hint = "Ask for less, or name a size: instance_type=…"
    if market.source is Source.PACKAGED:
        hint += (
            f"\nThe sizes of {market.location} could not be read, and these are the packaged ones of East US:"
            " a size that is not among them can be named, too."
        )
    proposals = allowed(ask, market, tried) if ruled_out else []
    hint = "\n".join([*_dearer(ask, market, tried), *proposals, hint])
    if ask.instance_types:
        head = f"{' or '.join(ask.instance_types)} can't take this job:"
    elif ruled_out:
        head = f"No size in {market.location} that meets {ask.needs} is allowed. The nearest:"
    else:
        head = f"No size in {market.location} meets {ask.needs}. The nearest:"
    return NothingFits(
        f"{head}\n{_listing(nearest)}",
        hint=hint,
        against={option.size.name: option.against for option in reversed(nearest)},
    )


def _dearer(ask: Ask, market: Market, tried: Sequence[Option]) -> Iterator[str]:
    """The lowest price at which something would do."""
    if ask.needs.max_price_per_hour is None:
        return
    unbound = attrs.evolve(ask, needs=attrs.evolve(ask.needs, max_price_per_hour=None))
    sizes = dict.fromkeys(option.size for option in tried)
    found = options(unbound, market, sizes, tried[0].tier)
    priced = [
        (option.price, option.size.name) for option in found if option.able and option.price is not None
    ]
    if priced:
        price, name = min(priced)
        yield f"max_price_per_hour={price:g} would take {name}."


def _distance(ask: Ask, option: Option, lacks: Sequence[str]) -> tuple[object, ...]:
    """How far an option is from what was asked; its first part: whether more than a rule is against it."""
    size = option.size
    rule = ask.guard.against(size=size.name, nodes=ask.nodes, price=option.price, compute=SERVERLESS)
    return (
        tuple(lacks) != (rule,),
        not size.for_jobs,
        bool(ask.needs.gpus) and not size.gpus,
        len(lacks),
        -ask.needs.share(size),
        rank(option),
    )


def _listing(listed: Sequence[Option]) -> str:
    rows = [
        (f"  {option.size.name}", str(option.tier), _price(option.price), option.against)
        for option in listed[:_SHOWN]
    ]
    more = f"\n  and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return table(rows, right=frozenset({2})) + more


def _price(price: float | None) -> str:
    return "no known price" if price is None else f"{price:.2f} USD/h"


def no_quota(ask: Ask, market: Market, tried: Sequence[Option]) -> QuotaError:
    """These options meet the needs, and none of them can ever be had: the figures of the best of them."""
    best, *rest = best_first(ask, tried)
    others = f"\nNor can any of the others that would do:\n{_listing(rest)}" if rest else ""
    fits = fit(best.size, ask.nodes, best.tier, market.quota)
    hints = [*_fewer(ask, market, best, rest), *_elsewhere(ask, market, best, tried)]
    return quota_error(best.size, best.tier, fits, market, others=others, hints=hints)


def _fewer(ask: Ask, market: Market, best: Option, rest: Sequence[Option]) -> list[str]:
    """The count of nodes that would fit, on the best or else on the next that holds any."""
    for option in (best, *rest):
        count = fit(option.size, ask.nodes, option.tier, market.quota).fits
        if count:
            size = "" if option is best else f" with instance_type={option.size.name!r}"
            return [f"instance_count={count} fits{size}."]
    return []


def _elsewhere(ask: Ask, market: Market, best: Option, tried: Sequence[Option]) -> list[str]:
    """Sizes much like the best that have room in its tier, and those tried that have room in the other."""
    taken = {(option.size.name, option.tier) for option in tried}
    needs, size = ask.needs, best.size
    if size.gpus:
        like = Needs(gpus=needs.gpus or size.gpus, gpu_memory_gb=needs.gpu_memory_gb)
    elif ask.instance_types:
        like = Needs(cpus=size.cpus, memory_gb=size.memory_gb)
    else:
        like = Needs(cpus=needs.cpus, memory_gb=needs.memory_gb)
    anything = Ask(needs=like, nodes=ask.nodes, guard=ask.guard)
    similar = options(anything, market, market.sizes, best.tier)
    other = Tier.STANDARD if best.tier is Tier.SPOT else Tier.SPOT
    crossing = options(ask, market, dict.fromkeys(option.size for option in tried), other)
    return [
        *_room("Sizes that have room", similar, taken),
        *_room(f"With tier={str(other)!r} there is room on", crossing, taken),
    ]


def _room(words: str, found: Iterable[Option], taken: set[tuple[str, Tier]]) -> list[str]:
    """The cheapest that start now, those whose spot is doubted only where there is nothing else."""
    free = [
        option
        for option in found
        if option.able and option.starts is Starts.NOW and (option.size.name, option.tier) not in taken
    ]
    sure = [option for option in free if option.tier is not Tier.SPOT or option.size.spot_hint]
    cheapest = sorted(sure or free, key=lambda o: (o.off, o.price is None, o.price or 0.0, o.size.name))
    names = [f"{option.size.name} ({_price(option.price)})" for option in cheapest[:_OTHERS]]
    return [f"{words}: {', '.join(names)}."] if names else []


def quota_error(
    size: Size, tier: Tier, fits: Fit, market: Market, *, others: str = "", hints: Iterable[str] = ()
) -> QuotaError:
    """The figures of one size whose nodes the limit can never hold."""
    row = fits.row
    kind, start = (NotEnoughQuota, "Too little") if row.limit else (NoQuota, "No")
    hints = [*hints, *_to_ask_for(size, tier, fits, market)]
    return kind(
        f"{start} Azure ML quota in {market.location} for {size.name}, {tier}: {fits}.{others}",
        hint="\n".join(hints),
        limit_name=row.name,
        instance_type=size.name,
        needed=fits.needed,
        limit=row.limit or 0,
        used=row.used,
        pending=row.pending,
        free=row.free or 0,
        fits=fits.fits,
    )


def _to_ask_for(size: Size, tier: Tier, fits: Fit, market: Market) -> Iterator[str]:
    """Which limits must be raised, of all that refuse the nodes, and where that is asked for."""
    rows, _ = limits_of(size.family, tier, market.quota)
    low = [row for row in rows if row.limit is not None and row.limit < fits.needed]
    for row in low if fits.row in low else [fits.row]:
        yield _RAISED[row.kind].format(
            name=row.name, location=market.location, needed=fits.needed, page=_QUOTA_PAGE
        )
    yield "That is Azure ML's own quota, not the subscription's VM quota (Microsoft.Compute)."
