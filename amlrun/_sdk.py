"""Every touch of `azure-ai-ml`, and every private name of it. It is imported inside functions only.

Private names used, each tested on every supported version: `MLClient._credential`, `._base_url`, `._kwargs`
(how a client reaches the service) and `JobOperations._kwargs` (where azure-core's `raw_request_hook` goes).
"""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import attrs

from amlrun._errors import InvalidRequest, NotAuthorized, SubmissionFailed
from amlrun._rest import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
    """An `MLClient` without telemetry and progress bars, over this wire."""
    _quiet()
    from azure.ai.ml import MLClient

    extra: dict[str, Any] = {} if wire.transport is None else {"transport": wire.transport}
    return MLClient(
        wire.credential,
        subscription_id,
        resource_group,
        workspace,
        enable_telemetry=False,
        show_progress=False,
        **extra,
    )


_LOUD = (
    "azure.ai.ml._utils._experimental",
    "azure.ai.ml._schema.core.fields",
    "azure.ai.ml._telemetry.azure.ai.ml.operations._job_operations",
)


def _worth_saying(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return "is an experimental" not in message and _Stopped.__name__ not in message


def _quiet() -> None:
    """Leave out two things that the SDK says.

    That a class or a field of its own is experimental, and that a submission failed which we have stopped.
    """
    for name in _LOUD:
        logging.getLogger(name).addFilter(_worth_saying)


@attrs.frozen
class Captured:
    """The PUT of a job as the SDK had it ready: resolved, uploaded, serialized, and not sent.

    `body` is its `properties`.
    """

    body: Mapping[str, Any]
    api_version: str


class _Stopped(Exception):
    """Stops the SDK at the PUT; nobody sees it."""


def capture(client: MLClient, job: Any) -> Captured:
    """Let the SDK do all of a submission but the sending.

    Uploads code and data and creates the anonymous environment where the job has them; changes `job` (give it
    a copy). Raises `InvalidRequest` for what the SDK's validation refuses, else what the service answered.
    """
    seen: list[Captured] = []

    def stop(request: Any) -> None:
        sent = request.http_request
        version = parse_qs(urlsplit(sent.url).query).get("api-version", [""])[0]
        seen.append(Captured(json.loads(sent.body or sent.content)["properties"], version))
        raise _Stopped

    _quiet()
    operations = copy.copy(client.jobs)
    operations._kwargs = {**operations._kwargs, "raw_request_hook": stop}  # noqa: SLF001  the only way in
    try:
        operations.create_or_update(job)
    except Exception as error:
        if not seen:
            raise _translated(error) from error
    if not seen:
        raise SubmissionFailed("azure-ai-ml sent no job", hint="Please report its version: this is a defect.")
    return seen[0]


def _translated(error: Exception) -> Exception:
    """What the SDK raised, as one of ours where it has a name; else the error itself."""
    from azure.ai.ml.exceptions import MlException, ValidationException
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    text = _one_line(error)
    if isinstance(error, HttpResponseError):
        if isinstance(error, ClientAuthenticationError) or error.status_code in (401, 403):
            return NotAuthorized(text, hint="The signed-in account lacks this right.")
        return SubmissionFailed(text, status=error.status_code or 0)
    if isinstance(error, (ValidationException, FileNotFoundError, NotADirectoryError)):
        return InvalidRequest(text, argument="job")
    if isinstance(error, (MlException, AzureError)):
        return SubmissionFailed(text)
    if isinstance(error, TypeError) and "JSON serializable" in text:
        message = f"azure-ai-ml {metadata.version('azure-ai-ml')} can't write this job down: {text}"
        return SubmissionFailed(message, hint="Another version of it can: 1.35 for one, or 1.28.")
    return error


_ADVICE = ("If you are trying to configure", "Resolutions:", "Additional Resources", "The easiest way")


def _one_line(error: Exception) -> str:
    """The SDK's message without the advice that follows it, which is for its command line."""
    text = str(error)
    for advice in _ADVICE:
        text = text.partition(advice)[0]
    return " ".join(text.split())


def load(path: Path, *, code: str | None, environment: Any, part: str = "") -> Any:
    """The job of a YAML file, by the SDK; `code` and `environment` replace the file's, which may be missing.

    They stand in the job itself, or in a `part` of it. Raises `InvalidRequest` for what its schema refuses.
    """
    _quiet()
    from azure.ai.ml import load_job

    # An environment that is an object is put on the job later: the schema takes a name meanwhile.
    name = environment if environment is None or isinstance(environment, str) else "azureml:later:1"
    if code is not None and code.startswith("/subscriptions/"):  # so the schema knows it for no folder
        code = f"azureml:{code}"
    given = {"code": code, "environment": name if name is None or ":" in name else f"azureml:{name}"}
    inside = f"{part}." if part else ""
    overrides = [{f"{inside}{key}": value} for key, value in given.items() if value is not None]
    try:
        return load_job(path, params_override=overrides)
    except Exception as error:
        raise InvalidRequest(f"{path}: {_one_line(error)}", argument="job") from error


def build(**parts: Any) -> Any:
    """A command job of the SDK. Raises `InvalidRequest` for what it refuses."""
    _quiet()
    from azure.ai.ml import command

    try:
        return command(**{name: value for name, value in parts.items() if value is not None})
    except Exception as error:
        raise InvalidRequest(_one_line(error), argument="job") from error


def queue_settings(priority: Any) -> Any:
    """Queue settings of the SDK, with that priority and no tier; None where there is none."""
    from azure.ai.ml.entities import QueueSettings

    return None if priority is None else QueueSettings(priority=priority)


def copied(job: Any) -> Any:
    """A copy of a job: submitting changes the object that is submitted, and the caller's must stay as it is.

    `copy.deepcopy` and plain pickle both fail on jobs with inputs or outputs, whose dictionaries refuse
    unknown keys while they are being rebuilt; here such a dictionary is filled as a plain one. Raises
    `InvalidRequest` for a job that holds something else that has no copy.
    """
    buffer = io.BytesIO()
    try:
        _Copier(buffer).dump(job)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        message = f"This job can't be copied, and submitting would change it: {_one_line(error)}"
        raise InvalidRequest(message, argument="job", hint="Give the path of a job file instead.") from error
    return pickle.loads(buffer.getvalue())  # noqa: S301  our own bytes, of a moment ago


class _Copier(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, dict) and type(obj).__module__.startswith("azure.ai.ml"):
            state = (list(dict.items(obj)), dict(getattr(obj, "__dict__", {})))
            return _empty, (type(obj),), state, None, None, _fill
        return NotImplemented


def _empty(kind: type[dict[Any, Any]]) -> dict[Any, Any]:
    return kind.__new__(kind)


def _fill(target: dict[Any, Any], state: tuple[list[tuple[Any, Any]], dict[str, Any]]) -> None:
    items, attributes = state
    for key, value in items:
        dict.__setitem__(target, key, value)
    if attributes:
        target.__dict__.update(attributes)
