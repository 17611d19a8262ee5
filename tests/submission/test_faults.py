"""Faults of the service and of the way to it: what is taken once stays once, and what happened is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError

from amlrun import (
    JobCanceled,
    JobFailed,
    NotAuthorized,
    ServiceError,
    SubmissionFailed,
    attach,
)
from amlrun.testing import Answer, ConnectionLost, ExpiredToken, Throttled
from tests.submission.runs import NOISE, spot, spot_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml
    from tests.submission.runs import Between


def broken(*, times: int, part: str = "", method: str = "") -> Callable[[str, str, Callable[[], Any]], Any]:
    """So many requests with this in their path never get out."""
    left = [times]

    def act(verb: str, path: str, go_on: Callable[[], Any]) -> Any:
        if left[0] and part in path and method in ("", verb):
            left[0] -= 1
            raise ServiceRequestError("no route")
        return go_on()

    return act


def refused(part: str, status: int = 403, times: int = 10**6) -> Callable[[str, str, Callable[[], Any]], Any]:
    """So many requests with this in their path are answered with that status."""
    left = [times]

    def act(_method: str, path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if left[0] and part in path:
            left[0] -= 1
            reply.http_response.status_code = status
        return reply

    return act


def taken(*, finding: bool) -> Callable[[str, str, Callable[[], Any]], Any]:
    """The workspace takes each PUT of a job, and no reply comes; without `finding`, none to a GET either."""

    def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if "/jobs/" not in path or (method != "PUT" and finding):
            return go_on()
        if method == "PUT":
            go_on()
        raise ServiceResponseError("the connection was reset")

    return act


def test_a_job_whose_reply_never_came_is_found(fake_aml: FakeAml, between: Between) -> None:
    """All repeats used up and the job is there: it is ours, and no second one is made."""
    between.act = taken(finding=True)
    run = spot_over(fake_aml, between)
    assert fake_aml.jobs == (run.name,)
    between.act = None
    assert run.wait().status == "Completed"


def test_a_job_of_which_nobody_knows_is_told_as_that(fake_aml: FakeAml, between: Between) -> None:
    """Never as refused: it may run, and the error says how to find it."""
    between.act = taken(finding=False)
    with pytest.raises(SubmissionFailed, match="Nobody knows") as caught:
        spot_over(fake_aml, between)
    (name,) = fake_aml.jobs
    assert f"attach({name!r})" in caught.value.hint
    assert attach(name, client=fake_aml.client()).wait().status == "Completed"


@pytest.mark.parametrize("taken_first", [True, False])
def test_a_throttled_job_was_taken_or_not(fake_aml: FakeAml, client: MLClient, *, taken_first: bool) -> None:
    """The last call was throttled, and the first may have been taken: it is said only where it is known."""
    put, get = "PUT /jobs/{name}", "GET /jobs/{name}"
    fake_aml.inject(ConnectionLost(taken=taken_first), on=put)
    fake_aml.inject(Throttled(retry_after=1), on=put, times=3)
    if taken_first:
        fake_aml.inject(Throttled(retry_after=1), on=get, times=4)
    with pytest.raises(SubmissionFailed) as caught:
        spot(client)
    assert ("Nobody knows" in caught.value.hint) == taken_first
    assert ("was not taken" in caught.value.hint) != taken_first
    assert len(fake_aml.jobs) == taken_first


def test_a_long_job_is_known_again_though_it_is_not_kept(fake_aml: FakeAml, between: Between) -> None:
    """Its digest is."""
    between.act = taken(finding=True)
    run = spot_over(fake_aml, between, environment_variables={"NOISE": NOISE})
    assert fake_aml.jobs == (run.name,)


def test_looks_that_fail_do_not_end_a_wait(fake_aml: FakeAml, between: Between) -> None:
    """Even when all repeats of a look are used up, the next look comes."""
    run = spot_over(fake_aml, between)
    between.act = broken(times=6, method="GET")
    assert run.wait().status == "Completed"


def test_a_requeue_that_fails_on_the_way_is_tried_again(fake_aml: FakeAml, between: Between) -> None:
    """Like a look: the wait goes on."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    between.act = broken(times=9, part=f"{run.name}-a2", method="PUT")
    assert run.wait().attempt == 2
    assert fake_aml.jobs == (run.name, f"{run.name}-a2")


