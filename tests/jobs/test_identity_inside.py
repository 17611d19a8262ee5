"""What a job reaches with the identity that it was sent with: its code, with the real `azure-identity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from amlrun import JobFailed, Requeue, submit
from amlrun.testing import Preempted
from tests.jobs.every import ENVIRONMENT, named, pipeline_of, searching, trained
from tests.jobs.inside import STORAGE, claims, inside, writer

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

CALLER = "00000000-0000-0000-0000-000000000001"
PRINCIPALS = {
    "trainer": "aaaaaaaa-0000-0000-0000-000000000001",
    "scorer": "aaaaaaaa-0000-0000-0000-000000000002",
}
READER = "Storage Blob Data Reader"
WRITER = "Storage Blob Data Contributor"


@pytest.fixture
def world(fake_aml: FakeAml) -> FakeAml:
    """Two identities: the workspace's, and that of a cluster and a Kubernetes; storage without keys."""
    fake_aml.identity("trainer", principal_id=PRINCIPALS["trainer"])
    fake_aml.identity("scorer", principal_id=PRINCIPALS["scorer"], attached=False)
    fake_aml.cluster("gpu", size="Standard_DS3_v2", identity="scorer")
    fake_aml.kubernetes("k8s", identity="scorer")
    fake_aml.datastores_without_keys()
    return fake_aml


@pytest.mark.parametrize(
    ("said", "compute", "who"),
    [
        ("user", None, CALLER),
        ("user", "gpu", CALLER),
        ("managed", None, PRINCIPALS["trainer"]),
        ("managed:trainer", None, PRINCIPALS["trainer"]),
        ("managed", "gpu", PRINCIPALS["scorer"]),
        ("managed:trainer", "gpu", PRINCIPALS["trainer"]),
        ("managed:scorer", "k8s", PRINCIPALS["scorer"]),
        ("token", None, ""),
        (None, "gpu", ""),
    ],
)
def test_a_blob_is_written_as_whom_the_job_was_sent(
    world: FakeAml, client: MLClient, said: str | None, compute: str | None, who: str
) -> None:
    """By `DefaultAzureCredential` at first try, which AZURE_CLIENT_ID leads, and by the user's own token."""
    run = submit(trained(), identity=said, compute=compute, client=client)
    assert writer(world, run.name) == who


@pytest.mark.parametrize("said", ["user", "managed"])
def test_without_the_right_to_data_nothing_is_written(world: FakeAml, client: MLClient, said: str) -> None:
    """Owning a storage account is not enough; the role on its container is."""
    run = submit(trained(), identity=said, client=client)
    to = None if said == "user" else "trainer"
    world.revoke(to=to)
    world.grant("AzureML Data Scientist", to=to)
    world.grant(READER, to=to, on="storage")
    assert writer(world, run.name) == ""
    world.grant(WRITER, to=to, on="storage")
    assert writer(world, run.name) != ""


def test_of_several_identities_the_one_that_is_named(world: FakeAml, client: MLClient) -> None:
    """Who names none gets no token without a client id; who names one needs to say no more."""
    world.identity("scorer", principal_id=PRINCIPALS["scorer"])
    unsaid = submit(trained(), identity="managed", client=client)
    with (
        inside(world, unsaid.name),
        pytest.raises(ClientAuthenticationError, match="Several managed identities"),
    ):
        ManagedIdentityCredential().get_token(STORAGE)
    said = submit(trained(), identity="managed:scorer", client=client)
    with inside(world, said.name) as variables:
        assert variables["AZURE_CLIENT_ID"] == variables["DEFAULT_IDENTITY_CLIENT_ID"]
        assert claims(DefaultAzureCredential().get_token(STORAGE).token)["oid"] == PRINCIPALS["scorer"]


