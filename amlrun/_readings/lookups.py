"""What can be had, as one look: what goes out at the same time, how long it is good for, what to do without.

Each look-up by itself is in `service`; what was sent since is in `counting`.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import TYPE_CHECKING

import attrs

from amlrun._cloud import PUBLIC
from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Kind, Market, WorkspaceFacts
from amlrun._offers.holdings import with_jobs
from amlrun._plan.summary import heaviest
from amlrun._readings.counting import Counting
from amlrun._readings.environments import Environments
from amlrun._readings.kept import Found, Kept
from amlrun._readings.reading import Reading, Readings
from amlrun._readings.service import SIZES_LAST, Service
from amlrun._readings.size_replies import packaged_sizes
from amlrun._states import NOT_STARTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from amlrun._clock import Clock
    from amlrun._offers import Compute, Datastore, Quota, RegistryFacts, Size
    from amlrun._plan import Plan
    from amlrun._readings.service import Reader

_STANDING_LASTS = 30.0
_WORKSPACE_LASTS = 600.0
_PATIENCE = 5.0
"""Seconds that a plan waits for what it can do without, beyond all else that it reads."""
_AT_ONCE = 16
"""Requests under way at the same time."""
_NOWHERE = WorkspaceFacts(name="", location="", workspace_id="", discovery_url="")
"""Of a workspace that can't be read just now: its region isn't known."""
_log = logging.getLogger("amlrun")


@attrs.frozen
class Look:
    """One look at what can be had, and the readings that it rests on.

    `kept`: some of its figures had been read before the look was asked for; `kept_sizes`: its sizes had.
    `held_up` is for how many seconds it went on where something failed: it lasts for as much longer, or else
    a service that hangs would hold up each job anew.
    """

    market: Market
    readings: Readings
    kept: bool
    kept_sizes: bool
    held_up: float = 0.0


class Common:
    """What all clients of one workspace in this process share: its last look, and what they have sent."""

    def __init__(self, clock: Clock) -> None:
        self.looks: Kept[Look] = Kept(clock, lambda look: _STANDING_LASTS + look.held_up)
        self.counting = Counting(clock)
        self.regions: frozenset[str] = frozenset()


class Lookups:
    """What a client has read of its workspace and its region. Safe to share between threads.

    `subscription_path` and `workspace_path` are ARM ids, `cache` is the folder for what is kept on disk,
    `hurried` gives the same reader with so many calls for each request, and little patience. By
    `clock`, sizes are kept for hours, on disk too; quota and computes for 30 seconds; the workspace, its
    container registry and its datastores for ten minutes. Nothing is read before it is asked for. `common`
    is shared with other clients of the workspace: each finds out by itself what its account may read; then
    what another one has read since is as good, if nothing is missing in it. `studio` is the URL of its
    cloud's.
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
        common: Common | None = None,
        source: str = "",
        studio: str = PUBLIC.studio,
        patience: float = _PATIENCE,
    ) -> None:
        self._service = Service(
            rest, subscription_path, workspace_path, clock, cache, hurried=hurried, source=source
        )
        self._clock, self._common = clock, common or Common(clock)
        self._workspace: Kept[WorkspaceFacts] = Kept(clock, lambda _: _WORKSPACE_LASTS)
        self._registry: Kept[tuple[str, Reading[RegistryFacts]]] = Kept(clock, lambda _: _WORKSPACE_LASTS)
        self._patience, self._studio = patience, studio
        self._datastores: Kept[Reading[tuple[Datastore, ...]]] = Kept(clock, lambda _: _WORKSPACE_LASTS)
        self._sizes: Kept[Reading[tuple[Size, ...]]] = Kept(clock, _sizes_last)
        self.environments = Environments(self._service, clock)
        self._own: Look | None = None
        self._lock = threading.Lock()
        self._told: set[str] = set()

    @property
    def begun(self) -> int:
        """What is asked now may rest on any look that is begun from now on: to be given to `look`."""
        return self._common.looks.begun

    def workspace(self) -> WorkspaceFacts:
        """Where it is, and what else never changes of it. Raises `NotAuthorized` and `ServiceError`."""
        return self._workspace.last or self._workspace.get(self._read_workspace).value

    def market(self, *, fresh: bool = False) -> Market:
        """What a look finds."""
        return self.look(fresh=fresh).market

    def datastores(self) -> Callable[[], Reading[tuple[Datastore, ...]]]:
        """Begin to read them, beside whatever else is read; what is returned waits for what came of it.

        For a few seconds, no more: then nothing is known of them this time.
        """
        found: Future[Reading[tuple[Datastore, ...]]] = Future()

        def read() -> None:
            try:
                found.set_result(self._datastores.get(lambda _: self._service.datastores()).value)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                found.set_exception(error)

        def waited() -> Reading[tuple[Datastore, ...]]:
            try:
                return found.result(self._patience)
            except TooLate:  # TimeoutError itself since Python 3.11
                return Reading()

        # One that nobody waits for at the end of the process, as they do for an executor's.
        threading.Thread(target=read, daemon=True).start()
        return waited

    def look(
        self,
        *,
        fresh: bool = False,
        sizes: bool = True,
        asked: int | None = None,
        regions: frozenset[str] = frozenset(),
    ) -> Look:
        """All that can be had, less what was sent from here; two round trips deep at most.

        `fresh`: nothing that was read before it was `asked` for, but sizes where they need not be (`sizes`).
        `regions` are those whose quota is read too, from now on: clusters are to be made there.
        Raises `NotAuthorized` and `ServiceError` of the workspace's own GET, but where that passes. Whatever
        else can't be read is no error: who has rights on the workspace only (the role AzureML Data Scientist)
        may read neither quota nor sizes. Then quota is None and sizes are the packaged ones; the log says
        once why.
        """
        common = self._common
        with self._lock:
            new, common.regions = regions - common.regions, common.regions | regions
        if new:
            common.looks.outdate()

        def usable(look: Look) -> bool:
            mine = look is self._own or (self._own is not None and not look.readings.unread())
            return mine and not (fresh and (look.kept or (sizes and look.kept_sizes)))

        found = common.looks.get(
            lambda anew: self._read(fresh=anew, fresh_sizes=anew and sizes),
            fresh=fresh,
            asked=asked,
            usable=usable,
        )
        look = found.value
        self._tell(look.readings.unread())
        return attrs.evolve(
            look,
            market=common.counting.counted(look.market),
            kept=found.kept or look.kept,
            kept_sizes=found.kept or look.kept_sizes,
        )

    def named(self, quota: Quota) -> Quota:
        """Quota with its holders, and those jobs of this process among them that were seen to run."""
        return with_jobs(quota, self._common.counting.holders)

    def outdate(self) -> None:
        """Computes were changed from here: the next look reads anew, but for sizes."""
        self._common.looks.outdate()

    def sending(self, name: str, decided: Callable[[], Plan]) -> AbstractContextManager[Plan]:
        """Decide on a job, which counts from then on, and no more where it isn't sent; one at a time."""
        return self._common.counting.sending(name, decided, self._size)

    def sent(self, name: str, plan: Plan, status: str = NOT_STARTED, *, adopted: bool = False) -> None:
        """A job was sent by that plan, or may have been; or was there already (`adopted`)."""
        self._common.counting.sent(name, plan, self._size(plan), status, adopted=adopted)

    def seen(self, name: str, status: str) -> None:
        """Somebody has looked at a job, whoever sent it; `status` is the service's word."""
        self._common.counting.seen(name, status)

    def _size(self, plan: Plan) -> Size | None:
        """The plan's size as it was read here: a plan may be of anywhere."""
        plan = heaviest(plan)
        name = plan.size.name if plan.size else ""
        read = self._sizes.last
        sizes = packaged_sizes() if read is None or read.value is None else read.value
        return next((size for size in sizes if size.name == name), None)

    def _read(self, *, fresh: bool, fresh_sizes: bool) -> Look:
        """Each look-up as soon as what it needs is known; then those who wait are asked."""
        service, common = self._service, self._common
        ran, began, known = common.counting.running, self._clock.now(), self._workspace.last
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            workspace = pool.submit(self._facts, fresh=fresh)
            computes = pool.submit(service.computes)
            registry = pool.submit(self._registry_of, workspace)
            location = (known or workspace.result().value.value or _NOWHERE).location
            usages = pool.submit(service.usages, location)
            caps = pool.submit(service.caps, location)
            sizes = pool.submit(self._sizes_of, location, fresh=fresh_sizes)
            others = sorted((_regions(computes.result().value or ()) | common.regions) - {location})
            elsewhere = dict(zip(others, pool.map(service.usages, others), strict=True))
            facts = workspace.result()
            if (facts.value.value or _NOWHERE).location != location:  # another one, of the same name
                sizes.result()
                self._sizes.outdate()
                return self._read(fresh=fresh, fresh_sizes=fresh_sizes)
            readings = Readings(
                subscription=service.subscription,
                workspace=service.path,
                facts=facts.value,
                computes=computes.result(),
                usages=usages.result(),
                caps=caps.result(),
                sizes=sizes.result().value,
                elsewhere=elsewhere,
                registry=registry.result(),
                at=began,
                studio=self._studio,
            )
            market = readings.market()
            common.counting.read(market, ran, lambda names: self._states(pool, names))
        kept_sizes = sizes.result().kept or readings.sizes.kept
        held_up = self._clock.now() - began if any(readings.failures()) else 0.0
        self._own = Look(market, readings, facts.kept, kept_sizes, held_up)
        return self._own

    def _facts(self, *, fresh: bool) -> Found[Reading[WorkspaceFacts]]:
        """Of the workspace; where they can't be read again, those that are known.

        Raises what the GET raises, but for what passes: then a job can still be sent.
        """
        try:
            found = self._workspace.get(self._read_workspace, fresh=fresh)
        except (NotAuthorized, ServiceError) as failure:
            if self._workspace.last is not None:
                return Found(Reading(self._workspace.last), kept=False)
            if isinstance(failure, ServiceError) and failure.passing:
                return Found(Reading(failure=failure), kept=False)
            raise
        return Found(Reading(found.value), found.kept)

    def _read_workspace(self, _fresh: bool) -> WorkspaceFacts:  # noqa: FBT001 - as Kept calls it
        return self._service.workspace()

    def _registry_of(self, workspace: Future[Found[Reading[WorkspaceFacts]]]) -> Reading[RegistryFacts]:
        """The workspace's, as it was read last, however that went: what it doesn't say stops no job."""
        path = (workspace.result().value.value or _NOWHERE).registry
        _, found = self._registry.get(
            lambda _: (path, self._service.registry(path)), usable=lambda kept: kept[0] == path
        ).value
        return found

    def _sizes_of(self, location: str, *, fresh: bool) -> Found[Reading[tuple[Size, ...]]]:
        if not location:
            return Found(Reading(), kept=False)
        return self._sizes.get(lambda anew: self._service.sizes(location, fresh=anew), fresh=fresh)

    def _states(self, pool: ThreadPoolExecutor, names: Sequence[str]) -> Mapping[str, str | None]:
        """How those stand who were sent: each is asked after once, and none after the service has failed."""
        failed = threading.Event()
        states = pool.map(lambda name: self._service.status(name, failed), names)
        return dict(zip(names, states, strict=True))

    def _tell(self, unread: tuple[str, ...]) -> None:
        """Once for each line that is new."""
        for line in unread:
            with self._lock:
                new = line not in self._told
                self._told.add(line)
            if new:
                _log.info("%s.", line)


def _sizes_last(reading: Reading[tuple[Size, ...]]) -> float:
    """Seconds: a refusal is asked about again soon."""
    return _STANDING_LASTS if reading.failure else SIZES_LAST - reading.age


def _regions(computes: Sequence[Compute]) -> set[str]:
    """Where there are clusters, which draw on the quota there."""
    return {compute.location for compute in computes if compute.kind is Kind.CLUSTER} - {""}
