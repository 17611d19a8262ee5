"""Every touch of `azure-ai-ml`, and every private name of it. It is imported inside functions only.

Private names used, each tested on every supported version: `MLClient._credential`, `._base_url`, `._kwargs`
(how a client reaches the service), `JobOperations._kwargs` and `ComponentOperations._init_args` (where
azure-core's `raw_request_hook` goes), `NodeOutput._data` (what was said of an output), and of what
`@dsl.pipeline` makes `_pipeline_builder`, `_job_settings` and `Component._source` (what its decorator says).
"""

from __future__ import annotations

import copy
import functools
import gc
import io
import json
import logging
import pickle
import re
import types
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

from amlrun._errors import InvalidRequest, NotAuthorized, SubmissionFailed
from amlrun._identity import IdentityKind
from amlrun._rest import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from azure.ai.ml import MLClient

    from amlrun._identity import Identity
    from amlrun._jobs.nested import Nested

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
    """A PUT as the SDK had it ready: resolved, uploaded, serialized, and not sent.

    `body` is its `properties`. `path` is the ARM id of what would be made. `nested` are the components that a
    pipeline's nested pipelines have become.
    """

    body: Mapping[str, Any]
    api_version: str
    path: str = ""
    nested: tuple[Nested, ...] = ()


class _Stopped(Exception):
    """Stops the SDK at the PUT; nobody sees it."""


def capture(client: MLClient, job: Any) -> Captured:
    """Let the SDK do all of a submission but the sending.

    Uploads code and data and creates the anonymous environment where the job has them; changes `job` (give it
    a copy). Raises `InvalidRequest` for what the SDK's validation refuses, else what the service answered.
    """
    operations = copy.copy(client.jobs)
    kwargs = operations._kwargs  # noqa: SLF001  the only way in
    operations._kwargs = {**kwargs, "raw_request_hook": (stop := _Stop())}  # noqa: SLF001  the same
    return stop.caught(lambda: operations.create_or_update(job))


def component_put(client: MLClient, component: Any) -> Captured:
    """The PUT by which the SDK has made a nameless component, once more, and not sent: its bytes can be seen.

    Makes no request, if the component was resolved before: as a part of a job that was captured.
    """
    operations: Any = copy.copy(client.components)
    kwargs = operations._init_args  # noqa: SLF001  the only way in
    operations._init_args = {**kwargs, "raw_request_hook": (stop := _Stop())}  # noqa: SLF001  the same
    return stop.caught(lambda: operations.create_or_update(component, is_anonymous=True))


class _Stop:
    """The hook that stops a PUT."""

    def __init__(self) -> None:
        self._seen: list[Captured] = []

    def __call__(self, request: Any) -> None:
        sent = request.http_request
        url = urlsplit(sent.url)
        version = parse_qs(url.query).get("api-version", [""])[0]
        properties = json.loads(sent.body or sent.content)["properties"]
        self._seen.append(Captured(properties, version, unquote(url.path)))
        raise _Stopped

    def caught(self, send: Callable[[], Any]) -> Captured:
        """What is stopped of this."""
        _quiet()
        try:
            send()
        except Exception as error:
            if not self._seen:
                raise _translated(error) from error
        if not self._seen:
            hint = "Please report its version: this is a defect."
            raise SubmissionFailed("azure-ai-ml sent nothing", hint=hint)
        return self._seen[0]


def _translated(error: Exception) -> Exception:
    """What the SDK raised, as one of ours where it has a name; else the error itself."""
    from azure.ai.ml.exceptions import MlException, ValidationException
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    text = _one_line(error)
    if isinstance(error, HttpResponseError):
        if isinstance(error, ClientAuthenticationError) or error.status_code in (401, 403):
            return NotAuthorized(text, hint="The signed-in account lacks this right.")
        return SubmissionFailed(text, status=error.status_code or 0)
    wrong = _wrong_fields(error)
    if wrong or isinstance(error, (ValidationException, FileNotFoundError, NotADirectoryError)):
        return InvalidRequest(wrong or text, argument="job")
    if isinstance(error, (MlException, AzureError)):
        return SubmissionFailed(text)
    if isinstance(error, TypeError) and "JSON serializable" in text:
        message = f"azure-ai-ml {metadata.version('azure-ai-ml')} can't write this job down: {text}"
        return SubmissionFailed(message, hint="Another version of it can: 1.35 for one, or 1.28.")
    return error


