"""Sizes and prices: replies of the service to values. Pure.

It knows the service's field names and spellings; anything may be missing, null, or of another type.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from amlrun import _catalogue
from amlrun._offers import Size, gpu_model
from amlrun._readings.json_values import items_in, number_in, object_in, text_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FIELDS = (
    *("name", "family", "vCPUs", "gpus", "memoryGB", "maxResourceVolumeMB", "lowPriorityCapable"),
    *("supportedComputeTypes", "estimatedVMPrices"),
)


@cache
def _list_prices() -> Mapping[str, float]:
    return {name.lower(): price for name, price in _catalogue.list_prices().items()}


def _lowest(prices: Mapping[str, Any], tiers: frozenset[str]) -> float | None:
    """The lowest Linux price of these tiers.

    Some sizes come with two for one tier; where that was seen, the higher one was the Windows price.
    """
    if text_in(prices.get("billingCurrency")) not in {"", "USD"}:
        return None
    return min(
        (
            price
            for item in items_in(prices.get("values"))
            if item.get("osType") == "Linux" and text_in(item.get("vmTier")) in tiers
            for price in (number_in(item.get("retailPrice")),)
            if price > 0
        ),
        default=None,
    )


def size_from(row: Mapping[str, Any]) -> Size | None:
    """One row of vmSizes. None: no name or no vCPUs, so that nothing can be counted with it.

    Where the service has no price for standard nodes, the list's is taken, and named as such; there is no
    list of spot prices, since they move.
    """
    name, cpus = text_in(row.get("name")), int(number_in(row.get("vCPUs")))
    if not name or cpus <= 0:
        return None
    kinds = row.get("supportedComputeTypes")
    prices = object_in(row.get("estimatedVMPrices"))
    price, source = _lowest(prices, frozenset({"Standard"})), "service"
    if price is None:
        price = _list_prices().get(name.lower())
        source = "" if price is None else _catalogue.LIST_PRICES
    gpus = int(number_in(row.get("gpus")))
    return Size(
        name=name,
        family=text_in(row.get("family")),
        cpus=cpus,
        memory_gb=number_in(row.get("memoryGB")),
        gpus=gpus,
        gpu=gpu_model(name) if gpus else None,
        disk_gb=number_in(row.get("maxResourceVolumeMB")) / 1024,
        # Assumed: a size that comes without the list of its compute types can be used by jobs.
        for_jobs=not isinstance(kinds, list) or "AmlCompute" in kinds,
        price=price,
        # Assumed: "Spot", which the contract has and no reply was seen with, is the same as "LowPriority".
        spot_price=_lowest(prices, frozenset({"LowPriority", "Spot"})),
        price_source=source,
        spot_hint=row.get("lowPriorityCapable") is not False,
    )


def sizes_from(rows: Iterable[Mapping[str, Any]]) -> tuple[Size, ...]:
    """All rows of vmSizes."""
    return tuple(size for row in rows if (size := size_from(row)) is not None)


def kept_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of rows of vmSizes, what `sizes_from` reads: enough to keep them by."""
    return [{name: row[name] for name in _FIELDS if name in row} for row in rows]


@cache
def packaged_sizes() -> tuple[Size, ...]:
    """The sizes of the tables that the package carries: those of one region, and others with GPUs."""
    return sizes_from([*_catalogue.vm_sizes(), *_catalogue.gpu_sizes()])
