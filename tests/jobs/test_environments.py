"""Environments that aren't there: told by name, before anything is uploaded, where that costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command
from azure.ai.ml.entities import Environment

from amlrun import InvalidRequest, submit
from tests.jobs.every import named, pipeline_of

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def uploads(fake: FakeAml) -> list[Any]:
    """What was sent that changes anything."""
    return [call for call in fake.calls if call.method not in {"GET", "HEAD"}]


@pytest.mark.parametrize("how", ["line", "object", "step"])
def test_an_environment_that_is_not_there_is_refused_before_the_upload(
    fake_aml: FakeAml, source: Path, how: str
) -> None:
    """With the argument's name; azure-ai-ml looks for it when the code is uploaded."""
    made = command(command="python train.py", environment="nope@latest", code=str(source))
    jobs: dict[str, Any] = {
        "line": "python train.py",
        "object": made,
        "step": pipeline_of(lambda: named(made(), "fit")),
    }
    given: dict[str, Any] = {"code": source, "environment": "azureml:nope@latest"} if how == "line" else {}
    with pytest.raises(InvalidRequest, match="'nope@latest': the workspace has no environment") as caught:
        submit(jobs[how], client=fake_aml.client(), **given)
    assert caught.value.argument == "environment"
    assert ("The step fit" in caught.value.message) is (how == "step")
    assert not uploads(fake_aml)


@pytest.mark.parametrize("said", ["train@Latest", "azureml:train@stable"])
def test_a_label_that_azure_ai_ml_does_not_know_is_refused(fake_aml: FakeAml, said: str) -> None:
    """It finds the latest only, spelt so."""
    with pytest.raises(InvalidRequest, match="no environment by the label") as caught:
        submit("ls", environment=said, client=fake_aml.client())
    assert caught.value.argument == "environment"
    assert "train@latest" in caught.value.hint
    assert not list(fake_aml.calls)


def test_the_latest_environment_costs_no_request_more(fake_aml: FakeAml, client: MLClient) -> None:
    """One that lists its versions, which azure-ai-ml makes too, and the job."""
    client.environments.create_or_update(Environment(name="train", version="3", image="python:3.11"))
    submit("ls", environment="train@latest", client=client)
    before = len(list(fake_aml.calls))
    submit("ls", environment="train@latest", client=client)
    assert [call.method for call in list(fake_aml.calls)[before:]] == ["GET", "PUT"]


def test_an_id_with_the_prefix_of_job_files_is_taken(fake_aml: FakeAml, client: MLClient) -> None:
    """As an argument, too."""
    path = f"{fake_aml.scope.path}/environments/train/versions/1"
    run = submit("ls", environment=f"azureml:{path}", client=client)
    assert fake_aml.job(run.name).body["properties"]["environmentId"] == path
