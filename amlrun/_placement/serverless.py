"""What serverless compute can offer to an ask: sizes, and the tier where that is open. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._guard import Guard
from amlrun._needs import SERVERLESS
from amlrun._offers import NOT_FOR_JOBS, Offer, Source, Tier, serverless_offers
from amlrun._placement.fit import UNBOUND, Binding, bound
from amlrun._placement.options import Option, best_of_some, off_default, price_of, worth
from amlrun._placement.targets import preference_of, unlisted
from amlrun._plan import Starts
from amlrun._tables import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from amlrun._needs import Ask, Needs
    from amlrun._offers import Market, Size


def tiers_of(ask: Ask) -> tuple[Tier, ...]:
    """The tiers that come into question on serverless, the surer one first."""
    return (Tier.STANDARD, Tier.SPOT) if ask.serverless_tier is Tier.AUTO else (ask.serverless_tier,)


_UNASKED = "has GPUs, and none was asked for"


@attrs.frozen
class _Bar:
    """What an ask holds against the sizes of serverless, worked out once for all of them."""

    needs: Needs
    named: bool
    believed: bool
    """Whether a size that no table has for jobs is believed to be for them here: where it is named, and where
    nothing else would do."""
    guard: Guard | None
    nodes: int

    @classmethod
    def of(cls, ask: Ask, market: Market) -> _Bar:
        named = bool(ask.instance_types)
        return cls(
            needs=ask.needs,
            named=named,
            believed=market.source is Source.PACKAGED and (named or not _would_do(ask.needs, market.sizes)),
            guard=None if ask.guard == Guard() else ask.guard,
            nodes=ask.most_nodes,
        )

    def first(self, offer: Offer, price: float | None) -> str:
        """The first thing against an offer; "": nothing. Worked out for hundreds: most asks have no rule."""
        if self.guard is not None or self.needs.max_price_per_hour is not None or offer.against:
            return next(self.misses(offer, price), "")
        size = offer.size
        if self.has_unasked(size):
            return _UNASKED
        return next(self.needs.misses(size), "") if size.cpus else ""

    def has_unasked(self, size: Size) -> bool:
        """Whether it has GPUs, and nobody asked for any."""
        return bool(size.gpus) and not self.needs.gpus and not self.named

    def misses(self, offer: Offer, price: float | None) -> Iterator[str]:
        """What is against an offer, one by one. `price` is for all nodes."""
        size, most = offer.size, self.needs.max_price_per_hour
        if self.guard is not None:
            rule = self.guard.against(size=size.name, nodes=self.nodes, price=price, compute=SERVERLESS)
            if rule:
                yield rule
        if offer.against and not (self.believed and offer.against == NOT_FOR_JOBS):
            yield offer.against
        yield from self.lacks(size)
        if most is not None and price is None:
            yield f"has no known price to hold against {most:g} USD an hour"
        elif most is not None and price is not None and price > most:
            yield f"costs {money(price)} of at most {most:g} USD an hour"

    def lacks(self, size: Size) -> Iterator[str]:
        """What is against a size in any tier."""
        if self.has_unasked(size):
            yield _UNASKED
        if size.cpus:
            yield from self.needs.misses(size)


def _would_do(needs: Needs, sizes: Iterable[Size]) -> bool:
    """Whether any size for jobs meets the needs."""
    return any(size.for_jobs and not any(needs.misses(size)) for size in sizes)


def in_tiers(ask: Ask, market: Market, sizes: Sequence[Size], tiers: Sequence[Tier]) -> list[Option]:
    """These sizes in each of these tiers; one that lacks something in any tier is told of once."""
    first, *others = tiers
    found = list(options(ask, market, sizes, first))
    if others:
        bar = _Bar.of(ask, market)
        sizes = [one.size for one in found if not (one.miss and any(bar.lacks(one.size)))]
    for tier in others:
        found += options(ask, market, sizes, tier)
    return found


def options(ask: Ask, market: Market, sizes: Iterable[Size], tier: Tier) -> Iterator[Option]:
    """Each of these sizes as serverless nodes of that tier, in their order."""
    default = ask.needs.shapeless and not ask.instance_types
    varies = len(ask.instance_types) > 1 or len(ask.needs.gpu) > 1
    preference = preference_of(ask, SERVERLESS, unlisted(""))
    bar, nodes, most = _Bar.of(ask, market), ask.nodes, ask.most_nodes
    bindings: dict[str, Binding] = {}
    for offer in serverless_offers(sizes, tier, market.quota):
        size = offer.size
        price = price_of(size, most, tier)
        miss = bar.first(offer, price)
        if miss:
            yield Option(offer=offer, price=price, miss=miss, instance_type=size.name)
            continue
        binding = bindings.get(size.family) if offer.limits else UNBOUND
        if binding is None:
            binding = bindings[size.family] = bound(offer.limits, known=offer.known)
        found = binding.fit(nodes, size.cpus)
        if varies:
            preference = preference_of(ask, SERVERLESS, size)
        yield Option(
            offer=offer,
            price=price,
            fit=found,
            starts=found.starts,
            preference=preference,
            instance_type=size.name,
            off=off_default(size) if default else 0.0,
        )


def left_to_the_service(ask: Ask) -> Option:
    """No size at all: the service chooses one, by what nobody here can read."""
    tier = Tier.SPOT if ask.serverless_tier is Tier.SPOT else Tier.STANDARD
    return Option(
        offer=Offer(size=unlisted(""), tier=tier, known=False),
        miss=ask.guard.against(size=None, nodes=ask.most_nodes, price=None, compute=SERVERLESS),
        starts=Starts.UNKNOWN,
        why="nothing was asked of the nodes and quota can't be read: the service chooses the size",
        preference=preference_of(ask, SERVERLESS, unlisted("")),
        warnings=("quota can't be read: when the job starts, and what it costs, is not known",),
    )


def shortfalls(ask: Ask, market: Market, found: Iterable[Option]) -> Iterator[tuple[str, ...]]:
    """All that is against each of these options, where the first of it is not enough."""
    bar = _Bar.of(ask, market)
    for option in found:
        yield tuple(bar.misses(option.offer, option.price))


def in_one_tier(ask: Ask, found: Sequence[Option], able: Sequence[Option]) -> tuple[Option, str]:
    """Of those found in two tiers that are able the best in the tier that is to be taken, and why that is.

    Spot is held against the standard nodes that would be taken instead where it starts now, is not doubted
    and has a price. The better one is taken, and spot only for less.
    """
    standard = [option for option in able if option.tier is Tier.STANDARD]
    spot = [option for option in able if option.tier is Tier.SPOT]
    if not standard:
        cheaper = best_of_some(ask, spot)
        return cheaper, f"spot: {_against_standard(found, cheaper)}"
    surer = best_of_some(ask, standard)
    if not spot:
        return surer, "standard: no size that would do can be had as spot"
    worthy = [option for option in spot if not _against_spot(option)]
    cheaper = best_of_some(ask, worthy or spot)
    if not worthy:
        return surer, f"standard: {_against_spot(cheaper)}"
    if best_of_some(ask, (surer, cheaper)) is surer or _is_no_cheaper(cheaper, surer, ask.most_nodes):
        return surer, f"standard: {_ahead(surer, cheaper)}"
    return cheaper, f"spot: {_worth(cheaper, surer)}"


def _worth(spot: Option, standard: Option) -> str:
    """Why spot is taken although standard could be."""
    if standard.starts is not Starts.NOW:
        wait = "would" if standard.starts is Starts.QUEUED else "may"
        return f"it starts now, and {standard.size.name} as standard {wait} have to wait"
    if _in_another_place(spot, standard):
        return _ahead(spot, standard)
    return "the pool has room, and it is known to cost less"


def _against_standard(found: Iterable[Option], spot: Option) -> str:
    """Why nothing of standard can be chosen: its quota, else what is against the same nodes as standard."""
    surer = [option for option in found if option.tier is Tier.STANDARD]
    if not all(option.miss for option in surer):
        return "there is no standard quota for any size that would do"
    twin = next(option for option in surer if option.size is spot.size)
    return f"{twin.size.name} as standard {twin.miss}"


def _against_spot(spot: Option) -> str:
    name = spot.size.name
    if spot.starts is not Starts.NOW:
        how = "would have to wait" if spot.starts is Starts.QUEUED else "is not known to start now"
        return f"spot {how} ({spot.fit})"
    if not spot.size.spot_hint:
        return f"the service says that {name} has no spot nodes"
    return "" if spot.price is not None else f"no spot price is known for {name}"


def _in_another_place(one: Option, other: Option) -> bool:
    """Whether something else than the price comes first between them: an order asked for, or a wish."""
    return one.preference != other.preference or one.off != other.off


def _is_no_cheaper(spot: Option, standard: Option, nodes: int) -> bool:
    """Whether spot isn't known to cost less, where that is what matters.

    Standard nodes that must wait are held to be dearer; of those without a price nothing is known, so that
    it must be less than its own price as standard.
    """
    if _in_another_place(spot, standard):
        return False
    own = price_of(spot.size, nodes, Tier.STANDARD)
    most = own if standard.price is None else worth(standard)
    return most is None or spot.price is None or spot.price >= most


def _ahead(first: Option, second: Option) -> str:
    """Why the one is taken although the other could be."""
    names = f"{first.size.name} comes before {second.size.name}"
    if first.preference != second.preference:
        return f"{names} in the order asked for"
    if first.off != second.off:
        return f"{names} where nothing is asked of the nodes"
    return f"{second.size.name} is not known to cost less than {first.size.name} as standard"
