"""What is read of a workspace, when, and what becomes of a reading that fails."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from amlrun._errors import NotAuthorized, ServiceError
from amlrun._offers import Source
from amlrun._readings.lookups import Lookups
from amlrun._readings.shelf import Shelf
from amlrun._readings.size_replies import packaged_sizes
from tests.core.rows import SIZE_ROW, SUBSCRIPTION, USAGE_ROWS, WORKSPACE, own
from tests.core.service import (
    COMPUTES,
    FAMILY,
    QUOTAS,
    SIZES,
    USAGES,
    WEST,
    HandClock,
    Service,
    broken,
    cluster,
    refused,
)

if TYPE_CHECKING:
    from pathlib import Path


# -- what is read, and when


def test_a_market_is_all_that_can_be_had(lookups: Lookups) -> None:
    """Sizes and quota of the workspace's own region, its computes, and what it says of itself."""
    market = lookups.market()
    assert (market.location, market.source, market.verified) == ("eastus", Source.SERVICE, True)
    assert [size.name for size in market.sizes] == ["Standard_NC4as_T4_v3"]
    assert [compute.name for compute in market.computes or ()] == ["gpu"]
    assert market.workspace == lookups.workspace()
    assert market.elsewhere == {}


def test_a_cold_look_is_two_round_trips_deep(lookups: Lookups, service: Service) -> None:
    """Workspace and computes go out together, then all that needs a region: other regions' quota too."""
    service.answers |= {COMPUTES: [cluster("gpu"), cluster("far", "West US")], WEST: USAGE_ROWS}
    service.meeting(WORKSPACE, COMPUTES)
    service.meeting(USAGES, SIZES, QUOTAS, WEST)
    market = lookups.market()
    assert market.verified
    assert [*market.elsewhere] == ["westus"]
    assert sorted(service.calls) == sorted([WORKSPACE, COMPUTES, USAGES, SIZES, QUOTAS, WEST])


def test_a_renewed_look_is_one_round_trip_deep(lookups: Lookups, service: Service, clock: HandClock) -> None:
    """The region is known: neither computes nor the workspace need be waited for."""
    lookups.look()
    clock.sleep(31)
    service.meeting(COMPUTES, USAGES, QUOTAS)
    assert lookups.market().verified
    clock.sleep(601)
    service.meeting(WORKSPACE, COMPUTES, USAGES, QUOTAS)
    assert lookups.market().verified
    service.meeting(WORKSPACE, COMPUTES, USAGES, QUOTAS, SIZES)
    assert lookups.market(fresh=True).verified


def test_readings_are_kept_for_as_long_as_they_are_good(
    lookups: Lookups, service: Service, clock: HandClock
) -> None:
    """Quota and computes are read again after 30 seconds, the workspace after 600, sizes after hours."""
    for _ in range(2):
        lookups.look()
    assert sorted(service.calls) == sorted([WORKSPACE, COMPUTES, USAGES, SIZES, QUOTAS])
    clock.sleep(31)
    lookups.look()
    assert sorted(service.calls[5:]) == sorted([COMPUTES, USAGES, QUOTAS])
    clock.sleep(570)
    lookups.look()
    assert sorted(service.calls[8:]) == sorted([WORKSPACE, COMPUTES, USAGES, QUOTAS])
    clock.sleep(7 * 3600)
    lookups.look()
    assert sorted(service.calls[12:]) == sorted([WORKSPACE, COMPUTES, USAGES, QUOTAS, SIZES])


def test_a_look_says_whether_any_of_it_was_kept(lookups: Lookups, service: Service, clock: HandClock) -> None:
    """What a refusal may rest on: all of it read since it was asked for, as `fresh` makes sure."""

    def kept(**options: Any) -> tuple[bool, bool]:
        look = lookups.look(**options)
        return look.kept, look.kept_sizes

    assert kept() == (False, False)
    assert kept() == (True, True)
    clock.sleep(31)
    assert kept() == (True, True)  # the workspace
    before = len(service.calls)
    assert kept(fresh=True, sizes=False) == (False, True)
    assert sorted(service.calls[before:]) == sorted([WORKSPACE, COMPUTES, USAGES, QUOTAS])
    before = len(service.calls)
    assert kept(fresh=True) == (False, False)
    assert sorted(service.calls[before:]) == sorted([WORKSPACE, COMPUTES, USAGES, SIZES, QUOTAS])


def test_who_asked_before_a_reading_was_begun_shares_it(lookups: Lookups, service: Service) -> None:
    """It is fresh to all of them, and none reads again; but sizes, where they were not read with it."""
    lookups.look()
    asked = lookups.begun
    assert not lookups.look(fresh=True, sizes=False, asked=asked).kept
    before = len(service.calls)
    look = lookups.look(fresh=True, sizes=False, asked=asked)
    assert (look.kept, look.kept_sizes) == (False, True)
    assert len(service.calls) == before
    assert not lookups.look(fresh=True, asked=asked).kept_sizes
    assert SIZES in service.calls[before:]


