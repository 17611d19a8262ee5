"""Replies of the service to values: sizes and usages. Pure.

It knows the service's field names and spellings, which differ from one reply to the next.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from amlrun import _catalogue
from amlrun._json import items_in, object_in
from amlrun._offers import FamilyQuota, Limit, Quota, Size, family_key, gpu_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@cache
def _list_prices() -> Mapping[str, float]:
    return {name.lower(): price for name, price in _catalogue.list_prices().items()}


def _lowest(prices: Mapping[str, Any], tiers: frozenset[str]) -> float | None:
    """The lowest Linux price of these tiers.

    Some sizes come with two for one tier; where that was seen, the higher one was the Windows price.
    """
    if prices.get("billingCurrency") not in {None, "USD"}:
        return None
    return min(
        (
            float(item["retailPrice"])
            for item in items_in(prices.get("values"))
            if item.get("osType") == "Linux" and item.get("vmTier") in tiers and item.get("retailPrice")
        ),
        default=None,
    )


def size_from(row: Mapping[str, Any]) -> Size | None:
    """One row of vmSizes. None: no name or no vCPUs, so that nothing can be counted with it.

    Where the service has no price for standard nodes, the list's is taken, and named as such; there is no
    list of spot prices, since they move.
    """
    name, cpus = row.get("name"), row.get("vCPUs")
    if not name or not cpus:
        return None
    kinds = row.get("supportedComputeTypes")
    prices = object_in(row.get("estimatedVMPrices"))
    price, source = _lowest(prices, frozenset({"Standard"})), "service"
    if price is None:
        price = _list_prices().get(name.lower())
        source = "" if price is None else _catalogue.LIST_PRICES
    gpus = int(row.get("gpus") or 0)
    return Size(
        name=name,
        family=row.get("family") or "",
        cpus=int(cpus),
        memory_gb=float(row.get("memoryGB") or 0),
        gpus=gpus,
        gpu=gpu_model(name) if gpus else None,
        disk_gb=float(row.get("maxResourceVolumeMB") or 0) / 1024,
        # Assumed: a size that comes without the list of its compute types can be used by jobs.
        for_jobs=kinds is None or "AmlCompute" in kinds,
        price=price,
        # Assumed: "Spot", which the contract has and no reply was seen with, is the same as "LowPriority".
        spot_price=_lowest(prices, frozenset({"LowPriority", "Spot"})),
        price_source=source,
        spot_hint=row.get("lowPriorityCapable") is not False,
    )


def sizes_from(rows: Iterable[Mapping[str, Any]]) -> tuple[Size, ...]:
    """All rows of vmSizes."""
    return tuple(size for row in rows if (size := size_from(row)) is not None)


@cache
def packaged_sizes() -> tuple[Size, ...]:
    """The sizes of the tables that the package carries."""
    return sizes_from(_catalogue.vm_sizes())


def quota_from(location: str, rows: Iterable[Mapping[str, Any]]) -> Quota:
    """All rows of usages.

    A family's name comes twice and only `type` tells its dedicated row from its low-priority row; a limit
    of -1 is a count without a cap.

    Assumed: no limit of the workspace's own (a row of `/quotas`, which is not read yet) is below these.
    """
    totals: dict[str, Limit] = {}
    dedicated: dict[str, Limit] = {}
    spot: dict[str, Limit] = {}
    for row in rows:
        name = object_in(row.get("name")).get("value") or ""
        kind = (row.get("type") or "").lower()
        limit = _limit_from(name, row)
        if "/vmfamily/dedicatedcores/" in kind:
            _keep(dedicated, limit)
        elif "/vmfamily/lowprioritycores/" in kind:
            _keep(spot, limit)
        else:
            totals[name] = limit
    return Quota(
        location=location,
        families=tuple(
            FamilyQuota((dedicated.get(key) or spot[key]).name, dedicated.get(key), spot.get(key))
            for key in sorted(dedicated.keys() | spot.keys())
        ),
        dedicated_total=totals.get("TotalDedicatedCores"),
        spot_total=totals.get("TotalLowPriorityCores"),
    )


def _limit_from(name: str, row: Mapping[str, Any]) -> Limit:
    limit = row.get("limit")
    return Limit(name, None if limit is None or limit < 0 else int(limit), int(row.get("currentValue") or 0))


def _keep(limits: dict[str, Limit], limit: Limit) -> None:
    # Assumed: no two families differ in spelling alone. Should they, the tighter one is believed, whatever
    # the order they come in.
    key = family_key(limit.name)
    other = limits.get(key)
    if other is None or _room(limit) < _room(other):
        limits[key] = limit


def _room(limit: Limit) -> tuple[float, float, str]:
    return (
        float("inf") if limit.limit is None else limit.limit,
        float("inf") if limit.free is None else limit.free,
        limit.name,
    )
