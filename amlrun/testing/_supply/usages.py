"""What the service tells about quota, in its own form: the rows of `usages` and `quotas`. Pure.

Spellings matter: the same family is written differently in `vmSizes` and here, comes twice (the two rows are
told apart by `type` alone), and some families of `vmSizes` have no row.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from amlrun._catalogue import vm_sizes
from amlrun._offers import Tier, family_key
from amlrun.testing._supply.ledger import TOTALS, Ledger, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amlrun.testing._api.exchange import Scope

_PROVIDER = "Microsoft.MachineLearningServices"
# Assumed: the figures. That GPU families start at 0 is documented; T4 has some, for tests to have a GPU.
_CLUSTERS = 200
_TOTAL = 100
_CPU_FAMILY = 24
_GPU_LIMITS = {"standardncasv3t4family": 16}  # every other GPU family starts at 0
_USAGE_SPELLINGS = {
    "StandardNCADSA100v4Family": "standardNCADSA100v4Family",
    "StandardNCadsH100v5Family": "standardNCADSH100v5Family",
}
_WITHOUT_ROW = {"StandardNVADSA10v5Family", "standardDFamily"}
_WITHOUT_SIZES = ("standardDSv3Family", "standardESv3Family", "standardFSv2Family")
"""Families that have rows, as recorded, and of which the catalogue has no size."""
_TYPES = {Tier.STANDARD: "dedicatedCores", Tier.SPOT: "lowPriorityCores"}
_TITLES = {Tier.STANDARD: "Cluster Dedicated vCPUs", Tier.SPOT: "Cluster LowPriority vCPUs"}
_TOTAL_TITLES = {
    Tier.STANDARD: "Total Cluster Dedicated Regional vCPUs",
    Tier.SPOT: "Total Cluster Low Priority Regional vCPUs",
}


@cache
def spellings() -> Mapping[str, str]:
    """One key for each family of the catalogue, to the way that usages spell it."""
    families = dict.fromkeys(row["family"] for row in vm_sizes())
    known = {family_key(name): _USAGE_SPELLINGS.get(name, name) for name in families}
    return {**known, **{family_key(name): name for name in _WITHOUT_SIZES}}


@cache
def default_ledger() -> Ledger:
    """The limits of a young pay-as-you-go subscription: some CPU, one small GPU family, a spot pool."""
    rows: dict[tuple[str, Tier], Row] = {
        (family_key(TOTALS[Tier.STANDARD]), Tier.STANDARD): Row(limit=_TOTAL),
        (family_key(TOTALS[Tier.SPOT]), Tier.SPOT): Row(limit=_TOTAL),
    }
    for size in vm_sizes():
        name = size["family"]
        if name not in _WITHOUT_ROW:
            limit = _GPU_LIMITS.get(family_key(name), 0) if size["gpus"] else _CPU_FAMILY
            rows[family_key(name), Tier.STANDARD] = Row(limit=limit)
            rows[family_key(name), Tier.SPOT] = Row()
    for name in _WITHOUT_SIZES:
        rows |= {
            (family_key(name), Tier.STANDARD): Row(limit=_CPU_FAMILY),
            (family_key(name), Tier.SPOT): Row(),
        }
    return Ledger(rows)


def row_name(name: str) -> tuple[str, Tier | None]:
    """The row that a test means: its spelling, and its tier where it is a total.

    Raises ValueError, naming what there is, for a name that is neither a family nor a total.
    """
    key = family_key(name)
    for tier, total in TOTALS.items():
        if key == family_key(total):
            return total, tier
    if key not in spellings():
        names = ", ".join([*TOTALS.values(), *spellings().values()])
        raise ValueError(f"{name!r} is no family of the catalogue and no total. There are: {names}.")
    return spellings()[key], None


def usages(ledger: Ledger, subscription: str, clusters: int) -> dict[str, Any]:
    """The reply to `GET …/locations/{location}/usages`."""
    scope = f"/subscriptions/{subscription}"
    rows = [_row(("TotalClusters", "Total Clusters"), "totalClusters", clusters, _CLUSTERS, scope)]
    for tier in (Tier.STANDARD, Tier.SPOT):
        total = TOTALS[tier]
        names, kind = (total, _TOTAL_TITLES[tier]), total[0].lower() + total[1:]
        rows.append(_row(names, kind, ledger.used(total, tier), ledger.limit(total, tier), scope))
        for name in _families(ledger):
            names, kind = (name, f"{_title(name)} {_TITLES[tier]}"), f"vmFamily/{_TYPES[tier]}"
            where = f"{scope}/usages/{name.replace(' ', '_')}"
            rows.append(_row(names, kind, ledger.used(name, tier), ledger.limit(name, tier), where))
    return {"value": rows}


def quotas(ledger: Ledger, scope: Scope) -> dict[str, Any]:
    """The reply to `GET …/locations/{location}/quotas`: the limits, without what is used.

    Behind the subscription's come those that the workspace has of its own.
    """
    subscription = f"/subscriptions/{scope.subscription_id}"
    rows = [
        _quota(subscription, "vmFamily", name, ledger.limit(name, Tier.STANDARD))
        for name in _families(ledger)
    ]
    # Assumed: that a family without a limit of the workspace's own has no row for the workspace.
    own = [(name, ledger.workspace[key]) for key, name in spellings().items() if key in ledger.workspace]
    return {"value": rows + [_quota(scope.path, "workspaces", name, limit) for name, limit in own]}


def updated_quotas(ledger: Ledger, scope: Scope, body: Mapping[str, Any]) -> tuple[Ledger, dict[str, Any]]:
    """The workspace's own limits after `POST …/updateQuotas`, and the reply: a status for each row."""
    rows = []
    for row in body.get("value") or []:
        where, limit = str(row.get("id") or ""), int(row.get("limit") or 0)
        status = _refused(ledger, scope, where, limit)
        if status == "Success":
            ledger = ledger.with_workspace_limit(where.rpartition("/")[2], limit)
        kind = row.get("type") or f"{_PROVIDER}/workspaces/dedicatedCores/quotas"
        rows.append({"id": where, "type": kind, "limit": limit, "unit": "Count", "status": status})
    return ledger, {"value": rows}


