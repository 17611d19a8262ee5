"""Worlds to place jobs in, drawn by hypothesis; and the rules of placement once more, in their plainest form.

Families, regions and prices are few, so that ties and shared limits are common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, FamilyQuota, Limit, LimitKind, Market, Quota, Size, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILIES = ("alpha", "beta", "gamma")
HERE, THERE = "eastus", "westeurope"
PRICES = st.sampled_from([0.5, 1.0, 1.2, 1.25, 1.4, 2.0])
CORES = st.sampled_from([0, 4, 8, 24, 48, 96])


GPUS = st.sampled_from([(0, None), (0, None), (1, "T4"), (1, "A100"), (2, "T4"), (2, "A100")])


def _sizes(*, certain: bool) -> st.SearchStrategy[list[Size]]:
    """Some sizes; `certain` ones have prices, are for jobs and are not doubted."""
    price = PRICES if certain else st.none() | PRICES
    sure = st.just(True) if certain else st.booleans()

    def size(name: str, gpus: tuple[int, str | None], **facts: Any) -> Size:
        return Size(name=name, gpus=gpus[0], gpu=gpus[1], price_source="service", **facts)

    one = st.builds(
        size,
        name=st.sampled_from("abcdefgh"),
        gpus=GPUS,
        family=st.sampled_from(FAMILIES),
        cpus=st.sampled_from([2, 4, 8, 24]),
        memory_gb=st.sampled_from([8.0, 16.0, 32.0]),
        disk_gb=st.sampled_from([10.0, 100.0]),
        for_jobs=sure,
        price=price,
        spot_price=price,
        spot_hint=sure,
    )
    return st.lists(one, min_size=1, max_size=6, unique_by=lambda size: size.name)


def _row(name: str, kind: LimitKind) -> st.SearchStrategy[Limit]:
    return st.builds(
        Limit,
        st.just(name),
        st.none() | CORES,
        CORES,
        st.just(kind),
        pending=st.sampled_from([0, 0, 4, 24]),
        coming=st.sampled_from([0, 0, 0, 8]),
    )


def _family(name: str) -> st.SearchStrategy[FamilyQuota]:
    own, workspace = _row(name, LimitKind.FAMILY), _row(name, LimitKind.WORKSPACE)
    return st.builds(FamilyQuota, st.just(name), own, st.none(), st.none() | workspace)


def _quotas(*, certain: bool) -> st.SearchStrategy[Quota]:
    """A region's quota; where `certain`, with every row of the subscription's."""
    every = [_family(name.upper()) for name in FAMILIES]
    some = st.lists(st.one_of(every), max_size=3, unique_by=lambda family: family.name).map(tuple)
    total, pool = (
        _row("TotalDedicatedCores", LimitKind.TOTAL),
        _row("TotalLowPriorityCores", LimitKind.SPOT_POOL),
    )
    return st.builds(
        Quota,
        st.just(HERE),
        st.tuples(*every) if certain else some,
        total if certain else st.none() | total,
        pool if certain else st.none() | pool,
    )


def _cluster(*, idle: int, busy: int, room: int, **facts: Any) -> Compute:
    """A cluster at rest."""
    return Compute(
        kind_name="AmlCompute",
        max_nodes=max(1, idle + busy + room),
        nodes=idle + busy,
        target_nodes=idle + busy,
        idle_nodes=idle,
        running_nodes=busy,
        allocation_state="Steady",
        **facts,
    )


CLUSTER = st.builds(
    _cluster,
    name=st.sampled_from(["one", "two", "three"]),
    idle=st.integers(0, 3),
    busy=st.integers(0, 2),
    room=st.integers(0, 3),
    tier=st.sampled_from([Tier.STANDARD, Tier.SPOT]),
    location=st.sampled_from([HERE, HERE, THERE]),
)
CLUSTERS = st.lists(CLUSTER, max_size=3, unique_by=lambda cluster: cluster.name)
WORLDS = {
    certain: st.tuples(
        _sizes(certain=certain), _quotas(certain=certain), st.none() | _quotas(certain=certain)
    )
    for certain in (True, False)
}


@st.composite
def markets(draw: st.DrawFn, *, certain: bool = False, computes: bool = True) -> Market:
    """A workspace and its region."""
    sizes, held, there = draw(WORLDS[certain])
    drawn = draw(CLUSTERS) if computes else []
    names = [size.name.upper() for size in sizes]
    clusters = tuple(attrs.evolve(one, size=draw(st.sampled_from(names))) for one in drawn)
    elsewhere = {} if there is None else {THERE: there}
    return Market(HERE, tuple(sizes), held, computes=clusters, elsewhere=elsewhere)


NEEDS = st.builds(
    Needs,
    cpus=st.none() | st.sampled_from([1, 4, 8]),
    memory_gb=st.none() | st.sampled_from([8, 16]),
    gpus=st.none() | st.sampled_from([1, 2]),
    gpu=st.none(),
    disk_gb=st.none() | st.just(50),
    max_price_per_hour=st.none() | st.sampled_from([1.0, 4.0]),
)
WITH_MODELS = st.builds(
    Needs, gpu=st.sampled_from([["T4", "A100"], ["A100", "T4"], "A100"]), cpus=st.none() | st.just(4)
)


@st.composite
def asks(draw: st.DrawFn, market: Market) -> Ask:
    """Anything that can be asked in that world."""
    names = [size.name for size in market.sizes if size.for_jobs]
    places = ["serverless", *(compute.name for compute in market.computes or ())]
    return Ask(
        needs=draw(NEEDS | WITH_MODELS),
        instance_types=tuple(draw(st.lists(st.sampled_from(names), max_size=3, unique=True)))
        if names
        else (),
        nodes=draw(st.integers(1, 4)),
        tier=draw(st.sampled_from([None, *Tier])),
        computes=tuple(draw(st.lists(st.sampled_from(places), max_size=4, unique=True))),
    )


def rows(family: str, tier: Tier, held: Quota | None) -> list[Limit]:
    """The capped rows that bind, looked up the plain way."""
    if held is None:
        return []
    if tier is Tier.SPOT:
        binding = [held.spot_total]
    else:
        (own,) = [one for one in held.families if one.name.lower() == family] or [FamilyQuota("")]
        used = own.dedicated.used if own.dedicated else 0
        known = own.workspace and attrs.evolve(own.workspace, used=max(own.workspace.used, used))
        binding = [own.dedicated, known, held.dedicated_total]
    return [row for row in binding if row is not None and row.limit is not None]


def free(row: Limit) -> int:
    """What is left of a capped row."""
    return max(0, (row.limit or 0) - row.used - row.pending - row.coming)


def priced(ask: Ask, size: Size, tier: Tier) -> float | None:
    """For all nodes."""
    price = size.spot_price if tier is Tier.SPOT else size.price
    return None if price is None else round(price * ask.nodes, 6)


def meets(ask: Ask, size: Size, tier: Tier) -> bool:
    """Whether a node has all that is asked."""
    needs, named = ask.needs, [name.lower() for name in ask.instance_types]
    most, price = needs.max_price_per_hour, priced(ask, size, tier)
    return (
        (not named or size.name in named)
        and size.gpus >= (needs.gpus or 0)
        and (not needs.gpu or size.gpu in needs.gpu)
        and size.cpus >= (needs.cpus or 0)
        and size.memory_gb >= (needs.memory_gb or 0)
        and size.disk_gb >= (needs.disk_gb or 0)
        and (most is None or (price is not None and price <= most))
    )


def on_serverless(ask: Ask, market: Market, size: Size, tier: Tier, *, now: bool) -> bool:
    """Whether serverless nodes of that size meet the ask, and fit by quota, now or ever."""
    cores = size.cpus * ask.nodes
    unasked = size.gpus and not ask.needs.gpus and not ask.instance_types
    return (
        size.for_jobs
        and not unasked
        and meets(ask, size, tier)
        and all((free(row) if now else row.limit) >= cores for row in rows(size.family, tier, market.quota))  # type: ignore[operator]
    )


def on_cluster(ask: Ask, market: Market, compute: Compute, *, now: bool) -> bool:
    """Whether a cluster that is asked for by name can take the job, now or ever."""
    (size,) = [size for size in market.sizes if size.name == (compute.size or "").lower()]
    tier = compute.tier or Tier.STANDARD
    held = market.quota if compute.location == market.location else market.elsewhere.get(compute.location)
    if ask.nodes > compute.max_nodes or ask.tier not in {None, Tier.AUTO, tier}:
        return False
    abroad = compute.location != market.location  # where no price is known
    if not meets(ask, size, tier) or (abroad and ask.needs.max_price_per_hour is not None):
        return False
    missing = max(0, ask.nodes - compute.idle_nodes)
    binding = rows(size.family, tier, held)
    whole = all((row.limit or 0) >= ask.nodes * size.cpus for row in binding)
    if missing and not whole and compute.nodes < ask.nodes:
        return False
    room = compute.nodes + missing <= compute.max_nodes
    return not now or not missing or (room and all(free(row) >= missing * size.cpus for row in binding))


def tiers(ask: Ask) -> Iterator[Tier]:
    """Those that serverless may be taken in."""
    wanted = (Tier.STANDARD, Tier.SPOT) if ask.tier is Tier.AUTO else (ask.tier or Tier.STANDARD,)
    yield from wanted


def wider(market: Market, extra: Iterator[tuple[int, int]]) -> Market:
    """The same world, with higher limits and less in use."""

    def more(row: Limit | None) -> Limit | None:
        if row is None or row.limit is None:
            return row
        raised, less = next(extra)
        return attrs.evolve(row, limit=row.limit + raised, used=max(0, row.used - less))

    def grown(held: Quota | None) -> Quota | None:
        if held is None:
            return None
        families = tuple(
            attrs.evolve(family, dedicated=more(family.dedicated), workspace=more(family.workspace))
            for family in held.families
        )
        return Quota(held.location, families, more(held.dedicated_total), more(held.spot_total))

    elsewhere = {region: held for region, one in market.elsewhere.items() if (held := grown(one)) is not None}
    return attrs.evolve(market, quota=grown(market.quota), elsewhere=elsewhere)
