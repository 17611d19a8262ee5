"""What is handed over as a job and can't be one: refused by its name, with what is supported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import BatchJob, CommandComponent, CronTrigger, Data, JobSchedule
from azure.ai.ml.parallel import RunFunction, parallel_run_function

from amlrun import InvalidRequest, plan, submit
from tests.jobs.every import ENVIRONMENT, in_a_pipeline, searching, trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlrun.testing import FakeAml


def scheduled() -> JobSchedule:
    """A schedule of a job."""
    trigger = CronTrigger(expression="0 * * * *")
    return JobSchedule(name="nightly", trigger=trigger, create_job=trained())


def side_by_side() -> Any:
    """A parallel job that stands alone."""
    return parallel_run_function(
        name="score",
        inputs={"data": Input(type="uri_folder")},
        task=RunFunction(code=".", entry_script="score.py", environment=ENVIRONMENT),
    )


ENTITIES: dict[str, tuple[Callable[[], Any], str]] = {
    "a parallel job": (side_by_side, "runs only as a step of a pipeline"),
    "a component": (
        lambda: CommandComponent(name="c", command="x", environment=ENVIRONMENT),
        "a component, of which a pipeline's steps are made",
    ),
    "a schedule": (scheduled, "a schedule, which starts jobs by the clock"),
    "a batch job": (BatchJob, "a run of a batch endpoint"),
    "data": (lambda: Data(name="d", path="x"), "of type 'uri_folder' is not supported"),
    "something else": (object, "is not one"),
}
FILES = {
    "type: parallel\n": "runs only as a step of a pipeline",
    "type: data_transfer\ntask: copy_data\n": "of type 'data_transfer' is not supported",
    "type: import\n": "of type 'import' is not supported",
    "type: distillation\n": "of type 'distillation' is not supported",
    "type: quantum\n": "of type 'quantum' is not supported",
    "$schema: https://s/latest/commandComponent.schema.json\nname: c\ncommand: ls\n": "a component",
    "type: command\nname: c\nis_deterministic: true\ncommand: ls\n": "a component",
    "$schema: https://s/latest/schedule.schema.json\nname: s\n": "a schedule",
    "name: s\ncreate_job: {type: command, command: ls}\n": "a schedule",
    "$schema: https://s/latest/MLTable.schema.json\npaths: []\n": "a table of data",
}


@pytest.mark.parametrize("name", ENTITIES)
def test_an_object_that_is_no_job(fake_aml: FakeAml, client: MLClient, name: str) -> None:
    """Nothing is asked of the workspace."""
    make, words = ENTITIES[name]
    with pytest.raises(InvalidRequest, match=words) as refused:
        plan(make(), client=client)
    assert refused.value.argument == "job"
    assert refused.value.hint
    assert not fake_aml.calls


@pytest.mark.parametrize("text", FILES)
def test_a_file_that_is_no_job_file(client: MLClient, tmp_path: Path, text: str) -> None:
    """The message says what it is."""
    (tmp_path / "job.yml").write_text(text)
    with pytest.raises(InvalidRequest, match=FILES[text]) as refused:
        plan(tmp_path / "job.yml", client=client)
    assert refused.value.argument == "job"


@pytest.mark.parametrize("tier", ["Basic", "premium"])
def test_tiers_that_serverless_has_not(fake_aml: FakeAml, tmp_path: Path, tier: str) -> None:
    """As an argument, in the job and in a job file, with those that it has."""
    client, said = fake_aml.client(), f"tier='{tier}'"
    (tmp_path / "job.yml").write_text(
        f"command: ls\nenvironment: {ENVIRONMENT}\nqueue_settings: {{job_tier: {tier}}}\n"
    )
    asks: list[tuple[Any, dict[str, Any]]] = [
        (trained(), {"tier": tier}),
        (searching(), {"tier": tier}),
        (in_a_pipeline(tmp_path / "s", "command"), {"tier": tier}),
        (trained(job_tier=tier), {}),
        (tmp_path / "job.yml", {}),
    ]
    for job, options in asks:
        with pytest.raises(InvalidRequest, match=f"{said}: the service has this tier") as refused:
            submit(job, client=client, **options)
        assert '"standard", "spot", "auto"' in refused.value.hint
    assert submit(trained(job_tier=tier), tier="standard", client=client).plan.compute == "serverless"


def test_a_component_that_was_called_is_a_job(fake_aml: FakeAml, client: MLClient) -> None:
    """A command of a component, as it is called for a step, can be submitted by itself."""
    run = submit(command(command="ls", environment=ENVIRONMENT)(), client=client)
    assert fake_aml.job(run.name).body["properties"]["command"] == "ls"
