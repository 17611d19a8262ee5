"""What goes wrong on the wire, as the real client of the SDK meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from amlrun.testing import (
    Answer,
    BadGateway,
    ConnectionLost,
    DisallowedByPolicy,
    ExpiredToken,
    FakeAml,
    Forbidden,
    GatewayTimeout,
    InternalError,
    NetworkDenied,
    NoConnection,
    NoReadAccess,
    NoRegistryAccess,
    Slow,
    Throttled,
)
from tests.testing.wire import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient
    from requests import Response

PUT = "PUT /jobs/{name}"
GET = "GET /jobs/{name}"


def times_of(fake: FakeAml, on: str) -> list[float]:
    """When the calls of a route came, from the first one on."""
    calls = fake.calls.of(on)
    return [round(call.time - calls[0].time, 1) for call in calls]


def answered(fake: FakeAml, fault: Any) -> Response:
    """What a plain GET of the workspace gets while a fault strikes."""
    fake.inject(fault, on="GET ")
    return requests.get(f"https://management.azure.com{fake.scope.path}", timeout=5)


def inner_codes(error: dict[str, Any]) -> list[str]:
    """The codes below the coarse one, in the service's form."""
    infos = {info["type"]: info["info"] for info in error.get("additionalInfo", ())}
    codes, chain = [], infos.get("InnerError", {}).get("value")
    while chain:
        codes.append(chain["code"])
        chain = chain["innerError"]
    return codes


