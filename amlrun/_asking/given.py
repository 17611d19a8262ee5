"""The keyword arguments of `submit` as they were given: their names, and what is meant by others. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._needs import Needs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(kw_only=True)
class Arguments:
    """The keyword arguments of `submit`, as they were given. `_request.parse` checks and merges them."""

    compute: Any = None
    instance_type: Any = None
    instance_count: Any = None
    tier: Any = None
    cpus: Any = None
    memory_gb: Any = None
    gpus: Any = None
    gpu: Any = None
    needs: Any = None
    timeout: Any = None
    identity: Any = None
    requeue: Any = None
    code: Any = None
    environment: Any = None
    inputs: Any = None
    outputs: Any = None
    environment_variables: Any = None
    name: Any = None
    display_name: Any = None
    experiment_name: Any = None
    tags: Any = None


OTHER_WORDS: dict[str, str] = {
    **dict.fromkeys(("nodes", "node_count", "num_nodes", "instances", "count"), "instance_count=…"),
    **dict.fromkeys(("size", "vm_size", "sku", "machine_type", "instance_types"), "instance_type=…"),
    **dict.fromkeys(("gpu_count", "num_gpus", "n_gpus"), "gpus=…"),
    **dict.fromkeys(("gpu_type", "gpu_model", "accelerator"), "gpu=…"),
    **dict.fromkeys(("cpu", "vcpus", "cores", "num_cpus"), "cpus=…"),
    **dict.fromkeys(("memory", "mem", "ram", "ram_gb"), "memory_gb=…"),
    **dict.fromkeys(("spot", "low_priority", "preemptible", "job_tier"), "tier='spot'"),
    **dict.fromkeys(("max_price", "price", "max_cost"), "needs=Needs(max_price_per_hour=…)"),
    **dict.fromkeys(("disk", "gpu_memory"), "needs=Needs(…)"),
    **dict.fromkeys(("cluster", "target", "compute_target"), "compute=…"),
    **dict.fromkeys(("env", "image"), "environment=…"),
    **dict.fromkeys(("env_vars", "envs"), "environment_variables=…"),
    **dict.fromkeys(("retries", "retry", "max_retries"), "requeue=Requeue(…)"),
    "command": 'submit("python train.py", …)',
    "experiment": "experiment_name=…",
}
"""What other tools, and people, call what has another name here."""


def arguments(options: Mapping[str, Any]) -> Arguments:
    """The options of a call. Raises `InvalidRequest` for names that are none, with what was meant."""
    names = [field.name for field in attrs.fields(Arguments)]
    unknown = [name for name in options if name not in names]
    if unknown:
        meant = dict.fromkeys(word for name in unknown for word in _meant(name, names))
        hint = f"Did you mean {' or '.join(meant)}?" if meant else f"There are: {', '.join(names)}."
        message = f"There is no argument {', '.join(unknown)}"
        raise InvalidRequest(message, argument=unknown[0], hint=hint)
    return Arguments(**options)


def _meant(name: str, names: list[str]) -> list[str]:
    """The names that come near; the one that is meant for certain stands alone."""
    if name in {field.name for field in attrs.fields(Needs)}:
        return [f"needs=Needs({name}=…)"]
    if name.lower() in OTHER_WORDS:
        return [OTHER_WORDS[name.lower()]]
    return sorted(difflib.get_close_matches(name, names, n=2))
