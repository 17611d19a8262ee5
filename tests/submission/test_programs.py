"""What runs: the code and the environment that are given beside a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.ai.ml import command

from amlrun import submit
from tests.submission.runs import ENVIRONMENT

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml


def sent(fake: FakeAml, name: str) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    body: dict[str, Any] = fake.job(name).body["properties"]
    return body


def test_code_and_environment_of_a_job_file_can_be_replaced(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """An argument wins over the file; inputs merge."""
    path = source.parent / "job.yml"
    path.write_text(
        "command: python train.py ${{inputs.a}} ${{inputs.b}}\ncode: gone\nenvironment: azureml:old:1\n"
        "inputs: {a: 1, b: 2}\n"
    )
    run = submit(path, code=source, environment="azureml:new:2", inputs={"b": 3}, client=client)
    body = sent(fake_aml, run.name)
    assert body["environmentId"].endswith("/environments/new/versions/2")
    assert "codeId" in body
    assert {name: value["value"] for name, value in body["inputs"].items()} == {"a": "1", "b": "3"}


def test_a_job_of_the_sdk_without_an_environment_takes_the_arguments(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """It needs none of its own."""
    run = submit(command(command="echo"), environment=ENVIRONMENT, client=client)
    assert sent(fake_aml, run.name)["environmentId"].endswith("/environments/train/versions/1")


def test_a_snapshot_stands_for_its_folder(
    fake_aml: FakeAml, client: MLClient, source: Path, tmp_path: Path
) -> None:
    """Its id, in either spelling, in a job of any kind: nothing is uploaded."""
    options: dict[str, Any] = {"environment": ENVIRONMENT, "cpus": 4, "client": client}
    snapshot = sent(fake_aml, submit("python train.py", code=source, **options).name)["codeId"]
    (tmp_path / "job.yml").write_text("command: python train.py\n")
    before = len(fake_aml.calls)
    for prefix in ("", "azureml:"):
        for job in ("echo", command(command="echo"), tmp_path / "job.yml"):
            run = submit(job, code=f"{prefix}{snapshot}", **options)
            assert sent(fake_aml, run.name)["codeId"] == snapshot
    assert {call.route for call in fake_aml.calls[before:]} == {"/jobs/{name}"}
