"""What a pipeline's file says of each step: nested pipelines and components too. No SDK is needed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest
from amlrun._asking.jobfile import settings_of_file
from amlrun._asking.parts import read as setting
from amlrun._job_types import JobType

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun._asking.settings import JobSettings

ENVIRONMENT = "environment: azureml:train:1"
STEP = f"{{command: python -V, {ENVIRONMENT}}}"


def read(folder: Path, text: str) -> dict[str, JobSettings]:
    """The steps of a pipeline of this text, by their paths."""
    return {step.path: step for step in whole(folder, text).steps}


def whole(folder: Path, text: str) -> JobSettings:
    """The settings of a pipeline of this text."""
    path = folder / "job.yml"
    path.write_text(f"type: pipeline\n{text}")
    return settings_of_file(path)


def component(folder: Path, name: str, text: str) -> None:
    """Write a component's file."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_each_step_is_read_as_a_job_of_its_type(tmp_path: Path) -> None:
    """Inline jobs of every type that a step can be."""
    steps = read(
        tmp_path,
        f"""
jobs:
  prep: {STEP}
  search:
    type: sweep
    trial: {STEP}
    search_space: {{}}
  auto: {{type: automl, task: classification}}
  score: {{type: parallel, task: {{{ENVIRONMENT}, code: src}}, resources: {{instance_count: 3}}}}
  shuffle: {{type: spark, resources: {{instance_type: standard_e4s_v3}}}}
""",
    )
    assert {path: step.type for path, step in steps.items()} == {
        "prep": JobType.COMMAND,
        "search": JobType.SWEEP,
        "auto": JobType.AUTOML,
        "score": JobType.PARALLEL,
        "shuffle": JobType.SPARK,
    }
    assert steps["prep"].command == steps["search"].command == "python -V"
    assert steps["score"].instance_count == 3
    assert steps["score"].code_folders == (tmp_path / "src",)
    assert steps["shuffle"].instance_type == "standard_e4s_v3"


def test_what_the_pipeline_says_is_for_steps_that_say_nothing(tmp_path: Path) -> None:
    """Compute, tier and identity: a step's own is nearer."""
    job = whole(
        tmp_path,
        f"""
settings: {{default_compute: azureml:serverless, queue_settings: {{job_tier: Spot}}}}
compute: azureml:old
identity: {{type: user_identity}}
jobs:
  a: {STEP}
  b:
    command: python -V
    {ENVIRONMENT}
    compute: azureml:gpu
    queue_settings: {{job_tier: Standard}}
    identity: {{type: managed}}
""",
    )
    first, second = job.steps
    assert (job.type, job.compute, job.tier) == (JobType.PIPELINE, "azureml:serverless", "Spot")
    assert (first.compute, first.tier, first.identity) == ("azureml:serverless", "Spot", job.identity)
    assert (second.compute, second.tier, second.identity) == ("azureml:gpu", "Standard", {"type": "managed"})


def test_the_compute_of_a_pipeline_is_its_steps_too(tmp_path: Path) -> None:
    """`compute` of the file, where `settings` say nothing."""
    assert read(tmp_path, f"compute: azureml:cpu\njobs: {{a: {STEP}}}")["a"].compute == "azureml:cpu"


def test_serverless_spark_has_no_compute(tmp_path: Path) -> None:
    """A Spark step that says its size goes there, whatever the pipeline says; another one to its pool."""
    steps = read(
        tmp_path,
        """
settings: {default_compute: azureml:pool}
jobs:
  own: {type: spark, resources: {instance_type: standard_e4s_v3}}
  pool: {type: spark}
""",
    )
    assert (steps["own"].compute, steps["pool"].compute) == (None, "azureml:pool")


@pytest.mark.parametrize("said", ["./parts/train.yml", "file:parts/train.yml"])
def test_a_component_of_a_file_lies_under_its_step(tmp_path: Path, said: str) -> None:
    """What the step doesn't say, its component does; its paths begin at its file."""
    component(
        tmp_path,
        "parts/train.yml",
        "type: command\ncommand: python train.py ${{inputs.lr}}\ncode: ./code\n"
        f"{ENVIRONMENT}\ninputs: {{lr: {{type: number}}}}\n"
        "resources: {instance_count: 4, instance_type: Standard_V1}\n",
    )
    steps = read(tmp_path, f"jobs: {{train: {{component: {said}, resources: {{instance_count: 2}}}}}}")
    train = steps["train"]
    assert (train.type, train.command) == (JobType.COMMAND, "python train.py ${{inputs.lr}}")
    assert (train.instance_type, train.instance_count) == ("Standard_V1", 2)
    assert train.code_folders == (tmp_path / "parts" / "code",)
    assert train.inputs == {"lr"}


def test_a_component_may_stand_in_its_step(tmp_path: Path) -> None:
    """As a mapping."""
    inline = f"{{command: python -V, {ENVIRONMENT}, resources: {{instance_count: 2}}}}"
    assert read(tmp_path, f"jobs: {{a: {{component: {inline}}}}}")["a"].instance_count == 2


