"""Aiming faults: at which calls, how often, together; and what becomes of those that never strike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceResponseError

from amlrun.testing import (
    Answer,
    BadGateway,
    ConnectionLost,
    FakeAml,
    InternalError,
    Preempted,
    Slow,
    Throttled,
    UnknownRoute,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

PUT = "PUT /jobs/{name}"
GET = "GET /jobs/{name}"


def statuses(fake: FakeAml, on: str) -> list[int]:
    """The statuses of a route's calls."""
    return [call.status for call in fake.calls.of(on)]


@pytest.mark.parametrize(
    "on",
    [
        "PUT /jobs/{name}",
        "put /JOBS/{name}",
        "PUT /jobs/train-1",
        "PUT /jobs/*",
        "* */jobs/train*",
        "*",
        "PUT *",
    ],
)
def test_many_ways_to_aim(fake_aml: FakeAml, submit: Callable[..., str], on: str) -> None:
    """A route's template, a path, a glob of either, or all there is."""
    fake_aml.inject(InternalError(), on=on)
    submit(name="train-1")
    assert statuses(fake_aml, PUT) == [500, 201]


def test_kinds_of_things_share_a_route(fake_aml: FakeAml) -> None:
    """A template that says which kind is meant is understood, though the fake has one route for several."""
    with pytest.raises(AssertionError, match="struck 0 of 1"), FakeAml() as other:
        other.inject(Throttled(), on="PUT /environments/{name}/versions/{version}")
    assert fake_aml.calls == ()


