"""What a refusal proposes: only what was looked up and would work, with the real client on the fake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import (
    AmlrunError,
    Cluster,
    ComputeNotFound,
    ComputeUnsuitable,
    InvalidRequest,
    Needs,
    NotEnoughQuota,
    NothingFits,
    Plan,
    QuotaError,
    plan,
)
from amlrun.testing import ExpiredToken, InternalError

if TYPE_CHECKING:
    from amlrun.testing import FakeAml

T4, V100, DSV2 = "Standard NCASv3_T4 Family", "standardNCSv3Family", "standardDSv2Family"
POOL, TOTAL = "TotalLowPriorityCores", "TotalDedicatedCores"


def planned(fake: FakeAml, **options: Any) -> Plan:
    """The plan of a command."""
    return plan("python -V", client=fake.client(), environment="azureml:train:1", **options)


def refused(fake: FakeAml, kind: type[AmlrunError], **options: Any) -> AmlrunError:
    """Why there is none."""
    with pytest.raises(kind) as caught:
        planned(fake, **options)
    return caught.value


def dear(price: float, **needs: Any) -> Needs:
    """One GPU for at most so much."""
    return Needs(gpus=1, max_price_per_hour=price, **needs)


def test_serverless_is_proposed_only_where_it_would_do(fake_aml: FakeAml) -> None:
    """Else the compute that would, or serverless in the other tier; where nothing would, nothing is said."""
    fake_aml.cluster("gpu", size="Standard_NC4as_T4_v3", max_nodes=2)
    error = refused(fake_aml, ComputeUnsuitable, compute="gpu", cpus=8)
    assert error.hint == "The job could go to compute='serverless' (Standard_DS4_v2, 0.58 USD/h, starts now)."
    error = refused(fake_aml, ComputeUnsuitable, compute="gpu", gpu="V100")
    assert error.hint == (
        "The job could go to compute='serverless' with tier='spot'"
        " (Standard_NC6s_v3, 0.61 USD/h, starts now)."
    )
    fake_aml.cluster("west", size="Standard_NC6s_v3", max_nodes=2, location="westeurope")
    fake_aml.quota(V100, limit=12, location="westeurope")
    fake_aml.quota(V100, limit=6)
    fake_aml.compute_instance("annas", size="Standard_NC6s_v3")
    fake_aml.quota(V100, limit=0)
    error = refused(fake_aml, ComputeUnsuitable, compute="gpu", gpu="V100")
    assert error.hint.startswith(
        "The job could go to compute='west' (Standard_NC6s_v3, 3.06 USD/h, starts now) or"
    )
    assert "annas" not in error.hint
    error = refused(fake_aml, ComputeUnsuitable, compute="gpu", needs=dear(0.05))
    assert error.hint == ""
    fake_aml.quota(POOL, limit=0)
    error = refused(fake_aml, ComputeUnsuitable, compute="gpu", gpu="V100", tier="auto", instance_count=3)
    assert "serverless" not in error.hint


def test_where_a_cluster_was_named_and_nothing_asked_its_gpus_are_meant(fake_aml: FakeAml) -> None:
    """What is proposed in its place has as many, and is what those words give."""
    fake_aml.quota(V100, limit=24)
    fake_aml.cluster("gpu", size="Standard_NC6s_v3", max_nodes=1)
    where, _ = refused(fake_aml, ComputeUnsuitable, compute="gpu", instance_count=2).hint.splitlines()
    assert where == (
        "The job could go to compute='serverless' with gpus=1 (Standard_NC4as_T4_v3, 1.06 USD/h, starts now)."
    )
    plan = planned(fake_aml, compute="serverless", gpus=1, instance_count=2)
    assert (plan.instance_type, plan.price_per_hour) == ("Standard_NC4as_T4_v3", 1.06)
    fake_aml.quota(TOTAL, limit=0)
    where, *_ = refused(fake_aml, ComputeUnsuitable, compute="gpu", instance_count=2).hint.splitlines()
    assert "compute='serverless' with gpus=1, tier='spot' (" in where


def test_a_name_that_is_not_there_says_where_the_job_could_go(fake_aml: FakeAml) -> None:
    """Not to GPUs that nobody asked for."""
    fake_aml.quota(TOTAL, limit=0)
    fake_aml.cluster("gpu", size="Standard_NC4as_T4_v3", max_nodes=2, location="westus")
    fake_aml.quota(T4, limit=8, location="westus")
    assert refused(fake_aml, ComputeNotFound, compute="gone", cpus=2).hint.startswith(
        "The job could go to compute='serverless' with tier='spot' ("
    )
    assert "compute='gpu'" in refused(fake_aml, ComputeNotFound, compute="gone", gpus=1).hint


def test_a_cluster_beyond_quota_says_where_there_is_room(fake_aml: FakeAml) -> None:
    """Other sizes on serverless with their price, fewer nodes, more quota."""
    fake_aml.quota(T4, limit=8)
    fake_aml.quota(V100, limit=24)
    fake_aml.cluster("t4s", size="Standard_NC4as_T4_v3", max_nodes=8)
    where, fewer, *_ = refused(
        fake_aml, NotEnoughQuota, compute="t4s", gpus=1, instance_count=4
    ).hint.splitlines()
    assert where == "The job could go to compute='serverless' (Standard_NC6s_v3, 12.24 USD/h, starts now)."
    assert fewer == "instance_count=2 fits."


def test_the_count_for_a_cluster_holds_against_its_maximum_and_its_quota(fake_aml: FakeAml) -> None:
    """What is proposed is planned when it is asked for."""
    fake_aml.quota(DSV2, limit=24)
    fake_aml.cluster("cpu", size="Standard_DS3_v2", max_nodes=10)
    for wanted in (12, 10):
        error = refused(fake_aml, AmlrunError, compute="cpu", instance_count=wanted)
        assert "instance_count=6 fits." in error.hint.splitlines()
    assert planned(fake_aml, compute="cpu", instance_count=6).starts == "now"
    fake_aml.quota(DSV2, limit=24, used=8)
    fake_aml.advance(minutes=1)
    error = refused(fake_aml, ComputeUnsuitable, compute="cpu", instance_count=12)
    assert "instance_count=6 can ever be had (it would wait)." in error.hint.splitlines()
    assert planned(fake_aml, compute="cpu", instance_count=6).starts == "queued"


def test_the_most_nodes_that_fit_are_told_with_their_price(fake_aml: FakeAml) -> None:
    """Beside those of the cheapest size, where another holds more; what nobody knows doesn't count."""
    fake_aml.quota(V100, limit=48)
    hint = refused(fake_aml, NotEnoughQuota, gpus=1, instance_count=20).hint
    assert hint.splitlines()[0] == (
        "instance_count=4 fits. instance_count=8 fits with instance_type='Standard_NC6s_v3' as standard"
        " (24.48 USD/h)."
    )
    assert planned(fake_aml, gpus=1, instance_count=8).instance_type == "Standard_NC6s_v3"
    fake_aml.quota(DSV2, limit=32)
    hint = refused(fake_aml, NotEnoughQuota, cpus=4, instance_count=1000).hint
    assert hint.splitlines()[0] == "instance_count=8 fits."


