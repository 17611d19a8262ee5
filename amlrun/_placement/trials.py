"""Trials of a sweep that run side by side: how many of them there is room for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._needs import SERVERLESS
from amlrun._placement.fit import fit
from amlrun._plan import Starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._needs import Ask
    from amlrun._offers import Market
    from amlrun._placement.options import Option


def side_by_side(ask: Ask, market: Market, chosen: Option) -> Iterator[str]:
    """What keeps all trials from running at once. The plan's start is that of the first."""
    if ask.at_once == 1:
        return
    if chosen.offer.compute == SERVERLESS:
        whole = fit(chosen.size, ask.most_nodes, chosen.tier, market.quota)
        if whole.starts in {None, Starts.QUEUED}:
            yield f"{ask.at_once} trials at once: {whole}: others wait for these to end"
        return
    most = next((one.max_nodes for one in market.computes or () if one.name == chosen.offer.compute), 0)
    if 0 < most < ask.most_nodes:
        words = (
            f"{ask.at_once} trials at once need {ask.most_nodes} nodes, and {chosen.offer.compute} has {most}"
        )
        yield f"{words} at most: others wait for these to end"
