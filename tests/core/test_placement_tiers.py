from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from amlrun._errors import NoQuota, NothingFits
from amlrun._job_types import JobType
from amlrun._needs import Ask, Needs
from amlrun._offers import FamilyQuota, Limit, Quota, Size, Tier
from amlrun._placement import place
from amlrun._plan import Plan, Starts
from tests.core.regions import ANY, CHEAP, DEAR, DEARER, market, quota, size

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_spot_draws_on_one_pool() -> None:
    """Spot fits the pool or not at all, whatever the families' rows say; zero is no spot."""
    ask = Ask(needs=ANY, tier=Tier.SPOT)
    with pytest.raises(NoQuota) as caught:
        place(ask, market([CHEAP], quota(spot=0, cheap=(100, 0))))
    assert caught.value.limit_name == "TotalLowPriorityCores"
    assert "With tier='standard' there is room on: cheap (1.00 USD/h)." in caught.value.hint
    assert (
        "low-priority vCPUs (TotalLowPriorityCores, one pool over all families) in eastus, 4 at least"
        in caught.value.hint
    )
    plan = place(ask, market([CHEAP], quota(spot=4, cheap=(0, 0))))
    assert (plan.tier, plan.price_per_hour, plan.on_demand_per_hour) == (Tier.SPOT, 0.2, 1.0)
    assert plan.starts is Starts.NOW


def test_a_pool_that_is_not_told_is_unknown() -> None:
    """Without the pool's row nobody knows whether there is spot."""
    held = attrs.evolve(quota(cheap=(8, 0)), spot_total=None)
    plan = place(Ask(needs=ANY, tier=Tier.SPOT, requeued=True), market([CHEAP], held))
    assert plan.starts is Starts.UNKNOWN
    assert plan.warnings == ("there is no row of quota for spot nodes: whether there is room is not known",)


def test_the_services_word_on_spot_is_a_hint() -> None:
    """`lowPriorityCapable: false` ranks a size last and warns; it refuses nothing."""
    doubted = attrs.evolve(CHEAP, spot_hint=False)
    ask = Ask(needs=ANY, tier=Tier.SPOT, requeued=True)
    assert place(ask, market([doubted, DEAR], quota(spot=100))).instance_type == "dear"
    plan = place(ask, market([doubted], quota(spot=100)))
    assert plan.warnings == ("the service says cheap has no spot nodes: that has been wrong both ways",)


def test_burstable_sizes_have_no_spot() -> None:
    """B sizes are refused as spot, and said to be."""
    ask = Ask(tier=Tier.SPOT, instance_types=("Standard_B4ms",))
    with pytest.raises(NothingFits) as caught:
        place(ask, market([size("Standard_B4ms", spot_price=0.1)], quota(spot=100)))
    assert caught.value.against == {"Standard_B4ms": "is burstable (B): there are no spot nodes of it"}
    assert caught.value.message.startswith("Standard_B4ms can't take this job:\n")


def auto(sizes: Sequence[Size], held: Quota | None, *names: str) -> Plan:
    """The plan for `tier="auto"`."""
    needs = Needs() if names else ANY
    return place(Ask(needs=needs, instance_types=names, tier=Tier.AUTO), market(sizes, held))


def test_auto_takes_the_cheapest_spot_where_standard_can_never_be_had() -> None:
    """Of those that start now, as with `tier="spot"`; whatever they are called."""
    dearest = attrs.evolve(DEARER, name="all too dear")
    plan = auto([dearest, DEAR, CHEAP], quota(spot=100, cheap=(0, 0), dear=(0, 0), dearer=(0, 0)))
    assert (plan.instance_type, plan.tier, plan.starts) == ("cheap", Tier.SPOT, Starts.NOW)


def test_auto_takes_spot_where_it_starts_now_and_costs_less() -> None:
    """Spot with room in the pool and a lower price known, with the reason."""
    plan = auto([CHEAP], quota(spot=4, cheap=(8, 0)))
    assert (plan.tier, plan.reasons[-1]) == (
        Tier.SPOT,
        "spot: the pool has room, and it is known to cost less",
    )
    assert {candidate.tier for candidate in plan.candidates} == {Tier.STANDARD, Tier.SPOT}


