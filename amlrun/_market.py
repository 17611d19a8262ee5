"""What can be had, read from the service: sizes, prices, quota and computes, as the values of `_offers`.

It knows how long a reading is good for, and what to do when one is refused: go on with the packaged tables.
What replies look like is in `_replies`; a `Reader` sends.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs

from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Market, Source
from amlrun._quota_replies import quota_from
from amlrun._replies import packaged_sizes, sizes_from
from amlrun._workspace_replies import compute_from, workspace_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from amlrun._clock import Clock
    from amlrun._offers import Compute, Quota, Size, WorkspaceFacts

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
_log = logging.getLogger("amlrun")

T = TypeVar("T")
U = TypeVar("U")


class Reader(Protocol):
    """How the service is read: `_rest.Rest` is one. Paths start with `/subscriptions/`.

    Both raise `NotAuthorized` (401, 403) and `ServiceError` (anything else that isn't an answer).
    """

    def get(self, path: str) -> dict[str, Any]:
        """One JSON object."""

    def list(self, path: str) -> list[dict[str, Any]]:
        """All items of all pages."""


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
        self.count = 0

    def get(self, *, fresh: bool = False) -> T:
        with self._lock:
            if self._kept is not None and not fresh:
                value, at = self._kept
                if 0 <= self._clock.now() - at < self._lasts(value):
                    return value
            value = self._read()
            self.count += 1
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

    @property
    def readings(self) -> tuple[int, ...]:
        """How often each thing was read so far."""
        return (self._quota.count, self._sizes.count, self._computes.count)

    def kept_any_of(self, before: tuple[int, ...]) -> bool:
        """Whether something that was there then has not been read since: an answer may rest on it."""
        return any(count and count == now for count, now in zip(before, self.readings, strict=True))

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
        return workspace_from(self._rest.get(self._workspace_path))

    def _read_computes(self) -> tuple[Compute, ...]:
        rows = self._rest.list(f"{self._workspace_path}/computes")
        return tuple(compute_from(row) for row in rows)

    def _read_quota(self) -> _Reading[Quota]:
        location = self.workspace().location
        return self._reading("usages", lambda rows: quota_from(location, rows))

    def _read_sizes(self) -> _Reading[tuple[Size, ...]]:
        return self._reading("vmSizes", sizes_from)

    def _reading(self, what: str, parse: Callable[[Sequence[dict[str, Any]]], T]) -> _Reading[T]:
        path = f"{self._subscription}/{_PROVIDER}/locations/{self.workspace().location}/{what}"
        try:
            return _Reading(parse(self._rest.list(path)))
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
        _log.info(
            "Azure ML's %s can't be read: %s (%s).",
            " and ".join(failed),
            "; ".join(_WITHOUT[what] for what in failed),
            "; ".join([missing, *broken] if refused else broken),
        )
