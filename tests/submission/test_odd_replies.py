"""Replies that aren't what they should be, of whoever stands in between: told as errors, no run is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import JobFailed, ServiceError, attach, plan, submit
from amlrun._history import RunRecord, record_of
from amlrun.testing import Answer, Preempted
from tests.submission.runs import ENVIRONMENT, spot, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between

RUN = "GET /runs/{name}"
ODD: tuple[Any, ...] = ({}, [], b'"text"', b"null", b"<html>", {"properties": None}, {"error": "text"})


@pytest.mark.parametrize("body", ODD)
def test_a_run_of_another_shape_explains_no_end(fake_aml: FakeAml, body: Any) -> None:
    """The next look asks again: an end that nobody could explain would not be requeued."""
    run = spot(fake_aml.client())
    fake_aml.inject(Preempted(), job=run.name)
    fake_aml.advance(hours=1)
    fake_aml.inject(Answer(200, body), on=RUN)
    assert run.wait().attempt == 2


@pytest.mark.parametrize("body", ODD)
def test_a_workspace_of_another_shape_is_not_kept(fake_aml: FakeAml, body: Any) -> None:
    """It would be taken for this one for as long as the process lives: run history is where it says."""
    client = fake_aml.client()
    fake_aml.inject(Answer(200, body), on="GET ")
    with pytest.raises(ServiceError, match="Is a proxy"):
        plan("python train.py", environment=ENVIRONMENT, client=client)
    fake_aml.preempt(spot(client).name)
    (name,) = fake_aml.jobs
    fake_aml.inject(Answer(200, body), on="GET ")
    assert attach(name, client=fake_aml.client()).wait().attempt == 2


def test_parts_of_another_shape_say_nothing() -> None:
    """Of a run that is one, whatever is odd in it."""
    odd: tuple[Any, ...] = ("text", 3, [], ["text"], {"a": "text"}, {"a": None}, None, True)
    parts = ("error", "warnings", "outputs", "queueingInfo", "currentAttemptId", "computeDuration")
    for value in odd:
        for part in (*parts, "startTimeUtc", "endTimeUtc"):
            record = record_of({"runId": "one", part: value})
            assert record == RunRecord(name="one", title="one", restarts=record.restarts)
            assert record.restarts == (2 if (part, value) == ("currentAttemptId", 3) else 0)
        assert record_of({"runId": "one", "error": {"error": value}}).error_code == ""
    assert record_of({"runId": "one", "error": {"error": {"innerError": "text"}}}).error_code == ""


@pytest.mark.parametrize("timeout", ["P1M", 3600])
def test_a_timeout_in_other_words_ends_no_wait(fake_aml: FakeAml, between: Between, timeout: Any) -> None:
    """Whether it timed out is then told by the plan's own."""
    run = spot_over(fake_aml, between, timeout=3600)
    fake_aml.preempt(run.name)

    def reworded(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if method == "GET" and path.endswith(f"/jobs/{run.name}"):
            job = json.loads(reply.http_response.content)
            job["properties"]["limits"]["timeout"] = timeout
            reply.http_response._content = json.dumps(job).encode()
        return reply

    between.act = reworded
    assert run.wait().attempt == 2


@pytest.mark.parametrize("files", ["text", ["user_logs/std_log.txt"], {"user_logs/std_log.txt": 3}, None])
def test_logs_of_another_shape_are_none(fake_aml: FakeAml, files: Any) -> None:
    """There is nothing that could be read."""
    run = spot(fake_aml.client()).wait()
    fake_aml.log(run.name, "trained")
    fake_aml.inject(Answer(200, {"logFiles": files}), on="GET /runs/{name}/details")
    assert run.logs() == ""
    assert run.logs() == "trained"


TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def test_a_log_in_another_encoding_than_it_says_is_read(fake_aml: FakeAml) -> None:
    """A script writes what bytes it likes: neither its log nor why it failed is lost for that."""
    fake_aml.fail_next()
    run = spot(fake_aml.client())
    fake_aml.log(run.name, "x")
    fake_aml.inject(Answer(200, b"no caf\xe9", TEXT), on="GET /{container}/{+name}", times=2)
    with pytest.raises(JobFailed, match="no caf\ufffd"):
        run.wait()
    assert run.logs() == "no caf\ufffd"


@pytest.mark.parametrize("status", [200, 400, 502])
def test_a_page_in_another_encoding_than_it_says_is_an_error(fake_aml: FakeAml, status: int) -> None:
    """Whoever stands in between has written it."""
    run = spot(fake_aml.client())
    fake_aml.inject(Answer(status, b"<html>\xe9", TEXT), on="GET /jobs/{name}", times=4)
    with pytest.raises(ServiceError):
        run.refresh()
    fake_aml.forget_faults()


@pytest.mark.parametrize(
    "body", [*ODD, *({"properties": {"datastoreType": kind}} for kind in ("AzureBlob", ["text"]))]
)
@pytest.mark.parametrize("on", ["GET /datastores/{name}", "GET /{container}"])
def test_a_download_over_odd_replies_is_told(fake_aml: FakeAml, tmp_path: Path, on: str, body: Any) -> None:
    """Neither the datastore nor the list of its files is what came."""
    run = submit("python train.py", environment=ENVIRONMENT, client=fake_aml.client()).wait()
    fake_aml.output(run.name, "outputs/model.txt", b"whole")
    fake_aml.inject(Answer(200, body), on=on)
    with pytest.raises(ServiceError):
        run.download(to=tmp_path / "down")
