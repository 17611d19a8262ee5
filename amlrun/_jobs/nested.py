"""Nested pipelines: what runs in them stands in the bodies of components, to which nodes refer. Pure.

The SDK makes such a component of each nested pipeline, nameless, its version a hash of what it holds. It
can't be changed once it is there: what the SDK got wrong in it is mended in another.
"""

from __future__ import annotations

import copy
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import attrs

from amlrun._jobs.pipeline import dress_nodes, is_nested, node_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amlrun._jobs.dress import Dress
    from amlrun._plan import Plan


@attrs.frozen(kw_only=True)
class Nested:
    """One nested pipeline. `path` is that of its node: `"prep"`, and within another one `"prep.clean"`.

    A job that is made of a pipeline component alone is all in that one: its path is "". `id` is the
    component's ARM id, `body` the `properties` of its PUT. `made`: the SDK has sent it.
    """

    path: str
    id: str
    body: Mapping[str, Any]
    api_version: str
    made: bool = True

    @property
    def nodes(self) -> Mapping[str, Any]:
        """Its own `jobs`."""
        nodes: Mapping[str, Any] = self.body["componentSpec"].get("jobs") or {}
        return nodes


def dressed_nested(nested: Iterable[Nested], dress: Dress) -> tuple[Nested, ...]:
    """With plans and identities on all steps; those that this changes are other ones, still to be made."""
    found: dict[str, Nested] = {}
    for one in sorted(nested, key=_depth, reverse=True):  # inner ones first
        nodes = copy.deepcopy(dict(one.nodes))
        dress_nodes(nodes, dress, one.path)
        _refer(nodes, found, one.path)
        found[one.path] = one if nodes == one.nodes else _other(one, nodes)
    return tuple(found.values())


def _depth(one: Nested) -> int:
    return one.path.count(".") + 1 if one.path else 0


def refer(job: dict[str, Any], nested: Iterable[Nested]) -> None:
    """Let the body of a job refer to these."""
    by_path = {one.path: one for one in nested}
    if "" in by_path:
        job["componentId"] = by_path[""].id
    _refer(job.get("jobs") or {}, by_path, "")


def nested_fields(
    body: Mapping[str, Any], nested: Iterable[Nested], plan: Plan, workspace: str
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...], Any]]:
    """Where the plan must stand in each, and that what was seen is what the job refers to.

    Bodies, JSON paths in them, and values; None: must not be there.
    """
    nested = tuple(nested)
    by_path, around = {one.path: one for one in nested}, around_of(body, nested)
    yield body, ("componentId",), by_path[""].id if "" in by_path else None
    for path, outer in around.items():
        for name, node in (outer.get("jobs") or {}).items():
            if is_nested(node):
                one = by_path.get(_path(path, name))
                yield outer, ("jobs", name, "componentId"), None if one is None else one.id
    for path, one in by_path.items():
        for where, value in node_fields(one.nodes, plan, workspace, path):
            yield around[path], where, value


def around_of(body: Mapping[str, Any], nested: Iterable[Nested]) -> dict[str, Mapping[str, Any]]:
    """What holds the nodes of a pipeline, by its path: its own body for the outermost, else a component's."""
    return {"": body, **{one.path: one.body["componentSpec"] for one in nested}}


def _refer(nodes: Mapping[str, dict[str, Any]], nested: Mapping[str, Nested], inside: str) -> None:
    for name, node in nodes.items():
        if is_nested(node) and (one := nested.get(_path(inside, name))) is not None:
            node["componentId"] = one.id


def _path(inside: str, name: str) -> str:
    return f"{inside}.{name}" if inside else name


# Assumed: a nameless component may have any version that its maker gives it, as the SDK gives it a hash.
def _other(one: Nested, nodes: Mapping[str, Any]) -> Nested:
    spec = {key: value for key, value in one.body["componentSpec"].items() if key != "id"}
    spec["jobs"] = nodes
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    version = uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16])
    return attrs.evolve(
        one,
        id=f"{one.id.rpartition('/')[0]}/{version}",
        body={**one.body, "componentSpec": spec},
        made=False,
    )