def test_on_kubernetes_a_client_id_is_in_the_way(world: FakeAml, client: MLClient) -> None:
    """Documented: code gives none; the variable would have."""
    run = submit(trained(), identity="managed", compute="k8s", client=client)
    with inside(world, run.name) as variables:
        assert "AZURE_CLIENT_ID" not in variables
        assert claims(ManagedIdentityCredential().get_token(STORAGE).token)["oid"] == PRINCIPALS["scorer"]
        with pytest.raises(ClientAuthenticationError):
            ManagedIdentityCredential(client_id=variables["DEFAULT_IDENTITY_CLIENT_ID"]).get_token(STORAGE)


def test_the_users_identity_is_that_of_whoever_submits(world: FakeAml) -> None:
    """Not of whoever made the workspace's client before."""
    ada = world.user("ada")
    run = submit(trained(), identity="user", client=world.client(credential=ada))
    assert writer(world, run.name) == claims(ada.get_token(STORAGE).token)["oid"] != CALLER


def test_each_attempt_acts_for_the_user(world: FakeAml, client: MLClient) -> None:
    """The token that came with the first is not the next one's."""
    world.inject(Preempted(), job="train")
    policy = Requeue(waits=(60,))
    submit(trained(), name="train", tier="spot", identity="user", requeue=policy, client=client).wait()
    assert writer(world, "train-a2") == CALLER


def test_steps_and_trials_reach_what_they_were_given(world: FakeAml, client: MLClient) -> None:
    """Each child is a job of its own, with its identity and its client id."""
    sweep = submit(searching(), identity="managed:trainer", client=client)
    options: dict[str, Any] = {"identity": "managed", "compute": "gpu", "client": client}
    pipeline = submit(pipeline_of(lambda: named(trained()(), "fit")), **options)
    as_user = submit(pipeline_of(lambda: named(trained()(), "fit")), identity="user", client=client)
    world.advance(minutes=10)
    trial = next(iter(world.job(sweep.name).children))
    assert writer(world, trial) == PRINCIPALS["trainer"]
    assert writer(world, f"{pipeline.name}/fit") == PRINCIPALS["scorer"]
    assert writer(world, f"{as_user.name}/fit") == CALLER


STORE = "azureml://datastores/workspaceblobstore/paths/d/"


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({}, "Failed"),
        ({"identity": "token"}, "Failed"),
        ({"identity": "user"}, "Completed"),
        ({"identity": "managed"}, "Completed"),
        ({"compute": "gpu"}, "Completed"),
    ],
    ids=["none", "token", "user", "managed", "a cluster with one"],
)
def test_data_without_stored_keys_is_opened_by_an_identity(
    world: FakeAml, client: MLClient, options: dict[str, Any], end: str
) -> None:
    """Inputs and outputs: of the job, or of its compute by default; without one it fails at its start."""
    run = submit(
        "true",
        environment=ENVIRONMENT,
        inputs={"d": Input(type="uri_folder", path=STORE)},
        client=client,
        **options,
    )
    world.advance(minutes=20)
    job = world.job(run.name)
    assert job.status == end


def test_the_role_that_is_missing_is_told(world: FakeAml, client: MLClient) -> None:
    """Reading is enough for inputs, and not for outputs; stored keys need neither."""
    world.revoke(to="trainer")
    world.grant(READER, to="trainer", on="storage")
    data = {"d": Input(type="uri_folder", path=STORE)}
    options: dict[str, Any] = {"environment": ENVIRONMENT, "identity": "managed", "client": client}
    reads = submit("true", inputs=data, **options)
    writes = submit("true", outputs={"o": Output(type="uri_folder")}, **options)
    world.datastore("keyed")
    keyed = STORE.replace("workspaceblobstore", "keyed")
    with_key = submit("true", inputs={"d": Input(type="uri_folder", path=keyed)}, **options)
    world.advance(minutes=20)
    states = {run.name: world.job(run.name).status for run in (reads, writes, with_key)}
    assert [*states.values()] == ["Completed", "Failed", "Completed"]
    with pytest.raises(JobFailed, match="has 'Storage Blob Data Contributor' role in the storage IAM"):
        writes.wait()
