"""What a plan says of whose rights count, and of what the job waits for: read beside the rest, and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import plan, submit
from amlrun.testing import Answer, Forbidden, InternalError, NoConnection
from tests.jobs.conftest import table  # noqa: F401 - a fixture here too

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun import Plan
    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
LAKE = "azureml://datastores/lake/paths/x/"
KEYED = "credentials that are stored in a datastore win over identity"
KEYLESS = "no credentials, and the job has no identity"
LIST = "GET /datastores"


def planned(client: MLClient, **options: Any) -> Plan:
    """The plan of a command that reads the lake."""
    options = {"inputs": {"data": {"type": "uri_folder", "path": LAKE}}, **options}
    return plan("true", environment=ENVIRONMENT, client=client, **options)


def warned(made: Plan, words: str) -> list[str]:
    """The warnings with these words."""
    return [warning for warning in made.warnings if words in warning]


def listed(fake: FakeAml) -> int:
    """How often datastores were listed."""
    return len([call for call in fake.calls if call.route == "/datastores"])


def cluster(client: MLClient, name: str, identity: str | None) -> None:
    """Make one, with an identity of its own or without."""
    from azure.ai.ml.entities import AmlCompute, IdentityConfiguration

    given = None if identity is None else IdentityConfiguration(type=identity)
    body = AmlCompute(name=name, size="Standard_DS3_v2", max_instances=2, identity=given)
    client.compute.begin_create_or_update(body).result()


def test_a_datastore_with_credentials_is_not_reached_by_identity(fake_aml: FakeAml, client: MLClient) -> None:
    """The plan warns, with its name and the way out; without an identity there is nothing to say."""
    fake_aml.datastore("lake", account="acme", credentials="sas")
    (words,) = warned(planned(client, identity="user"), KEYED)
    assert words.startswith("identity='user' doesn't count for lake: ")
    assert not warned(planned(client), KEYED)
    assert not warned(planned(client, identity="token"), KEYED)


def test_a_datastore_without_credentials_needs_an_identity(fake_aml: FakeAml, client: MLClient) -> None:
    """`user` is proposed; a cluster with an identity of its own reaches it as well."""
    fake_aml.datastore("lake", account="acme", credentials="none")
    (words,) = warned(planned(client), KEYLESS)
    assert "identity='user'" in words
    made = planned(client, identity="user")
    assert made.warnings == ()
    assert any("workspaceblobstore, whose stored credentials win" in reason for reason in made.reasons)
    cluster(client, "able", "system_assigned")
    cluster(client, "bare", None)
    assert not warned(planned(client, compute="able"), KEYLESS)
    assert warned(planned(client, compute="bare"), KEYLESS)


def test_each_way_to_name_a_datastore_counts(
    fake_aml: FakeAml,
    client: MLClient,
    table: Path,  # noqa: ARG001, F811 - the fixture
) -> None:
    """Inputs and outputs of the call and of a job, short or long; of a sweep, of AutoML, of a step."""
    from azure.ai.ml import Input, Output, automl, command, dsl
    from azure.ai.ml.sweep import Choice

    fake_aml.datastore("lake", account="acme", credentials="none")
    scope = fake_aml.scope
    long = f"azureml://subscriptions/{scope.subscription_id}/resourcegroups/{scope.resource_group}"
    long += f"/workspaces/{scope.workspace}/datastores/lake/paths/x"
    step = command(
        command="ls ${{inputs.a}} ${{inputs.b}}",
        environment=ENVIRONMENT,
        inputs={"a": Input(type="uri_folder", path=long), "b": 1.0},
    )
    tried = step(b=Choice([1.0, 2.0])).sweep(primary_metric="x", goal="minimize", sampling_algorithm="random")
    tried.set_limits(max_total_trials=2, max_concurrent_trials=1)
    learned = automl.classification(
        training_data=Input(type="mltable", path=LAKE), target_column_name="y", primary_metric="accuracy"
    )

    @dsl.pipeline(default_compute="serverless")  # type: ignore[call-overload, untyped-decorator]
    def whole(where) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the SDK takes no Any
        step(a=where, b=1.0)

    written = command(command="true", environment=ENVIRONMENT, outputs={"m": Output(path=LAKE)})
    jobs = [step, tried, learned, whole(Input(type="uri_folder", path=LAKE)), written]
    plans = [plan(job, client=client) for job in jobs]
    plans.append(planned(client, inputs={}, outputs={"data": {"type": "uri_folder", "path": LAKE}}))
    assert [len(warned(one, f"lake holds {KEYLESS}")) for one in plans] == [1] * 6


def test_a_workspace_without_keys_is_told_whatever_the_job(fake_aml: FakeAml, client: MLClient) -> None:
    """By the GET of the workspace alone; what is Spark's has its user's identity anyway."""
    from azure.ai.ml import spark

    fake_aml.workspace_properties(systemDatastoresAuthMode="identity")
    made = plan("true", environment=ENVIRONMENT, client=client)
    (words,) = warned(made, KEYLESS)
    assert words.startswith("workspaceblobstore holds ")
    assert listed(fake_aml) == 0
    assert not warned(plan("true", environment=ENVIRONMENT, identity="user", client=client), KEYLESS)
    Path("main.py").touch()
    job = spark(
        code=".",
        entry={"file": "main.py"},
        driver_cores=1,
        driver_memory="2g",
        executor_cores=1,
        executor_memory="2g",
        executor_instances=1,
        resources={"instance_type": "Standard_E4S_V3", "runtime_version": "3.4"},
    )
    assert not warned(plan(job, client=client), KEYLESS)


def test_checkpoints_have_a_datastore_too(fake_aml: FakeAml, client: MLClient) -> None:
    """The one that the policy names, as inputs and outputs name theirs."""
    from amlrun import Requeue

    fake_aml.datastore("lake", credentials="account_key")
    kept = Requeue(checkpoint=LAKE)
    made = planned(client, inputs={}, identity="user", tier="spot", requeue=kept)
    assert warned(made, "identity='user' doesn't count for lake")


def test_steps_are_told_apart_by_their_identities(fake_aml: FakeAml, client: MLClient) -> None:
    """One with, others without: these are told, once."""
    from azure.ai.ml import Input, UserIdentityConfiguration, command, dsl

    fake_aml.datastore("lake", account="acme", credentials="none")
    step = command(
        command="ls ${{inputs.a}}", environment=ENVIRONMENT, inputs={"a": Input(type="uri_folder", path=LAKE)}
    )

    @dsl.pipeline(default_compute="serverless")  # type: ignore[call-overload, untyped-decorator]
    def whole() -> None:
        step().identity = UserIdentityConfiguration()
        step()
        step()

    made = plan(whole(), client=client)
    (words,) = warned(made, "no credentials")
    assert "and each of its steps " in words


def test_a_sweep_among_steps_is_told_no_identity_to_say(
    fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a team's identity for all that take one: that step alone is left, and can be given none."""
    from azure.ai.ml import command, dsl
    from azure.ai.ml.sweep import Choice

    (tmp_path / "amlrun.toml").write_text('[defaults]\nidentity = "user"\n', encoding="utf-8")
    monkeypatch.setenv("AMLRUN_CONFIG", str(tmp_path / "amlrun.toml"))
    fake_aml.datastores_without_keys()
    step = command(command="echo ${{inputs.b}}", environment=ENVIRONMENT, inputs={"b": 1.0})

    @dsl.pipeline(default_compute="serverless")  # type: ignore[call-overload, untyped-decorator]
    def whole() -> None:
        step(b=1.0)
        search = step(b=Choice([1.0])).sweep(primary_metric="x", goal="minimize", sampling_algorithm="grid")
        search.set_limits(max_total_trials=1, max_concurrent_trials=1)

    (words,) = warned(plan(whole(), client=client), "no credentials")
    assert "and its step search has no identity: " in words
    assert "identity='user'" not in words


