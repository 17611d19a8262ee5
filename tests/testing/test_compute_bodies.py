"""What computes keep of their bodies, and when they take another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun.testing import FakeAml
from tests.testing.wire import requests

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

SECRET = "it opens nothing"  # noqa: S105 - as it says
ADMIN = {"username": "me", "password": SECRET, "privateKeyData": SECRET, "publicKeyData": SECRET}
SCALE = {"properties": {"properties": {"scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2}}}}


def place(fake: FakeAml, name: str) -> str:
    """A compute's address."""
    return f"https://management.azure.com{fake.scope.path}/computes/{name}"


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("VirtualMachine", {"sshPort": 22, "administratorAccount": ADMIN}),
        ("HDInsight", {"administratorAccount": ADMIN}),
        ("Databricks", {"databricksAccessToken": SECRET, "workspaceUrl": "w"}),
        ("AKS", {"sslConfiguration": {"status": "Enabled", "cert": SECRET, "key": SECRET}}),
        ("Kubernetes", {"relayConnectionString": SECRET, "serviceBusConnectionString": SECRET}),
        (
            "AmlCompute",
            {
                "vmSize": "Standard_DS3_v2",
                "userAccountCredentials": {"adminUserName": "me", "adminUserPassword": SECRET},
            },
        ),
    ],
)
def test_secrets_are_neither_kept_nor_shown(tmp_path: Path, kind: str, own: dict[str, Any]) -> None:
    """Passwords, keys, tokens and connection strings of every kind of compute; the rest stays."""
    properties = {"computeType": kind, "resourceId": "/subscriptions/x", "properties": own}
    with FakeAml(tmp_path) as fake:
        body = {"location": fake.scope.location, "properties": properties}
        made = requests.put(place(fake, "own"), json=body, timeout=5)
        assert made.status_code == 201
        shown = requests.get(place(fake, "own"), timeout=5)
        assert SECRET not in made.text + shown.text
        assert set(shown.json()["properties"]["properties"]) >= {
            key for key, value in own.items() if value != SECRET
        }
    assert not [
        file for file in tmp_path.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()
    ]


def test_a_compute_has_identities_of_one_kind(fake_aml: FakeAml) -> None:
    """Its system's, or user-assigned ones."""
    body = {
        "location": fake_aml.scope.location,
        "identity": {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"/x": {}}},
        "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}},
    }
    assert requests.put(place(fake_aml, "own"), json=body, timeout=5).status_code == 400


def test_a_compute_that_goes_is_not_changed(fake_aml: FakeAml) -> None:
    """PUT and PATCH are 409, and it is gone in its time."""
    fake_aml.cluster("cpu", nodes=1)
    body = requests.get(place(fake_aml, "cpu"), timeout=5).json()
    requests.delete(place(fake_aml, "cpu"), timeout=5)
    sent = {"location": body["location"], "properties": {"computeType": "AmlCompute"}}
    answers = [
        requests.put(place(fake_aml, "cpu"), json=sent, timeout=5),
        requests.patch(place(fake_aml, "cpu"), json=SCALE, timeout=5),
    ]
    assert [answer.status_code for answer in answers] == [409, 409]
    fake_aml.advance(minutes=1)
    assert requests.get(place(fake_aml, "cpu"), timeout=5).status_code == 404


@pytest.mark.parametrize("size", ["Standard_DS3_v2", "Standard_Nope"])
def test_a_compute_that_failed_is_not_changed(fake_aml: FakeAml, size: str) -> None:
    """A PATCH is 409, and it stays Failed, for its own reason; a PUT begins anew."""
    own = {"vmSize": size, **SCALE["properties"]["properties"]}
    sent = {
        "location": fake_aml.scope.location,
        "properties": {"computeType": "AmlCompute", "properties": own},
    }
    if size == "Standard_Nope":
        requests.put(place(fake_aml, "cpu"), json=sent, timeout=5)
        fake_aml.advance(minutes=1)
    else:
        fake_aml.cluster("cpu", size=size, error="VmSizeNotSupported")
    assert requests.patch(place(fake_aml, "cpu"), json=SCALE, timeout=5).status_code == 409
    fake_aml.advance(minutes=1)
    assert (fake_aml.compute("cpu").state, fake_aml.compute("cpu").problem) == (
        "Failed",
        "VmSizeNotSupported",
    )
    assert requests.put(place(fake_aml, "cpu"), json=sent, timeout=5).status_code == 201


def test_a_role_is_the_workspaces(tmp_path: Path) -> None:
    """Whoever opens the folder reads no quota either, once a test has said so."""
    FakeAml(tmp_path).as_data_scientist()
    with FakeAml(tmp_path) as fake:
        where = f"/subscriptions/{fake.scope.subscription_id}/providers/Microsoft.MachineLearningServices"
        url = f"https://management.azure.com{where}/locations/{fake.scope.location}/usages"
        assert requests.get(url, timeout=5).status_code == 403


def test_a_compute_may_be_in_another_region(fake_aml: FakeAml) -> None:
    """In any spelling, if there is one of that name; it stays there."""
    own = {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}
    answers = [
        requests.put(place(fake_aml, "cpu"), json={"location": region, "properties": own}, timeout=5)
        for region in ("atlantis", "West US", "East US", "westus")
    ]
    assert [answer.status_code for answer in answers] == [400, 201, 400, 201]
    assert "There is no region 'atlantis'" in answers[0].text
    assert "is there, and not in East US" in answers[2].text


def test_a_size_that_is_not_for_jobs(fake_aml: FakeAml, client: MLClient) -> None:
    """A job that names one fails as with one that isn't there, whatever the quota."""
    from azure.ai.ml import command

    fake_aml.quota("StandardNVADSA10v5Family", limit=100)
    fake_aml.quota("standardDSv3Family", limit=8)  # a family that is recorded, without a size here
    job = command(command="x", environment="azureml:e:1", instance_type="Standard_NV6ads_A10_v5", name="j")
    client.jobs.create_or_update(job)
    fake_aml.advance(hours=1)
    assert (fake_aml.job("j").status, "is not available" in fake_aml.job("j").error) == ("Failed", True)


def test_a_data_scientist_makes_no_computes(fake_aml: FakeAml) -> None:
    """They are read, and neither made, nor changed, nor deleted: the built-in role has no such right."""
    fake_aml.cluster("cpu")
    fake_aml.as_data_scientist()
    url = place(fake_aml, "cpu")
    body = requests.get(url, timeout=5).json()
    sent = {"location": fake_aml.scope.location, "properties": {"computeType": "Kubernetes"}}
    for method, answer in (
        ("write", requests.put(place(fake_aml, "aks"), json=sent, timeout=5)),
        ("write", requests.patch(url, json=SCALE, timeout=5)),
        ("delete", requests.delete(url, timeout=5)),
    ):
        assert answer.status_code == 403
        assert f"workspaces/computes/{method}" in answer.text
    assert requests.get(url, timeout=5).json() == body
