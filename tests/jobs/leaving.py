"""What leaves, as a client's own policy or transport sees it, and what it says: read here alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import attrs
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self


@attrs.define
class Seen:
    """The bodies that were PUT, in order, each with the last part of its path."""

    jobs: list[tuple[str, Mapping[str, Any]]] = attrs.field(factory=list)
    components: dict[str, Mapping[str, Any]] = attrs.field(factory=dict)

    def note(self, request: Any) -> None:
        """Keep what is a job or a component."""
        path = request.url.partition("?")[0].lower()
        if request.method != "PUT" or not ("/jobs/" in path or "/components/" in path):
            return
        body = json.loads(getattr(request, "body", None) or request.content)["properties"]
        if "/jobs/" in path:
            self.jobs.append((request.url.partition("?")[0].rpartition("/")[2], body))
        else:
            self.components[path[path.index("/components/") :]] = body["componentSpec"]

    def component(self, arm_id: str) -> Mapping[str, Any]:
        """The component of that id, as it was sent."""
        path = arm_id.lower()
        return self.components[path[path.index("/components/") :]]


class Policy(SansIOHTTPPolicy[Any, Any]):
    """A policy of the user's own, which sees each request. Its copies, in other chains, tell the same."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def on_request(self, request: Any) -> None:
        """Before it is sent."""
        self.seen.note(request.http_request)


class Transport(HttpTransport[Any, Any]):
    """A transport of the user's own, around another one."""

    def __init__(self, inner: Any, seen: Seen) -> None:
        self.inner, self.seen = inner, seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """As it is open."""
        self.inner.open()

    def close(self) -> None:
        """It is the test's."""

    def send(self, request: Any, **options: Any) -> Any:
        """Note it, and send it on."""
        self.seen.note(request)
        return self.inner.send(request, **options)


_ARM_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/workspaces/[^/]+/computes/(\w+)"
)
_OF_JOBS = {"instanceType", "instanceCount", "instanceTypes", "shmSize", "properties", "runtimeVersion"}
_OF_DOCKER = {"dockerArgs", "dockerArgsList", "locations", "maxInstanceCount"}
_OF_NODES = {"instance_type", "instance_count", "shm_size", "properties", "runtime_version"}
_FILE_DIALECT = {"user_identity": "UserIdentity", "managed_identity": "Managed"}


@attrs.frozen
class Leaf:
    """Where one job, or one step of a pipeline, runs, as it stands there. None: not said, at its only place.

    `compute` is a name; that of serverless is said by steps, and not by jobs. `identity` is its kind, and its
    client id if it has one.
    """

    compute: str | None
    size: str | None
    count: int | None
    tier: str | None
    identity: str | None
    timeout: str | None = None


def leaves(body: Mapping[str, Any], seen: Seen) -> dict[str, Leaf]:
    """By the paths of the steps; "" where there are none."""
    if body["jobType"] != "Pipeline":
        return {"": _of_job(body)}
    assert not {"computeId", "identity", "resources", "queueSettings"} & set(body)
    return dict(_of_nodes(body["jobs"], seen, ""))


def default_compute(body: Mapping[str, Any]) -> str | None:
    """Where a pipeline's steps go that say nothing: its name."""
    assert "queue_settings" not in body["settings"]
    return _name(body["settings"]["default_compute"])


def _of_job(body: Mapping[str, Any]) -> Leaf:
    resources, queue = body.get("resources") or {}, body.get("queueSettings") or {}
    assert set(resources) <= _OF_JOBS | _OF_DOCKER
    assert set(queue) <= {"jobTier", "priority"}
    assert ("instanceTypes" in resources) <= (body["jobType"] == "FineTuning")
    sizes = resources.get("instanceTypes") or [resources.get("instanceType")]
    assert len(sizes) == 1
    if body["jobType"] == "Sweep":
        of_trial = body["trial"]["resources"]
        assert set(of_trial) <= _OF_JOBS | _OF_DOCKER
        assert of_trial.get("instanceType") == sizes[0]
        assert of_trial["instanceCount"] == resources["instanceCount"]
    limits = body["taskDetails"]["limitSettings"] if body["jobType"] == "AutoML" else body.get("limits") or {}
    identity = body.get("identity") or {}
    return Leaf(
        compute=_name(body.get("computeId")),
        size=sizes[0],
        count=resources.get("instanceCount"),
        tier=queue.get("jobTier"),
        identity=_identity(identity.get("identityType"), identity.get("clientId")),
        timeout=limits.get("timeout"),
    )


def _of_nodes(nodes: Mapping[str, Any], seen: Seen, above: str) -> Iterator[tuple[str, Leaf]]:
    for name, node in nodes.items():
        if node["type"] == "pipeline":
            inner = node["jobs"] if "jobs" in node else seen.component(node["componentId"])["jobs"]
            yield from _of_nodes(inner, seen, f"{above}{name}.")
        else:
            yield f"{above}{name}", _of_node(node)


def _of_node(node: Mapping[str, Any]) -> Leaf:
    """A step of AutoML stands there as in a job file: its place and its identity have other names."""
    resources, queue = node.get("resources") or {}, node.get("queue_settings") or {}
    assert set(resources) <= _OF_NODES
    assert set(queue) <= {"job_tier", "priority"}
    place, word, other, another = "computeId", "identity_type", "compute", "type"
    if node["type"] == "automl":
        place, word, other, another = other, another, place, word
    identity = node.get("identity") or {}
    assert node.get(other) is None
    assert another not in identity
    return Leaf(
        compute=_name(node.get(place), file=node["type"] == "automl"),
        size=resources.get("instance_type"),
        count=resources.get("instance_count"),
        tier=queue.get("job_tier"),
        identity=_identity(identity.get(word), identity.get("client_id"), file=word == "type"),
    )


def _identity(kind: str | None, client_id: str | None, *, file: bool = False) -> str | None:
    """Its kind in the words of a job's body, which are also a step's but for AutoML."""
    if kind is not None:
        kind = _FILE_DIALECT[kind] if file else kind
    return f"{kind} {client_id}" if client_id else kind


def _name(compute: str | None, *, file: bool = False) -> str | None:
    """That of the compute with this ARM id, which has a prefix where it stands as in a job file."""
    if compute is None:
        return None
    assert compute.startswith("azureml:") is file
    found = _ARM_ID.fullmatch(compute.removeprefix("azureml:"))
    assert found is not None, compute
    return found[1]
