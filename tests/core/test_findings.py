"""What a verification concludes: each question, from what was seen; and that its rows are on the page."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from amlrun._verify.experiments import (
    CANCEL,
    CHECKPOINT,
    DELETED,
    NO_QUOTA,
    SECOND,
    STUDIO,
    TIME_OUT,
    TOO_MANY,
)
from amlrun._verify.findings import Outcome, findings
from amlrun._verify.observed import Answer, Seen, World
from amlrun._verify.of_rights import USER
from amlrun._verify.questions import QUESTIONS
from amlrun._verify.report import report
from tests.core.verified import (
    AS_ASSUMED,
    FORBIDDEN,
    LISTED,
    NAMES,
    OK,
    OTHERWISE,
    TAGGED,
    UNSEEN,
    WORLD,
    answering,
    but,
    failed,
    finding,
    job,
    keyless,
    reading,
    run,
    seen,
    without,
)

PAGE = Path(__file__).parents[2] / "docs" / "assumptions.md"


def test_a_world_as_it_is_assumed() -> None:
    """To every question the answer is that it is so."""
    assert [str(one) for one in findings(WORLD, QUESTIONS) if one.outcome is not AS_ASSUMED] == []


def test_of_nothing_nothing_is_concluded() -> None:
    """Where nothing was sent or read, nothing was seen: neither a yes nor a no."""
    assert {one.outcome for one in findings(World(), QUESTIONS)} == {UNSEEN}
    sent = World(jobs={name: Seen(name=f"v-{name}") for name in WORLD.jobs})
    assert {one.outcome for one in findings(sent, QUESTIONS)} == {UNSEEN}


@pytest.mark.parametrize(
    ("name", "world", "outcome", "words"),
    [
        ("checkpoint", but(SECOND, said={"found": False}), OTHERWISE, "did not find"),
        ("checkpoint", without(SECOND), UNSEEN, "no second attempt; of the first, it ended Failed"),
        ("kill", but(CHECKPOINT, ending="unknown"), OTHERWISE, "called unknown"),
        ("kill", but(CHECKPOINT, run=failed("UserError", "No image."), said={}), UNSEEN, "No image."),
        ("words", but(CHECKPOINT, run=failed("UserError", "No image."), said={}), UNSEEN, "No image."),
        (
            "logs",
            World(jobs={CANCEL: seen(CANCEL, "Failed", run=failed("X"), logs=("user_logs/std_log.txt",))}),
            UNSEEN,
            "as far as its program",
        ),
        ("words", but(CHECKPOINT, run=failed("UserError", "It broke.")), OTHERWISE, "is said: It broke."),
        ("names", but(CANCEL, said={"names": ["PATH"]}), OTHERWISE, "AZUREML_RUN_ID, AZUREML_ARM_SUB"),
        ("properties", but(CHECKPOINT, job=job(properties=None)), OTHERWISE, "something else"),
        ("body", but(CHECKPOINT, job=job()), OTHERWISE, "variables, command and outputs otherwise"),
        ("logs", but(CANCEL, logs=("logs/x.txt",)), OTHERWISE, "logs/x.txt"),
        (
            "logs",
            World(jobs={CANCEL: attrs.evolve(WORLD.jobs[CANCEL], said={})}),
            OTHERWISE,
            "nothing that a job",
        ),
        ("start", but(CANCEL, run=run(started="09:00:30")), OTHERWISE, "0 to 60 s"),
        ("start", but(CANCEL, run=run(started="09:02:30")), OTHERWISE, "-60 to 0 s"),
        (
            "start",
            World(jobs={CANCEL: attrs.evolve(WORLD.jobs[CANCEL], run=run(started="09:00:30"))}),
            UNSEEN,
            "60 to 60 s before the first sight of Running, always the same",
        ),
        ("put-completed", answering(SECOND, put_completed=Answer(409)), OTHERWISE, "answered 409"),
        ("put-completed", answering(SECOND, put_completed=FORBIDDEN), UNSEEN, "403 AuthorizationFailed"),
        (
            "put-completed",
            answering(SECOND, put_completed=Answer(0, why="reset")),
            UNSEEN,
            "no answer (reset)",
        ),
        ("cancel", but(CANCEL, job=job()), OTHERWISE, "the mark of the cancel is not"),
        ("cancel", but(CANCEL, ending="canceled"), OTHERWISE, "called canceled; CancelRequested was seen"),
        ("cancel", but(CANCEL, overdue=True), UNSEEN, "it ended Canceled"),
        (
            "studio-cancel",
            but(STUDIO, run=run(error={"error": {}}), ending="preempted"),
            OTHERWISE,
            "an error",
        ),
        (
            "studio-cancel",
            but(STUDIO, statuses=((0.0, "Failed"),), run=failed("UserError")),
            UNSEEN,
            "(UserError: No.)",
        ),
        ("time-out", but(TIME_OUT, ending="canceled"), OTHERWISE, "called canceled"),
        ("clock", but(TIME_OUT, run=run(ended="09:02:00")), OTHERWISE, "waited 90 s and ran for 30 s"),
        ("clock", but(TIME_OUT, run=run(createdUtc=None)), AS_ASSUMED, "waited unknown"),
        ("clock", but(TIME_OUT, run=run(ended=None)), UNSEEN, "doesn't say when"),
        ("clock", but(TIME_OUT, run=run(started=None)), OTHERWISE, "in the queue, too"),
        (
            "clock",
            but(TIME_OUT, statuses=((0.0, "Running"), (9.0, "Completed"))),
            UNSEEN,
            "it ended Completed, before its time was up",
        ),
        ("cancel-over", answering(CANCEL, cancel_over=Answer(409)), OTHERWISE, "answered 409"),
        ("cancel-over", answering(CANCEL, cancel_over=OK), AS_ASSUMED, "answered 200"),
        ("put-running", answering(CANCEL, put_running=Answer(409)), OTHERWISE, "answered 409"),
        ("put-changed", answering(CANCEL, put_changed=FORBIDDEN), UNSEEN, "403"),
        (
            "put-changed",
            answering(CANCEL, put_changed=Answer(200, job(properties={"amlrun-verify-again": "true"}))),
            OTHERWISE,
            "that were sent now",
        ),
        (
            "patch",
            attrs.evolve(
                WORLD,
                jobs={
                    TIME_OUT: attrs.evolve(
                        WORLD.jobs[TIME_OUT],
                        job=TAGGED,
                        answers={"patch": OK, "after-patch": Answer(200, job())},
                    )
                },
            ),
            AS_ASSUMED,
            "which shows after a while",
        ),
        ("patch", answering(TIME_OUT, patch=Answer(405)), OTHERWISE, "answered 405"),
        (
            "patch",
            answering(TIME_OUT, after_patch=Answer(200, job())),
            OTHERWISE,
            "is not among the job's tags",
        ),
        (
            "patch",
            answering(TIME_OUT, after_patch=Answer(200, job(tags={"amlrun-verify-patched": "true"}))),
            OTHERWISE,
            "are gone",
        ),
        ("experiment", but(TIME_OUT, job=job(experimentName="mine")), OTHERWISE, "in another"),
        ("deleted", answering(TIME_OUT, put_deleted=Answer(409)), OTHERWISE, "after it 409"),
        ("deleted", answering(TIME_OUT, put_deleted=None), UNSEEN, "not sent again"),
        ("deleted", answering(TIME_OUT, delete=FORBIDDEN), UNSEEN, "answered 403"),
        (
            "deleted",
            attrs.evolve(answering(TIME_OUT, delete=None), left_out={DELETED: "too dear"}),
            UNSEEN,
            "too dear",
        ),
        ("no-quota", answering(NO_QUOTA, put=Answer(400, code="X")), OTHERWISE, "refused at its PUT: 400 X"),
        ("no-quota", answering(NO_QUOTA, put=FORBIDDEN), UNSEEN, "403"),
        ("no-quota", but(NO_QUOTA, run=run()), OTHERWISE, "it ran"),
        ("no-quota", but(NO_QUOTA, run=failed("Other")), OTHERWISE, "(Other: No.)"),
        (
            "too-many",
            but(TOO_MANY, statuses=((0.0, "Queued"), (1.0, "Canceled")), run={}, overdue=True),
            OTHERWISE,
            "it was Queued when it was canceled",
        ),
        ("too-many", but(TOO_MANY, statuses=(), run={}), OTHERWISE, "it was not begun when"),
        ("too-many", attrs.evolve(without(TOO_MANY), left_out={TOO_MANY: "no quota"}), UNSEEN, "no quota"),
        (
            "size",
            but(TIME_OUT, said={"node": {"vmSize": "Standard_F2"}}),
            OTHERWISE,
            "its node is Standard_F2",
        ),
        (
            "size",
            but(TIME_OUT, run=run(compute={"vmSize": "STANDARD_DS3_V2"})),
            AS_ASSUMED,
            "reads back STANDARD",
        ),
        ("size", but(TIME_OUT, said={"node": None}), UNSEEN, "neither the job nor its node"),
        ("defaults", but(TIME_OUT, job=job()), OTHERWISE, "resources.shmSize None"),
        ("own-properties", but(TIME_OUT, job=job(properties={"x": ""})), OTHERWISE, "its properties are x"),
        ("own-properties", but(TIME_OUT, job=job()), OTHERWISE, "its properties are none"),
        ("spot", attrs.evolve(WORLD, spot=False), UNSEEN, "no quota for spot"),
        ("spot", but(CHECKPOINT, job=job()), OTHERWISE, "reads back jobTier None, its node is Spot"),
        ("spot", but(CHECKPOINT, job=job(), said={}), OTHERWISE, "reads back jobTier None"),
        ("spot", but(CHECKPOINT, said={}), UNSEEN, "a job may not ask here"),
        ("spot", but(CHECKPOINT, said={"node": {"priority": "Regular"}}), OTHERWISE, "its node is Regular"),
        ("standard", but(TIME_OUT, job=job(queueSettings={"jobTier": "Spot"})), OTHERWISE, "reads back Spot"),
        ("standard", but(TIME_OUT, said={"node": {"priority": "Low"}}), OTHERWISE, "is Low"),
        ("standard", but(TIME_OUT, said={}), UNSEEN, "may not ask"),
        (
            "standard",
            but(TIME_OUT, job=job(queueSettings={"jobTier": "Null"}), said={}),
            AS_ASSUMED,
            "reads back Null",
        ),
        ("reads", attrs.evolve(WORLD, reads={"workspace": OK, "jobs": FORBIDDEN}), OTHERWISE, "jobs 403"),
        (
            "reads",
            attrs.evolve(WORLD, reads={**WORLD.reads, "usages": Answer(0)}),
            OTHERWISE,
            "usages no answer",
        ),
        (
            "filters",
            reading(property=Answer(200, {"value": [*LISTED, {"name": "x"}]})),
            OTHERWISE,
            "3 jobs, of 2",
        ),
        ("filters", reading(tag=Answer(200, {"value": [{"name": "x"}]})), OTHERWISE, "name 1, of"),
        (
            "filters",
            reading(tag=Answer(200, {"value": [*LISTED, {"name": "amlrun-verify-0a1b2c3d-cancel"}]})),
            AS_ASSUMED,
            "name 2, of",
        ),
        ("filters", reading(tag=Answer(400)), OTHERWISE, "answered 400"),
        ("filters", reading(tag=FORBIDDEN), UNSEEN, "403"),
        ("pages", reading(page=None), UNSEEN, "was not read"),
        ("pages", reading(page=Answer(500)), OTHERWISE, "answered 500"),
        (
            "pages",
            reading(page=Answer(200, {"value": [{}] * 30, "nextLink": "x"})),
            OTHERWISE,
            "30 jobs, and",
        ),
        ("pages", reading(page=Answer(200, {"value": [{}] * 101})), OTHERWISE, "101 jobs"),
        ("pages", reading(page=Answer(200, {"value": []})), UNSEEN, "there are no more"),
        ("pages", reading(next=Answer(400)), OTHERWISE, "which answers 400"),
        ("pages", reading(next=None), AS_ASSUMED, "100 jobs"),
        ("blobs", but(CANCEL, said={"blob": "refused"}), OTHERWISE, "with identity user: refused"),
        ("blobs", but(SECOND, said={"found": False}), AS_ASSUMED, "without an identity: not found again"),
        ("blobs", attrs.evolve(WORLD, credentials="None"), OTHERWISE, "credentials: None"),
        ("blobs", keyless(may_write=True), AS_ASSUMED, "without an identity: refused"),
        (
            "blobs",
            attrs.evolve(keyless("refused", may_write=True), identity={SECOND: USER, CANCEL: USER}),
            OTHERWISE,
            "with identity user: refused; with identity user: refused",
        ),
        ("blobs", WORLD, AS_ASSUMED, "with identity user: written by you, who may write there, or by the st"),
        (
            "blobs",
            attrs.evolve(WORLD, may_write=False),
            AS_ASSUMED,
            "with identity user: written by the stored credentials, for you may not",
        ),
        ("blobs", WORLD, AS_ASSUMED, "without an identity: written by the stored credentials"),
        ("blobs", WORLD, AS_ASSUMED, "with identity managed: written by it, or by the stored credentials"),
        ("blobs", keyless(may_write=True), AS_ASSUMED, "user: written by you, who may write there;"),
        ("blobs", keyless(may_write=False), OTHERWISE, "user: written, though you may not write there;"),
        ("blobs", keyless(may_write=None), AS_ASSUMED, "couldn't be asked"),
        ("blobs", keyless(may_write=None), AS_ASSUMED, "with identity managed: written by it"),
        ("blobs", keyless("refused", may_write=True), OTHERWISE, "user: refused"),
        ("blobs", keyless("refused", may_write=False), AS_ASSUMED, "user: refused"),
        (
            "blobs",
            World(
                jobs={CANCEL: seen(CANCEL, "Failed", run=failed("X"))}, identity={CANCEL: "user", "x": "y"}
            ),
            UNSEEN,
            "(user: not seen (it ended Failed (X: No.)))",
        ),
        ("endpoints", but(SECOND, said={"names": [*NAMES, "MSI_ENDPOINT"]}), OTHERWISE, "has endpoints"),
        ("endpoints", but(STUDIO, said={}), AS_ASSUMED, "cancel: OBO_ENDPOINT"),
        (
            "endpoints",
            attrs.evolve(but(SECOND, said={"names": ["OBO_ENDPOINT"]}), identity={SECOND: USER}),
            AS_ASSUMED,
            "time-out: none; cancel: OBO_ENDPOINT",
        ),
    ],
)
def test_what_is_concluded(name: str, world: World, outcome: Outcome, words: str) -> None:
    """Each thing that may be seen otherwise, and what is said of it."""
    found = finding(name, world)
    assert (found.outcome, words in found.words) == (outcome, True), str(found)


def test_what_a_job_tells_of_itself() -> None:
    """Why it tells less than it might: in words, from how it stood."""
    waiting = Seen(name="v", statuses=((0.0, "Queued"), (1.0, "Canceled")), overdue=True)
    assert waiting.why_not == "it was still Queued when its time was up"
    assert attrs.evolve(waiting, statuses=()).why_not == "it was still waiting when its time was up"
    assert Seen(name="v").why_not == "it was never seen"
    assert Seen(name="v", statuses=((0.0, "Running"),)).why_not == "it was Running"
    assert Seen(name="v", trouble="It can't be sent").why_not == "It can't be sent"


def test_why_nothing_was_sent() -> None:
    """The first reason of several; none where a job was seen, or nothing was to be sent."""
    lost = Seen(name="v", trouble="The service refused v")
    assert World(jobs={"a": Seen(name="v"), "b": lost}).none_sent == "The service refused v"
    assert attrs.evolve(WORLD, jobs={**WORLD.jobs, "b": lost}).none_sent == World().none_sent == ""


def test_what_is_told_in_the_end() -> None:
    """What is otherwise comes first; only what was seen settles a row; and what it took."""
    world = answering(SECOND, put_completed=Answer(409))
    text = report(findings(world, QUESTIONS), world)
    assert str(finding("put-completed", world)).startswith("put-completed: otherwise: the PUT")
    assert text.startswith("put-completed   otherwise   the PUT of a job")
    assert f"1 otherwise, {len(QUESTIONS) - 1} as assumed, 0 couldn't be seen." in text
    assert "amlrun/_memory.py: A job's properties come back as they were written …" in text
    assert text.endswith("The jobs ran for 4.0 node-minutes.")
    nothing = report(findings(World(), QUESTIONS), World())
    assert "Settled" not in nothing
    assert finding("checkpoint", World()).to_dict()["settles"] == []
    assert len(finding("checkpoint", WORLD).to_dict()["settles"]) == 2


def test_each_row_is_on_the_page() -> None:
    """What a question settles is a row of docs/assumptions.md, by its file and its first words."""
    rows = re.findall(r"^\| `(amlrun/[^`]+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    lost = [
        row
        for question in QUESTIONS
        for row in question.rows
        if sum(where == row.where and words.startswith(row.words) for where, words in rows) != 1
    ]
    assert lost == []
