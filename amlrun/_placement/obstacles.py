"""What stands between a job and serverless compute, whatever its quota: identity, network, images. Pure.

https://learn.microsoft.com/azure/machine-learning/how-to-use-serverless-compute
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from amlrun._placement.identities import carries, doubts_on_serverless, managed, serverless_lacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlrun._needs import Ask
    from amlrun._offers import Compute, Market, WorkspaceFacts


CANT_TAKE = "serverless can't take this job: "
_HAS_IDENTITY = "has an identity of its own"


@attrs.frozen(kw_only=True)
class Obstacle:
    """Why serverless can't take the job (`certain`), or may fail to, in words; `hint` is the way out.

    `avoidable`: a compute can get around it, by `gets_around`, and such a one is the better place. What no
    compute gets around is to be told, no more.
    """

    reason: str
    certain: bool = False
    hint: str = ""
    avoidable: bool = True

    @property
    def warning(self) -> str:
        """It, and the way out, where serverless is taken all the same."""
        return f"{self.reason}. {self.hint}".rstrip(". ")


def obstacles(ask: Ask, market: Market) -> tuple[Obstacle, ...]:
    """All obstacles between serverless and the job, those that are certain first.

    Of a workspace that couldn't be read none is known, but that an identity can't be looked up by its name.
    """
    workspace = market.workspace
    if workspace is None:
        return tuple(_of_identity(ask, None))
    found = (
        *_of_identity(ask, workspace),
        *_of_network(workspace),
        *_of_building(ask, market, workspace),
        *_of_pulling(ask, market, workspace),
    )
    return tuple(sorted(found, key=lambda obstacle: not obstacle.certain))


def gets_around(ask: Ask, market: Market, compute: Compute) -> str:
    """Why the compute is the better place where avoidable obstacles are; "": it isn't, or there are none."""
    workspace, reasons = market.workspace, []
    if workspace is None:
        return ""
    identity = managed(ask)
    if identity is not None and serverless_lacks(ask, workspace) is not None:
        if not carries(identity, compute):
            return ""
        reasons.append(_HAS_IDENTITY)
    if any(one.avoidable for one in _of_pulling(ask, market, workspace)):
        if not compute.identities:
            return ""
        reasons.append(_HAS_IDENTITY)
    if any(one.avoidable for one in (*_of_network(workspace), *_of_building(ask, market, workspace))):
        if not compute.in_network:
            return ""
        reasons.append("stands in a virtual network")
    return f"it {' and '.join(dict.fromkeys(reasons))}" if reasons else ""


def _of_identity(ask: Ask, workspace: WorkspaceFacts | None) -> Iterator[Obstacle]:
    lacks = serverless_lacks(ask, workspace)
    if lacks is not None:
        yield Obstacle(reason=lacks.words, certain=True, hint=lacks.hint)
    elif workspace is not None:
        for doubt in doubts_on_serverless(ask, workspace):
            yield Obstacle(reason=doubt.words, hint=doubt.hint, avoidable=False)


def _of_network(workspace: WorkspaceFacts) -> Iterator[Obstacle]:
    # Documented: on a workspace that is isolated, serverless needs the managed network (or a subnet of its
    # own). Assumed: a workspace that takes no public access is one whose storage takes none either.
    if workspace.public_access or workspace.custom_subnet or workspace.isolation != "Disabled":
        return
    yield Obstacle(
        reason=(
            "the workspace takes no public access and has neither a managed network nor a subnet for"
            " serverless: its nodes may find no way to the storage"
        ),
        hint="Enable the managed network, give serverless a subnet, or name a cluster in the network.",
    )


def _of_building(ask: Ask, market: Market, workspace: WorkspaceFacts) -> Iterator[Obstacle]:
    # Documented: all computes of a workspace with a managed network are in it, serverless among them.
    outside = workspace.isolation == "Disabled"
    yield from _unbuilt(ask, market, workspace, outside=outside)


def unbuilt(ask: Ask, market: Market) -> str:
    """What stands between an image that isn't built yet and any compute; "": nothing that is known.

    The registry builds it, or the workspace's imageBuildCompute: never the compute that the job goes to.
    """
    workspace = market.workspace
    found = () if workspace is None else _unbuilt(ask, market, workspace, outside=False)
    return next((one.warning for one in found), "")


def _unbuilt(ask: Ask, market: Market, workspace: WorkspaceFacts, *, outside: bool) -> Iterator[Obstacle]:
    # Assumed: a registry that can't be read takes public access if the workspace does. Images of one that
    # takes none are pulled from within the network, and must be built on a compute.
    registry = market.registry
    public = workspace.public_access if registry.public is None else registry.public
    if public or workspace.build_compute or not _pulls_own(ask, workspace):
        return
    pulls = "its nodes may find no way to the registry, and " if outside else ""
    closed = "the workspace takes no public access and"
    if workspace.public_access:
        closed = f"the registry {registry.name} takes no public access, and the workspace"
    yield Obstacle(
        reason=(
            f"{closed} names no compute that builds images: {pulls}an environment that isn't built yet may"
            " end in ImageBuildComputeNotValid"
        ),
        hint="Set the workspace's imageBuildCompute to a CPU cluster in the network.",
        avoidable=outside,
    )


def _of_pulling(ask: Ask, market: Market, workspace: WorkspaceFacts) -> Iterator[Obstacle]:
    # Reported: without the admin user only an identity pulls, of a compute or (what may do it is not known)
    # of the workspace's own that are assigned by users. https://github.com/Azure/azureml-examples/issues/3463
    if market.registry.admin is not False or not _pulls_own(ask, workspace):
        return
    off = f"the admin user of the registry {market.registry.name} is off"
    if "UserAssigned" in workspace.identities:
        yield Obstacle(
            reason=f"{off}: an image in it comes only if the workspace's user-assigned identity has AcrPull",
            avoidable=False,
        )
        return
    yield Obstacle(
        reason=f"{off}, and serverless has no identity to pull with: an image in it may not come",
        hint=(
            "Turn it on, attach a user-assigned identity that may pull (AcrPull) to the workspace, or name a"
            " cluster that has one."
        ),
    )


def _pulls_own(ask: Ask, workspace: WorkspaceFacts) -> bool:
    """Whether the job's image may be in the workspace's own registry."""
    return ask.own_image and bool(workspace.registry)
