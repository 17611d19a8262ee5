"""`amlrun doctor --verify`, against the fake: a workspace that answers as assumed, and one that doesn't."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import NotAuthorized
from amlrun._verify import running
from amlrun._verify.findings import Outcome
from amlrun._verify.of_rights import NOBODY
from amlrun._verify.questions import QUESTIONS
from amlrun._verify.verify import propose, verify
from amlrun._workspace import workspace_of
from amlrun.testing import Answer, BadGateway, Failed, Forbidden, NoConnection, Preempted
from amlrun.testing._wire import backend
from tests.users.verification import RUNTIME, programs_run, verified

if TYPE_CHECKING:
    from pathlib import Path

    from amlrun.testing import FakeAml

REFUSED = {"error": {"code": "UserError", "message": "No."}}


def outcomes(found: dict[str, Any]) -> dict[str, Outcome]:
    """Of each finding."""
    return {name: one.outcome for name, one in found.items()}


def test_all_is_as_assumed(fake_aml: FakeAml, tmp_path: Path) -> None:
    """The fake answers as is assumed, to every question, and within what was proposed."""
    fake_aml.identity("worker")
    client = fake_aml.client()
    rest = workspace_of(client).rest
    body = {"properties": {"jobType": "Command", "command": "true", "environmentId": "azureml:x:1"}}
    fake_aml.runtime(seconds=1)
    for number in range(100):  # a page of others' jobs
        rest.send("PUT", f"{workspace_of(client).scope.path}/jobs/other-{number}", body=body)
    fake_aml.advance(hours=2)
    with programs_run(fake_aml, tmp_path / "nodes"):
        world, found = verified(fake_aml)
    wrong = {str(one) for one in found.values() if one.outcome is not Outcome.AS_ASSUMED}
    assert not wrong
    assert list(found) == [question.name for question in QUESTIONS]
    jobs = [fake_aml.job(name) for name in fake_aml.jobs if name.startswith("amlrun-verify-")]
    assert {seen.name for seen in world.jobs.values()} == {job.name for job in jobs}
    assert all(job.status in {"Completed", "Failed", "CancelRequested", "Canceled"} for job in jobs)
    assert all("amlrun-verify" in job.tags for job in jobs)
    puts = [call for call in fake_aml.calls if call.route == "/jobs/{name}" and call.status == 201]
    assert len([put for put in puts if "/jobs/amlrun-verify-" in put.path and put.method == "PUT"]) == 8
    minutes = sum(job.nodes * (job.ended - job.started) / 60 for job in jobs if job.started and job.ended)
    assert 0 < minutes <= 20


def test_a_service_that_answers_otherwise(fake_aml: FakeAml, tmp_path: Path) -> None:
    """What differs is told, each by itself; what can't be seen for that is told as that."""
    on = "PUT /jobs/{name}"
    fake_aml.inject(Answer(400, REFUSED), on=on, name="*-no-quota")
    fake_aml.inject(Answer(409, REFUSED), on=on, name="*-time-out", call=2)
    fake_aml.inject(Answer(409, REFUSED), on=on, name="*-verify-????????-cancel", call=2)
    fake_aml.inject(Answer(400, REFUSED), on=on, name="*-verify-????????-cancel", call=3)
    fake_aml.inject(Answer(405, REFUSED), on="PATCH /experiments/{experiment}/runs/{name}", name="*-time-out")
    with programs_run(fake_aml, tmp_path / "nodes", keeps=False):
        _, found = verified(fake_aml)
    otherwise = {name for name, outcome in outcomes(found).items() if outcome is Outcome.OTHERWISE}
    assert otherwise == {"checkpoint", "no-quota", "deleted", "put-running", "put-changed", "patch"}
    assert found["no-quota"].words == "it is refused at its PUT: 400 UserError"
    assert found["put-running"].words == "the very same PUT of a job that ran answered 409 UserError"
    assert found["put-changed"].words.endswith("answered 400 UserError")
    assert "409 UserError" in found["deleted"].words


