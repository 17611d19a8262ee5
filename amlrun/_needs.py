"""What a job asks for: needs of one node, and the rest of the wish for a place. Pure.

It checks the values that a user types, so that `_placement` never meets a wrong one.
"""

from __future__ import annotations

import difflib
import math
import re
from numbers import Real
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import InvalidRequest
from amlrun._guard import Guard
from amlrun._job_types import JobType
from amlrun._offers import GPU_MODELS, Tier
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amlrun._cluster import Cluster
    from amlrun._identity import Identity
    from amlrun._offers import Size

SERVERLESS = "serverless"


def gpu_key(model: str) -> str:
    """One key for a GPU model's spellings: `NVIDIA A100`, `a100`."""
    return re.sub(r"nvidia|tesla|amd|instinct|radeon|[\s_-]", "", model.lower())


_MODELS = {gpu_key(model): model for model in GPU_MODELS}
_MEMORY = re.compile(r"(.+)[\s_-](\d+)\s*gb?", re.IGNORECASE)
"""A model with the memory of it: `A100-80GB`."""


def _number(argument: str, value: object, unit: str) -> float | None:
    if value is None:
        return None
    number = _float(value)
    if not math.isfinite(number):
        raise InvalidRequest(f"{argument}={shown(value)}: {argument} is a number {unit}.", argument=argument)
    if number < 0:
        raise InvalidRequest(f"{argument}={shown(value)}: {argument} can't be negative.", argument=argument)
    return number


def _float(value: object) -> float:
    """NaN for what is no number, or more than any."""
    try:
        return math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        return math.nan


def _whole(argument: str, value: object, unit: str) -> int | None:
    number = _number(argument, value, unit)
    if number is None:
        return None
    if not number.is_integer():
        message = f"{argument}={shown(value)}: {argument} is a whole number {unit}."
        raise InvalidRequest(message, argument=argument)
    return int(number)


def _cpus(value: float | None) -> int | None:
    return _whole("cpus", value, "of vCPUs on each node, such as 8")


def _memory_gb(value: float | None) -> float | None:
    return _number("memory_gb", value, "of GB on each node, such as 64")


def _disk_gb(value: float | None) -> float | None:
    return _number("disk_gb", value, "of GB of temporary disk on each node, such as 200")


def _gpus(value: float | None) -> int | None:
    asked: object = value
    if isinstance(asked, str) and not asked.strip().isdigit():
        raise InvalidRequest(
            f"gpus={shown(value)}: gpus is how many; gpu={shown(value)} is the model.",
            hint=f"Models: {', '.join(GPU_MODELS)}.",
            argument="gpus",
        )
    return _whole("gpus", value, "of GPUs on each node, such as 1")


def _gpu_memory_gb(value: float | None) -> float | None:
    return _number("gpu_memory_gb", value, "of GB on each GPU, such as 40")


def _max_price(value: float | None) -> float | None:
    price = _number("max_price_per_hour", value, "of USD an hour for all nodes, such as 2.5")
    if price == 0:
        raise InvalidRequest(
            "max_price_per_hour=0: no size is free. It is USD an hour for all nodes, such as 2.5.",
            argument="max_price_per_hour",
        )
    return price


