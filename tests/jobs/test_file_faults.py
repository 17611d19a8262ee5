"""Job files that azure-ai-ml refuses, in its own words or with the service's: told in a line, or mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.ai.ml import command

from amlrun import InvalidRequest, submit
from tests.jobs.every import ENVIRONMENT, named, pipeline_of

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

COMMAND = "command: ls\nenvironment: azureml:train:1\n"
PIPELINE = "type: pipeline\njobs:\n  fit:\n    command: ls\n    environment: azureml:train:1\n"
SWEEP = (
    "type: sweep\ntrial: {command: 'ls ${{search_space.a}}', environment: azureml:train:1}\n"
    "search_space: {a: {type: unifor, min_value: 1, max_value: 2}}\nlimits: {max_total_trials: 2}\n"
    "objective: {goal: minimize, primary_metric: m}\nsampling_algorithm: random\n"
)
FAULTS = [
    (COMMAND + "limit: {timeout: 5}\n", "limit: Unknown field"),
    (COMMAND + "resources: {instance_typ: x}\n", "resources.instance_typ: Unknown field"),
    (PIPELINE + "    tier: spot\n", "jobs.fit.tier: Unknown field (line 3)"),
    (PIPELINE.replace("fit", "A-b"), "jobs.A-b: Pipeline node name should be a valid python identifier"),
    (SWEEP, "search_space.a.type: Value 'unifor' passed is not in set"),
]


@pytest.mark.parametrize(("text", "words"), FAULTS)
def test_what_the_schema_refuses_is_told_in_a_line(
    client: MLClient, tmp_path: Path, text: str, words: str
) -> None:
    """The file, the field and the problem; azure-ai-ml tells it as JSON within JSON, with advice."""
    file = tmp_path / "job.yml"
    file.write_text(text)
    with pytest.raises(InvalidRequest) as caught:
        submit(file, client=client)
    assert caught.value.message.startswith(f"{file}: {words}")
    assert "{" not in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.argument == "job"


def test_a_number_among_variables_leaves_as_a_text(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path
) -> None:
    """Of a file, an object and a pipeline's step: azure-ai-ml sends numbers, which the service refuses."""
    file = tmp_path / "job.yml"
    file.write_text(COMMAND + "environment_variables: {THREADS: 4}\n")
    numbers: dict[str, int] = {"THREADS": 4}
    made = command(command="ls", environment=ENVIRONMENT, environment_variables=numbers)
    for job in (file, made):
        body = fake_aml.job(submit(job, client=client).name).body["properties"]
        assert body["environmentVariables"]["THREADS"] == "4"
    assert made.environment_variables == numbers
    file.write_text(PIPELINE + "    environment_variables: {THREADS: 4}\n")
    for job in (file, pipeline_of(lambda: named(made(), "fit"))):
        node = fake_aml.job(submit(job, client=client).name).body["properties"]["jobs"]["fit"]
        assert node.get("environment_variables", {"THREADS": "4"}) == {"THREADS": "4"}
        components = fake_aml.calls.expect("PUT /components/{name}/versions/{version}")
        spec = components[-1].json["properties"]["componentSpec"]
        assert spec.get("environment_variables", {"THREADS": "4"}) == {"THREADS": "4"}
        assert node.get("environment_variables") or spec.get("environment_variables")


@pytest.mark.parametrize("said", ["train@latest", "train:1"])
def test_a_components_file_names_its_environment_in_any_spelling(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, said: str
) -> None:
    """As a job file does; its code stands beside it all the same."""
    if said.endswith("latest"):
        from azure.ai.ml.entities import Environment

        client.environments.create_or_update(Environment(name="train", version="1", image="python:3.11"))
    parts = tmp_path / "parts"
    (parts / "src").mkdir(parents=True)
    (parts / "src" / "train.py").write_text("print(1)\n")
    (parts / "fit.yml").write_text(
        f"type: command\nname: fit\ncommand: python train.py\ncode: ./src\nenvironment: {said}\n"
    )
    file = tmp_path / "job.yml"
    file.write_text("type: pipeline\njobs:\n  fit:\n    type: command\n    component: ./parts/fit.yml\n")
    submit(file, client=client)
    (*_, call) = fake_aml.calls.expect("PUT /components/{name}/versions/{version}")
    spec = call.json["properties"]["componentSpec"]
    assert spec["environment"].endswith("/environments/train/versions/1")
    assert "/codes/" in spec["code"]
