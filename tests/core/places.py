"""Workspaces with computes beside serverless, for tests of `place()`."""

from __future__ import annotations

from typing import Any

import attrs

from amlrun._offers import Compute, Market, Tier, WorkspaceFacts
from tests.core.regions import A100, CHEAP, DEAR, T4, market, quota

ROOM = quota(cheap=(8, 0), dear=(8, 0), t4=(8, 0), a100=(48, 48))
WORKSPACE = WorkspaceFacts(name="ws", location="eastus", workspace_id="w", discovery_url="")


def cluster(name: str, size: str = "cheap", *, idle: int = 0, busy: int = 0, most: int = 4) -> Compute:
    """A cluster at rest, in the region."""
    nodes = idle + busy
    return Compute(
        name=name,
        kind_name="AmlCompute",
        size=size.upper(),
        tier=Tier.STANDARD,
        max_nodes=most,
        nodes=nodes,
        target_nodes=nodes,
        idle_nodes=idle,
        running_nodes=busy,
        allocation_state="Steady",
        location="eastus",
    )


def workspace(*computes: Compute, held: Any = ROOM, **facts: Any) -> Market:
    """A workspace with these computes."""
    sizes = [CHEAP, DEAR, T4, A100]
    own = attrs.evolve(WORKSPACE, **facts) if facts else None
    return attrs.evolve(market(sizes, held), computes=computes, workspace=own)
