"""Sizes that are named, and those of the packaged tables: where they go."""

from __future__ import annotations

import pytest

from amlrun._errors import (
    InvalidRequest,
    NoQuota,
    NotEnoughQuota,
    NothingFits,
)
from amlrun._needs import Ask, Needs
from amlrun._offers import GPU_MODELS, Quota, Source, Tier
from amlrun._placement import place
from amlrun._plan import Starts
from amlrun._readings.size_replies import packaged_sizes
from tests.core.regions import A100, CHEAP, CPU_MARKET, DEAR, DEARER, market, quota, size


def test_named_sizes_are_tried_in_their_order() -> None:
    """The first that starts now, else the first that can ever, in the service's own spelling."""
    sizes = [CHEAP, DEAR, DEARER]
    ask = Ask(instance_types=("DEARER", "Dear", "CHEAP"))
    plan = place(ask, market(sizes, quota(cheap=(8, 0), dear=(8, 0), dearer=(16, 1))))
    assert (plan.instance_type, plan.reasons[0]) == (
        "dear",
        "the first of 3 sizes asked for that starts now",
    )
    plan = place(ask, market(sizes, quota(cheap=(8, 8), dear=(8, 8), dearer=(16, 16))))
    assert (plan.instance_type, plan.starts) == ("dearer", Starts.QUEUED)
    assert plan.reasons[0] == "the first of 3 sizes asked for that can be had at all: none starts now"
    assert len(plan.candidates) == 3


def test_one_named_size_is_taken_as_it_is() -> None:
    """A GPU size that is named needs no other word; what it can't meet is refused."""
    held = quota(a100=(24, 0), cheap=(0, 0), dear=(8, 0))
    plan = place(Ask(instance_types=("a100",)), market([A100], held))
    assert plan.reasons[0] == "the size was asked for by name"
    with pytest.raises(NothingFits, match="a100 can't take this job"):
        place(Ask(instance_types=("a100",), needs=Needs(cpus=64)), market([A100], held))
    with pytest.raises(NoQuota, match="cheap, standard") as caught:
        place(Ask(instance_types=("cheap",)), market([CHEAP, DEAR], held))
    assert "Sizes that have room: dear (1.25 USD/h)." in caught.value.hint


def test_a_typo_gets_the_nearest_names() -> None:
    """A size that the region does not have is refused with those that it may have meant."""
    held = quota(standardDSv2=(8, 0))
    for typo in ("Standard_DS3v2", "ds3_v2"):
        with pytest.raises(InvalidRequest, match=r"Did you mean Standard_DS3_v2") as caught:
            place(Ask(instance_types=(typo,)), market(CPU_MARKET, held))
        assert caught.value.argument == "instance_type"
    with pytest.raises(InvalidRequest, match=r"has no size of that name.\nLeave"):
        place(Ask(instance_types=("zzz",)), market(CPU_MARKET, held))


def test_a_size_for_endpoints_is_refused_by_name() -> None:
    """What the region offers to other things than jobs is refused."""
    endpoint = size("Standard_NV6ads_A10_v5", for_jobs=False)
    with pytest.raises(InvalidRequest, match="does not offer this size to jobs"):
        place(Ask(instance_types=(endpoint.name,)), market([endpoint], quota()))


PACKAGED = market(packaged_sizes(), None, Source.PACKAGED)


def test_without_quota_the_cheapest_packaged_size_goes_unverified() -> None:
    """A Data Scientist's `gpus=1` still leaves with a GPU size, marked as unverified."""
    plan = place(Ask(needs=Needs(gpus=1)), PACKAGED)
    assert (plan.instance_type, plan.starts, plan.verified) == (
        "Standard_NC4as_T4_v3",
        Starts.UNKNOWN,
        False,
    )
    assert plan.price_source == "packaged tables, East US, November 2025"
    (unread,) = plan.warnings
    assert unread == (
        "quota and sizes can't be read: the job may have to wait, or be refused for lack of quota; figures"
        " and prices are those of the packaged tables, East US, November 2025"
    )


def test_without_quota_and_with_nothing_asked_the_service_chooses() -> None:
    """Only with no need at all is the size left to the service; the tier still goes along."""
    plan = place(Ask(nodes=2), PACKAGED)
    assert (plan.instance_type, plan.instance_count, plan.price_per_hour) == (None, 2, None)
    assert (plan.tier, plan.starts, plan.verified) == (Tier.STANDARD, Starts.UNKNOWN, False)
    assert place(Ask(tier=Tier.SPOT), PACKAGED).tier is Tier.SPOT
    assert place(Ask(tier=Tier.AUTO), PACKAGED).tier is Tier.STANDARD
    assert place(Ask(needs=Needs(max_price_per_hour=1)), PACKAGED).instance_type == "Standard_DS3_v2"


