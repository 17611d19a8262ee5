"""What was read, and what could not be: as quota and in words. As a market it is in `test_market`."""

from __future__ import annotations

from typing import Any

import attrs

from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Compute, WorkspaceFacts
from amlrun._readings.quota_replies import quota_from
from amlrun._readings.reading import Reading, Readings
from amlrun._readings.size_replies import sizes_from
from tests.core.rows import SIZE_ROW, SUBSCRIPTION, USAGE_ROWS, WORKSPACE

AML = "Microsoft.MachineLearningServices"
QUOTA = quota_from("eastus", USAGE_ROWS)
REFUSED: Reading[Any] = Reading(failure=NotAuthorized("no"))
BROKEN: Reading[Any] = Reading(failure=ServiceError("502"))
READINGS = Readings(
    subscription=SUBSCRIPTION,
    workspace=WORKSPACE,
    facts=Reading(WorkspaceFacts(name="ws", location="eastus", workspace_id="", discovery_url="")),
    computes=Reading((Compute(name="gpu", size="Standard_NC4as_T4_v3", nodes=1),)),
    usages=Reading(QUOTA),
    caps=Reading({}),
    sizes=Reading(sizes_from([SIZE_ROW])),
)


def test_quota_is_told_with_its_holders_and_what_fits() -> None:
    """All was read: nothing is noted."""
    told = READINGS.told(QUOTA)
    family = told.family(SIZE_ROW["family"])
    assert family is not None
    assert [holder.name for holder in family.holders][:2] == ["gpu", "serverless and other workspaces"]
    assert [room.now for room in told.gpus] == [1]
    assert told.notes == ()


def test_without_computes_or_sizes_quota_is_told_without_those_parts() -> None:
    """And says so. Computes of a size that only the package knows are holders all the same."""
    blind = attrs.evolve(READINGS, computes=REFUSED, sizes=BROKEN).told(QUOTA)
    assert not blind.gpus
    assert not any(family.holders for family in blind.families)
    refused, *notes = blind.notes
    assert refused == (
        f"this account may not read computes (it lacks {AML}/workspaces/computes/read on {WORKSPACE}, which"
        " the role AzureML Data Scientist there has)"
    )
    assert notes == [
        "looking up sizes failed: 502",
        "without computes, who holds what is in use is not told",
        "without sizes, what fits on those with GPUs is not told",
    ]
    packaged = attrs.evolve(READINGS, sizes=BROKEN).told(QUOTA)
    assert any(holder.name == "gpu" for family in packaged.families for holder in family.holders)


def test_rights_that_are_missing_are_told_together() -> None:
    """Each on what it is missing on; a region of its own is named where it failed."""
    lines = attrs.evolve(
        READINGS, usages=REFUSED, caps=REFUSED, sizes=REFUSED, elsewhere={"westus": BROKEN}
    ).unread()
    rights = f"{AML}/locations/{{usages,quotas,vmSizes}}/read"
    refused, broken = lines
    assert refused == (
        "this account may not read quota, the workspace's own limits and sizes (it lacks "
        f"{rights} on {SUBSCRIPTION}, which the role Reader there has)"
    )
    assert broken == "looking up quota of westus failed: 502"
