"""Clusters in other regions than the workspace's: each region has quota of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun.testing import FakeAml

DSV2 = "standardDSv2Family"


def used(fake: FakeAml, location: str) -> tuple[int, int]:
    """Clusters and dedicated vCPUs in use there."""
    scope = f"/subscriptions/{fake.scope.subscription_id}/providers/Microsoft.MachineLearningServices"
    url = f"https://management.azure.com{scope}/locations/{location}/usages"
    rows = {row["name"]["value"]: row["currentValue"] for row in requests.get(url, timeout=5).json()["value"]}
    return rows["TotalClusters"], rows["TotalDedicatedCores"]


def test_a_cluster_elsewhere_holds_the_quota_of_its_region(fake_aml: FakeAml) -> None:
    """Its nodes count there, and not in the workspace's own region."""
    fake_aml.cluster("here", nodes=1)
    fake_aml.cluster("there", nodes=2, location="West Europe")
    assert used(fake_aml, "eastus") == (1, 4)
    assert used(fake_aml, "westeurope") == (1, 8)
    found = requests.get(f"https://management.azure.com{fake_aml.scope.path}/computes/there", timeout=5)
    assert found.json()["properties"]["computeLocation"] == "westeurope"


def test_the_limits_of_a_region_bind_its_clusters_alone(
    fake_aml: FakeAml, submit: Callable[..., str]
) -> None:
    """What is full here has room there, and what is freed there is for who waits there."""
    fake_aml.quota(DSV2, limit=0)
    fake_aml.quota(DSV2, limit=4, location="westeurope")
    for name in ("first", "second"):
        fake_aml.cluster(name, location="westeurope")
    fake_aml.cluster("here")
    for compute in ("first", "second", "here"):
        submit(name=compute, compute=compute)
    fake_aml.advance(minutes=3)
    assert [fake_aml.job(name).status for name in fake_aml.jobs] == ["Running", "Queued", "Queued"]
    fake_aml.client().compute.begin_delete("first")
    fake_aml.advance(minutes=3)
    assert [fake_aml.job(name).status for name in fake_aml.jobs][1:] == ["Running", "Queued"]


def test_a_region_that_is_none(fake_aml: FakeAml) -> None:
    """It is said."""
    with pytest.raises(ValueError, match="no region 'atlantis'"):
        fake_aml.cluster("cpu", location="atlantis")
    with pytest.raises(ValueError, match="no region 'atlantis'"):
        fake_aml.quota(DSV2, limit=4, location="atlantis")
