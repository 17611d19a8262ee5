"""Every size and tier held against an ask: price, when it would start, the first thing against it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from amlrun._needs import Needs
from amlrun._offers import NOT_FOR_JOBS, Offer, Source, Tier, serverless_offers
from amlrun._placement.fit import UNBOUND, bound
from amlrun._plan import Candidate, Starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amlrun._needs import Ask
    from amlrun._offers import Market, Size
    from amlrun._placement.fit import Binding, Fit

WORTH_OF_NOW = 1.25
"""A size that starts now is worth up to this many times the price of one that must queue."""
FLOOR = Needs(cpus=4, memory_gb=14)
"""Where nothing is asked of the hardware."""

_GENERAL_PURPOSE = re.compile(r"Standard_DS?\d", re.IGNORECASE)
_ORDER = {Starts.NOW: 0, Starts.QUEUED: 1, Starts.UNKNOWN: 2}


@attrs.frozen(kw_only=True)
class Option:
    """One offer held against one ask, serverless or not.

    `price` is USD an hour for all nodes, `miss` the first thing that it lacks for this ask, `hint` the way
    out of that where there is one. `fit` is the arithmetic, None where there is none; `starts` None: never,
    and `why` says so in words where the arithmetic doesn't. `order` is its place in the orders of preference
    that the ask has. `instance_type` is what the service is told for it; None: nothing. `stands_in` is why it
    can take what serverless can't; "": it can't either. `plain` is False where a default size is wanted and
    this is only a stand-in for one.
    """

    offer: Offer
    price: float | None = None
    miss: str = ""
    hint: str = ""
    fit: Fit | None = None
    starts: Starts | None = None
    why: str = ""
    order: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    instance_type: str | None = None
    stands_in: str = ""
    plain: bool = True

    @property
    def size(self) -> Size:
        """Of each node."""
        return self.offer.size

    @property
    def tier(self) -> Tier:
        """Of all nodes."""
        return self.offer.tier

    @property
    def against(self) -> str:
        """The first thing against it; "": it could be chosen."""
        if self.miss or self.starts is not None:
            return self.miss
        return self.why or str(self.fit)

    def candidate(self) -> Candidate:
        """As the plan shows it."""
        return Candidate(
            compute=self.offer.compute,
            instance_type=self.size.name,
            tier=self.tier,
            price_per_hour=self.price,
            starts=self.starts,
            against=self.against,
        )


def rank(option: Option) -> tuple[bool, bool, bool, bool, float, int, float, str]:
    """The order in which options are chosen: the lowest is best.

    What is certain comes before what is not: sizes whose spot nodes the service doubts, families without a
    row of quota and sizes without a price rank last. Then the price, with waiting counted in (where the spot
    price is not known, the standard one); then what starts first; then what leaves more free; then the name.
    """
    starts, fits = option.starts, option.fit
    price = (option.size.price or 0.0) if option.price is None else option.price
    return (
        not option.plain,
        option.tier is Tier.SPOT and not option.size.spot_hint,
        fits is not None and not fits.known,
        option.price is None,
        price if starts is Starts.NOW else price * WORTH_OF_NOW,
        _ORDER[starts] if starts else len(_ORDER),
        -fits.headroom if fits else 0.0,
        option.size.name,
    )


def price_of(size: Size, nodes: int, tier: Tier) -> float | None:
    """USD an hour for all nodes, rounded so that the figures that are shown add up."""
    price = size.price_for(tier)
    return None if price is None else round(price * nodes, 6)


def options(ask: Ask, market: Market, sizes: Iterable[Size], tier: Tier) -> Iterator[Option]:
    """Each of these sizes as serverless nodes of that tier, in their order."""
    default = ask.needs.shapeless and not ask.instance_types
    bindings: dict[str, Binding] = {}
    for place, offer in enumerate(serverless_offers(sizes, tier, market.quota)):
        size = offer.size
        price = price_of(size, ask.nodes, tier)
        miss = next(_misses(ask, market, offer, price), "")
        if miss:
            yield Option(offer=offer, price=price, miss=miss, order=(place,))
            continue
        binding = bindings.get(size.family) if offer.limits else UNBOUND
        if binding is None:
            binding = bindings[size.family] = bound(offer.limits, known=offer.known)
        found = binding.fit(ask.nodes, size.cpus)
        yield Option(
            offer=offer,
            price=price,
            fit=found,
            starts=found.starts,
            order=(place,),
            instance_type=size.name,
            plain=not default or _is_default(size),
        )


def count_misses(ask: Ask, market: Market, option: Option) -> int:
    """In how many things the option falls short."""
    return sum(1 for _ in _misses(ask, market, option.offer, option.price))


def _is_default(size: Size) -> bool:
    return size.cpus == FLOOR.cpus and _GENERAL_PURPOSE.match(size.name) is not None


def _misses(ask: Ask, market: Market, offer: Offer, price: float | None) -> Iterator[str]:
    needs, named, size = ask.needs, bool(ask.instance_types), offer.size
    # What another region offers refuses nothing here.
    elsewhere = named and market.source is Source.PACKAGED
    if offer.against and not (elsewhere and offer.against == NOT_FOR_JOBS):
        yield offer.against
    if size.gpus and not needs.gpus and not named:
        yield "has GPUs, and none was asked for"
    if size.cpus:
        yield from (FLOOR if needs.shapeless and not named else needs).misses(size)
    most = needs.max_price_per_hour
    if most is not None and price is None:
        yield f"has no known price to hold against {most:g} USD an hour"
    elif most is not None and price is not None and price > most:
        yield f"costs {price:g} of at most {most:g} USD an hour"
    rule = ask.guard.against(size=size.name, nodes=ask.nodes, price=price, compute=offer.compute)
    if rule:
        yield rule
