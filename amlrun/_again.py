"""The next attempt of a run: placed anew, put on the stored body, and sent under its own name.

It is made of what the job remembers, never of a GET: nothing of the old attempt is carried along, and neither
the source folder nor `azure.ai.ml` is needed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from amlrun._asking.teamfile import read_team
from amlrun._decision import Stop
from amlrun._ending import TOLD, Ending
from amlrun._errors import InvalidRequest, NotAuthorized, ServiceError
from amlrun._failure import failure
from amlrun._jobs.adapters import dressed
from amlrun._jobs.dress import Dress
from amlrun._names import attempt_name
from amlrun._placement.again import is_elsewhere, place_again
from amlrun._sending import Sent, send
from amlrun._wire import check_said

if TYPE_CHECKING:
    from amlrun._decision import Retry
    from amlrun._errors import AmlrunError
    from amlrun._look import Watched
    from amlrun._memory import Memory
    from amlrun._plan import Plan
    from amlrun._workspace import Workspace

_log = logging.getLogger("amlrun")


def sent_again(workspace: Workspace, watched: Watched, retry: Retry) -> Sent:
    """The attempt after the last one: sent now, or adopted where another watcher has sent it.

    Raises `RequeueExhausted` where the job is not kept, or the team's rules of now forbid its place; and what
    `send` raises.
    """
    memory, last = watched.memory, watched.last
    if memory.body is None:
        why = "the job is too long to be kept in its properties, or its secrets can't be read"
        raise _over(workspace, watched, why, "It can be requeued only by the process that submitted it.")
    name = attempt_name(memory.group, memory.attempt + 1)
    with workspace.lookups.sending(name, lambda: placed_again(workspace, memory, retry)) as plan:
        _refuse_by_team(workspace, watched, plan)
        dress = Dress(
            plan=plan,
            former=memory.plan,
            workspace=workspace.scope.path,
            group=memory.group,
            attempt=memory.attempt + 1,
            last_ending=str(last.ending or Ending.UNKNOWN),
        )
        body = dressed(memory.body, dress)
        check_said(body, dress)
        following = attrs.evolve(memory, plan=plan).next_attempt(body)
        return send(workspace, following, new_name=False)


def placed_again(workspace: Workspace, memory: Memory, retry: Retry) -> Plan:
    """Where the attempt after this one goes, by fresh readings and the team's rules of now.

    To the same place, where nobody remembers what was asked (as for a pipeline), or nothing can be read.
    """
    if memory.ask is None:
        return memory.plan
    try:
        market = workspace.lookups.market()
    except (NotAuthorized, ServiceError) as error:
        _log.info("%s: its next attempt goes to the same place: %s", memory.group, error.message)
        return memory.plan
    ask = attrs.evolve(memory.ask, guard=read_team().guard, requeued=memory.policy is not None)
    return place_again(ask, market, memory.plan, tier=retry.tier, without_sizes=retry.without_sizes)


def has_elsewhere(workspace: Workspace, memory: Memory, retry: Retry) -> bool:
    """Whether there is another place that this attempt, which waits for nodes, would gain by going to."""
    return is_elsewhere(placed_again(workspace, memory, retry), memory.plan)


def _refuse_by_team(workspace: Workspace, watched: Watched, plan: Plan) -> None:
    """Guard rails bind every attempt, also those that were laid after the first one."""
    team = read_team()
    try:
        team.check_tags((watched.memory.body or {}).get("tags") or {})
    except InvalidRequest as error:
        raise _over(workspace, watched, error.message, "Submit it anew with them.") from error
    for leaf in plan.leaves:
        rule = team.guard.against_plan(leaf)
        if rule:
            why = f"its place ({leaf.instance_type or leaf.compute}) {rule}"
            raise _over(workspace, watched, why, "Submit it anew, and another place is looked for.")


def _over(workspace: Workspace, watched: Watched, why: str, hint: str) -> AmlrunError:
    """The error for a run of which no attempt may follow, though the policy allows one."""
    words = TOLD[watched.last.ending or Ending.UNKNOWN]
    error = failure(workspace, watched, Stop(f"{words}; no further attempt, for {why}", exhausted=True))
    return error.reworded(hint="\n".join(filter(None, (hint, error.hint))))
