"""What was sent and doesn't run yet, between readings: who is asked after it, and when."""

from __future__ import annotations

import threading
from typing import Any

import attrs
import pytest

from amlrun._errors import ServiceError
from amlrun._offers import Kind, Size, Tier
from amlrun._plan import Plan
from amlrun._readings.lookups import Lookups
from amlrun._readings.size_replies import size_from
from tests.core.rows import SIZE_ROW, SUBSCRIPTION, WORKSPACE
from tests.core.service import (
    FAMILY,
    SIZES,
    HandClock,
    Service,
    broken,
    refused,
)


def t4() -> Size:
    """The size that the service has."""
    size = size_from(SIZE_ROW)
    assert size is not None
    return size


def t4_plan() -> Plan:
    """Of one T4 node."""
    return Plan(instance_type="Standard_NC4as_T4_v3", size=t4(), verified=True)


def sent(lookups: Lookups, *names: str) -> None:
    """Jobs of one T4 node each."""
    for name in names:
        lookups.sent(name, t4_plan())


def pending(lookups: Lookups) -> int:
    """VCPUs of T4 that were sent and don't run."""
    quota = lookups.market().quota
    family = None if quota is None else quota.family(FAMILY)
    assert family is not None
    assert family.dedicated is not None
    return family.dedicated.pending


def jobs(service: Service, **states: str) -> None:
    """How jobs stand."""
    for name, status in states.items():
        service.answers[f"{WORKSPACE}/jobs/{name}"] = {"properties": {"status": status}}


def test_what_was_sent_counts_until_it_is_read(lookups: Lookups, service: Service, clock: HandClock) -> None:
    """While the reading is kept it costs no request; with the next, those that don't run still count."""
    lookups.look()
    before = len(service.calls)
    sent(lookups, "a", "b")
    assert pending(lookups) == 8
    assert len(service.calls) == before
    jobs(service, a="Running", b="Queued")
    clock.sleep(31)
    assert pending(lookups) == 4


def test_who_was_seen_is_not_asked(lookups: Lookups, service: Service, clock: HandClock) -> None:
    """One that is over counts no more, one that runs until the next reading: neither costs a request."""
    lookups.look()
    sent(lookups, "a", "b")
    jobs(service, b="Queued")
    lookups.seen("a", "Running")
    assert pending(lookups) == 8
    clock.sleep(31)
    assert pending(lookups) == 4
    lookups.seen("b", "Canceled")
    assert pending(lookups) == 0
    assert f"{WORKSPACE}/jobs/a" not in service.calls[5:]


@pytest.mark.parametrize(
    ("answer", "cores"),
    [
        ({"properties": {"status": "Completed"}}, 0),
        (ServiceError("404", status=404), 0),
        (ServiceError("503", status=503), 4),
        (refused(), 4),
        ({"properties": None}, 4),
    ],
)
def test_who_cant_be_asked_goes_on_counting(
    lookups: Lookups, service: Service, clock: HandClock, answer: Any, cores: int
) -> None:
    """Unless the job is gone, or over."""
    lookups.look()
    sent(lookups, "a")
    service.answers[f"{WORKSPACE}/jobs/a"] = answer
    clock.sleep(31)
    assert pending(lookups) == cores


def test_who_fails_to_say_is_left_alone(lookups: Lookups, service: Service, clock: HandClock) -> None:
    """A service that throttles is asked no more with this reading: all go on counting."""
    names = [f"j{number}" for number in range(60)]
    lookups.look()
    sent(lookups, *names)
    throttled = ServiceError("429", status=429)
    service.answers |= {f"{WORKSPACE}/jobs/{name}": throttled for name in names}
    service.meeting(*(f"{WORKSPACE}/jobs/{name}" for name in names[:16]))
    clock.sleep(31)
    assert pending(lookups) == 240
    assert sum("/jobs/" in path for path in service.calls) < 32


