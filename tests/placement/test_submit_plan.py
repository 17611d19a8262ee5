"""`submit(plan)`: what was planned is sent as it was planned, or nothing is, and why."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from amlrun import (
    InvalidRequest,
    Managed,
    Needs,
    NothingFits,
    Plan,
    PlanOutdated,
    Requeue,
    plan,
    submit,
)
from amlrun.testing import Forbidden

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

JOB: dict[str, Any] = {"environment": "azureml:train:1"}
T4 = "Standard_NC4as_T4_v3"
SECRET = "hunter2"  # noqa: S105 - nobody's
T4_FAMILY, V100_FAMILY = "Standard NCASv3_T4 Family", "standardNCSv3Family"


@pytest.fixture
def client(fake_aml: FakeAml) -> MLClient:
    """The real client, of the fake workspace."""
    return fake_aml.client()


def sent(fake: FakeAml, name: str) -> dict[str, Any]:
    """The body of the job's PUT, as it arrived."""
    body: dict[str, Any] = dict(fake.job(name).body["properties"])
    return body


def decided(planned: Plan) -> Plan:
    """The decision, without what explains it."""
    return attrs.evolve(planned, reasons=(), candidates=())


def again(planned: Plan) -> Plan:
    """As it comes out of JSON, in another process."""
    return Plan.from_json(planned.to_json())


def job_file(folder: Path, text: str = "") -> Path:
    """A job file with its code."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "train.py").write_text("print('trained')\n")
    path = folder / "job.yml"
    path.write_text(f"command: python train.py\ncode: src\nenvironment: azureml:train:1\n{text}")
    return path


def test_a_plan_is_sent_as_it_was_planned(fake_aml: FakeAml, client: MLClient) -> None:
    """The same place, size, count and tier, though by now there is a cheaper size that would do."""
    fake_aml.quota(T4_FAMILY, limit=0)
    fake_aml.quota(V100_FAMILY, limit=24)
    planned = plan("python -V", gpus=1, instance_count=2, tier="standard", client=client, **JOB)
    fake_aml.quota(T4_FAMILY, limit=64)
    assert plan(planned, client=client).instance_type == T4
    run = submit(planned, client=client)
    body = sent(fake_aml, run.name)
    assert planned.instance_type != T4
    assert body["resources"] == {
        "instanceType": planned.instance_type,
        "instanceCount": 2,
        "shmSize": "56g",  # half of what such a node has
    }
    assert body["queueSettings"] == {"jobTier": "Standard"}
    assert decided(run.plan) == decided(planned)
    assert run.plan.reasons[0] == "as it was planned"


def test_every_option_of_the_plan_is_applied(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Through JSON too: code, inputs, variables, identity, timeout, requeue, tags, names."""
    source = job_file(tmp_path).parent / "src"
    client_id = fake_aml.identity("trainer")
    planned = plan(
        "python train.py ${{inputs.rate}}",
        code=source,
        inputs={"rate": 0.1},
        environment_variables={"TOKEN": SECRET},
        identity=Managed(client_id=client_id),
        timeout=dt.timedelta(hours=6),
        requeue=Requeue(preemptions=2),
        needs=Needs(cpus=4, max_price_per_hour=2),
        tags={"team": "vision"},
        name="mine",
        display_name="Mine",
        experiment_name="trials",
        client=client,
        **JOB,
    )
    run = submit(again(planned), environment_variables={"TOKEN": SECRET}, client=client)
    body = sent(fake_aml, run.name)
    assert run.name == "mine"
    assert body["command"].endswith("python train.py ${{inputs.rate}}")
    assert body["environmentVariables"]["TOKEN"] == SECRET
    assert body["identity"] == {"identityType": "Managed", "clientId": client_id}
    assert body["limits"]["timeout"] == "PT21600S"
    assert (body["displayName"], body["experimentName"]) == ("Mine", "trials")
    assert body["tags"]["team"] == "vision"
    assert body["inputs"]["rate"]["value"] == "0.1"
    assert body["codeId"]
    assert json.loads(body["properties"]["amlrun.policy"])["preemptions"] == 2