def test_what_fits_fits_now(fake_aml: FakeAml) -> None:
    """By every limit: what the total leaves no room for would wait."""
    fake_aml.quota(T4, limit=16, used=12)
    fake_aml.quota(TOTAL, limit=20, used=8)
    wish = {"instance_type": "Standard_NC4as_T4_v3"}
    hint = refused(fake_aml, NotEnoughQuota, instance_count=6, **wish).hint
    assert "instance_count=4 can ever be had (it would wait)." in hint.splitlines()
    assert planned(fake_aml, instance_count=4, **wish).starts == "queued"


def test_a_price_is_proposed_in_the_tiers_that_were_asked_for(fake_aml: FakeAml) -> None:
    """And what the other tier has for the price that was said."""
    hint = refused(fake_aml, NothingFits, needs=dear(0.09), tier="auto").hint
    assert hint.splitlines()[0] == "max_price_per_hour=0.1 would take Standard_NC4as_T4_v3 (spot)."
    assert planned(fake_aml, needs=dear(0.1), tier="auto").tier == "spot"
    dearer, spot, _ = refused(fake_aml, NothingFits, needs=dear(0.1)).hint.splitlines()
    assert dearer == "max_price_per_hour=0.53 would take Standard_NC4as_T4_v3."
    assert spot == "With tier='spot' there is room on: Standard_NC4as_T4_v3 (0.10 USD/h)."


