"""The look-ups of one workspace and its region, each by itself: which path, and what is made of the reply.

Nothing is kept here but on disk. What replies look like is in `size_replies`, `quota_replies` and
`workspace_replies`; a `Reader` sends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from amlrun._error_replies import odd_reply
from amlrun._errors import NotAuthorized, ServiceError
from amlrun._readings.json_values import items_in, object_in, text_in
from amlrun._readings.quota_replies import quota_from, workspace_caps_from
from amlrun._readings.reading import Reading
from amlrun._readings.shelf import Shelf
from amlrun._readings.size_replies import kept_rows, sizes_from
from amlrun._readings.workspace_replies import (
    compute_from,
    datastore_from,
    registry_from,
    workspace_from,
)
from amlrun._roles import Role

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from amlrun._clock import Clock
    from amlrun._offers import Compute, Datastore, Quota, RegistryFacts, Size, WorkspaceFacts

_PROVIDER = "providers/Microsoft.MachineLearningServices"
_API_VERSION = "2024-04-01"
_WORKSPACE_API_VERSION = "2024-01-01-preview"
"""What tells how the workspace's own datastores are opened; no stable version of that time does."""
_REGISTRY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry/registries/[^/]+",
    re.IGNORECASE,
)
_REGISTRY_API_VERSION = "2023-07-01"
SIZES_LAST = 6 * 3600.0
"""Seconds."""
_BAD_REQUEST, _NOT_FOUND = 400, 404

T = TypeVar("T")


class Reader(Protocol):
    """How the service is read: `_rest.Rest` is one. Paths start with `/subscriptions/`.

    Both raise `NotAuthorized` (401, 403) and `ServiceError` (anything else that isn't an answer).
    """

    def get(self, path: str, *, api_version: str = _API_VERSION) -> dict[str, Any]:
        """One JSON object."""

    def list(self, path: str) -> list[dict[str, Any]]:
        """All items of all pages."""