def test_plans_of_job_files_and_objects_are_sent(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Whatever `plan` takes: its plan knows it."""
    from azure.ai.ml import command

    path = job_file(tmp_path, "resources: {instance_count: 2}\n")
    entity = command(command="python -V", environment="azureml:train:1", instance_count=3)
    for job, count in ((path, 2), (str(path), 2), (entity, 3)):
        run = submit(plan(job, client=client), client=client)
        assert sent(fake_aml, run.name)["resources"]["instanceCount"] == count


def test_a_plan_holds_in_another_folder(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths that were relative where it was made are found from anywhere."""
    job_file(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("1\n")
    data = {"data": {"type": "uri_folder", "path": "data"}}
    plans = [
        plan("job.yml", client=client),
        plan("python train.py ${{inputs.data}}", code="src", inputs=data, client=client, **JOB),
    ]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for planned in plans:
        run = submit(again(planned), client=client)
        assert sent(fake_aml, run.name)["codeId"]


def test_a_plan_is_sent_by_another_process(tmp_path: Path) -> None:
    """JSON on disk is all that the other process has, and it needs nothing else."""
    home = {"AMLRUN_WORKSPACE": "local", "AMLRUN_LOCAL_HOME": str(tmp_path / "home")}
    script = "import sys; from amlrun import *; "
    made = script + "print(plan('python -V', environment='azureml:train:1', cpus=4).to_json())"
    send = script + "print(submit(Plan.from_json(sys.stdin.read())).plan.instance_type)"
    text = _python(made, "", home)
    assert _python(send, text, home).strip() == Plan.from_json(text).instance_type


def _python(code: str, given: str, variables: dict[str, str]) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        input=given,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["cluster", "compute_instance", "kubernetes", "virtual_machine"])
def test_plans_go_to_computes_of_every_kind(fake_aml: FakeAml, client: MLClient, kind: str) -> None:
    """Whatever is of its own there: sizes, instance types, nothing at all."""
    getattr(fake_aml, kind)("mine")
    planned = plan("python -V", compute="mine", client=client, **JOB)
    run = submit(again(planned), client=client)
    assert str(sent(fake_aml, run.name)["computeId"]).endswith("/computes/mine")
    assert decided(run.plan) == decided(planned)


def test_what_is_read_of_a_compute_by_now_is_held_against_the_plan(
    fake_aml: FakeAml, client: MLClient
) -> None:
    """It was believed to be standard, which nobody had asked for: the reason is the plan's, not the ask's."""
    fake_aml.cluster("cheap", tier="spot")
    fake_aml.inject(Forbidden(), on="GET */computes")
    planned = plan("python -V", compute="cheap", client=client, **JOB)
    assert (planned.kind, planned.tier) == ("unknown", "standard")
    with pytest.raises(PlanOutdated, match="cheap has spot nodes now, and standard ones were planned"):
        submit(planned, client=client)
    assert not fake_aml.jobs


def test_a_job_file_that_changed_is_refused(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """The plan was made for what stood there then."""
    path = job_file(tmp_path)
    planned = again(plan(path, client=client))
    job_file(tmp_path, "resources: {instance_count: 2}\n")
    with pytest.raises(InvalidRequest, match=r"job\.yml has changed since") as caught:
        submit(planned, client=client)
    assert caught.value.argument == "job"
    job_file(tmp_path)
    assert submit(planned, client=client).name in fake_aml.jobs


def test_an_object_that_changed_is_refused(client: MLClient) -> None:
    """A job of the SDK that says something else than when it was planned."""
    from azure.ai.ml import command

    job = command(command="python -V", environment="azureml:train:1")
    planned = plan(job, client=client)
    job.command = "python -c 'raise SystemExit(1)'"
    with pytest.raises(InvalidRequest, match="the job has changed since"):
        submit(planned, client=client)


def test_an_object_does_not_go_through_json(client: MLClient) -> None:
    """What JSON can't hold is told when it is missed, with the way out."""
    from azure.ai.ml import command

    planned = plan(command(command="python -V", environment="azureml:train:1"), client=client)
    with pytest.raises(InvalidRequest, match=r"can't hold its job: Command of azure\.ai\.ml") as caught:
        submit(again(planned), client=client)
    assert "a command line or a job file" in caught.value.hint


def test_secrets_are_not_in_the_plan(client: MLClient) -> None:
    """Values of environment variables are in no text of the plan, and are asked for by their names."""
    planned = plan("python -V", environment_variables={"TOKEN": SECRET}, client=client, **JOB)
    for text in (planned.to_json(), str(planned), repr(planned), planned.explain()):
        assert SECRET not in text
    with pytest.raises(InvalidRequest, match="TOKEN") as caught:
        submit(again(planned), client=client)
    assert caught.value.argument == "environment_variables"
    assert decided(submit(planned, client=client).plan) == decided(planned)


def test_a_plan_of_another_workspace_is_refused(fake_aml: FakeAml) -> None:
    """Both workspaces are named: quota, prices and computes are each one's own."""
    from amlrun.testing import FakeAml as Fake

    other = Fake(workspace="other")
    with other.installed():
        planned = plan("python -V", client=other.client(), **JOB)
    with pytest.raises(InvalidRequest, match="/other, and this is ") as caught:
        submit(planned, client=fake_aml.client())
    assert caught.value.argument == "client"


@pytest.mark.parametrize("option", ["gpus", "tier", "compute", "name"])
def test_nothing_else_stands_beside_a_plan(client: MLClient, option: str) -> None:
    """An option that would make another plan is refused by its name."""
    planned = plan("python -V", client=client, **JOB)
    beside: dict[str, Any] = {option: 1}
    with pytest.raises(InvalidRequest, match=f"{option}=… beside a plan") as caught:
        submit(planned, client=client, **beside)
    assert caught.value.argument == option
    with pytest.raises(InvalidRequest, match=f"{option}=… beside a plan"):
        plan(planned, client=client, **beside)


def test_a_plan_that_knows_no_job_is_refused(client: MLClient) -> None:
    """A run's plan, however it was sent, and one that was made by hand."""
    run = submit("python -V", client=client, **JOB)
    other = submit(plan("python -V", client=client, **JOB), client=client)
    for planned in (run.plan, other.plan, Plan()):
        with pytest.raises(InvalidRequest, match="doesn't know its job") as caught:
            submit(planned, client=client)
        assert "plan(job, …)" in caught.value.hint


def test_a_plan_is_planned_anew(fake_aml: FakeAml, client: MLClient) -> None:
    """`plan(plan)` is the plan of now for the same job, and can be sent."""
    planned = plan(
        "python -V", gpus=1, tier="standard", environment_variables={"A": "1"}, client=client, **JOB
    )
    fake_aml.quota(T4_FAMILY, limit=0)
    fake_aml.quota(V100_FAMILY, limit=24)
    anew = plan(again(planned), environment_variables={"A": "2"}, client=client)
    assert anew.instance_type != planned.instance_type
    run = submit(anew, client=client)
    assert sent(fake_aml, run.name)["environmentVariables"]["A"] == "2"


def test_a_plan_left_to_the_service_is_sent(fake_aml: FakeAml, client: MLClient) -> None:
    """Where nobody may read quota the service chooses, then as now."""
    fake_aml.as_data_scientist()
    planned = plan("python -V", client=client, **JOB)
    assert planned.instance_type is None
    run = submit(again(planned), client=client)
    assert "instanceType" not in sent(fake_aml, run.name)["resources"]


def test_the_timeout_is_the_plans(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A default of the team's that is younger than the plan changes nothing of what was planned."""
    planned = plan("python -V", client=client, **JOB)
    monkeypatch.delenv("AMLRUN_CONFIG", raising=False)
    Path(tmp_path / "amlrun.toml").write_text("[defaults]\ntimeout = 600\n")
    assert "limits" not in sent(fake_aml, submit(planned, client=client).name)
    anew = plan(planned, client=client)
    assert sent(fake_aml, submit(anew, client=client).name)["limits"]["timeout"] == "PT600S"


def test_guard_rails_bind_plans(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A size that the team denies by now is not sent, whatever was planned."""
    planned = plan("python -V", instance_type=T4, client=client, **JOB)
    monkeypatch.delenv("AMLRUN_CONFIG", raising=False)
    Path(tmp_path / "amlrun.toml").write_text('[guard]\ndenied_sizes = ["Standard_NC*"]\n')
    with pytest.raises(NothingFits):
        submit(planned, client=client)
    assert not fake_aml.jobs
