"""Bad input: refused before anything is uploaded, with the name of the argument and what is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import AmlrunError, InvalidRequest, Needs, Requeue, plan, submit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
REGISTRY = "azureml://registries/azureml/environments/sklearn-1.5"
COMMAND = f"command: python train.py\ncode: src\nenvironment: {ENVIRONMENT}\n"
SWEEP = (
    "type: sweep\ntrial:\n  command: python train.py --a ${{search_space.a}}\n  code: src\n"
    f"  environment: {ENVIRONMENT}\nsearch_space: {{a: {{type: choice, values: [1, 2]}}}}\n"
    "sampling_algorithm: random\nobjective: {primary_metric: loss, goal: minimize}\n"
    "limits: {max_total_trials: 2, max_concurrent_trials: 1}\n"
)
SPARK = (
    "type: spark\ncode: src\nentry: {file: train.py}\n"
    "conf: {spark.driver.cores: 1, spark.driver.memory: 2g, spark.executor.cores: 2, "
    "spark.executor.memory: 2g, spark.executor.instances: 2}\n"
    "resources: {instance_type: standard_e4s_v3, runtime_version: '3.4'}\n"
)
STEP = "  train:\n    type: command\n    command: python train.py\n    code: src\n"
PIPELINE = f"type: pipeline\njobs:\n{STEP}    environment: {ENVIRONMENT}\n"

PARALLEL = (
    "type: pipeline\njobs:\n  score:\n    type: parallel\n    compute: azureml:cpu\n"
    "    inputs: {rows: {type: mltable, path: 'azureml:rows:1', mode: eval_mount}}\n"
    "    outputs: {done: {type: uri_file}}\n    input_data: '${{inputs.rows}}'\n    mini_batch_size: '10'\n"
    f"    task: {{type: run_function, code: src, entry_script: train.py, environment: '{ENVIRONMENT}',\n"
    "      program_arguments: '--a 1'}\n"
)


def refused(fake: FakeAml, call: Callable[[], Any]) -> AmlrunError:
    """The refusal, when nothing was written anywhere."""
    with pytest.raises(AmlrunError) as caught:
        call()
    assert [f"{one.method} {one.path}" for one in fake.calls if one.method not in {"GET", "HEAD"}] == []
    return caught.value


@pytest.fixture
def folder(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: with code, and with two folders that can be none."""
    monkeypatch.chdir(source.parent)
    for name in ("empty", "broken"):
        (source.parent / name).mkdir()
    (source.parent / "broken" / "link").symlink_to("nowhere")
    return source.parent