def test_from_the_nth_call_on(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """`call` counts the calls that match, `times` how many are struck in a row."""
    submit(name="a")
    submit(name="b")
    client = fake_aml.client(retry_total=0)
    fake_aml.inject(InternalError(), on=GET, name="b", call=2, times=2)
    for name in ("a", "b", "a"):
        client.jobs.get(name)
    for _ in range(2):
        with pytest.raises(HttpResponseError):
            client.jobs.get("b")
    client.jobs.get("a")
    client.jobs.get("b")
    assert [call.status for call in fake_aml.calls.of(GET, name="b")] == [200, 500, 500, 200]


def test_always(fake_aml: FakeAml, client: MLClient) -> None:
    """times=None strikes for ever, and has to strike once."""
    fake_aml.inject(InternalError(), on=GET, times=None)
    for _ in range(3):
        with pytest.raises(HttpResponseError):
            client.jobs.get("x")
    assert statuses(fake_aml, GET) == [500] * 12


def test_together_on_one_call(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """The faults of one `inject` strike the same call: it is slow, and then the reply is lost."""
    fake_aml.inject(Slow(30), ConnectionLost(), on=PUT)
    before = fake_aml.clock.now()
    submit(name="train")
    assert statuses(fake_aml, PUT) == [0, 200]
    assert fake_aml.calls.of(PUT)[0].faults == (Slow(30), ConnectionLost())
    assert fake_aml.clock.now() - before >= 30


def test_one_after_the_other(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """What several `inject` script is played in its order; a delay joins whatever else strikes."""
    fake_aml.inject(Throttled(retry_after=1), on=PUT)
    fake_aml.inject(BadGateway(), on="* /jobs/*")
    fake_aml.inject(Slow(10), on=PUT, times=3)
    submit(name="train")
    assert statuses(fake_aml, PUT) == [429, 502, 201]
    assert [call.faults[-1] for call in fake_aml.calls.of(PUT)] == [Slow(10)] * 3


def test_what_leads_nowhere_is_refused(fake_aml: FakeAml) -> None:
    """A route that the fake doesn't have is an error that names near ones."""
    with pytest.raises(ValueError, match=r"'PUT /job/\{name\}' leads to no route .* PUT /jobs/\{name\}"):
        fake_aml.inject(Throttled(), on="PUT /job/{name}")
    with pytest.raises(ValueError, match="leads to no route"):
        fake_aml.inject(Throttled(), on="BREW /jobs/{name}")


def test_what_makes_no_sense_is_refused(fake_aml: FakeAml) -> None:
    """Two outcomes of one call, counts below one, no fault, no aim, what is no fault."""
    with pytest.raises(ValueError, match="Only one of these"):
        fake_aml.inject(Throttled(), BadGateway(), on=PUT)
    with pytest.raises(ValueError, match="count from 1"):
        fake_aml.inject(Throttled(), on=PUT, call=0)
    with pytest.raises(ValueError, match="count from 1"):
        fake_aml.inject(Throttled(), on=PUT, times=0)
    with pytest.raises(TypeError, match="Give faults"):
        fake_aml.inject(on=PUT)
    with pytest.raises(TypeError, match="give on="):
        fake_aml.inject(Throttled(), job="train")
    with pytest.raises(TypeError):
        fake_aml.inject("a fault", job="train")
    with pytest.raises(ValueError, match="count from 1, not times='2'"):
        fake_aml.inject(Throttled(), on=PUT, times="2")  # type: ignore[arg-type]


def test_what_is_no_fault_is_told_by_what_it_is(fake_aml: FakeAml) -> None:
    """A class without its parentheses, a word, a fault of jobs that is to strike for ever."""
    with pytest.raises(TypeError, match=r"Throttled is a class: give Throttled\(\)"):
        fake_aml.inject(Throttled, on=PUT)
    with pytest.raises(TypeError, match=r"'preempted' is no fault\. Did you mean Preempted"):
        fake_aml.inject("preempted", job="train")
    with pytest.raises(TypeError, match="Say how many jobs"):
        fake_aml.inject(Preempted(), job="x*", times=None)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (Throttled, {"retry_after": "5"}, "retry_after must be a number of seconds, 0 or more, not '5'"),
        (Throttled, {"header": "no"}, "header must be True or False, not 'no'"),
        (Slow, {"seconds": -1}, "seconds must be a number of seconds, 0 or more, not -1"),
        (InternalError, {"code": "Oh"}, "code must be one of InternalServerError, ServiceError, not 'Oh'"),
        (Answer, {"status": "200"}, "status must be an HTTP status, not '200'"),
        (Answer, {"status": 200, "body": "x"}, "body must be a dict or list (JSON), or bytes, not 'x'"),
    ],
)
def test_a_fault_that_makes_no_sense_says_why(kind: Any, fields: dict[str, Any], words: str) -> None:
    """In words, with the field's name and what was given."""
    with pytest.raises(ValueError, match=f"^{re.escape(words)}\\.$"):
        kind(**fields)


def test_a_route_that_is_missing_can_be_stubbed(fake_aml: FakeAml, client: MLClient) -> None:
    """An `Answer` serves it, for its times; the calls are in the record; a stub that nobody asked is told."""
    with pytest.raises(UnknownRoute, match=r'inject\(Answer\(200, .*\), on="GET /schedules"\)'):
        list(client.schedules.list())
    fake_aml.inject(Answer(200, {"value": []}), on="GET */schedules*", times=2)
    assert list(client.schedules.list()) == []
    assert [call.status for call in fake_aml.calls.of("GET /schedules")] == [0, 200]
    assert "struck 1 of 2" in never_struck(fake_aml)
    with pytest.raises(UnknownRoute):
        list(client.schedules.list())


def never_struck(fake: FakeAml) -> str:
    """What `check_faults` says; the faults are then taken back."""
    with pytest.raises(AssertionError) as caught:
        fake.check_faults()
    fake.forget_faults()
    fake.check_faults()
    return str(caught.value)


def test_what_never_struck_is_told(fake_aml: FakeAml, client: MLClient, submit: Callable[..., str]) -> None:
    """Which fault, where it was aimed, and what came near it, the nearest first."""
    fake_aml.inject(Throttled(retry_after=3), on=PUT, name="train-*", call=2)
    submit(name="other")
    submit(name="train-1")
    client.jobs.get("train-1")
    assert never_struck(fake_aml).splitlines() == [
        "A scripted fault never struck:",
        (
            "Throttled(retry_after=3, header=True) on PUT /jobs/{name} with name 'train-*', from call 2 on: "
            "struck 0 of 1."
        ),
        "  PUT /jobs/train-1: it was number 1 of those that match, and the faults begin at 2",
        "  PUT /jobs/other: its name is 'other'",
        "  GET /jobs/train-1: its method is GET",
    ]


def test_a_part_that_never_struck_is_told_too(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Scripted three times, struck once: the script was not played to its end."""
    fake_aml.inject(Throttled(), on=PUT, times=3)
    fake_aml.inject(Slow(5), on="GET /computes")
    fake_aml.forget_faults()
    fake_aml.inject(Throttled(), on=PUT, call=1, times=5)
    with pytest.raises(HttpResponseError):
        submit(name="train")
    assert "struck 4 of 5" in never_struck(fake_aml)


def test_faults_of_jobs_go_the_same_way(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """They are aimed at jobs by name, strike, and are missed when they don't."""
    fake_aml.inject(Preempted(), job="train-*")
    submit(name="train-1", queue_settings={"job_tier": "spot"}, instance_type="Standard_DS3_v2")
    fake_aml.inject(Preempted(), job="never-*", times=2)
    fake_aml.inject(Slow(1), on=GET, name="never-1")
    fake_aml.advance(hours=1)
    assert fake_aml.job("train-1").status == "Failed"
    told = never_struck(fake_aml)
    assert told.startswith("2 scripted faults never struck:")
    assert "never-*" in told
    assert "train-*" not in told
    with pytest.raises(TypeError, match="either all of the wire or all of jobs"):
        fake_aml.inject(Preempted(), Slow(1), on=GET)
    with pytest.raises(TypeError, match="aimed at jobs"):
        fake_aml.inject(Preempted(), on=GET)


def test_a_context_manager_fails_at_its_end() -> None:
    """With an AssertionError, when nothing else went wrong; the fake is stopped all the same."""
    fake = FakeAml()
    with pytest.raises(AssertionError, match="never struck"), fake:
        fake.inject(Throttled(), on=PUT)
    fake.forget_faults()
    fake.inject(Throttled(), on=PUT)
    with pytest.raises(KeyError), fake:
        raise KeyError
    with fake:
        with fake:
            pass  # an inner use is not the end
        fake.forget_faults()


def test_a_reply_lost_after_the_service_took_it(fake_aml: FakeAml, submit: Callable[..., str]) -> None:
    """Even with every repeat lost, the job is there."""
    fake_aml.inject(ConnectionLost(), on=PUT, times=None)
    with pytest.raises(ServiceResponseError):
        submit(name="train")
    assert fake_aml.jobs == ("train",)