def test_the_trial_of_a_sweep_may_be_a_file(tmp_path: Path) -> None:
    """Of a command, with paths of its own."""
    component(tmp_path, "parts/trial.yml", f"command: python t.py\ncode: code\n{ENVIRONMENT}\n")
    steps = read(tmp_path, "jobs: {s: {type: sweep, trial: parts/trial.yml, search_space: {}}}")
    assert steps["s"].command == "python t.py"
    assert steps["s"].code_folders == (tmp_path / "parts" / "code",)


@pytest.mark.parametrize(
    "said",
    [
        "azureml:train:1",
        "azureml://registries/r/components/train/versions/1",
        "/subscriptions/s/components/x",
    ],
)
def test_of_a_component_elsewhere_the_step_is_known(tmp_path: Path, said: str) -> None:
    """Nothing else is: a command is meant where no type is said."""
    steps = read(tmp_path, f"jobs: {{a: {{component: '{said}', resources: {{instance_count: 2}}}}}}")
    assert (steps["a"].type, steps["a"].command) == (JobType.COMMAND, "")
    assert steps["a"].instance_count == 2
    steps = read(tmp_path, f"jobs: {{a: {{type: parallel, component: '{said}'}}}}")
    assert steps["a"].type is JobType.PARALLEL


def test_nested_pipelines_keep_theirs(tmp_path: Path) -> None:
    """Their steps are told by both names; what they say for their steps is nearer than the outer one's."""
    component(
        tmp_path,
        "parts/prep.yml",
        "type: pipeline\njobs:\n  load: {component: load.yml}\n"
        f"  deep: {{type: pipeline, jobs: {{clean: {STEP}}}}}\n",
    )
    component(tmp_path, "parts/load.yml", f"type: command\ncommand: echo load\n{ENVIRONMENT}\n")
    steps = read(
        tmp_path,
        f"""
settings: {{default_compute: serverless}}
jobs:
  prep: {{type: pipeline, component: parts/prep.yml, settings: {{default_compute: azureml:cpu}}}}
  train: {STEP}
""",
    )
    assert list(steps) == ["prep.load", "prep.deep.clean", "train"]
    assert steps["prep.load"].command == "echo load"
    assert [step.compute for step in steps.values()] == ["azureml:cpu", "azureml:cpu", "serverless"]


def test_a_pipeline_job_may_be_a_components(tmp_path: Path) -> None:
    """`component` in the place of `jobs`."""
    component(tmp_path, "parts/prep.yml", f"type: pipeline\njobs: {{a: {STEP}}}\n")
    assert list(read(tmp_path, "component: parts/prep.yml")) == ["a"]


REFUSED: dict[str, tuple[str, str]] = {
    "no steps": ("jobs: {}", "The pipeline has no steps"),
    "no jobs": ("display_name: x", "The pipeline has no steps"),
    "jobs of a kind": ("jobs: [a]", "jobs holds a mapping"),
    "no job": ("jobs: {a: 3}", "The step a holds 3"),
    "an empty step": ("jobs: {a: {compute: x}}", "The step a has no type, no command and no component"),
    "a component that is a list": ("jobs: {a: {component: [x]}}", "The step a: component is"),
    "a file that isn't there": ("jobs: {a: {component: ./x.yml}}", "x.yml: can't be read"),
    "a nested one elsewhere": (
        "jobs: {a: {type: pipeline, component: 'azureml:prep:1'}}",
        "The step a is kept elsewhere",
    ),
    "one elsewhere": ("component: azureml:prep:1", "The pipeline is kept elsewhere"),
    **{
        word: (f"jobs: {{a: {{type: {word}, compute: x}}}}", f"The step a is of type '{word}'")
        for word in ("if_else", "do_while", "parallel_for", "data_transfer", "import", "finetuning", "new")
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_pipeline_is_refused(tmp_path: Path, case: str) -> None:
    """With the step's name and what is supported."""
    text, message = REFUSED[case]
    with pytest.raises(InvalidRequest) as caught:
        read(tmp_path, text)
    assert message in caught.value.message
    assert caught.value.argument == "job"


def test_unknown_types_say_what_is_supported(tmp_path: Path) -> None:
    """All of them."""
    with pytest.raises(InvalidRequest) as caught:
        read(tmp_path, "jobs: {a: {type: if_else}}")
    assert "pipeline (with steps of these types, parallel and spark)" in caught.value.hint


class Builder(dict[str, Any]):
    """As builders of the SDK are: whatever they are asked for, they make up and keep."""

    type = "command"

    def __getattr__(self, name: str) -> Any:
        self[name] = Builder()
        return self[name]


Builder.__module__ = "azure.ai.ml.entities._builders"


def test_reading_a_builder_leaves_it_as_it_is() -> None:
    """No setting is made up of one that nobody said; one that somebody made up is read."""
    node = Builder(environment="azureml:train:1")
    assert setting(node, "queue_settings", "job_tier") is None
    assert setting(node, "environment") == "azureml:train:1"
    assert setting(node, "type") == "command"
    assert dict(node) == {"environment": "azureml:train:1"}