@pytest.mark.parametrize(
    ("argument", "options", "words"),
    [
        ("inputs", {}, "inputs.data"),
        ("environment_variables", {"environment_variables": {"A": "${{inputs.x}}"}}, "never here"),
        ("instance_count", {"instance_count": 0}, "at least one node"),
        ("instance_count", {"instance_count": -1}, "negative"),
        ("instance_count", {"instance_count": "2"}, "a number of nodes"),
        ("instance_count", {"instance_count": 1.5}, "whole number"),
        ("instance_count", {"instance_count": True}, "a number of nodes"),
        ("tier", {"tier": "premium"}, '"spot"'),
        ("gpus", {"gpus": 1, "needs": Needs(gpus=2)}, "said twice"),
        ("requeue", {"requeue": True}, "Requeue"),
        ("timeout", {"timeout": 0}, "1 or more"),
        ("timeout", {"requeue": Requeue(enforce_timeout=True)}, "no timeout"),
        ("code", {"code": "no-such-folder"}, "no such folder"),
        ("code", {"code": "empty"}, "empty"),
        ("code", {"code": "broken"}, "leads to nowhere"),
        ("environment", {"environment": "train"}, "latest"),
        ("environment", {"environment": "azureml:train"}, "latest"),
        ("environment", {"environment": "train:latest"}, "train@latest"),
        ("environment", {"environment": "azureml:train"}, "Did you mean train@latest?"),
        ("environment", {"environment": REGISTRY}, f"Did you mean {REGISTRY}/labels/latest?"),
        ("environment", {"environment": ""}, "latest"),
        (
            "inputs",
            {"inputs": {"a": {"type": "uri_file", "path": "src/train.py", "moed": "download"}}},
            "'moed'",
        ),
        ("inputs", {"inputs": {"a": {"type": "uri_folder", "path": "src/train.py"}}}, "uri_file"),
        ("inputs", {"inputs": {"a": {"type": "uri_file", "path": "src"}}}, "uri_folder"),
        ("inputs", {"inputs": {"a": object()}}, "an object"),
        ("outputs", {"outputs": {"a": {"type": "uri_folder", "pth": "x"}}}, "'pth'"),
        ("outputs", {"outputs": {"a": {"type": "uri_folder", "path": "./out"}}}, "datastore"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_arguments(
    fake_aml: FakeAml, client: MLClient, *, argument: str, options: dict[str, Any], words: str
) -> None:
    """Whatever is wrong: by the argument's name."""
    given = {"code": "src", "environment": ENVIRONMENT, **options}
    command = "python train.py" + (" ${{inputs.data}}" if not options else "")
    error = refused(fake_aml, lambda: submit(command, client=client, **given))
    assert isinstance(error, InvalidRequest)
    assert error.argument is not None
    assert error.argument.partition(".")[0] == argument
    assert words in str(error)


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        (("instance_type", "gpus"), {"instance_type": "Standard_DS3_v2", "gpus": 1}),
        (("instance_type", "cpus"), {"instance_type": "Standard_DS3_v2", "cpus": 64}),
        (("gpu", "gpus"), {"gpus": 0, "gpu": "A100"}),
        (("compute", "tier"), {"compute": "cpu-cluster", "tier": "spot"}),
        (("compute", "instance_type"), {"compute": "cpu-cluster", "instance_type": "Standard_NC4as_T4_v3"}),
    ],
)
def test_arguments_that_contradict_each_other(
    fake_aml: FakeAml, client: MLClient, source: Path, argument: tuple[str, ...], options: dict[str, Any]
) -> None:
    """What can't both be so; the refusal names them or their values."""
    fake_aml.cluster("cpu-cluster", size="Standard_DS3_v2")
    fake_aml.calls.clear()
    error = refused(
        fake_aml,
        lambda: submit("python train.py", code=source, environment=ENVIRONMENT, client=client, **options),
    )
    said = [str(options[name]) for name in argument] + list(argument)
    assert any(word.lower() in str(error).lower() for word in said), str(error)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (COMMAND.replace("train.py", "train.py ${{inputs.data}}"), "inputs.data"),
        (COMMAND.replace("train.py", "train.py ${{outputs.model}}"), "outputs.model"),
        (COMMAND + "environment_variables: {A: '${{inputs.x}}'}\n", "environment variable A"),
        (COMMAND + "resources: {instance_count: 0}\n", "instance_count"),
        (COMMAND + "resources: {instance_count: two}\n", "instance_count"),
        (COMMAND + "distribution: {type: foo}\n", "foo"),
        (
            COMMAND + "outputs: {o: {type: uri_folder, path: ./out}}\n",
            "outputs: o has a path that is no place",
        ),
        (PIPELINE + "    outputs: {o: {type: uri_folder, path: ./out}}\n", "train: outputs: o has a path"),
        (
            COMMAND + "distribution: {type: mpi, process_count_per_instance: 0}\n",
            "process_count_per_instance",
        ),
        (
            COMMAND + "distribution: {type: pytorch, process_count_per_instance: x}\n",
            "process_count_per_inst",
        ),
        (COMMAND + "queue_settings: {job_tier: premium}\n", "premium"),
        (COMMAND.replace("code: src", "code: nowhere"), "nowhere"),
        (COMMAND.replace("code: src", "code: empty"), "empty"),
        (COMMAND.replace(ENVIRONMENT, "azureml:train"), "azureml:train"),
        (COMMAND.replace("train.py", "train.py ${{input.data}}"), "input.data"),
        (COMMAND.replace("train.py", "train.py ${{search_space.a}}"), "search_space.a"),
        (COMMAND.replace("train.py", "train.py ${{parent.inputs.a}}"), "parent.inputs"),
        (SWEEP.replace("search_space.a}}", "search_space.b}}"), "search_space.b"),
        (SWEEP.replace("train.py", "train.py ${{inputs.data}}"), "inputs.data"),
        (SWEEP.replace("code: src", "code: empty"), "empty"),
        (SWEEP.replace(ENVIRONMENT, "azureml:train"), "azureml:train"),
        (SPARK.replace("standard_e4s_v3", "Standard_DS3_v2"), "Standard_DS3_v2"),
        (SPARK.replace("code: src", "code: empty"), "empty"),
        (PIPELINE.replace("train.py", "train.py ${{inputs.data}}"), "inputs.data"),
        (PARALLEL.replace("--a 1", "--a ${{inputs.nope}}"), "step score: The command uses ${{inputs.nope}}"),
        (PARALLEL.replace("inputs.rows}}'\n    mini", "inputs.nope}}'\n    mini"), "inputs.nope"),
        (
            PARALLEL + "    environment_variables: {A: '${{inputs.x}}'}\n",
            "step score: environment variable A",
        ),
        (PIPELINE + "    environment_variables: {A: '${{inputs.x}}'}\n", "environment variable A"),
        (PIPELINE + "    resources: {instance_count: 0}\n", "instance_count"),
        (PIPELINE + "    distribution: {type: foo}\n", "foo"),
        (PIPELINE.replace("code: src", "code: empty"), "empty"),
        (PIPELINE.replace(ENVIRONMENT, "azureml:train"), "azureml:train"),
    ],
)
def test_job_files(fake_aml: FakeAml, client: MLClient, folder: Path, job: str, words: str) -> None:
    """The same of what a job says itself, and of a pipeline's steps."""
    path = folder / "job.yml"
    path.write_text(job)
    error = refused(fake_aml, lambda: submit(path, client=client))
    assert words in str(error)


