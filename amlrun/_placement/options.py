"""One place held against one ask, and which of two is the better. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._needs import Needs
from amlrun._offers import Tier
from amlrun._plan import Candidate, Starts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from amlrun._cluster import Cluster
    from amlrun._needs import Ask
    from amlrun._offers import Offer, Size
    from amlrun._placement.fit import Fit

WORTH_OF_NOW = 1.25
"""A size that starts now is worth up to this many times the price of one that must queue."""
FLOOR = Needs(cpus=4, memory_gb=14)
"""What is meant where nothing is asked of the hardware: a wish, and no need."""
_GENERAL_PURPOSE = re.compile(r"Standard_DS?\d", re.IGNORECASE)

_ORDER = {Starts.NOW: 0, Starts.QUEUED: 1, Starts.UNKNOWN: 2}


@attrs.define(
    kw_only=True
)  # not frozen: thousands are made for one answer, and frozen ones take twice as long
class Option:
    """One offer held against one ask, serverless or not.

    `price` is USD an hour for all nodes, `miss` the first thing that it lacks for this ask, `hint` the way
    out of that where there is one. `fit` is the arithmetic, None where there is none; `starts` None: never,
    and `why` says so in words where the arithmetic doesn't. `preference` is its place in the orders that the
    ask has: places, sizes, GPU models. `instance_type` is what the service is told for it; None: nothing.
    `stands_in` is why it can take what serverless can't; "": it can't either. `creates` is the cluster that
    must be made first. `off` is how far the size is from what is meant where nothing is asked: see
    `off_default`.
    """

    offer: Offer
    price: float | None = None
    miss: str = ""
    hint: str = ""
    fit: Fit | None = None
    starts: Starts | None = None
    why: str = ""
    preference: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    instance_type: str | None = None
    stands_in: str = ""
    creates: Cluster | None = None
    off: float = 0.0

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

    @property
    def able(self) -> bool:
        """Whether it could be chosen."""
        return not self.miss and self.starts is not None

    @property
    def smaller(self) -> bool:
        """Whether it is smaller than what is meant where nothing is asked."""
        return self.off > 1

    @property
    def behind(self) -> str:
        """Why it ranks behind others, whatever its price; "": the price decides, or what can be seen."""
        if self.starts is None:
            return ""
        if self.off:
            less = f"it has less than {FLOOR.cpus} vCPUs and {FLOOR.memory_gb:g} GB"
            return less if self.smaller else f"it is no general-purpose size of {FLOOR.cpus} vCPUs"
        doubted = self.offer.tier is Tier.SPOT and not self.offer.size.spot_hint
        return "the service says that it has no spot nodes" if doubted else ""

    def candidate(self) -> Candidate:
        """As the plan shows it."""
        offer, miss = self.offer, self.miss
        return Candidate(
            compute=offer.compute,
            instance_type=self.instance_type or offer.size.name,
            tier=offer.tier,
            price_per_hour=self.price,
            starts=None if miss else self.starts,
            against=miss or self.against,
            behind="" if miss else self.behind,
        )


def rank(option: Option) -> tuple[float, bool, bool, bool, float, int, float, str]:
    """The order in which options are chosen where no order was asked for: the lowest is best.

    Where nothing is asked, the sizes that are meant come first, and the nearer ones of the others. What is
    certain comes before what is not: sizes whose spot nodes the service doubts, families without a
    row of quota and sizes without a price rank last. Then the price, with waiting counted in (where the spot
    price is not known, the standard one); then what starts first; then what leaves more free; then the name.
    """
    offer, starts, fits = option.offer, option.starts, option.fit
    return (
        option.off,
        offer.tier is Tier.SPOT and not offer.size.spot_hint,
        fits is not None and not fits.known,
        option.price is None,
        worth(option),
        _ORDER[starts] if starts else len(_ORDER),
        -fits.headroom if fits else 0.0,
        offer.size.name,
    )


def worth(option: Option) -> float:
    """The price that it is held to have beside others: what must wait counts as dearer than it is."""
    price = (option.offer.size.price or 0.0) if option.price is None else option.price
    return price if option.starts is Starts.NOW else price * WORTH_OF_NOW


def by_preference(option: Option) -> tuple[bool, bool, tuple[int, ...], tuple[object, ...]]:
    """The order in which options are chosen where the ask has one: the lowest is best.

    The first that can start now, else the first that can ever; of those that stand alike, the best by `rank`.
    Sizes that are too small for who asked for nothing come after all others.
    """
    return (option.off > 1, option.starts is not Starts.NOW, option.preference, rank(option))


def has_order(ask: Ask) -> bool:
    """Whether places, sizes or GPU models were asked for in an order of preference."""
    return len(ask.computes) > 1 or len(ask.instance_types) > 1 or len(ask.needs.gpu) > 1


def best_first(ask: Ask, options: Iterable[Option]) -> list[Option]:
    """The options in the order in which they are chosen."""
    return sorted(options, key=_order_of(ask))


def best_of(ask: Ask, options: Iterable[Option]) -> Option | None:
    """The option that is chosen; None: there is none."""
    return min(options, key=_order_of(ask), default=None)


def best_of_some(ask: Ask, options: Sequence[Option]) -> Option:
    """The option that is chosen, where there is one."""
    return min(options, key=_order_of(ask))


def _order_of(ask: Ask) -> Callable[[Option], Any]:
    return by_preference if has_order(ask) else rank


def off_default(size: Size) -> float:
    """How far a size is from what is meant where nothing is asked: the lowest is nearest.

    0 is a general-purpose size of 4 vCPUs, 1 has that much of everything at least (or is not known), what is
    above has less: by so much.
    """
    if size.cpus == FLOOR.cpus and _GENERAL_PURPOSE.match(size.name):
        return 0.0
    return 1.0 if not size.cpus or not any(FLOOR.misses(size)) else 3.0 - FLOOR.share(size)


def price_of(size: Size, nodes: int, tier: Tier) -> float | None:
    """USD an hour for all nodes, rounded so that the figures that are shown add up."""
    price = size.price_for(tier)
    return price if price is None or nodes == 1 else round(price * nodes, 6)
