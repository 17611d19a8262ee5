"""What is said when no place can be found: figures, what comes nearest, what would work. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._errors import NoQuota, NotEnoughQuota, NothingFits
from amlrun._needs import SERVERLESS, Ask, Needs
from amlrun._offers import Source
from amlrun._placement.allowed import allowed, ruled_out
from amlrun._placement.fit import fit
from amlrun._placement.options import best_first, rank
from amlrun._placement.proposals import (
    OWN_QUOTA,
    across,
    dearer,
    fewer,
    models,
    priced,
    raised,
    room,
    to_be_named,
    unnamed,
)
from amlrun._placement.serverless import shortfalls, tiers_of
from amlrun._tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amlrun._errors import QuotaError
    from amlrun._offers import Market, Size, Tier
    from amlrun._placement.fit import Fit
    from amlrun._placement.options import Option

_SHOWN = 8
_RULED_OUT = "Guard rails bind every placement: ask for what they allow, or talk to whoever keeps them."


def nothing_fits(
    ask: Ask, market: Market, tried: Sequence[Option], *, instead: Iterable[str] | None = None
) -> NothingFits:
    """No size meets the needs, or a rule of the team is against those that do: the nearest misses first.

    `instead` is proposed in place of what serverless has in the other tier.
    """
    graded = sorted(
        (_distance(ask, option, lacks), index)
        for index, (option, lacks) in enumerate(zip(tried, shortfalls(ask, market, tried), strict=True))
    )
    nearest = [tried[index] for _, index in graded]
    ruled_out = any(not more for (more, *_), _ in graded)
    hints = [*dearer(ask, market, tried), *(across(ask, market, tried) if instead is None else instead)]
    if ruled_out:
        hints += [*allowed(ask, market, tried), _RULED_OUT]
    else:
        hints += [_less(ask, market), *to_be_named(ask, market)]
    region = _region(market)
    message = f"No size in {region} {{}}. The nearest:\n{_listing(nearest)}"
    if ask.instance_types:
        message = f"{' or '.join(ask.instance_types)} can't take this job:\n{_listing(nearest)}"
    elif ruled_out:
        which = "" if ask.needs == Needs() else f"that meets {ask.needs} "
        message = message.format(f"{which}is allowed")
    elif _no_such_gpu(ask, market):
        message = f"No size for jobs in {region} has {' or '.join(ask.needs.gpu)}."
    else:
        message = message.format(f"meets {ask.needs}")
    against = {option.size.name: option.against for option in reversed(nearest)}
    return NothingFits(message, hint="\n".join(hints), against=against)


def _region(market: Market) -> str:
    """Whose sizes these are."""
    if market.source is Source.SERVICE:
        return market.location
    return f"the packaged table of East US (the sizes of {market.region} itself can't be read)"


def _no_such_gpu(ask: Ask, market: Market) -> bool:
    """Whether no size at all has a GPU of the models asked for: then none of them is near."""
    return bool(ask.needs.gpu) and not set(ask.needs.gpu) & set(models(market))


def _less(ask: Ask, market: Market) -> str:
    if ask.instance_types:
        return unnamed(ask, market) or "Ask for less, or name another size."
    if _no_such_gpu(ask, market):
        return f"The GPU models there: {', '.join(models(market)) or 'none'}."
    return "Ask for less."


def _distance(ask: Ask, option: Option, lacks: Sequence[str]) -> tuple[object, ...]:
    """How far an option is from what was asked; its first part: whether more than a rule is against it."""
    size = option.size
    rule = ask.guard.against(size=size.name, nodes=ask.most_nodes, price=option.price, compute=SERVERLESS)
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
        (f"  {option.size.name}", str(option.tier), priced(option.price), option.against)
        for option in listed[:_SHOWN]
    ]
    more = f"\n  and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return table(rows, right=frozenset({2}), wraps=True) + more


def no_quota(ask: Ask, market: Market, tried: Sequence[Option], looked_at: Sequence[Option]) -> QuotaError:
    """Of what was looked at these meet the needs, and none of them can ever be had: the best one's figures.

    In two tiers, that is the best of the surer one, and what the other one lacks is to be asked for, too.
    """
    best, *rest = sorted(best_first(ask, tried), key=lambda option: option.tier is not tiers_of(ask)[0])
    others = best_first(ask, rest)
    told = f"\nNor can any of the others that would do:\n{_listing(others)}" if others else ""
    whole = fit(best.size, ask.nodes, best.tier, market.quota)
    cheaper = next((option for option in rest if option.tier is not best.tier), None)
    hints = [*fewer(market, ask.nodes, [best, *rest]), *room(ask, market, best, tried)]
    hints += [*dearer(ask, market, looked_at), *ruled_out(ask, market, looked_at)]
    if market.source is Source.PACKAGED:
        hints += [f"The sizes are those of {_region(market)}.", *to_be_named(ask, market)]
    if cheaper is not None:
        size, tier = cheaper.size, cheaper.tier
        hints += raised(size, tier, fit(size, ask.nodes, tier, market.quota), market)
    return quota_error(best.size, best.tier, whole, market, others=told, hints=hints)


def quota_error(
    size: Size, tier: Tier, fits: Fit, market: Market, *, others: str = "", hints: Iterable[str] = ()
) -> QuotaError:
    """The figures of one size whose nodes the limit can never hold."""
    row = fits.row
    kind, start = (NotEnoughQuota, "Too little") if row.limit else (NoQuota, "No")
    asking = dict.fromkeys([*hints, *raised(size, tier, fits, market), OWN_QUOTA])
    return kind(
        f"{start} Azure ML quota in {market.location} for {size.name}, {tier}: {fits}.{others}",
        hint="\n".join(asking),
        limit_name=row.name,
        instance_type=size.name,
        needed=fits.needed,
        limit=row.limit or 0,
        used=row.used,
        pending=row.pending,
        coming=row.coming,
        free=row.free or 0,
        fits=fits.fits,
    )
