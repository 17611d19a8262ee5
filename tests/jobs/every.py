"""A job of every type and kind, as users of `azure-ai-ml` write them, none of which says where it goes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from azure.ai.ml import (
    Input,
    MpiDistribution,
    Output,
    PyTorchDistribution,
    RayDistribution,
    TensorFlowDistribution,
    automl,
    command,
    dsl,
    spark,
)
from azure.ai.ml.finetuning import create_finetuning_job
from azure.ai.ml.parallel import RunFunction, parallel_run_function
from azure.ai.ml.sweep import Uniform

from tests.testing.kinds import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENVIRONMENT = "azureml:train:1"
STORE = "azureml://datastores/workspaceblobstore/paths"
_SAYS_NOTHING: dict[str, Any] = {}
MODEL = "azureml://registries/azureml-meta/models/Llama-2-7b/versions/9"


def table() -> Input:
    """A table that is there already."""
    return Input(type="mltable", path=f"{STORE}/table/")


def trained(**options: Any) -> Any:
    """A command job."""
    return command(command="python train.py", environment=ENVIRONMENT, **options)


def searching(**options: Any) -> Any:
    """A sweep over a rate."""
    tried = command(
        command="python t.py ${{inputs.lr}}", environment=ENVIRONMENT, inputs={"lr": 0.1}, **options
    )
    found = tried(lr=Uniform(0.1, 1.0)).sweep(
        primary_metric="accuracy", goal="maximize", sampling_algorithm="random"
    )
    found.set_limits(max_total_trials=2, max_concurrent_trials=1, timeout=600)
    return found


def tabular(task: str, metric: str) -> Any:
    """AutoML on a table."""
    extra: dict[str, Any] = {}
    if task == "forecasting":
        extra = {"forecasting_settings": automl.ForecastingSettings(time_column_name="t", forecast_horizon=3)}
    make: Any = getattr(automl, task)
    job = make(training_data=table(), target_column_name="y", primary_metric=metric, **extra)
    job.set_limits(max_trials=2, timeout_minutes=60)
    return job


def learned(task: str) -> Any:
    """AutoML on pictures or texts."""
    extra = {} if task == "text_ner" else {"target_column_name": "y"}
    data = {"training_data": table(), "validation_data": table()}
    make: Any = getattr(automl, task)
    job = make(**data, **extra)
    job.set_limits(max_trials=1, timeout_minutes=60)
    return job


def sparkling(folder: Path, **options: Any) -> Any:
    """A Spark job."""
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text("print(1)\n")
    return spark(
        code=str(folder),
        entry={"file": "main.py"},
        driver_cores=1,
        driver_memory="2g",
        executor_cores=2,
        executor_memory="2g",
        executor_instances=2,
        resources={"instance_type": "Standard_E4s_v3", "runtime_version": "3.4"},
        **options,
    )


def tuning(**options: Any) -> Any:
    """A fine-tuning job."""
    return create_finetuning_job(
        model=MODEL,
        task="ChatCompletion",
        training_data=f"{STORE}/train.jsonl",
        validation_data=f"{STORE}/check.jsonl",
        hyperparameters={"num_train_epochs": "1"},
        output_model_name_prefix="tuned",
        **options,
    )


def beside_each_other(folder: Path) -> Any:
    """A parallel component."""
    folder.mkdir(exist_ok=True)
    (folder / "score.py").write_text("def run(batch): return batch\n")
    return parallel_run_function(
        name="score",
        inputs={"data": Input(type="uri_folder", mode="ro_mount")},
        outputs={"scores": Output(type="uri_folder")},
        input_data="${{inputs.data}}",
        mini_batch_size="1",
        task=RunFunction(code=str(folder), entry_script="score.py", environment=ENVIRONMENT),
    )


def pipeline_of(steps: Callable[[], None]) -> Any:
    """A pipeline of these steps, which says no place."""
    made: Any = dsl.pipeline(**_SAYS_NOTHING)
    return made(plain(steps))()


def named(node: Any, name: str) -> Any:
    """A step, by its name."""
    node.name = name
    return node


def in_a_pipeline(folder: Path, *kinds: str) -> Any:
    """A pipeline with a step of each of these kinds, by its name."""
    where = Input(type="uri_folder", path=f"{STORE}/data/")

    def steps() -> None:
        for kind in kinds:
            if kind == "command":
                named(trained()(), kind)
            elif kind == "sweep":
                named(searching(), kind)
            elif kind == "parallel":
                named(beside_each_other(folder)(data=where), kind)
            elif kind == "spark":
                named(sparkling(folder)(), kind)
            else:
                named(tabular("classification", "accuracy"), kind)

    return pipeline_of(steps)


def nested() -> Any:
    """A pipeline with a step, and a pipeline of two steps in it."""
    fit = trained()

    def inner() -> None:
        named(fit(), "first")
        named(fit(), "second")

    made: Any = dsl.pipeline(**_SAYS_NOTHING)
    below = made(plain(inner))

    def outer() -> None:
        named(fit(), "before")
        named(below(), "within")

    return pipeline_of(outer)


def nested_searches() -> Any:
    """A pipeline of searches in a pipeline."""

    def inner() -> None:
        named(searching(), "sweep")
        named(tabular("classification", "accuracy"), "automl")

    made: Any = dsl.pipeline(**_SAYS_NOTHING)
    below = made(plain(inner))

    def outer() -> None:
        named(below(), "within")

    return pipeline_of(outer)


DISTRIBUTIONS: dict[str, Callable[[], Any]] = {
    "pytorch": lambda: PyTorchDistribution(process_count_per_instance=2),
    "mpi": lambda: MpiDistribution(process_count_per_instance=2),
    "tensorflow": lambda: TensorFlowDistribution(worker_count=2, parameter_server_count=1),
    "ray": lambda: RayDistribution(port=6379, include_dashboard=True),
}
TABULAR = {"classification": "accuracy", "regression": "r2_score", "forecasting": "r2_score"}
LEARNED = (
    "image_classification",
    "image_classification_multilabel",
    "image_object_detection",
    "image_instance_segmentation",
    "text_classification",
    "text_classification_multilabel",
    "text_ner",
)
STEPS = ("command", "sweep", "automl", "parallel", "spark")


def _anywhere(make: Callable[[], Any]) -> Callable[[Path], Any]:
    return lambda _: make()


def _distributed(make: Callable[[], Any]) -> Callable[[Path], Any]:
    return lambda _: trained(distribution=make(), instance_count=2)


def _with_steps(*kinds: str) -> Callable[[Path], Any]:
    return lambda folder: in_a_pipeline(folder / "s", *kinds)


EVERY: dict[str, Callable[[Path], Any]] = {
    "command": _anywhere(trained),
    **{name: _distributed(make) for name, make in DISTRIBUTIONS.items()},
    "sweep": _anywhere(searching),
    **{task: _anywhere(partial(tabular, task, metric)) for task, metric in TABULAR.items()},
    **{task: _anywhere(partial(learned, task)) for task in LEARNED},
    "spark": lambda folder: sparkling(folder / "s"),
    "fine-tuning": _anywhere(tuning),
    **{f"{kind} step": _with_steps(kind) for kind in STEPS},
    "several steps": _with_steps("command", "parallel", "automl"),
    "nested": _anywhere(nested),
    "nested searches": _anywhere(nested_searches),
}
"""What makes each, given a folder for its code."""
