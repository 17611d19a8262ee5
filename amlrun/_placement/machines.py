"""Computes of one node that belong to somebody: a compute instance, an attached VM; and Spark pools. Pure.

They are taken where they are named, and never unasked.
https://learn.microsoft.com/azure/machine-learning/concept-compute-instance
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from amlrun._offers import Offer, Tier
from amlrun._placement.identities import Miss, doubts_on_compute
from amlrun._placement.options import Option, price_of
from amlrun._placement.targets import misses, of_size, preference_of, unlisted
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market, Size


class Power(str, enum.Enum):
    """The states of a compute instance, in the service's words."""

    CREATING = "Creating"
    SETTING_UP = "SettingUp"
    USER_SETTING_UP = "UserSettingUp"
    STARTING = "Starting"
    RESTARTING = "Restarting"
    RUNNING = "Running"
    JOB_RUNNING = "JobRunning"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    DELETING = "Deleting"
    CREATE_FAILED = "CreateFailed"
    SETUP_FAILED = "SetupFailed"
    USER_SETUP_FAILED = "UserSetupFailed"
    UNUSABLE = "Unusable"
    UNKNOWN = "Unknown"

    __str__ = str.__str__


_COMES = "it is {state}: the job waits until it runs"
_POWER: dict[Power, tuple[Starts | None, str]] = {
    Power.CREATING: (Starts.QUEUED, _COMES),
    Power.SETTING_UP: (Starts.QUEUED, _COMES),
    Power.USER_SETTING_UP: (Starts.QUEUED, _COMES),
    Power.STARTING: (Starts.QUEUED, _COMES),
    Power.RESTARTING: (Starts.QUEUED, _COMES),
    Power.RUNNING: (Starts.NOW, "it runs"),
    # Documented: it has a queue of its own, and may run several jobs at a time.
    Power.JOB_RUNNING: (Starts.QUEUED, "it runs another job: this one waits in its queue"),
    Power.STOPPING: (None, "is {state}"),
    Power.STOPPED: (None, "is {state}"),
    Power.DELETING: (None, "is {state}"),
    Power.CREATE_FAILED: (None, "is of no use ({state})"),
    Power.SETUP_FAILED: (None, "is of no use ({state})"),
    Power.USER_SETUP_FAILED: (None, "is of no use ({state})"),
    Power.UNUSABLE: (None, "is of no use ({state})"),
    Power.UNKNOWN: (Starts.UNKNOWN, "its state is not known"),
}
"""When a job starts there, None: never as it stands; and why."""
_ONE = "instance_count=1 is all that it has."
_CAN_START = frozenset({Power.STOPPED, Power.STOPPING})


def instance_option(ask: Ask, market: Market, compute: Compute) -> Option:
    """What a compute instance offers: its one node, while it runs."""
    size = market.size(compute.size or "") or unlisted(compute.size or "")
    price = price_of(size, ask.nodes, Tier.STANDARD)
    offer = Offer(size=size, tier=Tier.STANDARD, compute=compute.name, kind=compute.kind)
    power = _power(compute)
    starts, words = _POWER[power]
    why = words.format(state=compute.machine_state or "in no state that it tells")
    found = (
        *misses(ask, market, compute, offer, price, nodes=1, fewer=_ONE),
        *of_size(ask, compute, size),
        *([] if starts else [Miss(why, _start(compute.name) if power in _CAN_START else "")]),
    )
    return _option(ask, compute, offer, found, price=price, starts=starts, why=why)


def machine_option(ask: Ask, market: Market, compute: Compute) -> Option:
    """What an attached VM offers: its one node, of which nothing but perhaps the size is told."""
    listed = market.size(compute.size or "")
    # It is billed as the VM that it is, whether a job runs there or not.
    size = attrs.evolve(listed, price=None, spot_price=None) if listed else unlisted(compute.size or "")
    offer = Offer(size=size, tier=Tier.STANDARD, compute=compute.name, kind=compute.kind)
    found = (*misses(ask, market, compute, offer, None, nodes=1, fewer=_ONE), *of_size(ask, compute, size))
    why = "it is attached: whether it runs, or is busy, nobody tells"
    return _option(ask, compute, offer, found, starts=Starts.UNKNOWN, why=why)


def pool_option(ask: Ask, market: Market, compute: Compute) -> Option:
    """What a Synapse Spark pool offers to a Spark job: executors of its own, beyond Azure ML's quota."""
    offer = Offer(size=unlisted(""), tier=Tier.STANDARD, compute=compute.name, kind=compute.kind)
    found = tuple(misses(ask, market, compute, offer, None, nodes=None))
    why = "the pool decides when: Azure ML's quota does not bind it"
    return _option(ask, compute, offer, found, starts=Starts.UNKNOWN, why=why)


def _power(compute: Compute) -> Power:
    try:
        return Power(compute.machine_state)
    except ValueError:
        return Power.UNKNOWN


def _start(name: str) -> str:
    begin = f"client.compute.begin_start({name!r}).result()"
    return f"Start it with {begin}, or az ml compute start --name {name}."


def _option(
    ask: Ask,
    compute: Compute,
    offer: Offer,
    found: tuple[Miss, ...],
    *,
    starts: Starts | None,
    why: str,
    price: float | None = None,
) -> Option:
    preference = preference_of(ask, compute.name, offer.size)
    if found:
        return Option(
            offer=offer, price=price, miss=found[0].words, hint=found[0].hint, preference=preference
        )
    warnings = tuple(_warnings(ask, compute, offer.size))
    return Option(offer=offer, price=price, starts=starts, why=why, preference=preference, warnings=warnings)


def _warnings(ask: Ask, compute: Compute, size: Size) -> Iterator[str]:
    yield from (f"{problem.code}: {problem.message}" for problem in compute.problems)
    if not size.cpus and not ask.needs.shapeless:
        known = f"the size {size.name}" if size.name else f"the hardware of {compute.name}"
        yield f"nothing is known of {known}: whether it meets {ask.needs} is not known either"
    yield from doubts_on_compute(ask, compute)
