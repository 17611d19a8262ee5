"""`quota()`: what is used, who holds it, and what fits, through the real client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import NotAuthorized, Quota, ServiceError, quota, submit
from amlrun._offers import Tier
from amlrun.testing import Answer, Forbidden, InternalError

if TYPE_CHECKING:
    from amlrun._offers import FamilyQuota
    from amlrun._offers.limits import Holder
    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
_REGION = "GET /providers/Microsoft.MachineLearningServices/locations/{location}"
DSV2, T4 = "standardDSv2Family", "Standard NCASv3_T4 Family"
REST = "serverless and other workspaces"


def family(found: Quota, name: str) -> FamilyQuota:
    """One that is there."""
    rows = found.family(name)
    assert rows is not None
    return rows


def held(found: Quota, name: str) -> list[tuple[str, str, int, int | None]]:
    """Who holds a family: name, tier, vCPUs, nodes."""

    def plain(holder: Holder) -> tuple[str, str, int, int | None]:
        return holder.name, str(holder.tier), holder.cores, holder.nodes

    return [plain(holder) for holder in family(found, name).holders]


def test_it_asks_for_everything_once(fake_aml: FakeAml) -> None:
    """And anew each time: whoever asks for quota wants to know how it is now."""
    client = fake_aml.client()
    wanted = sorted([fake_aml.scope.workspace, "computes", "usages", "vmSizes", "quotas"])
    for _ in range(2):
        before = len(fake_aml.calls)
        quota(client=client)
        assert sorted(call.path.rpartition("/")[2] for call in fake_aml.calls[before:]) == wanted


def test_who_holds_what_is_used(fake_aml: FakeAml) -> None:
    """Computes of this workspace by name, in each tier; what remains is serverless, or somebody else's."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", nodes=2, idle_seconds=3600)
    fake_aml.cluster("lent", size="Standard_DS4_v2", nodes=1, tier="spot", idle_seconds=3600)
    fake_aml.compute_instance("anna", size="Standard_DS3_v2")
    fake_aml.quota(DSV2, used=4)
    client = fake_aml.client()
    submit("echo", environment=ENVIRONMENT, instance_type="Standard_DS3_v2", client=client)
    fake_aml.advance(minutes=3)
    found = quota(client=client)
    assert held(found, DSV2) == [
        ("anna", "standard", 4, 1),
        ("cpu", "standard", 8, 2),
        (REST, "standard", 8, None),
        ("lent", "spot", 8, 1),
    ]
    rows = family(found, DSV2)
    assert rows.dedicated is not None
    assert rows.dedicated.used == sum(one.cores for one in rows.holders if one.tier is Tier.STANDARD) == 20
    assert "  cpu, 2 nodes" in str(found)
    assert found.notes == ()


def test_a_cluster_in_another_region_holds_nothing_here(fake_aml: FakeAml) -> None:
    """Its nodes count in that region's quota."""
    fake_aml.cluster("far", size="Standard_DS3_v2", nodes=2, location="westus", idle_seconds=3600)
    found = quota(client=fake_aml.client())
    assert (found.location, held(found, DSV2)) == ("eastus", [])


