"""Many jobs with one call: each exactly once, in order, and what fails is a value."""

from __future__ import annotations

import itertools
import signal
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.ai.ml import command

from amlrun import (
    Cluster,
    InvalidRequest,
    NoQuota,
    NotConfigured,
    NothingFits,
    Run,
    SubmissionFailed,
    plan,
    submit,
    submit_many,
)
from amlrun._pace import AT_ONCE
from amlrun.testing import Answer, ConnectionLost, GatewayTimeout, Throttled
from tests.submission.runs import ENVIRONMENT, Between

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

SIZE = "Standard_DS3_v2"
SETTINGS: dict[str, Any] = {"environment": ENVIRONMENT, "instance_type": SIZE}


def names(results: list[Any]) -> list[str]:
    """Of runs; what is none shows."""
    return [one.name if isinstance(one, Run) else repr(one) for one in results]


def command_of(fake: FakeAml, name: str) -> str:
    """What the job of that name runs."""
    return str(fake.job(name).body["properties"]["command"])


def uploads(fake: FakeAml) -> int:
    """How many snapshots of code were uploaded."""
    return len(fake.calls.of("POST /{kind:codes}/{name}/versions/{version}/startPendingUpload"))


def test_fifty_jobs_are_fifty_jobs_in_order(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """Sixteen threads, one folder: each job once, one look at the workspace, one upload, one PUT each."""
    fake_aml.quota("standardDSv2Family", limit=80)
    commands = [f"python train.py --seed {number}" for number in range(50)]
    runs = submit_many(commands, code=source, client=client, **SETTINGS)
    assert [command_of(fake_aml, name) for name in names(runs)] == commands
    assert sorted(fake_aml.jobs) == sorted(names(runs))
    counts = Counter(f"{call.method} {call.route}" for call in fake_aml.calls)
    assert counts["PUT /jobs/{name}"] == 50
    assert counts["GET "] == counts["GET /computes"] == 1
    assert counts["GET /{kind:codes}/{name}/versions"] == uploads(fake_aml) == 1
    assert len({fake_aml.job(name).body["properties"]["codeId"] for name in names(runs)}) == 1
    starts = Counter(str(run.plan.starts) for run in runs if isinstance(run, Run))
    assert starts == {"now": 20, "queued": 30}


def test_threads_of_ones_own_upload_a_folder_once(fake_aml: FakeAml, client: MLClient, source: Path) -> None:
    """Who calls `submit` in threads doesn't race for the upload either."""
    with ThreadPoolExecutor(8) as pool:
        runs = list(
            pool.map(lambda _: submit("python train.py", code=source, client=client, **SETTINGS), range(8))
        )
    assert len({run.name for run in runs}) == 8
    assert uploads(fake_aml) == 1


def test_what_is_to_be_said_of_a_folder_is_said_of_each_job(client: MLClient, source: Path) -> None:
    """Also of those that name what another one has uploaded."""
    spot: dict[str, Any] = {**SETTINGS, "tier": "spot", "timeout": 7200}
    alone = plan("python train.py", code=source, client=client, **spot)
    assert any("checkpoints" in words for words in alone.warnings)
    for run in submit_many(["python train.py"] * 2, code=source, client=client, **spot):
        assert isinstance(run, Run)
        assert run.plan.warnings == alone.warnings


def test_each_folder_is_uploaded_once(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Two folders, in a mix of entities, files and commands: two uploads, and each job has its own."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.py").write_text(f"print({name!r})\n")
    (tmp_path / "job.yml").write_text(f"command: python train.py\ncode: one\nenvironment: {ENVIRONMENT}\n")
    entity = command(command="python train.py", code=tmp_path / "two", environment=ENVIRONMENT)
    runs = submit_many([tmp_path / "job.yml", entity, "echo"] * 4, client=client, **SETTINGS)
    codes = [fake_aml.job(name).body["properties"].get("codeId") for name in names(runs)]
    assert codes == codes[:3] * 4
    assert len(set(codes)) == 3
    assert codes[2] is None
    assert uploads(fake_aml) == 2
    assert entity.compute is None


def test_any_mix_of_jobs(fake_aml: FakeAml, client: MLClient, tmp_path: Path) -> None:
    """Plans, entities, files and command lines; the same one twice is two jobs; a generator will do."""
    (tmp_path / "job.yml").write_text(f"command: echo file\nenvironment: {ENVIRONMENT}\n")
    planned = plan("echo planned", environment=ENVIRONMENT, instance_type=SIZE, client=client)
    entity = command(command="echo entity", environment=ENVIRONMENT)
    before = len(fake_aml.calls)
    jobs = [planned, entity, tmp_path / "job.yml", planned, entity, "echo line"]
    runs = submit_many((job for job in jobs), client=client)
    assert [isinstance(one, Run) for one in runs] == [True, True, True, True, True, False]
    told = [command_of(fake_aml, name) for name in names(runs[:5])]
    assert [one.rpartition(" ")[2] for one in told] == ["planned", "entity", "file", "planned", "entity"]
    assert len(fake_aml.jobs) == 5
    assert isinstance(runs[5], InvalidRequest)
    assert runs[5].argument == "environment"
    assert Counter(call.route for call in fake_aml.calls[before:])["/computes"] == 1


def test_what_fails_is_a_value_and_the_others_are_done(fake_aml: FakeAml, client: MLClient) -> None:
    """Whatever goes wrong, by whomever: the others are sent; refusals share one fresh look."""
    fake_aml.inject(
        Answer(400, {"error": {"code": "UserError", "message": "not this one"}}),
        on="PUT /jobs/{name}",
        name="refused",
    )
    jobs: list[Any] = [
        "echo first",
        None,
        "echo ${{inputs.missing}}",
        command(command="echo", environment=ENVIRONMENT, name="refused"),
        command(command="echo", environment=ENVIRONMENT, instance_type="Standard_ND96asr_v4"),
        command(command="echo", environment=ENVIRONMENT, instance_type="Standard_NC6s_v3"),
        command(command="echo", environment=ENVIRONMENT, instance_type="Standard_Nothing"),
        ["echo"],
        "echo last",
    ]
    first, none, missing, refused, *never, listed, last = submit_many(
        jobs, client=client, environment=ENVIRONMENT
    )
    assert [command_of(fake_aml, name) for name in names([first, last])] == ["echo first", "echo last"]
    assert sorted(fake_aml.jobs) == sorted(names([first, last]))
    assert all(isinstance(one, InvalidRequest) for one in (none, missing, listed))
    assert isinstance(refused, SubmissionFailed)
    assert "not this one" in refused.message
    assert [type(one) for one in never[:2]] == [NoQuota, NoQuota]
    assert isinstance(never[2], InvalidRequest | NothingFits)
    assert len(fake_aml.calls.of("GET /computes")) <= 2


def test_an_error_that_nobody_has_foreseen_is_neither_lost_nor_in_the_way(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes as an AmlrunError that has it as its cause, and the log has it whole."""

    def stumble(method: str, path: str, go: Callable[[], Any]) -> Any:
        if method == "PUT" and path.endswith("/stumbles"):
            raise ZeroDivisionError("of the user's own policy")
        return go()

    between.act = stumble
    stumbling = command(command="echo", environment=ENVIRONMENT, name="stumbles")
    client = fake_aml.client(per_call_policies=between)
    first, failed, last = submit_many(["echo", stumbling, "echo"], client=client, **SETTINGS)
    assert sorted(names([first, last])) == sorted(fake_aml.jobs)
    assert isinstance(failed, SubmissionFailed)
    assert isinstance(failed.__cause__, ZeroDivisionError)
    assert "ZeroDivisionError: of the user's own policy" in failed.message
    assert any(record.exc_info and "unexpectedly" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    "fault",
    [Throttled(retry_after=20), GatewayTimeout(), ConnectionLost(taken=True), ConnectionLost(taken=False)],
)
def test_faults_make_no_job_twice(fake_aml: FakeAml, client: MLClient, fault: Any) -> None:
    """Every third PUT meets a fault, which the next try gets over: twenty jobs, each once."""
    for call in range(1, 21, 3):
        fake_aml.inject(fault, on="PUT /jobs/{name}", call=call)
    commands = [f"echo {number}" for number in range(20)]
    runs = submit_many(commands, client=client, **SETTINGS)
    assert [command_of(fake_aml, name) for name in names(runs)] == commands
    assert len(fake_aml.jobs) == 20


def test_a_job_that_was_lost_for_good_is_told_and_no_other_is(fake_aml: FakeAml, client: MLClient) -> None:
    """Its name never gets through: that one is an error, with what is known of it."""
    fake_aml.inject(GatewayTimeout(), on="PUT /jobs/{name}", name="lost", times=4)
    lost = command(command="echo", environment=ENVIRONMENT, name="lost")
    results = submit_many(["echo"] * 5 + [lost] + ["echo"] * 5, client=client, **SETTINGS)
    assert [isinstance(one, Run) for one in results] == [True] * 5 + [False] + [True] * 5
    assert isinstance(results[5], SubmissionFailed)
    assert "Nobody knows whether lost was taken" in str(results[5])
    assert len(fake_aml.jobs) == 10


def test_the_limit_on_writes_is_kept(fake_aml: FakeAml, client: MLClient) -> None:
    """More jobs than are taken at once: sent no faster than the limit is refilled, none is throttled."""
    fake_aml.throttle(writes=AT_ONCE + 5)
    results = submit_many(["echo"] * (AT_ONCE + 30), client=client, **SETTINGS)
    assert all(isinstance(one, Run) for one in results)
    assert {call.status for call in fake_aml.calls.of("PUT /jobs/{name}")} == {201}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of threads are POSIX's")
@pytest.mark.parametrize(("count", "at"), [(60, 10), (2, 3)])
def test_an_interrupt_begins_nothing_more_and_says_what_was_sent(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture, count: int, at: int
) -> None:
    """Ctrl-C in the middle: what was on its way is there and named, and the rest never leaves."""
    puts = itertools.count(1)

    def interrupt(method: str, path: str, go: Callable[[], Any]) -> Any:
        if method == "PUT" and "/jobs/" in path and next(puts) == at:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return go()

    between.act = interrupt
    client = fake_aml.client(per_call_policies=between)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, in the background of a shell
    try:
        with pytest.raises(KeyboardInterrupt):
            submit_many(["echo"] * count, concurrency=2, client=client, **SETTINGS)
    finally:
        signal.signal(signal.SIGINT, before)
    assert 1 <= len(fake_aml.jobs) <= min(count, 20)
    told = next(record.message for record in caplog.records if "was stopped" in record.message)
    assert f"{len(fake_aml.jobs)} of {count} jobs were sent" in told
    assert all(name in told for name in fake_aml.jobs)


def test_an_interrupt_while_threads_are_started_sends_nothing(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the very start, where Python's own pool loses sight of a thread that runs already."""
    begin, begun = threading.Thread.start, list[threading.Thread]()

    def interrupted(thread: threading.Thread) -> None:
        begin(thread)
        begun.append(thread)
        if len(begun) == 3:
            raise KeyboardInterrupt

    plan("echo", client=client, **SETTINGS)  # what is read has threads, too
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        submit_many(["echo"] * 10, client=client, **SETTINGS)
    for thread in begun:
        thread.join()
    assert not fake_aml.jobs
    assert any("0 of 10 jobs were sent" in record.message for record in caplog.records)


def test_a_teams_rules_hold_for_each(
    fake_aml: FakeAml, client: MLClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each job by itself it is asked whether it keeps them."""
    monkeypatch.setenv("AMLRUN_CONFIG", str(tmp_path / "amlrun.toml"))
    (tmp_path / "amlrun.toml").write_text("[guard]\nmost_nodes = 2\n")
    jobs = ["echo", command(command="echo", environment=ENVIRONMENT, instance_count=3), "echo"]
    first, many, last = submit_many(jobs, client=client, **SETTINGS)
    assert sorted(names([first, last])) == sorted(fake_aml.jobs)
    assert not isinstance(many, Run)
    assert "most_nodes" in str(many)


def test_a_cluster_that_all_of_them_need_is_made_once(fake_aml: FakeAml, client: MLClient) -> None:
    """Whoever is first makes it."""
    cluster = Cluster("shared", size=SIZE, max=4)
    results = submit_many(["echo"] * 12, compute=cluster, environment=ENVIRONMENT, client=client)
    assert all(isinstance(one, Run) and one.plan.compute == "shared" for one in results)
    assert len(fake_aml.calls.of("PUT /computes/{name}")) == 1


def test_two_jobs_of_one_name(fake_aml: FakeAml, client: MLClient) -> None:
    """The second is refused, unsent: under one name each would write over the other's tags."""
    jobs = [command(command=f"echo {n}", environment=ENVIRONMENT, name="same") for n in range(2)]
    first, second = submit_many(jobs, client=client, **SETTINGS)
    assert names([first]) == list(fake_aml.jobs) == ["same"]
    assert isinstance(second, InvalidRequest)
    assert "at place 0" in second.message
    planned = plan("echo", name="planned", client=client, **SETTINGS)
    again = submit_many([planned, planned], client=client)
    assert [type(one) for one in again] == [Run, InvalidRequest]


@pytest.mark.parametrize(
    ("jobs", "options", "argument"),
    [
        ("python train.py", {}, "jobs"),
        (Path("job.yml"), {}, "jobs"),
        (None, {}, "jobs"),
        (7, {}, "jobs"),
        ({"a": "echo"}, {}, "jobs"),
        ({"echo"}, {}, "jobs"),
        (command(command="echo", environment=ENVIRONMENT), {}, "jobs"),
        (["echo", "echo"], {"name": "both"}, "name"),
        (["echo"], {"gpuz": 1}, "gpuz"),
        (["echo"], {"concurrency": 0}, "concurrency"),
        (["echo"], {"concurrency": "16"}, "concurrency"),
        (["echo"], {"concurrency": True}, "concurrency"),
    ],
)
def test_what_is_wrong_with_all_of_them_is_raised(
    fake_aml: FakeAml, client: MLClient, jobs: Any, options: dict[str, Any], argument: str
) -> None:
    """One job instead of a list, one name for many, an option that there isn't: nothing is asked or sent."""
    with pytest.raises(InvalidRequest) as caught:
        submit_many(jobs, client=client, **options)
    assert caught.value.argument == argument
    assert not fake_aml.calls


def test_no_jobs_are_no_trouble(fake_aml: FakeAml, client: MLClient) -> None:
    """An empty list gives an empty list; one job may have a name."""
    assert submit_many([], client=client) == []
    assert not fake_aml.calls
    assert names(submit_many(["echo"], name="one", client=client, **SETTINGS)) == ["one"]


def test_without_a_workspace_there_is_one_error() -> None:
    """It is not told fifty times."""
    with pytest.raises(NotConfigured):
        submit_many(["echo"] * 50, **SETTINGS)
