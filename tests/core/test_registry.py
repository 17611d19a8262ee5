"""The workspace's container registry: when it is read, and that it holds nobody up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun._offers import RegistryFacts
from amlrun._readings.workspace_replies import registry_from
from tests.core.rows import WORKSPACE
from tests.core.service import COMPUTES, QUOTAS, SIZES, USAGES, HandClock, Service, broken, refused

if TYPE_CHECKING:
    from amlrun._readings.lookups import Lookups

REGISTRY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acr"
REPLY = {"name": "acr", "properties": {"adminUserEnabled": False, "publicNetworkAccess": "Disabled"}}


def keeps_images_in(service: Service, registry: str) -> None:
    """From now on the workspace says so."""
    workspace = service.answers[WORKSPACE]
    properties = {**workspace["properties"], "containerRegistry": registry}
    service.answers[WORKSPACE] = {**workspace, "properties": properties}


@pytest.fixture(autouse=True)
def registry(service: Service) -> None:
    """The workspace has one, which may be asked."""
    keeps_images_in(service, REGISTRY)
    service.answers[REGISTRY] = REPLY


def test_it_is_asked_with_all_that_needs_a_region(lookups: Lookups, service: Service) -> None:
    """In the second of two round trips, in the words of its own API."""
    service.meeting(WORKSPACE, COMPUTES)
    service.meeting(USAGES, SIZES, QUOTAS, REGISTRY)
    assert lookups.market().registry == RegistryFacts("acr", admin=False, public=False)
    assert service.versions[REGISTRY] == "2023-07-01"


def test_it_is_kept_for_as_long_as_the_workspace(
    lookups: Lookups, service: Service, clock: HandClock
) -> None:
    """However the reading went; another one is read at once."""
    service.answers[REGISTRY] = broken()
    for _ in range(10):
        assert lookups.market().registry == RegistryFacts()
        clock.sleep(31)
    assert service.calls.count(REGISTRY) == 1
    service.answers[REGISTRY] = REPLY
    clock.sleep(601)
    assert lookups.market().registry.admin is False
    keeps_images_in(service, REGISTRY.replace("acr", "other"))
    service.answers[REGISTRY.replace("acr", "other")] = {**REPLY, "name": "other"}
    assert lookups.market(fresh=True).registry.name == "other"
    assert service.calls.count(REGISTRY) == 2


@pytest.mark.parametrize("answer", [refused(), broken(), {}, {"properties": None}])
def test_what_it_doesnt_say_is_not_known(lookups: Lookups, service: Service, answer: Any) -> None:
    """It is nobody's loss, and not told: who may send jobs seldom may read it."""
    service.answers[REGISTRY] = answer
    look = lookups.look()
    assert (look.market.registry.admin, look.market.registry.public) == (None, None)
    assert look.market.unread == ()
    assert look.held_up == 0


@pytest.mark.parametrize(
    "path", ["", "acr.azurecr.io", "https://evil.example/registries/acr", f"{REGISTRY}/x"]
)
def test_only_a_container_registry_is_asked(lookups: Lookups, service: Service, path: str) -> None:
    """By its whole ARM id: the token goes nowhere else."""
    keeps_images_in(service, path)
    assert lookups.market().registry == RegistryFacts()
    assert path == "" or path not in service.calls


def test_odd_words_of_a_registry_mean_nothing() -> None:
    """Neither on nor off."""
    odd = {
        "name": 3,
        "properties": {"adminUserEnabled": "false", "publicNetworkAccess": "SecuredByPerimeter"},
    }
    assert registry_from(odd) == RegistryFacts()
