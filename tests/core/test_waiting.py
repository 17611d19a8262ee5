"""What a job waits for that doesn't start, in words, from what was read."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._offers import Compute, FamilyQuota, Kind, Limit, LimitKind, Market, Problem, Quota, Size, Tier
from amlrun._offers.limits import Holder
from amlrun._placement.standing import Standing
from amlrun._plan import Plan
from amlrun._waiting import _TELLING, waits_for

DS3 = Size("Standard_DS3_v2", "standardDSv2Family", 4, 14.0, 0, None, 28.0, True, 0.29, None, "service")
CPU = Compute(name="cpu", size="STANDARD_DS3_V2", max_nodes=4, allocation_state="Steady", location="eastus")
ON_CPU = Plan(compute="CPU", kind=Kind.CLUSTER, size=DS3, instance_count=2)
SERVERLESS = Plan(size=DS3, instance_type=DS3.name, instance_count=2)


def quota(limit: int = 100, used: int = 0, pool: int = 100, in_pool: int = 0, **holders: int) -> Quota:
    """The quota of a region with one family, and who holds its vCPUs."""
    held = tuple(Holder(name, Tier.STANDARD, cores) for name, cores in holders.items())
    spot = (Holder("spotty", Tier.SPOT, in_pool),) if in_pool else ()
    other = FamilyQuota("standardNCFamily", holders=(Holder("gpus", Tier.SPOT, 6),) if in_pool else ())
    return Quota(
        "eastus",
        (FamilyQuota(DS3.family, Limit(DS3.family, limit, used), holders=held + spot), other),
        Limit("TotalDedicatedCores", None, 0, LimitKind.TOTAL),
        Limit("TotalLowPriorityCores", pool, in_pool, LimitKind.SPOT_POOL),
    )


def market(change: dict[str, Any] | None = None, held: Quota | None = None) -> Market:
    """One with one cluster."""
    computes = () if change is None else (attrs.evolve(CPU, **change),)
    return Market("eastus", (DS3,), held or quota(), computes=computes)


@pytest.mark.parametrize(
    ("change", "held", "words"),
    [
        ({"nodes": 4, "running_nodes": 4}, None, "cpu: 4 of its 4 nodes are busy: the job waits for them"),
        (
            {"allocation_state": "Resizing", "target_nodes": 2},
            None,
            "cpu: it grows from 0 to 2 nodes",
        ),
        (
            {"allocation_state": "Resizing"},
            None,
            "cpu: it resizes from 0 to 0 nodes: when it is done is not known",
        ),
        ({"state": "Creating"}, None, "cpu: it is being made (Creating)"),
        (
            {"problems": (Problem("ClusterCoreQuotaReached", "no"),)},
            None,
            "cpu: it can't grow now (ClusterCoreQuotaReached)",
        ),
        (
            {},
            quota(16, 12),
            (
                "cpu: it must grow by 2: needs 2 x 4 = 8 vCPUs of standardDSv2Family; "
                "limit 16, in use 12, free 4: one node fits now, four ever"
            ),
        ),
        ({"nodes": 4, "idle_nodes": 4}, None, ""),
        ({}, None, ""),
        (None, None, "the workspace has no compute CPU any more"),
    ],
)
def test_what_a_job_on_a_cluster_waits_for(
    change: dict[str, Any] | None, held: Quota | None, words: str
) -> None:
    """How the cluster stands, where that explains it; one that grows does so for all who wait."""
    assert waits_for(ON_CPU, "Queued", "", market(change, held), None) == words


def test_each_standing_of_a_cluster_explains_a_wait_or_does_not() -> None:
    """None is forgotten."""
    assert set(_TELLING) == set(Standing)


def test_a_serverless_job_waits_for_quota_that_others_hold() -> None:
    """The row that binds, its figures, and who holds it, the greatest first."""
    held = quota(16, 12, cpu=4, **{"serverless and other workspaces": 8})
    assert waits_for(SERVERLESS, "Queued", "", market(), held) == (
        "quota: it needs 2 x 4 = 8 vCPUs of standardDSv2Family; limit 16, in use 12, free 4: one node fits "
        "now, four ever. In use by serverless and other workspaces (8), cpu (4)"
    )


def test_a_spot_job_waits_for_the_pool_of_all_families() -> None:
    """Whoever holds it, of whatever family."""
    held = quota(pool=16, in_pool=10, cpu=4)
    words = waits_for(attrs.evolve(SERVERLESS, tier=Tier.SPOT), "Queued", "", market(), held)
    assert "vCPUs of TotalLowPriorityCores; limit 16, in use 10" in words
    assert words.endswith("In use by spotty (10), gpus (6)")


def test_quota_that_nobody_is_known_to_hold() -> None:
    """The figures alone."""
    words = waits_for(SERVERLESS, "Queued", "", market(), quota(8, 8))
    assert words.endswith("limit 8, in use 8, free 0: none fits now, two ever")


@pytest.mark.parametrize(
    ("plan", "status", "known", "words"),
    [
        (SERVERLESS, "Preparing", True, "its image is being built"),
        (SERVERLESS, "Queued", True, ""),
        (SERVERLESS, "Queued", False, ""),
        (attrs.evolve(SERVERLESS, size=None), "Queued", True, ""),
        (ON_CPU, "Queued", False, ""),
        (attrs.evolve(ON_CPU, kind=Kind.KUBERNETES), "Queued", True, ""),
    ],
)
def test_the_service_has_a_word_of_its_own(plan: Plan, status: str, known: bool, words: str) -> None:  # noqa: FBT001 - a row of a table
    """It stands beside what is found out, or alone; where nothing tells, nothing is said."""
    read = (market({}), quota()) if known else (None, None)
    assert waits_for(plan, status, "", *read) == words
    said = waits_for(plan, status, "Scheduling: Job is queued.", *read)
    assert said == "; ".join(filter(None, [words, "the service says Scheduling: Job is queued."]))


def test_computes_that_cannot_be_read_explain_nothing() -> None:
    """Then the service's word must do."""
    unread = attrs.evolve(market({}), computes=None)
    assert waits_for(ON_CPU, "Queued", "", unread, None) == ""
