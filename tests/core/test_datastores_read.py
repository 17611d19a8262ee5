"""The workspace's datastores: when they are read, and that they hold nobody up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from amlrun._offers import Datastore
from amlrun._readings.lookups import Lookups
from amlrun._readings.workspace_replies import datastore_from
from tests.core.rows import SUBSCRIPTION, WORKSPACE
from tests.core.service import COMPUTES, HandClock, Service, broken, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASTORES = f"{WORKSPACE}/datastores"
ROW = {
    "name": "lake",
    "properties": {
        "datastoreType": "AzureBlob",
        "accountName": "acme",
        "containerName": "files",
        "endpoint": "core.windows.net",
        "credentials": {"credentialsType": "None"},
    },
}
LAKE = Datastore(
    name="lake",
    kind="AzureBlob",
    credentials="None",
    account="acme",
    endpoint="core.windows.net",
    container="files",
)


@pytest.fixture(autouse=True)
def datastores(service: Service) -> None:
    """The workspace has some."""
    service.answers[DATASTORES] = [ROW, {"name": ""}]


def test_they_are_read_beside_the_market(lookups: Lookups, service: Service) -> None:
    """Both are under way at once."""
    service.meeting(DATASTORES, COMPUTES)
    found = lookups.datastores()
    assert lookups.market().location == "eastus"
    assert found().value == (LAKE,)


@pytest.mark.parametrize("failure", [broken(), refused(), None])
def test_they_are_kept_for_ten_minutes(
    lookups: Lookups, service: Service, clock: HandClock, failure: Any
) -> None:
    """However the reading went."""
    service.answers[DATASTORES] = failure or [ROW]
    for _ in range(9):
        assert lookups.datastores()().failure is failure
        clock.sleep(60)
    assert service.calls.count(DATASTORES) == 1
    clock.sleep(61)
    lookups.datastores()()
    assert service.calls.count(DATASTORES) == 2


@pytest.fixture
def hanging(service: Service) -> Iterator[threading.Event]:
    """A list that comes when this is set."""
    event, answer = threading.Event(), service._answer

    def wait(path: str) -> Any:
        if path == DATASTORES:
            event.wait()
        return answer(path)

    service._answer = wait  # type: ignore[method-assign]
    yield event
    event.set()


def test_nobody_waits_long_for_them(service: Service, clock: HandClock, hanging: threading.Event) -> None:
    """A plan is made without; who asks when they have come has them, by the same request."""
    lookups = Lookups(service, SUBSCRIPTION, WORKSPACE, clock, patience=0.01)
    late = lookups.datastores()
    assert (late().value, late().failure) == (None, None)
    hanging.set()
    patient = Lookups(service, SUBSCRIPTION, WORKSPACE, clock)
    assert patient.datastores()().value == (LAKE,)


def test_what_nobody_has_foreseen_is_raised_where_it_is_waited_for(
    lookups: Lookups, service: Service
) -> None:
    """Not lost in a thread."""
    service.answers[DATASTORES] = ZeroDivisionError("by zero")
    found = lookups.datastores()
    with pytest.raises(ZeroDivisionError):
        found()


def test_junk_is_read_for_what_it_has() -> None:
    """Any field may be missing, or anything."""
    assert datastore_from({}) == Datastore(name="")
    assert datastore_from({"name": 3, "properties": {"credentials": "x"}}) == Datastore(name="")
    assert datastore_from({"properties": {"filesystem": "f"}}).container == "f"
    assert (LAKE.keyed, Datastore(name="x").keyed) == (False, None)
    assert Datastore(name="x", credentials="Kerberos").holds == "Kerberos"
