"""Pipelines whose files name files of further pipelines: read as one, wherever a name or a path stands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml.entities import Data, Environment

from amlrun import InvalidRequest, submit
from tests.jobs.leaving import Policy, Seen, leaves

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from amlrun.testing import FakeAml

PROGRAM = "code: ../src, command: python train.py"
INNER = """
name: inner
version: 1
type: pipeline
inputs: {{path: {{type: string, default: src}}}}
jobs:
  plain: {{type: command, {program}, environment: '{environment}', environment_variables: {{code: src}}}}
  inline: {{type: command, component: {{type: command, {program}, environment: '{environment}'}}}}
  file: {{type: command, component: command.yml}}
  said: {{type: command, component: 'file:command.yml'}}
  search:
    type: sweep
    trial: trial.yml
    search_space: {{a: {{type: choice, values: [1, 2]}}}}
    sampling_algorithm: random
    objective: {{primary_metric: loss, goal: minimize}}
    limits: {{max_total_trials: 2, max_concurrent_trials: 1}}
  spark:
    type: spark
    component: spark.yml
    resources: {{instance_type: standard_e4s_v3, runtime_version: '3.4'}}
  batches:
    type: parallel
    component: parallel.yml
    inputs: {{table: {{type: mltable, path: 'azureml:table:1'}}}}
"""
COMPONENTS = {
    "command.yml": f"{{name: c, type: command, {PROGRAM}, environment: '%s'}}",
    "trial.yml": "{name: t, type: command, code: ../src, command: 'python train.py ${{inputs.a}}', "
    "inputs: {a: {type: number}}, environment: '%s'}",
    "spark.yml": "{name: s, type: spark, code: ../src, entry: {file: train.py}, environment: '%s', "
    "conf: {spark.driver.cores: 1, spark.driver.memory: 2g, spark.executor.cores: 1, "
    "spark.executor.memory: 2g, spark.executor.instances: 1}}",
    "parallel.yml": "{name: p, type: parallel, inputs: {table: {type: mltable}}, "
    "input_data: '${{inputs.table}}', mini_batch_size: '1', mini_batch_error_threshold: 1, "
    "logging_level: INFO, max_concurrency_per_instance: 1, retry_settings: {max_retries: 1, timeout: 60}, "
    "outputs: {rows: {type: uri_folder}}, "
    "task: {type: run_function, code: ../src, entry_script: train.py, environment: '%s'}}",
}
OUTER = {
    "step": "{type: pipeline, jobs: {prep: {type: pipeline, component: parts/inner.yml}}}",
    "whole and deep": "{type: pipeline, component: parts/between.yml}",
}
"""By how the inner pipeline's file is named."""


def written(folder: Path, outer: str, environment: str) -> Path:
    """The file of the job, and beside it those that it names."""
    parts = folder / "parts"
    parts.mkdir()
    for name, text in COMPONENTS.items():
        (parts / name).write_text(text % environment)
    (parts / "inner.yml").write_text(INNER.format(program=PROGRAM, environment=environment))
    (parts / "between.yml").write_text(
        "{name: between, type: pipeline, jobs: {prep: {type: pipeline, component: inner.yml}}}"
    )
    file = folder / "job.yml"
    file.write_text(OUTER[outer])
    return file


@pytest.mark.parametrize(("outer", "environment"), [("step", "train:3"), ("whole and deep", "train@latest")])
def test_environments_are_found_however_deep_their_names_stand(
    fake_aml: FakeAml, source: Path, outer: str, environment: str
) -> None:
    """Without a prefix, in steps of every type; the code goes along, and no place of this machine."""
    seen = Seen()
    client = fake_aml.client(per_call_policies=[Policy(seen)])
    client.environments.create_or_update(Environment(name="train", version="3", image="python:3.11"))
    table = "azureml://datastores/workspaceblobstore/paths/table/"
    client.data.create_or_update(Data(name="table", version="1", type="mltable", path=table))
    submit(written(source.parent, outer, environment), tier="spot", client=client)
    _, body = seen.jobs[-1]
    found = leaves({"jobs": {}, **body} if "componentId" not in body else _of_component(body, seen), seen)
    assert set(found) == {
        f"prep.{name}" for name in ("plain", "inline", "file", "said", "search", "spark", "batches")
    }
    assert {found[f"prep.{name}"].tier for name in ("plain", "search")} == {"Spot"}
    text = json.dumps([body, *seen.components.values()])
    assert set(re.findall(r"environments/([^\"]+)", text)) == {"train/versions/3"}
    assert "/tmp" not in text  # noqa: S108  where temporary files are, and this test's own
    assert str(source.parent) not in text
    assert '"default": "src"' in text
    assert '"code": "src"' in text
    assert (
        len({call.path.partition("?")[0] for call in fake_aml.calls if call.path.endswith("train.py")}) == 1
    )


def _of_component(body: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
    """The body of a job that is made of a component, with the component's jobs."""
    return {**body, "jobs": seen.component(body["componentId"])["jobs"]}


def test_what_is_wrong_with_such_a_file_is_told(fake_aml: FakeAml, source: Path) -> None:
    """As it is of a file that needs nothing said anew."""
    file = written(source.parent, "step", "train@latest")
    (source.parent / "parts" / "command.yml").write_text(
        f"{{name: c, type: command, {PROGRAM}, environment: 'train@latest', "
        "outputs: {o: {type: nonsense}}}"
    )
    with pytest.raises(
        InvalidRequest, match=r"prep\.component\.jobs\.file\.component\.outputs\.o\.type.*nonsense"
    ):
        submit(file, client=fake_aml.client())
    assert not [call for call in fake_aml.calls if call.method == "PUT"]