def test_a_reading_that_used_what_was_kept_is_not_fresh(lookups: Lookups, clock: HandClock) -> None:
    """Though it was begun after the question: what the workspace says of itself is older."""
    lookups.look()
    clock.sleep(31)
    asked = lookups.begun
    assert lookups.look(asked=asked).kept
    assert not lookups.look(fresh=True, sizes=False, asked=asked).kept


def test_threads_that_ask_at_once_read_once(lookups: Lookups, service: Service) -> None:
    """Many submissions at once share one reading."""
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(lookups.market().verified)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    assert sorted(service.calls) == sorted([WORKSPACE, COMPUTES, USAGES, SIZES, QUOTAS])


def test_a_workspaces_own_limit_is_in_the_market(lookups: Lookups, service: Service) -> None:
    """With what its clusters in the region hold, which is the least that is used; elsewhere is elsewhere."""
    service.answers |= {
        QUOTAS: [own(WORKSPACE, FAMILY, 12), own(WORKSPACE, "standardNewFamily", 0)],
        COMPUTES: [cluster("gpu", nodes=2), cluster("far", "westus", nodes=3)],
        WEST: USAGE_ROWS,
    }
    quota = lookups.market().quota
    assert quota is not None
    families = {family.name: family.workspace for family in quota.families if family.workspace}
    assert {name: (limit.limit, limit.used) for name, limit in families.items()} == {
        FAMILY: (12, 8),
        "standardNewFamily": (0, 0),
    }


# -- what can't be read