@pytest.mark.parametrize(
    ("sizes", "held", "words"),
    [
        ([CHEAP], quota(spot=0, cheap=(8, 0)), "no size that would do can be had as spot"),
        (
            [CHEAP],
            attrs.evolve(quota(cheap=(8, 0)), spot_total=Limit("TotalLowPriorityCores", 8, 8)),
            "spot would have to wait (needs 1 x 4 = 4 vCPUs of TotalLowPriorityCores",
        ),
        ([CHEAP], None, "spot is not known to start now"),
        (
            [attrs.evolve(CHEAP, spot_hint=False)],
            quota(spot=8, cheap=(8, 0)),
            "the service says that cheap has no spot nodes",
        ),
        (
            [attrs.evolve(CHEAP, spot_price=None)],
            quota(spot=8, cheap=(8, 0)),
            "no spot price is known for cheap",
        ),
        (
            [attrs.evolve(CHEAP, spot_price=1.0)],
            quota(spot=8, cheap=(8, 0)),
            "cheap is not known to cost less than cheap as standard",
        ),
        (
            [attrs.evolve(CHEAP, spot_price=None), attrs.evolve(DEARER, spot_price=1.5)],
            quota(spot=16, cheap=(8, 0)),
            "dearer is not known to cost less than cheap as standard",
        ),
        (
            [size("costless", 4, None), attrs.evolve(CHEAP, price=None)],
            quota(spot=8, costless=(8, 0), cheap=(0, 0)),
            "cheap is not known to cost less than costless as standard",
        ),
        (
            [attrs.evolve(CHEAP, spot_price=None), attrs.evolve(DEARER, price=9.0, spot_price=3.0)],
            quota(spot=16, dearer=(0, 0)),
            "dearer is not known to cost less than cheap as standard",
        ),
    ],
)
def test_auto_goes_back_to_standard(sizes: list[Size], held: Quota | None, words: str) -> None:
    """Where spot has no room, is doubted, or is not known to cost less: standard, with the reason."""
    plan = auto(sizes, held)
    assert plan.tier is Tier.STANDARD
    assert plan.reasons[-1].startswith(f"standard: {words}")


def test_auto_takes_spot_where_there_is_no_standard_quota() -> None:
    """The usual case of GPUs: no dedicated quota, but a pool."""
    plan = auto([CHEAP], quota(spot=8, cheap=(0, 0)))
    assert (plan.tier, plan.reasons[-1]) == (
        Tier.SPOT,
        "spot: there is no standard quota for any size that would do",
    )


def test_auto_says_what_rules_out_standard() -> None:
    """Where it isn't quota, it is what is against the same nodes as standard: their price."""
    ask = Ask(needs=Needs(cpus=1, max_price_per_hour=0.5), tier=Tier.AUTO)
    plan = place(ask, market([CHEAP, DEAR], quota(spot=8, cheap=(8, 0), dear=(8, 0))))
    assert (plan.tier, plan.reasons[-1]) == (
        Tier.SPOT,
        "spot: cheap as standard costs 1.00 of at most 0.5 USD an hour",
    )


def test_auto_beats_a_standard_size_without_a_price() -> None:
    """A spot price that is lower than its own standard price is enough where the rival has none."""
    plan = auto([size("costless", 4, None), CHEAP], quota(spot=8, costless=(8, 0), cheap=(0, 0)))
    assert (plan.tier, plan.instance_type) == (Tier.SPOT, "cheap")


def test_auto_keeps_the_order_asked_for() -> None:
    """Spot of a later size does not come before standard of an earlier one."""
    bursting = size("Standard_B4ms", spot_price=0.1)
    held = Quota(
        "eastus",
        (FamilyQuota(bursting.family, Limit("b", 8, 0)),),
        Limit("TotalDedicatedCores", 100, 0),
        Limit("TotalLowPriorityCores", 8, 0),
    )
    plan = auto([bursting, CHEAP], held, "Standard_B4ms", "cheap")
    assert (plan.tier, plan.reasons[-1]) == (
        Tier.STANDARD,
        "standard: Standard_B4ms comes before cheap in the order asked for",
    )
    assert auto([CHEAP], quota(spot=8, cheap=(8, 0)), "cheap").tier is Tier.SPOT