_KNOWN = ("azureml:", "file:")
"""How the SDK's schema takes a text for an environment."""


def _wrong_fields(error: Exception) -> str:
    """What the SDK's validation found, which it tells as JSON; "": it is no such error."""
    try:
        found = json.loads(str(error))["errors"]
        return "; ".join(f"{one['path']}: {one['message'].rstrip('.')}" for one in found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ADVICE = ("If you are trying to configure", "Resolutions:", "Additional Resources", "The easiest way")


def _one_line(error: Exception) -> str:
    """The SDK's message without the advice that follows it, which is for its command line."""
    text = _COLOURS.sub("", str(error))
    for advice in _ADVICE:
        text = text.partition(advice)[0]
    return " ".join(text.split())


def load(
    path: Path,
    *,
    code: str | None,
    environment: Any,
    part: str = "",
    over: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """The job of a YAML file, by the SDK; `code` and `environment` replace the file's, which may be missing.

    They stand in the job itself, or in a `part` of it. `over` are further settings, by their paths. Raises
    `InvalidRequest` for what its schema refuses.
    """
    _quiet()
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


def queue_settings(priority: Any = None, job_tier: str | None = None) -> Any:
    """Queue settings of the SDK, with that priority and tier; None where there is neither."""
    from azure.ai.ml.entities import QueueSettings

    if priority is None and job_tier is None:
        return None
    return QueueSettings(priority=priority, job_tier=job_tier)


def own_outputs(job: Any) -> dict[str, Any]:
    """The outputs of a job as they were said: of an AutoML job the SDK sends each as a folder."""
    said = {name: getattr(output, "_data", output) for name, output in (job.outputs or {}).items()}
    return {name: output for name, output in said.items() if output is not None}


def identity(said: Identity) -> Any:
    """An identity of the SDK."""
    from azure.ai.ml import AmlTokenConfiguration, ManagedIdentityConfiguration, UserIdentityConfiguration

    if said.kind is IdentityKind.MANAGED:
        ids = {"object_id": said.object_id, "resource_id": said.resource_id}
        return ManagedIdentityConfiguration(client_id=said.client_id, **ids)
    return UserIdentityConfiguration() if said.kind is IdentityKind.USER else AmlTokenConfiguration()


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


class Decorators:
    """The functions under `@dsl.pipeline` that are there, looked for once.

    The SDK drops the `default_compute` of a nested pipeline, and keeps it on the decorated function alone.
    """

    @functools.cached_property
    def _made(self) -> list[Any]:
        gc.collect()  # what nobody can reach is gone, whether it was collected or not
        functions = (one for one in gc.get_objects() if type(one) is types.FunctionType)
        return [one for one in functions if "_pipeline_builder" in one.__dict__]

    def compute_of(self, component: Any) -> Any:
        """The `default_compute` of the decorator that made this component; None: there is none.

        Raises LookupError where its function is gone, or several of that name say different things.
        """
        if getattr(component, "_source", None) != "DSL":
            return None
        nodes = {id(node) for node in component.jobs.values()}
        alike = [made for made in self._made if made._pipeline_builder.name == component.name]  # noqa: SLF001  see above
        for made in alike:
            if nodes & {id(node) for node in made._pipeline_builder.nodes}:  # noqa: SLF001  what it made last
                alike = [made]
                break
        said = [made._job_settings.get("default_compute") for made in alike]  # noqa: SLF001  see above
        if not said or any(one != said[0] for one in said):
            raise LookupError(component.name)
        return said[0]


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
