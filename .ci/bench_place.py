"""How long `place()` takes over 800 sizes, 130 rows of quota and 20 clusters: medians, in milliseconds.

Each of them is to be under 5 ms on an idle machine. Run by hand, for a figure: `python .ci/bench_place.py`.
"""

from __future__ import annotations

import contextlib
import statistics
import time

import attrs

from amlrun._errors import AmlrunError
from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, FamilyQuota, Limit, LimitKind, Market, Quota, Tier
from amlrun._placement import place
from amlrun._readings.size_replies import packaged_sizes

ROUNDS = 50
LISTED = packaged_sizes()
COPIES = 800 // len(LISTED) + 1
SIZES = tuple(
    attrs.evolve(size, name=f"{size.name}_{copy}", family=f"{size.family}{copy % 3}")
    for copy in range(COPIES)
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
NAMES = tuple(cluster.name for cluster in CLUSTERS)
ASKS = {
    "nothing asked": Ask(),
    "gpus=1": Ask(needs=Needs(gpus=1)),
    "cpus=8": Ask(needs=Needs(cpus=8)),
    "cpus=8, tier=auto": Ask(needs=Needs(cpus=8), tier=Tier.AUTO),
    "gpu=[A100, T4], tier=auto": Ask(needs=Needs(gpu=["A100", "T4"]), tier=Tier.AUTO),
    "20 clusters and serverless": Ask(computes=(*NAMES, "serverless"), needs=Needs(cpus=8), tier=Tier.AUTO),
    "nothing fits": Ask(needs=Needs(cpus=1000)),
    "no quota": Ask(needs=Needs(cpus=8), nodes=1000),
}


def took(ask: Ask) -> float:
    """Milliseconds, over a market that was just read."""
    market = Market("eastus", SIZES, QUOTA, computes=CLUSTERS)
    start = time.perf_counter()
    with contextlib.suppress(AmlrunError):
        place(ask, market)
    return (time.perf_counter() - start) * 1e3


for words, ask in ASKS.items():
    print(f"{statistics.median(took(ask) for _ in range(ROUNDS)):6.2f} ms  {words}")  # noqa: T201  its answer