def test_auto_that_fits_nowhere_is_refused_with_the_standard_figures() -> None:
    """Neither tier can ever hold it: the standard figures, or the spot ones where only spot would do."""
    with pytest.raises(NoQuota, match="cheap, standard"):
        auto([CHEAP], quota(spot=0, cheap=(0, 0)))
    ask = Ask(needs=Needs(cpus=1, max_price_per_hour=0.5), tier=Tier.AUTO)
    with pytest.raises(NoQuota, match="cheap, spot"):
        place(ask, market([CHEAP], quota(spot=0, cheap=(8, 0))))


def test_auto_takes_the_cheapest_spot_nodes() -> None:
    """They are held against the standard nodes that would be taken instead, not against their own price."""
    own = attrs.evolve(CHEAP, price=None)
    plan = auto([own, attrs.evolve(DEARER, spot_price=1.5)], quota(spot=16, cheap=(0, 0), dearer=(16, 0)))
    assert (plan.instance_type, plan.tier, plan.price_per_hour) == ("cheap", Tier.SPOT, 0.2)


def test_auto_tells_what_comes_before_the_price() -> None:
    """An order that was asked for, or what is meant where nothing is asked."""
    held = quota(spot=16, cheap=(0, 0), dear=(8, 0))
    plan = auto([attrs.evolve(CHEAP, spot_price=1.1), attrs.evolve(DEAR, price=0.5)], held, "cheap", "dear")
    assert (plan.tier, plan.reasons[-1]) == (
        Tier.SPOT,
        "spot: cheap comes before dear in the order asked for",
    )
    small = size("small", 2, 0.1, memory_gb=8.0)
    plan = place(Ask(tier=Tier.AUTO), market([CHEAP, small], quota(spot=8, cheap=(0, 0), small=(8, 0))))
    assert (plan.tier, plan.reasons[-1]) == (
        Tier.SPOT,
        "spot: cheap comes before small where nothing is asked of the nodes",
    )


def test_auto_takes_spot_that_starts_now_before_standard_that_waits() -> None:
    """Up to 1.25 times its price, as everywhere: a start now is worth that."""
    held = quota(spot=16, cheap=(8, 8), dearer=(0, 0))
    dearer = attrs.evolve(DEARER, spot_price=1.2)
    plan = auto([attrs.evolve(CHEAP, spot_price=None), dearer], held)
    assert (plan.instance_type, plan.tier, plan.starts) == ("dearer", Tier.SPOT, Starts.NOW)
    assert plan.reasons[-1] == "spot: it starts now, and cheap as standard would have to wait"
    plan = auto([attrs.evolve(CHEAP, spot_price=None), attrs.evolve(dearer, spot_price=1.3)], held)
    assert (plan.instance_type, plan.tier, plan.starts) == ("cheap", Tier.STANDARD, Starts.QUEUED)


def test_auto_in_an_order_takes_the_first_that_starts_now() -> None:
    """Spot of a later size comes before standard of an earlier one that would have to wait."""
    held = quota(spot=8, cheap=(8, 8), dear=(8, 0))
    plan = auto([attrs.evolve(CHEAP, spot_price=None), DEAR], held, "cheap", "dear")
    assert (plan.instance_type, plan.tier) == ("dear", Tier.SPOT)


def test_the_price_of_lost_work_is_told_where_it_is_known() -> None:
    """Spot that nobody requeues: per hour of work, and at most so much within the timeout."""
    ask = Ask(needs=ANY, tier=Tier.SPOT, timeout=5400, nodes=2)
    lost = "spot without requeue: when a node is taken away, the job is over and all its work is lost"
    plan = place(ask, market([CHEAP], quota(spot=8)))
    assert plan.warnings == (f"{lost}: 0.40 USD for each hour of it, at most 0.60 USD in 1 h 30 min",)
    costless = attrs.evolve(CHEAP, spot_price=None)
    assert place(ask, market([costless], quota(spot=8))).warnings[-1] == lost
    assert place(attrs.evolve(ask, requeued=True), market([CHEAP], quota(spot=8))).warnings == ()
    again = attrs.evolve(ask, requeued=True, job=JobType.SWEEP)
    (warning,) = place(again, market([CHEAP], quota(spot=8))).warnings
    assert warning.startswith("spot without checkpoints: the next attempt does all again")
