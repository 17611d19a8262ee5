from __future__ import annotations

from typing import Any

import pytest

from amlrun import _catalogue
from amlrun._offers import FamilyQuota, Limit, LimitKind, Quota
from amlrun._readings.quota_replies import quota_from, workspace_caps_from
from amlrun._readings.size_replies import packaged_sizes, size_from, sizes_from
from tests.core.rows import SIZE_ROW, SUBSCRIPTION, USAGE_ROWS, WORKSPACE, own, usage


def test_a_familys_two_rows_are_told_apart_by_type() -> None:
    """One name, two rows: `type` says which is dedicated, and -1 is a count without a cap."""
    quota = quota_from("eastus", USAGE_ROWS)
    name = "Standard NCASv3_T4 Family"
    assert quota.family("standardncasv3_t4family") == FamilyQuota(
        name, Limit(name, 16, 12), Limit(name, None, 4)
    )
    assert quota.family("standardHBFamily") == FamilyQuota(
        "standardHBFamily", None, Limit("standardHBFamily", None, 0)
    )
    assert quota.dedicated_total == Limit("TotalDedicatedCores", 100, 40, LimitKind.TOTAL)
    assert quota.spot_total == Limit("TotalLowPriorityCores", 0, 4, LimitKind.SPOT_POOL)
    assert quota.clusters == Limit("TotalClusters", 200, 3, LimitKind.CLUSTERS)


def test_quota_does_not_depend_on_the_order_of_rows() -> None:
    """Rows come in any order; of two spellings of one family the tighter limit is believed."""
    rows = [
        *USAGE_ROWS,
        usage("standardNCASv3_T4Family", "vmFamily/dedicatedCores", 8, 0),
        usage("STANDARDHBFamily", "vmFamily/lowPriorityCores", -1, 0),
    ]
    quota = quota_from("eastus", rows)
    assert quota == quota_from("eastus", rows[::-1])
    family = quota.family("standardNCASv3_T4Family")
    assert family is not None
    assert family.dedicated == Limit("standardNCASv3_T4Family", 8, 0)


def test_of_two_totals_the_tighter_is_believed() -> None:
    """As of two families of one name."""
    rows = [usage("TotalDedicatedCores", "totalDedicatedCores", limit, 0) for limit in (100, 10, 50)]
    total = quota_from("eastus", rows).dedicated_total
    assert total is not None
    assert total.limit == 10


def test_only_a_limit_below_zero_is_no_cap() -> None:
    """It counts, and caps nothing; a workspace's own limit of that kind is none."""
    (family,) = quota_from("eastus", [usage("f", "vmFamily/dedicatedCores", -1, 3)]).families
    assert family == FamilyQuota("f", Limit("f", None, 3))
    assert workspace_caps_from(WORKSPACE, [own(WORKSPACE, "f", -1)]) == {}


def test_a_size_is_read_with_its_linux_prices() -> None:
    """Cores, memory, GPUs, disk in GB, the model from the name, and the Linux price of each tier."""
    size = size_from(SIZE_ROW)
    assert size is not None
    assert (size.cpus, size.gpus, size.gpu, size.memory_gb, size.disk_gb) == (4, 1, "T4", 28.0, 176.0)
    assert (size.price, size.spot_price, size.price_source) == (0.53, 0.1, "service")
    assert size.for_jobs
    assert size.spot_hint


def test_of_two_prices_for_one_tier_the_lower_counts() -> None:
    """The service sends two Linux prices for some sizes; the higher one is the Windows price."""
    found = {size.name: size for size in packaged_sizes()}["Standard_D16ads_v5"]
    assert (found.price, found.spot_price) == (0.82, 0.16)


def test_a_missing_price_is_taken_from_the_list() -> None:
    """Whole families come without prices: the list price stands in, named; spot stays unknown."""
    found = {size.name: size for size in packaged_sizes()}["Standard_DS3_v2"]
    assert (found.price, found.spot_price) == (0.293, None)
    assert found.price_source == _catalogue.LIST_PRICES


def test_a_price_in_another_currency_is_not_taken_for_dollars() -> None:
    """Prices are USD; in any other currency the list price stands in."""
    size = size_from({**SIZE_ROW, "estimatedVMPrices": {"billingCurrency": "EUR", "values": [{}]}})
    assert size is not None
    assert size.spot_price is None
    assert size.price_source == _catalogue.LIST_PRICES


def test_what_is_only_for_endpoints_is_not_for_jobs() -> None:
    """A size without AmlCompute among its compute types can't be used by jobs."""
    sizes = {size.name: size for size in packaged_sizes()}
    assert not sizes["Standard_NV6ads_A10_v5"].for_jobs
    assert sizes["Standard_NC64as_T4_v3"].spot_hint is False
    assert len(sizes) == len(_catalogue.vm_sizes()) + len(_catalogue.gpu_sizes())


