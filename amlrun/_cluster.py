"""`Cluster`: one to use, or to make where it isn't there; what tells two apart, and how one is made. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._durations import LONGEST, iso
from amlrun._errors import InvalidRequest
from amlrun._fields import WrongField, value_of
from amlrun._identity import UserAssigned
from amlrun._offers import Compute, Kind, Tier, region_key
from amlrun._shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAME = re.compile(r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9\-]{2,23}")
"""The contract's pattern for names of computes."""
_SYSTEM, _USER = "system", "user:"
_IDENTITY_ID = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/.+/[^/]+", re.IGNORECASE)
_USUAL_IDLE = 120.0
_PRIORITY: dict[Tier, str] = {Tier.STANDARD: "Dedicated", Tier.SPOT: "LowPriority", Tier.AUTO: "Dedicated"}
"""The service's words. A cluster's tier is never `AUTO`; the mapping is total all the same."""
_CLI_TIER: dict[Tier, str] = {Tier.STANDARD: "dedicated", Tier.SPOT: "low_priority", Tier.AUTO: "dedicated"}


def _refused(argument: str, value: object, valid: str, hint: str = "") -> InvalidRequest:
    message = f"Cluster({argument}={shown(value)}): {valid}"
    return InvalidRequest(message, argument=f"compute.{argument}", hint=hint)


def _name(value: str) -> str:
    name: object = value
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        valid = "3 to 24 letters, digits and -, the first a letter, and no - before a number at the end"
        raise _refused("name", value, valid)
    if name.lower() == Kind.SERVERLESS.value:
        raise _refused("name", value, "that is no cluster", 'compute="serverless" goes there.')
    return name


def _size(value: str | None) -> str | None:
    size: object = value
    if size is None or (isinstance(size, str) and size.strip()):
        return size if size is None else size.strip()
    raise _refused("size", value, "a size's name, such as 'Standard_NC4as_T4_v3', or None")


