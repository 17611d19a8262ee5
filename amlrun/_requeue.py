"""What to do when an attempt ended: the policy, as data. Pure; what follows from it is in `_decision`."""

from __future__ import annotations

import datetime as dt
import enum
import re
import sys
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._errors import InvalidRequest
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeGuard


MOST_WAITS = 20
"""As many as the job's properties hold."""
_MOST = 1000
"""Further attempts for one reason: the names of all have room for four digits."""
_LONGEST = 30 * 86400.0
"""Seconds of any wait or limit: longer than a job may live."""
LONGEST_PLACE = 400
"""Characters of a place for checkpoints, which the job's properties hold, too."""
_PLACE = re.compile(
    r"azureml://(subscriptions/[^/\s]+/resource[Gg]roups/[^/\s]+/(providers/[^/\s]+/)?workspaces/[^/\s]+/)?"
    r"datastores/\w+/paths(/(?!\.\.?(/|$))[\w.\-+@=,~%]+)+/?",
    re.ASCII,
)


class WhenQueued(str, enum.Enum):
    """What to do with an attempt that has waited in the queue for `max_queue_time`."""

    WAIT = "wait"
    OTHER_SIZE = "other-size"
    OTHER_TIER = "other-tier"
    CANCEL = "cancel"

    __str__ = str.__str__


def _refused(field: str, value: object, why: str, *, hint: str = "") -> InvalidRequest:
    return InvalidRequest(f"Requeue({field}={shown(value)}): {why}", argument=f"requeue.{field}", hint=hint)


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= sys.float_info.max


def _count(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        why = f"a whole number of further attempts, 0 or more and at most {_MOST}"
        raise _refused(attribute.name, value, why)


def _several(waits: Iterable[float]) -> tuple[float, ...]:
    if not isinstance(waits, (list, tuple)):
        raise _refused("waits", waits, "a tuple of seconds, such as (60, 300, 900)")
    return tuple(round(wait, 3) if _is_number(wait) else wait for wait in waits)


def _waits(_: object, attribute: attrs.Attribute[tuple[float, ...]], value: tuple[float, ...]) -> None:
    if not 0 < len(value) <= MOST_WAITS or not all(_is_number(one) and 0 <= one <= _LONGEST for one in value):
        why = f"1 to {MOST_WAITS} waits in seconds, each 0 or more, and 30 days at most"
        raise _refused(attribute.name, value, why)


def _duration(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, dt.timedelta) else value


def _seconds(_: object, attribute: attrs.Attribute[float | None], value: object) -> None:
    if value is not None and not (_is_number(value) and 0 < value <= _LONGEST):
        raise _refused(attribute.name, value, "seconds or a timedelta, more than 0 and 30 days at most")


def _usd(_: object, attribute: attrs.Attribute[float | None], value: object) -> None:
    if value is not None and not (_is_number(value) and value > 0):
        raise _refused(attribute.name, value, "USD over all attempts, more than 0")


def _after(policy: Requeue, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is None:
        return
    _count(policy, attribute, value)
    if not 1 <= value <= policy.preemptions:
        why = f"how many preemptions are enough: 1 to preemptions={policy.preemptions}, or None for never"
        raise _refused(attribute.name, value, why)


def _word(value: Any) -> Any:
    if isinstance(value, str):
        return next((one for one in WhenQueued if one.value == value.strip().lower()), value)
    return value


def _when(policy: Requeue, attribute: attrs.Attribute[WhenQueued], value: object) -> None:
    if not isinstance(value, WhenQueued):
        raise _refused(attribute.name, value, f"one of {', '.join(map(repr, map(str, WhenQueued)))}")
    if value is not WhenQueued.WAIT and policy.max_queue_time is None:
        hint = "Say when: max_queue_time=3600, for example."
        raise _refused(attribute.name, value.value, "there is no max_queue_time to do so after", hint=hint)


def _flag(_: object, attribute: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise _refused(attribute.name, value, "True or False")


def _place(_: object, attribute: attrs.Attribute[str | None], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not _PLACE.fullmatch(value) or len(value) > LONGEST_PLACE:
        hint = f"In the path: letters, digits and -_.+@=,~% between slashes, {LONGEST_PLACE} in all."
        raise _refused(attribute.name, value, "azureml://datastores/<datastore>/paths/<path>/", hint=hint)


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

    No further attempt follows once all of them together have run for `max_total_time` (seconds, or a
    timedelta; time in the queue doesn't count) or cost `max_cost` (USD, by list prices), or where that can't
    be known, for want of a price or of a readable run history. Neither ends an attempt that runs: a
    `timeout` does.

    Where an attempt has waited for nodes for `max_queue_time` (seconds, or a timedelta; its image is built
    by then), `when_queued` says what is done: `"wait"` on; send it again on an `"other-size"` or
    in the `"other-tier"`, where there is one that can be had (each counts as one of `capacity`); `"cancel"`.

    The next attempt is placed anew, as the first one was. After `to_standard_after` preemptions it goes to
    standard nodes (None: never); with `avoid_evicted_size` it leaves the size alone that was just taken
    away. Where there is no other place, it goes to the same again.

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
    waits: tuple[float, ...] = attrs.field(default=(60.0, 300.0, 900.0), converter=_several, validator=_waits)
    max_total_time: float | None = attrs.field(default=None, converter=_duration, validator=_seconds)
    max_cost: float | None = attrs.field(default=None, validator=_usd)
    max_queue_time: float | None = attrs.field(default=None, converter=_duration, validator=_seconds)
    when_queued: WhenQueued = attrs.field(default=WhenQueued.WAIT, converter=_word, validator=_when)
    to_standard_after: int | None = attrs.field(default=None, validator=_after)
    avoid_evicted_size: bool = attrs.field(default=False, validator=_flag)
    enforce_timeout: bool = attrs.field(default=False, validator=_flag)
    checkpoint: str | None = attrs.field(default=None, validator=_place)
    checkpoint_as_is: bool = attrs.field(default=False, validator=_as_is)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without what is off; `from_dict` reads it back. It fits into a property of a job."""
        return attrs.asdict(self, filter=_is_said, value_serializer=_plain)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Requeue:
        """The policy of a stored run; names that this version doesn't know are left out, and words, too."""
        known = {field.name: stored[field.name] for field in attrs.fields(cls) if field.name in stored}
        if known.get("when_queued") not in [one.value for one in WhenQueued]:
            known.pop("when_queued", None)
        return cls(**known)


def _is_said(_: object, value: object) -> bool:
    return not any(value is off for off in (None, False, WhenQueued.WAIT))


def _plain(_instance: object, _field: object, value: Any) -> Any:
    if isinstance(value, WhenQueued):
        return value.value
    return list(value) if isinstance(value, tuple) else value
