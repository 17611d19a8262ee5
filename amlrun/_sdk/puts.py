"""The PUTs of the SDK: seen when they are ready, and not sent."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

from amlrun._errors import SubmissionFailed
from amlrun._sdk.errors import cause, translated
from amlrun._sdk.noise import Stopped, quiet
from amlrun._sdk.uploads import failing_uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azure.ai.ml import MLClient

    from amlrun._jobs.nested import Nested


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
        raise Stopped

    def caught(self, send: Callable[[], Any]) -> Captured:
        """What is stopped of this."""
        quiet()
        try:
            with failing_uploads():
                send()
        except Exception as error:  # noqa: BLE001 - raised as one of ours
            if not self._seen:
                raise translated(error) from cause(error)
        if not self._seen:
            hint = "Please report its version: this is a defect."
            raise SubmissionFailed("azure-ai-ml sent nothing", hint=hint)
        return self._seen[0]
