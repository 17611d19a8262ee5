"""What was asked of a job's place, as the job remembers it: for its next attempt, on any machine. Pure.

Not in it: a team's rules (those of the day are asked for), and clusters to be made (they were).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._fields import WrongField, amount, fields, flag, several, text, value_of, whole, word
from amlrun._identity import Identity
from amlrun._job_types import JobType
from amlrun._needs import Ask, Needs
from amlrun._offers import Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def remembered(ask: Ask) -> Ask:
    """What of it is remembered: the same in the process that sent the job and in any other."""
    return Ask(**{name: getattr(ask, name) for name in _READ})


def memo_of(ask: Ask) -> dict[str, Any]:
    """JSON-safe, without what is as it usually is."""
    return _said(ask, Ask(), _READ)


def ask_of(memo: Mapping[str, Any]) -> Ask | None:
    """The ask again; None where another version wrote what this one doesn't know: it may be a condition."""
    try:
        return Ask(**fields(memo, _READ))
    except (WrongField, InvalidRequest):
        return None


def _said(value: Any, usual: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: getattr(value, name) for name in names}
    return {name: _plain(one) for name, one in said.items() if one != getattr(usual, name)}


def _plain(value: Any) -> Any:
    if isinstance(value, Needs):
        return _said(value, Needs(), _NEEDS)
    if isinstance(value, Identity):
        return {name: _plain(one) for name, one in attrs.asdict(value).items() if one is not None}
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


_NEEDS: dict[str, Callable[[Any], Any]] = {
    "cpus": whole(0),
    "memory_gb": amount,
    "gpus": whole(0),
    "gpu": several(text),
    "gpu_memory_gb": amount,
    "disk_gb": amount,
    "max_price_per_hour": amount,
}
_READ: dict[str, Callable[[Any], Any]] = {
    "needs": value_of(Needs, _NEEDS),
    "instance_types": several(text),
    "nodes": whole(1),
    "tier": word(*Tier),
    "default_tier": word(*Tier),
    "computes": several(text),
    "identity": Identity.from_dict,
    "own_client_id": flag,
    "timeout": amount,
    "job": word(*JobType),
    "at_once": whole(1),
    "own_image": flag,
}
"""How each field is read from JSON."""
