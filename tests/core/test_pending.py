"""What was sent and doesn't run yet: counted once, and by nobody twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from amlrun._offers import Compute, FamilyQuota, Kind, Limit, LimitKind, Market, Quota, Tier
from amlrun._offers.pending import OVER, WAITING, Outstanding, Pending, counted

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
        for limit in (family.dedicated, family.spot, family.workspace):
            if limit is not None:
                yield f"{limit.kind} {limit.name}", limit.pending
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
    assert pending["family standardDSv2Family"] == 0


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


def test_a_job_that_is_over_is_dropped_at_once() -> None:
    """It holds nothing, whatever was read before."""
    for status in OVER:
        assert outstanding(job("a"), job("b")).seen("a", status) == outstanding(job("b"))


def test_a_job_that_runs_counts_until_a_reading_has_it() -> None:
    """The reading that is kept is older than its nodes; the next one, begun while it runs, is not."""
    running = outstanding(job("a"), job("b")).seen("a", "Running")
    assert set(running.jobs) == {"a", "b"}
    assert running.due() == ("b",)
    assert running.renewed(running.running, {"b": "Queued"}) == outstanding(job("b"))


def test_who_waits_goes_on_counting_and_is_asked_last_next_time() -> None:
    """So that many that wait for long don't hide one that has long begun."""
    sent = outstanding(job("a"), job("b"), job("c"))
    for status in (*WAITING, None):
        assert sent.renewed((), {"a": status}).due() == ("b", "c", "a")
    assert sent.seen("a", "Queued") is sent
    assert sent.seen("nobody", "Running") is sent


def test_the_same_name_is_the_same_job() -> None:
    """Sent again after a lost reply, it counts once."""
    assert outstanding(job("a"), job("a")) == outstanding(job("a"))


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
    """Nor is more counted than was asked for, nor less than serverless alone takes."""
    same = [attrs.evolve(one, tier=Tier.STANDARD) for one in jobs]
    market = Market("eastus", (), quota(), computes=(cluster,))
    assert counted(market, outstanding(*same)) == counted(market, outstanding(*reversed(same)))
    after = counted(market, outstanding(*jobs))
    assert after.quota is not None
    pending = dict(rows(after.quota))
    total = pending["TotalDedicatedCores"] + pending["TotalLowPriorityCores"]
    serverless = sum(one.nodes * one.cpus for one in jobs if one.compute == "serverless")
    assert serverless <= total <= sum(one.nodes * one.cpus for one in jobs)


class Batch(RuleBasedStateMachine):
    """Jobs that are sent, run and end; readings and looks in any order. The service's truth beside ours."""

    def __init__(self) -> None:
        super().__init__()
        self.truth: dict[str, str] = {}
        self.in_reading: set[str] = set()
        self.sent = Outstanding()

    @rule()
    def send(self) -> None:
        """One more."""
        name = f"j{len(self.truth)}"
        self.truth[name] = "Queued"
        self.sent = self.sent.sent(job(name))

    def _move(self, data: st.DataObject, was: str, becomes: str) -> None:
        name = data.draw(st.sampled_from(sorted(n for n, status in self.truth.items() if status == was)))
        self.truth[name] = becomes

    @precondition(lambda self: "Queued" in self.truth.values())
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """A job gets its nodes."""
        self._move(data, "Queued", "Running")

    @precondition(lambda self: "Running" in self.truth.values())
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A job gives them back."""
        self._move(data, "Running", "Completed")

    @precondition(lambda self: self.truth)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """Somebody looks at a run."""
        name = data.draw(st.sampled_from(sorted(self.truth)))
        self.sent = self.sent.seen(name, self.truth[name])

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        """Quota is read anew, and some of the others are asked."""
        ran = self.sent.running
        self.in_reading = {name for name, status in self.truth.items() if status == "Running"}
        due = self.sent.due()
        asked = due[: data.draw(st.integers(0, len(due)))]
        self.sent = self.sent.renewed(ran, {name: self.truth[name] for name in asked})

    @invariant()
    def who_waits_counts(self) -> None:
        """Never forgotten."""
        assert {name for name, status in self.truth.items() if status == "Queued"} <= set(self.sent.jobs)

    @invariant()
    def who_runs_counts_somewhere(self) -> None:
        """In the reading or here."""
        running = {name for name, status in self.truth.items() if status == "Running"}
        assert running <= set(self.sent.jobs) | self.in_reading

    @rule()
    def read_and_ask_all(self) -> None:
        """After a reading in which everybody was asked, nobody is in both, and nobody who is over counts."""
        ran = self.sent.running
        self.in_reading = {name for name, status in self.truth.items() if status == "Running"}
        self.sent = self.sent.renewed(ran, {name: self.truth[name] for name in self.sent.due()})
        assert set(self.sent.jobs) == {name for name, status in self.truth.items() if status == "Queued"}


TestBatch = Batch.TestCase
TestBatch.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
