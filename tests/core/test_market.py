from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from amlrun._errors import NotAuthorized, ServiceError
from amlrun._market import Lookups
from amlrun._offers import Source
from amlrun._replies import packaged_sizes
from tests.core.rows import SIZE_ROW, SUBSCRIPTION, USAGE_ROWS, WORKSPACE

LOCATION = f"{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/eastus"
USAGES, SIZES, COMPUTES = f"{LOCATION}/usages", f"{LOCATION}/vmSizes", f"{WORKSPACE}/computes"


class Service:
    """Answers as ARM does, from a table; counts the calls, and how many were under way at once."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            WORKSPACE: {"name": "ws", "location": "eastus", "properties": {"workspaceId": "w-1"}},
            USAGES: USAGE_ROWS,
            SIZES: [SIZE_ROW],
            COMPUTES: [{"name": "gpu", "properties": {"computeType": "AmlCompute"}}],
        }
        self.calls: list[str] = []
        self.meet: threading.Barrier | None = None

    def get(self, path: str) -> dict[str, Any]:
        """One object."""
        return dict(self._answer(path))

    def list(self, path: str) -> list[dict[str, Any]]:
        """All rows."""
        return [*self._answer(path)]

    def _answer(self, path: str) -> Any:
        self.calls.append(path)
        if self.meet is not None:
            self.meet.wait(timeout=30)
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


@pytest.fixture
def service() -> Service:
    """A service that answers everything."""
    return Service()


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands still."""
    return HandClock()


@pytest.fixture
def lookups(service: Service, clock: HandClock) -> Lookups:
    """Nothing read yet."""
    return Lookups(service, SUBSCRIPTION, WORKSPACE, clock)


def refused() -> NotAuthorized:
    """What a Data Scientist gets for a subscription's path."""
    return NotAuthorized("not allowed", scope=SUBSCRIPTION, service_code="AuthorizationFailed")


def test_a_market_is_the_regions_sizes_and_quota(lookups: Lookups) -> None:
    """What is read is the workspace's own region, from the service."""
    market = lookups.market()
    assert (market.location, market.source, market.verified) == ("eastus", Source.SERVICE, True)
    assert [size.name for size in market.sizes] == ["Standard_NC4as_T4_v3"]
    assert lookups.quota() == market.quota


def test_readings_are_kept_for_as_long_as_they_are_good(
    lookups: Lookups, service: Service, clock: HandClock
) -> None:
    """Quota and computes are read again after 30 seconds, sizes after hours, the workspace never."""
    for _ in range(2):
        lookups.look()
    assert sorted(service.calls) == sorted([WORKSPACE, COMPUTES, USAGES, SIZES])
    clock.sleep(31)
    lookups.look()
    assert sorted(service.calls[4:]) == sorted([COMPUTES, USAGES])
    clock.sleep(7 * 3600)
    lookups.look()
    assert sorted(service.calls[6:]) == sorted([COMPUTES, USAGES, SIZES])


def test_fresh_readings_are_read_at_once(lookups: Lookups, service: Service) -> None:
    """`fresh` reads quota, sizes and computes again, whatever is kept."""
    lookups.look()
    lookups.look(fresh=True)
    assert sorted(service.calls[4:]) == sorted([COMPUTES, USAGES, SIZES])


def test_a_cold_plan_is_two_round_trips_deep(lookups: Lookups, service: Service) -> None:
    """Four look-ups go out in two pairs, each pair at the same time: one alone would wait here for ever."""
    service.meet = threading.Barrier(2)
    market, computes = lookups.look()
    assert market.verified
    assert [compute.name for compute in computes] == ["gpu"]
    assert {*service.calls[:2]} == {WORKSPACE, COMPUTES}
    assert {*service.calls[2:]} == {USAGES, SIZES}


def test_threads_that_ask_at_once_read_once(lookups: Lookups, service: Service) -> None:
    """Many submissions at once share one reading."""
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(lookups.market().verified)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert sorted(service.calls) == sorted([WORKSPACE, USAGES, SIZES])


def test_a_data_scientist_gets_the_packaged_sizes(
    lookups: Lookups, service: Service, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """403 on quota and sizes is usual: the packaged tables stand in, unverified, and one line says why."""
    service.answers |= {USAGES: refused(), SIZES: refused()}
    with caplog.at_level(logging.INFO, logger="amlrun"):
        market = lookups.market()
        clock.sleep(31)
        lookups.market()
    assert (market.source, market.quota, market.sizes) == (Source.PACKAGED, None, packaged_sizes())
    (line,) = caplog.messages
    assert "Microsoft.MachineLearningServices/locations/usages/read" in line
    assert "Microsoft.MachineLearningServices/locations/vmSizes/read" in line
    assert SUBSCRIPTION in line
    assert "Reader" in line
    with pytest.raises(NotAuthorized):
        lookups.quota()


def test_sizes_may_be_readable_where_quota_is_not(lookups: Lookups, service: Service) -> None:
    """Each refusal costs only what it refuses."""
    service.answers[USAGES] = refused()
    market = lookups.market()
    assert (market.source, market.verified, len(market.sizes)) == (Source.SERVICE, False, 1)


def test_quota_may_be_readable_where_sizes_are_not(lookups: Lookups, service: Service) -> None:
    """Without the region's sizes, the packaged ones are held against the real quota."""
    service.answers[SIZES] = refused()
    market = lookups.market()
    assert (market.source, market.verified) == (Source.PACKAGED, True)


def test_a_failed_look_up_never_stops_a_job(
    lookups: Lookups, service: Service, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """When the service fails, the plan goes on unverified, says what failed, and looks again soon."""
    service.answers[SIZES] = ServiceError("504: Service invocation timed out", status=504)
    with caplog.at_level(logging.INFO, logger="amlrun"):
        assert lookups.market().source is Source.PACKAGED
    assert "504: Service invocation timed out" in caplog.text
    service.answers[SIZES] = [SIZE_ROW]
    clock.sleep(31)
    assert lookups.market().source is Source.SERVICE


def test_without_the_workspace_there_is_no_answer(lookups: Lookups, service: Service) -> None:
    """A workspace or computes that can't be read are errors, and are not remembered."""
    workspace = service.answers[WORKSPACE]
    service.answers[WORKSPACE] = refused()
    with pytest.raises(NotAuthorized):
        lookups.market()
    service.answers |= {WORKSPACE: workspace, COMPUTES: ServiceError("502", status=502)}
    assert lookups.market().verified
    with pytest.raises(ServiceError):
        lookups.computes()
