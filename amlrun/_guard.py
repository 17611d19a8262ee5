"""A team's guard rails, as a value: what no placement may pass, whatever its arguments say. Pure.

They stand in `amlrun.toml`, which `_team` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(kw_only=True)
class Guard:
    """What a team allows. Nothing said: everything.

    Sizes are patterns, any case (`Standard_NC*`). `where` maps each of these names to the file and the line
    that says it.
    """

    allowed_sizes: tuple[str, ...] = ()
    denied_sizes: tuple[str, ...] = ()
    computes: tuple[str, ...] = ()
    most_nodes: int | None = None
    highest_price_per_hour: float | None = None
    where: Mapping[str, str] = attrs.field(factory=dict)
