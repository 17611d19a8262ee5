"""The service, as a table of answers: for tests of what is asked, and of what becomes of the answers."""

from __future__ import annotations

import threading
from typing import Any

from amlrun._errors import NotAuthorized, ServiceError
from tests.core.rows import SIZE_ROW, SUBSCRIPTION, USAGE_ROWS, WORKSPACE

LOCATION = f"{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/eastus"
USAGES, SIZES, QUOTAS = f"{LOCATION}/usages", f"{LOCATION}/vmSizes", f"{LOCATION}/quotas"
COMPUTES, WEST = f"{WORKSPACE}/computes", USAGES.replace("eastus", "westus")
FAMILY: str = SIZE_ROW["family"]


def cluster(name: str, location: str = "eastus", nodes: int = 1) -> dict[str, Any]:
    """A row of computes."""
    inner = {"vmSize": "STANDARD_NC4AS_T4_V3", "currentNodeCount": nodes}
    return {
        "name": name,
        "properties": {"computeType": "AmlCompute", "computeLocation": location, "properties": inner},
    }


class Service:
    """Answers as ARM does, from a table; counts the calls, and lets those in `meet` wait for each other."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            WORKSPACE: {"name": "ws", "location": "eastus", "properties": {"workspaceId": "w-1"}},
            USAGES: USAGE_ROWS,
            QUOTAS: [],
            SIZES: [SIZE_ROW],
            COMPUTES: [cluster("gpu")],
        }
        self.calls: list[str] = []
        self.versions: dict[str, str] = {}
        self.meet: dict[str, threading.Barrier] = {}

    def get(self, path: str, *, api_version: str = "") -> dict[str, Any]:
        """One object."""
        self.versions[path] = api_version
        return dict(self._answer(path))

    def list(self, path: str) -> list[dict[str, Any]]:
        """All rows."""
        return [*self._answer(path)]

    def meeting(self, *paths: str) -> None:
        """From now on these come only together: one alone waits, and fails."""
        barrier = threading.Barrier(len(paths))
        self.meet |= dict.fromkeys(paths, barrier)

    def _answer(self, path: str) -> Any:
        self.calls.append(path)
        if path in self.meet:
            self.meet[path].wait(timeout=30)
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        return answer


class HandClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        """What was set."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Set it on."""
        self.time += seconds


def refused() -> NotAuthorized:
    """What a Data Scientist gets for a subscription's path."""
    return NotAuthorized("not allowed", scope=SUBSCRIPTION, service_code="AuthorizationFailed")


def broken() -> ServiceError:
    """What nobody gets for long."""
    return ServiceError("504: Service invocation timed out", status=504)
