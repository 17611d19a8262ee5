"""Looking: this machine, who is signed in, and each GET that a job needs, side by side. It raises nothing.

Each request is sent once, and given up after 20 seconds without a byte; they go out in two rounds, since the
second needs what the first one says. Nothing of azure-ai-ml is imported.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import attrs

from amlrun._asking.teamfile import read_team
from amlrun._checks import Check, Level
from amlrun._checks.rights import AUTHORIZATION, permissions_from, permissions_path
from amlrun._checks.versions import IN_USE, SDK, canonical, required_by
from amlrun._cloud import HISTORY, STORAGE_SCOPE
from amlrun._connect import LOCAL, configured
from amlrun._doctor.seen import Asked, Seen, Unforeseen
from amlrun._error_replies import odd_reply, short
from amlrun._errors import AmlrunError, NotAuthorized, NotConfigured, ServiceError
from amlrun._proxies import AUTHORITIES, in_between
from amlrun._readings.json_values import items_in
from amlrun._readings.reading import Reading, Readings
from amlrun._readings.service import Service
from amlrun._workspace import workspace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amlrun._offers import Datastore, WorkspaceFacts
    from amlrun._roles import Permissions
    from amlrun._workspace import Workspace

T = TypeVar("T")

_AT_ONCE = 8
_SIGNING_IN = 30.0
_NOT_FOUND = 404
_NO_RUN = "amlrun-doctor"
"""Of a run that isn't there: that run history says so is all that is asked of it."""
_BY_TOKEN = {"x-ms-version": "2021-12-02"}
"""Storage takes tokens since 2017-11-09: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory"""
_BLOBS = frozenset({"AzureBlob", "AzureDataLakeGen2"})
_OURS = ("amlrun", SDK, "azure-identity")
"""Packages whose requirements are looked at."""


def look(environment: Mapping[str, str], *, patience: float = _SIGNING_IN) -> tuple[Seen, Workspace | None]:
    """All that can be seen, of the workspace that is configured; and that workspace, where it is known.

    `patience`: so many seconds are waited for the first token.
    """
    seen = _with_team(_machine(environment))
    try:
        place = configured()
    except NotConfigured as error:
        if len(error.looked_at) == 1:  # it is named, and can't be told
            seen = attrs.evolve(seen, workspace="can't be told", source=error.looked_at[0])
        # The team's file, if it is that one, is told of already.
        return (seen if seen.broken else _broken(seen, "workspace", error)), None
    seen = attrs.evolve(seen, workspace=str(place.scope or LOCAL), source=place.source)
    try:
        opened = workspace_of(None)
    except AmlrunError as error:
        return _broken(seen, "signed-in", error), None
    seen = attrs.evolve(
        seen,
        workspace_id=opened.scope.path,
        folder=str(opened.folder or ""),
        settings=in_between(environment, opened.rest.wire.connection),
    )
    try:
        account = _within(patience, opened.rest.account)
    except AmlrunError as error:
        return _broken(seen, "signed-in", error), opened
    except Exception as error:  # noqa: BLE001 - credentials raise whatever their libraries do
        return _broken(seen, "signed-in", Unforeseen(error)), opened
    if not seen.folder:  # `local` asks nobody to sign in
        seen = attrs.evolve(seen, account=account, way=opened.rest.tokens.way, ends=opened.ends)
    return _Round(opened).seen(seen), opened


