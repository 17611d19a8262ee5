"""Jobs of the other types, as users of plain `azure-ai-ml` write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.ai.ml import Input, Output, automl, command, dsl, load_job, spark

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENVIRONMENT = "azureml:train:1"
SIZE = "Standard_DS3_v2"
TABLE = "azureml://datastores/workspaceblobstore/paths/table/"


def step(text: str, **options: Any) -> Any:
    """A command to make nodes of."""
    return command(**{"command": text, "environment": ENVIRONMENT, **options})


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function without annotations: the SDK reads them, and can't read those of this module."""
    function.__annotations__.clear()
    return function


def pipeline_of(function: Callable[..., Any], name: str, *arguments: Any, **settings: Any) -> Any:
    """The pipeline that a function describes; serverless where nothing else is said."""
    made: Any = dsl.pipeline(**{"default_compute": "serverless", **settings})
    job = made(plain(function))(*arguments)
    job.name = name
    return job


def two_steps(name: str = "pipe", **settings: Any) -> Any:
    """`make`, whose output `use` reads; the pipeline's own output is the second one's."""
    make = step(
        "echo ${{inputs.word}} > ${{outputs.made}}/word",
        inputs={"word": "hi"},
        outputs={"made": Output(type="uri_folder")},
        name="maker",
    )
    use = step(
        "cat ${{inputs.data}}/word > ${{outputs.used}}/word",
        inputs={"data": Input(type="uri_folder")},
        outputs={"used": Output(type="uri_folder")},
        name="user",
    )

    def both(word: str = "hello") -> Any:
        first = make(word=word)
        first.name = "make"
        second = use(data=first.outputs.made)
        second.name = "use"
        return {"final": second.outputs.used}

    return pipeline_of(both, name, **settings)


def side_by_side(count: int, *, name: str = "wide", **settings: Any) -> Any:
    """So many nodes `n0`, `n1`, … that need nothing of each other, and `last`, which needs `n0`."""
    alone = step("work", outputs={"o": Output(type="uri_folder")}, name="alone")
    after = step("ls ${{inputs.i}}", inputs={"i": Input(type="uri_folder")}, name="after")

    def wide() -> None:
        nodes = []
        for number in range(count):
            node = alone()
            node.name = f"n{number}"
            nodes.append(node)
        last = after(i=nodes[0].outputs.o)
        last.name = "last"

    return pipeline_of(wide, name, **settings)


def sweep_of(tmp_path: Path, *, name: str = "sweep", sampling: str = "random", **more: Any) -> Any:
    """A sweep from YAML over `lr` (uniform or, for a grid, a choice of 2) and `net` (a choice of 3)."""
    grid = sampling == "grid"
    rate = "{type: choice, values: [0.1, 0.2]}" if grid else "{type: uniform, min_value: 0.1, max_value: 1.0}"
    limits = "".join(f"  {key}: {value}\n" for key, value in more.pop("limits", {}).items())
    rest = "".join(f"{key}: {value}\n" for key, value in more.items())
    (tmp_path / f"{name}.yml").write_text(
        "type: sweep\n"
        "trial:\n"
        "  command: python t.py --lr ${{search_space.lr}} --net ${{search_space.net}} --n ${{inputs.n}}\n"
        f"  environment: {ENVIRONMENT}\n"
        "inputs: {n: 3}\n"
        f"sampling_algorithm: {sampling}\n"
        f"search_space:\n  lr: {rate}\n  net: {{type: choice, values: [a, b, c]}}\n"
        "objective: {goal: maximize, primary_metric: accuracy}\n"
        f"resources: {{instance_type: {SIZE}}}\n" + (f"limits:\n{limits}" if limits else "") + rest
    )
    job = load_job(tmp_path / f"{name}.yml")
    job.name = name
    return job


def table() -> Input:
    """Where an AutoML job's data is."""
    return Input(type="mltable", path=TABLE)


def automl_of(name: str = "auto", **limits: Any) -> Any:
    """A classification job on the cluster `cpu-cluster`."""
    job = automl.classification(
        training_data=table(),
        target_column_name="y",
        primary_metric="accuracy",
        compute="cpu-cluster",
        name=name,
    )
    if limits:
        job.set_limits(**limits)
    return job


def spark_of(folder: Path, name: str = "sparks", **options: Any) -> Any:
    """A Spark job; serverless where no compute is given."""
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text("print(1)\n")
    if "compute" not in options:
        options = {"resources": {"instance_type": "Standard_E4s_v3", "runtime_version": "3.4"}, **options}
    job = spark(
        code=str(folder),
        entry={"file": "main.py"},
        driver_cores=1,
        driver_memory="2g",
        executor_cores=2,
        executor_memory="2g",
        executor_instances=2,
        **options,
    )
    job.name = name
    return job