@pytest.mark.parametrize("how", [refused("/history/"), broken(times=10**6, part="/history/")])
def test_a_completed_run_needs_no_history(fake_aml: FakeAml, between: Between, how: Any) -> None:
    """Without the right to read run history, or a way to it, its times are unknown, and that is all."""
    run = spot_over(fake_aml, between)
    between.act = how
    assert run.wait().status == "Completed"
    assert "run history can't be read" in run.attempts[0].error


@pytest.mark.parametrize(
    "how",
    [
        refused("/history/", 401, times=3),
        refused("/history/", 503, times=500),
        broken(times=30, part="/history/"),
    ],
)
def test_why_a_run_ended_is_waited_for(fake_aml: FakeAml, between: Between, how: Any) -> None:
    """A preempted one is not lost because its history could not be read at once."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    between.act = how
    assert run.wait().attempt == 2


def test_a_fault_that_does_not_pass_for_hours_leaves_the_end_unknown(
    fake_aml: FakeAml, between: Between
) -> None:
    """The job is over, and so is the wait, in the end."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    fake_aml.runtime(hours=12)
    spot(fake_aml.client())  # something has to happen in the fake
    between.act, begun = refused("/history/", 503), fake_aml.clock.now()
    with pytest.raises(JobFailed, match="No more is known"):
        run.wait(progress=False)
    assert 5 * 3600 < fake_aml.clock.now() - begun < 8 * 3600


def test_an_end_that_is_never_explained_is_unknown(fake_aml: FakeAml, between: Between) -> None:
    """After a quarter of an hour of refusals, and nothing is repeated. The service has said nothing, then."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    between.act = refused("/history/")
    with pytest.raises(JobFailed, match="No more is known: its run history can't be read") as caught:
        run.wait()
    assert (caught.value.reason, caught.value.service_message) == ("unknown", "")
    assert fake_aml.jobs == (run.name,)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407])
def test_what_is_refused_in_passing_does_not_end_a_wait(
    fake_aml: FakeAml, between: Between, status: int
) -> None:
    """Not in ten minutes: a token that is renewed, a laptop that has just woken up, a hotel's network."""
    fake_aml.runtime(minutes=30)
    run = spot_over(fake_aml, between)
    between.act = refused("", status, times=12)
    assert run.wait().status == "Completed"
    other = spot_over(fake_aml, between)
    between.act, begun = refused("", status), fake_aml.clock.now()
    with pytest.raises((NotAuthorized, ServiceError)):
        other.wait()
    assert 600 <= fake_aml.clock.now() - begun < 700


def test_a_credential_that_gives_no_token_for_a_while_does_not_end_a_wait(
    fake_aml: FakeAml, between: Between
) -> None:
    """As azure-identity's do without a network: they call that an authentication that failed."""
    fake_aml.runtime(minutes=30)
    run = spot_over(fake_aml, between)
    began = fake_aml.clock.now()

    def without_network(_method: str, _path: str, go_on: Callable[[], Any]) -> Any:
        if fake_aml.clock.now() - began < 500:
            raise ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token")
        return go_on()

    between.act = without_network
    assert run.wait().status == "Completed"


def test_refusals_that_are_far_apart_do_not_end_a_wait(fake_aml: FakeAml, client: MLClient) -> None:
    """A token that is refused each half an hour has nothing to do with the one before."""
    fake_aml.runtime(hours=3)
    run = spot(client, name="train")
    for look in (30, 60, 90):
        fake_aml.inject(ExpiredToken(), on="GET /jobs/{name}", name="train", call=look)
    assert run.wait().status == "Completed"


