"""The market, less what was sent from here: which rows it counts on, and how far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from amlrun._offers import Compute, FamilyQuota, Kind, Limit, LimitKind, Market, Quota, Tier, family_key
from amlrun._offers.outstanding import Outstanding, Pending, used_beside_computes
from amlrun._offers.pending import counted
from amlrun._readings.size_replies import size_from
from tests.core.rows import SIZE_ROW

if TYPE_CHECKING:
    from collections.abc import Iterable

FAMILY = "Standard NCASv3_T4 Family"


def quota(location: str = "eastus", *, workspace: int | None = None) -> Quota:
    """One family and both totals."""
    own = None if workspace is None else Limit(FAMILY, workspace, 0, LimitKind.WORKSPACE)
    return Quota(
        location,
        (
            FamilyQuota(FAMILY, Limit(FAMILY, 48, 4), Limit(FAMILY, None, 8), own),
            FamilyQuota("standardDSv2Family", Limit("standardDSv2Family", 24, 0)),
        ),
        Limit("TotalDedicatedCores", 100, 4, LimitKind.TOTAL),
        Limit("TotalLowPriorityCores", 64, 8, LimitKind.SPOT_POOL),
    )


def job(name: str, **fields: object) -> Pending:
    """A job of T4 nodes on serverless."""
    usual = Pending(name=name, family="standardNCASv3_T4Family", cpus=4)
    return attrs.evolve(usual, **fields)  # type: ignore[arg-type]  # fields of Pending


def outstanding(*jobs: Pending) -> Outstanding:
    """All of them sent."""
    sent = Outstanding()
    for one in jobs:
        sent = sent.sent(one)
    return sent


def rows(quota: Quota) -> Iterable[tuple[str, int]]:
    """What is pending on each row."""
    for family in quota.families:
        for kind, limit in (("", family.dedicated), ("spot ", family.spot), ("workspace ", family.workspace)):
            if limit is not None:
                yield f"{kind}{limit.name}", limit.pending
    for total in (quota.dedicated_total, quota.spot_total):
        assert total is not None
        yield total.name, total.pending


def test_nothing_sent_changes_nothing() -> None:
    """The market is the very same."""
    market = Market("eastus", (), quota())
    assert counted(market, Outstanding()) is market


def test_what_was_sent_counts_on_every_row_that_binds_it() -> None:
    """Dedicated: family, total and the workspace's own limit; spot: the pool; other families: nothing."""
    sent = outstanding(job("a", nodes=3), job("b", tier=Tier.SPOT, nodes=2), job("c", cpus=0, family=""))
    market = counted(Market("eastus", (), quota(workspace=24)), sent)
    assert market.quota is not None
    family = market.quota.family(FAMILY)
    assert family is not None
    assert [limit and limit.pending for limit in (family.dedicated, family.spot, family.workspace)] == [
        12,
        8,
        12,
    ]
    assert family.dedicated is not None
    assert family.dedicated.free == 48 - 4 - 12
    pending = dict(rows(market.quota))
    assert (pending["TotalDedicatedCores"], pending["TotalLowPriorityCores"]) == (12, 8)
    assert pending["standardDSv2Family"] == 0


def test_where_quota_is_unknown_nothing_is_counted() -> None:
    """No quota and no computes were read: there is nothing to count on."""
    market = Market("eastus", (), None, computes=None)
    assert counted(market, outstanding(job("a"))) == market


def test_a_clusters_idle_nodes_are_spoken_for_first() -> None:
    """Those that are there take no quota; what is missing counts in the cluster's own region, to its most."""
    cluster = Compute(name="gpu", nodes=3, idle_nodes=2, preparing_nodes=1, max_nodes=5, location="westus")
    market = Market("eastus", (), quota(), computes=(cluster,), elsewhere={"westus": quota("westus")})
    for nodes, idle, found, cores in ((1, 1, 0, 0), (3, 0, 0, 0), (4, 0, 1, 4), (9, 0, 2, 8)):
        sent = outstanding(*(job(f"j{n}", compute="GPU") for n in range(nodes)))
        after = counted(market, sent)
        assert after.computes is not None
        assert (after.computes[0].idle_nodes, after.computes[0].sent_nodes) == (idle, found)
        assert dict(rows(after.elsewhere["westus"]))["TotalDedicatedCores"] == cores
        assert after.quota == quota()


def test_other_computes_have_their_nodes() -> None:
    """A machine or a Kubernetes cluster takes no quota; a cluster that nobody has read takes it all."""
    machine = Compute(name="vm", kind=Kind.VM)
    market = Market("eastus", (), quota(), computes=(machine,))
    assert counted(market, outstanding(job("a", compute="vm"))) == market
    unread = counted(market, outstanding(job("a", compute="new", nodes=2)))
    assert unread.quota is not None
    assert dict(rows(unread.quota))["TotalDedicatedCores"] == 8
    assert counted(market, outstanding(job("a", compute="new", location="westus"))) == market