def test_throttling_is_waited_for(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """With a Retry-After header the SDK waits for that long, and sends the same job again."""
    fake_aml.inject(Throttled(retry_after=20), on=PUT, name="train-*", times=2)
    submit(name="train-1")
    assert times_of(fake_aml, PUT) == [0.0, 20.0, 40.0]
    assert [call.status for call in fake_aml.calls.of(PUT)] == [429, 429, 201]


def test_throttling_without_a_header(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The wait is only in the text, as the service often has it: the SDK comes back by its own schedule."""
    fake_aml.inject(Throttled(retry_after=20, header=False), on=PUT, times=4)
    with pytest.raises(HttpResponseError, match="Retry again after 20 seconds") as caught:
        submit(name="train")
    assert caught.value.status_code == 429
    assert len(fake_aml.calls.expect(PUT, times=4)) == 4
    assert "TooManyRequests" in str(caught.value.error)
    assert fake_aml.jobs == ()


@pytest.mark.parametrize(
    ("fault", "status", "codes"),
    [
        (Throttled(), 429, ["UserError", "QuotaExceeded", "TooManyRequests"]),
        (InternalError(), 500, ["InternalServerError"]),
        (InternalError("ServiceError"), 500, ["ServiceError"]),
        (BadGateway(), 502, ["BadGatewayConnection"]),
        (GatewayTimeout(), 504, ["TransientError"]),
        (ExpiredToken(), 401, ["ExpiredAuthenticationToken"]),
        (Forbidden(), 403, ["AuthorizationFailed"]),
        (NoReadAccess(), 403, ["UserError", "AuthorizationFailed"]),
        (DisallowedByPolicy(), 403, ["RequestDisallowedByPolicy"]),
        (NoRegistryAccess(), 401, ["UserError", "UnAuthorizedRegistryAccess"]),
        (NetworkDenied(), 502, ["UserError"]),
    ],
)
def test_errors_have_the_services_codes(
    fake_aml: FakeAml, fault: object, status: int, codes: list[str]
) -> None:
    """Each error has its status, and its codes where the service puts them."""
    reply = answered(fake_aml, fault)
    error = reply.json()["error"]
    assert (reply.status_code, [error["code"], *inner_codes(error)]) == (status, codes)


@pytest.mark.parametrize(
    ("fault", "status"), [(BadGateway(html=True), 502), (GatewayTimeout(html=True), 504)]
)
def test_a_page_of_html(fake_aml: FakeAml, fault: object, status: int) -> None:
    """Some errors are no JSON."""
    reply = answered(fake_aml, fault)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "text/html")
    assert reply.text.startswith("<html>")


def test_a_throttled_reply_tells_when_to_come_back(fake_aml: FakeAml) -> None:
    """In a header, unless there is to be none."""
    assert answered(fake_aml, Throttled(retry_after=7)).headers["Retry-After"] == "7"
    assert "Retry-After" not in answered(fake_aml, Throttled(retry_after=7, header=False)).headers


@pytest.mark.parametrize(
    "fault",
    [
        InternalError(),
        InternalError("ServiceError"),
        BadGateway(),
        BadGateway(html=True),
        GatewayTimeout(),
        GatewayTimeout(html=True),
        ConnectionLost(),
        ConnectionLost(taken=False),
        NoConnection(),
    ],
)
def test_the_sdk_gets_over_what_passes(fake_aml: FakeAml, submit: Callable[..., str], fault: object) -> None:
    """Three times in a row, and the fourth call gets through."""
    fake_aml.inject(fault, on=PUT, times=3)
    assert submit(name="train") == "train"
    assert fake_aml.jobs == ("train",)
    fake_aml.calls.expect(PUT, name="train", times=4)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ConnectionLost(), ServiceResponseError),
        (ConnectionLost(taken=False), ServiceResponseError),
        (NoConnection(), ServiceRequestError),
    ],
)
def test_no_reply_at_all(
    fake_aml: FakeAml, submit: Callable[..., str], fault: ConnectionLost, error: type[Exception]
) -> None:
    """The job is there if the service took the call before the connection was lost."""
    fake_aml.inject(fault, on=PUT, times=4)
    with pytest.raises(error):
        submit(name="train")
    assert fake_aml.jobs == (("train",) if fault == ConnectionLost() else ())
    assert {call.status for call in fake_aml.calls.of(PUT)} == {0}


def test_a_cancel_that_was_taken(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """A 504 page on a cancel that the service took: the repeat finds the job on its way out."""
    submit(name="train")
    fake_aml.advance(minutes=2)
    fake_aml.inject(GatewayTimeout(html=True, taken=True), on="POST /jobs/{name}/cancel")
    client.jobs.begin_cancel("train").result()
    assert fake_aml.job("train").status == "Canceled"
    fake_aml.calls.expect("POST /jobs/{name}/cancel", times=2)


def test_a_slow_reply(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """The time passes in the fake, and the reply is the one of the beginning."""
    submit(name="train")
    before = fake_aml.clock.now()
    fake_aml.inject(Slow(120), on=GET)
    assert client.jobs.get("train").name == "train"
    assert fake_aml.clock.now() - before == 120


def test_a_reply_that_takes_too_long(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Past the client's read time-out it is an error; so much time has passed, and the call was taken."""
    client = fake_aml.client(read_timeout=60, retry_total=0)
    submit(name="train")
    before = fake_aml.clock.now()
    fake_aml.inject(Slow(61), on=GET)
    with pytest.raises(ServiceResponseTimeoutError):
        client.jobs.get("train")
    assert fake_aml.clock.now() - before == 60
    assert fake_aml.calls.of(GET)[-1].status == 0


def test_an_expired_token(fake_aml: FakeAml, client: MLClient) -> None:
    """It is an authentication error with the challenge that ARM sends."""
    fake_aml.inject(ExpiredToken(), on=GET)
    with pytest.raises(ClientAuthenticationError, match="ExpiredAuthenticationToken") as caught:
        client.jobs.get("train")
    response: Any = caught.value.response
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("fault", [Forbidden(), NoReadAccess(), DisallowedByPolicy()])
def test_a_lasting_refusal_is_not_repeated(
    fake_aml: FakeAml, submit: Callable[..., str], fault: object
) -> None:
    """The SDK asks once."""
    fake_aml.inject(fault, on=PUT)
    with pytest.raises(HttpResponseError) as caught:
        submit(name="train")
    assert caught.value.status_code == 403
    fake_aml.calls.expect(PUT, times=1)


def test_a_missing_right_is_named(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The action that fits the call, or the one that was given."""
    fake_aml.inject(Forbidden(), on=PUT)
    with pytest.raises(HttpResponseError, match="MachineLearningServices/workspaces/jobs/write"):
        submit(name="train")
    fake_aml.inject(Forbidden("some/action"), on=PUT)
    with pytest.raises(HttpResponseError, match="some/action"):
        submit(name="train")


def test_any_other_reply(fake_aml: FakeAml) -> None:
    """A status, a body and headers of the test's own."""
    reply = answered(fake_aml, Answer(418, {"short": "stout"}, {"X-Pot": "tea"}))
    assert (reply.status_code, reply.json(), reply.headers["X-Pot"]) == (418, {"short": "stout"}, "tea")


def test_faults_of_uploads(fake_aml: FakeAml, submit: Callable[..., str], tmp_path: Any) -> None:
    """Storage may fail too, though the SDK makes those clients itself; its waits cost no real time."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print()")
    before = fake_aml.clock.now()
    fake_aml.inject(InternalError(), on="PUT /{container}/{+name}", times=2)
    submit(name="train", code=str(tmp_path / "src"))
    assert fake_aml.jobs == ("train",)
    assert fake_aml.clock.now() - before > 10
