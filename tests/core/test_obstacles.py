from __future__ import annotations

from typing import Any

import attrs
import pytest

from amlrun._identity import Identity, IdentityKind, UserAssigned
from amlrun._needs import Ask
from amlrun._offers import Compute, Market, RegistryFacts, WorkspaceFacts
from amlrun._placement.obstacles import gets_around, obstacles

ID = "11111111-2222-3333-4444-555555555555"
OPEN = WorkspaceFacts(
    name="ws",
    location="eastus",
    workspace_id="w",
    discovery_url="",
    identities=frozenset({"SystemAssigned"}),
)
PRIVATE = attrs.evolve(OPEN, public_access=False)
MANAGED = Ask(identity=Identity(IdentityKind.MANAGED))
NAMED = Ask(identity=Identity(IdentityKind.MANAGED, ID))
OWN = Compute(name="own", identities=frozenset({"SystemAssigned"}))
BARE = Compute(name="bare")


def market(workspace: WorkspaceFacts | None, **registry: bool | None) -> Market:
    """A region with nothing in it, and what the workspace's registry says of itself."""
    return Market("eastus", (), None, workspace=workspace, registry=RegistryFacts("acr", **registry))


@pytest.mark.parametrize("kind", [None, IdentityKind.USER, IdentityKind.TOKEN])
def test_an_open_workspace_has_no_obstacles(kind: IdentityKind | None) -> None:
    """Nor has any identity but a managed one."""
    assert obstacles(Ask(identity=None if kind is None else Identity(kind)), market(OPEN)) == ()
    assert gets_around(Ask(), market(OPEN), OWN) == ""


def test_nothing_is_known_of_a_workspace_that_was_not_read() -> None:
    """What isn't known is no obstacle."""
    assert obstacles(MANAGED, market(None)) == ()
    assert gets_around(MANAGED, market(None), OWN) == ""


@pytest.mark.parametrize(
    ("kinds", "has"),
    [({"SystemAssigned"}, "SystemAssigned"), (set(), "no identity at all")],
)
def test_a_system_assigned_identity_is_not_for_serverless(kinds: set[str], has: str) -> None:
    """Documented: serverless takes the workspace's user-assigned identity only. A cluster's own will do."""
    held = market(attrs.evolve(OPEN, identities=frozenset(kinds)))
    (found,) = obstacles(MANAGED, held)
    assert (found.certain, found.avoidable) == (True, True)
    assert found.reason == (
        f"a managed identity on serverless is the workspace's user-assigned one, and it has {has}"
    )
    assert gets_around(MANAGED, held, OWN) == "it has an identity of its own"
    assert gets_around(MANAGED, held, BARE) == ""


def test_a_user_assigned_identity_is_taken() -> None:
    """Any, where none is named; else the one that is named, in any case."""
    both = attrs.evolve(
        OPEN,
        identities=frozenset({"SystemAssigned", "UserAssigned"}),
        user_assigned=(UserAssigned("/ids/mine", ID.upper()),),
    )
    assert obstacles(MANAGED, market(both)) == ()
    assert obstacles(NAMED, market(both)) == ()
    other = attrs.evolve(both, user_assigned=(UserAssigned("/ids/other", "another"),))
    (found,) = obstacles(NAMED, market(other))
    assert found.reason == f"the identity {ID} is not attached to the workspace (attached: other (another))"
    assert gets_around(NAMED, market(other), OWN) == ""
    assert gets_around(NAMED, market(other), attrs.evolve(OWN, user_assigned=(UserAssigned("", ID),))) != ""


def test_a_private_workspace_without_a_network_for_serverless_is_doubted() -> None:
    """A cluster in the network is the better place; the doubt says why."""
    (found,) = obstacles(Ask(), market(PRIVATE))
    assert (found.certain, found.avoidable) == (False, True)
    assert "no way to the storage" in found.reason
    assert gets_around(Ask(), market(PRIVATE), BARE) == ""
    inside = attrs.evolve(BARE, in_network=True)
    assert gets_around(Ask(), market(PRIVATE), inside) == "it stands in a virtual network"


@pytest.mark.parametrize("network", [{"isolation": "AllowInternetOutbound"}, {"custom_subnet": True}])
def test_a_network_for_serverless_leaves_no_doubt(network: dict[str, Any]) -> None:
    """The managed network, or a subnet of its own."""
    assert obstacles(Ask(), market(attrs.evolve(PRIVATE, **network))) == ()