def test_datastores_are_read_once_and_only_where_they_count(fake_aml: FakeAml, client: MLClient) -> None:
    """A job without identity and path asks nothing of them; then they are kept for ten minutes."""
    fake_aml.datastore("lake", credentials="sas")
    plan("true", environment=ENVIRONMENT, client=client)
    assert listed(fake_aml) == 0
    planned(client, identity="user")
    assert listed(fake_aml) == 1
    before = len(fake_aml.calls)
    run = submit("true", environment=ENVIRONMENT, identity="user", client=client)
    assert [call.method for call in fake_aml.calls[before:]] == ["PUT"]
    assert fake_aml.jobs == (run.name,)
    fake_aml.advance(minutes=11)
    planned(client, identity="user")
    assert listed(fake_aml) == 2


@pytest.mark.parametrize("fault", [Forbidden(), InternalError(), NoConnection()])
def test_datastores_that_cannot_be_read_stop_no_job(fake_aml: FakeAml, client: MLClient, fault: Any) -> None:
    """Asked once, no longer than the rest; nothing is said of what isn't known."""
    fake_aml.datastore("lake", credentials="sas")
    fake_aml.inject(fault, on=LIST)
    run = submit("true", environment=ENVIRONMENT, identity="user", client=client)
    assert not warned(run.plan, KEYED)
    assert listed(fake_aml) == 1


