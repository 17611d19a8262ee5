"""Sweeps: what leaves of job files, entities and builders, and what their plans say of trials at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, MpiDistribution, Output, UserIdentityConfiguration, command
from azure.ai.ml.entities import CommandJob, Environment
from azure.ai.ml.sweep import Choice, Objective, SweepJob, SweepJobLimits, Uniform

from amlrun import InvalidRequest, NothingFits, Requeue, plan, submit

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun import Run
    from amlrun.testing import FakeAml

SIZE = "Standard_DS3_v2"
ENVIRONMENT = "azureml:train:1"
FILE = """\
type: sweep
trial:
  command: python train.py --rate ${{search_space.rate}} --data ${{inputs.data}}
  code: src
  environment: azureml:train:1
  environment_variables: {A: file, B: file}
  distribution: {type: pytorch, process_count_per_instance: 2}
inputs: {data: 1}
search_space: {rate: {type: uniform, min_value: 0.1, max_value: 1.0}}
sampling_algorithm: random
objective: {goal: maximize, primary_metric: accuracy}
limits: {max_total_trials: 4, max_concurrent_trials: 2, timeout: 3600, trial_timeout: 600}
experiment_name: rates
"""


@pytest.fixture
def file(source: Path) -> Path:
    """A job file, beside the folder with the code."""
    path = source.parent / "sweep.yml"
    path.write_text(FILE)
    return path


def sent(fake: FakeAml, run: Run) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    return dict(fake.job(run.name).body["properties"])


LIMITS: dict[str, Any] = {"max_total_trials": 4, "max_concurrent_trials": 2, "timeout": 600}


def swept(source: Path | None = None, limits: dict[str, Any] = LIMITS, **options: Any) -> Any:
    """A command with a bit of everything, made a sweep."""
    job = command(
        command="python train.py ${{inputs.rate}} ${{inputs.data}} ${{outputs.model}}",
        code=str(source) if source else None,
        environment=ENVIRONMENT,
        inputs={"rate": 0.5, "data": 3},
        outputs={"model": Output(type="uri_folder")},
        distribution=MpiDistribution(process_count_per_instance=2),
        **{"instance_type": SIZE, **options},
    )
    made = job(rate=Choice([0.1, 0.2]))
    return made.sweep(primary_metric="accuracy", goal="maximize", sampling_algorithm="random", **limits)


def test_a_job_file_leaves_as_it_is_with_the_plan_on_it(
    fake_aml: FakeAml, client: MLClient, file: Path
) -> None:
    """Search, objective and limits are the file's; size and count stand in the sweep and in its trial."""
    run = submit(file, cpus=4, tier="spot", client=client)
    body = sent(fake_aml, run)
    assert body["searchSpace"] == {"rate": ["uniform", [0.1, 1.0]]}
    assert body["objective"] == {"goal": "maximize", "primaryMetric": "accuracy"}
    assert body["limits"] == {
        "jobLimitsType": "Sweep",
        "maxTotalTrials": 4,
        "maxConcurrentTrials": 2,
        "timeout": "PT3600S",
        "trialTimeout": "PT10M",
    }
    resources = {"instanceType": run.plan.instance_type, "instanceCount": 1}
    assert (body["resources"], body["trial"]["resources"]) == (resources, resources)
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert "computeId" not in body
    assert body["trial"]["distribution"]["distributionType"] == "PyTorch"
    assert (body["experimentName"], body["inputs"]["data"]["value"]) == ("rates", "1")


