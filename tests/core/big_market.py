"""A market as large as they come: 800 sizes, 130 rows of quota, 20 clusters."""

from __future__ import annotations

import attrs

from amlrun._offers import Compute, FamilyQuota, Limit, LimitKind, Quota, Tier
from amlrun._readings.size_replies import packaged_sizes

LISTED = packaged_sizes()
SIZES = tuple(
    attrs.evolve(size, name=f"{size.name}_{copy}", family=f"{size.family}{copy % 3}")
    for copy in range(800 // len(LISTED) + 1)
    for size in LISTED
)[:800]
FAMILIES = sorted({size.family for size in SIZES})[:65]
QUOTA = Quota(
    "eastus",
    tuple(FamilyQuota(name, Limit(name, 100, 0), Limit(name, None, 0)) for name in FAMILIES),
    Limit("TotalDedicatedCores", 1000, 0, LimitKind.TOTAL),
    Limit("TotalLowPriorityCores", 100, 0, LimitKind.SPOT_POOL),
)
CLUSTERS = tuple(
    Compute(
        name=f"cluster{index}",
        size=SIZES[index * 7].name.upper(),
        tier=Tier.SPOT if index % 4 == 0 else Tier.STANDARD,
        max_nodes=8,
        nodes=index % 3,
        idle_nodes=index % 3,
        location="eastus",
    )
    for index in range(20)
)