def test_an_account_of_another_tenant_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """By the workspace's own GET, and the token that is needed anyway: no request more."""
    before = plan("true", environment=ENVIRONMENT, client=client)
    count = len(fake_aml.calls)
    assert not warned(before, "is signed in to the tenant")
    theirs = {"tenantId": "tenant-b", "workspaceId": "w", "discoveryUrl": "https://eastus.api.azureml.ms"}
    fake_aml.inject(
        Answer(200, {"name": "w", "location": "eastus", "properties": theirs}), on="GET */fake-workspace"
    )
    fake_aml.advance(minutes=11)
    made = plan("true", environment=ENVIRONMENT, client=client)
    (words,) = warned(made, "fake-user is signed in to the tenant")
    assert "az login --tenant tenant-b" in words
    assert len(fake_aml.calls) <= 2 * count


def test_the_first_node_of_a_managed_network_takes_long(fake_aml: FakeAml, client: MLClient) -> None:
    """Where the network isn't there yet, and the job goes to where it would be."""
    network = {
        "isolationMode": "AllowInternetOutbound",
        "status": {"status": "Inactive", "sparkReady": False},
    }
    fake_aml.workspace_properties(managedNetwork=network)
    assert warned(plan("true", environment=ENVIRONMENT, client=client), "the first node takes about 30 min")
    fake_aml.virtual_machine("machine")  # it stands in a network of its own
    assert not warned(
        plan("true", environment=ENVIRONMENT, compute="machine", client=client), "the first node"
    )
    fake_aml.workspace_properties(managedNetwork={**network, "status": {"status": "Active"}})
    fake_aml.advance(minutes=11)
    assert not warned(plan("true", environment=ENVIRONMENT, client=client), "the first node")


def test_a_workspace_in_legacy_mode_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """By its own GET."""
    fake_aml.workspace_properties(v1LegacyMode=True)
    assert warned(plan("true", environment=ENVIRONMENT, client=client), "v1 legacy mode")


def test_nothing_that_builds_images_is_told_wherever_the_job_goes(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """The cluster that a job goes to doesn't build its image; one that the workspace names does."""
    fake_aml.workspace_properties(publicNetworkAccess="Disabled")
    fake_aml.container_registry("images", public_access=False)
    fake_aml.cluster("cpu")
    for compute in ("cpu", "serverless"):
        made = plan("true", environment=ENVIRONMENT, compute=compute, client=client)
        (warning,) = warned(made, "ImageBuildComputeNotValid")
        assert "imageBuildCompute to a CPU cluster" in warning
    curated = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    assert not warned(plan("true", environment=curated, compute="cpu", client=client), "ImageBuild")
    fake_aml.workspace_properties(imageBuildCompute="cpu")
    fake_aml.advance(minutes=11)
    assert not warned(plan("true", environment=ENVIRONMENT, compute="cpu", client=client), "ImageBuild")


def test_an_image_build_compute_that_is_gone_is_told(fake_aml: FakeAml, client: MLClient) -> None:
    """To who needs an image that may have to be built; not of a curated environment."""
    fake_aml.workspace_properties(imageBuildCompute="builder")
    made = plan("true", environment=ENVIRONMENT, client=client)
    assert warned(made, "the image build compute builder is not there")
    curated = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    assert not warned(plan("true", environment=curated, client=client), "image build compute")