def _refused(ledger: Ledger, scope: Scope, where: str, limit: int) -> str:
    """The status of one row of an update."""
    name = where.rpartition("/")[2]
    if family_key(name) not in spellings():
        return "InvalidVMFamilyName"
    if not where.lower().startswith(f"{scope.path.lower()}/"):
        return "Failure"
    whole = ledger.limit(name, Tier.STANDARD)
    if whole is not None and limit > whole:
        return "InvalidQuotaExceedsSubscriptionLimit"
    return "Success"


def _quota(scope: str, kind: str, name: str, limit: int | None) -> dict[str, Any]:
    return {
        "id": f"{scope}/quotas/{name.replace(' ', '_')}",
        "type": f"{_PROVIDER}/{kind}/dedicatedCores/quotas",
        "name": {"value": name, "localizedValue": f"{_title(name)} {_TITLES[Tier.STANDARD]}"},
        "limit": -1 if limit is None else limit,
        "unit": "Count",
    }


def _families(ledger: Ledger) -> Iterator[str]:
    return (name for key, name in spellings().items() if (key, Tier.STANDARD) in ledger.rows)


def _title(name: str) -> str:
    """`standardDSv2Family` -> `Standard DSv2 Family`."""
    words = name.removesuffix("Family").strip()
    words = words[len("standard") :].strip() if words.lower().startswith("standard") else words
    return f"Standard {words} Family"


def _row(names: tuple[str, str], kind: str, used: int, limit: int | None, where: str) -> dict[str, Any]:
    name, title = names
    return {
        "unit": "Count",
        "currentValue": used,
        "limit": -1 if limit is None else limit,  # a spot family is counted, not capped
        "name": {"value": name, "localizedValue": title},
        "type": f"{_PROVIDER}/{kind}/usages",
        "id": where,
    }
