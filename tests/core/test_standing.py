"""How a cluster stands to a job: every state from figures alone, and what must hold whatever they are."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlrun._needs import Ask
from amlrun._offers import Compute, FamilyQuota, Limit, LimitKind, Market, Problem, Quota, Size, Tier
from amlrun._offers.outstanding import Outstanding, Pending
from amlrun._offers.pending import counted
from amlrun._placement.clusters import cluster_option
from amlrun._placement.standing import STARTS, Situation, Standing, situation_of
from amlrun._plan import Starts

DS3 = Size("Standard_DS3_v2", "standardDSv2Family", 4, 14.0, 0, None, 28.0, True, 0.29, None, "service")
CPU = Compute(name="cpu", size=DS3.name, max_nodes=4, allocation_state="Steady", location="eastus")


def quota(limit: int | None = 100, used: int = 0) -> Quota:
    """The quota of a region with one family."""
    total = Limit("TotalDedicatedCores", None, 0, LimitKind.TOTAL)
    return Quota("eastus", (FamilyQuota(DS3.family, Limit(DS3.family, limit, used)),), total)


def stands(change: dict[str, Any], wanted: int = 1, held: Quota | None = None) -> Situation:
    """How the cluster stands to who wants so many nodes."""
    return situation_of(attrs.evolve(CPU, **change), wanted, DS3, held or quota())


RESIZING = {"allocation_state": "Resizing"}


@pytest.mark.parametrize(
    ("change", "wanted", "standing", "words"),
    [
        ({"state": "Creating"}, 1, Standing.MADE, "it is being made (Creating)"),
        ({"nodes": 4, "idle_nodes": 2}, 2, Standing.IDLE, "2 of its 4 nodes are idle"),
        ({}, 3, Standing.GROWS, "it must grow by 3: 3 x 4 = 12 of 100 free vCPUs of standardDSv2Family"),
        (
            {"nodes": 3, "running_nodes": 3},
            2,
            Standing.BUSY,
            "3 of its 4 nodes are busy: the job waits for them",
        ),
        (
            {"nodes": 4, "running_nodes": 3, "unusable_nodes": 1},
            1,
            Standing.BUSY,
            "3 of its 4 nodes are busy and 1 of its 4 nodes is unusable: the job waits for them",
        ),
        (
            {"nodes": 4, "unusable_nodes": 4},
            1,
            Standing.BUSY,
            "4 of its 4 nodes are unusable: the job waits for them",
        ),
        (
            {"nodes": 1, "running_nodes": 1, "max_nodes": 1},
            1,
            Standing.BUSY,
            "its one node is busy: the job waits for it",
        ),
        (
            {"nodes": 1, "idle_nodes": 0, "sent_nodes": 3},
            1,
            Standing.BUSY,
            "4 of its 4 nodes are busy or spoken for: the job waits for them",
        ),
        (
            {**RESIZING, "nodes": 4, "idle_nodes": 3, "running_nodes": 1, "target_nodes": 2},
            2,
            Standing.SCALING_DOWN,
            "it is scaling down from 4 to 2 nodes: the job waits for that",
        ),
        (
            {**RESIZING, "nodes": 4, "idle_nodes": 3, "running_nodes": 1, "target_nodes": 2},
            1,
            Standing.IDLE,
            "1 of its 4 nodes is idle",
        ),
        (
            {**RESIZING, "resized_at": 0.0},
            1,
            Standing.STUCK,
            "it resizes from 0 to 0 nodes since 1970-01-01 00:00 UTC: when it is done is not known",
        ),
        (RESIZING, 1, Standing.STUCK, "it resizes from 0 to 0 nodes: when it is done is not known"),
        (
            {**RESIZING, "nodes": 1, "idle_nodes": 1, "target_nodes": 4},
            1,
            Standing.BEHIND,
            "it grows to 4 of its 4 nodes for jobs that came before: this one waits for them",
        ),
        (
            {"nodes": 4, "preempted_nodes": 4},
            1,
            Standing.GROWS,
            "it must grow by 1: 1 x 4 = 4 of 100 free vCPUs of standardDSv2Family",
        ),
        (
            {**RESIZING, "min_nodes": 1, "nodes": 1, "target_nodes": 1, "preparing_nodes": 1},
            1,
            Standing.GROWS,
            "it must grow by 1: 1 x 4 = 4 of 100 free vCPUs of standardDSv2Family",
        ),
        (
            {**RESIZING, "nodes": 2, "target_nodes": 2, "running_nodes": 1, "leaving_nodes": 1},
            1,
            Standing.GROWS,
            "it must grow by 1: 1 x 4 = 4 of 100 free vCPUs of standardDSv2Family",
        ),
        (
            {"problems": (Problem("ClusterCoreQuotaReached", ""),)},
            1,
            Standing.OUT_OF_QUOTA,
            "it can't grow now (ClusterCoreQuotaReached)",
        ),
    ],
)
def test_every_state_is_told_with_figures(
    change: dict[str, Any], wanted: int, standing: Standing, words: str
) -> None:
    """As the reply has them, or as the wait for what was sent has changed them."""
    situation = stands(change, wanted)
    assert (situation.standing, str(situation)) == (standing, words)


def test_states_that_quota_decides() -> None:
    """Never, later, now, unknown: the same three answers as on serverless, for the nodes that are missing."""
    grown: dict[str, Any] = {"max_nodes": 9}
    assert stands(grown, 3, quota(8)).standing is Standing.NEVER
    assert str(stands(grown, 3, quota(8))).startswith("needs 3 x 4 = 12 vCPUs of standardDSv2Family; limit 8")
    assert stands(grown, 3, quota(12, 4)).standing is Standing.QUOTA_IN_USE
    assert stands(grown, 3, quota(12)).standing is Standing.GROWS
    unread = situation_of(attrs.evolve(CPU, **grown), 3, DS3, None)
    assert (unread.standing, str(unread)) == (
        Standing.QUOTA_UNKNOWN,
        "it must grow by 3, under a quota that is not known",
    )


@pytest.mark.parametrize("target", [0, 1, 4])
def test_a_resize_that_brings_no_node_is_stuck_whatever_it_resizes_to(target: int) -> None:
    """After half an hour in which none comes nothing is promised; before it, as its figures say."""
    growing = attrs.evolve(CPU, allocation_state="Resizing", target_nodes=target, resized_at=1000.0)
    late, soon = (situation_of(growing, 1, DS3, quota(), 1000.0 + seconds) for seconds in (1801, 1799))
    assert (late.standing, STARTS[late.standing]) == (Standing.STUCK, Starts.UNKNOWN)
    assert str(late) == (
        f"it resizes from 0 to {target} nodes since 1970-01-01 00:16 UTC: no node comes: it may be stuck"
    )
    assert "stuck" not in str(soon)
    assert (soon.standing is Standing.STUCK) == (target == 0)
    moving_so: list[dict[str, Any]] = [
        {"preparing_nodes": 1},
        {"leaving_nodes": 1},
        {"allocation_state": "Steady"},
    ]
    for moves in moving_so:
        moving = situation_of(attrs.evolve(growing, **moves), 1, DS3, quota(), 9000.0)
        assert moving.standing is not Standing.STUCK


def test_a_cluster_that_is_being_made_is_held_against_quota_too() -> None:
    """Being made is a wait; a limit that can never hold the nodes is a refusal."""
    assert stands({"state": "Creating"}, 2, quota(4)).standing is Standing.NEVER
    assert stands({"state": "Creating"}, 2, quota(8)).standing is Standing.MADE


@pytest.mark.parametrize(("limit", "standing"), [(16, Standing.GROWS), (12, Standing.QUOTA_IN_USE)])
def test_a_job_that_was_sent_counts_once_whatever_the_service_has_seen(
    limit: int, standing: Standing
) -> None:
    """On its way, or grown for already: the nodes that it waits for are the same, and so is the answer."""
    sent = Outstanding().sent(Pending(name="j", compute="cpu", family=DS3.family, cpus=4, nodes=3))
    changes: list[dict[str, Any]] = [{}, {**RESIZING, "target_nodes": 3}]
    for change in changes:
        held = Market("eastus", (DS3,), quota(limit), computes=(attrs.evolve(CPU, **change),))
        after = counted(held, sent)
        assert after.computes is not None
        assert situation_of(after.computes[0], 1, DS3, after.quota).standing is standing


def test_a_minimum_is_grown_to_for_nobody() -> None:
    """Its idle nodes are anybody's."""
    growing = {**RESIZING, "min_nodes": 2, "target_nodes": 2, "nodes": 2, "idle_nodes": 1}
    assert stands({**growing, "preparing_nodes": 1}).standing is Standing.IDLE
    assert stands({**growing, "preparing_nodes": 1, "min_nodes": 0}).standing is not Standing.IDLE


