"""`place()`: where a job goes. Pure: values in, a `Plan` or an error out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market
    from amlrun._plan import Plan


def place(ask: Ask, market: Market, computes: Sequence[Compute] = ()) -> Plan:
    """The cheapest place that meets the ask and starts now, else the cheapest that must queue."""
    raise NotImplementedError
