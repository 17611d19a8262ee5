from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from amlrun import _catalogue
from amlrun._errors import NotAuthorized, ServiceError
from amlrun._market import Lookups
from amlrun._offers import FamilyQuota, Limit, Source
from amlrun._replies import packaged_sizes, quota_from, size_from, sizes_from

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
WORKSPACE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
LOCATION = f"{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/eastus"
USAGES, SIZES, COMPUTES = f"{LOCATION}/usages", f"{LOCATION}/vmSizes", f"{WORKSPACE}/computes"


def usage(name: str, kind: str, limit: int | None, used: int | None) -> dict[str, Any]:
    """One row in the exact form that the service sends."""
    return {
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": name, "localizedValue": name},
        "type": f"Microsoft.MachineLearningServices/{kind}/usages",
        "id": SUBSCRIPTION,
    }


T4_ROWS = [
    usage("Standard NCASv3_T4 Family", "vmFamily/dedicatedCores", 16, 12),
    usage("Standard NCASv3_T4 Family", "vmFamily/lowPriorityCores", -1, 4),
]
USAGE_ROWS = [
    usage("TotalClusters", "totalClusters", 200, 3),
    usage("TotalDedicatedCores", "totalDedicatedCores", 100, 40),
    *T4_ROWS,
    usage("TotalLowPriorityCores", "totalLowPriorityCores", 0, 4),
    usage("standardHBFamily", "vmFamily/lowPriorityCores", -1, 0),
]
SIZE_ROW: dict[str, Any] = {
    "name": "Standard_NC4as_T4_v3",
    "family": "Standard NCASv3_T4 Family",
    "vCPUs": 4,
    "gpus": 1,
    "memoryGB": 28.0,
    "osVhdSizeMB": 1047552,
    "maxResourceVolumeMB": 180224,
    "lowPriorityCapable": True,
    "premiumIO": True,
    "supportedComputeTypes": ["AmlCompute", "MIR"],
    "estimatedVMPrices": {
        "billingCurrency": "USD",
        "unitOfMeasure": "OneHour",
        "values": [
            {"retailPrice": 0.1, "osType": "Linux", "vmTier": "LowPriority"},
            {"retailPrice": 0.71, "osType": "Windows", "vmTier": "Standard"},
            {"retailPrice": 0.53, "osType": "Linux", "vmTier": "Standard"},
        ],
    },
}


def test_a_familys_two_rows_are_told_apart_by_type() -> None:
    """One name, two rows: `type` says which is dedicated, and -1 is a count without a cap."""
    quota = quota_from("eastus", USAGE_ROWS)
    name = "Standard NCASv3_T4 Family"
    assert quota.family("standardncasv3_t4family") == FamilyQuota(
        name, Limit(name, 16, 12), Limit(name, None, 4)
    )
    assert quota.family("standardHBFamily") == FamilyQuota(
        "standardHBFamily", None, Limit("standardHBFamily", None, 0)
    )
    assert quota.dedicated_total == Limit("TotalDedicatedCores", 100, 40)
    assert quota.spot_total == Limit("TotalLowPriorityCores", 0, 4)


def test_quota_does_not_depend_on_the_order_of_rows() -> None:
    """Rows come in any order; of two spellings of one family the tighter limit is believed."""
    rows = [
        *USAGE_ROWS,
        usage("standardNCASv3_T4Family", "vmFamily/dedicatedCores", 8, 0),
        usage("STANDARDHBFamily", "vmFamily/lowPriorityCores", -1, 0),
    ]
    quota = quota_from("eastus", rows)
    assert quota == quota_from("eastus", rows[::-1])
    family = quota.family("standardNCASv3_T4Family")
    assert family is not None
    assert family.dedicated == Limit("standardNCASv3_T4Family", 8, 0)


def test_half_empty_usages_are_read_for_what_they_have() -> None:
    """A null limit is no cap, a null use is none, and rows without a name or a type break nothing."""
    quota = quota_from(
        "eastus",
        [usage("f", "vmFamily/dedicatedCores", None, None), {"limit": 3}, {"name": None, "type": None}],
    )
    assert quota.families == (FamilyQuota("f", Limit("f", None, 0)),)
    assert quota.dedicated_total is None


def test_a_size_is_read_with_its_linux_prices() -> None:
    """Cores, memory, GPUs, disk in GB, the model from the name, and the Linux price of each tier."""
    size = size_from(SIZE_ROW)
    assert size is not None
    assert (size.cpus, size.gpus, size.gpu, size.memory_gb, size.disk_gb) == (4, 1, "T4", 28.0, 176.0)
    assert (size.price, size.spot_price, size.price_source) == (0.53, 0.1, "service")
    assert size.for_jobs
    assert size.spot_hint


def test_of_two_prices_for_one_tier_the_lower_counts() -> None:
    """The service sends two Linux prices for some sizes; the higher one is the Windows price."""
    found = {size.name: size for size in packaged_sizes()}["Standard_D16ads_v5"]
    assert (found.price, found.spot_price) == (0.82, 0.16)


def test_a_missing_price_is_taken_from_the_list() -> None:
    """Whole families come without prices: the list price stands in, named; spot stays unknown."""
    found = {size.name: size for size in packaged_sizes()}["Standard_DS3_v2"]
    assert (found.price, found.spot_price) == (0.293, None)
    assert found.price_source == _catalogue.LIST_PRICES


def test_a_price_in_another_currency_is_not_taken_for_dollars() -> None:
    """Prices are USD; in any other currency the list price stands in."""
    size = size_from({**SIZE_ROW, "estimatedVMPrices": {"billingCurrency": "EUR", "values": [{}]}})
    assert size is not None
    assert size.spot_price is None
    assert size.price_source == _catalogue.LIST_PRICES


def test_what_is_only_for_endpoints_is_not_for_jobs() -> None:
    """A size without AmlCompute among its compute types can't be used by jobs."""
    sizes = {size.name: size for size in packaged_sizes()}
    assert not sizes["Standard_NV6ads_A10_v5"].for_jobs
    assert sizes["Standard_NC64as_T4_v3"].spot_hint is False
    assert len(sizes) == len(_catalogue.vm_sizes())


def test_a_half_empty_size_is_read_for_what_it_has() -> None:
    """Null figures are zero; what has no name or no vCPUs can't be counted with, and is left out."""
    null = dict.fromkeys(SIZE_ROW)
    found = sizes_from([{**null, "name": "Standard_New", "vCPUs": 2}, {**null, "name": "x"}, null])
    (size,) = found
    assert (size.name, size.memory_gb, size.gpus, size.gpu, size.price) == (
        "Standard_New",
        0.0,
        0,
        None,
        None,
    )
    assert size.for_jobs
    assert size.price_source == ""


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
