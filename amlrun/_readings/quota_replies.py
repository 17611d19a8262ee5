"""Quota: replies of the service to values. Pure.

It knows the service's field names and spellings; anything may be missing, null, or of another type. A row
that can't be understood is left out: what it would have limited is then not known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from amlrun._offers import FamilyQuota, Limit, LimitKind, Quota, family_key
from amlrun._readings.json_values import object_in, text_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOTALS = {
    "TotalDedicatedCores": LimitKind.TOTAL,
    "TotalLowPriorityCores": LimitKind.SPOT_POOL,
    "TotalClusters": LimitKind.CLUSTERS,
}
_DEDICATED, _SPOT = "/vmfamily/dedicatedcores/", "/vmfamily/lowprioritycores/"
_OWN = "/workspaces/dedicatedcores/"


def quota_from(location: str, rows: Iterable[Mapping[str, Any]]) -> Quota:
    """All rows of usages.

    A family's name comes twice and only `type` tells its dedicated row from its low-priority row; a limit
    of -1 is a count without a cap.
    """
    totals: dict[str, Limit] = {}
    dedicated: dict[str, Limit] = {}
    spot: dict[str, Limit] = {}
    for row in rows:
        name, kind = _name(row), text_in(row.get("type")).lower()
        cap, used = _figure(row, "limit"), _figure(row, "currentValue")
        if not name or cap is None or used is None:
            continue
        limit = Limit(name, None if cap < 0 else cap, max(0, used), _TOTALS.get(name, LimitKind.FAMILY))
        if _DEDICATED in kind:
            _keep(dedicated, limit)
        elif _SPOT in kind:
            _keep(spot, limit)
        elif name in _TOTALS:
            _keep(totals, limit)
    return Quota(
        location=location,
        families=tuple(
            FamilyQuota((dedicated.get(key) or spot[key]).name, dedicated.get(key), spot.get(key))
            for key in sorted(dedicated.keys() | spot.keys())
        ),
        dedicated_total=totals.get(family_key("TotalDedicatedCores")),
        spot_total=totals.get(family_key("TotalLowPriorityCores")),
        clusters=totals.get(family_key("TotalClusters")),
    )


def workspace_caps_from(workspace_path: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Rows of quotas: the limits that this workspace has of its own for dedicated nodes, by family, in vCPUs.

    Those of the subscription and of other workspaces are among them; the id tells whose a row is.
    """
    caps: dict[str, int] = {}
    for row in rows:
        ours = f"{text_in(row.get('id'))}/".lower().startswith(f"{workspace_path}/".lower())
        name, cap = _name(row), _figure(row, "limit")
        if ours and _OWN in text_in(row.get("type")).lower() and name and cap is not None and cap >= 0:
            caps[name] = cap
    return caps


def _name(row: Mapping[str, Any]) -> str:
    return text_in(object_in(row.get("name")).get("value"))


def _figure(row: Mapping[str, Any], field: str) -> int | None:
    """A whole number; None where there is none, which is not the same as zero."""
    figure = row.get(field)
    if isinstance(figure, float):
        return int(figure) if math.isfinite(figure) else None
    return figure if isinstance(figure, int) and not isinstance(figure, bool) else None


def _keep(limits: dict[str, Limit], limit: Limit) -> None:
    # Assumed: no two families differ in spelling alone. Should they, the tighter one is believed, whatever
    # the order they come in.
    key = family_key(limit.name)
    other = limits.get(key)
    if other is None or _room(limit) < _room(other):
        limits[key] = limit


def _room(limit: Limit) -> tuple[float, float, str]:
    return (
        math.inf if limit.limit is None else limit.limit,
        math.inf if limit.free is None else limit.free,
        limit.name,
    )