def test_with_either_tier_asked_for_a_refusal_speaks_of_both(fake_aml: FakeAml) -> None:
    """The count that fits as spot; and the pool of spot is the cheaper thing to ask for."""
    error = refused(fake_aml, QuotaError, gpu="A100", tier="auto", instance_count=200)
    assert "standard: needs 200 x 24" in error.message
    assert (
        "instance_count=4 fits with instance_type='Standard_NC24ads_A100_v4' and tier='spot'." in error.hint
    )
    fake_aml.quota(POOL, limit=0)
    fake_aml.advance(minutes=1)
    error = refused(fake_aml, QuotaError, gpu="A100", tier="auto")
    assert "Ask for more low-priority vCPUs (TotalLowPriorityCores" in error.hint
    assert "Ask for Azure ML quota of standardNCADSA100v4Family" in error.hint


def test_a_region_without_that_gpu_says_which_it_has(fake_aml: FakeAml) -> None:
    """Sizes with another one are not near."""
    error = refused(fake_aml, NothingFits, gpu="K80")
    assert str(error) == (
        "No size for jobs in eastus has K80.\nThe GPU models there: A100, H100, M60, T4, V100."
    )
    error = refused(fake_aml, NothingFits, instance_type="Standard_NC4as_T4_v3", gpus=2)
    assert error.hint == "Ask for less, or name another size."
    error = refused(fake_aml, NothingFits, instance_type="Standard_DS3_v2", gpus=1)
    instead = "Leave instance_type out: Standard_NC4as_T4_v3 (0.53 USD/h, standard) would be taken."
    assert error.hint == instead
    assert planned(fake_aml, gpus=1).instance_type == "Standard_NC4as_T4_v3"


def test_who_may_not_read_sizes_is_told_of_no_region(fake_aml: FakeAml) -> None:
    """The packaged table isn't the region; what carries the GPU can be named all the same."""
    fake_aml.as_data_scientist()
    error = refused(fake_aml, NothingFits, gpu="K80")
    assert error.message == (
        "No size for jobs in the packaged table of East US (the sizes of eastus itself can't be read) has"
        " K80."
    )
    assert (
        "Sizes that have K80 can be named by instance_type=…: Standard_NC6_Promo (0.40 USD/h), " in error.hint
    )
    assert planned(fake_aml, instance_type="Standard_NC6_Promo").instance_type == "Standard_NC6_Promo"
    error = refused(fake_aml, NothingFits, gpu="MI325X")
    assert error.hint.endswith("A size that is not in the packaged table can be named, too: instance_type=…")
    error = refused(fake_aml, NothingFits, cpus=1000)
    assert "the packaged table of East US" in error.message
    assert "A size that is not in the packaged table can be named, too" in error.hint


def test_who_may_not_read_quota_is_told_of_no_room(fake_aml: FakeAml) -> None:
    """Neither that anything can be had, nor that nothing starts now; and each fact once."""
    fake_aml.as_data_scientist()
    made = planned(fake_aml, gpu=["H100", "A100"])
    assert made.reasons[:2] == (
        "H100: the first of 2 GPU models asked for that may be had: of none is it known that it starts now",
        "by price, of 3 sizes that meet 1 x H100",
    )
    (unread,) = made.warnings
    assert unread.startswith("this account may not read quota")
    assert unread.endswith(
        "the job may have to wait, or be refused for lack of quota; figures and prices are those of the"
        " packaged tables, East US, November 2025"
    )
    listed = planned(fake_aml, instance_type="Standard_DS3_v2")
    assert listed.price_source == "list price, East US, June 2026"
    assert "; figures are those of" in listed.warnings[0]


def test_a_row_of_another_region_is_told_as_such(fake_aml: FakeAml) -> None:
    """The same family has a row in each: which one is short is said."""
    fake_aml.cluster("west", size="Standard_NC6s_v3", max_nodes=2, location="westeurope")
    error = refused(fake_aml, QuotaError, gpu="V100")
    assert f"needs 1 x 6 = 6 vCPUs of {V100}; limit 0, in westeurope" in " ".join(error.message.split())