def _nodes(argument: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _refused(argument, value, f"a whole number of nodes, {least} or more")
    return value


def _min(value: int | None) -> int | None:
    return None if value is None else _nodes("min", value, 0)


def _max(value: int | None) -> int | None:
    return None if value is None else _nodes("max", value, 1)


def _tier(value: str | None) -> Tier | None:
    if value is None:
        return None
    word = str(value).strip().lower()
    for tier in (Tier.STANDARD, Tier.SPOT):
        if word == tier.value:
            return tier
    hint = "A cluster has one tier, for ever." if word == Tier.AUTO.value else ""
    raise _refused("tier", value, '"standard" or "spot"', hint)


def _idle(value: float | dt.timedelta | None) -> float | None:
    if value is None:
        return None
    seconds: object = value.total_seconds() if isinstance(value, dt.timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= LONGEST:
        raise _refused("idle", value, "seconds (0 to a year) or a timedelta, for which a node waits for work")
    return float(math.ceil(seconds))


def _identities(value: str | Sequence[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    said: object = (value,) if isinstance(value, str) else value
    if not isinstance(said, (tuple, list)):
        raise _refused("identity", value, f"{_VALID_IDENTITY}, or a list of these")
    found = tuple(sorted({_identity(one) for one in said}))
    if _SYSTEM in found and len(found) > 1:
        # https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
        raise _refused("identity", value, "a cluster has either its system's identity or user-assigned ones")
    return found


_VALID_IDENTITY = '"system", or "user:<resource id>" of a user-assigned one'


def _identity(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if text.lower() == _SYSTEM:
        return _SYSTEM
    resource = text[len(_USER) :].strip()
    if text.lower().startswith(_USER) and _IDENTITY_ID.fullmatch(resource):
        return f"{_USER}{resource}"
    hint = "The resource id stands on the identity's page in the portal, under Properties."
    raise _refused("identity", value, _VALID_IDENTITY, hint)


def _location(value: str | None) -> str | None:
    location: object = value
    if location is None:
        return None
    key = region_key(location) if isinstance(location, str) else ""
    if not re.fullmatch(r"[a-z0-9]+", key):
        raise _refused("location", value, "a region, such as 'westeurope', or None: the workspace's")
    return key


@attrs.frozen
class Cluster:
    """A cluster of the workspace by its settings: used where it is there and alike, made where it isn't.

    What isn't said is no matter where it is there. Where it is made: `size` is the one that the job would get
    on serverless, `min` 0 and `max` 1 nodes (or `min`, where that is more), `tier` `"standard"` (the other is
    `"spot"`), and `idle` two minutes: for how long a node waits for work before it leaves, seconds or a
    `timedelta`. `min` nodes are paid for day and night. `identity` is `"system"`, `"user:<resource id>"`, or
    a list of the latter, and none where it is made. `location` is a region, and the workspace's where it is
    made.

    Raises `InvalidRequest` naming the setting.
    https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
    """

    name: str = attrs.field(converter=_name)
    size: str | None = attrs.field(default=None, kw_only=True, converter=_size)
    _min: int | None = attrs.field(default=None, kw_only=True, converter=_min)
    _max: int | None = attrs.field(default=None, kw_only=True, converter=_max)
    _tier: Tier | None = attrs.field(default=None, kw_only=True, converter=_tier)
    _idle: float | None = attrs.field(default=None, kw_only=True, converter=_idle)
    identity: tuple[str, ...] = attrs.field(default=None, kw_only=True, converter=_identities)
    location: str | None = attrs.field(default=None, kw_only=True, converter=_location)

    def __attrs_post_init__(self) -> None:
        if self.min > self.max:
            raise _refused("min", self.min, f"more than max={self.max}")

    @property
    def min(self) -> int:
        """Nodes that it keeps."""
        return self._min or 0

    @property
    def max(self) -> int:
        """Nodes that it has at most."""
        return max(1, self.min) if self._max is None else self._max

    @property
    def tier(self) -> Tier:
        """Of all its nodes."""
        return self._tier or Tier.STANDARD

    @property
    def idle(self) -> float:
        """Seconds for which a node waits for work."""
        return _USUAL_IDLE if self._idle is None else self._idle

    @property
    def identities(self) -> frozenset[str]:
        """The kinds of identity that it is to have, in the service's words."""
        return frozenset(
            "SystemAssigned" if identity == _SYSTEM else "UserAssigned" for identity in self.identity
        )

    def differences(self, compute: Compute) -> Iterator[str]:
        """In what a compute of that name is another one than this, setting by setting.

        What is not said on one of the two sides is no difference.
        """
        if compute.kind is not Kind.CLUSTER:
            yield f"kind: {compute.kind_name or compute.kind} there, {Kind.CLUSTER} asked for"
            return
        pairs = (
            ("size", compute.size or "", self.size or ""),
            ("min", str(compute.min_nodes), "" if self._min is None else str(self._min)),
            ("max", str(compute.max_nodes), str(self._max or "")),
            ("tier", str(compute.tier or ""), str(self._tier or "")),
            ("idle", _seconds(compute.idle_seconds), _seconds(self._idle)),
            ("identity", _kinds(compute.identities) or "none", _kinds(self.identities)),
            ("identity", _ids([one.resource_id for one in compute.user_assigned]), _ids(self._users)),
            ("location", compute.location, self.location or ""),
        )
        for setting, there, asked in pairs:
            if there and asked and there.lower() != asked.lower():
                yield f"{setting}: {there} there, {asked} asked for"

    def as_compute(self, location: str) -> Compute:
        """As the service would show it, just made: without a node. `location` is the workspace's."""
        return Compute(
            name=self.name,
            kind_name=str(Kind.CLUSTER),
            size=self.size,
            tier=self.tier,
            min_nodes=self.min,
            max_nodes=self.max,
            idle_seconds=self.idle,
            allocation_state="Steady",
            location=self.location or location,
            identities=self.identities,
            user_assigned=tuple(map(UserAssigned, self._users)),
        )

    def body(self, location: str) -> dict[str, Any]:
        """What makes it: the body of `PUT …/computes/{name}` (definition `AmlCompute`).

        `location` is the workspace's.
        """
        body: dict[str, Any] = {
            "location": self.location or location,
            "properties": {
                "computeType": str(Kind.CLUSTER),
                "properties": {
                    "vmSize": self.size,
                    "vmPriority": _PRIORITY[self.tier],
                    "scaleSettings": {
                        "minNodeCount": self.min,
                        "maxNodeCount": self.max,
                        "nodeIdleTimeBeforeScaleDown": iso(self.idle),
                    },
                },
            },
        }
        if self.identity:
            body["identity"] = {"type": _kinds(self.identities)}
            if self._users:
                body["identity"]["userAssignedIdentities"] = {user: {} for user in self._users}
        return body

    def command_line(self, location: str, scope: str) -> str:
        """What makes it by hand, with the Azure CLI; `scope` says for which workspace."""
        identity = f" --identity-type {_kinds(self.identities)}" if self.identity else ""
        users = f" --user-assigned-identities {','.join(self._users)}" if self._users else ""
        return (
            f"az ml compute create --name {self.name} --type AmlCompute --size {self.size}"
            f" --min-instances {self.min} --max-instances {self.max} --tier {_CLI_TIER[self.tier]}"
            f" --idle-time-before-scale-down {self.idle:.0f}{identity}{users}"
            f" --location {self.location or location} {scope}"
        )

    def to_dict(self) -> dict[str, Any]:
        """What is said, JSON-safe, for `from_dict`."""
        said = {_said(field): getattr(self, field.name) for field in attrs.fields(Cluster)}
        return {**said, "tier": self._tier and self._tier.value, "identity": list(self.identity)}

    @classmethod
    def from_dict(cls, data: Any) -> Cluster:
        """The cluster again. Raises `WrongField`."""
        try:
            return value_of(cls, {_said(field): lambda value: value for field in attrs.fields(cls)})(data)
        except InvalidRequest as error:
            raise WrongField(error.argument.partition(".")[2], error.message) from error

    @property
    def _users(self) -> tuple[str, ...]:
        return tuple(one.removeprefix(_USER) for one in self.identity if one != _SYSTEM)

    def __repr__(self) -> str:
        rest = {name: value for name, value in self.to_dict().items() if value not in (None, [], self.name)}
        return f"Cluster({', '.join([repr(self.name), *(f'{name}={rest[name]!r}' for name in rest)])})"

    def __str__(self) -> str:
        nodes = f"{self.min} to {self.max} nodes" if self.max > 1 else f"{self.min} to 1 node"
        return f"{self.name}: {nodes} of {self.size or 'a size by what the job needs'}, {self.tier}"


CLUSTER_SETTINGS = ("size", "min", "max", "tier", "idle", "identity", "location")
"""What can be said of a cluster, but for its name."""


def _said(field: attrs.Attribute[Any]) -> str:
    """The argument's name."""
    return field.name.lstrip("_")


def _seconds(idle: float | None) -> str:
    return "" if idle is None else f"{idle:g} s"


def _kinds(identities: frozenset[str]) -> str:
    return ",".join(sorted(identities))


def _ids(resource_ids: Sequence[str]) -> str:
    """In one order, whatever their case."""
    return ", ".join(sorted(resource_ids, key=str.lower))
