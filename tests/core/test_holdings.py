"""Who holds a region's vCPUs, and what of them can still be had."""

from __future__ import annotations

import attrs
import pytest

from amlrun._offers import Compute, FamilyQuota, Kind, Limit, LimitKind, Quota, Size, Tier
from amlrun._offers.holdings import (
    REST,
    gpu_rooms,
    holders_by_family,
    with_holders,
    with_jobs,
    with_workspace_limits,
)
from amlrun._offers.limits import GpuRoom, Holder
from amlrun._offers.sizes import family_key
from amlrun._readings.size_replies import size_from
from tests.core.rows import SIZE_ROW

FAMILY: str = SIZE_ROW["family"]
KEY = family_key(FAMILY)
T4 = "STANDARD_NC4AS_T4_V3"
NAME = "standardNCASv3T4Family"


def size(**changes: object) -> Size:
    """The T4 size, or one much like it."""
    read = size_from(SIZE_ROW)
    assert read is not None
    return attrs.evolve(read, **changes)  # type: ignore[arg-type]  # fields of Size


@pytest.mark.parametrize(
    ("compute", "nodes"),
    [
        (Compute(name="c", size=T4, nodes=3), 3),
        (Compute(name="c", size=T4, nodes=3, location="eastus", tier=Tier.SPOT), 3),
        (Compute(name="c", size=T4, nodes=3, location="westus"), None),
        (Compute(name="c", size=T4, nodes=0), None),
        (Compute(name="c", size="Standard_Unknown", nodes=3), None),
        (Compute(name="c", size=None, nodes=3), None),
        (Compute(name="c", size=T4, nodes=3, kind=Kind.KUBERNETES), None),
        (Compute(name="c", size=T4, kind=Kind.INSTANCE, machine_state="Running"), 1),
        (Compute(name="c", size=T4, kind=Kind.INSTANCE, machine_state="Stopped"), None),
        (Compute(name="c", size=T4, kind=Kind.INSTANCE, state="Failed"), None),
    ],
)
def test_nodes_that_exist_hold_their_cores(compute: Compute, nodes: int | None) -> None:
    """Clusters by their nodes, instances unless they are off; what isn't Azure ML's own quota holds none."""
    found = holders_by_family("eastus", (size(),), (compute,))
    tier = compute.tier or Tier.STANDARD
    assert found == ({} if nodes is None else {KEY: (Holder("c", tier, 4 * nodes, nodes),)})


def test_a_workspaces_limit_stands_beside_its_familys() -> None:
    """With what its dedicated nodes hold; a family of which usages have no row is known by it alone."""
    quota = Quota("eastus", (FamilyQuota(FAMILY, Limit(FAMILY, 16, 12)), FamilyQuota("other")))
    held = {
        KEY: (
            Holder("a", Tier.STANDARD, 4, 1),
            Holder("b", Tier.STANDARD, 4, 1),
            Holder("s", Tier.SPOT, 8, 2),
        )
    }
    assert with_workspace_limits(quota, {}, held) is quota
    limited = with_workspace_limits(quota, {NAME: 12, "new": 0}, held)
    own = limited.family(FAMILY)
    assert own is not None
    assert own.workspace == Limit(NAME, 12, 8, LimitKind.WORKSPACE)
    assert limited.families[1:] == (
        FamilyQuota("other"),
        FamilyQuota("new", workspace=Limit("new", 0, 0, LimitKind.WORKSPACE)),
    )


def test_what_is_used_is_held_by_somebody() -> None:
    """Computes by name, then the rest, in each tier; figures that don't add up yet leave no rest."""
    quota = Quota(
        "eastus",
        (FamilyQuota(FAMILY, Limit(FAMILY, 16, 12), Limit(FAMILY, None, 4)), FamilyQuota("none")),
    )
    gpu, spot = Holder("gpu", Tier.STANDARD, 8, 2), Holder("s", Tier.SPOT, 8, 2)
    family, none = with_holders(quota, {KEY: (spot, gpu)}).families
    assert family.holders == (gpu, Holder(REST, Tier.STANDARD, 4), spot)
    assert none.holders == ()
    assert family.dedicated is not None
    assert sum(one.cores for one in family.holders if one.tier is Tier.STANDARD) == family.dedicated.used


UNCAPPED = Limit("TotalDedicatedCores", None, 0)


def rooms(
    dedicated: Limit | None, pool: Limit | None, total: Limit | None = UNCAPPED
) -> list[tuple[object, ...]]:
    """What fits on the T4 size of 4 vCPUs."""
    quota = Quota("eastus", (FamilyQuota(NAME, dedicated),), total, pool)
    return [attrs.astuple(room, recurse=False)[1:] for room in gpu_rooms(quota, (size(),))]


def test_what_fits_is_counted_under_every_limit() -> None:
    """Now by what is free, ever by the limit: of the family and the total, or of the pool."""
    pool, total = Limit("TotalLowPriorityCores", 17, 8), Limit("TotalDedicatedCores", 100, 97)
    assert rooms(Limit(NAME, 15, 4), pool) == [(2, 3, 2, 4)]
    assert rooms(Limit(NAME, 15, 4, pending=4), pool, total) == [(0, 3, 2, 4)]
    assert rooms(Limit(NAME, 0, 0), pool) == [(0, 0, 2, 4)]
    assert rooms(Limit(NAME, 16, 0), None) == [(4, 4, None, None)]
    assert rooms(Limit(NAME, None, 3), pool) == [(None, None, 2, 4)]
    assert rooms(Limit(NAME, 0, 0), Limit("TotalLowPriorityCores", 0, 0)) == []
    assert rooms(None, None) == []
    assert rooms(Limit(NAME, 16, 0), pool, None) == [(None, None, 2, 4)]


def test_only_gpu_sizes_that_jobs_can_have_are_told() -> None:
    """Family by family, the small ones first; where the service says that there is no spot, none is told."""
    quota = Quota("eastus", (FamilyQuota(NAME, Limit(NAME, 16, 0)),), UNCAPPED, Limit("pool", 64, 0))
    big, small = size(name="big", gpus=4, cpus=16), size(name="small", spot_hint=False)
    others = (size(name="cpu", gpus=0), size(name="endpoints", for_jobs=False))
    assert gpu_rooms(quota, (big, *others, small)) == (
        GpuRoom(small, 4, 4, None, None),
        GpuRoom(big, 1, 1, 4, 4),
    )


def test_jobs_that_are_known_stand_for_as_much_of_the_rest() -> None:
    """By name, each on its tier; what they don't account for stays, and no job holds what isn't used."""
    rest, spot = Holder(REST, Tier.STANDARD, 12), Holder(REST, Tier.SPOT, 4)
    cpu = Holder("cpu", Tier.STANDARD, 4, 1)
    family = FamilyQuota(NAME, holders=(cpu, rest, spot))
    jobs = (Holder("a", Tier.STANDARD, 8), Holder("b", Tier.STANDARD, 8), Holder("c", Tier.SPOT, 4))
    other = FamilyQuota("standardDSv2Family", holders=(rest,))
    known = with_jobs(Quota("eastus", (family, other)), {KEY: jobs})
    assert [one.holders for one in known.families] == [
        (cpu, jobs[0], Holder(REST, Tier.STANDARD, 4), jobs[2]),
        (rest,),
    ]
