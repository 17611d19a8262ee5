"""What can be had, read from the service: sizes, prices, quota and computes, as the values of `_offers`.

It knows which look-ups there are, what can go out at the same time, how long a reading is good for, and what
to do without one. What replies look like is in `_replies`, `_quota_replies` and `_workspace_replies`; a
`Reader` sends.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Kind, Market, region_key
from amlrun._offers.outstanding import WAITING, Outstanding, Pending, used_beside_computes
from amlrun._offers.pending import counted
from amlrun._readings.json_values import items_in, object_in, text_in
from amlrun._readings.kept import Found, Kept
from amlrun._readings.quota_replies import quota_from, workspace_caps_from
from amlrun._readings.reading import Reading, Readings
from amlrun._readings.shelf import Shelf
from amlrun._readings.size_replies import kept_rows, packaged_sizes, sizes_from
from amlrun._readings.workspace_replies import compute_from, workspace_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from amlrun._clock import Clock
    from amlrun._offers import Compute, Quota, Size, WorkspaceFacts
    from amlrun._plan import Plan

_PROVIDER = "providers/Microsoft.MachineLearningServices"
_STANDING_LASTS = 30.0
_WORKSPACE_LASTS = 600.0
_SIZES_LAST = 6 * 3600.0
_AT_ONCE = 16
"""Requests under way at the same time."""
_MOST_ASKED = 64
"""Jobs that are asked after with one reading."""
_NOT_FOUND = 404
_log = logging.getLogger("amlrun")

T = TypeVar("T")


class Reader(Protocol):
    """How the service is read: `_rest.Rest` is one. Paths start with `/subscriptions/`.

    Both raise `NotAuthorized` (401, 403) and `ServiceError` (anything else that isn't an answer).
    """

    def get(self, path: str) -> dict[str, Any]:
        """One JSON object."""

    def list(self, path: str) -> list[dict[str, Any]]:
        """All items of all pages."""


@attrs.frozen
class Look:
    """One look at what can be had, and the readings that it rests on.

    `kept`: some of them had been read before the look was asked for.
    """

    market: Market
    readings: Readings
    kept: bool


class Lookups:
    """What a process has read of one workspace and its region. Safe to share between threads.

    `subscription_path` and `workspace_path` are ARM ids, `cache` is the folder for what is kept on disk,
    `hurried` gives the same reader with so many calls for each request, and little patience. By
    `clock`, sizes are kept for hours, on disk too; quota and computes for 30 seconds; the workspace for the
    process. Nothing is read before it is asked for.
    """

    def __init__(
        self,
        rest: Reader,
        subscription_path: str,
        workspace_path: str,
        clock: Clock,
        cache: Path | None = None,
        *,
        hurried: Callable[[int], Reader] | None = None,
    ) -> None:
        self._rest, self._clock, self._cache = rest, clock, cache
        # All but the workspace can be done without: a plan doesn't wait for minutes to be told of it.
        self._optional, self._once = (hurried(2), hurried(1)) if hurried else (rest, rest)
        self._subscription, self._workspace_path = subscription_path, workspace_path
        self._workspace = Kept(self._read_workspace, clock, lambda _: _WORKSPACE_LASTS)
        self._sizes = Kept(self._read_sizes, clock, _sizes_last)
        self._standing = Kept(self._read, clock, lambda _: _STANDING_LASTS)
        self._outstanding = Outstanding()
        self._regions: frozenset[str] = frozenset()
        self._counting, self._turn = threading.Lock(), threading.RLock()
        self._told: set[str] = set()

    def workspace(self) -> WorkspaceFacts:
        """Where it is, and what else never changes of it. Raises `NotAuthorized` and `ServiceError`."""
        return self._workspace.last or self._workspace.get().value

    def market(self, *, fresh: bool = False) -> Market:
        """What a look finds."""
        return self.look(fresh=fresh).market

    def look(self, *, fresh: bool = False, regions: frozenset[str] = frozenset()) -> Look:
        """All that can be had, less what was sent from here; two round trips deep at most.

        `regions` are those whose quota is read too, from now on: clusters are to be made there.
        Raises `NotAuthorized` and `ServiceError` of the workspace's own GET. Whatever else can't be read is
        no error: who has rights on the workspace only (the role AzureML Data Scientist) may read neither
        quota nor sizes. Then quota is None and sizes are the packaged ones; the log says once why.
        """
        with self._counting:
            new, self._regions = regions - self._regions, self._regions | regions
        if new:
            self._standing.outdate()
        found = self._standing.get(fresh=fresh)
        look = found.value
        self._tell(look.readings.unread())
        return attrs.evolve(
            look, market=counted(look.market, self._outstanding), kept=found.kept or look.kept
        )

    def outdate(self) -> None:
        """Computes were changed from here: the next look reads anew, but for sizes."""
        self._standing.outdate()

    @contextmanager
    def sending(self, name: str, decided: Callable[[], Plan]) -> Iterator[Plan]:
        """Decide on a job, which counts from then on, and no more where it isn't sent.

        One is decided on at a time: each sees what those before it took, in however many threads.
        """
        with self._turn:
            plan = decided()
            if name not in self._outstanding.jobs:
                self._count(name, plan, there=False)
        try:
            yield plan
        finally:  # one that was sent is there by now
            with self._counting:
                self._outstanding = self._outstanding.unsent(name)

    def sent(self, name: str, plan: Plan, status: str = "NotStarted", *, adopted: bool = False) -> None:
        """A job was sent by that plan, or may have been: its nodes count until a reading has them.

        One that was there already (`adopted`) and no longer waits is in the readings, whoever sent it.
        """
        if status in WAITING or not adopted:
            self._count(name, plan, there=True)
        self.seen(name, status)

    def _count(self, name: str, plan: Plan, *, there: bool) -> None:
        """From now on, as far as there is something to count it on.

        There is not where quota can't be read, for a size that nobody knows, and on computes that have their
        nodes whatever is sent there.
        """
        size = self._size(plan)
        of_cluster = plan.kind is Kind.CLUSTER
        if not (of_cluster or (plan.kind is Kind.SERVERLESS and size and plan.verified)):
            return
        job = Pending(
            name=name,
            compute=plan.compute,
            location=region_key(plan.creates.location or "") if plan.creates else "",
            family=size.family if size else "",
            tier=plan.tier,
            cpus=size.cpus if size else 0,
            nodes=plan.instance_count,
            there=there,
            at=self._clock.now(),
        )
        with self._counting:
            self._outstanding = self._outstanding.sent(job)

    def _size(self, plan: Plan) -> Size | None:
        """The plan's size as it was read here: a plan may be of anywhere."""
        name = plan.size.name if plan.size else ""
        read = self._sizes.last
        sizes = packaged_sizes() if read is None or read.value is None else read.value
        return next((size for size in sizes if size.name == name), None)

    def seen(self, name: str, status: str) -> None:
        """Somebody has looked at a job, whoever sent it; `status` is the service's word."""
        with self._counting:
            self._outstanding = self._outstanding.seen(name, status)

    def _read(self, fresh: bool) -> Look:  # noqa: FBT001 - as Kept calls it
        """Each look-up as soon as what it needs is known; then those who wait are asked."""
        ran, began, known = self._outstanding.running, self._clock.now(), self._workspace.last
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            workspace = pool.submit(self._facts, fresh=fresh)
            computes = pool.submit(self._reading, f"{self._workspace_path}/computes", _computes_from)
            location = (known or workspace.result().value).location
            usages = pool.submit(self._usages, location)
            caps = pool.submit(self._reading, self._in_region(location, "quotas"), self._caps_from)
            sizes = pool.submit(self._sizes.get, fresh=fresh)
            others = sorted((_regions(computes.result().value or ()) | self._regions) - {location})
            elsewhere = dict(zip(others, pool.map(self._usages, others), strict=True))
            facts = workspace.result()
            if facts.value.location != location:  # another one, of the same name
                self._sizes.outdate()
                return self._read(fresh)
            readings = Readings(
                subscription=self._subscription,
                workspace=self._workspace_path,
                facts=facts.value,
                computes=computes.result(),
                usages=usages.result(),
                caps=caps.result(),
                sizes=sizes.result().value,
                elsewhere=elsewhere,
                at=began,
            )
            market = readings.market()
            self._ask_after(pool, ran, market)
        kept = facts.kept or sizes.result().kept or readings.sizes.kept
        return Look(market, readings, kept)

    def _facts(self, *, fresh: bool) -> Found[WorkspaceFacts]:
        """Of the workspace; where they can't be read again, those that are known."""
        try:
            return self._workspace.get(fresh=fresh)
        except (NotAuthorized, ServiceError):
            if self._workspace.last is None:
                raise
            return Found(self._workspace.last, kept=False)

    def _read_workspace(self, _fresh: bool) -> WorkspaceFacts:  # noqa: FBT001 - as Kept calls it
        try:
            return workspace_from(self._rest.get(self._workspace_path))
        except NotAuthorized as error:
            if error.signed_in:
                role = "AzureML Data Scientist"
                error.hint = f"Whoever sends jobs needs the role {role} on {self._workspace_path}."
            raise
        except ServiceError as error:
            if error.status == _NOT_FOUND:
                error.hint = f"Is this its name, and the right subscription? {self._workspace_path}"
            raise

    def _read_sizes(self, fresh: bool) -> Reading[tuple[Size, ...]]:  # noqa: FBT001 - as Kept calls it
        location = self.workspace().location
        shelf = None if self._cache is None else Shelf.of(self._cache, self._subscription, location)
        kept = None if shelf is None or fresh else shelf.take(self._clock.now(), _SIZES_LAST)
        if kept is not None:
            rows, age = kept
            if sizes := sizes_from(rows):
                return Reading(sizes, kept=True, age=age)

        def parse(rows: Sequence[dict[str, Any]]) -> tuple[Size, ...] | None:
            sizes = sizes_from(rows)
            if sizes and shelf is not None:
                shelf.put(kept_rows(rows), self._clock.now())
            return sizes or None

        return self._reading(self._in_region(location, "vmSizes"), parse)

    def _usages(self, location: str) -> Reading[Quota]:
        def parse(rows: Sequence[dict[str, Any]]) -> Quota | None:
            quota = quota_from(location, rows)
            return quota if quota.families or quota.dedicated_total or quota.spot_total else None

        return self._reading(self._in_region(location, "usages"), parse)

    def _caps_from(self, rows: Sequence[dict[str, Any]]) -> Mapping[str, int]:
        return workspace_caps_from(self._workspace_path, rows)

    def _in_region(self, location: str, what: str) -> str:
        return f"{self._subscription}/{_PROVIDER}/locations/{location}/{what}"

    def _reading(self, path: str, parse: Callable[[Sequence[dict[str, Any]]], T | None]) -> Reading[T]:
        """A list as a value; None: nothing can be made of it, which is a failure."""
        try:
            value = parse(items_in(self._optional.list(path)))
        except (NotAuthorized, ServiceError) as failure:
            return Reading(failure=failure)
        if value is None:
            what = path.rpartition("/")[2]
            return Reading(failure=ServiceError(f"{what}: no row of the reply can be understood"))
        return Reading(value)

    def _ask_after(self, pool: ThreadPoolExecutor, ran: frozenset[str], market: Market) -> None:
        """How those stand who were sent: as many as are asked with one reading.

        Each once, and none after the service has failed to say: who isn't asked goes on counting.
        """
        names, failed = self._outstanding.due()[:_MOST_ASKED], threading.Event()
        asked = dict(zip(names, pool.map(lambda name: self._status(name, failed), names), strict=True))
        with self._counting:
            self._outstanding = self._outstanding.renewed(ran, asked, used_beside_computes(market))

    def _status(self, name: str, failed: threading.Event) -> str | None:
        """A job's state, "" where it is gone; None where that can't be found out."""
        if failed.is_set():
            return None
        try:
            job = self._once.get(f"{self._workspace_path}/jobs/{name}")
        except NotAuthorized:
            return None
        except ServiceError as error:
            if error.status == _NOT_FOUND:
                return ""
            failed.set()
            return None
        return text_in(object_in(job.get("properties")).get("status")) or None

    def _tell(self, unread: tuple[str, ...]) -> None:
        """Once for each line that is new."""
        for line in unread:
            with self._counting:
                new = line not in self._told
                self._told.add(line)
            if new:
                _log.info("%s.", line)


def _sizes_last(reading: Reading[tuple[Size, ...]]) -> float:
    """Seconds: a refusal is asked about again soon."""
    return _STANDING_LASTS if reading.failure else _SIZES_LAST - reading.age


def _computes_from(rows: Sequence[dict[str, Any]]) -> tuple[Compute, ...]:
    return tuple(compute for compute in map(compute_from, rows) if compute.name)


def _regions(computes: Sequence[Compute]) -> set[str]:
    """Where there are clusters, which draw on the quota there."""
    return {compute.location for compute in computes if compute.kind is Kind.CLUSTER} - {""}
