"""A project that uses plain azure-ai-ml, and the tests of its launch code."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, ManagedIdentityConfiguration, MLClient, Output, command, dsl
from azure.ai.ml.entities import AmlCompute, Environment
from azure.ai.ml.sweep import Choice
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ManagedIdentityCredential

from tests.users.polling import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun.testing import FakeAml

# The code under test --------------------------------------------------------------------------------------


def train(client: MLClient, *, rate: float, spot: bool = False, name: str | None = None) -> str:
    """Send one training job; returns its name."""
    job = command(
        name=name,
        command="python train.py --rate ${{inputs.rate}}",
        inputs={"rate": rate},
        environment="azureml:train:1",
        instance_type="Standard_D16a_v4",
        instance_count=1,
    )
    job.queue_settings = {"job_tier": "spot" if spot else "standard"}
    return str(client.jobs.create_or_update(job).name)


def train_until_done(client: MLClient, *, rate: float, tries: int = 3) -> str:
    """Train on spot nodes, again when they are taken away; returns the name of the job that got through."""
    for number in range(1, tries + 1):
        name = train(client, rate=rate, spot=True, name=f"train-{number}")
        try:
            client.jobs.stream(name)
        except Exception as error:
            if "PreemptionError" not in str(error):
                raise
        else:
            return name
    raise RuntimeError(f"preempted {tries} times")


def prepare_and_train(client: MLClient) -> str:
    """Send a pipeline of two steps; returns its name."""
    prepare = command(
        name="prepare",
        command="echo 1 > ${{outputs.data}}/rows",
        environment="azureml:train:1",
        outputs={"data": Output(type="uri_folder")},
    )
    fit = command(
        name="fit",
        command="cat ${{inputs.data}}/rows",
        environment="azureml:train:1",
        inputs={"data": Input(type="uri_folder")},
    )

    # The SDK's overloads leave out how its own documentation uses it.
    @dsl.pipeline(default_compute="cpu-cluster")  # type: ignore[call-overload, untyped-decorator]
    def steps() -> None:
        first: Any = prepare()
        fit(data=first.outputs.data)

    return str(client.jobs.create_or_update(steps()).name)


def status_of(client: MLClient, name: str) -> str:
    """A job's status, whatever type this version of the SDK gives it."""
    status: Any = client.jobs.get(name).status
    return str(getattr(status, "value", status))


# Its tests ------------------------------------------------------------------------------------------------


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The client as the project makes it in production: only the names of the workspace are the fake's."""
    return MLClient(
        fake_aml.credential,
        fake_aml.scope.subscription_id,
        fake_aml.scope.resource_group,
        fake_aml.scope.workspace,
    )


def test_the_job_that_leaves(fake_aml: FakeAml, client: MLClient) -> None:
    """What was sent is what the service would see, in its own field names."""
    train(client, rate=0.1, spot=True, name="first")
    (call,) = fake_aml.calls.expect("PUT /jobs/{name}", name="first")
    sent = call.json["properties"]
    assert sent["resources"]["instanceType"] == "Standard_D16a_v4"
    assert sent["queueSettings"]["jobTier"].lower() == "spot"
    assert sent["inputs"]["rate"]["value"] == "0.1"


