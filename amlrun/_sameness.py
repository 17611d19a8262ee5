"""Whether a job that is there is the one that was about to be sent: the same, whoever has made the body.

Two processes that submit the same thing don't write the same bytes: azure-ai-ml gives an uploaded folder a
name at random, names the experiment after the current folder, and notes the commit that is checked out. And
what amlrun chooses depends on the moment: hence the other's plan is taken, where it is one for this request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amlrun._errors import InvalidRequest, ServiceError
from amlrun._plan.comparison import check_asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._asking.request import Request
    from amlrun._needs import Ask
    from amlrun._plan import Plan
    from amlrun._workspace import Workspace

_ASSET = re.compile(r"(?:azureml:)?(/.*/(codes|components)/[^/]+/versions/[^/]+)")
_NOTED = ("azureml.git.", "mlflow.source.git.")
_NAMES = frozenset({"name", "version", "display_name"})
"""What azure-ai-ml makes up for a component that has no name."""
_NOT_FOUND = 404


def is_for(plan: Plan, request: Request) -> bool:
    """Whether this plan is one that the request could have been given."""
    if not request.steps:
        return _answers(plan, request.ask)
    plans = {step.path: step.plan for step in plan.steps}
    asks = {step.path: step.ask for step in request.steps}
    return set(plans) == set(asks) and all(_answers(plans[path], ask) for path, ask in asks.items())


def _answers(plan: Plan, ask: Ask) -> bool:
    """A node of which nothing is known answers no need."""
    try:
        check_asked(ask, plan)
    except InvalidRequest:
        return False
    return ask.needs.nothing if plan.size is None else not any(ask.needs.misses(plan.size))


def is_same_job(
    workspace: Workspace, ours: Mapping[str, Any], theirs: Mapping[str, Any], *, experiment_said: bool
) -> bool:
    """Whether two bodies are of one job. Asks the service only about assets whose names differ.

    Raises what it answers, but for assets that aren't there: nobody knows, then.
    """
    without = frozenset() if experiment_said else frozenset({"experimentName"})
    return _same(workspace, _lasting(ours, without), _lasting(theirs, without))


def _lasting(body: Mapping[str, Any], without: frozenset[str]) -> dict[str, Any]:
    properties = {
        name: value for name, value in (body.get("properties") or {}).items() if not name.startswith(_NOTED)
    }
    return {**{key: value for key, value in body.items() if key not in without}, "properties": properties}


def _same(workspace: Workspace, ours: Any, theirs: Any) -> bool:
    return all(_same_asset(workspace, one, other) for one, other in differences(ours, theirs))


def differences(ours: Any, theirs: Any) -> Iterator[tuple[Any, Any]]:
    """The values that are not the same, wherever they stand."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in {*ours, *theirs}:
            yield from differences(ours.get(key), theirs.get(key))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other)
    elif ours != theirs:
        yield ours, theirs


def _same_asset(workspace: Workspace, ours: Any, theirs: Any) -> bool:
    """Whether two ids are of one content: snapshots by their hashes, components by what they say."""
    matches = [_ASSET.fullmatch(one) if isinstance(one, str) else None for one in (ours, theirs)]
    if not all(matches) or len({match.group(2) for match in matches if match}) > 1:
        return False
    try:
        one, other = (workspace.rest.get(match.group(1))["properties"] for match in matches if match)
    except ServiceError as error:
        if error.status != _NOT_FOUND:
            raise
        return False
    specs = [found.get("componentSpec") for found in (one, other)]
    if any(specs):
        return _same(
            workspace, *({k: v for k, v in (spec or {}).items() if k not in _NAMES} for spec in specs)
        )
    # Assumed: a snapshot's GET gives the hash that azure-ai-ml sent with it, and finds it by.
    hashes = [(found.get("properties") or {}).get("hash_sha256") for found in (one, other)]
    return bool(hashes[0]) and hashes[0] == hashes[1]
