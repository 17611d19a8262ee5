"""What to do when an attempt ended: the policy as data, the decision as a function. Pure."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._ending import TOLD, Ending
from amlrun._errors import InvalidRequest
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


MOST_WAITS = 20
"""As many as the job's properties hold."""
LONGEST_PLACE = 400
"""Characters of a place for checkpoints, which the job's properties hold, too."""
_PLACE = re.compile(
    r"azureml://(subscriptions/[^/\s]+/resource[Gg]roups/[^/\s]+/(providers/[^/\s]+/)?workspaces/[^/\s]+/)?"
    r"datastores/\w+/paths(/(?!\.\.?(/|$))[\w.\-+@=,~%]+)+/?",
    re.ASCII,
)


def _count(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        message = f"Requeue({attribute.name}={shown(value)}): a whole number of further attempts, 0 or more"
        raise InvalidRequest(message, argument=f"requeue.{attribute.name}")


def _is_wait(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _several(waits: Iterable[float]) -> tuple[float, ...]:
    if not isinstance(waits, (list, tuple)):
        message = f"Requeue(waits={shown(waits)}): a tuple of seconds, such as (60, 300, 900)"
        raise InvalidRequest(message, argument="requeue.waits")
    return tuple(waits)


def _seconds(_: object, attribute: attrs.Attribute[tuple[float, ...]], value: tuple[float, ...]) -> None:
    if not 0 < len(value) <= MOST_WAITS or not all(_is_wait(one) for one in value):
        message = f"Requeue({attribute.name}={shown(value)}): 1 to {MOST_WAITS} waits in seconds, 0 or more"
        raise InvalidRequest(message, argument=f"requeue.{attribute.name}")


def _flag(_: object, attribute: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        message = f"Requeue({attribute.name}={shown(value)}): True or False"
        raise InvalidRequest(message, argument=f"requeue.{attribute.name}")


def _place(_: object, attribute: attrs.Attribute[str | None], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not _PLACE.fullmatch(value) or len(value) > LONGEST_PLACE:
        message = f"Requeue({attribute.name}={shown(value)}): azureml://datastores/<datastore>/paths/<path>/"
        hint = f"In the path: letters, digits and -_.+@=,~% between slashes, {LONGEST_PLACE} in all."
        raise InvalidRequest(message, argument=f"requeue.{attribute.name}", hint=hint)


def _as_is(policy: Requeue, attribute: attrs.Attribute[bool], value: object) -> None:
    _flag(policy, attribute, value)
    if value and policy.checkpoint is None:
        message = f"Requeue({attribute.name}=True) says nothing without a place: checkpoint='azureml://…'"
        raise InvalidRequest(message, argument=f"requeue.{attribute.name}")


@attrs.frozen(kw_only=True)
class Requeue:
    """How often an attempt that ended is followed by another, by the reason why it ended.

    The counts are further attempts, over the whole run. `waits` are seconds before each further attempt, the
    last one repeated; each is shortened or lengthened by up to a tenth, so that many runs that lost their
    nodes together don't come back together. Requeueing happens only while somebody waits.

    `enforce_timeout`: whoever waits cancels an attempt that has run for its `timeout`, which ends the run
    as timed out. For pipelines, Spark and fine-tuning there is no other way: the service has no field.

    `checkpoint` is where the checkpoints of a command job go: `azureml://datastores/<datastore>/paths/<path>/`,
    below which each run has a folder of its own. `checkpoint_as_is`: that very folder, to go on from what an
    older run has saved there; whoever names it shares it, so no two that live at once may. With nothing said
    it is the folder `amlrun/<run>` of the team's datastore for checkpoints, or of the workspace's own.
    """

    preemptions: int = attrs.field(default=10, validator=_count)
    platform_faults: int = attrs.field(default=3, validator=_count)
    capacity: int = attrs.field(default=3, validator=_count)
    user_errors: int = attrs.field(default=0, validator=_count)
    waits: tuple[float, ...] = attrs.field(
        default=(60.0, 300.0, 900.0), converter=_several, validator=_seconds
    )
    enforce_timeout: bool = attrs.field(default=False, validator=_flag)
    checkpoint: str | None = attrs.field(default=None, validator=_place)
    checkpoint_as_is: bool = attrs.field(default=False, validator=_as_is)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` reads it back."""
        return {**attrs.asdict(self), "waits": list(self.waits)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Requeue:
        """The policy of a stored run; names that this version doesn't know are left out."""
        known = {field.name for field in attrs.fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})


@attrs.frozen
class Retry:
    """Send the next attempt after `wait` seconds."""

    wait: float


@attrs.frozen
class Stop:
    """No further attempt. `exhausted`: the policy had allowed some for this reason, and they are used up."""

    why: str
    exhausted: bool = False


_BUDGET: dict[Ending, str | None] = {
    Ending.COMPLETED: None,
    Ending.USER_ERROR: "user_errors",
    Ending.CANCELED_BY_US: None,
    Ending.CANCELED: None,
    Ending.TIMED_OUT: None,
    Ending.PREEMPTED: "preemptions",
    Ending.QUOTA: None,
    Ending.OUT_OF_CAPACITY: "capacity",
    Ending.PLATFORM_FAULT: "platform_faults",
    Ending.ENVIRONMENT: None,
    Ending.POLICY: None,
    Ending.UNKNOWN: None,
}
"""Which count of `Requeue` a reason draws on; None: what ended so is never repeated."""


def next_attempt(group: str, history: Sequence[Ending], policy: Requeue | None) -> Retry | Stop:
    """What follows the last of `history`, the endings of all attempts of `group` so far, oldest first.

    No policy means no requeue. The wait is the same for whoever computes it: two watchers agree.
    """
    last = history[-1]
    told = TOLD[last]
    budget = _BUDGET[last]
    if budget is None:
        return Stop(told)
    if policy is None:
        usually = int(getattr(Requeue(), budget))
        return Stop(f"{told}; requeue is off" if usually else told)
    allowed = int(getattr(policy, budget))
    used = sum(_BUDGET[one] == budget for one in history) - 1
    if used >= allowed:
        spent = f"{told}; the policy allows {allowed} further attempt{'s' * (allowed != 1)} for that"
        return Stop(spent, exhausted=allowed > 0)
    wait = policy.waits[min(len(history), len(policy.waits)) - 1]
    return Retry(wait * (0.9 + 0.2 * _fraction(group, len(history))))


def _fraction(group: str, number: int) -> float:
    """A number in [0, 1) that is this run's and attempt's own."""
    digest = hashlib.sha256(f"{group}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
