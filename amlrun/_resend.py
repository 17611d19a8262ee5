"""Between two attempts: whether the run is still wanted, before and after the next one is sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from amlrun._asking.teamfile import read_team
from amlrun._cancel import post_cancel
from amlrun._ending import Ending
from amlrun._errors import RequeueExhausted
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._look import Watched, following, marked
from amlrun._sending import send

if TYPE_CHECKING:
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")


def resent(workspace: Workspace, watched: Watched) -> Watched:
    """The run with its next attempt, sent now, or adopted where another watcher has sent it.

    Canceled while that was on its way, it is canceled again. Raises `RequeueExhausted` where the job is not
    kept or the team's rules forbid its place, and what `send` raises.
    """
    last, memory = watched.last, watched.memory
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


def called_off(workspace: Workspace, watched: Watched) -> Watched:
    """The run was canceled: no attempt follows, and one that somebody had just sent is canceled, too."""
    sent = following(workspace, watched)
    if sent is None:
        return watched.with_last(attrs.evolve(watched.last, ending=Ending.CANCELED_BY_US))
    watched = watched.followed_by(sent)
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
