"""One job, once: the same name with the same job is that job, whoever submits it, wherever, whenever."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import InvalidRequest, SubmissionFailed, plan, submit
from amlrun.testing import FakeAml, Throttled
from tests.submission.runs import Between

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

ENVIRONMENT = "azureml:train:1"


def named(client: MLClient, source: Path, **options: Any) -> Any:
    """A job with a name and code, whose size is left open."""
    given: dict[str, Any] = {"code": source, "environment": ENVIRONMENT, "cpus": 4, "name": "mine", **options}
    return submit("python train.py", client=client, **given)


def test_the_place_that_is_free_by_now_makes_no_other_job(
    fake_aml: FakeAml, client: MLClient, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first one had the last quota of its size: the second call ends with it, and says so."""
    first = named(client, source)
    family = plan("ls", environment=ENVIRONMENT, cpus=4, client=client).size
    assert family is not None
    fake_aml.quota(family.family, limit=0)
    fresh = fake_aml.client()
    assert plan("ls", environment=ENVIRONMENT, cpus=4, client=fresh).instance_type != first.plan.instance_type
    assert "was there already" not in caplog.text
    again = named(fresh, source)
    assert ("amlrun", logging.WARNING) in {(one.name, one.levelno) for one in caplog.records}
    assert "mine: this very job was there already, and nothing new was sent" in caplog.text
    assert (again.name, again.plan.instance_type) == ("mine", first.plan.instance_type)
    assert fake_aml.jobs == ("mine",)


@pytest.mark.parametrize(
    "other",
    [
        {"instance_type": "Standard_DS5_v2"},
        {"instance_count": 2},
        {"tier": "spot"},
        {"timeout": 60},
        {"gpus": 1},
        {"cpus": 64},
        {"tags": {"a": "b"}},
        {"experiment_name": "other"},
        {"environment_variables": {"A": "b"}},
        {"environment": "azureml:train:2"},
        {"identity": "managed"},
    ],
)
def test_another_wish_is_another_job(
    fake_aml: FakeAml, client: MLClient, source: Path, other: dict[str, Any]
) -> None:
    """Whatever was said differently: a clear error, and the job that is there stays as it was."""
    fake_aml.identity("managed")
    named(client, source)
    before = dict(fake_aml.job("mine").body["properties"])
    with pytest.raises(SubmissionFailed, match="A job named mine is there already, and it is another one"):
        named(client, source, **other)
    assert (fake_aml.jobs, fake_aml.job("mine").body["properties"]) == (("mine",), before)


def test_another_code_is_another_job_and_the_error_says_where_to_look(client: MLClient, source: Path) -> None:
    """By the names of fields, with none of their values."""
    named(client, source)
    (source / "train.py").write_text("print('something else')\n")
    with pytest.raises(SubmissionFailed, match=r"another one \(see its codeId\)"):
        named(client, source)