class Service:
    """One workspace as it is read. `subscription` and `workspace` are ARM ids, `cache` the folder on disk.

    `hurried` gives the same reader with so many calls for each request, and little patience. `source` is
    where it is said that it is this workspace.
    """

    def __init__(
        self,
        rest: Reader,
        subscription: str,
        workspace: str,
        clock: Clock,
        cache: Path | None,
        *,
        hurried: Callable[[int], Reader] | None,
        source: str = "",
    ) -> None:
        self.subscription, self.path, self._source = subscription, workspace, source
        self._rest, self._clock, self._cache = rest, clock, cache
        # All but the workspace can be done without: a plan doesn't wait for minutes to be told of it.
        self._optional, self._once = (hurried(2), hurried(1)) if hurried else (rest, rest)

    def workspace(self) -> WorkspaceFacts:
        """What it says of itself. Raises `NotAuthorized` and `ServiceError`, with the way out."""
        try:
            facts = workspace_from(self._workspace())
        except NotAuthorized as error:
            if error.signed_in:
                raise self._not_for_us(error) from error
            raise
        except ServiceError as error:
            if error.status == _NOT_FOUND:
                raise self._not_there(error) from error
            raise
        if not facts.location:  # it would be kept for minutes
            what = f"GET {self.path}: a reply that is no workspace"
            raise odd_reply(what)
        return facts

    def _not_for_us(self, error: NotAuthorized) -> NotAuthorized:
        message = f"This account may not read {self._named()}, or there is none: {error.message}"
        role = f"Whoever sends jobs needs the role {Role.DATA_SCIENTIST} on {self.path}."
        return error.reworded(message=message, hint=error.hint or role)

    def _not_there(self, error: ServiceError) -> ServiceError:
        subscription = self.path.split("/")[2]
        known = f"`az ml workspace list --subscription {subscription}` lists those that you may see."
        hint = f"Is this its name, and the right subscription? {self.path}\n{known}"
        if "SubscriptionNotFound" in error.service_code:
            hint = (
                "Is it the right one, of the tenant that you are signed in to? `az account list` names yours."
            )
        return error.reworded(message=f"There is no {self._named()}: {error.message}", hint=hint)

    def _named(self) -> str:
        _, _, subscription, _, group, *_, workspace = self.path.split("/")
        source = f" (named by {self._source})" if self._source else ""
        return f"workspace {workspace} in resource group {group} of subscription {subscription}{source}"

    def _workspace(self) -> dict[str, Any]:
        # Assumed: an API version that is no longer served is a 400, and the stable one has the rest.
        try:
            return self._rest.get(self.path, api_version=_WORKSPACE_API_VERSION)
        except ServiceError as error:
            if error.status != _BAD_REQUEST:
                raise
            return self._rest.get(self.path)

    def registry(self, path: str) -> Reading[RegistryFacts]:
        """The workspace's container registry, by its ARM id; it may be anywhere. Asked once: it is no matter.

        https://learn.microsoft.com/rest/api/containerregistry/registries/get
        """
        if not _REGISTRY.fullmatch(path):
            return Reading()
        try:
            return Reading(registry_from(self._once.get(path, api_version=_REGISTRY_API_VERSION)))
        except (NotAuthorized, ServiceError) as failure:
            return Reading(failure=failure)

    def computes(self) -> Reading[tuple[Compute, ...]]:
        """All of the workspace's."""

        def parse(rows: Sequence[dict[str, Any]]) -> tuple[Compute, ...]:
            return tuple(compute for compute in map(compute_from, rows) if compute.name)

        return self._reading(f"{self.path}/computes", parse)

    def datastores(self) -> Reading[tuple[Datastore, ...]]:
        """All of the workspace's, without what opens them. Asked once: they stop no job.

        https://learn.microsoft.com/rest/api/azureml/datastores/list
        """
        try:
            rows = items_in(self._once.list(f"{self.path}/datastores"))
        except (NotAuthorized, ServiceError) as failure:
            return Reading(failure=failure)
        return Reading(tuple(store for store in map(datastore_from, rows) if store.name))

    def versions(self, environment: str) -> tuple[str, ...] | None:
        """Those of an environment, the newest first, () where there are none; None: that can't be read."""
        try:
            rows = items_in(self._once.list(f"{self.path}/environments/{environment}/versions"))
        except ServiceError as failure:
            return () if failure.status == _NOT_FOUND else None
        except NotAuthorized:
            return None
        return tuple(str(row.get("name") or "") for row in rows)

    def is_missing(self, environment: str, version: str) -> bool:
        """Whether this version of an environment isn't there: what can't be read is taken to be there."""
        try:
            self._once.get(f"{self.path}/environments/{environment}/versions/{version}")
        except ServiceError as failure:
            return failure.status == _NOT_FOUND
        except NotAuthorized:
            return False
        return False

    def usages(self, location: str) -> Reading[Quota]:
        """A region's quota, and what is used of it. Of none ("") nothing is read, nor of caps."""

        def parse(rows: Sequence[dict[str, Any]]) -> Quota | None:
            quota = quota_from(location, rows)
            return quota if quota.families or quota.dedicated_total or quota.spot_total else None

        return self._reading(self._in_region(location, "usages"), parse)

    def caps(self, location: str) -> Reading[Mapping[str, int]]:
        """The workspace's own limits there."""

        def parse(rows: Sequence[dict[str, Any]]) -> Mapping[str, int]:
            return workspace_caps_from(self.path, rows)

        return self._reading(self._in_region(location, "quotas"), parse)

    def sizes(self, location: str, *, fresh: bool) -> Reading[tuple[Size, ...]]:
        """A region's sizes, from disk where they are there and need not be `fresh`."""
        shelf = None if self._cache is None else Shelf.of(self._cache, self.subscription, location)
        kept = None if shelf is None or fresh else shelf.take(self._clock.now(), SIZES_LAST)
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

    def status(self, job: str, failed: threading.Event) -> str | None:
        """A job's state, "" where it is gone; None where that can't be found out.

        Nobody is asked after once the service has `failed` to say.
        """
        if failed.is_set():
            return None
        try:
            found = self._once.get(f"{self.path}/jobs/{job}")
        except NotAuthorized:
            return None
        except ServiceError as error:
            if error.status == _NOT_FOUND:
                return ""
            failed.set()
            return None
        return text_in(object_in(found.get("properties")).get("status")) or None

    def _in_region(self, location: str, what: str) -> str:
        return location and f"{self.subscription}/{_PROVIDER}/locations/{location}/{what}"

    def _reading(self, path: str, parse: Callable[[Sequence[dict[str, Any]]], T | None]) -> Reading[T]:
        """A list as a value; None: nothing can be made of it, which is a failure."""
        if not path:
            return Reading()
        try:
            value = parse(items_in(self._optional.list(path)))
        except (NotAuthorized, ServiceError) as failure:
            return Reading(failure=failure)
        if value is None:
            what = path.rpartition("/")[2]
            return Reading(failure=ServiceError(f"{what}: no row of the reply can be understood"))
        return Reading(value)
