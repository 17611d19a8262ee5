"""What the service has taken is a run, whatever goes wrong after it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from amlrun import NotAuthorized, ServiceError, SubmissionFailed, attach
from amlrun.testing import Answer, ExpiredToken, Forbidden, GatewayTimeout
from tests.submission.runs import spot, spot_over

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


def test_an_interrupt_that_comes_too_late_tells_the_name(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """Ctrl-C while the reply is on its way: the job runs, and nobody else can know what it is called."""

    def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if method == "PUT" and "/jobs/" in path:
            raise KeyboardInterrupt
        return reply

    between.act = act
    with pytest.raises(KeyboardInterrupt):
        spot_over(fake_aml, between)
    (name,) = fake_aml.jobs
    assert f"{name} was on its way and may be there: `amlrun status {name}`" in caplog.text


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


REFUSED = Answer(400, {"error": {"code": "UserError", "message": "no"}})
REFUSALS = pytest.mark.parametrize("refusal", [Forbidden(), ExpiredToken(), REFUSED])


@REFUSALS
def test_a_repeat_that_is_refused_says_nothing_of_the_first_try(fake_aml: FakeAml, refusal: Any) -> None:
    """The job that was taken, and is seen to be there, is the run."""
    fake_aml.inject(GatewayTimeout(taken=True), on="PUT /jobs/{name}")
    fake_aml.inject(refusal, on="PUT /jobs/{name}", call=2)
    run = spot(fake_aml.client())
    assert fake_aml.jobs == (run.name,)


@REFUSALS
def test_a_repeat_that_is_refused_leaves_the_first_try_unknown(fake_aml: FakeAml, refusal: Any) -> None:
    """Where the look for it is refused, too: it is told by its name, and what the refusal asks for."""
    fake_aml.inject(GatewayTimeout(taken=True), on="PUT /jobs/{name}")
    fake_aml.inject(refusal, on="PUT /jobs/{name}", call=2)
    fake_aml.inject(refusal, on="GET /jobs/{name}")
    with pytest.raises(SubmissionFailed, match="Nobody knows") as caught:
        spot(fake_aml.client())
    (name,) = fake_aml.jobs
    assert f"attach({name!r})" in caught.value.hint
    assert attach(name, client=fake_aml.client()).name == name


def test_a_repeat_that_is_refused_is_a_refusal_where_nothing_is_there(fake_aml: FakeAml) -> None:
    """It was seen that the first try had come to nothing."""
    fake_aml.inject(GatewayTimeout(), on="PUT /jobs/{name}")
    fake_aml.inject(Forbidden(), on="PUT /jobs/{name}", call=2)
    with pytest.raises(NotAuthorized):
        spot(fake_aml.client())
    assert fake_aml.jobs == ()


ODD: tuple[Any, ...] = ({}, [], b'"text"', {"properties": None}, {"properties": []}, {"properties": {}})
OF_A_JOB = ("properties", "tags", "services", "outputs")
ODD_PARTS = tuple({"properties": {"jobType": "Command", part: ["odd"]}} for part in OF_A_JOB)


@pytest.mark.parametrize("body", [*ODD, *ODD_PARTS])
def test_a_reply_that_is_no_job_is_not_taken_for_one(fake_aml: FakeAml, body: Any) -> None:
    """Neither where it was sent, nor where it is looked at: what is raised is an error of amlrun's."""
    client, odd = fake_aml.client(), Answer(200, body, taken=True)
    fake_aml.inject(odd, on="PUT /jobs/{name}")
    run = spot(client)
    assert fake_aml.jobs == (run.name,)
    fake_aml.inject(odd, on="GET /jobs/{name}", times=2)
    for look in (run.refresh, partial(attach, run.name, client=client)):
        with pytest.raises(ServiceError, match=r"no job|empty reply"):
            look()
    fake_aml.inject(odd, on="GET /jobs/{name}", times=3)
    assert run.wait().status == "Completed"
