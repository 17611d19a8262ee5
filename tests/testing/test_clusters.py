"""A cluster's nodes: never more than the maximum, never fewer than the minimum by idling."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from amlrun._offers import Tier
from amlrun.testing._clusters import Cluster

EMPTY = Cluster("c", "Standard_DS3_v2", "standardDSv2Family", 4, Tier.STANDARD, 1, 6, 120.0, 0.0, idle=(0.0,))


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 400)), max_size=20))
def test_nodes_stay_within_the_bounds(jobs: list[tuple[int, int]]) -> None:
    """Jobs come, go and leave idle nodes behind: the count stays between minimum and maximum."""
    cluster, now, busy = EMPTY, 0.0, []
    for nodes, later in jobs:
        if cluster.grows_by(nodes) is not None:
            cluster = cluster.seat(nodes)
            busy.append(nodes)
        now += later
        cluster = cluster.shrink(now)
        if busy and later % 2:
            cluster = cluster.leave(busy.pop(), now)
        assert cluster.min_nodes <= cluster.nodes <= cluster.max_nodes
        assert cluster.busy == sum(busy)
        assert cluster.due is None or cluster.due > now
        assert Cluster.from_json(cluster.to_json()) == cluster


def test_idle_nodes_are_used_before_new_ones_come() -> None:
    """A job on a cluster with two idle nodes asks for the third alone."""
    cluster = attrs.evolve(EMPTY, idle=(0.0, 10.0))
    assert cluster.grows_by(3) == 1
    assert cluster.seat(3).nodes == 3
    assert cluster.hold(3).cores == 12
