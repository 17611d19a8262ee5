"""How a client reaches the service, and one of our own."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

from amlrun._cloud import Cloud, cloud_named
from amlrun._rest import Wire
from amlrun._sdk.noise import quiet

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core.credentials import TokenCredential

_TELEMETRY = "AMLRUN_TELEMETRY"
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
        cloud=_cloud(str(kwargs["cloud"])),
    )


def _cloud(name: str) -> Cloud:
    """The cloud of a client's; one that is not in our table is in the SDK's, or in its metadata."""
    known = cloud_named(name)
    if known is not None:
        return known
    from azure.ai.ml._azure_environments import _get_cloud_details

    found = {key: str(value).rstrip("/") for key, value in _get_cloud_details(name).items()}
    learning = found["aml_resource_id"]
    return Cloud(
        name,
        management=found["resource_manager"],
        login=found["active_directory"],
        learning=learning,
        studio=learning,  # Assumed: as in the public cloud and the government's.
        storage=found["storage_endpoint"],
        vault=found["storage_endpoint"].replace("core.", "vault.", 1),  # Assumed: as in the government's.
    )


def on_behalf() -> TokenCredential:
    """The credential of a job that runs as who submitted it."""
    quiet()
    from azure.ai.ml.identity import AzureMLOnBehalfOfCredential

    found: TokenCredential = AzureMLOnBehalfOfCredential()
    return found


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
    """An `MLClient` over this wire, without progress bars; and without telemetry unless a variable asks."""
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
        enable_telemetry=os.environ.get(_TELEMETRY, "") in {"1", "true"},
        show_progress=False,
        cloud=wire.cloud.name,
        **extra,
        **wire.connection,
    )
