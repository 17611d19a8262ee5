"""Spark jobs: on serverless Spark, which has a few sizes of its own, or on an attached pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, ManagedIdentityConfiguration

from amlrun import (
    AmlrunError,
    ComputeUnsuitable,
    InvalidRequest,
    NothingFits,
    Requeue,
    SubmissionFailed,
    plan,
    submit,
)
from tests.jobs.every import STORE, sparkling

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun import Run
    from amlrun.testing import FakeAml


def unsized(folder: Path, **options: Any) -> Any:
    """A job that leaves the size open."""
    job = sparkling(folder, **options)
    job.resources = {"runtime_version": "3.4"}
    return job


def body_of(fake: FakeAml, run: Run) -> Any:
    """What was sent."""
    return fake.job(run.name).body["properties"]


@pytest.mark.parametrize(
    ("needs", "size"),
    [
        ({}, "Standard_E4s_v3"),
        ({"cpus": 5}, "Standard_E8s_v3"),
        ({"memory_gb": 100}, "Standard_E16s_v3"),
        ({"instance_type": ["Standard_E64s_v3", "Standard_E4s_v3"]}, "Standard_E64s_v3"),
        ({"instance_type": ["Standard_DS3_v2", "standard_e32s_v3"]}, "Standard_E32s_v3"),
        ({"cpus": 2, "tier": "auto"}, "Standard_E4s_v3"),
    ],
)
def test_the_smallest_of_sparks_sizes_that_would_do(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, needs: dict[str, Any], size: str
) -> None:
    """Of five, whatever the quota of their family is; when it starts, and what it costs, is not known."""
    fake_aml.quota("TotalDedicatedCores", limit=0)
    run = submit(unsized(tmp_path / "s"), client=client, **needs)
    assert (run.plan.instance_type, run.plan.compute, str(run.plan.tier)) == (size, "serverless", "standard")
    assert (run.plan.price_per_hour, str(run.plan.starts)) == (None, "unknown")
    assert "no family's quota binds it" in run.plan.reasons[0]
    assert body_of(fake_aml, run)["resources"] == {"instanceType": size, "runtimeVersion": "3.4"}
    fake_aml.advance(hours=1)
    assert run.refresh().status == "Completed"


def test_a_plan_of_spark_is_sent_as_it_is(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """On serverless and on a pool."""
    fake_aml.synapse_spark("pool")
    places: list[dict[str, Any]] = [{}, {"compute": "pool"}]
    for options in places:
        told = plan(sparkling(tmp_path / "s"), client=client, **options)
        assert submit(told, client=client).plan.compute == told.compute


REFUSED: list[tuple[dict[str, Any], type[AmlrunError], str]] = [
    ({"tier": "spot"}, InvalidRequest, "a Spark job has no spot nodes"),
    ({"instance_count": 2}, InvalidRequest, "instance_count: a Spark job has no such field"),
    ({"environment_variables": {"A": "b"}}, InvalidRequest, "environment_variables: a Spark job"),
    ({"timeout": 60}, InvalidRequest, "timeout"),
    ({"gpus": 1}, NothingFits, "has no GPU"),
    ({"instance_type": "Standard_DS3_v2"}, InvalidRequest, "serverless Spark has no such size"),
    ({"compute": "pool", "instance_type": "Standard_E8s_v3"}, InvalidRequest, "nodes have their own size"),
    ({"compute": "cpus"}, ComputeUnsuitable, "Spark jobs go to a Spark pool"),
]


@pytest.mark.parametrize(("options", "error", "words"), REFUSED)
def test_what_a_spark_job_can_not_take(
    fake_aml: FakeAml, tmp_path: Path, options: dict[str, Any], error: type[AmlrunError], words: str
) -> None:
    """Refused before anything is uploaded, with the way out."""
    client = fake_aml.client()
    fake_aml.synapse_spark("pool")
    fake_aml.cluster("cpus")
    with pytest.raises(error, match=words) as refused:
        submit(unsized(tmp_path / "s"), client=client, **options)
    assert refused.value.hint
    assert not fake_aml.jobs
    assert not any(call.method == "PUT" for call in fake_aml.calls)


def test_no_other_job_goes_to_a_pool(fake_aml: FakeAml, client: MLClient) -> None:
    """It takes Spark jobs only."""
    fake_aml.synapse_spark("pool")
    with pytest.raises(ComputeUnsuitable, match="takes Spark jobs, and no others"):
        submit("ls", environment="azureml:train:1", compute="pool", client=client)


def test_a_pool_instead_of_a_size_and_a_size_instead_of_a_pool(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """An argument wins over what the job says, and the SDK is told one of the two, never both."""
    fake_aml.synapse_spark("pool")
    moved = submit(sparkling(tmp_path / "s"), compute="pool", client=client)
    body = body_of(fake_aml, moved)
    assert (body["computeId"].rpartition("/")[2], body.get("resources")) == ("pool", None)
    job = unsized(tmp_path / "s")
    job.compute = "pool"
    back = submit(job, compute="serverless", client=client)
    body = body_of(fake_aml, back)
    assert (body.get("computeId"), body["resources"]["instanceType"]) == (None, "Standard_E4s_v3")
    assert job.compute == "pool"


def test_serverless_spark_must_be_told_its_version(client: MLClient, tmp_path: Path) -> None:
    """A job that was made for a pool doesn't say it."""
    job = sparkling(tmp_path / "s")
    job.resources = None
    with pytest.raises(InvalidRequest, match="which version of Spark") as refused:
        submit(job, client=client)
    assert "resources.runtime_version" in refused.value.hint