def test_no_more_than_64_are_asked_with_one_reading(
    lookups: Lookups, service: Service, clock: HandClock
) -> None:
    """Many of them at the same time; those that are left are asked first with the next."""
    names = [f"j{number}" for number in range(100)]
    lookups.look()
    sent(lookups, *names)
    jobs(service, **dict.fromkeys(names, "Queued"))
    service.meeting(*(f"{WORKSPACE}/jobs/{name}" for name in names[:16]))
    clock.sleep(31)
    assert pending(lookups) == 400
    assert sum("/jobs/" in path for path in service.calls) == 64
    service.meet.clear()
    jobs(service, **dict.fromkeys(names[64:], "Running"))
    clock.sleep(31)
    assert pending(lookups) == 4 * 64


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        (Plan(tier=Tier.SPOT, verified=True), False),
        (attrs.evolve(t4_plan(), verified=False), False),
        (attrs.evolve(t4_plan(), compute="k8s", kind=Kind.KUBERNETES), False),
        (Plan(compute="gpu", kind=Kind.CLUSTER), True),
        (attrs.evolve(t4_plan(), compute="gpu", kind=Kind.CLUSTER), True),
    ],
)
def test_nobody_is_asked_after_what_cant_be_counted(
    lookups: Lookups, service: Service, clock: HandClock, plan: Plan, *, asked: bool
) -> None:
    """A size that the service chooses, quota that can't be read, computes that have their nodes."""
    lookups.look()
    lookups.sent("a", plan)
    jobs(service, a="Queued")
    clock.sleep(31)
    lookups.look()
    assert (f"{WORKSPACE}/jobs/a" in service.calls) == asked


def test_what_is_about_to_be_sent_counts(lookups: Lookups, service: Service, clock: HandClock) -> None:
    """From its decision on, however long its upload takes; nobody asks after it before it is there."""
    with lookups.sending("a", t4_plan) as plan:
        assert plan == t4_plan()
        assert pending(lookups) == 4
        clock.sleep(31)
        assert pending(lookups) == 4
        lookups.sent("a", plan)
    assert pending(lookups) == 4
    jobs(service, a="Running")
    clock.sleep(31)
    assert pending(lookups) == 0


def test_what_was_not_sent_counts_no_more(lookups: Lookups) -> None:
    """Whatever stopped it; a job of that name that was sent before still counts."""

    def fail() -> None:
        with lookups.sending("a", t4_plan):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert pending(lookups) == 0
    sent(lookups, "a")
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert pending(lookups) == 4


def test_what_may_have_been_taken_counts(lookups: Lookups, service: Service, clock: HandClock) -> None:
    """Whoever sent it gets an error: it is asked after with the next reading, and goes on or is dropped."""

    def fail() -> None:
        with lookups.sending("a", t4_plan) as plan:
            lookups.sent("a", plan)
            raise broken()

    lookups.look()
    with pytest.raises(ServiceError):
        fail()
    assert pending(lookups) == 4
    jobs(service, a="Queued")
    clock.sleep(31)
    assert pending(lookups) == 4
    service.answers[f"{WORKSPACE}/jobs/a"] = ServiceError("404", status=404)
    clock.sleep(31)
    assert pending(lookups) == 0


@pytest.mark.parametrize(("status", "cores"), [("Running", 0), ("Completed", 0), ("Queued", 4)])
def test_a_job_that_was_there_already_counts_while_it_waits(
    lookups: Lookups, status: str, cores: int
) -> None:
    """One that runs is in the readings, whoever sent it."""
    lookups.look()
    with lookups.sending("a", t4_plan) as plan:
        assert pending(lookups) == 4
        lookups.sent("a", plan, status, adopted=True)
    assert pending(lookups) == cores


def test_a_plan_of_anywhere_is_counted_with_the_sizes_of_here(lookups: Lookups, service: Service) -> None:
    """A plan is a text that anybody may write: what it says of a size poisons no count."""
    lookups.look()
    lookups.sent("a", attrs.evolve(t4_plan(), size=attrs.evolve(t4(), cpus=400)))
    assert pending(lookups) == 4
    service.answers[SIZES] = refused()
    unread = Lookups(service, SUBSCRIPTION, WORKSPACE, HandClock())
    jobs(service, a="Queued")
    unread.sent("a", t4_plan())
    assert pending(unread) == 4


def test_what_is_not_counted_in_the_end_counts_no_more(lookups: Lookups) -> None:
    """The job that was there already holds nothing that can be counted."""
    lookups.look()
    with lookups.sending("a", t4_plan) as plan:
        lookups.sent("a", attrs.evolve(plan, verified=False), "Queued", adopted=True)
    assert pending(lookups) == 0


def test_decisions_are_made_one_after_the_other(lookups: Lookups) -> None:
    """In many threads each sees what those before it took, though none has been sent yet."""
    seen: list[int] = []
    meet = threading.Barrier(8)

    def decided() -> Plan:
        seen.append(pending(lookups))
        return t4_plan()

    def submit(name: str) -> None:
        with lookups.sending(name, decided):
            meet.wait(timeout=30)

    threads = [threading.Thread(target=submit, args=(f"j{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [4 * number for number in range(8)]
