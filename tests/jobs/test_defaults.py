"""Defaults that spare known accidents: what leaves where nothing was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command
from azure.ai.ml.entities import JobResourceConfiguration

from amlrun import InvalidRequest, JobCanceled, Requeue, attach, plan, submit
from amlrun._ending import Ending
from tests.jobs.every import named, pipeline_of, searching

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun._arguments import Options
    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
T4 = "Standard_NC4as_T4_v3"
SECRET = "hf_abcdefghijklmnop"  # noqa: S105  nobody's


def sent(fake: FakeAml, name: str) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    body: dict[str, Any] = dict(fake.job(name).body["properties"])
    return body


def test_a_node_with_a_gpu_has_shared_memory(fake_aml: FakeAml, client: MLClient) -> None:
    """Half of the VM's; a CPU node keeps the service's 2 GB."""
    fake_aml.quota("standardNCASv3_T4Family", limit=8)
    run = submit("python train.py", environment=ENVIRONMENT, gpus=1, instance_type=T4, client=client)
    assert sent(fake_aml, run.name)["resources"]["shmSize"] == "14g"
    run = submit("python train.py", environment=ENVIRONMENT, cpus=4, client=client)
    assert "shmSize" not in sent(fake_aml, run.name)["resources"]


@pytest.mark.parametrize("said", [{"shm_size": "3g"}, {"docker_args": "--ipc=host"}])
def test_what_a_job_says_of_shared_memory_stays(
    fake_aml: FakeAml, client: MLClient, said: dict[str, str]
) -> None:
    """By its own setting, or by Docker's."""
    from azure.ai.ml import command

    fake_aml.quota("standardNCASv3_T4Family", limit=8)
    given: dict[str, Any] = {"environment": ENVIRONMENT, "instance_type": T4, **said}
    job = command(command="ls", **given)
    run = submit(job, client=client)
    assert sent(fake_aml, run.name)["resources"].get("shmSize") == said.get("shm_size")