def test_whether_it_is_another_job_is_not_said_where_nobody_knows(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """What the other's code holds can't be read for now: that is a fault that passes, and no other job."""
    named(client, source)
    code = fake_aml.job("mine").body["properties"]["codeId"].split("/")[-3]
    (source / "train.py").write_text("print('something else')\n")
    fake_aml.inject(Throttled(retry_after=1), on=f"GET */codes/{code}/versions/1", times=None)
    with pytest.raises(SubmissionFailed, match="nobody knows whether it is this one") as caught:
        named(client, source)
    assert (caught.value.status, caught.value.service_code) == (429, "QuotaExceeded/TooManyRequests")


def test_where_one_stands_makes_no_other_job(
    fake_aml: FakeAml, client: MLClient, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-ai-ml notes the commit that is checked out, and names the experiment after the folder."""
    named(client, source)
    monkeypatch.setenv("AZUREML_GIT_COMMIT", "0123abc")
    monkeypatch.chdir(source)
    assert named(client, source).name == "mine"
    assert fake_aml.jobs == ("mine",)


def test_two_that_upload_the_same_at_once_are_one_job(fake_aml: FakeAml, source: Path) -> None:
    """Each upload has a name at random: by their contents they are known to be the same."""
    between, names = Between(), []

    def other_first(method: str, path: str, go_on: Any) -> Any:
        if method == "POST" and path.endswith("/startPendingUpload"):
            between.act = None
            names.append(named(fake_aml.client(), source).name)
        return go_on()

    between.act = other_first
    run = named(fake_aml.client(per_call_policies=between), source)
    snapshots = {call.path for call in fake_aml.calls if call.method == "PUT" and "/codes/" in call.path}
    assert len(snapshots) == 2
    assert (names, run.name, fake_aml.jobs) == (["mine"], "mine", ("mine",))


def test_the_same_plan_again_is_the_same_job(fake_aml: FakeAml, client: MLClient) -> None:
    """Also where it couldn't start now any more, for its own job has the quota."""
    fake_aml.runtime(hours=5)
    size = "Standard_DS3_v2"
    fake_aml.quota("standardDSv2Family", limit=4)
    planned = plan("ls", environment=ENVIRONMENT, instance_type=size, name="mine", client=client)
    submit(planned, client=client)
    fake_aml.advance(minutes=10)
    assert submit(planned, client=client).name == "mine"
    assert fake_aml.jobs == ("mine",)


def test_a_name_of_somebody_else_is_refused_before_anything_is_planned(
    fake_aml: FakeAml, client: MLClient, source: Path
) -> None:
    """No cluster is made for it either."""
    from azure.ai.ml import command

    from amlrun import Cluster

    client.jobs.create_or_update(command(command="ls", environment=ENVIRONMENT, name="mine"))
    with pytest.raises(InvalidRequest, match="amlrun didn't send it"):
        named(client, source, compute=Cluster("new", size="Standard_DS3_v2"))
    assert not [call for call in fake_aml.calls if call.method == "PUT" and "/computes/" in call.path]


_PROCESS = """
import json, sys
from amlrun import submit
from amlrun.testing import FakeAml
given = json.loads(sys.argv[1])
with FakeAml(given["folder"]) as fake:
    client = fake.client()
    sys.stdin.readline()
    from azure.ai.ml import Input, MpiDistribution, Output, command
    job = command(
        command="python train.py ${{inputs.rate}} ${{outputs.model}}", code=given["code"],
        environment="azureml:train:1", inputs={"rate": 0.1, "b": 2, "c": "x"},
        outputs={"model": Output(type="uri_folder"), "more": Output(type="uri_folder")},
        distribution=MpiDistribution(process_count_per_instance=2),
        environment_variables={name: name for name in {"A", "B", "C", "D"}},
    )
    run = submit(job, name="mine", tags={name: "x" for name in {"k", "l", "m"}}, client=client)
    steps = submit(given["pipeline"], name="steps", client=client)
    print(json.dumps([run.name, run.attempt, steps.name]))
"""


def test_two_processes_that_submit_the_same_have_one_job(tmp_path: Path, source: Path) -> None:
    """At once, from different folders, with hashes of their own; a third one with another body is refused."""
    folder = tmp_path / "kept"
    step = f"{{type: command, command: python train.py, code: {source.name}, environment: '{ENVIRONMENT}'}}"
    path = tmp_path / "pipeline.yml"
    path.write_text(f"type: pipeline\njobs:\n  train: {step}\n  again: {step}\n")
    given = json.dumps({"folder": str(folder), "code": str(source), "pipeline": str(path)})
    processes = []
    for number in ("1", "2"):
        here = tmp_path / f"here-{number}"
        here.mkdir()
        root = os.pathsep.join(path for path in sys.path if path)
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _PROCESS, given],
            env={**os.environ, "PYTHONHASHSEED": number, "PYTHONPATH": root},
            cwd=here,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=120) for process in processes]
    assert [json.loads(out) for out, _ in answers] == [["mine", 1, "steps"]] * 2, [
        error for _, error in answers
    ]
    with FakeAml(folder) as fake:
        assert sorted(fake.jobs)[:1] == ["mine"]
        assert "steps" in fake.jobs
        with pytest.raises(SubmissionFailed, match="another one"):
            submit("ls", environment=ENVIRONMENT, name="mine", client=fake.client())
