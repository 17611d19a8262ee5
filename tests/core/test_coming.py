"""Nodes that clusters are getting: they are nobody's yet, and not free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, FamilyQuota, Limit, LimitKind, Market, Problem, Quota, Size, Tier
from amlrun._offers.coming import with_coming
from amlrun._offers.outstanding import Outstanding, Pending
from amlrun._offers.pending import counted
from amlrun._placement import place

if TYPE_CHECKING:
    from amlrun._plan import Plan

DS3 = Size("Standard_DS3_v2", "standardDSv2Family", 4, 14.0, 0, None, 28.0, True, 0.29, 0.1, "service")
CPU = Compute(name="cpu", size="STANDARD_DS3_V2", max_nodes=9, allocation_state="Steady", location="eastus")
READ_AT = 5000.0


def quota(limit: int, location: str = "eastus", workspace: int | None = None) -> Quota:
    """The quota of a region with one family."""
    own = None if workspace is None else Limit(DS3.family, workspace, 0, LimitKind.WORKSPACE)
    family = FamilyQuota(DS3.family, Limit(DS3.family, limit, 0), Limit(DS3.family, None, 0), own)
    return Quota(
        location,
        (family,),
        Limit("TotalDedicatedCores", 100, 0, LimitKind.TOTAL),
        Limit("TotalLowPriorityCores", 100, 0, LimitKind.SPOT_POOL),
    )


def market(limit: int, **change: Any) -> Market:
    """A workspace with one cluster."""
    return Market("eastus", (DS3,), quota(limit), computes=(attrs.evolve(CPU, **change),), read_at=READ_AT)


def ours(nodes: int, at: float | None = None) -> Outstanding:
    """A job of ours that waits for the cluster."""
    job = Pending(name="j", compute="cpu", family=DS3.family, cpus=4, nodes=nodes, at=at)
    return Outstanding().sent(job)


def planned(held: Market, sent: Outstanding | None = None, *computes: str) -> Plan:
    """The plan for one node more."""
    return place(Ask(computes=computes, needs=Needs(cpus=4)), counted(held, sent or Outstanding()))


GROWS: dict[str, Any] = {"allocation_state": "Resizing", "target_nodes": 3}


@pytest.mark.parametrize("computes", [(), ("cpu",)])
@pytest.mark.parametrize(("limit", "starts"), [(16, "now"), (12, "queued")])
def test_nodes_that_come_are_not_free(computes: tuple[str, ...], limit: int, starts: str) -> None:
    """Neither for serverless nor for whoever comes later to the cluster itself."""
    plan = planned(market(limit, **GROWS), None, *computes)
    assert plan.starts == starts
    if starts == "queued":
        assert any("in use 0, coming to clusters 12, free 0" in reason for reason in plan.reasons)


@pytest.mark.parametrize("computes", [(), ("cpu",)])
@pytest.mark.parametrize(("limit", "starts"), [(16, "now"), (12, "queued")])
@pytest.mark.parametrize("change", [{}, GROWS])
def test_a_job_of_ours_counts_once_whatever_the_service_has_seen(
    computes: tuple[str, ...], limit: int, starts: str, change: dict[str, Any]
) -> None:
    """On its way, or grown for already: the nodes that it waits for are the same."""
    assert planned(market(limit, **change), ours(3, READ_AT - 1), *computes).starts == starts


@pytest.mark.parametrize(("limit", "starts"), [(24, "now"), (20, "queued")])
def test_what_was_sent_after_the_reading_adds_up(limit: int, starts: str) -> None:
    """The target that was read can't have it."""
    assert planned(market(limit, **GROWS), ours(2, READ_AT), "cpu").starts == starts


def test_a_cluster_that_is_full_once_all_have_come_is_waited_for() -> None:
    """Theirs, ours, and no room for another."""
    plan = planned(market(100, **{**GROWS, "max_nodes": 5}), ours(2, READ_AT), "cpu")
    assert plan.starts == "queued"
    assert "it grows to 5 of its 5 nodes for jobs that came before: this one waits for them" in plan.reasons


@pytest.mark.parametrize(
    "change",
    [
        {"allocation_state": "Steady"},
        {"target_nodes": 0},
        {"resized_at": READ_AT - 3600},
        {"problems": (Problem("ClusterCoreQuotaReached", ""),)},
        {"size": "STANDARD_X"},
    ],
)
def test_what_may_never_come_keeps_nobody_waiting(change: dict[str, Any]) -> None:
    """A resize that is stuck or has been stopped; a size of which nobody knows what it takes."""
    assert planned(market(4, **{**GROWS, **change})).starts == "now"


def test_each_region_tier_and_limit_has_its_own() -> None:
    """Spot nodes take of the pool, those of another region of its quota, all of the workspace's own limit."""
    spot = market(16, **GROWS, tier=Tier.SPOT).computes
    abroad = attrs.evolve(market(16, **GROWS, location="westus"), elsewhere={"westus": quota(16, "westus")})
    after = with_coming(attrs.evolve(abroad, computes=(*(abroad.computes or ()), *(spot or ()))), {})
    assert after.quota is not None
    assert after.quota.spot_total is not None
    assert after.quota.dedicated_total is not None
    assert (after.quota.spot_total.coming, after.quota.dedicated_total.coming) == (12, 0)
    there = after.elsewhere["westus"].dedicated_total
    assert there is not None
    assert (there.coming, there.free) == (12, 88)
    own = with_coming(attrs.evolve(market(16, **GROWS), quota=quota(16, workspace=16)), {})
    assert own.quota is not None
    assert own.quota.families[0].workspace is not None
    assert own.quota.families[0].workspace.free == 4
    assert with_coming(attrs.evolve(abroad, quota=None, computes=None), {}).computes is None
    unread = with_coming(attrs.evolve(market(4, **GROWS), quota=None), {"cpu": 1})
    assert unread.computes is not None
    assert (unread.quota, unread.computes[0].coming_nodes) == (None, 2)