@given(
    jobs=st.lists(
        st.builds(
            job,
            st.uuids().map(str),
            compute=st.sampled_from(["serverless", "gpu"]),
            tier=st.sampled_from([Tier.STANDARD, Tier.SPOT]),
            nodes=st.integers(1, 4),
        ),
        max_size=12,
    ),
    cluster=st.builds(
        Compute,
        name=st.just("gpu"),
        nodes=st.integers(0, 6),
        idle_nodes=st.integers(0, 6),
        preparing_nodes=st.integers(0, 3),
        max_nodes=st.integers(0, 8),
    ),
)
@settings(max_examples=60)
def test_the_order_of_what_was_sent_never_matters(jobs: list[Pending], cluster: Compute) -> None:
    """Nor is more counted than was asked for, nor less than serverless alone takes, as far as it can run."""
    same = [attrs.evolve(one, tier=Tier.STANDARD) for one in jobs]
    market = Market("eastus", (), quota(), computes=(cluster,))
    assert counted(market, outstanding(*same)) == counted(market, outstanding(*reversed(same)))
    after = counted(market, outstanding(*jobs))
    assert after.quota is not None
    pending = dict(rows(after.quota))
    total = pending["TotalDedicatedCores"] + pending["TotalLowPriorityCores"]
    serverless = [one for one in jobs if one.compute == "serverless"]
    dedicated, spot = (
        sum(one.cores for one in serverless if one.tier is tier) for tier in (Tier.STANDARD, Tier.SPOT)
    )
    assert min(dedicated, 44) + spot <= total <= sum(one.cores for one in jobs)


def test_a_total_is_not_bound_by_what_a_family_cant_run() -> None:
    """Thirty jobs wait for a family with room for eleven: the rest of the total is free for others."""
    market = counted(Market("eastus", (), quota()), outstanding(*(job(f"j{n}") for n in range(30))))
    assert market.quota is not None
    pending = dict(rows(market.quota))
    assert (pending[FAMILY], pending["TotalDedicatedCores"]) == (120, 44)
    with_own = counted(Market("eastus", (), quota(workspace=24)), outstanding(job("a", nodes=30)))
    assert with_own.quota is not None
    pending = dict(rows(with_own.quota))
    assert (pending[f"workspace {FAMILY}"], pending["TotalDedicatedCores"]) == (44, 24)


def test_a_total_counts_families_that_nobody_lists() -> None:
    """In full: nothing is known of their limits."""
    listed = outstanding(job("a", nodes=2, family="standardXFamily"))
    market = counted(Market("eastus", (), quota()), listed)
    assert market.quota is not None
    assert dict(rows(market.quota))["TotalDedicatedCores"] == 8


def test_what_is_in_use_already_is_not_still_to_come() -> None:
    """A reading has the nodes of a job that waits: no row counts them again, but the workspace's own limit.

    Serverless nodes are in no figure of the use of that one.
    """
    sent = outstanding(job("a", nodes=2), job("b"))
    before = quota(workspace=24)
    family = before.family(FAMILY)
    assert family is not None
    after = attrs.evolve(
        before,
        families=(attrs.evolve(family, dedicated=Limit(FAMILY, 48, 12)),),
        dedicated_total=Limit("TotalDedicatedCores", 100, 12, LimitKind.TOTAL),
    )
    for read in (before, after):
        sent = sent.renewed((), {}, used_beside_computes(Market("eastus", (), read)))
    market = counted(Market("eastus", (), after), sent)
    assert market.quota is not None
    pending = dict(rows(market.quota))
    names = (FAMILY, "TotalDedicatedCores", f"workspace {FAMILY}")
    assert [pending[name] for name in names] == [4, 4, 12]


def test_of_a_row_counts_what_computes_dont_hold() -> None:
    """How many nodes a cluster has is read: they are never taken for anybody else's."""
    size = size_from(SIZE_ROW)
    assert size is not None
    cluster = Compute(name="gpu", size=size.name.upper(), nodes=1, location="eastus", tier=Tier.SPOT)
    market = Market("eastus", (size,), quota(), computes=(cluster,))
    t4, d = family_key(FAMILY), family_key("standardDSv2Family")
    assert used_beside_computes(market) == {
        (t4, Tier.STANDARD): 4,
        (t4, Tier.SPOT): 4,
        (d, Tier.STANDARD): 0,
    }
    assert used_beside_computes(attrs.evolve(market, computes=None)) == {}
    assert used_beside_computes(attrs.evolve(market, quota=None)) == {}