def test_identities_of_spark(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The submitter's on serverless and the pool's own on a pool, unless another is said."""
    fake_aml.synapse_spark("pool")
    kinds = []
    pool = {"compute": "pool"}
    said: list[dict[str, Any]] = [{}, pool, {**pool, "identity": "user"}, {**pool, "identity": "managed"}]
    for options in said:
        run = submit(sparkling(tmp_path / "s"), client=client, **options)
        kinds.append(body_of(fake_aml, run)["identity"]["identityType"])
    assert kinds == ["UserIdentity", "Managed", "UserIdentity", "Managed"]
    job = sparkling(tmp_path / "s")
    job.resources, job.compute = None, "pool"  # the SDK says then that its identity is a managed one
    assert submit(job, client=client).plan.compute == "pool"


def test_data_given_as_arguments_is_read_directly(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """As all data of Spark; another mode is refused, and a job may bind to what only an argument brings."""
    job = sparkling(tmp_path / "s", args="--rows ${{inputs.rows}} --n ${{inputs.n}}")
    rows = Input(type="uri_file", path=f"{STORE}/rows.csv")
    body = body_of(fake_aml, submit(job, inputs={"rows": rows, "n": 3}, client=client))
    assert body["args"] == "--rows ${{inputs.rows}} --n ${{inputs.n}}"
    assert body["inputs"]["rows"]["mode"] == "Direct"
    assert body["inputs"]["n"] == {"jobInputType": "literal", "value": "3"}
    rows.mode = "ro_mount"
    with pytest.raises(InvalidRequest, match="reads and writes directly"):
        submit(job, inputs={"rows": rows, "n": 3}, client=client)


def test_an_environment_and_a_default_tier(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment is put on it; a team's default of spot isn't for what has no spot nodes."""
    (tmp_path / "amlrun.toml").write_text('[defaults]\ntier = "spot"\n')
    monkeypatch.setenv("AMLRUN_CONFIG", str(tmp_path / "amlrun.toml"))
    run = submit(sparkling(tmp_path / "s"), environment="azureml:train:1", client=client)
    assert str(run.plan.tier) == "standard"
    assert "by default" not in str(run.plan)
    assert body_of(fake_aml, run)["environmentId"].endswith("/environments/train/versions/1")


def test_a_spark_job_is_requeued_where_that_is_asked_for(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Each attempt is the same job: Spark has no variables to tell it which attempt it is."""
    policy = Requeue(user_errors=1, waits=(1,))
    run = submit(sparkling(tmp_path / "s"), requeue=policy, client=client)
    fake_aml.fail(run.name)
    run.wait()
    first, second = (fake_aml.job(one.name).body["properties"] for one in run.attempts)
    assert {**first, "properties": None} == {**second, "properties": None}


def test_an_entry_that_is_not_in_the_code_is_refused(fake_aml: FakeAml, tmp_path: Path) -> None:
    """By its name and the folder of the user's; azure-ai-ml names the copy that it looks in."""
    job, other = sparkling(tmp_path / "s"), tmp_path / "other"
    other.mkdir()
    (other / "else.py").write_text("print(1)\n")
    with pytest.raises(InvalidRequest, match=f"There is no main.py in the code that is sent along, {other}"):
        submit(job, code=other, client=fake_aml.client())
    (tmp_path / "s" / "main.py").rename(tmp_path / "s" / "moved.py")
    with pytest.raises(InvalidRequest, match=r"There is no main\.py") as caught:
        submit(job, client=fake_aml.client())
    assert caught.value.argument == "job"
    assert not fake_aml.calls or {call.method for call in fake_aml.calls} <= {"GET"}


def test_what_gpus_are_told(client: MLClient, tmp_path: Path) -> None:
    """No size of another kind of job is proposed."""
    with pytest.raises(NothingFits) as caught:
        submit(sparkling(tmp_path / "s"), gpus=1, client=client)
    assert "_T4_" not in str(caught.value)


def test_a_managed_identity_of_the_job_is_looked_at(client: MLClient, tmp_path: Path) -> None:
    """As one that is given: the workspace has none that serverless takes."""
    job = sparkling(tmp_path / "s", identity=ManagedIdentityConfiguration())
    with pytest.raises(AmlrunError) as of_job:
        submit(job, client=client)
    with pytest.raises(AmlrunError) as given:
        submit(sparkling(tmp_path / "s"), identity="managed", client=client)
    assert of_job.value.code == given.value.code


def test_a_count_in_quotes_is_refused(client: MLClient, tmp_path: Path) -> None:
    """azure-ai-ml compares it with a number, and breaks off."""
    job = sparkling(tmp_path / "s")
    job.executor_instances = "2"
    with pytest.raises(InvalidRequest, match="executor_instances is the text '2'"):
        submit(job, client=client)


def test_whatever_azure_ai_ml_breaks_off_with_is_an_error_of_ours(client: MLClient, tmp_path: Path) -> None:
    """What it hadn't reckoned with, with its version and its words."""
    job = sparkling(tmp_path / "s")
    job.dynamic_allocation_enabled = True
    job.dynamic_allocation_min_executors, job.dynamic_allocation_max_executors = 1, [2]
    with pytest.raises(SubmissionFailed, match="broke off on this job: TypeError"):
        submit(job, client=client)


def test_a_secret_in_its_settings_is_told_by_its_name(client: MLClient, tmp_path: Path) -> None:
    """Spark's own settings are where its variables go."""
    conf = {"spark.executorEnv.HF_TOKEN": "hf_abc", "spark.executor.cores": "1"}
    told = plan(sparkling(tmp_path / "s", conf=conf), client=client)
    warned = [words for words in told.warnings if "looks like a secret" in words]
    assert [words.partition(" looks")[0] for words in warned] == ["conf: spark.executorEnv.HF_TOKEN"]
    assert "hf_abc" not in warned[0]
