"""How a client reaches the service, and one of our own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from amlrun._rest import Wire
from amlrun._sdk.noise import quiet

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_CONNECTION = ("proxies", "connection_verify", "connection_cert", "connection_timeout", "read_timeout")


def wire_of(client: MLClient) -> Wire:
    """How this client reaches the service: credential, cloud, transport and policies."""
    kwargs = client._kwargs  # noqa: SLF001  no public name tells a client's transport or cloud
    return Wire(
        credential=client._credential,  # noqa: SLF001  the same
        base_url=client._base_url,  # noqa: SLF001  the same
        scopes=tuple(kwargs["credential_scopes"]),
        transport=kwargs.get("transport"),
        per_call_policies=_several(kwargs.get("per_call_policies")),
        per_retry_policies=_several(kwargs.get("per_retry_policies")),
        connection={name: kwargs[name] for name in _CONNECTION if name in kwargs},
    )


def _several(policies: Any) -> tuple[Any, ...]:
    """Copies of the user's own policies, since a policy is linked into one chain and we make another.

    The SDK's clients append theirs to the list that they are given; those are not the user's.
    """
    if policies is None:
        return ()
    given = policies if isinstance(policies, (list, tuple)) else (policies,)
    own = (policy for policy in given if not type(policy).__module__.startswith("azure.mgmt.core"))
    return tuple(copy.copy(policy) for policy in own)


def make_client(wire: Wire, subscription_id: str, resource_group: str, workspace: str) -> MLClient:
    """An `MLClient` without telemetry and progress bars, over this wire.

    All of it but the cloud: that a client takes from its environment, as the user's own did.
    """
    quiet()
    from azure.ai.ml import MLClient

    extra: dict[str, Any] = {} if wire.transport is None else {"transport": wire.transport}
    for name in ("per_call_policies", "per_retry_policies"):
        if policies := _several(getattr(wire, name)):
            extra[name] = list(policies)
    return MLClient(
        wire.credential,
        subscription_id,
        resource_group,
        workspace,
        enable_telemetry=False,
        show_progress=False,
        **extra,
        **wire.connection,
    )
