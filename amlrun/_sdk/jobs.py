"""Jobs of the SDK, and their parts: read, built, looked at."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from amlrun._errors import InvalidRequest
from amlrun._identity import IdentityKind
from amlrun._sdk.errors import cause, one_line, translated
from amlrun._sdk.noise import quiet
from amlrun._sdk.schema import faults_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun._identity import Identity

_NOT_FOUND = 404
_KNOWN = ("azureml:", "file:")
"""How the SDK's schema takes a text for an environment."""


def load(
    path: Path,
    *,
    code: str | None,
    environment: Any,
    part: str = "",
    over: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """The job of a YAML file, by the SDK; `code` and `environment` replace the file's, which may be missing.

    They stand in the job itself, or in a `part` of it. `over` are further settings, by their paths. Raises
    `InvalidRequest` for what its schema refuses.
    """
    quiet()
    from azure.ai.ml import load_job

    # An environment that is an object is put on the job later: the schema takes a name meanwhile.
    name = environment if environment is None or isinstance(environment, str) else "azureml:later:1"
    if code is not None and code.startswith("/subscriptions/"):  # so the schema knows it for no folder
        code = f"azureml:{code}"
    if name is not None and not name.startswith(_KNOWN):
        name = f"azureml:{name}"
    given = {"code": code, "environment": name}
    inside = f"{part}." if part else ""
    overrides = [{f"{inside}{key}": value} for key, value in given.items() if value is not None]
    overrides += [{key: value} for key, value in over.items()]
    try:
        return load_job(path, params_override=overrides)
    except Exception as error:  # noqa: BLE001 - raised as one of ours
        raise InvalidRequest(
            f"{path}: {faults_of(str(error)) or one_line(error)}", argument="job"
        ) from cause(error)


def build(**parts: Any) -> Any:
    """A command job of the SDK. Raises `InvalidRequest` for what it refuses."""
    quiet()
    from azure.ai.ml import command

    try:
        return command(**{name: value for name, value in parts.items() if value is not None})
    except Exception as error:  # noqa: BLE001 - raised as one of ours
        raise InvalidRequest(one_line(error), argument="job") from cause(error)


def queue_settings(priority: Any = None, job_tier: str | None = None) -> Any:
    """Queue settings of the SDK, with that priority and tier; None where there is neither."""
    from azure.ai.ml.entities import QueueSettings

    if priority is None and job_tier is None:
        return None
    return QueueSettings(priority=priority, job_tier=job_tier)


def latest_environment(client: MLClient, name: str) -> str:
    """The id of its latest version: one request, which the SDK makes anyway, but after its uploads.

    Raises `InvalidRequest` where there is none.
    """
    try:
        return str(client.environments.get(name, label="latest").id)
    except Exception as error:
        refused = translated(error)
        if isinstance(refused, InvalidRequest) or getattr(refused, "status", 0) == _NOT_FOUND:
            message = f"environment={f'{name}@latest'!r}: the workspace has no environment of that name"
            hint = "client.environments.list() tells those that are there; so does the studio."
            raise InvalidRequest(message, argument="environment", hint=hint) from error
        raise refused from cause(error)


def own_outputs(job: Any) -> dict[str, Any]:
    """The outputs of a job as they were said: of an AutoML job the SDK sends each as a folder."""
    said = {name: said_of(output) for name, output in (job.outputs or {}).items()}
    return {name: output for name, output in said.items() if output is not None}


def said_of(data: Any) -> Any:
    """What was said of an input or an output; None where it is bound to another one, as an object."""
    said = getattr(data, "_data", data)
    return None if hasattr(said, "_data") else said


def identity(said: Identity) -> Any:
    """An identity of the SDK."""
    from azure.ai.ml.entities import (
        AmlTokenConfiguration,
        ManagedIdentityConfiguration,
        UserIdentityConfiguration,
    )

    if said.kind is IdentityKind.MANAGED:
        ids = {"object_id": said.object_id, "resource_id": said.resource_id}
        return ManagedIdentityConfiguration(client_id=said.client_id, **ids)
    return UserIdentityConfiguration() if said.kind is IdentityKind.USER else AmlTokenConfiguration()
