from __future__ import annotations

import attrs
import pytest

from amlrun._errors import (
    NoQuota,
    NotEnoughQuota,
    NothingFits,
)
from amlrun._needs import Ask, Needs
from amlrun._offers import Limit, Tier
from amlrun._placement import place
from amlrun._plan import Starts
from tests.core.regions import (
    A100,
    A100X2,
    ANY,
    CHEAP,
    CPU_MARKET,
    D2,
    DEAR,
    DEARER,
    DS3,
    T4,
    market,
    quota,
    size,
)


def test_the_cheapest_that_starts_now_is_taken() -> None:
    """Of what starts now, the lowest price."""
    plan = place(Ask(needs=ANY), market([DEAR, CHEAP], quota(cheap=(8, 4), dear=(8, 0))))
    assert (plan.instance_type, plan.starts, plan.price_per_hour) == ("cheap", Starts.NOW, 1.0)
    assert plan.compute == "serverless"
    assert plan.verified
    assert plan.reasons == (
        "by price, of 2 sizes that can be had and meet 1 vCPU",
        "1 x 4 = 4 of 4 free vCPUs of cheapFamily",
    )
    assert plan.warnings == ()


def test_a_start_now_is_worth_a_quarter_more() -> None:
    """What starts now is taken up to 1.25 times the price of what must wait, and no further."""
    full = quota(cheap=(8, 8), dear=(8, 0), dearer=(16, 0))
    plan = place(Ask(needs=ANY), market([CHEAP, DEAR, DEARER], full))
    assert (plan.instance_type, plan.starts) == ("dear", Starts.NOW)
    assert "it starts now: cheap at 1.00 USD an hour would have to wait" in plan.reasons
    plan = place(Ask(needs=ANY), market([CHEAP, DEARER], full))
    assert (plan.instance_type, plan.starts) == ("cheap", Starts.QUEUED)
    assert plan.reasons[1:] == (
        "dearer would start now at 2.00 USD an hour: more than 1.25 times as much",
        "needs 1 x 4 = 4 vCPUs of cheapFamily; limit 8, in use 8, free 0: none fits now, two ever",
    )


def test_a_dear_queue_beside_a_cheap_start_needs_no_word() -> None:
    """The reasons name a trade only where there was one."""
    plan = place(Ask(needs=ANY), market([CHEAP, DEARER], quota(cheap=(8, 0), dearer=(16, 16))))
    assert not any("would have to wait" in reason for reason in plan.reasons)
    only = size("costless", 4, None)
    plan = place(Ask(needs=ANY), market([only], quota(costless=(8, 0))))
    assert (plan.price_per_hour, plan.reasons[0]) == (
        None,
        "the only size that can be had and meets 1 vCPU",
    )
    assert plan.price_source == ""
    assert "no standard price of costless is known" in plan.warnings


def test_ties_go_to_more_headroom_then_to_the_name() -> None:
    """Equal prices are decided the same way every time."""
    one, two, three = (size(name, 4, 1.0) for name in ("one", "two", "three"))
    held = quota(one=(8, 0), two=(16, 0), three=(16, 0))
    assert place(Ask(needs=ANY), market([one, two, three], held)).instance_type == "three"


def test_queued_says_how_many_fit() -> None:
    """Quota that would do but is in use: the job waits, with the arithmetic."""
    plan = place(Ask(needs=Needs(gpu="A100"), nodes=2), market([A100], quota(a100=(48, 24))))
    assert plan.starts is Starts.QUEUED
    assert plan.reasons[-1] == (
        "needs 2 x 24 = 48 vCPUs of a100Family; limit 48, in use 24, free 24: one node fits now, two ever"
    )


def test_no_quota_at_all() -> None:
    """A limit of zero is its own answer, with what has room and where to ask."""
    held = quota(a100=(0, 0), t4=(8, 0), spot=100)
    with pytest.raises(NoQuota) as caught:
        place(Ask(needs=Needs(gpu="A100")), market([A100, A100X2, T4], held))
    error = caught.value
    assert (error.limit_name, error.instance_type) == ("a100Family", "a100")
    assert (error.needed, error.limit, error.used, error.free, error.fits) == (24, 0, 0, 0, 0)
    assert "needs 1 x 24 = 24 vCPUs of a100Family; limit 0" in error.message
    assert "a100x2" in error.message
    assert "With another GPU model there is room on: t4 (0.53 USD/h)." in error.hint
    assert "With tier='spot' there is room on: a100 (0.74 USD/h), a100x2 (1.47 USD/h)." in error.hint
    assert "not the subscription's VM quota" in error.hint


