"""Serverless Spark: a few sizes of its own, and nodes that no quota of Azure ML binds. Pure.

https://learn.microsoft.com/azure/machine-learning/apache-spark-azure-ml-concepts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._errors import InvalidRequest
from amlrun._needs import SERVERLESS
from amlrun._offers import Offer, Size, Tier
from amlrun._placement.options import Option
from amlrun._placement.targets import preference_of
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._needs import Ask

# Vcpus, GB of memory and GB of temporary disk are those of the series' page. Spark takes no other sizes.
_SHAPES = ((4, 32, 64), (8, 64, 128), (16, 128, 256), (32, 256, 512), (64, 432, 864))
SPARK_SIZES: tuple[Size, ...] = tuple(
    Size(f"Standard_E{cpus}s_v3", "standardESv3Family", cpus, memory, 0, None, disk, True, None, None, "")
    for cpus, memory, disk in _SHAPES
)
"""The smallest, which is the cheapest, first. None has a price here: how many nodes run, Spark decides."""
NAMES = ", ".join(size.name for size in SPARK_SIZES)
_WHEN = "it may use a shared pool: no family's quota binds it, nor tells when it starts"


def spark_options(ask: Ask) -> list[Option]:
    """What serverless Spark offers to this ask, in the order in which it is preferred.

    Raises `InvalidRequest` where sizes are named, and none of them is one of Spark's; and for spot.
    """
    if ask.tier is Tier.SPOT:
        message = "tier='spot': serverless Spark has no spot nodes"
        raise InvalidRequest(message, argument="tier", hint="Leave tier out: its nodes are dedicated.")
    found = [_option(ask, size) for size in _named(ask)]
    return sorted(found, key=lambda option: option.preference)


def _named(ask: Ask) -> Sequence[Size]:
    names = {name.lower() for name in ask.instance_types}
    named = [size for size in SPARK_SIZES if size.name.lower() in names]
    if names and not named:
        message = f"instance_type={ask.instance_types[0]!r}: serverless Spark has no such size"
        raise InvalidRequest(message, argument="instance_type", hint=f"It has {NAMES}.")
    return named or SPARK_SIZES


def _option(ask: Ask, size: Size) -> Option:
    rule = ask.guard.against(size=size.name, nodes=ask.nodes, price=None, compute=SERVERLESS)
    most = ask.needs.max_price_per_hour
    unpriced = "" if most is None else f"has no known price to hold against {most:g} USD an hour"
    miss = rule or next(ask.needs.misses(size), "") or unpriced
    return Option(
        offer=Offer(size=size, tier=Tier.STANDARD),
        miss=miss,
        starts=None if miss else Starts.UNKNOWN,
        why=f"{_choice(ask)}; {_WHEN}",
        preference=preference_of(ask, SERVERLESS, size),
        instance_type=size.name,
    )


def _choice(ask: Ask) -> str:
    """Why this size, if it is the one that is taken."""
    if ask.planned or len(ask.instance_types) == 1:
        return "the size was asked for by name"
    if ask.instance_types:
        return f"the first of {len(ask.instance_types)} sizes asked for that Spark has"
    wish = "" if ask.needs.shapeless else f" that meets {ask.needs}"
    return f"the smallest of Spark's {len(SPARK_SIZES)} sizes{wish}"
