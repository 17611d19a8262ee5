"""A cluster's nodes: never more than the maximum, never fewer than the minimum by idling."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._offers import Tier
from amlrun.testing._supply.clusters import LEAVE_SECONDS, PREPARE_SECONDS, RETRY_SECONDS, Cluster, NodeState

EMPTY = Cluster("c", "Standard_DS3_v2", "standardDSv2Family", 4, Tier.SPOT, 1, 6, 120.0)
READY = PREPARE_SECONDS

moves = st.one_of(
    st.tuples(st.just("want"), st.integers(0, 8)),
    st.tuples(st.just("seat"), st.integers(1, 4)),
    st.tuples(st.sampled_from(["over", "lose", "preempt", "break"]), st.integers(0, 3)),
    st.tuples(st.just("bound"), st.integers(1, 8)),
    st.tuples(st.just("later"), st.integers(1, 400)),
)


def with_idle(count: int) -> Cluster:
    """A cluster with so many idle nodes, at 0."""
    return EMPTY.grow(count, -READY).step(0.0, count)


@given(st.lists(moves, max_size=30))
def test_nodes_stay_within_the_bounds(story: list[tuple[str, int]]) -> None:
    """Whatever comes: no more nodes than the maximum, and each job has its own until it is over."""
    cluster, now, number, wanted, jobs = EMPTY, 0.0, 0, 0, dict[str, int]()
    for move, size in story:
        if move == "later":
            while cluster.due is not None and cluster.due <= now + size:
                at = cluster.due
                cluster = cluster.step(at, wanted)
                cluster = cluster.come_back(cluster.returning(at), at)
            now += size
        elif move == "want":
            wanted = size
            cluster = cluster.grow(cluster.missing(wanted), now)
        elif move == "seat" and cluster.idle >= size:
            number += 1
            jobs[f"j{number}"] = size
            cluster = cluster.seat(f"j{number}", size, now)
        elif move == "bound":
            cluster = cluster.bounded(1, max(size, len(cluster.nodes)), 60.0)
        elif move in {"preempt", "break"}:
            state = NodeState.PREEMPTED if move == "preempt" else NodeState.UNUSABLE
            cluster, hit = cluster.hit(state, size, now)
            for job in hit:
                cluster = cluster.lose(job, now)
                jobs.pop(job)
        elif jobs:
            job = sorted(jobs)[size % len(jobs)]
            jobs.pop(job)
            cluster = cluster.leave(job, now) if move == "over" else cluster.lose(job, now)
        assert len(cluster.nodes) <= cluster.max_nodes
        assert cluster.count(NodeState.RUNNING) == sum(jobs.values())
        assert set(cluster.jobs) == set(jobs)
        assert len({node.number for node in cluster.nodes}) == len(cluster.nodes)
        assert Cluster.from_json(cluster.to_json()) == cluster


def test_a_node_comes_idles_and_leaves() -> None:
    """Preparing, idle, leaving, gone: each in its time, down to the minimum."""
    cluster = EMPTY.grow(2, 0.0)
    assert (cluster.resizing, cluster.target, cluster.holding) == (True, 2, 2)
    cluster = cluster.step(READY, 0)
    assert (cluster.resizing, cluster.idle, cluster.resized) == (False, 2, READY)
    assert cluster.due == READY + 120
    cluster = cluster.step(READY + 120, 0)
    assert (cluster.idle, cluster.count(NodeState.LEAVING), cluster.target) == (1, 1, 1)
    cluster = cluster.step(READY + 120 + LEAVE_SECONDS, 0)
    assert (len(cluster.nodes), cluster.due) == (1, None)


def test_what_is_wanted_stays() -> None:
    """A node that a waiting job wants doesn't leave, however long it idles."""
    cluster = with_idle(3)
    assert cluster.step(120.0, 2).idle == 2
    assert cluster.step(120.0, 3).idle == 3


def test_as_many_come_as_the_queue_wants() -> None:
    """Idle and preparing nodes count, preempted ones come back first, the maximum binds."""
    assert EMPTY.missing(0) == 1  # its minimum
    assert with_idle(2).missing(3) == 1
    assert with_idle(2).missing(9) == 4
    assert with_idle(2).seat("j", 2, 0.0).missing(1) == 1
    lost, _ = with_idle(2).hit(NodeState.PREEMPTED, 1, 0.0)
    assert lost.missing(2) == 0
    unusable, _ = with_idle(6).hit(NodeState.UNUSABLE, 2, 0.0)
    assert unusable.missing(6) == 0


def test_a_lower_maximum_lets_idle_nodes_go_at_once() -> None:
    """Those that run are let finish."""
    cluster = with_idle(4).seat("j", 2, 0.0).bounded(0, 2, 120.0).step(1.0, 0)
    assert (cluster.count(NodeState.RUNNING), cluster.count(NodeState.LEAVING)) == (2, 2)


def test_a_preempted_node_comes_back_where_it_is_wanted() -> None:
    """It holds nothing while it is away; unwanted, it is gone."""
    lost, jobs = with_idle(2).seat("j", 2, 0.0).hit(NodeState.PREEMPTED, 1, 0.0)
    assert (jobs, lost.holding) == (("j",), 1)
    assert lost.due is None  # the job is yet to be told
    lost = lost.lose("j", 0.0)
    assert (lost.idle, lost.count(NodeState.PREEMPTED), lost.due) == (1, 1, RETRY_SECONDS)
    wanted = lost.step(RETRY_SECONDS, 2)
    assert wanted.returning(RETRY_SECONDS) == 1
    assert wanted.come_back(1, RETRY_SECONDS).count(NodeState.PREPARING) == 1
    assert len(lost.step(RETRY_SECONDS, 0).nodes) == 1


@pytest.mark.parametrize(("tier", "left"), [(Tier.SPOT, 2), (Tier.STANDARD, 0)])
def test_a_job_may_take_its_nodes_along(tier: Tier, left: int) -> None:
    """Low-priority nodes are shown as preempted; dedicated ones are gone."""
    cluster = attrs.evolve(with_idle(2), tier=tier).seat("j", 2, 0.0).lose("j", 1.0)
    assert (len(cluster.nodes), cluster.count(NodeState.PREEMPTED), cluster.holding) == (left, left, 0)
