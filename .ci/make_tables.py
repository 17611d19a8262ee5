"""Make the package's tables of sizes and prices from the recorded replies.

    python .ci/make_tables.py FOLDER        FOLDER holds vmsizes-eastus.json and list-prices-eastus.tsv

Writes amlrun/_data/sizes-eastus.tsv and amlrun/_data/list-prices-eastus.tsv. Spellings, duplicates and
the order of prices are kept as the service sent them: they are part of what the code must cope with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "amlrun" / "_data"
SIZES_HEAD = """\
# VM sizes of Azure Machine Learning in East US: a selection of rows of the service's reply to
# GET .../locations/eastus/vmSizes, November 2025. Made by .ci/make_tables.py; not to be edited.
# prices: osType/vmTier=USD an hour, in the service's order (L Linux, W Windows; S Standard, P LowPriority)
"""
COLUMNS = (
    "name",
    "family",
    "vCPUs",
    "gpus",
    "memoryGB",
    "osVhdSizeMB",
    "maxResourceVolumeMB",
    "lowPriorityCapable",
    "premiumIO",
    "supportsIB",
    "generation",
    "supportedComputeTypes",
    "prices",
)
OS = {"Linux": "L", "Windows": "W"}
TIER = {"Standard": "S", "LowPriority": "P"}


def cell(value: object) -> str:
    """One value of a row as text that amlrun._catalogue reads back."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(value)
    return str(value)


def prices(row: dict) -> str:
    """The prices of one size, in the service's order; empty where the service gives none."""
    block = row.get("estimatedVMPrices")
    if not block:
        return ""
    if (block["billingCurrency"], block["unitOfMeasure"]) != ("USD", "OneHour"):
        raise SystemExit(f"{row['name']}: not USD an hour: {block}")
    return " ".join(f"{OS[p['osType']]}/{TIER[p['vmTier']]}={p['retailPrice']}" for p in block["values"])


def main(folder: Path) -> None:
    """Read both files and write both tables."""
    rows = json.loads((folder / "vmsizes-eastus.json").read_text())["value"]
    lines = ["\t".join([*(cell(row[name]) for name in COLUMNS[:-1]), prices(row)]) for row in rows]
    (DATA / "sizes-eastus.tsv").write_text(SIZES_HEAD + "\t".join(COLUMNS) + "\n" + "\n".join(lines) + "\n")
    listed = (folder / "list-prices-eastus.tsv").read_text().splitlines()
    note = listed[0].lstrip("# ")
    body = sorted(line for line in listed[1:] if line and not line.startswith("#"))
    head = f"# {note}\n# Made by .ci/make_tables.py; not to be edited.\n"
    (DATA / "list-prices-eastus.tsv").write_text(head + "\n".join(body) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