def test_who_may_send_nothing_is_told_so(fake_aml: FakeAml) -> None:
    """A right that is missing is an answer: nothing is seen, nothing breaks, nothing is there."""
    fake_aml.inject(Forbidden(), on="PUT /jobs/{name}", times=None)
    _, found = verified(fake_aml)
    seen = {name for name, outcome in outcomes(found).items() if outcome is not Outcome.UNSEEN}
    assert seen == {"reads"}
    assert "403" in found["checkpoint"].words
    assert not fake_aml.jobs


def test_who_may_not_read_quota(fake_aml: FakeAml) -> None:
    """A Data Scientist's verification: what rests on quota is left out, the rest is made."""
    fake_aml.as_data_scientist()
    fake_aml.runtime(seconds=RUNTIME)
    _, found = verified(fake_aml)
    assert found["reads"].outcome is Outcome.AS_ASSUMED
    assert "usages 403, vmSizes 403, quotas 403" in found["reads"].words
    assert found["no-quota"].words == found["too-many"].words == "quota can't be read"
    assert found["clock"].outcome is Outcome.AS_ASSUMED


def test_what_goes_wrong_on_the_way(fake_aml: FakeAml) -> None:
    """A look that fails in passing is made again; a job that fails before its turn tells why.

    A reply that nobody has foreseen ends one experiment, whose job is canceled.
    """
    fake_aml.runtime(seconds=RUNTIME)
    fake_aml.inject(BadGateway(), on="GET /jobs/{name}", name="*-studio-cancel", call=3, times=5)
    strange = {"properties": {"jobType": "Command", "status": "Running", "limits": {"timeout": 1}}}
    fake_aml.inject(Answer(200, strange), on="GET /jobs/{name}", name="*-time-out", call=3)
    fake_aml.inject(Failed("UserError", "No such image.", after=0), job="amlrun-verify-????????-cancel")
    world, found = verified(fake_aml)
    assert found["studio-cancel"].outcome is Outcome.AS_ASSUMED
    assert "nobody has foreseen this: " in world.jobs["time-out"].trouble
    assert fake_aml.job(world.jobs["time-out"].name).status in {"CancelRequested", "Canceled"}
    assert found["cancel"].outcome is found["put-running"].outcome is Outcome.UNSEEN
    assert "No such image." in found["cancel"].words


def test_what_takes_another_way(fake_aml: FakeAml) -> None:
    """A first attempt that its node is taken from has a second one all the same, sent by hand.

    A job that no quota was to hold, and that runs, is canceled. One whose identity is refused goes without.
    """
    fake_aml.runtime(seconds=RUNTIME)
    fake_aml.identity("worker")
    gone = {"error": {"code": "UserError", "message": "No such identity."}}
    fake_aml.inject(Answer(404, gone), on="PUT /jobs/{name}", name="*-studio-cancel")
    fake_aml.inject(Preempted(), job="*-checkpoint")
    client = fake_aml.client()
    proposal = propose(workspace_of(client))
    for family in ("standardNVSv3Family", "standardDAv4Family"):
        fake_aml.quota(family, limit=96)
    ends: list[Any] = []
    verify(proposal, lambda _: None, lambda *end: ends.append(end))
    ((world, listed),) = ends
    found = {one.name: one for one in listed}
    assert fake_aml.job(world.jobs["checkpoint-2"].name).status == "Completed"
    assert found["kill"].outcome is Outcome.UNSEEN
    assert found["no-quota"].words == found["too-many"].words == "it ran"
    assert world.identity["cancel"] == "with identity user"
    assert world.identity["studio-cancel"].startswith(f"{NOBODY}, for managed was refused (The service ref")
    assert world.jobs["studio-cancel"].answers["put-with-identity"].status == 404
    assert found["studio-cancel"].outcome is Outcome.AS_ASSUMED
    running = [
        fake_aml.job(seen.name) for name, seen in world.jobs.items() if name in {"no-quota", "too-many"}
    ]
    assert all(job.ended and job.started and job.ended - job.started < 30 for job in running)


