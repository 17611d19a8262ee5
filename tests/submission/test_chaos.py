"""Many jobs over a bad wire, and watchers that are killed: each job once, and each run seen through.

A size that is done in seconds; all of it with AMLRUN_CHAOS=full (`.ci/chaos`).
"""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import AmlrunError, InvalidRequest, Requeue, Run, attach, submit, submit_many
from amlrun.testing import FakeAml, NodeLost, NotResponding, OutOfCapacity, Preempted
from amlrun.testing._wire import backend
from tests.submission.runs import ENVIRONMENT
from tests.submission.storms import Storm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun.testing._api.exchange import Reply, Request
    from amlrun.testing._routes.table import Route

FULL = os.environ.get("AMLRUN_CHAOS") == "full"
JOBS = 1000 if FULL else 60
RUNS, KILLS = (200, 200) if FULL else (8, 12)
PATIENT = Requeue(preemptions=10, platform_faults=10, capacity=10, waits=(60, 300))
IN_PLACE = (Preempted(how="restarted"), NotResponding())
HAPPENINGS = (Preempted(), Preempted(), NodeLost(), OutOfCapacity(), *IN_PLACE)
_SENDING = "PUT /jobs/{name}"
_UNCERTAIN = re.compile(r"amlrun\.attach\('([^']+)'\)")


@pytest.fixture
def served() -> Iterator[list[tuple[str, int, str]]]:
    """Of each PUT of a job that the service has done, replied or not: name, status, body."""
    done: list[tuple[str, int, str]] = []

    def note(route: Route | None, request: Request, reply: Reply) -> None:
        # A fault's reply is shown too, of a request whose path nobody has read.
        if route is not None and "name" in request.args and f"{route.method} {route.template}" == _SENDING:
            done.append((request.args["name"], reply.status, request.body.decode()))

    backend.watchers.append(note)
    yield done
    backend.watchers.remove(note)


def left_of(outcomes: list[Run | AmlrunError], jobs: list[Any], client: Any) -> tuple[list[str], list[Any]]:
    """The names of those that were sent, and the jobs that have to be sent again, by what the errors say."""
    names, again = [], []
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Run):
            names.append(outcome.name)
        else:
            name = came_after_all(outcome, client)
            names += [name] if name else []
            again += [] if name else [job]
    return names, again


def came_after_all(error: AmlrunError, client: Any) -> str:
    """The name of a job whose sending failed, and that is there all the same; "": it isn't."""
    found = _UNCERTAIN.search(error.hint)
    try:
        return attach(found[1], client=client).name if found else ""
    except InvalidRequest:
        return ""


def test_every_job_is_sent_once(fake_aml: FakeAml, served: list[tuple[str, int, str]]) -> None:
    """Whatever goes wrong with three calls in ten, and whether the service had taken the call or not.

    What submit_many could not send comes back as an error that says what to do: looked for where nobody knows
    whether it was taken, and sent again where it was not. A given name makes even that unnecessary.
    """
    client = fake_aml.client()
    storm = Storm(0.3, seed=JOBS).over(fake_aml)
    options: dict[str, Any] = {"environment": ENVIRONMENT, "cpus": 4, "tags": {"of": "chaos"}}
    jobs: list[Any] = [f"python train.py --seed {number}" for number in range(JOBS)]
    sent: list[str] = []
    while jobs:
        names, jobs = left_of(submit_many(jobs, client=client, **options), jobs, client)
        sent += names
    assert len(sent) == JOBS
    assert sorted(sent) == sorted(fake_aml.jobs)
    assert Counter(name for name, status, _ in served if status == 201) == dict.fromkeys(sent, 1)
    assert {status for _, status, _ in served} <= {200, 201}
    assert len(set(served)) == len({(name, status) for name, status, _ in served})
    assert storm.struck.total() >= 0.2 * storm.calls


def scripted(fake: FakeAml, name: str, chance: random.Random) -> int:
    """Script what happens to a run; returns how many attempts of it will fail."""
    happening = chance.choices(HAPPENINGS, k=chance.randint(1, 3))
    for fault in happening:
        fake.inject(fault, job=f"{name}*")
    return len([fault for fault in happening if fault not in IN_PLACE])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="watchers are forked, on POSIX systems")
def test_watchers_that_are_killed_are_replaced(tmp_path: Path) -> None:
    """By any other process that knows the name, and every run completes once, whatever they were at.

    They are killed while they look, decide, send, or write; several are at the same run; and two in ten of
    their calls fail.
    """
    chance, fake = random.Random(KILLS), FakeAml(tmp_path / "workspace")  # noqa: S311 - it can be repeated
    fake.quota("TotalLowPriorityCores", limit=100_000)
    failing = {}
    with fake:
        client = fake.client()
        for number in range(RUNS):
            name = f"run{number:03d}"
            failing[name] = scripted(fake, name, chance)
            submit(
                "train",
                name=name,
                environment=ENVIRONMENT,
                cpus=4,
                tier="spot",
                requeue=PATIENT,
                client=client,
            )
        script = [sys.executable, str(Path(__file__).parent / "watchers.py")]
        done = subprocess.run(
            [*script, str(fake.folder), str(KILLS), "1"],
            input="\n".join(failing),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        started, killed = map(int, done.stdout.split())
        assert (killed, started >= KILLS + RUNS) == (KILLS, True)
        for name, failed in failing.items():
            attempts = [fake.job(one) for one in fake.jobs if one.startswith(name)]
            assert [one.name for one in attempts[1:]] == [f"{name}-a{n}" for n in range(2, failed + 2)]
            assert [one.status for one in attempts] == ["Failed"] * failed + ["Completed"]
            for one, following in itertools.pairwise(attempts):
                assert one.ended is not None
                assert one.ended <= following.created
            assert attach(name, client=client).wait().attempt == failed + 1
