"""The workspace itself: its identities, its properties, its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

CLIENT_ID = "11111111-1111-1111-1111-111111111111"


def read(fake: FakeAml) -> dict[str, Any]:
    """The workspace off the wire."""
    found: dict[str, Any] = requests.get(f"https://management.azure.com{fake.scope.path}", timeout=5).json()
    return found


def test_the_workspace_has_identities(fake_aml: FakeAml, client: MLClient) -> None:
    """Its own, and those that were attached, with their client ids in the service's spelling."""
    assert read(fake_aml)["identity"]["type"] == "SystemAssigned"
    assert fake_aml.identity("my-identity", client_id=CLIENT_ID) == CLIENT_ID
    fake_aml.identity("elsewhere", attached=False)
    identity = read(fake_aml)["identity"]
    assert identity["type"] == "SystemAssigned,UserAssigned"
    (resource,) = identity["userAssignedIdentities"]
    assert resource.endswith("/Microsoft.ManagedIdentity/userAssignedIdentities/my-identity")
    assert identity["userAssignedIdentities"][resource]["clientId"] == CLIENT_ID
    seen: Any = client.workspaces.get()
    ids = [one.client_id or vars(one)["clientId"] for one in seen.identity.user_assigned_identities]
    assert ids == [CLIENT_ID]


def test_a_job_needs_an_identity_that_is_attached(
    fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]
) -> None:
    """A stranger's is a 404 with the service's codes; the workspace's own will do, and a cluster's there."""
    from azure.ai.ml import ManagedIdentityConfiguration
    from azure.core.exceptions import ResourceNotFoundError

    asked = ManagedIdentityConfiguration(client_id=CLIENT_ID)
    with pytest.raises(ResourceNotFoundError) as refused:
        submit(name="no", identity=asked)
    response: Any = refused.value.response
    assert "UserAssignedIdentityNotFound" in response.text()
    assert not fake_aml.jobs
    fake_aml.identity("of-cluster", client_id=CLIENT_ID, attached=False)
    fake_aml.cluster("cpu", identity="of-cluster")
    submit(name="on-cluster", identity=asked, compute="cpu")
    with pytest.raises(ResourceNotFoundError):
        submit(name="still-no", identity=asked)
    fake_aml.identity("of-cluster", client_id=CLIENT_ID)
    submit(name="yes", identity=asked)
    assert fake_aml.jobs == ("on-cluster", "yes")
    assert client.jobs.get("yes").name == "yes"


def test_the_client_updates_the_workspace(fake_aml: FakeAml, client: MLClient) -> None:
    """Tags, properties and identity, by its PATCH."""
    from azure.ai.ml.entities import IdentityConfiguration, ManagedIdentityConfiguration

    client.workspaces.begin_update(
        client.workspaces.get(), tags={"team": "a"}, image_build_compute="cpu", display_name="Ours"
    ).result()
    workspace: Any = client.workspaces.get()
    assert (workspace.tags, workspace.image_build_compute) == ({"team": "a"}, "cpu")
    assert workspace.display_name == "Ours"
    group = fake_aml.scope.path.partition("/providers/")[0]
    resource = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me"
    workspace.identity = IdentityConfiguration(
        type="user_assigned", user_assigned_identities=[ManagedIdentityConfiguration(resource_id=resource)]
    )
    client.workspaces.begin_update(workspace, primary_user_assigned_identity=resource).result()
    found = read(fake_aml)
    assert list(found["identity"]["userAssignedIdentities"]) == [resource]
    assert found["properties"]["primaryUserAssignedIdentity"] == resource
    assert found["properties"]["imageBuildCompute"] == "cpu"


def test_properties_are_set_by_name(fake_aml: FakeAml, client: MLClient) -> None:
    """What the API has; anything else is an error that names it."""
    fake_aml.workspace_properties(
        publicNetworkAccess="Disabled",
        systemDatastoresAuthMode="identity",
        managedNetwork={"isolationMode": "AllowInternetOutbound"},
        serverlessComputeSettings={"serverlessComputeNoPublicIP": True},
    )
    found = read(fake_aml)["properties"]
    assert found["managedNetwork"] == {"isolationMode": "AllowInternetOutbound"}
    assert found["serverlessComputeSettings"] == {"serverlessComputeNoPublicIP": True}
    workspace: Any = client.workspaces.get()
    assert workspace.public_network_access == "Disabled"
    assert workspace.system_datastores_auth_mode == "identity"
    with pytest.raises(ValueError, match="colour is no field of the API"):
        fake_aml.workspace_properties(colour="blue")


def test_a_container_registry_is_asked_what_it_is(fake_aml: FakeAml, client: MLClient) -> None:
    """Whether its admin user is on; by who may, and by the name that the workspace gives."""
    registry = fake_aml.container_registry("Images1")
    workspace: Any = client.workspaces.get()
    assert workspace.container_registry == registry

    def asked(path: str) -> Any:
        return requests.get(f"https://management.azure.com{path}?api-version=2023-07-01", timeout=5)

    assert asked(registry).json()["properties"] == {
        "loginServer": "images1.azurecr.io",
        "provisioningState": "Succeeded",
        "adminUserEnabled": True,
        "publicNetworkAccess": "Enabled",
    }
    assert fake_aml.container_registry("Images1", admin_user=False, public_access=False) == registry
    found = asked(registry.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/")).json()["properties"]
    assert (found["adminUserEnabled"], found["publicNetworkAccess"]) == (False, "Disabled")
    assert asked(registry.replace("Images1", "others")).status_code == 404
    fake_aml.as_data_scientist()
    assert asked(registry).status_code == 403
    with pytest.raises(ValueError, match="5 to 50 letters and digits"):
        fake_aml.container_registry("my-acr")


def test_workspaces_are_listed(client: MLClient) -> None:
    """In their group and in their subscription."""
    assert [one.name for one in client.workspaces.list()] == ["fake-workspace"]
    assert [one.name for one in client.workspaces.list(scope="subscription")] == ["fake-workspace"]


def test_keys_are_told(client: MLClient) -> None:
    """They open nothing."""
    keys = client.workspaces.get_keys()
    assert keys is not None
    assert keys.user_storage_key
    assert keys.notebook_access_keys.primary_access_key
    client.workspaces.begin_sync_keys().result()
