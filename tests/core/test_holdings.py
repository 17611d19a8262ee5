"""Who holds a region's vCPUs, as far as the workspace's computes tell."""

from __future__ import annotations

import pytest

from amlrun._offers import Compute, FamilyQuota, Kind, Limit, LimitKind, Quota, Tier
from amlrun._offers.holdings import Holding, holdings, with_workspace_limits
from amlrun._replies import size_from
from tests.core.rows import SIZE_ROW

FAMILY = SIZE_ROW["family"]
SIZE = size_from(SIZE_ROW)
T4 = "STANDARD_NC4AS_T4_V3"


@pytest.mark.parametrize(
    ("compute", "cores"),
    [
        (Compute(name="c", size=T4, nodes=3), 12),
        (Compute(name="c", size=T4, nodes=3, location="eastus", tier=Tier.SPOT), 12),
        (Compute(name="c", size=T4, nodes=3, location="westus"), None),
        (Compute(name="c", size=T4, nodes=0), None),
        (Compute(name="c", size="Standard_Unknown", nodes=3), None),
        (Compute(name="c", size=None, nodes=3), None),
        (Compute(name="c", size=T4, nodes=3, kind=Kind.KUBERNETES), None),
        (Compute(name="c", size=T4, kind=Kind.INSTANCE, machine_state="Running"), 4),
        (Compute(name="c", size=T4, kind=Kind.INSTANCE, machine_state="Stopped"), None),
        (Compute(name="c", size=T4, kind=Kind.INSTANCE, state="Failed"), None),
    ],
)
def test_nodes_that_exist_hold_their_cores(compute: Compute, cores: int | None) -> None:
    """Clusters by their nodes, instances unless they are off; what isn't Azure ML's own quota holds none."""
    assert SIZE is not None
    found = holdings("eastus", (SIZE,), (compute,))
    tier = compute.tier or Tier.STANDARD
    assert found == (() if cores is None else (Holding("c", FAMILY, tier, cores // 4, cores),))


def test_a_workspaces_limit_stands_beside_its_familys() -> None:
    """With what its dedicated nodes hold; a family of which usages have no row is known by it alone."""
    quota = Quota("eastus", (FamilyQuota(FAMILY, Limit(FAMILY, 16, 12)), FamilyQuota("other")))
    held = [
        Holding("a", FAMILY, Tier.STANDARD, 1, 4),
        Holding("b", FAMILY, Tier.STANDARD, 1, 4),
        Holding("s", FAMILY, Tier.SPOT, 2, 8),
    ]
    assert with_workspace_limits(quota, {}, held) is quota
    limited = with_workspace_limits(quota, {"standardNCASv3T4Family": 12, "new": 0}, held)
    own = limited.family(FAMILY)
    assert own is not None
    assert own.workspace == Limit("standardNCASv3T4Family", 12, 8, LimitKind.WORKSPACE)
    assert limited.families[1:] == (
        FamilyQuota("other"),
        FamilyQuota("new", workspace=Limit("new", 0, 0, LimitKind.WORKSPACE)),
    )