def test_datastores_without_keys(fake_aml: FakeAml, tmp_path: Path) -> None:
    """A checkpoint goes with the submitter's identity where nobody else could write one."""
    fake_aml.datastores_without_keys()
    with programs_run(fake_aml, tmp_path / "nodes"):
        world, found = verified(fake_aml)
    assert world.identity["checkpoint-2"] == "with identity user"
    assert found["checkpoint"].outcome is Outcome.AS_ASSUMED
    assert "credentials: None" in found["blobs"].words
    assert "with identity user: written by you, who may write there" in found["blobs"].words
    assert Outcome.OTHERWISE not in outcomes(found).values()


def test_an_identity_without_a_right_to_data(fake_aml: FakeAml, tmp_path: Path) -> None:
    """Its job ends before it begins: that is an answer."""
    fake_aml.identity("trainer")
    fake_aml.datastores_without_keys()
    fake_aml.revoke("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write", to="trainer")
    with programs_run(fake_aml, tmp_path / "nodes"):
        _, found = verified(fake_aml)
    assert found["blobs"].outcome is Outcome.AS_ASSUMED
    assert "with identity managed: refused" in found["blobs"].words


def test_a_team_with_rules_and_defaults(
    fake_aml: FakeAml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules hold, tags that are required among them; its defaults are for its own jobs."""
    said = '[defaults]\nidentity = "managed"\n[guard]\nmost_nodes = 1\nrequired_tags = ["team"]\n'
    (tmp_path / "amlrun.toml").write_text(said, encoding="utf-8")
    monkeypatch.setenv("AMLRUN_CONFIG", str(tmp_path / "amlrun.toml"))
    fake_aml.runtime(seconds=RUNTIME)
    world, found = verified(fake_aml)
    assert found["too-many"].words.startswith("it has 2 nodes, refused by")
    assert found["clock"].outcome is Outcome.AS_ASSUMED
    jobs = [fake_aml.job(name) for name in fake_aml.jobs]
    assert len(jobs) == len([seen for seen in world.jobs.values() if seen.there]) - 1  # one was sent again
    assert all(job.nodes == 1 and "team" in job.tags for job in jobs)


def test_a_second_verification_beside_the_first(fake_aml: FakeAml, tmp_path: Path) -> None:
    """Jobs of an earlier one have the tag, too: that refutes nothing. Who may not write there hasn't."""
    fake_aml.revoke("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write")
    for folder in ("first", "second"):
        with programs_run(fake_aml, tmp_path / folder):
            _, found = verified(fake_aml)
        assert found["filters"].outcome is Outcome.AS_ASSUMED
    assert "user: written by the stored credentials, for you may not write there" in found["blobs"].words


def test_jobs_that_all_fail_settle_nothing(fake_aml: FakeAml) -> None:
    """An environment that can't be built says nothing of a kill, of a log or of a time-out."""
    fake_aml.inject(Failed("UserError", "Image build failed.", after=0), job="*", times=5)
    _, found = verified(fake_aml)
    wrong = {name for name, outcome in outcomes(found).items() if outcome is Outcome.OTHERWISE}
    assert not wrong & {"kill", "words", "logs", "clock", "checkpoint"}
    assert "Image build failed." in found["kill"].words


def test_what_waits_for_too_long_is_canceled(fake_aml: FakeAml, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that get no node in time are canceled, and what they were to show is not seen."""
    monkeypatch.setattr(running, "LONGEST", 300.0)
    for family in ("standardDSv2Family", "standardDAv4Family"):
        fake_aml.quota(family, limit=24, used=24)
    fake_aml.quota("TotalLowPriorityCores", used=100)
    fake_aml.quota("TotalDedicatedCores", limit=100, used=100)
    _, found = verified(fake_aml)
    assert found["time-out"].outcome is Outcome.UNSEEN
    assert found["time-out"].words == "it was still Queued when its time was up"
    assert all(fake_aml.job(name).status in {"Canceled", "Failed"} for name in fake_aml.jobs)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_impatient_ctrl_c(fake_aml: FakeAml, times: int) -> None:
    """A second one, while the first cancels, is told that it does; after a third the jobs left are named."""
    fake_aml.runtime(seconds=RUNTIME)
    said: list[str] = []
    pressed = 0

    def press(_route: Any, request: Any, _reply: Any) -> None:
        nonlocal pressed
        running = [name for name in fake_aml.jobs if fake_aml.job(name).status == "Running"]
        if running and pressed < times and (not pressed or request.path.endswith("/cancel")):
            pressed += 1
            os.kill(os.getpid(), signal.SIGINT)

    client = fake_aml.client()
    proposal = propose(workspace_of(client))
    backend.watchers.append(press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, in the background of a shell
    try:
        with pytest.raises(KeyboardInterrupt):
            verify(proposal, said.append, lambda *_: None)
    finally:
        signal.signal(signal.SIGINT, before)
        backend.watchers.remove(press)
    fake_aml.advance(seconds=30)
    lost = {name for name in fake_aml.jobs if fake_aml.job(name).status == "Running"}
    assert bool(lost) == (times == 3)
    assert all(f"{name}: may be running: amlrun cancel {name}" in said for name in lost)
    assert any("are being canceled" in text for text in said) == (times > 1)


@pytest.mark.parametrize(("method", "count"), [("GET", 3), ("GET", 30), ("PUT", 2)])
def test_ctrl_c_leaves_no_job_behind(fake_aml: FakeAml, method: str, count: int) -> None:
    """Whenever it comes, all that was sent is canceled, and what was seen so far is told.

    Also what the service has just taken, and nobody has read the answer.
    """
    fake_aml.runtime(seconds=RUNTIME)
    seen: list[str] = []

    def press(_route: Any, request: Any, _reply: Any) -> None:
        if request.method == method and "/jobs/amlrun-verify" in request.path:
            seen.append(request.path)
            if len(seen) == count:
                raise KeyboardInterrupt

    backend.watchers.append(press)
    ends: list[Any] = []
    client = fake_aml.client()
    proposal = propose(workspace_of(client))
    try:
        with pytest.raises(KeyboardInterrupt):
            verify(proposal, lambda _: None, lambda *end: ends.append(end))
    finally:
        backend.watchers.remove(press)
    assert len(ends) == 1
    fake_aml.advance(minutes=30)
    assert fake_aml.jobs
    assert all(fake_aml.job(name).status in {"Canceled", "Failed"} for name in fake_aml.jobs)


def test_what_can_not_be_canceled_is_named(fake_aml: FakeAml) -> None:
    """Where the service answers no cancel, each job that may live is named: a person can cancel it."""
    fake_aml.inject(NoConnection(), on="POST /jobs/{name}/cancel", times=None)
    said: list[str] = []
    client = fake_aml.client()
    proposal = propose(workspace_of(client), max_cost=0.02)
    fake_aml.runtime(seconds=RUNTIME)

    def tell(text: str) -> None:
        said.append(text)
        if text.endswith("checkpoint: Queued"):
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        verify(proposal, tell, lambda *_: None)
    lost = [text for text in said if "nobody knows whether it is canceled" in text]
    assert len(lost) == len(fake_aml.jobs) == 2


def test_who_listens_no_more_ends_nothing(fake_aml: FakeAml) -> None:
    """A pipe that is closed (`| head`): the jobs go on to their ends, and none is left."""
    fake_aml.runtime(seconds=RUNTIME)
    client = fake_aml.client()

    def tell(_text: str) -> None:
        raise BrokenPipeError

    ends: list[Any] = []
    verify(propose(workspace_of(client)), tell, lambda *end: ends.append(end))
    assert len(ends) == 1
    over = {"Canceled", "CancelRequested", "Failed", "Completed"}
    assert all(fake_aml.job(name).status in over for name in fake_aml.jobs)
    assert len(fake_aml.jobs) > 4


def test_no_workspace_no_proposal(fake_aml: FakeAml) -> None:
    """Who may not even read the workspace is told that, before anything is proposed."""
    fake_aml.inject(Forbidden(), on="GET ", times=None)
    with pytest.raises(NotAuthorized):
        propose(workspace_of(fake_aml.client()))
