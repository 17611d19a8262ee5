"""What is done with each job, and when: generators that come back once in a round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._decision import Retry
from amlrun._durations import iso
from amlrun._ending import Ending
from amlrun._errors import REFUSALS, SubmissionFailed
from amlrun._follow import Follow, stepped
from amlrun._requeue import Requeue
from amlrun._resend import resent
from amlrun._states import CANCELED, COMPLETED, ENDS, RUNNING
from amlrun._turns import is_due
from amlrun._verify import programs
from amlrun._verify.experiments import CANCEL, CHECKPOINT, DELETED, SECOND, STUDIO, TIME_OUT, TIMEOUT
from amlrun._verify.of_rights import NOBODY
from amlrun._verify.programs import NAMES, NODE, OUTPUT, WRITE, program, sleep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._verify.experiments import Experiment
    from amlrun._verify.lab import Lab

    Script = Iterator[None]

LONG = 20.0
"""Minutes that a job would sleep that is to be canceled."""
ROUNDS = 24
"""Of waiting for what should be there at once."""
LATE = 6
"""Rounds for which what is known of an end may be late."""
_POLICY = Requeue(preemptions=0, platform_faults=0, capacity=0, user_errors=1, waits=(1.0,))
_DONE = frozenset({Ending.COMPLETED, Ending.CANCELED_BY_US, Ending.CANCELED, Ending.TIMED_OUT})


def checkpoint(lab: Lab, one: Experiment, *, spot: bool, identity: str | None) -> Script:
    """Two attempts by amlrun's own way of repeating; where that has a reason not to, the second by hand."""
    watched = lab.submit(
        CHECKPOINT,
        program(NAMES, NODE, programs.CHECKPOINT),
        instance_type=one.on,
        tier="spot" if spot else "standard",
        requeue=_POLICY,
        timeout=one.minutes * 60,
        identity=identity,
    )
    lab.identity[SECOND] = in_words(identity)
    follow = Follow(workspace=lab.workspace, watched=watched)
    while follow.end is None or follow.watched.last.number == 1:
        yield
        now = lab.workspace.clock.now()
        label = CHECKPOINT if follow.wanted == lab.names[CHECKPOINT] else SECOND
        job = lab.look(label).job if follow.wanted is not None else None
        if is_due(follow.turn, now):
            follow = stepped(follow, job, now)
        if isinstance(follow.end, Exception):
            raise follow.end
        if follow.end is not None and follow.watched.last.number == 1:
            if follow.watched.last.ending in _DONE:
                return
            second = resent(lab.workspace, follow.watched, Retry(0.0))
            follow = Follow(workspace=lab.workspace, watched=second)
        if follow.watched.last.number > 1 and SECOND not in lab.names:
            lab.adopt(SECOND, follow.watched)
    yield from _until_over(lab, SECOND)
    lab.look(CHECKPOINT)  # what came late of it is there by now
    if lab.seen[SECOND].status == COMPLETED:
        lab.send_again(SECOND, "put-completed")


def canceled_by_amlrun(lab: Lab, one: Experiment) -> Script:
    """With the submitter's identity: sent again and given a tag while it runs, then canceled for good."""
    _submit_with(lab, CANCEL, one, identity="user")
    yield from _until_running(lab, CANCEL)
    if lab.seen[CANCEL].status == RUNNING:
        lab.send_again(CANCEL, "put-running")
        lab.send_again(CANCEL, "put-changed", changed=True)
        lab.patch(CANCEL, str(lab.seen[CANCEL].shows("experimentName")))
        lab.cancel(CANCEL)
    yield from _until_over(lab, CANCEL)
    lab.ask(CANCEL, "cancel-over", "POST", f"{lab.path(CANCEL)}/cancel")


def canceled_as_in_the_studio(lab: Lab, one: Experiment, *, managed: bool) -> Script:
    """With a managed identity, where there is one; canceled without amlrun's mark."""
    _submit_with(lab, STUDIO, one, identity="managed" if managed else None)
    yield from _until_running(lab, STUDIO)
    if lab.seen[STUDIO].status == RUNNING:
        lab.ask(STUDIO, "cancel", "POST", f"{lab.path(STUDIO)}/cancel")
    yield from _until_over(lab, STUDIO)
    if lab.seen[STUDIO].status == CANCELED:
        lab.ask(STUDIO, "cancel-over", "POST", f"{lab.path(STUDIO)}/cancel")