def test_the_same_trouble_is_told_once(
    fake_aml: FakeAml, between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    """And that it is over."""
    fake_aml.runtime(minutes=30)
    caplog.set_level("INFO", "amlrun")
    run = spot_over(fake_aml, between)
    between.act = refused("", 503, times=60)
    assert run.wait().status == "Completed"
    assert caplog.text.count("the next look comes") == 1
    assert caplog.text.count("the service answers again") == 1


def test_a_network_that_isnt_let_in_is_told_with_its_way_out(
    fake_aml: FakeAml, client: MLClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind the resource manager, too: a wait goes on, for a VPN that somebody opens."""
    fake_aml.runtime(minutes=30)
    caplog.set_level("INFO", "amlrun")
    run = spot(client)
    words = "Access to workspace was denied based on workspace private link configuration."
    body = {"error": {"code": "UserError", "message": words}}
    fake_aml.inject(Answer(502, body), on="GET /jobs/{name}", times=30)
    assert run.wait().status == "Completed"
    assert caplog.text.count("The workspace isn't open to this network: is a VPN or a jump host needed?") == 1


def test_a_requeue_that_is_refused_for_good_ends_the_wait(fake_aml: FakeAml, between: Between) -> None:
    """A sign-in that expired overnight is told, and not asked for ever."""
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    between.act = refused(f"{run.name}-a2", 401)
    with pytest.raises(NotAuthorized):
        run.wait()


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_requeue_that_is_refused_for_a_while_comes_after_all(fake_aml: FakeAml, status: int) -> None:
    """Nobody may be there to send it by hand; one that is refused for good ends the wait, minutes later."""
    run = spot(fake_aml.client())
    fake_aml.preempt(run.name)
    refusal = Answer(status, {"error": {"code": "UserError", "message": "not now"}})
    fake_aml.inject(refusal, on="PUT /jobs/{name}", times=4)
    assert run.wait().attempt == 2
    fake_aml.preempt((other := spot(fake_aml.client())).name)
    fake_aml.inject(refusal, on="PUT /jobs/{name}", times=None)
    with pytest.raises(SubmissionFailed, match="not now"):
        other.wait()
    assert fake_aml.jobs == (run.name, f"{run.name}-a2", other.name)


@pytest.mark.parametrize(("text", "told"), [(b"<html>", "no JSON"), (b"{}", "no job")])
def test_another_page_in_the_place_of_the_job_is_none(
    fake_aml: FakeAml, between: Between, text: bytes, told: str
) -> None:
    """A wait goes on when it is gone, and ends with it where it stays."""
    fake_aml.runtime(minutes=30)
    left = [6]

    def page(_method: str, _path: str, go_on: Callable[[], Any]) -> Any:
        reply = go_on()
        if left[0]:
            left[0] -= 1
            reply.http_response._internal_response._content = text
            reply.http_response._content = text
        return reply

    run = spot_over(fake_aml, between)
    between.act = page
    assert run.wait().status == "Completed"
    other = spot_over(fake_aml, between)
    left[0] = 10**6
    with pytest.raises(ServiceError, match=told):
        other.wait()


@pytest.mark.parametrize("minutes", [0, 3])
def test_a_cancel_whose_mark_fails_cancels_what_lives(
    fake_aml: FakeAml, between: Between, minutes: int
) -> None:
    """And says what is left undone, whether the job waits or runs."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    fake_aml.advance(minutes=minutes)
    between.act = broken(times=10**6, part="/history/")
    with pytest.raises(ServiceError, match="may still requeue"):
        run.cancel()
    assert fake_aml.job(run.name).status in ("CancelRequested", "Canceled")


def test_a_cancel_that_gets_no_answer_says_what_to_do(fake_aml: FakeAml, between: Between) -> None:
    """No attempt follows, for the mark is there; the one that lives may live on."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    between.act = broken(times=4, part="/cancel", method="POST")
    with pytest.raises(ServiceError, match="isn't known: cancel again"):
        run.cancel()
    assert fake_aml.job(run.name).status == "Preparing"
    assert run.cancel().status in ("CancelRequested", "Canceled")


def test_a_cancel_that_could_do_nothing_says_so(fake_aml: FakeAml, between: Between) -> None:
    """Where nobody answers, and the attempt that is known is over."""
    fake_aml.fail_next()
    run = spot_over(fake_aml, between, requeue=False)
    with pytest.raises(JobFailed):
        run.wait()
    between.act = broken(times=10**6)
    with pytest.raises(ServiceError, match=f"{run.name} is Failed: nothing was canceled; a watcher"):
        run.cancel()


def test_a_cancel_that_is_marked_says_what_may_be_left(fake_aml: FakeAml, between: Between) -> None:
    """No watcher requeues it; but one that had sent the next attempt before couldn't be seen."""
    run = spot_over(fake_aml, between)
    marked: list[str] = []

    def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if marked and method == "GET":
            raise ServiceRequestError("no route")
        marked.extend([path] if "/history/" in path else [])
        return go_on()

    between.act = act
    with pytest.raises(ServiceError, match=f"{run.name} is canceled; an attempt after it may live"):
        run.cancel()
    between.act = None
    with pytest.raises(JobCanceled, match="through amlrun"):
        attach(run.name, client=fake_aml.client()).wait()


@pytest.mark.parametrize("lost", ["GET", "POST"])
def test_an_attempt_sent_while_the_run_was_canceled_is_never_left_behind(
    fake_aml: FakeAml, between: Between, lost: str
) -> None:
    """Though the look after its PUT, or its cancel, got lost."""
    fake_aml.runtime(hours=1)
    run = spot_over(fake_aml, between)
    fake_aml.preempt(run.name)
    state = {"sent": False, "left": 4}

    def act(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "PUT" and path.endswith("-a2"):
            between.act = None
            attach(run.name, client=fake_aml.client()).cancel()
            between.act = act
            state["sent"] = True
        elif state["sent"] and state["left"] and method == lost:
            state["left"] -= 1
            raise ServiceRequestError("no route")
        return go_on()

    between.act = act
    with pytest.raises(JobCanceled):
        run.wait()
    assert fake_aml.job(f"{run.name}-a2").status == "Canceled"
    assert run.attempt == 2


def test_a_cancel_that_comes_a_moment_too_late_is_harmless(fake_aml: FakeAml, between: Between) -> None:
    """The job ended between the look and the cancel: that is what was wanted."""
    run = spot_over(fake_aml, between)

    def ends_first(method: str, path: str, go_on: Callable[[], Any]) -> Any:
        if method == "POST" and path.endswith("/cancel"):
            fake_aml.advance(hours=1)
        return go_on()

    between.act = ends_first
    assert run.cancel().status == "Completed"


@pytest.mark.parametrize("how", [broken(times=10**6, part="/details"), refused("/details")])
def test_a_log_that_cannot_be_read_hides_nothing(fake_aml: FakeAml, between: Between, how: Any) -> None:
    """The error of the job comes through, with a word on the log."""
    fake_aml.fail_next()
    run = spot_over(fake_aml, between)
    between.act = how
    with pytest.raises(JobFailed, match=r"(?s)UserError.*log can't be read"):
        run.wait()


class Somebody:
    """Another account."""

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        """A token with another object id."""
        payload = base64.urlsafe_b64encode(b'{"oid": "another"}').decode().rstrip("=")
        return AccessToken(f"e30.{payload}.c2ln", 4102444800)


def test_only_who_submitted_goes_on_with_their_identity(fake_aml: FakeAml, between: Between) -> None:
    """The next attempt would run with the rights of whoever sends it."""
    run = spot_over(fake_aml, between, identity="user")
    fake_aml.preempt(run.name)
    other = attach(run.name, client=fake_aml.client(credential=Somebody()))
    with pytest.raises(SubmissionFailed, match="another person"):
        other.wait()
    assert fake_aml.jobs == (run.name,)
    assert run.wait().attempt == 2
