"""Secrets stay where they were put: those of every kind are looked for wherever amlrun writes or says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command
from azure.ai.ml.entities import AccountKeyConfiguration, AzureBlobDatastore, SasTokenConfiguration

from amlrun import AmlrunError, InvalidRequest, Plan, Requeue, plan, submit
from amlrun._command_line import main
from amlrun._workspace import workspace_of
from amlrun.testing import (
    ConnectionLost,
    DisallowedByPolicy,
    FakeAml,
    Forbidden,
    GatewayTimeout,
    InternalError,
    NoReadAccess,
    Preempted,
    Throttled,
    local,
)
from tests.users.planted import (
    ACCOUNT_KEY,
    COMMAND,
    DOCKER_ARGS,
    INPUTS,
    OF_THE_JOB,
    PROXIES,
    SAS,
    VARIABLES,
    Marked,
    marks,
    marks_below,
    marks_of,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient

JOB: dict[str, Any] = {
    "environment": "azureml:train:1",
    "environment_variables": VARIABLES,
    "inputs": INPUTS,
    "tier": "spot",
    "cpus": 4,
    "requeue": Requeue(preemptions=2, waits=(1,)),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a fake keeps itself, and amlrun its readings and its evidence."""
    monkeypatch.setenv("AMLRUN_CACHE", str(tmp_path / "state" / "cache"))
    return tmp_path / "state"


@pytest.fixture
def fake(folder: Path) -> Iterator[FakeAml]:
    """A workspace with a datastore of each kind of secret, and a key vault."""
    with FakeAml(folder) as started:
        client = started.client()
        for name, credentials in (
            ("keyed", AccountKeyConfiguration(account_key=ACCOUNT_KEY)),
            ("signed", SasTokenConfiguration(sas_token=SAS)),
        ):
            store = AzureBlobDatastore(
                name=name, account_name=name, container_name="c", credentials=credentials
            )
            client.datastores.create_or_update(store)
        started.secret("x", "c4nary-vault")
        yield started


@pytest.fixture
def client(fake: FakeAml) -> MLClient:
    """A client with a proxy, and tokens that can be told."""
    return fake.client(credential=Marked(fake.credential), proxies=PROXIES)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Any:
    """All that was logged and printed until now."""
    caplog.set_level(logging.DEBUG)

    def told() -> str:
        printed = capsys.readouterr()
        return f"{caplog.text}{printed.out}{printed.err}"

    return told


def with_docker() -> Any:
    """A job with arguments of docker's."""
    return command(command=COMMAND, environment="azureml:train:1", docker_args=DOCKER_ARGS)


def test_nothing_is_written_or_said(fake: FakeAml, client: MLClient, folder: Path, said: Any) -> None:
    """Over a preemption and a second attempt, which has all that the first one had."""
    fake.inject(Preempted(how="failed"), job="train")
    planned = plan(with_docker(), client=client, **JOB)
    told = [words for words in planned.warnings if "like a secret" in words]
    assert sorted(words.partition(" look")[0] for words in told) == [
        "command: something in it",
        "environment_variables: HF_TOKEN, DB_PASSWORD, DATABASE",
        "inputs: api_key",
        "resources.docker_args: something in it",
    ]
    run = submit(with_docker(), name="train", client=client, **JOB)
    run.wait()
    assert run.attempt == 2
    for name in fake.jobs:
        body = fake.job(name).body["properties"]
        assert marks(body) == OF_THE_JOB
        assert marks(unpacked(body["properties"]), body["tags"]) == set()
    texts = [planned, planned.explain(), planned.to_json(), repr(planned), run, repr(run), run.plan.to_json()]
    assert marks(*map(str, texts)) == set()
    assert marks(repr(fake), repr(fake.calls), repr(fake.job("train")), *map(repr, fake.calls)) == set()
    wire = workspace_of(client).rest.wire
    assert "c4nary-proxy" in str(wire.connection)
    assert marks(repr(wire), said()) == set()
    assert list((folder / "cache" / "evidence").iterdir())
    assert marks_below(folder) == set()


def test_a_plan_keeps_none_in_json(client: MLClient) -> None:
    """What is missing is told when it is sent from there; with the command alone it is that."""
    asked = {**JOB, "inputs": None}
    there = plan(COMMAND, client=client, **asked).to_json()
    assert marks(there) == set()
    with pytest.raises(InvalidRequest, match="can't hold its job: what looks like a secret") as caught:
        submit(Plan.from_json(there), client=client)
    assert marks_of(caught.value) == set()


