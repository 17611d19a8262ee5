"""The regions in which a workspace's computes can be: each has quota of its own. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._offers import region_key

if TYPE_CHECKING:
    from amlrun.testing._api.exchange import Scope

REGIONS = (
    *("eastus", "eastus2", "westus", "westus2", "westus3", "centralus", "northcentralus", "southcentralus"),
    *("westcentralus", "canadacentral", "canadaeast", "brazilsouth", "northeurope", "westeurope", "uksouth"),
    *("ukwest", "francecentral", "germanywestcentral", "italynorth", "norwayeast", "polandcentral"),
    *(
        "spaincentral",
        "swedencentral",
        "switzerlandnorth",
        "switzerlandwest",
        "israelcentral",
        "qatarcentral",
    ),
    *("uaenorth", "southafricanorth", "centralindia", "southindia", "jioindiawest", "eastasia"),
    *("southeastasia", "japaneast", "japanwest", "koreacentral", "australiaeast", "australiasoutheast"),
)
"""https://learn.microsoft.com/azure/reliability/regions-list"""


def region_in(scope: Scope, location: str) -> str:
    """The region that a location means; "": the workspace's own. Raises ValueError for what is none."""
    key = region_key(location)
    if key == region_key(scope.location):
        return ""
    if key not in REGIONS:
        raise ValueError(f"There is no region {location!r}. There are: {', '.join(REGIONS)}.")
    return key
