"""What the service has taken is a run, whatever goes wrong after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from amlrun import SubmissionFailed, attach
from tests.submission.runs import spot_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between


def taken_and_out_of_sight(fake: FakeAml) -> Callable[[str, str, Callable[[], Any]], Any]:
    """The reply to the PUT that made the job is lost, and from then on no GET of it is answered."""

    def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        there = bool(fake.jobs)
        if there and method == "GET" and "/jobs/" in path:
            raise ServiceRequestError("no route")
        reply = go_on()
        if fake.jobs and not there:
            raise ServiceResponseError("the connection was reset")
        return reply

    return act


def test_a_reply_that_came_at_the_second_try_is_enough(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else can know a name that was just made up: no look is spent on it, so none can fail."""
    between.act = taken_and_out_of_sight(fake_aml)
    run = spot_over(fake_aml, between)
    assert fake_aml.jobs == (run.name,)
    assert "can't be read" not in caplog.text


def test_a_job_that_is_there_and_cannot_be_looked_at_is_a_run(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that was given may have attempts of others: the first look that works finds them."""
    between.act = taken_and_out_of_sight(fake_aml)
    run = spot_over(fake_aml, between, name="nightly")
    assert fake_aml.jobs == ("nightly",)
    assert "nightly: how far it is can't be read now" in caplog.text
    between.act = None
    assert run.wait().status == "Completed"


def page(text: bytes, *methods: str) -> Callable[[str, str, Callable[[], Any]], Any]:
    """What stands in between answers requests for jobs with a page of its own, after they were done."""

    def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if "/jobs/" in path and method in methods:
            reply.http_response._internal_response._content = text
            reply.http_response._content = text
        return reply

    return act


@pytest.mark.parametrize("text", [b"<html>", b""])
def test_a_reply_that_cannot_be_read_is_no_refusal(fake_aml: FakeAml, between: Between, text: bytes) -> None:
    """The job is asked for by its name; where that can't be read either, nobody knows, and that is said."""
    between.act = page(text, "PUT")
    run = spot_over(fake_aml, between)
    assert fake_aml.jobs == (run.name,)
    between.act = page(b"<html>", "PUT", "GET")
    with pytest.raises(SubmissionFailed, match="Nobody knows") as caught:
        spot_over(fake_aml, between)
    (name,) = set(fake_aml.jobs) - {run.name}
    assert f"attach({name!r})" in caught.value.hint
    assert attach(name, client=fake_aml.client()).name == name