def test_what_is_proposed_meets_the_needs(fake_aml: FakeAml) -> None:
    """All of them but for the GPU's model, which is said."""
    wish = {"needs": Needs(gpu="A100", memory_gb=50)}
    hint = refused(fake_aml, QuotaError, **wish).hint
    assert (
        "With another GPU model there is room on: Standard_NC8as_T4_v3 (0.75 USD/h), Standard_NC16as_T4_v3"
        in hint
    )
    hint = refused(fake_aml, QuotaError, needs=Needs(gpu="V100", max_price_per_hour=3.1)).hint
    assert "Standard_NC16as_T4_v3 (1.20 USD/h)." in hint


def test_with_either_tier_the_count_is_of_the_one_that_gives_more(fake_aml: FakeAml) -> None:
    """What is proposed is the most that can be had."""
    fake_aml.quota(T4, limit=8)
    fake_aml.quota(POOL, limit=24)
    wish = {"instance_type": "Standard_NC8as_T4_v3", "tier": "auto"}
    hint = refused(fake_aml, QuotaError, instance_count=4, **wish).hint
    assert "instance_count=3 fits with instance_type='Standard_NC8as_T4_v3' and tier='spot'." in hint
    assert planned(fake_aml, instance_count=3, **wish).starts == "now"


def test_who_is_not_signed_in_needs_no_role(fake_aml: FakeAml) -> None:
    """An expired token is told as such: the way out is to sign in again."""
    fake_aml.inject(ExpiredToken(), on="GET */usages", times=None)
    (unread, *_) = planned(fake_aml, gpus=1).warnings
    assert unread.startswith("looking up quota failed: GET ")
    assert "sign in again (`az login`)" in unread
    assert "role" not in unread


def test_a_refusal_from_the_packaged_table_says_so(fake_aml: FakeAml) -> None:
    """Whose sizes these are, where the region's own couldn't be read."""
    fake_aml.inject(InternalError(), on="GET */vmSizes", times=None)
    error = refused(fake_aml, QuotaError, gpu="A100")
    assert "The sizes are those of the packaged table of East US" in error.hint


def test_a_clusters_size_is_told_as_its_own(fake_aml: FakeAml) -> None:
    """Nobody said instance_type."""
    error = refused(fake_aml, InvalidRequest, compute=Cluster("mine", size="Standard_Foo", max=2))
    assert error.message.startswith(
        "Cluster('mine', size='Standard_Foo', …): eastus has no size of that name"
    )
    assert error.hint == "Leave size out, and the cluster gets the one that is best for the job."


def test_of_several_places_those_passed_over_say_why(fake_aml: FakeAml) -> None:
    """The plan itself, not only what explains it."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", max_nodes=1)
    made = planned(fake_aml, compute=["cpu", "serverless"], gpus=1)
    assert made.reasons[:2] == (
        "serverless: the first of 2 places asked for that starts now",
        "cpu: has nodes of Standard_DS3_v2, which has no GPU",
    )


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Standard_D4s_v3", "Standard_DS3_v2"),
        ("Standard_DS3_v3", "Standard_DS3_v2"),
        ("NC4as_T4_v4", "Standard_NC4as_T4_v3"),
        ("Standard_E4s_v3", "Standard_E16as_v4"),
    ],
)
def test_a_misspelt_size_is_held_against_its_own_series(fake_aml: FakeAml, name: str, first: str) -> None:
    """Those as large as the name says first; no GPU machine for a general-purpose one."""
    error = refused(fake_aml, InvalidRequest, instance_type=name)
    assert f"Did you mean {first} or" in error.message
    assert first.startswith("Standard_N") or "Standard_N" not in error.message


def test_what_is_printed_fits_a_terminal(fake_aml: FakeAml) -> None:
    """Plans and refusals: no line of words is wider than 100 columns."""
    fake_aml.cluster("gpu", size="Standard_NC4as_T4_v3", max_nodes=2)
    fake_aml.quota(T4, limit=16, workspace_limit=4)
    texts = [
        str(refused(fake_aml, QuotaError, gpus=1, instance_count=6)),
        str(refused(fake_aml, QuotaError, compute="gpu", gpus=1, instance_count=2)),
        str(planned(fake_aml, gpus=1, memory_gb=120, tier="auto")),
    ]
    fake_aml.as_data_scientist()
    texts += [str(planned(fake_aml, gpus=1)), str(refused(fake_aml, NothingFits, gpu="K80"))]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 100