def _gpu(value: str | Sequence[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    asked: object = (value,) if isinstance(value, (str, Real)) else value
    if not isinstance(asked, (tuple, list)):
        raise InvalidRequest(
            f"gpu={shown(value)}: gpu is a model or a list of models, such as gpu='A100'.",
            hint=f"Models: {', '.join(GPU_MODELS)}.",
            argument="gpu",
        )
    return tuple(dict.fromkeys(_model(item) for item in asked))


def _model(value: object) -> str:
    if isinstance(value, Real) or str(value).strip().isdigit():
        raise InvalidRequest(
            f"gpu={shown(value)}: gpu is the model; gpus={value} is how many.",
            hint=f"Models: {', '.join(GPU_MODELS)}.",
            argument="gpu",
        )
    known = _MODELS.get(gpu_key(value)) if isinstance(value, str) else None
    if known is None:
        told = _MEMORY.fullmatch(str(value).strip())
        model = told and _MODELS.get(gpu_key(told[1]))
        if told and model:
            raise InvalidRequest(
                f"gpu={shown(value)}: gpu is the model alone.",
                hint=f"Did you mean needs=Needs(gpu={model!r}, gpu_memory_gb={told[2]})?",
                argument="gpu",
            )
        near = difflib.get_close_matches(gpu_key(str(value)), _MODELS, n=3)
        meant = f" Did you mean {' or '.join(_MODELS[key] for key in near)}?" if near else ""
        raise InvalidRequest(
            f"gpu={shown(value)}: no such GPU model.{meant}",
            hint=f"Models: {', '.join(GPU_MODELS)}. A size of any other is asked for by instance_type=….",
            argument="gpu",
        )
    return known


@attrs.frozen(kw_only=True)
class Needs:
    """What each node must have at least. None: no matter. Zero asks for nothing.

    `memory_gb` and `disk_gb` (the temporary disk) are GB. `gpu` is a model, or several in order of
    preference, any case: the first that can start now is taken, else the first that can be had at all.
    `gpu_memory_gb` is what each GPU must have, in GB (of a part of a GPU: the part). Either alone means one
    GPU. `max_price_per_hour` is USD for **all** nodes together, held against the prices that are known: it
    chooses, it does not cap what Azure bills. Of a pipeline it holds for each step by itself.

    Raises `InvalidRequest` naming the argument.
    """

    cpus: int | None = attrs.field(default=None, converter=_cpus)
    memory_gb: float | None = attrs.field(default=None, converter=_memory_gb)
    gpus: int | None = attrs.field(default=None, converter=_gpus)
    gpu: tuple[str, ...] = attrs.field(default=None, converter=_gpu)
    gpu_memory_gb: float | None = attrs.field(default=None, converter=_gpu_memory_gb)
    disk_gb: float | None = attrs.field(default=None, converter=_disk_gb)
    max_price_per_hour: float | None = attrs.field(default=None, converter=_max_price)

    def __attrs_post_init__(self) -> None:
        if (self.gpu or self.gpu_memory_gb) and self.gpus is None:
            object.__setattr__(self, "gpus", 1)
        if self.gpu and self.gpus == 0:
            raise InvalidRequest(
                f"gpus=0 with gpu={'/'.join(self.gpu)!r}: one asks for no GPU, the other for a model.",
                argument="gpus",
            )
        if self.gpu_memory_gb and self.gpus == 0:
            raise InvalidRequest(
                f"gpus=0 with gpu_memory_gb={self.gpu_memory_gb:g}: no GPU has any memory.",
                argument="gpus",
            )

    @property
    def shapeless(self) -> bool:
        """Whether nothing is asked of the hardware."""
        return not (self.cpus or self.memory_gb or self.gpus or self.disk_gb)

    @property
    def nothing(self) -> bool:
        """Whether any size will do."""
        return self.shapeless and self.max_price_per_hour is None

    def __str__(self) -> str:
        words = []
        if self.cpus:
            words.append(f"{self.cpus} vCPU{'' if self.cpus == 1 else 's'}")
        if self.memory_gb:
            words.append(f"{self.memory_gb:g} GB of memory")
        if self.gpus:
            some = f"{self.gpus} GPU{'' if self.gpus == 1 else 's'}"
            words.append(f"{self.gpus} x {'/'.join(self.gpu)}" if self.gpu else some)
        if self.gpu_memory_gb:
            words.append(f"{self.gpu_memory_gb:g} GB on each GPU")
        if self.disk_gb:
            words.append(f"{self.disk_gb:g} GB of disk")
        if self.max_price_per_hour is not None:
            words.append(f"at most {self.max_price_per_hour:g} USD an hour")
        return ", ".join(words) or "nothing in particular"

    def share(self, size: Size) -> float:
        """How much of what is asked of the hardware the size has, 1.0 for each thing that it has all of."""
        pairs = (
            (self.cpus, size.cpus),
            (self.memory_gb, size.memory_gb),
            (self.gpus, size.gpus),
            (self.gpu_memory_gb, size.gpu_memory_gb or 0),
            (self.disk_gb, size.disk_gb),
        )
        return sum(min(1.0, has / asked) for asked, has in pairs if asked)

    def misses(self, size: Size) -> Iterator[str]:
        """What about the size's hardware does not meet the needs, one by one."""
        if self.gpus and not size.gpus:
            yield "has no GPU"
        elif self.gpu and size.gpu not in self.gpu:
            yield f"has {size.gpu or 'GPUs of an unknown model'}, asked for {' or '.join(self.gpu)}"
        if self.gpus and 0 < size.gpus < self.gpus:
            yield f"has {size.gpus} of {self.gpus} GPUs"
        if self.gpu_memory_gb and size.gpus and (size.gpu_memory_gb or 0) < self.gpu_memory_gb:
            if size.gpu_memory_gb is None:
                yield f"has GPUs of unknown memory, asked for {self.gpu_memory_gb:g} GB on each"
            else:
                yield f"has {size.gpu_memory_gb:g} of {self.gpu_memory_gb:g} GB on each GPU"
        if self.cpus and size.cpus < self.cpus:
            yield f"has {size.cpus} of {self.cpus} vCPUs"
        if self.memory_gb and size.memory_gb < self.memory_gb:
            yield f"has {size.memory_gb:g} of {self.memory_gb:g} GB of memory"
        if self.disk_gb and size.disk_gb < self.disk_gb:
            yield f"has {size.disk_gb:g} of {self.disk_gb:g} GB of disk"


def _count(argument: str, value: object) -> int:
    count = _whole(argument, value, "of nodes, such as 1")
    if not count:
        raise InvalidRequest(f"{argument}={shown(value)}: at least one node.", argument=argument)
    return count


def node_count(value: float) -> int:
    """How many nodes, one at least. Raises `InvalidRequest`."""
    return _count("instance_count", value)


@attrs.frozen(kw_only=True)
class Ask:
    """What `place()` is asked: the needs of each node, and where, how many, which tier.

    `computes` are names, `instance_types` sizes, both in order of preference, any case. No `computes`:
    serverless, and a cluster only where serverless can't. `creates` are those of them that are to be made
    where they aren't there; `computes_by` is the file and line that names them, where the user doesn't.
    `tier` None: nobody said, so `default_tier` on serverless and on what stands in for it, else standard;
    a compute that is named has its own. `timeout` is in seconds, of each attempt. `job` is its type.
    `at_once`: how many such jobs run side by side at most, which are the trials of one sweep.
    `own_client_id`: its variables say AZURE_CLIENT_ID themselves, or nobody knows what they say.
    `own_image`: its image may come from the workspace's own container registry. `planned`: this one place was
    chosen before, by a plan.
    """

    needs: Needs = attrs.field(factory=Needs)
    instance_types: tuple[str, ...] = ()
    nodes: int = attrs.field(default=1, converter=node_count)
    tier: Tier | None = None
    default_tier: Tier | None = None
    computes: tuple[str, ...] = ()
    creates: tuple[Cluster, ...] = ()
    computes_by: str = ""
    identity: Identity | None = None
    own_client_id: bool = False
    timeout: float | None = None
    requeued: bool = False
    job: JobType = JobType.COMMAND
    at_once: int = 1
    own_image: bool = True
    planned: bool = False
    guard: Guard = attrs.field(factory=Guard)

    @property
    def most_nodes(self) -> int:
        """How many nodes run at once at most."""
        return self.nodes * self.at_once

    @property
    def serverless_tier(self) -> Tier:
        """The tier of serverless nodes."""
        return self.tier or self.default_tier or Tier.STANDARD

    @property
    def named(self) -> tuple[str, ...]:
        """The computes that were asked for by name, serverless aside."""
        return tuple(name for name in self.computes if name.lower() != SERVERLESS)