def test_too_little_quota() -> None:
    """A limit below the need is another answer: the counts that fit now, and that could ever be had."""
    with pytest.raises(NotEnoughQuota) as caught:
        place(Ask(needs=Needs(gpu="A100"), nodes=4), market([A100], quota(a100=(48, 24))))
    error = caught.value
    assert (error.needed, error.limit, error.used, error.free, error.fits) == (96, 48, 24, 24, 2)
    assert "free 24: one node fits now, two ever" in error.message
    now, ask_for, _ = error.hint.splitlines()
    assert now == "instance_count=1 fits. instance_count=2 can ever be had (it would wait)."
    assert ask_for.startswith("Ask for Azure ML quota of a100Family in eastus, 96")


def test_fewer_nodes_are_proposed_on_the_next_size() -> None:
    """Where the cheapest size has no quota, the count that fits is that of the next."""
    held = quota(cheap=(0, 0), dear=(17, 0))
    with pytest.raises(NoQuota) as caught:
        place(Ask(needs=Needs(cpus=4), nodes=3), market([CHEAP, DEAR], held))
    assert "instance_count=2 fits with instance_type='dear'." in caught.value.hint


def test_with_nothing_to_propose_the_hint_says_where_to_ask() -> None:
    """No other size, no fewer nodes: ask for quota."""
    with pytest.raises(NoQuota) as caught:
        place(Ask(needs=Needs(cpus=4)), market([size("cheap", 4, None)], quota(cheap=(0, 0))))
    assert caught.value.hint.startswith("Ask for Azure ML quota of cheapFamily in eastus")


def test_the_regions_total_binds_too() -> None:
    """A family with room is no use when all families together have none."""
    held = quota(total=20, cheap=(100, 0))
    with pytest.raises(NotEnoughQuota) as caught:
        place(Ask(needs=ANY, nodes=6), market([CHEAP], held))
    assert (caught.value.limit_name, caught.value.fits) == ("TotalDedicatedCores", 5)
    full = attrs.evolve(held, dedicated_total=Limit("TotalDedicatedCores", 20, 20))
    assert place(Ask(needs=ANY), market([CHEAP], full)).starts is Starts.QUEUED


def test_rows_without_a_cap_bind_nothing() -> None:
    """-1 is not a number of cores: what is not capped starts now."""
    plan = place(Ask(needs=ANY, nodes=500), market([CHEAP], quota(total=None, cheap=(None, 3))))
    assert plan.starts is Starts.NOW
    assert plan.reasons[-1] == "500 x 4 = 2000 vCPUs, under no cap that is known"


def test_what_is_cheaper_and_less_certain_is_told() -> None:
    """Sizes whose quota or whose spot is doubted, and those that start now at no known price."""
    plan = place(Ask(needs=ANY), market([CHEAP, DEARER], quota(dearer=(16, 0))))
    assert plan.instance_type == "dearer"
    assert "cheap would be 1.00 USD an hour: there is no row of quota for it" in plan.reasons
    doubted = attrs.evolve(CHEAP, spot_hint=False)
    plan = place(Ask(needs=ANY, tier=Tier.SPOT), market([doubted, DEARER], quota(spot=100)))
    assert "cheap would be 0.20 USD an hour: the service says that it has no spot nodes" in plan.reasons
    now = size("now", 4, None)
    plan = place(Ask(needs=ANY), market([now, DEARER], quota(now=(8, 0), dearer=(16, 16))))
    assert (plan.instance_type, plan.starts) == ("dearer", Starts.QUEUED)
    assert "now starts now: its price isn't known" in plan.reasons
    plan = place(Ask(needs=ANY), market([now, CHEAP], quota(now=(8, 0))))
    assert (plan.instance_type, plan.reasons[0]) == (
        "now",
        "of 2 sizes that can be had and meet 1 vCPU, none with a known price is as certain to be had",
    )
    untold = attrs.evolve(quota(cheap=(8, 0)), dedicated_total=None)
    plan = place(Ask(needs=ANY), market([CHEAP], untold))
    assert plan.starts is Starts.UNKNOWN
    assert plan.warnings == (
        "there is no row of quota for all families together: whether there is room is not known",
    )


