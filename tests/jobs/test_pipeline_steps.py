"""Steps of pipelines that were made with azure-ai-ml: bindings, data, variables, and what is whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, Output, load_job

from amlrun import InvalidRequest, plan, submit
from tests.jobs.every import ENVIRONMENT, named, trained
from tests.testing.kinds import pipeline_of, step, two_steps

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

SIZE = "Standard_DS3_v2"
COMPONENT = """
type: command
inputs: {x: {type: integer}}
command: echo ${{inputs.x}}
environment: azureml:e:1
"""
JOB = """
type: pipeline
inputs: {n: 3}
jobs:
  a: {type: command, component: ./c.yml, inputs: {x: "${{parent.inputs.m}}"}}
"""
AUTOML = """
type: pipeline
jobs:
  a:
    type: automl
    task: classification
    primary_metric: accuracy
    target_column_name: y
    training_data: {type: mltable, path: ./table}
    limits: {max_trials: 2, timeout_minutes: 60}
"""
SWEEP = """
type: pipeline
jobs:
  a:
    type: sweep
    trial: {command: "echo ${{search_space.x}}", environment: azureml:e:1}
    search_space: {x: {type: choice, values: [1, 2]}}
    sampling_algorithm: random
    objective: {goal: minimize, primary_metric: loss}
    limits: {max_total_trials: 2}
"""


def test_a_loaded_pipeline_is_looked_at_as_its_file_is(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """A binding to an input that isn't there is refused before anything is sent, and planned by nobody."""
    (tmp_path / "c.yml").write_text(COMPONENT)
    (tmp_path / "job.yml").write_text(JOB)
    fake_aml.calls.clear()
    for job in (tmp_path / "job.yml", load_job(tmp_path / "job.yml")):
        for ask in (submit, plan):
            with pytest.raises(
                InvalidRequest, match=r"^The step a: inputs.x is bound to .*inputs.m"
            ) as refused:
                ask(job, client=client)
            assert refused.value.hint == "Its inputs: n."
    assert not fake_aml.calls


def test_local_data_of_a_step_is_there(fake_aml: FakeAml, client: MLClient) -> None:
    """What isn't is refused with the step and the input, before anything is uploaded."""
    reads = step("ls ${{inputs.rows}}", inputs={"rows": Input(type="uri_folder")})
    job = pipeline_of(lambda: named(reads(rows=Input(type="uri_folder", path="nowhere")), "a") and None, "p")
    fake_aml.calls.clear()
    with pytest.raises(InvalidRequest, match=r"^The step a: inputs: rows: there is no .*nowhere"):
        submit(job, client=client)
    assert not fake_aml.calls


def test_what_is_bound_as_an_object_leads_somewhere(client: MLClient) -> None:
    """Inputs of the pipeline, outputs of other steps, outputs of the pipeline."""
    assert [one.path for one in submit(two_steps(), client=client).plan.steps] == ["make", "use"]


@pytest.mark.parametrize("on", ["component", "node", "file"])
def test_numbers_among_the_variables_of_a_step_are_texts(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, on: str
) -> None:
    """As among arguments: the service takes nothing else."""

    def steps() -> None:
        node = named(step("env", environment_variables={"N": 4} if on == "component" else None)(), "a")
        if on == "node":
            node.environment_variables = {"N": 4}

    job: Any = tmp_path / "job.yml"
    job.write_text(
        f"type: pipeline\njobs:\n  a: {{command: env, environment: '{ENVIRONMENT}', "
        "environment_variables: {N: 4}}\n"
    )
    run = submit(job if on == "file" else pipeline_of(steps, "p"), client=client)
    node = fake_aml.job(run.name).body["properties"]["jobs"]["a"]
    assert node["environment_variables"] == {"N": "4"}


def shared(**own: Any) -> Any:
    """A pipeline of `a`, whose resources are set, and `b`, of the same component."""
    made = trained(outputs={"o": Output(type="uri_folder")}, **own)

    def steps() -> None:
        first = named(made(), "a")
        first.set_resources(instance_type="Standard_DS2_v2", instance_count=2)
        named(made(), "b")

    return pipeline_of(steps, "p")


@pytest.mark.parametrize(("own", "nodes"), [({}, 1), ({"instance_count": 3}, 3)])
def test_resources_that_are_set_on_a_node_are_that_nodes(
    fake_aml: FakeAml, client: MLClient, own: dict[str, Any], nodes: int
) -> None:
    """And not those of each node of its component, where `set_resources` writes them too."""
    run = submit(shared(**own), client=client)
    sent = fake_aml.job(run.name).body["properties"]["jobs"]
    assert sent["a"]["resources"] == {"instance_type": "Standard_DS2_v2", "instance_count": 2}
    assert sent["b"]["resources"] == {"instance_type": SIZE, "instance_count": nodes}


def test_an_automl_step_of_a_file_has_its_data_beside_it(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is submitted from."""
    (tmp_path / "there" / "table").mkdir(parents=True)
    (tmp_path / "there" / "table" / "MLTable").write_text("paths: []\n")
    (tmp_path / "there" / "job.yml").write_text(AUTOML)
    monkeypatch.chdir(tmp_path)
    run = submit("there/job.yml", client=client)
    data = fake_aml.job(run.name).body["properties"]["jobs"]["a"][
        "training_data"
    ]  # a text: so the SDK writes it
    assert "'path': 'azureml://datastores/workspaceblobstore/" in data


def test_a_search_of_a_step_is_over_its_inputs(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """`${{search_space.x}}` is for sweeps that stand alone: refused before any code is uploaded."""
    (tmp_path / "job.yml").write_text(SWEEP)
    fake_aml.calls.clear()
    with pytest.raises(
        InvalidRequest, match=r"^The step a: The command uses \$\{\{search_space.x"
    ) as refused:
        submit(tmp_path / "job.yml", client=client)
    assert "${{inputs.…}}" in refused.value.hint
    assert not fake_aml.calls


def test_a_time_out_of_a_step_is_a_number(client: MLClient) -> None:
    """A text is refused with the step, as of a job that stands alone: azure-ai-ml breaks off at it."""
    job = pipeline_of(lambda: named(step("ls")(), "a").set_limits(timeout="99"), "p")
    with pytest.raises(InvalidRequest, match=r"^The step a: timeout: the job's limits.timeout is '99'"):
        submit(job, client=client)