def test_a_data_scientist_gets_the_packaged_sizes(
    lookups: Lookups, service: Service, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    """403 on quota and sizes is usual: the packaged tables stand in, unverified, and one line says why."""
    service.answers |= {USAGES: refused(), SIZES: refused(), QUOTAS: refused()}
    with caplog.at_level(logging.INFO, logger="amlrun"):
        look = lookups.look()
        clock.sleep(31)
        assert lookups.look().readings.unread() == look.readings.unread()
    market = look.market
    assert (market.source, market.quota, market.sizes) == (Source.PACKAGED, None, packaged_sizes())
    (line,) = look.readings.unread()
    assert caplog.messages == [f"{line}."]
    assert "Microsoft.MachineLearningServices/locations/{usages,quotas,vmSizes}/read" in line
    assert SUBSCRIPTION in line
    assert "Reader" in line


@pytest.mark.parametrize("failure", [refused(), broken()])
@pytest.mark.parametrize("path", [USAGES, SIZES, QUOTAS, COMPUTES, WEST])
def test_each_failure_costs_only_what_it_fails(
    lookups: Lookups, service: Service, clock: HandClock, path: str, failure: Exception
) -> None:
    """Whichever look-up fails: the rest is there, one line tells of it, and it is asked again soon."""
    service.answers |= {COMPUTES: [cluster("far", "westus")], WEST: USAGE_ROWS}
    whole = service.answers[path]
    service.answers[path] = failure
    look = lookups.look()
    market = look.market
    assert (market.quota is None) == (path == USAGES)
    assert (market.source is Source.PACKAGED) == (path == SIZES)
    assert (market.computes is None) == (path == COMPUTES)
    assert ("westus" in market.elsewhere) == (path not in (COMPUTES, WEST))
    (line,) = look.readings.unread()
    assert ("504: Service invocation timed out" in line) == isinstance(failure, ServiceError)
    service.answers[path] = whole
    clock.sleep(31)
    assert lookups.look().readings.unread() == ()


@pytest.mark.parametrize("junk", [[{}], ["x", None, 3], [{"name": "x", "limit": "y"}], []])
def test_junk_is_a_look_up_that_failed(lookups: Lookups, service: Service, junk: list[Any]) -> None:
    """Rows of which nothing can be understood are no quota and no sizes; computes have a name."""
    service.answers |= {USAGES: junk, SIZES: junk, QUOTAS: junk, COMPUTES: junk}
    look = lookups.look()
    market = look.market
    assert (market.quota, market.source) == (None, Source.PACKAGED)
    assert [compute.name for compute in market.computes or ()] in ([], ["x"])
    assert len(look.readings.unread()) == 2


@pytest.mark.parametrize(
    ("failure", "way_out"),
    [
        (refused(), "AzureML Data Scientist"),
        (ServiceError("404 ResourceNotFound", status=404), f"right subscription? {WORKSPACE}"),
        (ServiceError("404", status=404, service_code="SubscriptionNotFound"), "az account list"),
        (ServiceError("400", hint="later", status=400), "later"),
    ],
)
def test_without_the_workspace_there_is_no_answer(
    lookups: Lookups, service: Service, failure: NotAuthorized | ServiceError, way_out: str
) -> None:
    """Whoever may not see it, or misspelt it: the error says what to do, and is not remembered."""
    workspace = service.answers[WORKSPACE]
    service.answers[WORKSPACE] = failure
    with pytest.raises(type(failure)) as caught:
        lookups.look()
    assert way_out in caught.value.hint
    service.answers[WORKSPACE] = workspace
    assert lookups.market().verified


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_fault_of_the_workspace_passes(
    lookups: Lookups, service: Service, clock: HandClock, status: int
) -> None:
    """Where it is isn't known for now: computes are read, quota is not, and sizes are the packaged ones."""
    workspace = service.answers[WORKSPACE]
    service.answers[WORKSPACE] = ServiceError("no", status=status)
    look = lookups.look()
    market = look.market
    assert (market.location, market.quota, market.source) == ("", None, Source.PACKAGED)
    assert [compute.name for compute in market.computes or ()] == ["gpu"]
    assert look.readings.unread() == ("looking up the workspace failed: no",)
    assert sorted(service.calls) == sorted([WORKSPACE, COMPUTES, USAGES])  # of the cluster's region
    service.answers[WORKSPACE] = workspace
    clock.sleep(31)
    assert lookups.market().source is Source.SERVICE


def test_a_workspace_that_was_read_is_known(lookups: Lookups, service: Service) -> None:
    """When it can't be read again, where it is has not changed."""
    lookups.look()
    service.answers[WORKSPACE] = broken()
    assert lookups.look(fresh=True).market.location == "eastus"


def test_what_a_workspace_says_of_itself_is_read_again(
    lookups: Lookups, service: Service, clock: HandClock
) -> None:
    """After ten minutes; where it is never changes: for that nothing is sent."""
    lookups.look()
    service.answers[WORKSPACE] = {
        "name": "ws",
        "location": "eastus",
        "properties": {"workspaceId": "w-1", "publicNetworkAccess": "Disabled"},
    }
    clock.sleep(571)
    facts = lookups.market().workspace
    assert facts is not None
    assert facts.public_access
    clock.sleep(31)
    before = service.calls.count(WORKSPACE)
    facts = lookups.market().workspace
    assert facts is not None
    assert not facts.public_access
    clock.sleep(7 * 3600)
    assert lookups.workspace() == facts
    assert service.calls.count(WORKSPACE) == before + 1


def test_another_workspace_of_the_same_name_is_read_where_it_is(
    lookups: Lookups, service: Service, clock: HandClock
) -> None:
    """Deleted, and made again in another region: nothing of the first one's is told of it."""
    lookups.look()
    moved = {path.replace("eastus", "westus"): answer for path, answer in service.answers.items()}
    workspace = {"name": "ws", "location": "westus", "properties": {"workspaceId": "w-2"}}
    service.answers = {**service.answers, **moved, WORKSPACE: workspace}
    clock.sleep(601)
    before = len(service.calls)
    market = lookups.market()
    assert market.quota is not None
    assert (market.location, market.quota.location) == ("westus", "westus")
    assert SIZES.replace("eastus", "westus") in service.calls[before:]


# -- what is kept on disk


def of_another_process(service: Service, clock: HandClock, folder: Path) -> Lookups:
    """Look-ups that know nothing but the folder."""
    return Lookups(service, SUBSCRIPTION, WORKSPACE, clock, folder)


def test_sizes_are_there_for_the_next_process(service: Service, clock: HandClock, tmp_path: Path) -> None:
    """It doesn't ask for them, knows that they were kept, and keeps them no longer than the first would."""
    first = of_another_process(service, clock, tmp_path).market()
    clock.sleep(5 * 3600)
    service.calls.clear()
    second = of_another_process(service, clock, tmp_path)
    look = second.look()
    assert SIZES not in service.calls
    assert (look.market.sizes, look.market.source, look.kept_sizes) == (first.sizes, Source.SERVICE, True)
    clock.sleep(3600)
    second.look()
    assert SIZES in service.calls


def test_a_fresh_look_reads_sizes_and_keeps_them_anew(
    service: Service, clock: HandClock, tmp_path: Path
) -> None:
    """A refusal never rests on what is on disk; and the next process has the new ones."""
    of_another_process(service, clock, tmp_path).look()
    service.answers[SIZES] = [{**SIZE_ROW, "name": "Standard_New"}]
    for fresh in (True, False):
        market = of_another_process(service, clock, tmp_path).market(fresh=fresh)
        assert [size.name for size in market.sizes] == ["Standard_New"]
    assert service.calls.count(SIZES) == 2


def test_what_was_refused_is_not_kept_on_disk(service: Service, clock: HandClock, tmp_path: Path) -> None:
    """Nor is anything but sizes and prices: whoever has the right asks."""
    service.answers[SIZES] = refused()
    of_another_process(service, clock, tmp_path).look()
    assert list(tmp_path.iterdir()) == []
    service.answers[SIZES] = [SIZE_ROW]
    of_another_process(service, clock, tmp_path).look()
    (file,) = tmp_path.iterdir()
    text = file.read_text() + file.name
    assert "Standard_NC4as_T4_v3" in text
    assert not any(word in text for word in ("0000-0000", "/ws", '"gpu"', "eastus", "Total"))


def test_rows_on_disk_that_are_no_sizes_are_read_anew(
    service: Service, clock: HandClock, tmp_path: Path
) -> None:
    """Whatever wrote them."""
    Shelf.of(tmp_path, SUBSCRIPTION, "eastus").put([{"name": "x"}], clock.now())
    assert of_another_process(service, clock, tmp_path).market().source is Source.SERVICE
    assert SIZES in service.calls
