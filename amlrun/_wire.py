"""The guard: the body that leaves carries the plan, in the service's names, or nothing is sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlrun._errors import PlacementNotApplied
from amlrun._jobs.adapters import adapter_of
from amlrun._jobs.nested import nested_fields
from amlrun._jobs.said import said_fields
from amlrun._shown import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from amlrun._jobs.dress import Dress
    from amlrun._jobs.nested import Nested
    from amlrun._plan import Plan


def check(body: Mapping[str, Any], plan: Plan, workspace: str) -> None:
    """Compare the body's placement with the plan. Raises `PlacementNotApplied` with both values.

    `workspace` is its ARM id. A null is as good as absent: that is how the service reads it.
    """
    for path, planned in adapter_of(body).fields(body, plan, workspace):
        _compare(body, path, planned)


def check_nested(body: Mapping[str, Any], nested: Iterable[Nested], plan: Plan, workspace: str) -> None:
    """The same of the components that a pipeline's nested pipelines are, to which its body refers."""
    for part, path, planned in nested_fields(body, nested, plan, workspace):
        _compare(part, path, planned)


def check_said(body: Mapping[str, Any], dress: Dress, nested: Iterable[Nested] = ()) -> None:
    """The same of what was said beside the place: identity, time-out, tags, names; in `nested`, too."""
    for part, path, said in said_fields(body, dress, nested):
        _compare(part, path, said)


def _compare(body: Mapping[str, Any], path: tuple[str, ...], planned: Any) -> None:
    leaving = _at(body, path)
    if leaving != planned:
        field = ".".join(path)
        leaving, planned = (readable(one) if isinstance(one, str) else one for one in (leaving, planned))
        message = f"properties.{field} was about to leave as {leaving!r}; planned was {planned!r}"
        hint = "No job was sent. This is a defect of amlrun or of azure-ai-ml: please report both versions."
        raise PlacementNotApplied(message, hint=hint, field=field, planned=planned, leaving=leaving)


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body