def test_a_limit_below_what_it_has_is_waited_for() -> None:
    """Nodes that exist are not refused, whatever the limit says now."""
    lowered = stands({"nodes": 2, "running_nodes": 2}, 2, quota(4, 8))
    assert (lowered.standing, STARTS[lowered.standing]) == (Standing.QUOTA_IN_USE, Starts.QUEUED)


@pytest.mark.parametrize(
    ("change", "held", "reason"),
    [
        ({"nodes": 2, "idle_nodes": 2}, {}, "2 of its 2 nodes are idle"),
        ({}, {}, ""),
        (
            {"location": "westeurope"},
            {"westeurope": quota()},
            "it is in westeurope, under that region's own quota",
        ),
        ({"location": "westeurope"}, {"westeurope": quota(0)}, ""),
        ({"location": "westeurope"}, {}, ""),
    ],
)
def test_what_stands_in_for_serverless(change: dict[str, Any], held: dict[str, Quota], reason: str) -> None:
    """Serverless and clusters of one region draw on one quota: idle nodes do, and another region's."""
    compute = attrs.evolve(CPU, **change)
    option = cluster_option(Ask(), Market("eastus", (DS3,), quota(), elsewhere=held), compute)
    assert option.stands_in == reason


def test_every_state_has_an_answer() -> None:
    """The mapping is total."""
    assert set(STARTS) == set(Standing)


