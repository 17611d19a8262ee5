"""Environments that a job names by their versions: whether they are there, before its code is uploaded."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs

from amlrun._errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amlrun._clock import Clock
    from amlrun._readings.service import Service

_NAMED = re.compile(
    r"(?:azureml:)?(?:(?P<workspace>/subscriptions/.+)/environments/(?P<name>[^/]+)/versions/(?P<version>[^/]+)"
    r"|(?P<short>[A-Za-z0-9._-]+):(?P<of_short>[^:/@\s]+))",
    re.IGNORECASE,
)
_CURATED = "azureml-"
"""How the names of the service's own ones begin."""
_LASTS = 600.0
_MOST = 5
_AT_ONCE = 8


@attrs.frozen
class Version:
    """A version of an environment of the workspace."""

    name: str
    version: str

    @classmethod
    def said(cls, environment: object, workspace: str) -> Version | None:
        """What a job means by its environment; None: one of another place, by a label, or no name at all."""
        found = _NAMED.fullmatch(environment.strip()) if isinstance(environment, str) else None
        if found is None or (found["workspace"] or workspace).lower() != workspace.lower():
            return None
        name, version = found["name"] or found["short"], found["version"] or found["of_short"]
        return None if name.lower().startswith(_CURATED) else cls(name, version)


class Environments:
    """Those that were seen to be there, each for ten minutes. Safe to share between threads."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service, self._clock = service, clock
        self._seen: dict[Version, float] = {}

    def check(self, said: Mapping[str, object]) -> None:
        """By the paths of the steps that name them ("": the job itself). One request for each that is new.

        Raises `InvalidRequest` for one that isn't there.
        """
        named = {path: Version.said(one, self._service.path) for path, one in said.items()}
        now = self._clock.now()
        new = [
            one for one in dict.fromkeys(named.values()) if one is not None and not self._is_known(one, now)
        ]
        if not new:
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            missing = list(pool.map(lambda one: self._service.is_missing(one.name, one.version), new))
        for one, is_missing in zip(new, missing, strict=True):
            if is_missing:
                raise self._refused(next(path for path, other in named.items() if other == one), one)
            self._seen[one] = now

    def _is_known(self, one: Version, now: float) -> bool:
        return 0 <= now - self._seen.get(one, -_LASTS) < _LASTS

    def _refused(self, path: str, one: Version) -> InvalidRequest:
        there = self._service.versions(one.name)
        more = ", …" if len(there or ()) > _MOST else ""
        hint = (
            f"Its versions: {', '.join(there[:_MOST])}{more}."
            if there
            else "client.environments.list() tells those that are there; so does the studio."
        )
        what = "no environment of that name" if there == () else f"no version {one.version} of it"
        step = f"The step {path}: " if path else ""
        message = f"{step}environment='{one.name}:{one.version}': the workspace has {what}"
        return InvalidRequest(message, argument="environment", hint=hint)