def test_a_family_without_a_row_is_unknown_not_zero() -> None:
    """It can be chosen, with a warning, after all those that are known."""
    plan = place(Ask(needs=ANY), market([CHEAP, DEARER], quota(dearer=(16, 16))))
    assert plan.instance_type == "dearer"
    plan = place(Ask(needs=ANY), market([CHEAP], quota(dearer=(16, 16))))
    assert (plan.instance_type, plan.starts) == ("cheap", Starts.UNKNOWN)
    assert plan.warnings == (
        "there is no row of quota for the family cheap Family: whether there is room is not known",
    )


def test_with_nothing_asked_a_general_purpose_size() -> None:
    """4 vCPUs and at least 14 GB, no GPU, even where something cheaper has more memory."""
    held = quota(standardDSv2=(8, 0), standardESv3=(8, 0), standardDSv3=(8, 0), t4=(8, 0))
    plan = place(Ask(), market(CPU_MARKET, held))
    assert plan.instance_type == "Standard_DS3_v2"
    assert plan.reasons[0] == (
        "nothing was asked of the nodes: a general-purpose size of 4 vCPUs and at least 14 GB"
    )
    against = {candidate.instance_type: candidate.against for candidate in plan.candidates}
    assert against == {
        "Standard_DS3_v2": "",
        "Standard_E4s_v3": "",
        "Standard_E8s_v3": "",
        "Standard_D2s_v3": "",
        "t4": "has GPUs, and none was asked for",
    }


def test_with_no_general_purpose_size_the_next_best() -> None:
    """Where none of the default sizes can ever be had, another one of at least that shape."""
    plan = place(Ask(), market(CPU_MARKET, quota(standardDSv2=(0, 0), standardESv3=(8, 0), t4=(8, 0))))
    assert plan.instance_type == "Standard_E4s_v3"
    assert "the next best" in plan.reasons[0]
    behind = {candidate.instance_type: candidate.behind for candidate in plan.candidates}
    assert behind == {
        "Standard_E4s_v3": "it is no general-purpose size of 4 vCPUs",
        "Standard_E8s_v3": "it is no general-purpose size of 4 vCPUs",
        "Standard_D2s_v3": "it has less than 4 vCPUs and 14 GB",
        "Standard_DS3_v2": "",
        "t4": "",
    }


def test_with_none_of_that_size_the_nearest_smaller_one() -> None:
    """Who asks for nothing is never refused for what a size has too little of, nor given what has GPUs."""
    one = size("Standard_D1_v2", 1, 0.05, memory_gb=3.5, family="standardDSv3Family")
    little = quota(standardDSv2=(2, 0), standardDSv3=(2, 0), standardESv3=(2, 0), t4=(8, 0))
    plan = place(Ask(), market([*CPU_MARKET, one], little))
    assert plan.instance_type == "Standard_D2s_v3"
    assert plan.reasons[0] == (
        "nothing was asked of the nodes; no size of at least 4 vCPUs and 14 GB can be had: the nearest"
    )
    cheap = Ask(needs=Needs(max_price_per_hour=0.15))
    held = quota(standardDSv2=(8, 0), standardESv3=(8, 0), standardDSv3=(8, 0))
    plan = place(cheap, market(CPU_MARKET, held))
    assert (plan.instance_type, plan.candidates[0].behind) == (
        "Standard_D2s_v3",
        "it has less than 4 vCPUs and 14 GB",
    )
    assert "can be had for at most 0.15 USD an hour: the nearest" in plan.reasons[0]
    with pytest.raises(NothingFits, match=r"No size in eastus meets at most 0\.01 USD an hour"):
        place(Ask(needs=Needs(max_price_per_hour=0.01)), market(CPU_MARKET, quota()))


def test_a_smaller_size_that_starts_now_is_no_reason_to_take_it() -> None:
    """Not in a list of places either, where a start now comes first: the larger one can be had, later."""
    held = quota(standardDSv2=(8, 8), standardDSv3=(8, 0))
    for computes in ((), ("serverless", "Serverless")):
        plan = place(Ask(computes=computes), market([DS3, D2], held))
        assert (plan.instance_type, plan.starts) == ("Standard_DS3_v2", Starts.QUEUED)