def test_a_limit_of_the_workspaces_own_is_told(fake_aml: FakeAml) -> None:
    """With the least that is used of it."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", nodes=2, idle_seconds=3600)
    fake_aml.quota(DSV2, workspace_limit=12)
    own = family(quota(client=fake_aml.client()), DSV2).workspace
    assert own is not None
    assert (own.limit, own.used, own.free) == (12, 8, 4)


def test_what_fits_on_each_gpu_size(fake_aml: FakeAml) -> None:
    """Now and ever, dedicated by the limits and as spot by the pool, with what a node costs."""
    fake_aml.quota(T4, limit=16, used=4)
    fake_aml.quota("TotalLowPriorityCores", limit=40, used=8)
    client = fake_aml.client()
    submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    found = quota(client=client)
    rooms = {room.size.name: room for room in found.gpus}
    t4 = rooms["Standard_NC4as_T4_v3"]
    assert (t4.now, t4.ever, t4.spot_now, t4.spot_ever) == (2, 4, 8, 10)
    assert (t4.size.price, t4.size.spot_price) == (0.53, 0.1)
    alone = rooms["Standard_NC6s_v3"]
    assert (alone.now, alone.ever, alone.spot_now, alone.spot_ever) == (0, 0, 5, 6)
    shown = [line.split() for line in str(found).splitlines() if line.startswith("Standard_")]
    assert ["Standard_NC4as_T4_v3", "1", "x", "T4", "2", "4", "0.53", "8", "10", "0.10"] in shown
    assert ["Standard_NC6s_v3", "1", "x", "V100", "0", "0", "3.06", "5", "6", "0.61"] in shown
    assert "Standard_ND96isr_H100_v5" not in str(found)
    assert "Standard_ND40rs_v2" in found.table(all=True)


def test_other_regions_with_clusters_are_told(fake_aml: FakeAml) -> None:
    """What they hold there, of which limits; and what is on its way to them from here."""
    fake_aml.quota(T4, limit=12, location="westeurope")
    far: dict[str, Any] = {"size": "Standard_NC4as_T4_v3", "location": "westeurope"}
    fake_aml.cluster("far-gpu", nodes=1, max_nodes=2, **far)
    fake_aml.cluster("idle-gpu", **far)
    client = fake_aml.client()
    for _ in range(2):
        submit("echo", environment=ENVIRONMENT, compute="far-gpu", client=client)
    found = quota(client=client)
    (there,) = found.elsewhere
    rows = family(there, T4)
    assert there.location == "westeurope"
    assert rows.dedicated is not None
    assert (rows.dedicated.used, rows.dedicated.limit, rows.dedicated.pending) == (4, 12, 4)
    assert held(there, T4) == [("far-gpu", "standard", 4, 1), ("idle-gpu", "standard", 0, 0)]
    assert family(found, T4).holders == ()
    told = str(found).partition("In westeurope:")[2]
    assert "  far-gpu, 1 node" in told
    assert DSV2 not in told


def test_no_line_is_too_wide(fake_aml: FakeAml) -> None:
    """In a terminal of a hundred columns, with all that can be told."""
    fake_aml.cluster("a-cluster-with-a-long-n", size="Standard_NC4as_T4_v3", nodes=2, idle_seconds=3600)
    fake_aml.quota("standardNCADSA100v4Family", limit=1000, used=100, workspace_limit=400)
    client = fake_aml.client()
    submit("echo", environment=ENVIRONMENT, gpus=1, client=client)
    assert max(map(len, quota(client=client).table(all=True).splitlines())) <= 100


def test_without_computes_nobody_is_named(fake_aml: FakeAml) -> None:
    """The figures are there, and why the names aren't."""
    fake_aml.cluster("cpu", size="Standard_DS3_v2", nodes=2)
    fake_aml.inject(Forbidden(), on="GET /computes")
    found = quota(client=fake_aml.client())
    rows = family(found, DSV2)
    assert rows.dedicated is not None
    assert (rows.dedicated.used, rows.holders) == (8, ())
    assert "workspaces/computes/read" in found.notes[0]
    assert "who holds" in str(found)


def test_without_sizes_no_gpu_is_told(fake_aml: FakeAml) -> None:
    """The rest is."""
    fake_aml.inject(InternalError(), on=f"{_REGION}/vmSizes", times=None)
    found = quota(client=fake_aml.client())
    assert found.gpus == ()
    assert found.notes[0].startswith("looking up sizes failed: ")
    assert family(found, DSV2).dedicated is not None


def test_who_may_not_read_it_is_told_which_right_is_missing(fake_aml: FakeAml) -> None:
    """Usual for the role AzureML Data Scientist, which ends at the workspace."""
    fake_aml.as_data_scientist()
    with pytest.raises(NotAuthorized, match="can't be read with this account") as caught:
        quota(client=fake_aml.client())
    assert "locations/usages/read" in caught.value.action


def test_a_failure_of_the_service_is_the_answer(fake_aml: FakeAml) -> None:
    """Nobody wants a table of nothing."""
    fake_aml.inject(InternalError(), on=f"{_REGION}/usages", times=None)
    with pytest.raises(ServiceError) as caught:
        quota(client=fake_aml.client())
    assert caught.value.status == 500


def test_a_workspace_that_does_not_say_where_it_is(fake_aml: FakeAml) -> None:
    """Then there is no region whose quota it would be."""
    fake_aml.inject(Answer(200, {}), on="GET ")
    with pytest.raises(ServiceError, match="Is a proxy"):
        quota(client=fake_aml.client())