COUNTS = st.integers(0, 6)
CLUSTERS = st.builds(
    Compute,
    name=st.just("cpu"),
    size=st.just(DS3.name),
    tier=st.sampled_from([Tier.STANDARD, Tier.SPOT, None]),
    min_nodes=COUNTS,
    max_nodes=COUNTS,
    nodes=COUNTS,
    target_nodes=COUNTS,
    sent_nodes=COUNTS,
    idle_nodes=COUNTS,
    running_nodes=COUNTS,
    preparing_nodes=COUNTS,
    leaving_nodes=COUNTS,
    unusable_nodes=COUNTS,
    preempted_nodes=COUNTS,
    state=st.sampled_from(["Succeeded", "Creating", "Failed", "Updating", ""]),
    allocation_state=st.sampled_from(["Steady", "Resizing", ""]),
    resized_at=st.none() | st.floats(0, 2e9),
    problems=st.sampled_from([(), (Problem("ClusterCoreQuotaReached", ""),), (Problem("DiskFull", ""),)]),
)
QUOTAS = st.none() | st.builds(quota, st.none() | st.integers(0, 30), st.integers(0, 30))


@given(CLUSTERS, st.integers(1, 6), QUOTAS)
def test_now_is_said_only_of_nodes_that_can_be_had(compute: Compute, wanted: int, held: Quota | None) -> None:
    """Either they idle, or quota and the cluster's maximum have room for those that are missing."""
    situation = situation_of(compute, wanted, DS3, held)
    starts = STARTS[situation.standing]
    assert str(situation)
    if starts is Starts.NOW and compute.idle_nodes < wanted:
        assert compute.nodes - compute.preempted_nodes + wanted - compute.idle_nodes <= compute.max_nodes
        assert held is not None
        if compute.tier is not Tier.SPOT:
            (row,) = (family.dedicated for family in held.families)
            assert row is not None
            assert row.free is None or row.free >= (wanted - compute.idle_nodes) * DS3.cpus
    if starts is None:
        assert held is not None


@given(CLUSTERS, st.integers(1, 6), QUOTAS)
def test_an_idle_node_more_never_makes_it_worse(compute: Compute, wanted: int, held: Quota | None) -> None:
    """A node that becomes idle where all else stays: never a later start."""
    order = [Starts.NOW, Starts.UNKNOWN, Starts.QUEUED, None]
    more = attrs.evolve(compute, idle_nodes=compute.idle_nodes + 1)
    before, after = (STARTS[situation_of(one, wanted, DS3, held).standing] for one in (compute, more))
    if before is not Starts.UNKNOWN:
        assert order.index(after) <= order.index(before)


@given(CLUSTERS, st.integers(1, 6), st.integers(0, 30), st.integers(0, 30), st.integers(0, 8))
def test_quota_added_never_makes_it_worse(
    compute: Compute, wanted: int, limit: int, used: int, more: int
) -> None:
    """A higher limit starts no later."""
    order = [Starts.NOW, Starts.QUEUED, None, Starts.UNKNOWN]
    before, after = (
        STARTS[situation_of(compute, wanted, DS3, quota(high, used)).standing]
        for high in (limit, limit + more)
    )
    if before is not Starts.UNKNOWN and after is not Starts.UNKNOWN:
        assert order.index(after) <= order.index(before)


@given(CLUSTERS, st.integers(1, 6), QUOTAS)
def test_an_option_says_one_thing(compute: Compute, wanted: int, held: Quota | None) -> None:
    """It lacks something, or starts some time, or its figures say never; what starts says why."""
    option = cluster_option(
        Ask(computes=("cpu",), nodes=wanted), Market("eastus", (DS3,), held, computes=(compute,)), compute
    )
    if option.miss:
        assert (option.starts, option.stands_in, option.against) == (None, "", option.miss)
    elif option.starts is None:
        assert option.fit is not None
        assert option.against == str(option.fit)
    else:
        assert (bool(option.why), option.against) == (True, "")
    situation = situation_of(compute, wanted, DS3, held)
    assert not (option.offer.limits and situation.standing is Standing.IDLE)
