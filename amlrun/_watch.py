"""The loop that looks, decides and acts, over values: requeue as the policy says."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import attrs

from amlrun._asking.teamfile import read_team
from amlrun._cancel import post_cancel
from amlrun._decision import Retry, Stop, next_attempt
from amlrun._ending import Ending
from amlrun._errors import NotAuthorized, RequeueExhausted, ServiceError, WaitTimeout
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._look import Watched, following, look, marked
from amlrun._sending import send

if TYPE_CHECKING:
    from collections.abc import Callable

    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")
FIRST_LOOK = 2.0
LONGEST_INTERVAL = 60.0
GROWTH = 1.5
PATIENCE = 3
"""Refusals in a row that a wait sits out: a token that is being renewed may be refused once."""


def follow(
    workspace: Workspace, watched: Watched, timeout: float | None, seen: Callable[[Watched], None]
) -> Stop:
    """Look, and requeue as the policy says, until the run is over; `seen` is told whatever is new.

    A passing fault, of a look or of a requeue, doesn't end it: names are fixed, so trying again is safe.
    Raises `WaitTimeout`; what `send` raises for the next attempt; and `NotAuthorized` or `ServiceError` where
    trying again won't help (the job is gone).
    """
    clock = workspace.clock
    deadline = None if timeout is None else clock.now() + timeout
    interval, refusals = FIRST_LOOK, 0
    while True:
        known = len(watched.attempts)
        try:
            watched = look(workspace, watched)
            seen(watched)
            acted = _acted(workspace, watched, deadline)
            if isinstance(acted, Stop):
                return acted
            if acted is not watched:
                watched = acted
                seen(watched)
            refusals = 0
        except ServiceError as error:
            if not error.passing:
                raise
            _log.warning("%s: %s; the next look comes", watched.group, error.message)
        except NotAuthorized as error:
            refusals += 1
            if refusals >= PATIENCE:
                raise
            _log.warning("%s: %s; the next look comes", watched.group, error.message)
        if watched.last.ending is Ending.CANCELED_BY_US:
            continue
        if len(watched.attempts) > known:
            interval = FIRST_LOOK
        left = _time_left(workspace, watched)
        _sleep(workspace, watched, min(interval, left) if left > 0 else interval, deadline)
        interval = min(interval * GROWTH, LONGEST_INTERVAL)


def _acted(workspace: Workspace, watched: Watched, deadline: float | None) -> Watched | Stop:
    """What follows from a look: nothing, the end of what is overdue, another attempt, or no more."""
    if watched.last.ending is None:
        if _time_left(workspace, watched) <= 0:
            _end_overdue(workspace, watched)
        return watched
    decision = _decision(watched)
    if isinstance(decision, Stop):
        return decision
    return _requeued(workspace, watched, decision, deadline)


def _time_left(workspace: Workspace, watched: Watched) -> float:
    """Seconds until the last attempt has run for its timeout, where that is ours to keep; else endless."""
    policy, last = watched.memory.policy, watched.last
    timeout = watched.memory.plan.timeout
    if policy is None or not policy.enforce_timeout or timeout is None or last.started is None:
        return math.inf
    return last.started + timeout - workspace.clock.now()


def _end_overdue(workspace: Workspace, watched: Watched) -> None:
    """Cancel the attempt without the mark of a cancel: by its length it is known as one that timed out."""
    last = watched.last
    if last.status != "CancelRequested":
        _log.info("%s: its timeout ran out; it is canceled", last.name)
        post_cancel(workspace, last.name)


def _decision(watched: Watched) -> Retry | Stop:
    return next_attempt(watched.group, watched.attempts, watched.memory.policy)


def _requeued(workspace: Workspace, watched: Watched, retry: Retry, deadline: float | None) -> Watched:
    """Wait, then send the next attempt, unless the run was canceled meanwhile."""
    last, memory = watched.last, watched.memory
    clock = workspace.clock
    # The end was told by the service's clock and this is ours: never wait longer than was decided.
    due = min(clock.now(), last.ended or clock.now()) + retry.wait
    if clock.now() < due:
        _log.info("%s ended (%s): next attempt in %.0f s", last.name, last.ending, due - clock.now())
    while not marked(workspace, watched.group):
        if clock.now() >= due:
            break
        _sleep(workspace, watched, due - clock.now(), deadline)
    else:
        return _called_off(workspace, watched)
    if memory.body is None:
        message = (
            f"{watched.group}: the job is too long to be kept in its properties, or its secrets can't be read"
        )
        hint = "It can be requeued only by the process that submitted it."
        raise RequeueExhausted(message, hint=hint, name=watched.group, reason=str(last.ending), url=last.url)
    _refuse_by_team(watched)
    dress = Dress(
        plan=memory.plan,
        workspace=workspace.scope.path,
        group=memory.group,
        attempt=memory.attempt + 1,
        last_ending=str(last.ending),
    )
    watched = watched.followed_by(
        send(workspace, memory.next_attempt(dressed(memory.body, dress)), new_name=False)
    )
    _log.info("%s: sent (attempt %d)", watched.last.name, watched.last.number)
    if marked(workspace, watched.group):  # canceled while it was on its way
        post_cancel(workspace, watched.last.name)
    return watched


def _refuse_by_team(watched: Watched) -> None:
    """Guard rails bind every attempt, also those that were laid after the first one."""
    guard = read_team().guard
    for plan in watched.memory.plan.leaves:
        rule = guard.against_plan(plan)
        if not rule:
            continue
        name, last = watched.group, watched.last
        message = f"{name}: no further attempt, for its place ({plan.instance_type or plan.compute}) {rule}"
        hint = "Submit it anew, and another place is looked for."
        raise RequeueExhausted(message, hint=hint, name=name, reason=str(last.ending), url=last.url)


def _called_off(workspace: Workspace, watched: Watched) -> Watched:
    """The run was canceled: no attempt follows, and one that somebody had just sent is canceled, too."""
    sent = following(workspace, watched)
    if sent is None:
        return watched.with_last(attrs.evolve(watched.last, ending=Ending.CANCELED_BY_US))
    watched = watched.followed_by(sent)
    post_cancel(workspace, watched.last.name)
    return watched


def _sleep(workspace: Workspace, watched: Watched, wanted: float, deadline: float | None) -> None:
    clock = workspace.clock
    left = None if deadline is None else deadline - clock.now()
    if left is not None and left <= 0:
        last = watched.last
        message = f"{watched.group} is not over yet: attempt {last.number} is {last.status}"
        hint = f"It goes on; attach({watched.group!r}).wait() goes on waiting."
        raise WaitTimeout(message, hint=hint, name=watched.group)
    clock.sleep(wanted if left is None else min(wanted, left))