def _within(seconds: float, ask: Callable[[], T]) -> T:
    """What it gives. Raises what it raises, and `ServiceError` where that takes longer: it is left alone."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - it is whoever waits who is told
            answer.set_exception(error)

    # One that nobody waits for at the end, as for those of an executor.
    threading.Thread(target=run, daemon=True).start()
    wait([answer], seconds)
    if not answer.done():
        raise ServiceError(
            f"No token within {seconds:.0f} seconds: whoever signs in here is still waiting",
            hint="Is a proxy or a firewall in between that lets nobody through?",
        )
    return answer.result()


@attrs.frozen
class _Answer(Generic[T]):
    """What a GET gave, or why it gave nothing."""

    value: T | None = None
    failure: NotAuthorized | ServiceError | Unforeseen | None = None

    @property
    def reading(self) -> Reading[T]:
        """The same, as a market is made of."""
        return Reading(self.value)


class _Round:
    """The requests to one workspace, and what came of each."""

    def __init__(self, workspace: Workspace) -> None:
        scope, rest = workspace.scope, workspace.rest
        self._scope, self._rest = scope, rest.hurried(1)
        # Nothing that is kept on disk is looked at, nor kept there.
        self._service = Service(
            self._rest,
            scope.subscription_path,
            scope.path,
            rest.clock,
            None,
            hurried=lambda _: self._rest,
            source=workspace.source,
        )
        self._asked: list[Asked] = []

    def seen(self, seen: Seen) -> Seen:
        """What can be seen of the workspace, its region, and what stands beside it."""
        path, service = self._scope.path, self._service
        with ThreadPoolExecutor(_AT_ONCE) as pool:

            def ask(read: Callable[[], Any]) -> Future[_Answer[Any]]:
                return pool.submit(_answer, read)

            facts = ask(service.workspace)
            computes, stores = ask(service.computes), ask(service.datastores)
            jobs, roles = ask(lambda: self._rest.get(f"{path}/jobs")), ask(self._roles)
            known = facts.result().value
            location, registry = (known.location, known.registry) if known else ("", "")
            usages, caps = ask(lambda: service.usages(location)), ask(lambda: service.caps(location))
            sizes = ask(lambda: service.sizes(location, fresh=True))
            images, history = ask(lambda: service.registry(registry)), ask(lambda: self._history(known))
            held = stores.result().value or ()
            blobs = [
                (host, ask(partial(self._opened if bare else self._reached, url)))
                for host, url, bare in _hosts(held, seen)
            ]
        readings = Readings(
            subscription=self._scope.subscription_path,
            workspace=path,
            facts=facts.result().reading,
            computes=computes.result().reading,
            usages=usages.result().reading,
            caps=caps.result().reading,
            sizes=sizes.result().reading,
            registry=images.result().reading,
            studio=self._rest.wire.cloud.studio,
        )
        own = f"/workspaces/{self._scope.workspace}"
        self._note("workspace", "the workspace", own, facts)
        self._note("computes", "its computes", f"{own}/computes", computes)
        self._note("datastores", "its datastores", f"{own}/datastores", stores)
        self._note("jobs", "its jobs", f"{own}/jobs", jobs)
        self._note("permissions", "what this account may do", f"{own}/…/permissions", roles)
        if known is not None:
            self._note("usages", "quota", f"/locations/{location}/usages", usages)
            self._note("quotas", "the workspace's own limits", f"/locations/{location}/quotas", caps)
            self._note("vmSizes", "sizes", f"/locations/{location}/vmSizes", sizes)
            self._note("run-history", "run history", urlsplit(known.discovery_url).netloc, history)
        if registry:
            self._note("registry", "its container registry", registry.rpartition("/")[2], images)
        for host, found in blobs:
            self._note("storage", "whether storage is there", host, found)
        return attrs.evolve(
            seen,
            asked=tuple(self._asked),
            market=readings.market(),
            datastores=stores.result().value,
            permissions=roles.result().value,
        )

    def _note(self, name: str, what: str, of: str, answer: Future[_Answer[Any]]) -> None:
        self._asked.append(Asked.answered(name, what, of, answer.result().failure))

    def _roles(self) -> tuple[Permissions, ...]:
        path = permissions_path(self._scope.path)
        rows = items_in(self._rest.list(path, api_version=AUTHORIZATION))
        if not any(isinstance(row.get("actions"), list) for row in rows):
            # Who may ask has a role that allows it: a reply without one is no answer.
            what = f"GET {short(path)}: a reply that names no role"
            raise odd_reply(what)
        return permissions_from(rows)

    def _history(self, known: WorkspaceFacts | None) -> None:
        """Whether it answers: that there is no such run is an answer."""
        if known is None:
            return
        host = urlsplit(known.discovery_url).netloc
        if not host:
            what = f"GET {short(self._scope.path)}: a reply that doesn't say where run history is"
            raise ServiceError(what, hint="Its discoveryUrl is missing: is it still being made?", status=200)
        try:
            self._rest.get(f"https://{host}{HISTORY}{self._scope.path}/runs/{_NO_RUN}", api_version="")
        except ServiceError as error:
            if error.status != _NOT_FOUND:
                raise

    def _opened(self, url: str) -> None:
        """Whether this account may read there: nobody hands it a key."""
        self._rest.elsewhere(STORAGE_SCOPE).hurried(1).try_reading(url, _BY_TOKEN)

    def _reached(self, url: str) -> None:
        """Whether somebody answers there: without a token, a refusal is an answer."""
        try:
            self._rest.text(url)
        except ServiceError as error:
            if error.status == 0 or error.host:
                raise


def _answer(read: Callable[[], Any]) -> _Answer[Any]:
    """What it gives. Nothing that goes wrong with one GET hides what the others say."""
    try:
        found = read()
    except (NotAuthorized, ServiceError) as failure:
        return _Answer(failure=failure)
    except Exception as error:  # noqa: BLE001 - the doctor has no tracebacks
        return _Answer(failure=Unforeseen(error))
    return _Answer(found.value, found.failure) if isinstance(found, Reading) else _Answer(found)


def _hosts(stores: tuple[Datastore, ...], seen: Seen) -> list[tuple[str, str, bool]]:
    """The hosts of blob storage, a URL at each, and whether it is that of a datastore without credentials.

    `local` has its files in its folder.
    """
    if seen.folder:
        return []
    found: dict[str, Datastore] = {}
    for store in stores:
        host = f"{store.account}.blob.{store.endpoint}"
        if store.kind in _BLOBS and store.account and store.endpoint and store.container:
            found[host] = found[host] if host in found and store.keyed is not False else store
    return [
        (host, f"https://{host}/{one.container}?restype=container&comp=list&maxresults=1", one.keyed is False)
        for host, one in found.items()
    ]


def _broken(seen: Seen, name: str, error: AmlrunError | Unforeseen) -> Seen:
    what, *why = error.message.splitlines()
    check = Check(name, Level.FAILS, what, "\n".join(line.strip() for line in why), error.hint)
    return attrs.evolve(seen, broken=(*seen.broken, check))


def _machine(environment: Mapping[str, str]) -> Seen:
    """Python, the versions in use, and what says how the network is reached."""
    required = {package: _requirements(package) for package in _OURS}
    names = {*IN_USE, *(name for found in required.values() for name in required_by(found))}
    files = {name: environment.get(name, "") for name in AUTHORITIES}
    return Seen(
        python=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        versions={name: version for name in sorted(names) if (version := _version(name))},
        requirements=required,
        settings=in_between(environment, {}),
        # Path.exists raises where a folder can't be entered.
        lost=tuple(name for name, path in files.items() if path and not os.path.exists(path)),  # noqa: PTH110
    )


def _with_team(seen: Seen) -> Seen:
    """With the team's file, which counts for each job wherever the workspace is named."""
    try:
        team = read_team()
    except NotConfigured as error:
        return _broken(seen, "team-file", error)
    return attrs.evolve(seen, team=team.path, rules=tuple(team.where))


def _requirements(package: str) -> tuple[str, ...]:
    try:
        return tuple(importlib.metadata.requires(package) or ())
    except importlib.metadata.PackageNotFoundError:
        return ()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(canonical(package))
    except importlib.metadata.PackageNotFoundError:
        return ""
