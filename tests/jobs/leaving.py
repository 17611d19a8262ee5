"""What leaves, as a client's own policy or transport sees it, and what it says: read here alone."""

from __future__ import annotations

import json
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


@attrs.frozen
class Leaf:
    """Where one job, or one step of a pipeline, runs. `compute` "" is serverless; None: not said.

    `identity` is its kind, and its client id if it has one. `timeout` as it stands there.
    """

    compute: str
    size: str | None
    count: int | None
    tier: str | None
    identity: str | None
    timeout: str | None = None


def leaves(body: Mapping[str, Any], seen: Seen) -> dict[str, Leaf]:
    """By the paths of the steps; "" where there are none."""
    if body["jobType"] != "Pipeline":
        return {"": _of_job(body)}
    return dict(_of_nodes(body["jobs"], seen, ""))


def _of_job(body: Mapping[str, Any]) -> Leaf:
    resources = body.get("resources") or {}
    sizes = resources.get("instanceTypes") or [resources.get("instanceType")]
    assert len(sizes) == 1
    if body["jobType"] == "Sweep":
        of_trial = body["trial"]["resources"]
        assert of_trial.get("instanceType") == sizes[0]
        assert of_trial["instanceCount"] == resources["instanceCount"]
    return Leaf(
        compute=(body.get("computeId") or "").rpartition("/")[2],  # of a job, serverless is none at all
        size=sizes[0],
        count=resources.get("instanceCount"),
        tier=(body.get("queueSettings") or {}).get("jobTier"),
        identity=_identity(body.get("identity") or {}),
        timeout=(body.get("taskDetails", {}).get("limitSettings") or body.get("limits") or {}).get("timeout"),
    )


def _of_nodes(nodes: Mapping[str, Any], seen: Seen, above: str) -> Iterator[tuple[str, Leaf]]:
    for name, node in nodes.items():
        if node["type"] == "pipeline":
            inner = node["jobs"] if "jobs" in node else seen.component(node["componentId"])["jobs"]
            yield from _of_nodes(inner, seen, f"{above}{name}.")
            continue
        resources = node.get("resources") or {}
        yield (
            f"{above}{name}",
            Leaf(
                compute=_name(node.get("computeId") or node.get("compute")),
                size=resources.get("instance_type"),
                count=resources.get("instance_count"),
                tier=(node.get("queue_settings") or {}).get("job_tier"),
                identity=_identity(node.get("identity") or {}),
            ),
        )


def _identity(said: Mapping[str, str]) -> str | None:
    kind = said.get("identityType") or said.get("identity_type") or said.get("type")
    client_id = said.get("clientId") or said.get("client_id")
    return f"{kind} {client_id}" if client_id else kind


def _name(compute: str | None) -> str:
    name = (compute or "").rpartition("/")[2].removeprefix("azureml:")
    return "" if name == "serverless" else name