def test_a_size_that_is_known_by_its_page_is_for_jobs_in_no_table() -> None:
    """It is what no region was seen to have: taken only where nothing else would do."""
    sizes = {size.name: size for size in packaged_sizes()}
    found = sizes["Standard_ND96isr_H200_v5"]
    assert (found.gpus, found.gpu, found.gpu_memory_gb, found.price) == (8, "H200", 141, None)
    assert not any(sizes[row["name"]].for_jobs for row in _catalogue.gpu_sizes())
    assert all(sizes[row["name"]].gpu for row in _catalogue.gpu_sizes())


def test_a_half_empty_size_is_read_for_what_it_has() -> None:
    """Null figures are zero; what has no name or no vCPUs can't be counted with, and is left out."""
    null = dict.fromkeys(SIZE_ROW)
    found = sizes_from([{**null, "name": "Standard_New", "vCPUs": 2}, {**null, "name": "x"}, null])
    (size,) = found
    assert (size.name, size.memory_gb, size.gpus, size.gpu, size.price) == (
        "Standard_New",
        0.0,
        0,
        None,
        None,
    )
    assert size.for_jobs
    assert size.price_source == ""


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"name": "standardDSv2Family", "limit": 24},
        {"name": {"value": ["x"]}, "type": ["y"], "limit": 24, "id": {}},
        usage("standardDSv2Family", "vmFamily/dedicatedCores", "24", 0),
        usage("standardDSv2Family", "vmFamily/dedicatedCores", True, 0),
        usage("standardDSv2Family", "vmFamily/dedicatedCores", float("nan"), 0),
        usage("standardDSv2Family", "vmFamily/dedicatedCores", float("inf"), 0),
        usage("aNewTotal", "aNewTotal", 3, 0),
        usage("standardDSv2Family", "vmFamily/dedicatedCores", None, 0),
        usage("standardDSv2Family", "vmFamily/dedicatedCores", 24, None),
        {**usage("standardDSv2Family", "vmFamily/dedicatedCores", 24, 0), "currentValue": "0"},
        usage("TotalDedicatedCores", "totalDedicatedCores", 100, None),
        {"name": None, "type": None},
        {"limit": 3, "currentValue": 0},
    ],
)
def test_a_row_that_cant_be_understood_limits_nothing(row: dict[str, Any]) -> None:
    """Odd rows are left out, and the others stand: what nobody understands refuses no job."""
    assert quota_from("eastus", [row]) == Quota("eastus")
    assert quota_from("eastus", [*USAGE_ROWS, row]) == quota_from("eastus", USAGE_ROWS)
    odd = {**row, "id": f"{WORKSPACE}/quotas/x"}
    assert workspace_caps_from(WORKSPACE, [odd]) == {}


def test_a_workspaces_own_limits_are_told_from_all_others() -> None:
    """Its id is in the row; rows of the subscription, of another workspace, without a cap are left out."""
    rows = [
        own(WORKSPACE.upper(), "standardDSv2Family", 8),
        own(WORKSPACE, "standardNCSv3Family", 0),
        own(WORKSPACE, "standardDDSv4Family", -1),
        own(WORKSPACE, "standardHBFamily", "4"),
        own(f"{WORKSPACE}-2", "standardFSv2Family", 4),
        own(SUBSCRIPTION, "standardEDSv4Family", 24, "vmFamily/dedicatedCores"),
    ]
    assert workspace_caps_from(WORKSPACE, rows) == {"standardDSv2Family": 8, "standardNCSv3Family": 0}


@pytest.mark.parametrize("junk", [None, "x", [], {}, True, -1, float("inf"), 10**400])
@pytest.mark.parametrize("field", sorted(SIZE_ROW))
def test_a_size_with_a_field_of_another_type_is_no_error(field: str, junk: Any) -> None:
    """Whatever stands in any field: the size is read for the rest, or left out where it can't be counted."""
    size = size_from({**SIZE_ROW, field: junk})
    assert size is None or (size.cpus > 0 and size.name and size.price is not None)
    prices = {"values": [{"retailPrice": junk, "vmTier": "Standard", "osType": "Linux"}, junk]}
    read = size_from({**SIZE_ROW, "estimatedVMPrices": prices})
    assert read is not None
    assert read.price == 0.526
    assert (
        size_from({**SIZE_ROW, "estimatedVMPrices": {"values": [{"osType": "Linux", "vmTier": junk}]}})
        == read
    )