@pytest.mark.parametrize(
    "fault",
    [
        Forbidden("Microsoft.MachineLearningServices/workspaces/jobs/write"),
        DisallowedByPolicy(),
        NoReadAccess(),
        GatewayTimeout(),
        ConnectionLost(taken=False),
        InternalError(),
        Throttled(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_no_error_of_a_job_that_could_not_be_sent_shows_one(
    fake: FakeAml, client: MLClient, folder: Path, said: Any, fault: Any
) -> None:
    """Nor those that it came of."""
    fake.inject(fault, on="PUT /jobs/{name}", times=None)
    with pytest.raises(AmlrunError) as caught:
        submit(with_docker(), name="train", client=client, **JOB)
    assert marks_of(caught.value) == set()
    assert marks(said()) == set()
    assert marks_below(folder) == set()


SIGNED_CODE = "https://a.blob.core.windows.net/c/code?sig=c4nary-code"


@pytest.mark.parametrize(
    "wrong",
    [
        {"inputs": {"rows": {"type": "uri_file", "path": f"{SIGNED_CODE}", "mode": "c4nary"}}},
        {"inputs": {"rows": {"type": "nothing", "path": SIGNED_CODE}}},
        {"outputs": {"rows": {"type": "uri_folder", "path": SIGNED_CODE}}},
        {"code": SIGNED_CODE},
        {"code": "git+https://c4nary-code@github.com/team/code.git"},
        {"environment_variables": {"HF_TOKEN": ["c4nary-list"]}},
        {"environment_variables": {"c4nary": "${{inputs.c4nary}}"}},
        {"environment_variables": ["HF_TOKEN=c4nary-pair"]},
        {"tags": {"token": object()}},
        {"environment": "https://me:c4nary-index@example.org/env"},
        {"compute": "c4nary"},
    ],
)
def test_no_refusal_of_an_argument_shows_its_secret(
    client: MLClient, said: Any, wrong: dict[str, Any]
) -> None:
    """Whatever is wrong with it."""
    try:
        submit(COMMAND, client=client, **{**JOB, **wrong})
    except AmlrunError as error:
        found = marks_of(error)
    else:
        found = set()
    assert {mark for mark in found | marks(said()) if mark != "c4nary"} == set()


def test_another_job_of_that_name_is_told_without_its_values(client: MLClient) -> None:
    """The fields that differ have names."""
    submit(COMMAND, name="train", client=client, **JOB)
    others = {"environment_variables": {**VARIABLES, "HF_TOKEN": "c4nary-other"}}
    with pytest.raises(AmlrunError, match="see its environmentVariables") as caught:
        submit(COMMAND, name="train", client=client, **{**JOB, **others})
    assert marks_of(caught.value) == set()


def test_local_runs_jobs_with_them_and_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Any
) -> None:
    """The job has its variables and options; its folder, logs and all, has none of them."""
    home = tmp_path / "home"
    monkeypatch.setenv("AMLRUN_WORKSPACE", "local")
    monkeypatch.setenv("AMLRUN_LOCAL_HOME", str(home))
    with local() as workspace:
        workspace.secret("x", "c4nary-vault")
    lengths = "print(*map(len, (os.environ['HF_TOKEN'], os.environ['DATABASE'], sys.argv[2])))"
    script = f'python -c "import os, sys; {lengths}" --api-key c4nary-option'
    asked = {**JOB, "inputs": {"api_key": "c4nary-literal"}, "requeue": False}
    run = submit(script, **asked).wait()
    sizes = [len(VARIABLES["HF_TOKEN"]), len(VARIABLES["DATABASE"]), len("c4nary-option")]
    assert run.logs().split()[-3:] == list(map(str, sizes))
    with pytest.raises(AmlrunError) as caught:
        submit("cat ${{inputs.rows}}", **{**JOB, "requeue": False}).wait()
    assert marks_of(caught.value) == set()
    assert marks(said()) == set()
    assert marks_below(home) == set()


@pytest.mark.parametrize("verb", [["plan", "--json"], ["-v", "submit"]])
def test_the_command_line_shows_none(
    fake: FakeAml, monkeypatch: pytest.MonkeyPatch, said: Any, verb: list[str]
) -> None:
    """A variable that is named has its value from the shell."""
    scope = fake.scope
    place = f"{scope.subscription_id}/{scope.resource_group}/{scope.workspace}"
    monkeypatch.setenv("AMLRUN_WORKSPACE", place)
    monkeypatch.setenv("HF_TOKEN", VARIABLES["HF_TOKEN"])
    monkeypatch.setenv("HTTPS_PROXY", PROXIES["https"])
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: Marked(fake.credential))
    options = ["--environment", "azureml:train:1", "--environment-variables", "HF_TOKEN"]
    assert main([*verb, COMMAND, *options, "--inputs", f"rows={SIGNED_CODE}"]) == 0
    assert marks(said()) == set()
