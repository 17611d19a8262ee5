"""A next attempt by hand: for a run whose end nobody knows the reason of, or at which the policy stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlrun._decision import by_hand
from amlrun._ending import Ending
from amlrun._errors import InvalidRequest
from amlrun._look import find_run
from amlrun._marks import marked
from amlrun._resend import resent
from amlrun._states import ENDS

if TYPE_CHECKING:
    from amlrun._look import Watched
    from amlrun._workspace import Workspace


def resume(workspace: Workspace, name: str) -> Watched:
    """The run that the job `name` belongs to, with its next attempt, which is sent now.

    Raises `InvalidRequest` where an attempt lives, where the run has completed, and where it was canceled
    through amlrun: every watcher would cancel what follows. Raises what `resent` raises.
    """
    watched = find_run(workspace, name)
    group, last = watched.group, watched.last
    if last.status not in ENDS:
        hint = f"amlrun wait {group} waits for it."
        raise InvalidRequest(f"{group} lives: {last.name} is {last.status}", argument="name", hint=hint)
    if last.ending is Ending.COMPLETED:
        raise InvalidRequest(f"{group} has completed, as {last.name}", argument="name")
    if last.ending is Ending.CANCELED_BY_US or marked(workspace, group):
        hint = "That is for good: submit it anew."
        raise InvalidRequest(f"{group} was canceled through amlrun", argument="name", hint=hint)
    return resent(workspace, watched, by_hand(watched.attempts, watched.memory.policy))
