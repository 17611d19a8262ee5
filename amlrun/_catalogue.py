"""The packaged catalogue: one real region's sizes and list prices, as text tables beside this file.

It answers when the service may not be asked (no right to read sizes and quota) and is what the fake Azure ML
serves. It knows tables and nothing else: no request, no placement.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOCATION = "eastus"
"""The region that the tables were read from."""
LIST_PRICES = "list price, East US, June 2026"
"""What a price that comes from the list is called wherever it is shown."""

_OS = {"L": "Linux", "W": "Windows"}
_TIER = {"S": "Standard", "P": "LowPriority"}


def _lines(name: str) -> list[list[str]]:
    text = (files("amlrun") / "_data" / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def _prices(cell: str) -> dict[str, Any] | None:
    if not cell:
        return None
    values = []
    for item in cell.split():
        where, price = item.split("=")
        system, tier = where.split("/")
        values.append({"retailPrice": float(price), "osType": _OS[system], "vmTier": _TIER[tier]})
    return {"billingCurrency": "USD", "unitOfMeasure": "OneHour", "values": values}


@cache
def vm_sizes() -> Sequence[Mapping[str, Any]]:
    """The rows of `GET …/locations/eastus/vmSizes`, in the service's own field names.

    `estimatedVMPrices` is absent, not null, where the service gives no price. The rows are shared: copy
    before changing one.
    """
    head, *rows = _lines("sizes-eastus.tsv")
    sizes = []
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        size: dict[str, Any] = {
            "name": cells["name"],
            "family": cells["family"],
            "vCPUs": int(cells["vCPUs"]),
            "gpus": int(cells["gpus"]),
            "osVhdSizeMB": int(cells["osVhdSizeMB"]),
            "maxResourceVolumeMB": int(cells["maxResourceVolumeMB"]),
            "memoryGB": float(cells["memoryGB"]),
            "lowPriorityCapable": cells["lowPriorityCapable"] == "yes",
            "premiumIO": cells["premiumIO"] == "yes",
            "supportedComputeTypes": cells["supportedComputeTypes"].split(","),
            "generation": cells["generation"],
            "supportsIB": cells["supportsIB"] == "yes",
        }
        prices = _prices(cells["prices"])
        if prices is not None:
            size["estimatedVMPrices"] = prices
        sizes.append(size)
    return tuple(sizes)


@cache
def gpu_sizes() -> Sequence[Mapping[str, Any]]:
    """Sizes with GPUs that East US hasn't for jobs, in the same field names: known by their names and pages.

    That any region has one of them for jobs is not known.
    """
    head, *rows = _lines("sizes-gpu.tsv")
    sizes = []
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        size: dict[str, Any] = {name: cells[name] for name in ("name", "family")}
        size |= {name: float(cells[name] or 0) for name in head[2:]}
        # Assumed: Azure ML's name of a family is that of the subscription's SKUs, in some spelling.
        sizes.append({**size, "supportedComputeTypes": []})
    return tuple(sizes)


@cache
def list_prices() -> Mapping[str, float]:
    """Size name to USD an hour: Linux, pay as you go, East US, June 2026. 1,350 sizes."""
    return {name: float(price) for name, price in _lines("list-prices-eastus.tsv")}