def test_all_arguments_are_applied(fake_aml: FakeAml, client: MLClient, file: Path, tmp_path: Path) -> None:
    """Those of the program to the trial, the others to the sweep; what only the file says stays."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.py").write_text("print('another')\n")
    client.environments.create_or_update(Environment(name="other", version="7", image="python:3.11"))
    before = sent(fake_aml, submit(file, client=client))
    run = submit(
        file,
        instance_type="standard_ds4_v2",
        instance_count=2,
        timeout=120,
        identity="user",
        code=other,
        environment="azureml:other@latest",
        inputs={"data": Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/d")},
        outputs={"model": {"type": "mlflow_model"}},
        environment_variables={"A": "argument"},
        name="mine",
        display_name="Mine",
        experiment_name="others",
        tags={"team": "vision"},
        client=client,
    )
    body = sent(fake_aml, run)
    trial = body["trial"]
    assert trial["resources"].items() >= {"instanceType": "Standard_DS4_v2", "instanceCount": 2}.items()
    assert trial["codeId"] not in {None, before["trial"]["codeId"]}
    assert trial["environmentId"].endswith("/environments/other/versions/7")
    assert {key: trial["environmentVariables"][key] for key in "AB"} == {"A": "argument", "B": "file"}
    assert (body["limits"]["timeout"], body["limits"]["trialTimeout"]) == ("PT120S", "PT10M")
    assert body["identity"] == {"identityType": "UserIdentity"}
    assert body["inputs"]["data"]["jobInputType"] == "uri_folder"
    assert body["outputs"]["model"]["jobOutputType"] == "mlflow_model"
    assert (run.name, body["displayName"], body["experimentName"]) == ("mine", "Mine", "others")
    assert body["tags"] == {"team": "vision"}


def test_a_command_that_was_made_a_sweep_keeps_its_program(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """Code, outputs, distribution and size are its own; what is searched for is searched for."""
    job = swept(
        source, instance_count=2, shm_size="4g", description="By rate.", identity=UserIdentityConfiguration()
    )
    body = sent(fake_aml, submit(job, client=client))
    trial = body["trial"]
    assert trial["command"] == "python train.py ${{search_space.rate}} ${{inputs.data}} ${{outputs.model}}"
    assert trial["codeId"].startswith("/subscriptions/")
    size = {"instanceType": SIZE, "instanceCount": 2, "shmSize": "4g"}
    assert trial["resources"].items() >= size.items()
    assert body["resources"] == trial["resources"]
    assert body["searchSpace"] == {"rate": ["choice", [[0.1, 0.2]]]}
    assert body["outputs"]["model"]["jobOutputType"] == "uri_folder"
    assert (body["description"], body["identity"]) == ("By rate.", {"identityType": "UserIdentity"})


def test_the_callers_sweep_stays_as_it_was(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """It can be submitted again, with other arguments; nothing of the first submission is left on it."""
    job = swept(source)
    said = [str(job.trial.code), str(job.trial.environment), job.trial.command, job.compute, job.name]
    first = sent(fake_aml, submit(job, environment_variables={"A": "1"}, client=client))
    second = sent(fake_aml, submit(job, client=client))
    assert said == [str(job.trial.code), str(job.trial.environment), job.trial.command, job.compute, job.name]
    assert "A" in first["trial"]["environmentVariables"]
    assert "A" not in second["trial"]["environmentVariables"]


@pytest.mark.parametrize(
    "said", [{"job_tier": "spot", "priority": "low"}, {"job_tier": "Spot", "priority": "low"}]
)
def test_queue_settings_as_a_dictionary_are_read_and_sent(
    fake_aml: FakeAml, client: MLClient, said: dict[str, str]
) -> None:
    """With which the SDK breaks off: tier and priority leave in the service's words."""
    job = swept()
    job.queue_settings = said
    run = submit(job, client=client)
    assert sent(fake_aml, run)["queueSettings"] == {"jobTier": "Spot", "priority": 1}
    assert run.plan.tier == "spot"


def test_what_a_trial_says_of_its_place_counts(fake_aml: FakeAml, client: MLClient) -> None:
    """Of a sweep around a command job: size, tier, identity and time-out of each trial."""
    trial: Any = CommandJob(
        command="echo ${{search_space.rate}}",
        environment=ENVIRONMENT,
        resources={"instance_type": SIZE, "instance_count": 2},
        queue_settings={"job_tier": "spot"},
        identity=UserIdentityConfiguration(),
    )
    job = SweepJob(
        trial=trial,
        search_space={"rate": Uniform(0.0, 1.0)},
        sampling_algorithm="random",
        objective=Objective(goal="maximize", primary_metric="m"),
        limits=SweepJobLimits(max_total_trials=1, trial_timeout=120),
    )
    run = submit(job, client=client)
    body = sent(fake_aml, run)
    assert body["trial"]["resources"].items() >= {"instanceType": SIZE, "instanceCount": 2}.items()
    assert body["queueSettings"]["jobTier"] == "Spot"
    assert body["identity"] == {"identityType": "UserIdentity"}
    assert body["limits"]["trialTimeout"] == "PT2M"


