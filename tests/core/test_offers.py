from __future__ import annotations

import pickle

import attrs
import pytest

from amlrun import _catalogue
from amlrun._offers import (
    GPU_MODELS,
    FamilyQuota,
    Limit,
    Market,
    Quota,
    Size,
    Tier,
    family_key,
    gpu_memory_gb,
    gpu_model,
    region_key,
)

T4_FAMILY = "Standard NCASv3_T4 Family"
QUOTA = Quota(
    "eastus",
    (
        FamilyQuota("standardDSv2Family", Limit("standardDSv2Family", 24, 8), Limit("d", None, 0)),
        FamilyQuota(T4_FAMILY, Limit(T4_FAMILY, 0, 0), Limit(T4_FAMILY, None, 24)),
        FamilyQuota("standardNDSv2Family", Limit("standardNDSv2Family", 0, 0), Limit("n", None, 0)),
        FamilyQuota("freeFamily", Limit("freeFamily", None, 3)),
        FamilyQuota("spotOnlyFamily", None, Limit("spotOnlyFamily", None, 0)),
    ),
    Limit("TotalDedicatedCores", 100, 40),
)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Standard_NC4as_T4_v3", "T4"),
        ("Standard_NC6s_v3", "V100"),
        ("STANDARD_NC24RS_V3", "V100"),
        ("Standard_ND40rs_v2", "V100"),
        ("Standard_NV12s_v3", "M60"),
        ("Standard_NV6", "M60"),
        ("Standard_NV6_Promo", "M60"),
        ("Standard_ND96asr_v4", "A100"),
        ("Standard_ND96amsr_A100_v4", "A100"),
        ("Standard_NC24ads_A100_v4", "A100"),
        ("Standard_NC40ads_H100_v5", "H100"),
        ("Standard_ND96isr_H200_v5", "H200"),
        ("Standard_ND96isr_MI300X_v5", "MI300X"),
        ("Standard_ND128isr_NDR_GB200_v6", "GB200"),
        ("Standard_NC128ds_xl_RTXPRO6000BSE_v6", "RTXPRO6000"),
        ("Standard_NV36adms_A10_v5", "A10"),
        ("Standard_NV8as_v4", "MI25"),
        ("Standard_NC24r", "K80"),
        ("Standard_NC6s_v2", "P100"),
        ("Standard_ND24rs", "P40"),
        ("Standard_NX9_v9", None),
        ("odd", None),
    ],
)
def test_the_gpu_model_is_in_the_name(name: str, model: str | None) -> None:
    """The service names no GPU model, so the size's name tells it: spelt out, or by its series."""
    assert gpu_model(name) == model
    assert model is None or model in GPU_MODELS


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("Standard_NC4as_T4_v3", 16),
        ("STANDARD_NC6S_V3", 16),
        ("Standard_ND40rs_v2", 32),
        ("Standard_ND40s_v2", None),
        ("Standard_NC24ads_A100_v4", 80),
        ("Standard_ND96asr_v4", 40),
        ("Standard_ND96amsr_A100_v4", 80),
        ("Standard_NC40ads_H100_v5", 94),
        ("Standard_ND96isr_H100_v5", 80),
        ("Standard_ND96is_noIB_H100_v5", 80),
        ("Standard_ND128isr_NDR_GB200_v6", 192),
        ("Standard_NV6ads_A10_v5", 4),
        ("Standard_NV18ads_A10_v5", 12),
        ("Standard_NV36adms_A10_v5", 24),
        ("Standard_NV72ads_A10_v5", 24),
        ("Standard_NV4as_v4", 2),
        ("Standard_NG8ads_V620_v1", 8),
        ("Standard_NV8ads_V710_v5", 8),
        ("Standard_NC128ds_xl_RTXPRO6000BSE_v6", 96),
        ("Standard_NC32ds_xl_RTXPRO6000BSE_v6", None),
        ("Standard_NC96ads_H100_v9", None),
        ("odd", None),
    ],
)
def test_gpu_memory_is_that_of_each_gpu_or_part_of_one(name: str, memory: float | None) -> None:
    """In GB, from the page of the series; what no page says is not known."""
    assert gpu_memory_gb(name) == memory


def test_every_gpu_size_that_the_package_knows_has_a_model_and_mostly_memory() -> None:
    """The table covers the packaged sizes and prices; the exceptions are named."""
    names = {name for name in _catalogue.list_prices() if name.startswith("Standard_N")}
    names |= {
        str(row["name"]) for row in (*_catalogue.vm_sizes(), *_catalogue.gpu_sizes()) if row.get("gpus")
    }
    assert {name for name in names if gpu_model(name) is None} == set()
    unknown = {name for name in names if gpu_memory_gb(name) is None}
    parts = {name for name in unknown if "RTXPRO6000BSE" in name}
    assert unknown - parts == {"Standard_ND40s_v2"}


def test_spellings_of_a_family_are_joined() -> None:
    """Sizes and usages spell families differently; both find the same quota."""
    assert family_key("standard NDAMSv4_A100Family") == family_key("StandardNDAMSv4A100Family")
    found = QUOTA.family("standardncasv3_t4family")
    assert found is not None
    assert found.name == T4_FAMILY
    assert QUOTA.family("standardHBFamily") is None


def test_spellings_of_a_region_are_joined() -> None:
    """`East US` is `eastus`."""
    assert region_key("East US") == "eastus"


def test_free_is_what_nobody_holds() -> None:
    """Free is never below zero, and a row without a cap has no figure for it."""
    assert Limit("f", 24, 8).free == 16
    assert Limit("f", 8, 24).free == 0
    assert Limit("f", None, 24).free is None


def test_quota_can_be_kept() -> None:
    """Quota is a plain value: equal after a round trip through pickle."""
    assert pickle.loads(pickle.dumps(QUOTA)) == QUOTA  # noqa: S301 - its own bytes


def test_sizes_are_found_in_any_case() -> None:
    """Clusters report their size in capitals; the catalogue's spelling is found."""
    size = Size("Standard_NC4as_T4_v3", T4_FAMILY, 4, 28.0, 1, "T4", 176.0, True, 0.53, 0.1, "service")
    market = Market("eastus", (size,), None)
    assert market.size("STANDARD_NC4AS_T4_V3") is size
    assert market.size("Standard_NC4") is None
    assert not market.verified
    assert Market("eastus", (), QUOTA).verified


def test_a_size_says_what_a_node_is() -> None:
    """Hardware in words, and the price of each tier."""
    size = Size("a", "f", 4, 28.0, 1, "T4", 176.0, True, 0.53, 0.1, "service")
    assert size.hardware == "4 vCPUs, 28 GB, 1 x T4"
    assert attrs.evolve(size, name="Standard_NC4as_T4_v3").hardware == "4 vCPUs, 28 GB, 1 x T4 (16 GB)"
    two = attrs.evolve(size, name="Standard_NC48ads_A100_v4", gpus=2, gpu="A100")
    assert two.hardware == "4 vCPUs, 28 GB, 2 x A100 (80 GB each)"
    assert attrs.evolve(two, gpus=0).gpu_memory_gb is None
    assert Size("a", "f", 1, 3.5, 0, None, 1.0, True, None, None, "").hardware == "1 vCPU, 3.5 GB"
    assert (size.price_for(Tier.STANDARD), size.price_for(Tier.SPOT)) == (0.53, 0.1)