def test_spot_for_what_has_none(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """A Spark job."""
    path = source.parent / "job.yml"
    path.write_text(SPARK)
    error = refused(fake_aml, lambda: submit(path, tier="spot", client=client))
    assert isinstance(error, InvalidRequest)
    assert error.argument == "tier"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"command": "ls ${{inputs.data}}"}, "inputs.data"),
        ({"environment_variables": {"A": "${{inputs.x}}"}}, "environment variable A"),
        ({"instance_count": -1}, "instance_count"),
        ({"instance_count": "2"}, "instance_count"),
        ({"timeout": "100"}, "limits.timeout"),
        ({"timeout": 0}, "limits.timeout"),
        ({"timeout": -5}, "limits.timeout"),
        ({"priority": "urgent"}, "low, medium, high"),
        ({"outputs": {"o": {"type": "uri_folder", "path": "./out"}}}, "outputs: o has a path"),
        ({"shm_size": "lots"}, "shm_size"),
        ({"command": "  "}, "command is empty"),
        ({"distribution": {"type": "mpi", "process_count_per_instance": -1}}, "process_count_per_instance"),
        ({"environment": "train"}, "train"),
        ({"code": "empty"}, "empty"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_objects_of_the_sdk(fake_aml: FakeAml, client: MLClient, options: dict[str, Any], words: str) -> None:
    """What plain azure-ai-ml uploads first, and the service refuses then, or doesn't."""
    from azure.ai.ml import command

    given: dict[str, Any] = {"command": "ls", "code": "src", "environment": ENVIRONMENT, **options}
    error = refused(fake_aml, lambda: submit(command(**given), client=client))
    assert words in str(error)


@pytest.mark.parametrize(
    "options", [{}, *({name: True} for name in ("compute", "identity", "requeue", "timeout", "needs"))]
)
def test_no_refusal_shows_what_is_in_an_object(
    fake_aml: FakeAml, client: MLClient, options: dict[str, bool]
) -> None:
    """Its environment variables, for one: it is told by its kind."""
    from azure.ai.ml import command

    secret = "hf_abcdefghijklmnop"  # noqa: S105  nobody's
    job = command(command="ls", environment=ENVIRONMENT, environment_variables={"HF_TOKEN": secret})
    wrong: dict[str, Any] = dict.fromkeys(options, job)
    given = "ls" if options else [job]
    error = refused(fake_aml, lambda: submit(given, environment=ENVIRONMENT, client=client, **wrong))
    assert secret not in f"{error!r} {error}"
    assert options or "submit_many" in str(error)


def test_what_may_be_meant_otherwise_is_told(fake_aml: FakeAml, client: MLClient, folder: Path) -> None:
    """Texts that name files or data, and scripts that the code doesn't hold: legal, and often a mistake."""
    (folder / "data.csv").touch()
    inputs = {"a": "data.csv", "b": "azureml:rows:3", "c": "src", "d": "hello", "e": 1}
    planned = plan(
        "python nothere.py && python train.py",
        code="src",
        environment=ENVIRONMENT,
        inputs=inputs,
        client=client,
    )
    told = "\n".join(planned.warnings)
    assert [name for name in inputs if f"inputs: {name} is handed over as a text" in told] == ["a", "b", "c"]
    assert "the command runs nothere.py" in told
    assert "train.py, and" not in told
    quiet = plan("cd x && python nothere.py", code="src", environment=ENVIRONMENT, client=client)
    assert "nothere" not in "\n".join(quiet.warnings)
    assert fake_aml.jobs == ()


def test_timeouts_of_a_sweep_that_is_a_step_are_doubted(client: MLClient, folder: Path) -> None:
    """It is reported that they aren't applied."""
    trial = f"{{command: python train.py, code: src, environment: '{ENVIRONMENT}'}}"
    path = folder / "job.yml"
    path.write_text(
        f"type: pipeline\njobs:\n  tune:\n    type: sweep\n    trial: {trial}\n"
        "    search_space: {a: {type: choice, values: [1, 2]}}\n    sampling_algorithm: random\n"
        "    objective: {primary_metric: loss, goal: minimize}\n"
        "    limits: {max_total_trials: 2, max_concurrent_trials: 1, trial_timeout: 600}\n"
    )
    (told,) = (told for told in plan(path, client=client).warnings if "timeout" in told)
    assert told.startswith("tune: its trial_timeout may not hold")
    path.write_text(path.read_text().replace("trial_timeout", "timeout"))
    (told,) = (told for told in plan(path, client=client).warnings if "timeout" in told)
    assert told.startswith("tune: whether its timeout holds isn't known")
