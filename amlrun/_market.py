"""What can be had, read from the service: sizes, prices, quota and computes, as the values of `_offers`.

It knows the replies' field names and spellings, how long a reading is good for, and what to do when one is
refused: go on with the packaged tables. It sends nothing itself: a `Reader` does.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs

from amlrun import _catalogue
from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import (
    Compute,
    FamilyQuota,
    Limit,
    Market,
    Problem,
    Quota,
    Size,
    Source,
    Tier,
    family_key,
    gpu_model,
    region_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from amlrun._clock import Clock

API_VERSION = "2024-04-01"
_PROVIDER = "providers/Microsoft.MachineLearningServices"
_RIGHTS = {
    "quota": "Microsoft.MachineLearningServices/locations/usages/read",
    "sizes": "Microsoft.MachineLearningServices/locations/vmSizes/read",
}
_WITHOUT = {
    "quota": "plans are not verified against it",
    "sizes": "the packaged tables of East US stand in for them",
}
_USAGES_LAST = 30.0
_SIZES_LAST = 6 * 3600.0
_LOG = logging.getLogger("amlrun")

T = TypeVar("T")
U = TypeVar("U")


class Reader(Protocol):
    """How the service is read. Paths start with `/subscriptions/`.

    Both raise `NotAuthorized` (401, 403) and `ServiceError` (anything else that isn't an answer).
    """

    def get(self, path: str, *, api_version: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One JSON object."""

    def list(self, path: str, *, api_version: str) -> list[dict[str, Any]]:
        """All items of all pages."""


@attrs.frozen(kw_only=True)
class WorkspaceFacts:
    """What the workspace says of itself. `discovery_url` is where its run history is found."""

    name: str
    location: str
    workspace_id: str
    discovery_url: str


# Replies to values: pure.


def _object(value: object) -> dict[str, Any]:
    """A JSON object, empty where it is missing or null."""
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON array, none where it is missing or null."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def workspace_from(reply: Mapping[str, Any]) -> WorkspaceFacts:
    """A workspace's GET."""
    properties = _object(reply.get("properties"))
    return WorkspaceFacts(
        name=reply.get("name") or "",
        location=region_key(reply.get("location") or ""),
        workspace_id=properties.get("workspaceId") or "",
        discovery_url=properties.get("discoveryUrl") or "",
    )


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
            for item in _items(prices.get("values"))
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
    prices = _object(row.get("estimatedVMPrices"))
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
    """
    totals: dict[str, Limit] = {}
    dedicated: dict[str, Limit] = {}
    spot: dict[str, Limit] = {}
    for row in rows:
        name = _object(row.get("name")).get("value") or ""
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


_TIERS = {"dedicated": Tier.STANDARD, "lowpriority": Tier.SPOT}


def compute_from(row: Mapping[str, Any]) -> Compute:
    """One compute, as the list and its own GET have it.

    Assumed: the list carries the same properties as the GET of one compute, node counts among them.
    """
    outer = _object(row.get("properties"))
    inner = _object(outer.get("properties"))
    scale = _object(inner.get("scaleSettings"))
    return Compute(
        name=row.get("name") or "",
        kind=outer.get("computeType") or "",
        size=inner.get("vmSize"),
        tier=_TIERS.get((inner.get("vmPriority") or "").lower()),
        min_nodes=scale.get("minNodeCount") or 0,
        max_nodes=scale.get("maxNodeCount") or 0,
        nodes=inner.get("currentNodeCount") or 0,
        idle_nodes=_object(inner.get("nodeStateCounts")).get("idleNodeCount") or 0,
        state=outer.get("provisioningState") or "",
        allocation_state=inner.get("allocationState") or "",
        location=region_key(outer.get("computeLocation") or row.get("location") or ""),
        problems=tuple(
            Problem(error.get("code") or "", error.get("message") or "")
            for item in (*_items(outer.get("provisioningErrors")), *_items(inner.get("errors")))
            for error in (_object(item.get("error")) or item,)
        ),
    )


# Readings: kept for a while, shared by threads.


@attrs.frozen
class _Reading(Generic[T]):
    """What was read, or why it could not be."""

    value: T | None = None
    failure: NotAuthorized | ServiceError | None = None


class _Kept(Generic[T]):
    """A value that is read again when it is older than `lasts` says; threads that ask at once read once."""

    def __init__(self, read: Callable[[], T], clock: Clock, lasts: Callable[[T], float]) -> None:
        self._read, self._clock, self._lasts = read, clock, lasts
        self._lock = threading.Lock()
        self._kept: tuple[T, float] | None = None

    def get(self, *, fresh: bool = False) -> T:
        with self._lock:
            if self._kept is not None and not fresh:
                value, at = self._kept
                if 0 <= self._clock.now() - at < self._lasts(value):
                    return value
            value = self._read()
            self._kept = (value, self._clock.now())
            return value


def _both(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
    """Both, at the same time."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(first)
        answer = second()
        return future.result(), answer


class Lookups:
    """What a process has read of one workspace and its region. Safe to share between threads.

    `subscription_path` and `workspace_path` are ARM ids. Nothing is read before it is asked for. The
    workspace is kept for the process, sizes for hours, quota and computes for 30 seconds by `clock`.
    """

    def __init__(self, rest: Reader, subscription_path: str, workspace_path: str, clock: Clock) -> None:
        self._rest = rest
        self._subscription, self._workspace_path = subscription_path, workspace_path
        self._workspace = _Kept(self._read_workspace, clock, lambda _: float("inf"))
        self._computes = _Kept(self._read_computes, clock, lambda _: _USAGES_LAST)
        self._quota = _Kept(self._read_quota, clock, lambda _: _USAGES_LAST)
        self._sizes = _Kept(
            self._read_sizes, clock, lambda reading: _USAGES_LAST if reading.failure else _SIZES_LAST
        )
        self._told: set[str] = set()
        self._telling = threading.Lock()

    def workspace(self) -> WorkspaceFacts:
        """The workspace's own GET. Raises `NotAuthorized` and `ServiceError`."""
        return self._workspace.get()

    def computes(self, *, fresh: bool = False) -> tuple[Compute, ...]:
        """The workspace's computes. Raises `NotAuthorized` and `ServiceError`."""
        return self._computes.get(fresh=fresh)

    def quota(self, *, fresh: bool = False) -> Quota:
        """Quota alone. Raises `NotAuthorized` and `ServiceError`: here a refusal is the answer."""
        reading = self._quota.get(fresh=fresh)
        if reading.value is None:
            raise reading.failure or ServiceError("quota can't be read")
        return reading.value

    def market(self, *, fresh: bool = False) -> Market:
        """Sizes and quota of the workspace's region; `fresh` reads both again.

        A refusal is no error: who has rights on the workspace only (the role AzureML Data Scientist) may
        read neither. Then sizes are the packaged ones, quota is None, and the log says once which right is
        missing.
        """
        location = self.workspace().location
        quota, sizes = _both(lambda: self._quota.get(fresh=fresh), lambda: self._sizes.get(fresh=fresh))
        self._tell({"quota": quota.failure, "sizes": sizes.failure})
        if sizes.value is None:
            return Market(location, packaged_sizes(), quota.value, Source.PACKAGED)
        return Market(location, sizes.value, quota.value)

    def look(self, *, fresh: bool = False) -> tuple[Market, tuple[Compute, ...]]:
        """Market and computes, two round trips deep at most."""
        _, computes = _both(self.workspace, lambda: self.computes(fresh=fresh))
        return self.market(fresh=fresh), computes

    def _read_workspace(self) -> WorkspaceFacts:
        return workspace_from(self._rest.get(self._workspace_path, api_version=API_VERSION))

    def _read_computes(self) -> tuple[Compute, ...]:
        rows = self._rest.list(f"{self._workspace_path}/computes", api_version=API_VERSION)
        return tuple(compute_from(row) for row in rows)

    def _read_quota(self) -> _Reading[Quota]:
        location = self.workspace().location
        return self._reading("usages", lambda rows: quota_from(location, rows))

    def _read_sizes(self) -> _Reading[tuple[Size, ...]]:
        return self._reading("vmSizes", sizes_from)

    def _reading(self, what: str, parse: Callable[[Sequence[dict[str, Any]]], T]) -> _Reading[T]:
        path = f"{self._subscription}/{_PROVIDER}/locations/{self.workspace().location}/{what}"
        try:
            return _Reading(parse(self._rest.list(path, api_version=API_VERSION)))
        except (NotAuthorized, ServiceError) as failure:
            return _Reading(failure=failure)

    def _tell(self, failures: Mapping[str, NotAuthorized | ServiceError | None]) -> None:
        """One line in the log for each different way of not being able to read."""
        failed = {what: failure for what, failure in failures.items() if failure is not None}
        key = " ".join(f"{what}:{failure.code}" for what, failure in failed.items())
        with self._telling:
            if not failed or key in self._told:
                return
            self._told.add(key)
        refused = [_RIGHTS[what] for what, failure in failed.items() if isinstance(failure, NotAuthorized)]
        broken = [failure.message for failure in failed.values() if isinstance(failure, ServiceError)]
        missing = f"missing {' and '.join(refused)} on {self._subscription}, which the role Reader there has"
        _LOG.info(
            "Azure ML's %s can't be read: %s (%s).",
            " and ".join(failed),
            "; ".join(_WITHOUT[what] for what in failed),
            "; ".join([missing, *broken] if refused else broken),
        )