@pytest.mark.parametrize("held", [None, quota(spot=100)])
@pytest.mark.parametrize("tier", [None, Tier.SPOT])
def test_a_name_that_the_packaged_tables_lack_is_believed(held: Quota | None, tier: Tier | None) -> None:
    """Where the region's sizes can't be read, a name is sent as it was written, and the plan says so."""
    ask = Ask(instance_types=("Standard_New_v9",), needs=Needs(cpus=64), tier=tier)
    plan = place(ask, market(packaged_sizes(), held, Source.PACKAGED))
    assert (plan.instance_type, plan.price_per_hour, plan.size) == ("Standard_New_v9", None, None)
    assert plan.starts is Starts.UNKNOWN
    assert (
        "Standard_New_v9 is not in the packaged catalogue: it is sent as it was written, and whether it meets"
        " 64 vCPUs is not known" in plan.warnings
    )


def test_another_regions_offer_refuses_nothing() -> None:
    """That a size is not for jobs in East US is a warning elsewhere."""
    plan = place(Ask(instance_types=("standard_nv6ads_a10_v5",)), PACKAGED)
    assert plan.instance_type == "Standard_NV6ads_A10_v5"
    assert (
        "Standard_NV6ads_A10_v5 is not for jobs in East US; whether it is here can't be read" in plan.warnings
    )
    with pytest.raises(NothingFits, match="the packaged table of East US"):
        place(Ask(needs=Needs(gpu="K80")), PACKAGED)


OFFERED = dict.fromkeys(sorted({*GPU_MODELS} - {"K80", "P100", "P40", "MI325X"}), 1)
"""Models that Azure has sizes for, by name, and how many GPUs the largest of them has: 1, if nothing else."""
OFFERED |= {"A10": 2, "RTXPRO6000": 2, "T4": 4, "M60": 4, "GB200": 4, "GB300": 4}
OFFERED |= dict.fromkeys(("A100", "H100", "H200", "MI300X", "V100"), 8)


@pytest.mark.parametrize("tier", [None, Tier.SPOT, Tier.AUTO])
@pytest.mark.parametrize("model", OFFERED)
def test_every_model_that_azure_has_leaves_where_sizes_cant_be_read(model: str, tier: Tier | None) -> None:
    """By the name of a size that has it, with as many GPUs as were asked for, and the doubts are told."""
    for gpus in range(1, OFFERED[model] + 1):
        plan = place(Ask(needs=Needs(gpu=model, gpus=gpus), tier=tier), PACKAGED)
        assert plan.size is not None
        assert (plan.size.gpu, plan.verified, plan.starts) == (model, False, Starts.UNKNOWN)
        assert plan.size.gpus >= gpus
        doubted = f"{plan.instance_type} is not for jobs in East US; whether it is here can't be read"
        assert (doubted in plan.warnings) != plan.size.for_jobs
    with pytest.raises(NothingFits) as caught:
        place(Ask(needs=Needs(gpu=model, gpus=OFFERED[model] + 1), tier=tier), PACKAGED)
    assert "instance_type=…" in caught.value.hint


def test_a_size_that_no_table_has_for_jobs_is_the_last_one() -> None:
    """Taken where nothing else would do, with where its figures are from; where quota is read, by that."""
    plan = place(Ask(needs=Needs(gpu=("H200", "A100"))), PACKAGED)
    assert plan.instance_type == "Standard_NC24ads_A100_v4"
    plan = place(Ask(needs=Needs(gpu_memory_gb=140), nodes=2), PACKAGED)
    assert plan.size is not None
    assert plan.size.gpu in {"GB200", "GB300", "H200", "MI300X"}
    plan = place(Ask(needs=Needs(gpu="H200")), PACKAGED)
    assert (plan.instance_type, plan.price_per_hour) == ("Standard_ND96isr_H200_v5", None)
    assert plan.warnings == (
        (
            "quota and sizes can't be read: the job may have to wait, or be refused for lack of quota;"
            " figures are those of the page of its series, November 2026"
        ),
        "Standard_ND96isr_H200_v5 is not for jobs in East US; whether it is here can't be read",
        "no standard price of Standard_ND96isr_H200_v5 is known",
    )
    with pytest.raises(NotEnoughQuota, match="needs 1 x 96 = 96 vCPUs"):
        place(Ask(needs=Needs(gpu="H200")), market(packaged_sizes(), quota(total=24), Source.PACKAGED))
    with pytest.raises(NothingFits):  # the region's own sizes say what it has
        place(Ask(needs=Needs(gpu="H200")), market(packaged_sizes(), quota()))


@pytest.mark.parametrize("typo", ["Standrd_a100", "A100", "a100x"])
def test_a_size_is_known_by_a_part_of_its_name(typo: str) -> None:
    """A misspelt head, a part, a letter too many: the sizes that were meant are named."""
    with pytest.raises(InvalidRequest, match=r"Did you mean .*a100"):
        place(Ask(instance_types=(typo,)), market([size("Standard_a100", 24, 3.0), CHEAP], quota()))