@pytest.mark.parametrize("folder", ["my.project (v2)", "_private", "модель", "two words"])
def test_the_folder_that_one_is_in_gives_no_invalid_experiment(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """azure-ai-ml makes its name of the folder's, whatever that is."""
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    run = submit("ls", environment=ENVIRONMENT, client=client)
    expected = {"my.project (v2)": "my", "_private": "private", "модель": "Default", "two words": "twowords"}
    assert sent(fake_aml, run.name)["experimentName"] == expected[folder]


def test_an_experiment_of_ones_own_is_made_valid_and_that_is_told(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """A branch's name, as CI gives it; of which nothing is left, it is refused."""
    planned = plan("ls", environment=ENVIRONMENT, experiment_name="feature/x 1", client=client)
    assert "the experiment 'feature/x 1' goes by the name of 'feature-x-1'" in str(planned)
    run = submit(planned, client=client)
    assert sent(fake_aml, run.name)["experimentName"] == "feature-x-1"
    with pytest.raises(InvalidRequest) as caught:
        plan("ls", environment=ENVIRONMENT, experiment_name="//", client=client)
    assert caught.value.argument == "experiment_name"


@pytest.mark.parametrize(
    "spelling", ["azureml:train@latest", "train@latest", " azureml:train@latest ", "train:2"]
)
@pytest.mark.parametrize("said_by", ["argument", "file", "entity"])
def test_the_latest_environment_in_every_spelling(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, spelling: str, said_by: str
) -> None:
    """It leaves as the version that it is, wherever it was said."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    for version in ("1", "2"):
        client.environments.create_or_update(Environment(name="train", version=version, image="python"))
    if said_by == "argument":
        run = submit("ls", environment=spelling, client=client)
    elif said_by == "file":
        path = tmp_path / "job.yml"
        path.write_text(f"command: ls\nenvironment: {json.dumps(spelling.strip())}\n")
        run = submit(path, client=client)
    else:
        run = submit(command(command="ls", environment=spelling), client=client)
    assert sent(fake_aml, run.name)["environmentId"].endswith("/environments/train/versions/2")


def test_secrets_are_told_by_name_and_are_nowhere_but_in_the_job(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the plan, the log, the tags or the properties; the next attempt has them all the same."""
    caplog.set_level("DEBUG", logger="amlrun")
    options: Options = {"environment": ENVIRONMENT, "cpus": 4, "tier": "spot", "requeue": Requeue(waits=(1,))}
    options["environment_variables"] = {"HF_TOKEN": SECRET, "EPOCHS": "3"}
    planned = plan("ls", client=client, **options)
    [told] = [one for one in planned.warnings if "secret" in one]
    assert "HF_TOKEN" in told
    assert "EPOCHS" not in told
    assert SECRET not in json.dumps(planned.to_dict())
    run = submit("ls", client=client, **options)
    fake_aml.preempt(run.name)
    other = attach(run.name, client=fake_aml.client())
    assert other.wait().attempt == 2
    for name in fake_aml.jobs:
        body = sent(fake_aml, name)
        assert body["environmentVariables"]["HF_TOKEN"] == SECRET
        elsewhere = {key: value for key, value in body.items() if key != "environmentVariables"}
        assert SECRET not in json.dumps(elsewhere)
    assert SECRET not in caplog.text


def spark(tmp_path: Path) -> Path:
    """A Spark job: a type without a field for a time-out."""
    (tmp_path / "count.py").write_text("print(1)\n")
    path = tmp_path / "spark.yml"
    path.write_text(
        "type: spark\ncode: .\nentry: {file: count.py}\n"
        "conf: {spark.driver.cores: 1, spark.driver.memory: 2g, spark.executor.cores: 2, "
        "spark.executor.memory: 2g, spark.executor.instances: 2}\n"
        "resources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}\n"
    )
    return path


def test_a_timeout_that_nobody_would_keep_is_refused(client: MLClient, tmp_path: Path) -> None:
    """With the way out; and one that somebody is to keep, where there is none."""
    with pytest.raises(InvalidRequest, match="a Spark job has no such field") as caught:
        submit(spark(tmp_path), timeout=600, client=client)
    assert caught.value.argument == "timeout"
    assert "enforce_timeout=True" in caught.value.hint
    with pytest.raises(InvalidRequest, match="no timeout to keep"):
        submit("ls", environment=ENVIRONMENT, requeue=Requeue(enforce_timeout=True), client=client)


def test_a_team_s_timeout_is_left_out_where_there_is_no_field(
    client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A default is no wish of this job's."""
    team = tmp_path / "amlrun.toml"
    team.write_text("[defaults]\ntimeout = 600\n")
    monkeypatch.setenv("AMLRUN_CONFIG", str(team))
    assert plan(spark(tmp_path), client=client).timeout is None
    assert plan("ls", environment=ENVIRONMENT, client=client).timeout == 600


def test_whoever_waits_keeps_the_timeout(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The attempt is canceled when its time is over, no sooner; the run has timed out, and isn't repeated."""
    fake_aml.runtime(hours=5)
    policy = Requeue(enforce_timeout=True, user_errors=3)
    planned = plan(spark(tmp_path), timeout=600, requeue=policy, client=client)
    assert any("kept only while somebody waits" in told for told in planned.warnings)
    run = submit(planned, client=client)
    with pytest.raises(JobCanceled) as caught:
        attach(run.name, client=fake_aml.client()).wait()
    assert caught.value.reason == "timed-out"
    [attempt] = attach(run.name, client=client).attempts
    assert attempt.ending is Ending.TIMED_OUT
    assert 600 <= (attempt.seconds or 0) < 620


def test_without_it_nobody_is_canceled(fake_aml: FakeAml, client: MLClient) -> None:
    """The service keeps the time-out of a command job, also while nobody waits."""
    fake_aml.runtime(hours=5)
    run = submit("ls", environment=ENVIRONMENT, timeout=600, client=client)
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "timed-out"
    assert not [call for call in fake_aml.calls if call.path.endswith("/cancel")]


def test_a_pipeline_s_timeout_is_kept_by_whoever_waits(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """For the whole of it; its steps end with it."""
    fake_aml.runtime(hours=5)
    path = tmp_path / "pipeline.yml"
    path.write_text(
        "type: pipeline\njobs:\n"
        "  train: {type: command, command: echo hello, environment: 'azureml:train:1'}\n"
    )
    with pytest.raises(InvalidRequest, match="a pipeline has no such field"):
        submit(path, timeout=600, client=client)
    run = submit(path, timeout=600, requeue=Requeue(enforce_timeout=True), client=client)
    with pytest.raises(JobCanceled) as caught:
        run.wait()
    assert caught.value.reason == "timed-out"
    assert 600 <= (run.attempts[0].seconds or 0) < 620


@pytest.mark.parametrize("spelling", ["azureml:train@latest", "train@latest", "train:2"])
def test_the_latest_environment_of_a_pipeline_s_steps(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, spelling: str
) -> None:
    """In its file, whose schema knows one spelling alone."""
    from azure.ai.ml.entities import Environment

    for version in ("1", "2"):
        client.environments.create_or_update(Environment(name="train", version=version, image="python"))
    path = tmp_path / "pipeline.yml"
    path.write_text(
        f"type: pipeline\njobs:\n  train: {{type: command, command: echo hello, environment: '{spelling}'}}\n"
    )
    submit(path, client=client)
    specs = [
        call.json["properties"]["componentSpec"]["environment"]
        for call in fake_aml.calls
        if call.method == "PUT" and "/components/" in call.path
    ]
    assert len(specs) == 1
    assert all("/environments/train/versions/2" in one for one in specs)


def test_what_a_plan_warns_of_in_the_job_itself_is_logged_once(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """For those who don't print the plan; a batch says much alike. Not the secret itself."""
    for _ in range(2):
        submit("ls", environment="azureml:train:1", environment_variables={"HF_TOKEN": SECRET}, client=client)
    told = [record.getMessage() for record in caplog.records if "HF_TOKEN" in record.getMessage()]
    assert len(told) == 1
    assert "looks like a secret" in told[0]
    assert SECRET not in caplog.text
    assert len(fake_aml.jobs) == 2


def test_a_secret_among_tags_and_inputs_is_told(client: MLClient) -> None:
    """Both are shown to whoever may read the job; tags in every list."""
    told = plan(
        "train ${{inputs.api_key}}",
        environment="azureml:train:1",
        tags={"token": SECRET, "team": "vision"},
        inputs={"api_key": SECRET, "lr": 1},
        client=client,
    ).warnings
    assert sorted(words.partition(" look")[0] for words in told) == ["inputs: api_key", "tags: token"]
    assert SECRET not in "".join(told)


def test_numbers_among_the_tags_are_texts(fake_aml: FakeAml, client: MLClient) -> None:
    """azure-ai-ml sends them as they are, and the service refuses them."""
    job = command(command="ls", environment="azureml:train:1", tags={"seed": 3})
    assert fake_aml.job(submit(job, client=client).name).body["properties"]["tags"]["seed"] == "3"


@pytest.mark.parametrize(
    "arguments", [f"--ipc=host -e HF_TOKEN={SECRET}", ["--ipc=host", "-e", f"HF_TOKEN={SECRET}"]]
)
@pytest.mark.parametrize("how", ["command", "sweep", "step"])
def test_a_secret_that_is_handed_to_docker_is_told(client: MLClient, arguments: Any, how: str) -> None:
    """As one among environment variables is, without its value; of a step with its path."""
    job = searching() if how == "sweep" else command(command="ls", environment="azureml:train:1")
    job.resources = JobResourceConfiguration(docker_args=arguments)
    if how == "step":
        job = pipeline_of(lambda: named(job(), "fit"))
    [told] = [one for one in plan(job, client=client).warnings if "secret" in one]
    assert told.startswith(("fit: " if how == "step" else "") + "resources.docker_args: something in it")
    assert SECRET not in told
    job = command(command="ls", environment="azureml:train:1", docker_args="--ipc=host --shm-size=8g")
    assert not [one for one in plan(job, client=client).warnings if "docker" in one]