def test_a_cluster_and_kubernetes_take_sweeps(fake_aml: FakeAml, client: MLClient, file: Path) -> None:
    """A cluster has its own size and tier; Kubernetes is told its instance type."""
    fake_aml.cluster("cpus", size=SIZE, max_nodes=4)
    body = sent(fake_aml, submit(file, compute="cpus", instance_count=2, client=client))
    assert body["computeId"].endswith("/computes/cpus")
    assert body["resources"] == body["trial"]["resources"] == {"instanceCount": 2}
    assert "queueSettings" not in body
    fake_aml.kubernetes("k8s")
    run = submit(file, compute="k8s", client=client)
    body = sent(fake_aml, run)
    assert body["computeId"].endswith("/computes/k8s")
    assert body["trial"]["resources"].get("instanceType") == run.plan.instance_type


def test_a_plan_is_that_of_a_trial_and_its_price_that_of_all(client: MLClient, file: Path) -> None:
    """Two trials at once on two nodes each: four nodes are paid for."""
    one = plan("echo", environment=ENVIRONMENT, instance_type="Standard_NC4as_T4_v3", client=client)
    found = plan(file, instance_type="Standard_NC4as_T4_v3", instance_count=2, client=client)
    assert (found.instance_count, found.at_once, found.most_nodes) == (2, 2, 4)
    assert found.price_per_hour == pytest.approx(4 * (one.price_per_hour or 0))
    assert "trials  2 at once, each on nodes of its own" in str(found)
    assert not [words for words in found.warnings if "trials" in words]


def test_trials_that_were_sent_take_their_nodes(fake_aml: FakeAml, client: MLClient, file: Path) -> None:
    """Of 20 vCPUs, two trials on two nodes of 4 vCPUs each leave 4, whatever was read before."""
    fake_aml.quota("standardDSv2Family", limit=20)
    assert (
        plan("ls", environment=ENVIRONMENT, instance_type=SIZE, instance_count=2, client=client).starts
        == "now"
    )
    submit(file, instance_type=SIZE, instance_count=2, client=client)
    found = plan("ls", environment=ENVIRONMENT, instance_type=SIZE, instance_count=2, client=client)
    assert found.starts == "queued"


def test_trials_that_do_not_fit_at_once_are_told(fake_aml: FakeAml, client: MLClient, file: Path) -> None:
    """The first starts, others wait: by quota, or by the nodes of a cluster. Nothing is refused for that."""
    fake_aml.quota("standardDSv2Family", limit=4)
    found = plan(file, instance_type=SIZE, client=client)
    assert found.starts == "now"
    (told,) = [words for words in found.warnings if "trials" in words]
    assert told.startswith("2 trials at once: needs 2 x 4 = 8 vCPUs of standardDSv2Family; limit 4")
    assert told.endswith("others wait for these to end")
    fake_aml.cluster("one", size=SIZE, max_nodes=1)
    (told,) = [words for words in plan(file, compute="one", client=client).warnings if "trials" in words]
    assert told == "2 trials at once need 2 nodes, and one has 1 at most: others wait for these to end"


def test_a_sweep_without_limits_is_told(client: MLClient) -> None:
    """Its price can only be that of one trial; and what a command said is said to be lost."""
    job = swept(limits={})
    found = plan(job, client=client)
    assert found.at_once == 1
    assert any("neither max_concurrent_trials nor max_total_trials" in words for words in found.warnings)
    assert any("no experiment_name and no tier and no timeout" in words for words in found.warnings)
    said = plan(job, experiment_name="mine", timeout=60, tier="standard", client=client)
    assert not [words for words in said.warnings if "experiment_name" in words or "timeout" in words]


def test_a_warm_submit_is_one_request(fake_aml: FakeAml, client: MLClient) -> None:
    """With readings kept, nothing to upload and nothing to look up."""
    submit(swept(), client=client)
    before = len(list(fake_aml.calls))
    run = submit(swept(), client=client)
    (call,) = list(fake_aml.calls)[before:]
    assert (call.method, call.path.rpartition("/")[2]) == ("PUT", run.name)


def test_a_grid_has_as_many_trials_as_points(client: MLClient, file: Path) -> None:
    """In a file and in an object: more of them at once cost nothing."""
    file.write_text(
        file.read_text()
        .replace("sampling_algorithm: random", "sampling_algorithm: grid")
        .replace("{type: uniform, min_value: 0.1, max_value: 1.0}", "{type: choice, values: [1, 2, 3]}")
        .replace("max_concurrent_trials: 2", "max_concurrent_trials: 4")
    )
    assert plan(file, client=client).at_once == 3
    job = swept(limits={"max_total_trials": 9})
    job.sampling_algorithm = "grid"
    assert plan(job, client=client).at_once == 2


