"""What `compute=` says: names, clusters by their settings, or a list in order of preference. Pure."""

from __future__ import annotations

from typing import Any

import attrs

from amlrun._cluster import Cluster
from amlrun._errors import InvalidRequest
from amlrun._needs import SERVERLESS
from amlrun._shown import shown

_VALID = '"serverless", the name of a compute, a Cluster(…), or a list of these in order of preference'


@attrs.frozen
class Computes:
    """`names` in order of preference, `"serverless"` among them; `creates` are those that may be made.

    `arm_id` is that of the first that was named by it: its workspace may be another one than ours.
    """

    names: tuple[str, ...] = ()
    creates: tuple[Cluster, ...] = ()
    arm_id: str = ""


def parse_computes(value: Any) -> Computes:
    """Raises `InvalidRequest` for what is neither a compute nor a list of them, and for one named twice."""
    if value is None:
        return Computes()
    said = list(value) if isinstance(value, (list, tuple)) else [value]
    if not said:
        hint = 'Leave it out: serverless, and a cluster where serverless can\'t. Or name one: compute="gpu".'
        raise InvalidRequest("compute=[]: an empty list names no compute", argument="compute", hint=hint)
    names = tuple(one.name if isinstance(one, Cluster) else _name(one) for one in said)
    _refuse_twice(names)
    ids = [found for one in said if (found := _arm_id(one))]
    workspaces = {workspace.lower(): workspace for workspace in map(workspace_of, ids)}
    if len(workspaces) > 1:
        message = f"compute: computes of {len(workspaces)} workspaces: {', '.join(workspaces.values())}"
        hint = "A job runs in one workspace: name computes of that one."
        raise InvalidRequest(message, argument="compute", hint=hint)
    creates = tuple(one for one in said if isinstance(one, Cluster))
    return Computes(names, creates, next(iter(ids), ""))


def compute_of_job(value: Any) -> str | None:
    """A job file or an object of the SDK names one compute, and nothing else. Raises `InvalidRequest`."""
    if value is None or isinstance(value, str):
        return value
    message = f"The job's own compute is {shown(value)}: there it can be a name only"
    hint = "Say it as an argument: compute=…, which wins over the job's."
    raise InvalidRequest(message, argument="compute", hint=hint)


def _name(one: Any) -> str:
    name = one.strip().removeprefix("azureml:").rpartition("/")[2] if isinstance(one, str) else ""
    if name:
        return SERVERLESS if name.lower() == SERVERLESS else name
    raise InvalidRequest(f"compute={shown(one)}: {_VALID}", argument="compute", hint=_hint(one))


def _hint(one: Any) -> str:
    if isinstance(one, (set, frozenset, dict)):
        return "A list, since its order is that of preference."
    named = getattr(one, "name", None)
    if type(one).__module__.startswith("azure.ai.ml") and isinstance(named, str):
        return f"Give its name: compute={named!r}."
    return ""


def workspace_of(arm_id: str) -> str:
    """The ARM id of the workspace that a compute of that id is in."""
    return arm_id.rpartition("/computes/")[0]


def _arm_id(one: Any) -> str:
    plain = one.strip().removeprefix("azureml:") if isinstance(one, str) else ""
    return plain if workspace_of(plain).startswith("/subscriptions/") else ""


def _refuse_twice(names: tuple[str, ...]) -> None:
    # Assumed: as everywhere in ARM, the case of a compute's name does not tell two of them apart.
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            message = f"compute: {name!r} is named twice"
            raise InvalidRequest(message, argument="compute", hint="Name it once, where it is preferred.")
        seen.add(name.lower())
