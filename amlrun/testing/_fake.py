"""The fake Azure ML, as a user holds it in hand."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._catalogue import LOCATION
from amlrun._offers import Tier
from amlrun.testing import _jobs
from amlrun.testing._backend import Backend, Call
from amlrun.testing._blobs import FolderBlobs, MemoryBlobs
from amlrun.testing._carriers import VirtualCarrier
from amlrun.testing._clock import VirtualClock
from amlrun.testing._clusters import Cluster
from amlrun.testing._engine import Engine, size_of
from amlrun.testing._exchange import Scope
from amlrun.testing._jobs import End, Job
from amlrun.testing._routes_assets import CONTAINERS
from amlrun.testing._routes_history import ARTIFACTS, artifact_prefix
from amlrun.testing._store import Store
from amlrun.testing._usages import default_ledger, row_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.ai.ml import MLClient
    from typing_extensions import Self

    from amlrun._clock import Clock
    from amlrun.testing._credential import FakeCredential
    from amlrun.testing._store import Records
    from amlrun.testing._transport import FakeTransport

_numbers = itertools.count(1)


@attrs.frozen
class FakeJob:
    """How a job stands. Instants are seconds since 1970 on the fake's clock; `body` is the PUT's."""

    name: str
    status: str
    tier: Tier
    instance_type: str | None
    nodes: int
    compute: str | None
    error: str
    created: float
    started: float | None
    ended: float | None
    statuses: tuple[str, ...]
    tags: Mapping[str, str]
    body: Mapping[str, Any]


class FakeAml:
    """One workspace that isn't there, for the real `MLClient` to work against.

    In memory, or in `folder`, where a second process sees the same workspace. Time is virtual: it passes by
    `advance()` and by whoever sleeps on `clock`, and jobs pretend to run.

    Raises NotConfigured for a folder that holds something else, another version's state, or a damaged one.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace: str | None = None,
        location: str | None = None,
    ) -> None:
        wanted = {
            "subscription_id": subscription_id,
            "resource_group": resource_group,
            "workspace": workspace,
            "location": location,
        }
        usual = Scope(
            f"00000000-0000-0000-0000-{next(_numbers):012d}", "fake-group", "fake-workspace", LOCATION
        )
        kept_in = None if folder is None else Path(folder)
        self._set_up(kept_in, wanted, usual, Engine(VirtualCarrier()), clock=None)

    def _set_up(
        self,
        folder: Path | None,
        wanted: Mapping[str, str | None],
        usual: Scope,
        engine: Engine,
        *,
        clock: Clock | None,
    ) -> None:
        store = Store(folder)
        with store.transaction() as records:
            scope = _scope(records, wanted, usual)
            if records.get("meta", "ledger") is None:
                engine.keep_ledger(records, default_ledger())
        blobs = MemoryBlobs() if folder is None else FolderBlobs(folder, CONTAINERS)
        self.folder = folder
        self._backend = Backend(scope, store, blobs, engine, clock)
        self._lock = threading.RLock()
        self._started = 0
        self._strangers = clock is not None
        self._transport: FakeTransport | None = None
        self._credential: FakeCredential | None = None

    # -- being there

    @property
    def scope(self) -> Scope:
        """`subscription_id`, `resource_group`, `workspace`, `location`."""
        return self._backend.scope

    @property
    def clock(self) -> Clock:
        """The workspace's time: `now()` and `sleep(seconds)`."""
        return self._backend.clock

    def start(self) -> Self:
        """Answer every request of the process that belongs to this workspace, and let no other out."""
        from amlrun.testing import _patcher  # noqa: PLC0415 - `responses` and `requests` only when needed

        _patcher.install(self._backend, strangers=self._strangers)
        with self._lock:
            self._started += 1
        return self

    def stop(self) -> None:
        """Take one `start()` back. One more than there were is no error."""
        from amlrun.testing import _patcher  # noqa: PLC0415 - as above

        with self._lock:
            if not self._started:
                return
            self._started -= 1
        _patcher.uninstall(self._backend)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Answer for as long as this lasts."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    @property
    def credential(self) -> FakeCredential:
        """A `TokenCredential` that asks nobody."""
        from amlrun.testing._credential import FakeCredential  # noqa: PLC0415 - it needs azure-core

        with self._lock:
            if self._credential is None:
                self._credential = FakeCredential()
            return self._credential

    def transport(self) -> FakeTransport:
        """An azure-core transport to this workspace, on its clock. It works even while not started."""
        from amlrun.testing._transport import FakeTransport  # noqa: PLC0415 - it needs azure-core

        with self._lock:
            if self._transport is None:
                self._transport = FakeTransport(self)
            return self._transport

    def client(self, **options: Any) -> MLClient:
        """The real `MLClient` of this workspace; `options` are MLClient's own and win over these."""
        from azure.ai.ml import MLClient  # noqa: PLC0415 - over a second

        from amlrun.testing import _patcher  # noqa: PLC0415 - as above

        settings: dict[str, Any] = {
            "credential": self.credential,
            "subscription_id": self.scope.subscription_id,
            "resource_group_name": self.scope.resource_group,
            "workspace_name": self.scope.workspace,
            "enable_telemetry": False,
            "show_progress": False,
            "transport": self.transport(),
        }
        client = MLClient(**{**settings, **options})
        _patcher.shim_stream()
        return client

    # -- what there is

    def quota(
        self, name: str, *, limit: int | None = None, used: int | None = None, spot_used: int | None = None
    ) -> None:
        """Set a limit, and how much of it others use, in vCPUs.

        `name` is a family in any of its spellings, `TotalDedicatedCores` or `TotalLowPriorityCores` (the one
        pool of spot). Families have no limit of their own for spot: `spot_used` is only counted.

        Raises ValueError for a name that is neither.
        """
        name, total = row_name(name)
        with self._backend.work() as (records, now):
            engine = self._backend.engine
            ledger = engine.ledger(records).with_row(name, total or Tier.STANDARD, limit=limit, others=used)
            if total is None:
                ledger = ledger.with_row(name, Tier.SPOT, limit=None, others=spot_used)
            elif spot_used is not None:
                raise ValueError(f"{name} is one row: give what others use of it as used={spot_used}.")
            engine.keep_ledger(records, ledger)
            engine.dispatch(records, now)
        self._backend.stir()

    def cluster(
        self,
        name: str,
        *,
        size: str = "Standard_DS3_v2",
        min_nodes: int = 0,
        max_nodes: int = 4,
        tier: str = "standard",
        idle_seconds: float = 120.0,
    ) -> None:
        """Put a cluster (AmlCompute) into the workspace; its minimum of nodes is there at once.

        Raises ValueError for a size that the catalogue doesn't have, and where the minimum exceeds quota.
        """
        row = size_of(size)
        if row is None:
            raise ValueError(f"{size!r} is no size of the catalogue.")
        with self._backend.work() as (records, now):
            engine = self._backend.engine
            made = Cluster(
                name=name,
                size=row["name"],
                family=row["family"],
                cores=row["vCPUs"],
                tier=Tier(tier),
                min_nodes=min_nodes,
                max_nodes=max_nodes,
                idle_seconds=idle_seconds,
                created=now,
                idle=(now,) * min_nodes,
            )
            engine.keep_ledger(records, engine.ledger(records).take(made.hold(min_nodes)))
            engine.keep_cluster(records, made)
        self._backend.stir()

    def as_data_scientist(self) -> None:
        """From now on the caller's role ends at the workspace: usages, sizes and quotas are 403."""
        self._backend.reads_quota = False

    def runtime(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0) -> None:
        """How long jobs run that are submitted from now on."""
        self._backend.run_seconds = seconds + 60.0 * minutes + 3600.0 * hours

    # -- what happens

    def advance(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0) -> None:
        """Let time pass, and everything happen that is due in it, in order."""
        clock = self._backend.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("This workspace runs on the machine's clock: nobody can advance it.")
        with self._backend.store.transaction() as records:
            clock.advance_to(records, clock.now() + seconds + 60.0 * minutes + 3600.0 * hours)
        clock.stir()

    def preempt(self, name: str) -> None:
        """Take a spot job's nodes away: now if it runs, halfway through its run if it has yet to start.

        Raises LookupError where there is no such job, ValueError where it is over or on dedicated nodes.
        """
        with self._backend.work() as (records, now):
            job = self._live(records, name)
            if job.demand.tier is not Tier.SPOT:
                raise ValueError(f"Job {name} is on dedicated nodes: only spot nodes are preempted.")
            self._backend.engine.strike(records, job, _jobs.PREEMPTED, now)
        self._backend.stir()

    def fail(
        self, name: str, *, code: str = "UserError", message: str | None = None, exit_code: int = 1
    ) -> None:
        """Let a job fail: now if it runs, halfway through its run if it has yet to start.

        Without a message it fails as a job does whose command ends with `exit_code`.
        Raises LookupError where there is no such job, ValueError where it is over.
        """
        ending = End("Failed", code, message or _jobs.exit_message(exit_code))
        with self._backend.work() as (records, now):
            self._backend.engine.strike(records, self._live(records, name), ending, now)
        self._backend.stir()

    def fail_next(self, *, code: str = "UserError", message: str | None = None, exit_code: int = 1) -> None:
        """Let the next job that is submitted fail, halfway through its run."""
        ending = End("Failed", code, message or _jobs.exit_message(exit_code))
        with self._backend.work() as (records, _now):
            records.put("meta", "next doom", attrs.asdict(ending))

    def log(self, name: str, text: str) -> None:
        """Write to a job's log (`user_logs/std_log.txt`), behind what is there.

        Raises LookupError where there is no such job.
        """
        with self._backend.work() as (records, _now):
            self._job(records, name)
        blobs, path = self._backend.blobs, f"{artifact_prefix(name)}user_logs/std_log.txt"
        blobs.write(ARTIFACTS, path, (blobs.read(ARTIFACTS, path) or b"") + text.encode())

    def _job(self, records: Records, name: str) -> Job:
        job = self._backend.engine.job(records, name)
        if job is None:
            names = ", ".join(records.names("job")) or "none"
            raise LookupError(f"There is no job {name}. There are: {names}.")
        return job

    def _live(self, records: Records, name: str) -> Job:
        job = self._job(records, name)
        if job.over:
            raise ValueError(f"Job {name} is over: {job.status}.")
        return job

    # -- what was seen

    @property
    def jobs(self) -> tuple[str, ...]:
        """The names of all jobs, in the order of their submission."""
        with self._backend.work() as (records, _now):
            return tuple(records.names("job"))

    def job(self, name: str) -> FakeJob:
        """How a job stands. Raises LookupError where there is none."""
        with self._backend.work() as (records, _now):
            job = self._job(records, name)
        return FakeJob(
            name=job.name,
            status=job.status,
            tier=job.demand.tier,
            instance_type=job.demand.instance_type,
            nodes=job.demand.nodes,
            compute=job.demand.compute,
            error=job.ending.message if job.ending else "",
            created=job.created,
            started=job.started,
            ended=job.ended,
            statuses=tuple(status for _, status in job.history),
            tags=job.tags,
            body=job.body,
        )

    @property
    def calls(self) -> tuple[Call, ...]:
        """The requests that this object has answered, the last 10,000 of them."""
        return tuple(self._backend.calls)


def _scope(records: Records, wanted: Mapping[str, str | None], usual: Scope) -> Scope:
    """The scope that the state was made with, or, where it is new, the one that is wanted.

    Raises ValueError where the two differ.
    """
    kept = records.get("meta", "scope")
    if kept is None:
        kept = {**attrs.asdict(usual), **{key: value for key, value in wanted.items() if value is not None}}
        records.put("meta", "scope", kept)
    for key, value in wanted.items():
        if value is not None and value != kept[key]:
            raise ValueError(f"This folder holds a workspace with {key} {kept[key]!r}, not {value!r}.")
    return Scope(**kept)