@pytest.fixture
def its_time(fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """The launch code's own loops wait in the fake's time."""
    its = SimpleNamespace(sleep=fake_aml.clock.sleep, time=fake_aml.clock.now, monotonic=fake_aml.clock.now)
    monkeypatch.setattr("tests.users.polling.time", its)


@pytest.mark.usefixtures("its_time")
def test_a_loop_of_the_projects_own(fake_aml: FakeAml, client: MLClient) -> None:
    """An hour of polling takes no time, and a deadline is a deadline."""
    fake_aml.runtime(hours=1)
    with pytest.raises(TimeoutError):
        wait_for(client, train(client, rate=0.1, name="long"), timeout=600)
    assert wait_for(client, "long", timeout=24 * 3600) == "Completed"


def test_a_job_to_its_end(fake_aml: FakeAml, client: MLClient) -> None:
    """An hour of training takes no time; the states are those of the service."""
    fake_aml.runtime(hours=1)
    name = train(client, rate=0.1)
    client.jobs.stream(name)
    assert status_of(client, name) == "Completed"
    assert fake_aml.job(name).statuses == ("Starting", "Preparing", "Queued", "Running", "Completed")


def test_an_eviction(fake_aml: FakeAml, client: MLClient) -> None:
    """The spot node is taken away in the middle; the second try gets through."""
    from amlrun.testing import Preempted

    fake_aml.inject(Preempted(), job="train-1")
    assert train_until_done(client, rate=0.1) == "train-2"
    assert status_of(client, "train-1") == "Failed"


def test_quota_that_is_used_up(fake_aml: FakeAml, client: MLClient) -> None:
    """What fits waits for its turn; what can never fit fails and says how many nodes would."""
    fake_aml.quota("standardDAv4Family", limit=16)
    first, second = train(client, rate=0.1), train(client, rate=0.2)
    fake_aml.advance(minutes=3)
    assert (status_of(client, first), status_of(client, second)) == ("Running", "Queued")
    fake_aml.advance(minutes=10)
    assert (status_of(client, first), status_of(client, second)) == ("Completed", "Completed")
    fake_aml.quota("standardDAv4Family", limit=8)
    with pytest.raises(Exception, match="quota of 8 vCPUs"):
        client.jobs.stream(train(client, rate=0.3))


def test_a_busy_service(fake_aml: FakeAml, client: MLClient) -> None:
    """The SDK's own retries get through a throttled service, and send the same name again."""
    from amlrun.testing import GatewayTimeout, Throttled

    fake_aml.inject(Throttled(retry_after=20), on="PUT /jobs/{name}")
    fake_aml.inject(GatewayTimeout(), on="PUT /jobs/{name}", call=2)
    train(client, rate=0.1, name="once")
    assert [call.status for call in fake_aml.calls.of("PUT /jobs/{name}", name="once")] == [429, 504, 201]
    assert fake_aml.jobs == ("once",)


def test_a_job_without_rights(fake_aml: FakeAml, client: MLClient) -> None:
    """Whoever may not write jobs gets the 403 that ARM gives, and no job is made."""
    from amlrun.testing import Forbidden

    fake_aml.inject(Forbidden(), on="PUT /jobs/{name}")
    with pytest.raises(HttpResponseError, match="does not have authorization"):
        train(client, rate=0.1)
    assert fake_aml.jobs == ()


def test_a_pipeline(client: MLClient) -> None:
    """The second step waits for the first; both show as children; the nodes come and go."""
    client.compute.begin_create_or_update(
        AmlCompute(name="cpu-cluster", size="Standard_DS3_v2", min_instances=0, max_instances=2)
    ).result()
    name = prepare_and_train(client)
    client.jobs.stream(name)
    children = list(client.jobs.list(parent_job_name=name))
    assert sorted(str(child.display_name) for child in children) == ["first", "fit"]
    assert status_of(client, name) == "Completed"


def test_a_step_that_fails(fake_aml: FakeAml, client: MLClient) -> None:
    """A pipeline fails with its step, and the steps behind it never run."""
    from amlrun.testing import Failed

    fake_aml.cluster("cpu-cluster")
    fake_aml.inject(Failed(message="disk full"), job="*/first")
    name = prepare_and_train(client)
    with pytest.raises(Exception, match="Exception"):
        client.jobs.stream(name)
    assert status_of(client, name) == "Failed"
    assert [child.display_name for child in client.jobs.list(parent_job_name=name)] == ["first"]


def test_a_sweep(client: MLClient) -> None:
    """Each point of a grid is a trial, two at a time."""
    base = command(
        command="python train.py --rate ${{inputs.rate}}",
        inputs={"rate": 0.1},
        environment="azureml:train:1",
        instance_type="Standard_DS3_v2",
    )
    sweep = base(rate=Choice([0.1, 0.2, 0.3])).sweep(
        primary_metric="accuracy", goal="maximize", sampling_algorithm="grid"
    )
    sweep.set_limits(max_total_trials=3, max_concurrent_trials=2)
    name = str(client.jobs.create_or_update(sweep).name)
    client.jobs.stream(name)
    assert len(list(client.jobs.list(parent_job_name=name))) == 3


def test_an_environment_is_registered_once(client: MLClient, tmp_path: Path) -> None:
    """Versions and the label `latest` work as they do in a workspace."""
    conda = tmp_path / "conda.yml"
    conda.write_text("name: train\ndependencies: [python=3.11]\n")
    made = Environment(name="train", version="1", image="ubuntu:22.04", conda_file=conda)
    client.environments.create_or_update(made)
    assert client.environments.get("train", label="latest").version == "1"
    with pytest.raises(ResourceNotFoundError):
        client.environments.get("train", version="2")


def test_code_arrives_in_the_workspace(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """A folder of code is uploaded; the same folder is not uploaded again."""
    (tmp_path / "train.py").write_text("print('hello')\n")
    for _ in range(2):
        client.jobs.create_or_update(
            command(command="python train.py", code=str(tmp_path), environment="azureml:train:1")
        )
    fake_aml.calls.expect("PUT /codes/{name}/versions/{version}", times=1)


def test_canceling(fake_aml: FakeAml, client: MLClient) -> None:
    """A cancel is a long-running operation: its poller ends when the job is Canceled."""
    name = train(client, rate=0.1)
    fake_aml.advance(minutes=2)
    client.jobs.begin_cancel(name).result()
    assert status_of(client, name) == "Canceled"


def test_inside_a_job(fake_aml: FakeAml, client: MLClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that runs in a job gets its token from the job's managed identity."""
    client_id = fake_aml.identity("training")
    job = command(
        command="python upload.py",
        environment="azureml:train:1",
        identity=ManagedIdentityConfiguration(client_id=client_id),
    )
    name = str(client.jobs.create_or_update(job).name)
    for variable, value in fake_aml.job_environment(name).items():
        monkeypatch.setenv(variable, value)
    assert ManagedIdentityCredential().get_token("https://storage.azure.com/.default").token
