"""Worlds to place jobs in, drawn by hypothesis; and the rules of placement once more, in their plainest form.

Families, regions and prices are few, so that ties and shared limits are common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import strategies as st

from amlrun._needs import Ask, Needs
from amlrun._offers import Compute, FamilyQuota, Limit, LimitKind, Market, Quota, Size, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILIES = ("alpha", "beta", "gamma")
HERE, THERE = "eastus", "westeurope"
PRICES = st.sampled_from([0.5, 1.0, 1.2, 1.25, 2.0])
CORES = st.sampled_from([0, 4, 8, 24, 48, 96])


@st.composite
def sizes_of(draw: st.DrawFn, *, certain: bool) -> list[Size]:
    """Some sizes; `certain` ones have prices, are for jobs and are not doubted."""
    price = PRICES if certain else st.none() | PRICES
    found = []
    for name in draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True)):
        gpus = draw(st.sampled_from([0, 0, 1, 2]))
        found.append(
            Size(
                name=name,
                family=draw(st.sampled_from(FAMILIES)),
                cpus=draw(st.sampled_from([2, 4, 8, 24])),
                memory_gb=draw(st.sampled_from([8.0, 16.0, 32.0])),
                gpus=gpus,
                gpu=draw(st.sampled_from(["T4", "A100"])) if gpus else None,
                disk_gb=draw(st.sampled_from([10.0, 100.0])),
                for_jobs=certain or draw(st.booleans()),
                price=draw(price),
                spot_price=draw(price),
                price_source="service",
                spot_hint=certain or draw(st.booleans()),
            )
        )
    return found


@st.composite
def limits(draw: st.DrawFn, name: str, kind: LimitKind) -> Limit:
    """A row of quota."""
    return Limit(name, draw(st.none() | CORES), draw(CORES), kind, draw(st.sampled_from([0, 0, 4, 24])))


@st.composite
def quotas(draw: st.DrawFn, *, certain: bool) -> Quota:
    """A region's quota; where `certain`, with every row of the subscription's."""
    names = FAMILIES if certain else draw(st.lists(st.sampled_from(FAMILIES), unique=True))
    total = draw(limits("TotalDedicatedCores", LimitKind.TOTAL))
    pool = draw(limits("TotalLowPriorityCores", LimitKind.SPOT_POOL))
    return Quota(
        HERE,
        tuple(
            FamilyQuota(
                name.upper(),
                draw(limits(name.upper(), LimitKind.FAMILY)),
                workspace=draw(st.none() | limits(name.upper(), LimitKind.WORKSPACE)),
            )
            for name in names
        ),
        total if certain or draw(st.booleans()) else None,
        pool if certain or draw(st.booleans()) else None,
    )


@st.composite
def clusters_of(draw: st.DrawFn, sizes: list[Size]) -> tuple[Compute, ...]:
    """Some clusters at rest, of these sizes."""
    names = draw(st.lists(st.sampled_from(["one", "two", "three"]), max_size=3, unique=True))
    found = []
    for name in names:
        nodes = draw(st.integers(0, 4))
        idle = draw(st.integers(0, nodes))
        found.append(
            Compute(
                name=name,
                kind_name="AmlCompute",
                size=draw(st.sampled_from(sizes)).name.upper(),
                tier=draw(st.sampled_from([Tier.STANDARD, Tier.SPOT])),
                max_nodes=max(nodes, draw(st.integers(1, 4))),
                nodes=nodes,
                target_nodes=nodes,
                idle_nodes=idle,
                running_nodes=nodes - idle,
                allocation_state="Steady",
                location=draw(st.sampled_from([HERE, HERE, THERE])),
            )
        )
    return tuple(found)


@st.composite
def markets(draw: st.DrawFn, *, certain: bool = False, computes: bool = True) -> Market:
    """A workspace and its region."""
    sizes = draw(sizes_of(certain=certain))
    return Market(
        HERE,
        tuple(sizes),
        draw(quotas(certain=certain)),
        computes=draw(clusters_of(sizes)) if computes else (),
        elsewhere={THERE: draw(quotas(certain=certain))} if draw(st.booleans()) else {},
    )


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
        binding = [own.dedicated, own.workspace, held.dedicated_total]
    return [row for row in binding if row is not None and row.limit is not None]


def free(row: Limit) -> int:
    """What is left of a capped row."""
    return max(0, (row.limit or 0) - row.used - row.pending)


def priced(ask: Ask, size: Size, tier: Tier) -> float | None:
    """For all nodes."""
    price = size.spot_price if tier is Tier.SPOT else size.price
    return None if price is None else round(price * ask.nodes, 6)


def meets(ask: Ask, size: Size, tier: Tier, *, floor: bool) -> bool:
    """Whether a node has all that is asked. `floor`: where nothing is asked, a default."""
    needs, named = ask.needs, [name.lower() for name in ask.instance_types]
    floor = floor and not (named or needs.cpus or needs.memory_gb or needs.gpus or needs.disk_gb)
    most, price = needs.max_price_per_hour, priced(ask, size, tier)
    return (
        (not named or size.name in named)
        and size.gpus >= (needs.gpus or 0)
        and (not needs.gpu or size.gpu in needs.gpu)
        and size.cpus >= (needs.cpus or (4 if floor else 0))
        and size.memory_gb >= (needs.memory_gb or (14 if floor else 0))
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
        and meets(ask, size, tier, floor=True)
        and all((free(row) if now else row.limit) >= cores for row in rows(size.family, tier, market.quota))  # type: ignore[operator]
    )


def on_cluster(ask: Ask, market: Market, compute: Compute, *, now: bool) -> bool:
    """Whether a cluster that is asked for by name can take the job, now or ever."""
    (size,) = [size for size in market.sizes if size.name == (compute.size or "").lower()]
    tier = compute.tier or Tier.STANDARD
    held = market.quota if compute.location == market.location else market.elsewhere.get(compute.location)
    if ask.nodes > compute.max_nodes or ask.tier not in {None, Tier.AUTO, tier}:
        return False
    if not meets(ask, size, tier, floor=False):
        return False
    missing = max(0, ask.nodes - compute.idle_nodes)
    binding = rows(size.family, tier, held)
    if now:
        room = compute.nodes + missing <= compute.max_nodes
        return not missing or (room and all(free(row) >= missing * size.cpus for row in binding))
    whole = all((row.limit or 0) >= ask.nodes * size.cpus for row in binding)
    return not missing or whole or compute.nodes >= ask.nodes


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