def test_a_teams_rules_hold_for_all_trials_together(
    client: MLClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two trials of two nodes are four, and cost what four cost."""
    rules = file.parent / "amlrun.toml"
    monkeypatch.setenv("AMLRUN_CONFIG", str(rules))
    rules.write_text("[guard]\nmost_nodes = 3\n")
    with pytest.raises(InvalidRequest, match="instance_count=2 for each of 2 trials at once: refused by"):
        plan(file, instance_count=2, client=client)
    rules.write_text("[guard]\nhighest_price_per_hour = 1.0\n")
    with pytest.raises(NothingFits, match=r"costs 1\.06 USD an hour, refused by"):
        plan(file, instance_type="Standard_NC4as_T4_v3", client=client)


def test_a_sweep_is_repeated_only_when_asked(fake_aml: FakeAml, client: MLClient, file: Path) -> None:
    """Another attempt would run all trials again. Where it is asked for, trials know their attempt."""
    run = submit(file, tier="spot", client=client)
    assert not run.plan.requeued
    assert any("spot without requeue" in words for words in run.plan.warnings)
    asked = submit(file, tier="spot", requeue=Requeue(user_errors=1), client=client)
    assert asked.plan.requeued
    fake_aml.advance(seconds=1)
    fake_aml.fail(asked.name)
    asked.wait()
    assert asked.attempt == 2
    for number, attempt in enumerate(asked.attempts, start=1):
        body = fake_aml.job(attempt.name).body["properties"]
        variables = body["trial"]["environmentVariables"]
        assert (variables["AMLRUN_GROUP"], variables["AMLRUN_ATTEMPT"]) == (asked.name, str(number))
        assert "AMLRUN_CHECKPOINT_DIR" not in str(body)
        assert "amlrun_checkpoints" not in body["outputs"]


def test_trials_carry_what_the_sweep_was_given(fake_aml: FakeAml, client: MLClient, file: Path) -> None:
    """They are jobs of the service's own making, on the planned nodes."""
    run = submit(file, tier="spot", environment_variables={"A": "x"}, client=client)
    fake_aml.advance(minutes=2)
    trial = fake_aml.job(f"{run.name}_0")
    body = trial.body["properties"]
    assert body["resources"]["instanceType"] == run.plan.instance_type
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert body["environmentVariables"]["A"] == "x"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("search_space.rate", "search_space.speed", r"search_space\.speed.*there is no such one"),
        ("inputs.data}", "inputs.nothing}", r"inputs\.nothing.*there is no such one"),
        ("{A: file, B: file}", "{A: '${{inputs.data}}'}", "environment variable A"),
        ("code: src", "code: nowhere", "nowhere"),
        ("environment: azureml:train:1\n  ", "", "needs an environment"),
        ("type: pytorch", "type: nothing", "distribution: .nothing. is not one of"),
        ("max_total_trials: 4", "max_total_trials: 0", "limits.max_total_trials is 0"),
        ("max_concurrent_trials: 2", "max_concurrent_trials: 2000", "limits.max_concurrent_trials is 2000"),
        ("goal: maximize", "goal: minimise", "objective.goal is .minimise."),
    ],
)
def test_a_sweep_that_can_never_run_is_refused(
    fake_aml: FakeAml, file: Path, old: str, new: str, words: str
) -> None:
    """Before anything is uploaded, by the name of what is wrong."""
    text = file.read_text()
    file.write_text(text.replace(old, new))
    assert file.read_text() != text
    with pytest.raises(InvalidRequest, match=words):
        submit(file, client=fake_aml.client())
    assert not [call for call in fake_aml.calls if call.method not in {"GET", "HEAD"}]


def test_what_is_searched_for_is_not_given_too(fake_aml: FakeAml, file: Path) -> None:
    """Of an object the command would use the one that is given, and all trials be alike."""
    for job in (swept(), file):
        with pytest.raises(InvalidRequest, match="inputs: rate is searched for") as caught:
            submit(job, inputs={"rate": 0.3}, client=fake_aml.client())
        assert caught.value.argument == "inputs"
    assert not fake_aml.jobs


def test_trials_that_may_outlast_the_sweep_are_told(client: MLClient) -> None:
    """Of both, the whole sweep's time-out ends them."""
    told = "trial_timeout=900 counts for nothing: the whole sweep ends after timeout=600"
    assert told in plan(swept(limits={**LIMITS, "trial_timeout": 900}), client=client).warnings
    assert "counts for nothing" not in str(plan(swept(limits={**LIMITS, "trial_timeout": 60}), client=client))