def test_a_private_registry_without_a_build_compute_is_doubted() -> None:
    """A cluster in the network can pull from it; a compute that builds is all that would help serverless."""
    closed = attrs.evolve(PRIVATE, custom_subnet=True, registry="/registries/acr")
    (found,) = obstacles(Ask(), market(closed))
    assert (found.certain, found.avoidable) == (False, True)
    assert "no way to the registry" in found.reason
    assert "ImageBuildComputeNotValid" in found.reason
    assert obstacles(Ask(), market(attrs.evolve(closed, build_compute="cpu"))) == ()
    assert obstacles(Ask(), market(attrs.evolve(closed, public_access=True))) == ()
    assert gets_around(Ask(), market(closed), OWN) == ""
    inside = attrs.evolve(OWN, in_network=True)
    assert gets_around(Ask(), market(closed), inside) == "it stands in a virtual network"


def test_what_the_registry_says_of_itself_counts_more_than_what_the_workspace_says() -> None:
    """It may be open where the workspace is closed, and the other way round."""
    closed = attrs.evolve(PRIVATE, custom_subnet=True, registry="/registries/acr")
    assert obstacles(Ask(), market(closed, public=True)) == ()
    (found,) = obstacles(Ask(), market(attrs.evolve(OPEN, registry="/registries/acr"), public=False))
    assert found.reason.startswith("the registry acr takes no public access, and the workspace names no")
    assert obstacles(Ask(own_image=False), market(closed)) == ()


@pytest.mark.parametrize("admin", [True, None])
def test_a_registry_with_an_admin_user_leaves_no_doubt(*, admin: bool | None) -> None:
    """Nor does one of which nobody knows."""
    assert obstacles(Ask(), market(attrs.evolve(OPEN, registry="/registries/acr"), admin=admin)) == ()


def test_without_an_admin_user_only_an_identity_pulls() -> None:
    """Reported of serverless; a compute that has one of its own can, and images of others come anyway."""
    held = market(attrs.evolve(OPEN, registry="/registries/acr"), admin=False)
    (found,) = obstacles(Ask(), held)
    assert (found.certain, found.avoidable) == (False, True)
    assert found.reason.startswith(
        "the admin user of the registry acr is off, and serverless has no identity"
    )
    assert gets_around(Ask(), held, BARE) == ""
    assert gets_around(Ask(), held, OWN) == "it has an identity of its own"
    assert obstacles(Ask(own_image=False), held) == ()
    assert obstacles(Ask(), market(OPEN, admin=False)) == ()
    both = obstacles(MANAGED, held)
    assert [one.certain for one in both] == [True, False]
    assert gets_around(MANAGED, held, OWN) == "it has an identity of its own"


def test_whether_the_workspaces_own_identity_may_pull_is_not_known() -> None:
    """So it is told, and no compute is the better place for it."""
    users = attrs.evolve(OPEN, identities=frozenset({"UserAssigned"}), registry="/registries/acr")
    (found,) = obstacles(Ask(), market(users, admin=False))
    assert (found.certain, found.avoidable) == (False, False)
    assert "only if the workspace's user-assigned identity has AcrPull" in found.reason
    assert gets_around(Ask(), market(users, admin=False), OWN) == ""


def test_what_is_pulled_from_within_the_network_needs_both() -> None:
    """A way to the registry, and a right to it."""
    held = market(attrs.evolve(OPEN, registry="/registries/acr"), admin=False, public=False)
    assert len(obstacles(Ask(), held)) == 2
    assert gets_around(Ask(), held, OWN) == ""
    assert gets_around(Ask(), held, attrs.evolve(BARE, in_network=True)) == ""
    assert gets_around(Ask(), held, attrs.evolve(OWN, in_network=True)) == (
        "it has an identity of its own and stands in a virtual network"
    )


def test_in_a_managed_network_serverless_pulls_as_well_as_any() -> None:
    """All computes are in it: only what isn't built yet is doubted, and no compute gets around that."""
    managed = attrs.evolve(PRIVATE, isolation="AllowInternetOutbound", registry="/registries/acr")
    (found,) = obstacles(Ask(), market(managed))
    assert (found.certain, found.avoidable) == (False, False)
    assert "no way to the registry" not in found.reason
    assert "ImageBuildComputeNotValid" in found.reason
    assert gets_around(Ask(), market(managed), attrs.evolve(OWN, in_network=True)) == ""


def test_what_is_certain_comes_first() -> None:
    """All obstacles are told, and a compute must get around all that can be got around."""
    closed = attrs.evolve(PRIVATE, registry="/registries/acr")
    found = obstacles(MANAGED, market(closed))
    assert [one.certain for one in found] == [True, False, False]
    assert gets_around(MANAGED, market(closed), OWN) == ""
    assert gets_around(MANAGED, market(closed), attrs.evolve(OWN, in_network=True)) == (
        "it has an identity of its own and stands in a virtual network"
    )
