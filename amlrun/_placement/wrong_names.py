"""Sizes that can't be named: those that the region hasn't, and those that it has for other things. Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from amlrun._offers import Market, Size

_MOST = 3
_CLOSE, _NEAR = 0.6, 0.4
"""Of 1, how alike two names must be; and where there is nothing else."""
_AS_LARGE = 0.3
"""What it adds to that where a size has as many vCPUs as the name says."""
_HINT = "Leave instance_type out and say what the job needs: cpus=…, memory_gb=…, gpus=…"
_OF_CLUSTER = "Leave size out, and the cluster gets the one that is best for the job."


def unknown_size(name: str, market: Market, *, of: str = "") -> InvalidRequest:
    """A name that the region does not have. `of`: the cluster whose size it is to be."""
    near = _near(_tail(name), {_tail(size.name): size for size in market.sizes if size.for_jobs})
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return InvalidRequest(
        f"{_said(name, of)}: {market.location} has no size of that name.{meant}",
        hint=_OF_CLUSTER if of else _HINT,
        argument="compute" if of else "instance_type",
    )


def not_for_jobs(size: Size, market: Market, *, of: str = "") -> InvalidRequest:
    """A size that the region has for other things. `of`: the cluster whose size it is to be."""
    return InvalidRequest(
        f"{_said(size.name, of)}: {market.location} does not offer this size to jobs, only to other"
        " things, such as endpoints.",
        hint=_OF_CLUSTER if of else _HINT,
        argument="compute" if of else "instance_type",
    )


def _said(name: str, of: str) -> str:
    return f"Cluster({of!r}, size={name!r}, …)" if of else f"instance_type={name!r}"


def _tail(name: str) -> str:
    """What tells sizes apart, so that a forgotten or misspelt `Standard_` is no difference."""
    return re.sub(r"^stan[a-z]*_", "", name.lower())


def _near(wanted: str, sizes: dict[str, Size]) -> list[str]:
    """Those of the same series that are named alike, as large as the name says first; else any."""
    head = re.match(r"(n[a-z]|[a-z])[a-z]*(\d*)", wanted)
    series, cpus = (head[1], head[2]) if head else ("", "")
    alike = {
        key: SequenceMatcher(None, wanted, key).ratio() + (_AS_LARGE if str(size.cpus) == cpus else 0)
        for key, size in sizes.items()
        if key.startswith(series)
    }
    ranked = sorted(alike, key=lambda key: (-alike[key], key))
    near = [key for key in ranked if alike[key] > _CLOSE] or [key for key in sizes if wanted in key]
    near = near or [key for key in ranked if alike[key] > _NEAR] or get_close_matches(wanted, sizes)
    return [sizes[key].name for key in near[:_MOST]]
