"""`quota()` as it is printed."""

from __future__ import annotations

import attrs

from amlrun._offers import FamilyQuota, Limit, LimitKind, Quota, Tier
from amlrun._offers.limits import GpuRoom, Holder
from tests.core.test_holdings import FAMILY, size

DSV2 = "standardDSv2Family"
QUOTA = Quota(
    "eastus",
    (
        FamilyQuota(
            DSV2,
            Limit(DSV2, 24, 12),
            Limit(DSV2, None, 8),
            holders=(
                Holder("cpu-cluster", Tier.STANDARD, 8, 2),
                Holder("serverless and other workspaces", Tier.STANDARD, 4),
                Holder("spot-cluster", Tier.SPOT, 8, 1),
            ),
        ),
        FamilyQuota(FAMILY, Limit(FAMILY, 0, 0), Limit(FAMILY, None, 0)),
        FamilyQuota("freeFamily", Limit("freeFamily", None, 3)),
    ),
    Limit("TotalDedicatedCores", 100, 15, LimitKind.TOTAL),
    Limit("TotalLowPriorityCores", 64, 8, LimitKind.SPOT_POOL),
)


def test_the_table_reads_well() -> None:
    """Dedicated and spot side by side, who holds it beneath; columns that say nothing are left out."""
    assert (
        str(QUOTA)
        == """\
Azure ML quota in eastus, in vCPUs: Azure ML's own, not the subscription's VM quota.

family                             in use   limit    free  spot in use
freeFamily                              3  no cap  no cap            -
standardDSv2Family                     12      24      12            8
  cpu-cluster, 2 nodes                  8
  serverless and other workspaces       4
  spot-cluster, 1 node                                               8
all families, dedicated                15     100      85
all families, spot (one pool)           8      64      56
Not shown: families with no limit and no use (1): amlrun quota --all, or table(all=True)"""
    )


def test_all_of_it_on_demand() -> None:
    """`all` hides nothing."""
    text = QUOTA.table(all=True)
    assert FAMILY in text
    assert "Not shown" not in text


def test_what_was_sent_and_a_workspaces_own_limit_have_columns_where_there_are_any() -> None:
    """So that used, sent and free add up to the limit."""
    family = FamilyQuota(
        DSV2, Limit(DSV2, 24, 12, pending=4), workspace=Limit(DSV2, 8, 0, LimitKind.WORKSPACE)
    )
    lines = Quota("", (family,)).table().splitlines()
    assert lines[0] == "Azure ML quota, in vCPUs: Azure ML's own, not the subscription's VM quota."
    assert " ".join(lines[2].split()) == "family in use sent limit free own limit own free spot in use"
    assert lines[3].split() == [DSV2, "12", "4", "24", "8", "8", "8", "-"]
    assert lines[4].split()[-2:] == ["unknown", "unknown"]


def test_what_fits_on_gpus_is_a_table_of_its_own() -> None:
    """Those with a limit, and those to be had as spot now; as spot, but not now: on demand."""
    quota = attrs.evolve(
        QUOTA,
        gpus=(
            GpuRoom(size(), 1, 4, 12, 16),
            GpuRoom(size(name="Standard_New", gpu=None, price=None), 0, 0, 0, 2),
        ),
    )
    rows = str(quota).split("\n\n")[2:]
    assert rows[0] == "Nodes that fit, by quota, which is not capacity; prices are those of one node:"
    assert (
        rows[1]
        == """\
GPU size              GPUs    now  ever  USD/h  spot now  spot ever  spot USD/h
Standard_NC4as_T4_v3  1 x T4    1     4   0.53        12         16        0.10
Not shown: GPU sizes that can be had as spot alone, and not now (1): amlrun quota --all, or table(all=True)"""
    )
    everything = quota.table(all=True).splitlines()[-1]
    assert everything.split() == ["Standard_New", "1", "x", "GPU", "0", "0", "-", "0", "2", "0.10"]
    alone = attrs.evolve(quota, gpus=quota.gpus[1:])
    (last,) = str(alone).split("\n\n")[2:]
    assert last == rows[1].splitlines()[-1]


def test_notes_are_at_the_end_and_no_line_is_too_wide() -> None:
    """What could not be read, and which right is missing."""
    words = (
        "this account may not read sizes: it lacks Microsoft.MachineLearningServices/locations/vmSizes/read"
    )
    quota = attrs.evolve(QUOTA, notes=(f"{words} on /subscriptions/0", "without sizes, nothing is told"))
    text = str(quota)
    assert "\n\nNote: this account may not read sizes" in text
    assert text.endswith("\n\nNote: without sizes, nothing is told.")
    assert max(map(len, text.splitlines())) <= 100


def test_other_regions_have_a_table_each() -> None:
    """Of the families that the workspace's clusters are of, with or without a node; or of all."""
    idle = Holder("far", Tier.STANDARD, 0, 0)
    rows = (FamilyQuota(DSV2, Limit(DSV2, 24, 0), holders=(idle,)), FamilyQuota("x", Limit("x", 24, 4)))
    quota = attrs.evolve(QUOTA, elsewhere=(Quota("westus", rows, here=False),))
    *_, title, told = str(quota).split("\n\n")
    assert title == "In westus:"
    lines = [line.split() for line in told.splitlines()]
    assert lines[1:3] == [[DSV2, "0", "24", "24", "-"], ["far,", "0", "nodes", "0"]]
    assert "families that no compute of the workspace is of (1)" in told
    assert "x" in [line.split()[0] for line in quota.table(all=True).splitlines()[-4:]]