def timed_out(lab: Lab, _one: Experiment, *, deletes: bool) -> Script:
    """Without a size, a tier and an experiment, until its own time is up; then perhaps deleted."""
    limits = {"jobLimitsType": "Command", "timeout": iso(TIMEOUT)}
    if not lab.put(TIME_OUT, command=program(NAMES, NODE, sleep(LONG)), limits=limits).fine:
        return
    yield from _until_running(lab, TIME_OUT)
    if lab.seen[TIME_OUT].status == RUNNING:
        lab.patch(TIME_OUT, "Default")
    yield from _until_over(lab, TIME_OUT)
    if not deletes or lab.seen[TIME_OUT].overdue:
        return
    if not lab.ask(TIME_OUT, "delete", "DELETE", lab.path(TIME_OUT)).fine:
        return
    for _ in range(ROUNDS):
        yield
        if lab.request("GET", lab.path(TIME_OUT)).status == 404:  # noqa: PLR2004  it is gone
            break
    if lab.send_again(TIME_OUT, "put-deleted").fine:
        lab.revive(DELETED, TIME_OUT)
        lab.ask(DELETED, "cancel", "POST", f"{lab.path(DELETED)}/cancel")
        yield from _until_over(lab, DELETED)


def refused(lab: Lab, one: Experiment) -> Script:
    """What no quota holds: taken or not, and what becomes of it. If it runs after all, not for long."""
    body: dict[str, Any] = {
        "command": program(NODE),
        "resources": {"instanceType": one.on, "instanceCount": one.nodes},
        "queueSettings": {"jobTier": "Standard"},
        "limits": {"jobLimitsType": "Command", "timeout": iso(one.minutes * 60)},
    }
    if lab.put(one.name, **body).fine:
        for _ in range(10 * ROUNDS):
            yield
            if lab.look(one.name).status in {RUNNING, *ENDS}:
                break
        if not lab.seen[one.name].over:
            lab.stop(one.name)
        yield from _until_over(lab, one.name)


def in_words(identity: str | None) -> str:
    """What a job was sent with."""
    return NOBODY if identity is None else f"with identity {identity}"


def _submit_with(lab: Lab, label: str, one: Experiment, *, identity: str | None) -> None:
    """With that identity, or, where amlrun or the service refuses it, without any."""
    place = f"azureml://datastores/workspaceblobstore/paths/amlrun/{lab.prefix}-{label}/"
    options: dict[str, Any] = {
        "instance_type": one.on,
        "tier": "standard",
        "requeue": False,
        "timeout": one.minutes * 60,
        "outputs": {OUTPUT: {"type": "uri_folder", "path": place, "mode": "rw_mount"}},
    }
    command = program(NAMES, NODE, WRITE, sleep(LONG))
    try:
        lab.submit(label, command, identity=identity, **options)
        lab.identity[label] = in_words(identity)
    except (*REFUSALS, SubmissionFailed) as error:
        if identity is None:
            raise
        answer = lab.seen[label].answers.get("put")
        lab.submit(label, command, **options)
        if answer is not None:
            lab.note(label, "put-with-identity", answer)
        why = error.message.partition("\n")[0]
        lab.identity[label] = f"{NOBODY}, for {identity} was refused ({why})"


def _until_running(lab: Lab, label: str) -> Script:
    while True:
        yield
        if lab.look(label).status in {RUNNING, *ENDS}:
            return


def _until_over(lab: Lab, label: str) -> Script:
    """And a little longer: run history and logs may come late."""
    rounds = 0
    while not lab.seen[label].over:
        yield
        rounds += 1
        if not lab.look(label).there and rounds >= ROUNDS:
            return
    for _ in range(LATE):
        if lab.seen[label].whole:
            return
        yield
        lab.look(label)