def test_needs_hold_together_on_each_node() -> None:
    """GPUs, model, cores, memory and disk must all be met; the cheapest that does is taken."""
    held = quota(a100=(500, 0), t4=(500, 0))
    sizes = [T4, A100, A100X2]
    assert place(Ask(needs=Needs(gpus=1)), market(sizes, held)).instance_type == "t4"
    assert place(Ask(needs=Needs(gpus=1, cpus=8)), market(sizes, held)).instance_type == "a100"
    assert place(Ask(needs=Needs(gpus=2)), market(sizes, held)).instance_type == "a100x2"
    assert place(Ask(needs=Needs(gpu=["A100", "H100"])), market(sizes, held)).instance_type == "a100"


def test_when_nothing_fits_the_nearest_come_first() -> None:
    """Every size has the first thing against it; the nearest misses are shown."""
    endpoint = size("endpoint", 96, 1.0, gpus=8, gpu="A10", for_jobs=False)
    with pytest.raises(NothingFits) as caught:
        place(Ask(needs=Needs(gpus=4, cpus=64)), market([CHEAP, endpoint, A100X2, T4], quota()))
    error = caught.value
    assert error.against == {
        "a100x2": "has 2 of 4 GPUs",
        "t4": "has 1 of 4 GPUs",
        "cheap": "has no GPU",
        "endpoint": "is not for jobs",
    }
    lines = error.message.splitlines()
    assert lines[0] == "No size in eastus meets 64 vCPUs, 4 GPUs. The nearest:"
    assert [line.split()[0] for line in lines[1:]] == ["a100x2", "t4", "cheap", "endpoint"]


def test_a_long_list_of_misses_is_cut() -> None:
    """An error stays readable in a region of hundreds of sizes."""
    sizes = [size(f"s{i}", 2, None) for i in range(20)]
    with pytest.raises(NothingFits, match="and 12 more") as caught:
        place(Ask(needs=Needs(cpus=4)), market(sizes, quota()))
    assert len(caught.value.against) == 20
    assert "no known price" in caught.value.message


def test_the_highest_price_is_for_all_nodes() -> None:
    """`max_price_per_hour` holds for the nodes together; a size without a price can't be held to it."""
    held = quota(cheap=(100, 0), dear=(100, 0), costless=(100, 0))
    sizes = [CHEAP, DEAR, size("costless", 4, None)]
    ask = Ask(needs=Needs(cpus=1, max_price_per_hour=3), nodes=3)
    plan = place(ask, market(sizes, held))
    assert (plan.instance_type, plan.price_per_hour) == ("cheap", 3.0)
    against = {candidate.instance_type: candidate.against for candidate in plan.candidates}
    assert against["dear"] == "costs 3.75 of at most 3 USD an hour"
    assert against["costless"] == "has no known price to hold against 3 USD an hour"


def test_a_price_that_is_too_low_is_told_the_lowest_that_would_do() -> None:
    """For all nodes; of sizes that have quota and meet the rest."""
    held = quota(cheap=(0, 0), dear=(100, 0), dearer=(100, 0))
    ask = Ask(needs=Needs(cpus=1, max_price_per_hour=2), nodes=3)
    with pytest.raises(NothingFits) as caught:
        place(ask, market([CHEAP, DEAR, DEARER], held))
    assert caught.value.hint.startswith("max_price_per_hour=3.75 would take dear.\nAsk for less")
    with pytest.raises(NothingFits) as caught:
        place(ask, market([size("costless", 4, None)], quota(costless=(100, 0))))
    assert caught.value.hint.startswith("Ask for less")


def test_sizes_that_have_room_are_proposed_cheapest_first() -> None:
    """Those whose spot nodes the service doubts only where there is no other."""
    doubted = size("doubted", 4, 1.0, spot_price=0.1, spot_hint=False)
    held = quota(spot=32, cheap=(0, 0), dear=(0, 0), dearer=(0, 0), doubted=(0, 0))
    ask = Ask(needs=Needs(cpus=4))
    with pytest.raises(NoQuota) as caught:
        place(ask, market([DEARER, doubted, CHEAP, DEAR], held))
    assert "With tier='spot' there is room on: cheap (0.20 USD/h), dear (0.30 USD/h), dearer (0.50" in (
        caught.value.hint
    )
    with pytest.raises(NoQuota, match=r"there is room on: doubted \(0.10 USD/h\)"):
        place(ask, market([doubted], held))
