"""Cancels, time-outs, and further requests about a job: what each leaves behind. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._ending import NEARLY, Ending
from amlrun._memory import CANCEL_TAG
from amlrun._states import CANCELED
from amlrun._verify.experiments import CANCEL, DELETED, STUDIO, TIME_OUT, TIMEOUT
from amlrun._verify.findings import Outcome, Question, Row, Said, answered, either, otherwise, unseen
from amlrun._verify.observed import CREATED, OK, at
from amlrun._verify.programs import MARK

if TYPE_CHECKING:
    from amlrun._verify.observed import Seen, World

AGAIN, PATCHED = f"{MARK}-again", f"{MARK}-patched"
"""The tag and property by which a request of ours is known again, and the tag that a PATCH adds."""


def _canceled(world: World, name: str, expected: Ending) -> Said:
    seen = world.job(name)
    if not seen.over or seen.overdue:
        return unseen(seen.why_not)
    if seen.status != CANCELED:
        return unseen(f"{seen.why_not}, before it was canceled")
    warnings = at(seen.run, "warnings") or ()
    error = "an" if at(seen.run, "error") else "no"
    between = "CancelRequested was seen" if seen.cancel_was_requested else "CancelRequested was not seen"
    words = f"Canceled, called {seen.ending}; {between}; {error} error and {len(warnings)} warnings"
    return either(seen.ending == expected, words)


def _by_amlrun(world: World) -> Said:
    seen, said = world.job(CANCEL), _canceled(world, CANCEL, Ending.CANCELED_BY_US)
    if said.outcome is not Outcome.UNSEEN and CANCEL_TAG not in (seen.shows("tags") or {}):
        return otherwise("the mark of the cancel is not among the job's tags")
    return said


def _by_studio(world: World) -> Said:
    return _canceled(world, STUDIO, Ending.CANCELED)


def _timed_out(world: World) -> Said:
    return _canceled(world, TIME_OUT, Ending.TIMED_OUT)


def _clock(world: World) -> Said:
    seen = world.job(TIME_OUT)
    if not seen.over or seen.overdue:
        return unseen(seen.why_not)
    if seen.status != CANCELED:
        return unseen(f"{seen.why_not}, before its time was up")
    if seen.ended is None:
        return unseen("run history doesn't say when it ended")
    if seen.started is None:
        return otherwise(f"it ended {seen.status} before it ran: its time passes in the queue, too")
    ran = seen.ended - seen.started
    waited = "unknown" if seen.created is None else f"{seen.started - seen.created:.0f} s"
    words = f"it waited {waited} and ran for {ran:.0f} s of its time-out of {TIMEOUT:.0f} s"
    return either(ran >= NEARLY * TIMEOUT, words)


def _over(world: World) -> Said:
    for name in (CANCEL, STUDIO):
        answer = world.job(name).answers.get("cancel-over")
        if answer is not None:
            words = f"the cancel of a command job that was over answered {answer.words}"
            return answered(answer, fits=answer.fine or "InTerminalStatus" in answer.code, words=words)
    return unseen("no job was canceled again when it was over")


def _running(world: World) -> Said:
    seen = world.job(CANCEL)
    answer = seen.answers.get("put-running")
    if answer is None:
        return unseen(seen.why_not)
    words = f"the very same PUT of a job that ran answered {answer.words}"
    return answered(answer, fits=answer.status == OK, words=words)


def _changed(world: World) -> Said:
    seen = world.job(CANCEL)
    answer = seen.answers.get("put-changed")
    if answer is None:
        return unseen(seen.why_not)
    if answer.status != OK:
        words = f"the PUT of a job that ran, with a property more, answered {answer.words}"
        return answered(answer, fits=False, words=words)
    sent = AGAIN in (at(answer.body, "properties", "properties") or {})
    words = f"200, with the properties {'that were sent now' if sent else 'of the job that was there'}"
    return either(not sent, words)


def _merges(world: World) -> Said:
    for name in (TIME_OUT, CANCEL):
        seen = world.job(name)
        if "after-patch" in seen.answers:
            return _patched(seen)
    return unseen("no job lived long enough to be given a tag")


def _patched(seen: Seen) -> Said:
    answer = seen.answers["patch"]
    if not answer.fine:
        return answered(answer, fits=False, words=f"run history's PATCH answered {answer.words}")
    at_once = set(at(seen.answers["after-patch"].body, "properties", "tags") or {})
    later = set(seen.shows("tags") or {})
    there = at_once if PATCHED in at_once else later
    if PATCHED not in there:
        return otherwise("what run history's PATCH added is not among the job's tags")
    when = "" if PATCHED in at_once else ", which shows after a while"
    stay = "stay" if MARK in there else "are gone"
    return either(MARK in there, f"run history's PATCH adds a tag{when}; the tags that were there {stay}")


def _experiment(world: World) -> Said:
    seen = world.job(TIME_OUT)
    if not seen.job:
        return unseen(seen.why_not)
    name = seen.shows("experimentName")
    return either(
        name == "Default",
        "a job that names no experiment is in " + ("Default" if name == "Default" else "another"),
    )


def _deleted(world: World) -> Said:
    seen = world.job(TIME_OUT)
    delete = seen.answers.get("delete")
    if delete is None:
        return unseen(world.left_out.get(DELETED) or seen.why_not)
    if not delete.fine:
        return unseen(f"the DELETE of a job that was over answered {delete.words}")
    again = seen.answers.get("put-deleted")
    if again is None:
        return unseen("it was not sent again")
    words = f"the DELETE answered {delete.words}, and the PUT of the same job after it {again.words}"
    return answered(again, fits=again.status == CREATED, words=words)


QUESTIONS = (
    Question("cancel", "What does a cancel by amlrun leave behind?", _by_amlrun),
    Question("studio-cancel", "What does a cancel as the studio does it leave behind?", _by_studio),
    Question("time-out", "What does a time-out leave behind?", _timed_out),
    Question("clock", "Does the time-out's clock start at Running?", _clock),
    Question(
        "cancel-over",
        "What does a cancel of a job answer that is over?",
        _over,
        (
            Row("amlrun/_cancel.py", "Any job that is over answers a cancel"),
            Row(
                "amlrun/testing/_routes/jobs.py", "A command job that is over answers a cancel as a pipeline"
            ),
        ),
    ),
    Question(
        "put-running",
        "What does the very same PUT answer while a job runs?",
        _running,
    ),
    Question(
        "put-changed",
        "What does a PUT with a property more answer while a job runs?",
        _changed,
        (
            Row(
                "amlrun/_sending.py",
                "A PUT that answers 200 replies with the properties of the job that was there",
            ),
        ),
    ),
    Question(
        "patch",
        "Does run history's PATCH merge tags, and does the job show them?",
        _merges,
        (Row("amlrun/_cancel.py", "A job without an experiment is in `Default`; tags merged"),),
    ),
    Question(
        "experiment",
        "Is a job that names no experiment in Default?",
        _experiment,
        (Row("amlrun/_cancel.py", "A job without an experiment is in `Default`; tags merged"),),
    ),
    Question("deleted", "What does a PUT of a job answer that was deleted?", _deleted),
)
