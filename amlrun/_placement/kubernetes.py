"""What a Kubernetes compute (AKS or Arc) offers: instance types of its own, on nodes of its own. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-manage-kubernetes-instance-types
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from amlrun._offers import InstanceType, Offer, Size, Tier
from amlrun._placement.identities import Miss, doubts_on_compute
from amlrun._placement.obstacles import gets_around, obstacles
from amlrun._placement.options import FLOOR, Option
from amlrun._placement.targets import asked_for, misses, off_default_of, preference_of
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._needs import Ask, Needs
    from amlrun._offers import Compute, Market

DEFAULT = InstanceType(
    name="defaultinstancetype", cpus=0.1, memory_gb=2.0, limits_cpus=2.0, limits_memory_gb=2.0
)
"""What every Kubernetes compute has, documented with these figures, unless it defines one of that name."""
_BEYOND = "it has nodes of its own, beyond Azure ML's quota"


def kubernetes_options(ask: Ask, market: Market, compute: Compute) -> Iterator[Option]:
    """Each of its instance types. The one to take is the one that is named, else the smallest that will do.

    Where nothing is asked of the hardware, that is its default.
    """
    types = types_of(compute)
    held = [(kind, *_held(ask, market, compute, kind, types)) for kind in types]
    fitting = [kind for kind, _, miss in held if miss is None]
    chosen = _chosen(ask, compute, fitting)
    for kind, offer, miss in held:
        lacks = miss
        if miss is None and kind not in chosen:
            lacks = Miss(f"is not needed: {chosen[0].name} will do")
        yield Option(
            offer=offer,
            miss=lacks.words if lacks else "",
            hint=lacks.hint if lacks else "",
            starts=None if lacks else Starts.UNKNOWN,
            why="" if lacks else _when(compute),
            preference=preference_of(ask, compute.name, offer.size),
            warnings=() if lacks else tuple(_warnings(ask, compute, kind)),
            instance_type=kind.name,
            stands_in="" if lacks else _stands_in(ask, market, compute),
            off=_off(ask, compute, kind),
        )


def types_of(compute: Compute) -> tuple[InstanceType, ...]:
    """All instance types that a job can name, by name, the default that the service adds among them."""
    names = {kind.name for kind in compute.instance_types}
    types = compute.instance_types if DEFAULT.name in names else (*compute.instance_types, DEFAULT)
    return tuple(sorted(types, key=lambda kind: kind.name))


def _chosen(ask: Ask, compute: Compute, fitting: Sequence[InstanceType]) -> Sequence[InstanceType]:
    """Those of the fitting ones that are to be had: all that are named, else one."""
    if ask.instance_types or not fitting:
        return fitting
    usual = compute.default_instance_type or DEFAULT.name
    default = [kind for kind in fitting if kind.name == usual]
    if ask.needs.shapeless and asked_for(ask, compute) and default:
        return default
    return [min(fitting, key=lambda kind: (_off(ask, compute, kind), _volume(kind)))]


def _off(ask: Ask, compute: Compute, kind: InstanceType) -> float:
    """How far it is from what is meant where nothing is asked, as far as it says what it has."""
    size = _size(kind)
    off = off_default_of(ask, compute, size)
    return off and 1.0 + len([*_tellable(FLOOR, kind).misses(size)])


def _volume(kind: InstanceType) -> tuple[float, bool, float, float, str]:
    """The smaller, the better: GPUs first, since they are what is scarce. No limit counts as most.

    Of those with as many GPUs one whose maker is the usual one: most images are built for it.
    """
    cpus, memory = _cpus(kind), _memory_gb(kind)
    return (
        kind.gpus,
        _is_unusual(kind),
        math.inf if cpus is None else cpus,
        math.inf if memory is None else memory,
        kind.name,
    )


def _is_unusual(kind: InstanceType) -> bool:
    return kind.gpu_resource not in {"", "nvidia.com/gpu"}


def _cpus(kind: InstanceType) -> float | None:
    """What a pod may use at most, which is its limit."""
    return kind.cpus if kind.limits_cpus is None else kind.limits_cpus


def _memory_gb(kind: InstanceType) -> float | None:
    return kind.memory_gb if kind.limits_memory_gb is None else kind.limits_memory_gb


def _held(
    ask: Ask, market: Market, compute: Compute, kind: InstanceType, types: Sequence[InstanceType]
) -> tuple[Offer, Miss | None]:
    """The instance type as an offer, and the first thing that it lacks."""
    size = _size(kind)
    offer = Offer(size=size, tier=Tier.STANDARD, compute=compute.name, kind=compute.kind)
    found = (
        *misses(ask, market, compute, offer, None, nodes=None),
        *_unnamed(ask, kind, types),
        *_unmet(ask, compute, kind, size),
    )
    return offer, next(iter(found), None)


def _size(kind: InstanceType) -> Size:
    """A pod of it, in the words of a size: whole vCPUs, no price, no family."""
    cpus, memory_gb = math.floor(_cpus(kind) or 0), _memory_gb(kind) or 0.0
    return Size(kind.name, "", cpus, memory_gb, kind.gpus, None, 0.0, True, None, None, "")


def _unnamed(ask: Ask, kind: InstanceType, types: Sequence[InstanceType]) -> Iterator[Miss]:
    wanted = {name.lower() for name in ask.instance_types}
    if not wanted or kind.name.lower() in wanted:
        return
    if any(one.name.lower() in wanted for one in types):
        yield Miss("was not asked for")
    else:
        has = ", ".join(sorted(one.name for one in types))
        yield Miss(
            f"has no instance type {' or '.join(ask.instance_types)}: it has {has}",
            "Name one of these, or say what the job needs: cpus=…, memory_gb=…, gpus=…",
        )


def _unmet(ask: Ask, compute: Compute, kind: InstanceType, size: Size) -> Iterator[Miss]:
    if size.gpus and not ask.needs.gpus and not ask.instance_types:
        yield Miss("has GPUs, and none was asked for")
    held = _tellable(ask.needs, kind)
    if asked_for(ask, compute):  # which GPUs they are is not said, and believed of a compute that was named
        held = attrs.evolve(held, gpu=(), gpu_memory_gb=None)
    for miss in held.misses(size):
        yield Miss(miss)


def _tellable(needs: Needs, kind: InstanceType) -> Needs:
    """The needs that can be held against what the instance type says of itself."""
    return attrs.evolve(
        needs,
        cpus=needs.cpus if _cpus(kind) is not None else None,
        memory_gb=needs.memory_gb if _memory_gb(kind) is not None else None,
        disk_gb=None,
    )


def _warnings(ask: Ask, compute: Compute, kind: InstanceType) -> Iterator[str]:
    needs = ask.needs
    unsaid = [
        word
        for word, asked, said in (
            ("vCPUs", needs.cpus, _cpus(kind)),
            ("memory", needs.memory_gb, _memory_gb(kind)),
            ("GPU model", needs.gpu, None),
            ("GPU memory", needs.gpu_memory_gb, None),
            ("disk", needs.disk_gb, None),
        )
        if asked and said is None
    ]
    if _is_unusual(kind):
        yield f"the GPUs of {kind.name} are {kind.gpu_resource}: an image that is built for CUDA finds none"
    if unsaid:
        yield f"nothing is known of the {', '.join(unsaid)} of {kind.name}"
    yield from doubts_on_compute(ask, compute)


def _when(compute: Compute) -> str:
    where = f", in the namespace {compute.namespace}" if compute.namespace not in {"", "default"} else ""
    return f"its own scheduler decides when{where}: Azure ML's quota does not bind it"


def _stands_in(ask: Ask, market: Market, compute: Compute) -> str:
    if any(obstacle.avoidable for obstacle in obstacles(ask, market)):
        return gets_around(ask, market, compute)
    return _BEYOND
